//! What a statement gives its client.

use std::sync::Arc;

use crate::eval::{ColumnKind, Kind};
use crate::sql::ast::ColumnType;
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

/// An OK packet or a result set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Empty where the statement has no result set.
    pub columns: Arc<[Column]>,
    pub rows: Vec<Row>,
    /// Rows changed; a client with CLIENT_FOUND_ROWS is told `matched` instead: rows that an UPDATE
    /// found, and 1 where ON DUPLICATE KEY UPDATE changed nothing.
    pub affected: u64,
    pub matched: u64,
    pub last_insert_id: u64,
    /// The insert id was generated, and LAST_INSERT_ID() will say it.
    pub generated: bool,
    pub warnings: Vec<SqlError>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: Arc<str>,
    /// The table's alias and its own name, where the column is one of a table.
    pub table: Option<Arc<str>>,
    pub original_table: Option<Arc<str>>,
    pub kind: ColumnKind,
    pub ty: Option<ColumnType>,
    pub not_null: bool,
}

impl Column {
    /// A value of the column as the text protocol carries it; none for NULL. The declared
    /// number of digits behind the second is the column's, not the value's.
    pub fn wire(&self, value: &Value) -> Option<Vec<u8>> {
        if self.kind.kind == Kind::Single {
            return self.kind.text_of(value.clone()).to_wire().map(|bytes| bytes.into_owned());
        }
        let temporal = matches!(self.kind.kind, Kind::DateTime | Kind::Time);
        let digits = match (&self.ty, value) {
            (None, Value::DateTime(_) | Value::Time(_)) if temporal && 0 < self.kind.decimals => {
                u32::from(self.kind.decimals)
            }
            (Some(ty), Value::DateTime(_) | Value::Time(_)) => ty.length.unwrap_or(0),
            (Some(ty), Value::Int(year)) if &*ty.name == "year" => {
                return Some(format!("{year:04}").into_bytes());
            }
            _ => return value.to_wire().map(|bytes| bytes.into_owned()),
        };
        let text = value.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        if digits == 0 {
            return Some(whole.as_bytes().to_vec());
        }
        let fraction: String =
            fraction.chars().chain("000000".chars()).take(digits as usize).collect();
        Some(format!("{whole}.{fraction}").into_bytes())
    }
}

impl Outcome {
    /// Some warnings of a column come once a statement, however many rows it has.
    pub fn warn_once(&mut self, warning: SqlError) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub fn is_result_set(&self) -> bool {
        !self.columns.is_empty()
    }
}
