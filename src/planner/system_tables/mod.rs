//! The tables of information_schema and their columns, as MySQL's versions have them.
//!
//! A star over such a table is written out, and its columns have types. One file a version, a table
//! a line: its name, then each column with its type (`v64` is VARCHAR(64), `u32` UINT32). Tables of
//! the storage engine are left out; so are those of the other system schemas, as in Vitess: nothing
//! is known of their columns. See `semantics/info_schema.go`.
//!
//! It knows nothing of queries.

use crate::vindex::Kind;

/// The collation of names and texts in information_schema.
pub const COLLATION: &str = "utf8mb3_general_ci";

/// A table of information_schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemTable {
    /// Its columns as the file has them.
    line: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemColumn {
    pub name: &'static str,
    pub kind: Kind,
    /// Of VARCHAR; else 0.
    pub size: i32,
}

/// Finds a table by its name, whatever its case; `version` is MySQL's.
pub fn find(version: &str, schema: &str, name: &str) -> Option<SystemTable> {
    if !schema.eq_ignore_ascii_case("information_schema") {
        return None;
    }
    let tables = match version.starts_with("5.") {
        true => include_str!("mysql57.txt"),
        false => include_str!("mysql80.txt"),
    };
    tables.lines().find_map(|line| {
        let (table, columns) = line.split_once(' ')?;
        table.eq_ignore_ascii_case(name).then_some(SystemTable { line: columns })
    })
}

impl SystemTable {
    pub fn columns(self) -> impl Iterator<Item = SystemColumn> {
        self.line.split(' ').filter_map(|column| {
            let (name, ty) = column.split_once(':')?;
            let (kind, size) = kind(ty);
            Some(SystemColumn { name, kind, size })
        })
    }

    pub fn column(self, name: &str) -> Option<SystemColumn> {
        self.columns().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

fn kind(text: &str) -> (Kind, i32) {
    if let Some(size) = text.strip_prefix('v').and_then(|size| size.parse().ok()) {
        return (Kind::Varchar, size);
    }
    let kind = match text {
        "i8" => Kind::Int8,
        "i32" => Kind::Int32,
        "i64" => Kind::Int64,
        "u32" => Kind::Uint32,
        "u64" => Kind::Uint64,
        "decimal" => Kind::Decimal,
        "double" => Kind::Float64,
        "datetime" => Kind::Datetime,
        "timestamp" => Kind::Timestamp,
        "enum" => Kind::Enum,
        "set" => Kind::Set,
        "json" => Kind::Json,
        "char" => Kind::Char,
        "binary" => Kind::Binary,
        "blob" => Kind::Blob,
        _ => Kind::Text,
    };
    (kind, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_differ_by_version() {
        let count = |version: &str, name: &str| {
            find(version, "INFORMATION_SCHEMA", name).map(|table| table.columns().count())
        };
        assert_eq!(count("8.4.6", "tables"), Some(21));
        assert_eq!(count("8.4.6", "columns"), Some(22));
        assert_eq!(count("5.7.9", "Columns"), Some(21));
        assert_eq!(count("5.7.9", "check_constraints"), None);
        assert_eq!(find("8.4.6", "mysql", "tables"), None);
        let table = find("8.4.6", "information_schema", "schemata").unwrap();
        assert_eq!(
            table.column("schema_name"),
            Some(SystemColumn { name: "SCHEMA_NAME", kind: Kind::Varchar, size: 64 })
        );
    }

    #[test]
    fn every_line_is_a_table_with_typed_columns() {
        for text in [include_str!("mysql57.txt"), include_str!("mysql80.txt")] {
            for line in text.lines() {
                let (_, columns) = line.split_once(' ').unwrap();
                assert!(columns.split(' ').all(|column| column.contains(':')), "{line}");
            }
        }
    }
}
