//! Which vindex to take, where somebody must choose one: for a new table's column, for the rows of
//! a stream, for sharding a table that had no shards.
//!
//! It knows nothing of who asks. See `go/vt/vtgate/vindexes/vschema.go`, `ChooseVindexForType`,
//! `FindBestColVindex` and `FindVindexForSharding`.

use std::sync::Arc;

use crate::vindex::Kind;
use crate::vschema::{ColumnVindex, Table, VSchemaError};

/// The type of vindex that suits a column of this type.
pub fn choose_vindex_for_type(kind: Kind) -> Result<&'static str, VSchemaError> {
    match kind {
        _ if kind.is_integral() => Ok("xxhash"),
        Kind::Binary | Kind::Varbinary | Kind::Blob => Ok("xxhash"),
        Kind::Char | Kind::Varchar | Kind::Text => Ok("unicode_loose_xxhash"),
        _ => Err(VSchemaError::unknown(format!("type {kind} is not recommended for a vindex"))),
    }
}

impl Table {
    /// The cheapest vindex that gives a row's keyspace id without asking a table; the first of
    /// equals.
    pub fn best_column_vindex(&self) -> Result<&Arc<ColumnVindex>, VSchemaError> {
        let table = &self.name;
        if self.column_vindexes.is_empty() {
            return Err(VSchemaError::unknown(format!("table {table} has no vindex")));
        }
        let suits = |vindex: &&Arc<ColumnVindex>| {
            vindex.unique && !vindex.vindex.properties().needs_vcursor
        };
        let best = self.column_vindexes.iter().filter(suits).min_by_key(|vindex| vindex.cost);
        best.ok_or_else(|| {
            VSchemaError::unknown(format!(
                "could not find a vindex to compute keyspace id for table {table}"
            ))
        })
    }

    /// The vindex by which the table could be sharded.
    pub fn vindex_for_sharding(&self) -> Result<&Arc<ColumnVindex>, VSchemaError> {
        let table = &self.name;
        let Some(mut best) = self.column_vindexes.first() else {
            return Err(VSchemaError::unknown(format!("no vindex definition for table {table}")));
        };
        for vindex in &self.column_vindexes {
            let is_single = !vindex.vindex.properties().is_multi_column();
            if is_single && vindex.unique && vindex.cost < best.cost {
                best = vindex;
            }
        }
        match best.cost <= 1 && best.unique {
            true => Ok(best),
            false => Err(VSchemaError::unknown(format!(
                "could not find a vindex to use for sharding table {table}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vindex::Registry;
    use crate::vschema::{SrvVSchema, VSchema};

    #[test]
    fn types_have_vindexes() {
        let check = |kind: Kind, expected: &str| {
            let got = choose_vindex_for_type(kind);
            assert_eq!(got.map_or_else(|error| error.to_string(), str::to_string), expected);
        };
        check(Kind::Year, "xxhash");
        check(Kind::Uint8, "xxhash");
        check(Kind::Blob, "xxhash");
        check(Kind::Char, "unicode_loose_xxhash");
        check(Kind::Bit, "type BIT is not recommended for a vindex");
        check(Kind::Enum, "type ENUM is not recommended for a vindex");
        check(Kind::Null, "type NULL_TYPE is not recommended for a vindex");
    }

    #[test]
    fn tables_have_a_best_vindex() {
        let check = |vindexes: &str, best: &str, sharding: &str| {
            let column_vindexes: Vec<String> = vindexes
                .split(',')
                .map(|name| format!(r#"{{"column": "c", "name": "{name}"}}"#))
                .collect();
            let json = format!(
                r#"{{"keyspaces": {{"ks": {{"sharded": true, "vindexes": {{
                    "binary": {{"type": "binary"}}, "hash": {{"type": "hash"}},
                    "null": {{"type": "null"}}, "lookup": {{"type": "lookup_unique"}}}},
                    "tables": {{"t": {{"column_vindexes": [{}]}}}}}}}}}}"#,
                column_vindexes.join(",")
            );
            let vschema = VSchema::build(&SrvVSchema::parse(&json).unwrap(), &Registry::standard());
            let table = vschema.find_table("ks", "t").unwrap();
            let name = |found: Result<&Arc<ColumnVindex>, VSchemaError>| {
                found.map_or_else(|error| error.to_string(), |vindex| vindex.name.clone())
            };
            assert_eq!(name(table.best_column_vindex()), best, "{vindexes}");
            assert_eq!(name(table.vindex_for_sharding()), sharding, "{vindexes}");
        };
        check("hash,binary", "binary", "binary");
        check("lookup,hash", "hash", "hash");
        let unsuited = "could not find a vindex to use for sharding table t";
        check("null", "null", unsuited);
        check("lookup", "could not find a vindex to compute keyspace id for table t", unsuited);
    }
}
