//! What a table is: columns, indexes, and how a row becomes a key.
//!
//! InnoDB stores a table in its clustered index: the primary key, or the first unique key whose
//! columns are all NOT NULL, or a hidden row id. Every other index ends in the clustered key.
//! Indexes are in the server's order: PRIMARY, unique NOT NULL, other unique, the rest; that is the
//! order of duplicate checks.
//!
//! It knows nothing of rows that exist, only of their shape.

use std::sync::Arc;

use super::key::{Key, KeyBuilder};
use crate::collation::Collation;
use crate::sql::ast::{ColumnType, Constraint, Expr};
use crate::value::Value;

#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub database: Arc<str>,
    pub name: Arc<str>,
    pub columns: Vec<Column>,
    /// The first is the clustered index.
    pub indexes: Vec<Index>,
    /// Checks, by name.
    pub constraints: Vec<Constraint>,
    /// Options as written that SHOW CREATE TABLE repeats (charset and collation aside).
    pub comment: Option<Arc<str>>,
    pub collation: Collation,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: Arc<str>,
    pub ty: ColumnType,
    pub collation: Collation,
    pub not_null: bool,
    pub default: Option<Expr>,
    /// DROP DEFAULT took even NULL away.
    pub no_default: bool,
    pub on_update: Option<Expr>,
    pub auto_increment: bool,
    pub comment: Option<Arc<str>>,
    pub invisible: bool,
    pub generated: Option<(Expr, bool)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// `PRIMARY`, the key's name, or `GEN_CLUST_INDEX` for the hidden row id.
    pub name: Arc<str>,
    pub unique: bool,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub column: usize,
    /// Characters or bytes that count; all where none.
    pub length: Option<u32>,
    pub descending: bool,
}

pub const PRIMARY: &str = "PRIMARY";
pub const HIDDEN: &str = "GEN_CLUST_INDEX";

impl Table {
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    pub fn index(&self, name: &str) -> Option<usize> {
        self.indexes.iter().position(|index| index.name.eq_ignore_ascii_case(name))
    }

    pub fn clustered(&self) -> &Index {
        &self.indexes[0]
    }

    pub fn has_hidden_row_id(&self) -> bool {
        self.clustered().parts.is_empty()
    }

    pub fn has_primary_key(&self) -> bool {
        &*self.clustered().name == PRIMARY
    }

    pub fn auto_increment(&self) -> Option<usize> {
        self.columns.iter().position(|column| column.auto_increment)
    }

    /// The part of an index's key that the row itself gives (no clustered suffix).
    pub fn key_of_row(&self, index: usize, row: &[Value]) -> Key {
        let parts = self.indexes[index].parts.iter();
        self.key_of(parts.map(|part| (part, &row[part.column])))
    }

    /// What an index stores of a row: of a long column perhaps only its beginning.
    pub fn entry_values(&self, index: usize, row: &[Value]) -> Vec<Value> {
        let parts = self.indexes[index].parts.iter();
        parts.map(|part| stored_part(part, &row[part.column])).collect()
    }

    /// The key of a prefix of an index's columns.
    pub fn key_of_values(&self, index: usize, values: &[Value]) -> Key {
        self.key_of(self.indexes[index].parts.iter().zip(values))
    }

    fn key_of<'a>(&self, parts: impl Iterator<Item = (&'a Part, &'a Value)>) -> Key {
        let mut builder = KeyBuilder::new();
        for (part, value) in parts {
            let collation = self.columns[part.column].collation;
            match part.length {
                Some(length) => builder.push(&cut(value, length), collation, part.descending),
                None => builder.push(value, collation, part.descending),
            }
        }
        builder.finish()
    }

    /// NULLs are never equal: a key with one is not checked for duplicates.
    pub fn key_has_null(&self, index: usize, row: &[Value]) -> bool {
        self.indexes[index].parts.iter().any(|part| row[part.column].is_null())
    }

    pub fn columns_of(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        self.indexes[index].parts.iter().map(|part| part.column)
    }

    /// Can the index alone give these columns? A secondary entry carries the clustered key too.
    pub fn covers(&self, index: usize, columns: impl IntoIterator<Item = usize>) -> bool {
        let whole = |part: &Part| part.length.is_none();
        columns.into_iter().all(|column| {
            let has = |index: &Index| {
                index.parts.iter().filter(|part| whole(part)).any(|part| part.column == column)
            };
            index == 0 || has(&self.indexes[index]) || has(self.clustered())
        })
    }

    /// Puts the indexes into the server's order and makes sure that there is a clustered one.
    pub fn order_indexes(&mut self) {
        self.indexes.retain(|index| &*index.name != HIDDEN);
        let rank = |index: &Index| {
            let nullable = index.parts.iter().any(|part| !self.columns[part.column].not_null);
            let shortened = index.parts.iter().any(|part| part.length.is_some());
            match (index.unique, nullable, shortened) {
                _ if &*index.name == PRIMARY => 0,
                (true, false, false) => 1,
                (true, false, true) => 2,
                (true, true, false) => 3,
                (true, true, true) => 4,
                (false, _, _) => 5,
            }
        };
        let mut ranked: Vec<(u8, Index)> =
            self.indexes.iter().map(|index| (rank(index), index.clone())).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        if ranked.first().is_none_or(|(rank, _)| 1 < *rank) {
            let hidden = Index { name: HIDDEN.into(), unique: true, parts: Vec::new() };
            ranked.insert(0, (0, hidden));
        }
        self.indexes = ranked.into_iter().map(|(_, index)| index).collect();
    }
}

/// What an index keeps of a value.
pub fn stored_part(part: &Part, value: &Value) -> Value {
    match part.length {
        Some(length) => cut(value, length),
        None => value.clone(),
    }
}

pub fn cut(value: &Value, length: u32) -> Value {
    let length = length as usize;
    match value {
        Value::Text(text) => match text.char_indices().nth(length) {
            Some((end, _)) => Value::text(&text[..end]),
            None => value.clone(),
        },
        Value::Bytes(bytes) if length < bytes.len() => Value::bytes(&bytes[..length]),
        _ => value.clone(),
    }
}
