//! `multicol`: the first bytes of each column's hash, one after the other.
//!
//! ```text
//!   columns (1, 1, 1), hash for each   166b40|b44a.. 166b40|b44a.. 166b|40b4..
//!                                   -> 166b40166b40166b
//! ```
//!
//! The values of the first few columns give the range of all rows that begin with them. See
//! `go/vt/vtgate/vindexes/multicol.go`.

use std::sync::Arc;

use crate::key::{Destination, KeyspaceId};
use crate::vindex::params::{Params, atoi, text};
use crate::vindex::{Columns, Functional, Properties, Registry, Value, Vindex, VindexError};

/// A `multicol` vindex.
#[derive(Debug)]
pub struct Multicol {
    name: String,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    vindex: Arc<dyn Vindex>,
    /// How many bytes of the keyspace id are this column's.
    bytes: usize,
}

/// A column's share of these bytes adds up to the length of the keyspace id.
const KSID_LEN: i64 = 8;

impl Multicol {
    /// Makes a vindex; `registry` has the types that its columns use. Parameters of unknown names
    /// are theirs.
    pub fn new(name: &str, params: &Params, registry: &Registry) -> Result<Multicol, VindexError> {
        let count = column_count(params)?;
        let bytes = column_bytes(params, count)?;
        let vindexes = column_vindexes(params, count, registry)?;
        let columns = vindexes
            .into_iter()
            .zip(bytes)
            .map(|(vindex, bytes)| Column { vindex, bytes })
            .collect();
        Ok(Multicol { name: name.to_string(), columns })
    }

    /// The keyspace id, or what it begins with where columns are missing at the end.
    fn compute(&self, row: &[Value]) -> Result<KeyspaceId, VindexError> {
        if self.columns.len() < row.len() {
            return Err(VindexError::internal(format!(
                "[BUG] wrong number of column values were passed: maximum allowed {}, got {}",
                self.columns.len(),
                row.len()
            )));
        }
        let mut ksid: Vec<u8> = Vec::new();
        let mut start = 0;
        for (column, value) in self.columns.iter().zip(row) {
            let functional =
                column.vindex.functional().ok_or_else(|| invalid(column.vindex.name()))?;
            let hash = functional.hash(value)?;
            // A hash that is too short leaves zeros, except at the end.
            ksid.resize(start, 0);
            ksid.extend(hash.as_bytes().iter().take(column.bytes));
            start += column.bytes;
        }
        Ok(KeyspaceId::from(ksid))
    }
}

fn column_count(params: &Params) -> Result<usize, VindexError> {
    let Some(count) = params.get("column_count") else {
        return Err(VindexError::unknown(
            "number of columns not provided in the parameter 'column_count'",
        ));
    };
    match atoi(count)? {
        count @ 1..=KSID_LEN => Ok(count as usize),
        _ => Err(VindexError::unknown(
            "number of columns should be between 1 and 8 in the parameter 'column_count'",
        )),
    }
}

fn column_bytes(params: &Params, count: usize) -> Result<Vec<usize>, VindexError> {
    let entries = entries(params, "column_bytes");
    if count < entries.len() {
        return Err(VindexError::unknown(
            "number of column bytes provided are more than column count in the parameter 'column_bytes'",
        ));
    }
    let mut bytes: Vec<Option<i64>> = vec![None; count];
    for (slot, entry) in bytes.iter_mut().zip(entries).filter(|(_, entry)| !entry.is_empty()) {
        *slot = Some(atoi(entry)?);
    }
    let used = bytes.iter().flatten().fold(0i64, |sum, bytes| sum.saturating_add(*bytes));
    let mut remaining = KSID_LEN.saturating_sub(used);
    let mut pending = bytes.iter().filter(|bytes| bytes.is_none()).count() as i64;
    if remaining < pending {
        return Err(VindexError::unknown(
            "column bytes count exceeds the keyspace id length (total bytes count cannot exceed 8 bytes) in the parameter 'column_bytes'",
        ));
    }
    let mut share = |bytes: Option<i64>| {
        let bytes = bytes.unwrap_or_else(|| {
            let share = remaining / pending + i64::from(remaining % pending != 0);
            remaining -= share;
            pending -= 1;
            share
        });
        // Negative bytes pass the check upstream, too; there they end in a panic.
        usize::try_from(bytes).unwrap_or(0)
    };
    Ok(bytes.into_iter().map(&mut share).collect())
}

fn column_vindexes(
    params: &Params,
    count: usize,
    registry: &Registry,
) -> Result<Vec<Arc<dyn Vindex>>, VindexError> {
    let entries = entries(params, "column_vindex");
    if count < entries.len() {
        return Err(VindexError::unknown(
            "number of vindex function provided are more than column count in the parameter 'column_vindex'",
        ));
    }
    let own = ["column_count", "column_bytes", "column_vindex"];
    let forwarded: Params = params
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, text)| (name.clone(), text.clone()))
        .collect();
    let column = |i: usize| {
        let type_name = match entries.get(i).map(|entry| entry.trim()) {
            None | Some("") => "hash",
            Some(entry) => entry,
        };
        let vindex = registry.create(type_name, type_name, &forwarded)?;
        let properties = vindex.properties();
        match properties.hashing && properties.unique && !properties.needs_vcursor {
            true => Ok(vindex),
            false => Err(invalid(type_name)),
        }
    };
    (0..count).map(column).collect()
}

fn entries<'a>(params: &'a Params, name: &str) -> Vec<&'a str> {
    match text(params, name) {
        "" => Vec::new(),
        text => text.split(',').collect(),
    }
}

fn invalid(vindex: &str) -> VindexError {
    VindexError::unknown(format!(
        "multicol vindex supports vindexes that exports hashing function, are unique and are non-lookup vindex, passed vindex '{vindex}' is invalid"
    ))
}

impl Vindex for Multicol {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> Properties {
        Properties {
            cost: self.columns.iter().map(|column| column.vindex.properties().cost).sum(),
            columns: Columns::Multi { max: self.columns.len(), partial: true },
            validates_params: false,
            ..Properties::FUNCTIONAL
        }
    }

    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for Multicol {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        Ok(match self.compute(row) {
            Err(_) => Destination::None,
            Ok(ksid) if row.len() == self.columns.len() => Destination::KeyspaceId(ksid),
            Ok(ksid) => Destination::from_prefix(&ksid),
        })
    }

    fn verify_one(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        Ok(self.compute(row)? == *ksid)
    }
}
