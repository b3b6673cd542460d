//! CREATE TABLE as a definition: columns, keys, what is implied.

use std::sync::Arc;

use crate::collation::Collation;
use crate::eval::{ColumnKind, store};
use crate::mysql::error;
use crate::mysql::metadata::TablePath;
use crate::mysql::schema::{Column, Index, PRIMARY, Part, Table};
use crate::sql::ast::{
    ColumnDefinition, CreateTable, Expr, IndexDefinition, IndexKind, IndexPart, Literal,
};
use crate::sql_error::SqlError;
use crate::value::Value;

/// The table, and where its AUTO_INCREMENT begins.
pub fn table(
    create: &CreateTable,
    path: &TablePath,
    collation: Collation,
) -> Result<(Table, u64), SqlError> {
    if create.temporary {
        return Err(SqlError::not_supported("temporary tables"));
    }
    if create.columns.is_empty() {
        return Err(error::no_columns());
    }
    let option = |wanted: &[&str]| {
        let named =
            |name: &str| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name.trim()));
        create.options.iter().rev().find(|(name, _)| named(name)).map(|(_, value)| value.as_str())
    };
    let charset = option(&["charset", "default charset", "character set", "default character set"]);
    let named = option(&["collate", "default collate"]).and_then(Collation::by_name);
    let collation = named.or_else(|| charset.and_then(Collation::of_charset)).unwrap_or(collation);
    let mut table = Table {
        database: path.0.clone(),
        name: path.1.clone(),
        columns: Vec::new(),
        indexes: Vec::new(),
        constraints: create.constraints.clone(),
        comment: option(&["comment"]).map(|text| Arc::from(text.trim_matches('\''))),
        collation,
    };
    for definition in &create.columns {
        if table.column(definition.name.as_str()).is_some() {
            return Err(error::duplicate_column(definition.name.as_str()));
        }
        table.columns.push(column(definition, collation)?);
    }
    let implied = create.columns.iter().flat_map(column_keys);
    for definition in implied.chain(create.indexes.iter().cloned()) {
        let index = index(&definition, &table)?;
        if &*index.name == PRIMARY {
            for part in &index.parts {
                table.columns[part.column].not_null = true;
            }
        }
        table.indexes.push(index);
    }
    table.order_indexes();
    check_auto_increment(&table)?;
    let start = option(&["auto_increment"]).and_then(|text| text.parse().ok()).unwrap_or(1);
    Ok((table, start))
}

pub fn column(definition: &ColumnDefinition, collation: Collation) -> Result<Column, SqlError> {
    if definition.generated.is_some() {
        return Err(SqlError::not_supported("generated columns"));
    }
    let kind = ColumnKind::of(&definition.ty, collation);
    let default = match &definition.default {
        Some(Expr::Literal(Literal::Null)) => None,
        other => other.clone(),
    };
    Ok(Column {
        name: definition.name.0.clone(),
        ty: definition.ty.clone(),
        collation: kind.collation,
        not_null: definition.not_null || definition.primary_key || definition.auto_increment,
        default,
        on_update: definition.on_update.clone(),
        auto_increment: definition.auto_increment,
        comment: definition.comment.clone(),
        invisible: definition.invisible,
        generated: None,
    })
}

/// The keys that a column's own attributes ask for.
pub fn column_keys(column: &ColumnDefinition) -> Vec<IndexDefinition> {
    let kinds = [(column.primary_key, IndexKind::Primary), (column.unique, IndexKind::Unique)];
    kinds
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, kind)| IndexDefinition {
            kind,
            name: None,
            parts: vec![IndexPart {
                column: column.name.clone(),
                length: None,
                descending: false,
                expr: None,
            }],
            options: Vec::new(),
        })
        .collect()
}

pub fn index(definition: &IndexDefinition, table: &Table) -> Result<Index, SqlError> {
    if matches!(definition.kind, IndexKind::FullText | IndexKind::Spatial) {
        return Err(SqlError::not_supported("FULLTEXT and SPATIAL indexes"));
    }
    let mut parts: Vec<Part> = Vec::new();
    for part in &definition.parts {
        if part.expr.is_some() {
            return Err(SqlError::not_supported("functional indexes"));
        }
        let missing = || error::key_column_missing(part.column.as_str());
        let column = table.column(part.column.as_str()).ok_or_else(missing)?;
        if parts.iter().any(|other| other.column == column) {
            return Err(error::duplicate_column(part.column.as_str()));
        }
        parts.push(Part { column, length: part.length, descending: part.descending });
    }
    let name: Arc<str> = match (&definition.kind, &definition.name) {
        (IndexKind::Primary, _) => PRIMARY.into(),
        (_, Some(name)) => name.0.clone(),
        (_, None) => free_name(definition, table),
    };
    if table.index(&name).is_some() {
        return Err(match definition.kind {
            IndexKind::Primary => error::multiple_primary_keys(),
            _ => error::duplicate_key_name(&name),
        });
    }
    let unique = matches!(definition.kind, IndexKind::Primary | IndexKind::Unique);
    Ok(Index { name, unique, parts })
}

/// A key without a name is named after its first column, with a number where that is taken.
fn free_name(definition: &IndexDefinition, table: &Table) -> Arc<str> {
    let first = definition.parts.first().map_or("key", |part| part.column.as_str());
    let numbered = (2..).map(|number| format!("{first}_{number}"));
    let mut names = std::iter::once(first.to_string()).chain(numbered);
    names.find(|name| table.index(name).is_none()).unwrap_or_default().into()
}

fn check_auto_increment(table: &Table) -> Result<(), SqlError> {
    let automatic: Vec<usize> =
        (0..table.columns.len()).filter(|at| table.columns[*at].auto_increment).collect();
    let first_of_a_key = |at: &usize| {
        table.indexes.iter().any(|index| index.parts.first().is_some_and(|part| part.column == *at))
    };
    match automatic[..] {
        [] => Ok(()),
        [at] if first_of_a_key(&at) => Ok(()),
        _ => Err(error::wrong_auto_key()),
    }
}

/// What a column that cannot be NULL holds where there is nothing better.
pub fn zero_of(column: &Column) -> Result<Value, SqlError> {
    let zero = match &*column.ty.name {
        "date" | "datetime" | "timestamp" => return Err(SqlError::not_supported("zero dates")),
        "char" | "varchar" | "text" | "tinytext" | "mediumtext" | "longtext" => Value::text(""),
        "binary" | "varbinary" | "blob" | "tinyblob" | "mediumblob" | "longblob" => {
            Value::bytes(b"")
        }
        "enum" => column.ty.values.first().map_or(Value::text(""), |first| Value::text(first)),
        _ => Value::Int(0),
    };
    store(&zero, &column.ty, &column.name, 1, false).map(|(value, _)| value)
}
