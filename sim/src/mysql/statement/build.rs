//! CREATE TABLE as a definition: columns, keys, what is implied.

use std::sync::Arc;

use crate::collation::Collation;
use crate::eval::{ColumnKind, store};
use crate::mysql::error;
use crate::mysql::metadata::TablePath;
use crate::mysql::schema::{Column, Index, PRIMARY, Part, Table};
use crate::sql::ast::{
    ColumnDefinition, ColumnType, CreateTable, Expr, IndexDefinition, IndexKind, IndexPart, Literal,
};
use crate::sql_error::SqlError;
use crate::value::Value;

use super::scope::constant_default;
use super::{check, foreign};

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
        constraints: Vec::new(),
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
                if is_null(&create.columns[part.column]) {
                    return Err(error::nullable_primary_key());
                }
                table.columns[part.column].not_null = true;
            }
        }
        table.indexes.push(index);
    }
    check::add_checks(&mut table, &create.columns, &create.constraints)?;
    foreign::add(&mut table, &create.constraints)?;
    table.order_indexes();
    check_auto_increment(&table)?;
    let start = option(&["auto_increment"]).and_then(|text| text.parse().ok()).unwrap_or(1);
    Ok((table, start))
}

pub fn column(definition: &ColumnDefinition, collation: Collation) -> Result<Column, SqlError> {
    if definition.generated.is_some() {
        return Err(SqlError::not_supported("generated columns"));
    }
    let ty = column_type(definition)?;
    let kind = ColumnKind::of(&ty, collation);
    let not_null = definition.not_null || definition.primary_key || definition.auto_increment;
    let default = match &definition.default {
        Some(Expr::Literal(Literal::Null)) if not_null => {
            return Err(error::invalid_default(definition.name.as_str()));
        }
        Some(Expr::Literal(Literal::Null)) => None,
        other => other.clone(),
    };
    let column = Column {
        name: definition.name.0.clone(),
        ty,
        collation: kind.collation,
        not_null,
        default,
        on_update: definition.on_update.clone(),
        auto_increment: definition.auto_increment,
        comment: definition.comment.clone(),
        no_default: false,
        invisible: definition.invisible,
        generated: None,
    };
    if matches!(column.default, Some(Expr::Literal(_))) {
        let blob = column.ty.name.ends_with("text") || column.ty.name.ends_with("blob");
        if blob {
            return Err(error::no_default_allowed(&column.name));
        }
        if column.auto_increment || constant_default(&column).is_err() {
            return Err(error::invalid_default(&column.name));
        }
    }
    Ok(column)
}

/// What MySQL notes of a default that the column does not hold exactly.
pub fn default_note(column: &Column) -> Option<SqlError> {
    let Some(default @ Expr::Literal(_)) = &column.default else { return None };
    let program = crate::eval::Program::compile(default, &crate::eval::NoColumns).ok()?;
    let mut env = crate::eval::Env::new(jiff::civil::DateTime::ZERO);
    let value = program.run(&[], &mut env).ok()?;
    store(&value, &column.ty, &column.name, 1, true).ok()?.1.pop()
}

/// The type as the column has it, within MySQL's limits.
fn column_type(definition: &ColumnDefinition) -> Result<ColumnType, SqlError> {
    let mut ty = definition.ty.clone();
    let name = definition.name.as_str();
    if ty.charset.as_ref().is_some_and(|charset| charset.is("binary")) {
        ty.charset = None;
        ty.name = match &*ty.name {
            "char" => "binary",
            "varchar" => "varbinary",
            "tinytext" => "tinyblob",
            "mediumtext" => "mediumblob",
            "longtext" => "longblob",
            "text" => "blob",
            other => other,
        }
        .into();
    }
    let too_long =
        |length: u32, max: u32| (max < length).then(|| error::too_long_column(name, max));
    let too_precise =
        |length: u32, max: u32| (max < length).then(|| error::too_precise(length, name, max));
    let length = ty.length.unwrap_or(0);
    let problem = match &*ty.name {
        "enum" | "set" | "json" | "bit" | "geometry" | "point" => {
            return Err(SqlError::not_supported(format!("{} columns", ty.name)));
        }
        "float" | "double" if ty.length.is_some() => {
            return Err(SqlError::not_supported("digits of a float or double column"));
        }
        _ if ty.zerofill => return Err(SqlError::not_supported("ZEROFILL")),
        "char" | "binary" => too_long(length, 255),
        "varchar" => too_long(length, 16_383),
        "varbinary" => too_long(length, 65_533),
        "decimal" if ty.length.is_some_and(|length| length < ty.scale.unwrap_or(0)) => {
            Some(error::more_scale_than_digits(name))
        }
        "decimal" => too_precise(length, 65),
        "datetime" | "timestamp" | "time" => too_precise(length, 6),
        _ => None,
    };
    problem.map_or(Ok(ty), Err)
}

/// Says the column itself that it may be NULL?
pub fn is_null(column: &ColumnDefinition) -> bool {
    column.null || matches!(column.default, Some(Expr::Literal(Literal::Null)))
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
        let (definition, mut length) = (&table.columns[column], part.length);
        let name = &*definition.ty.name;
        let blob = name.ends_with("text") || name.ends_with("blob");
        let text = blob || matches!(name, "char" | "varchar" | "binary" | "varbinary");
        let declared = definition.ty.length.unwrap_or(1);
        match length {
            None if blob => return Err(error::blob_key(part.column.as_str())),
            Some(length) if !text || !blob && declared < length => {
                return Err(error::wrong_prefix_key());
            }
            // The whole column is no prefix.
            Some(whole) if !blob && declared == whole => length = None,
            _ => {}
        }
        if text {
            let bytes = if definition.collation == Collation::Binary { 1 } else { 4 };
            if 3072 < length.unwrap_or(declared).saturating_mul(bytes) {
                return Err(error::key_too_long());
            }
        }
        parts.push(Part { column, length, descending: part.descending });
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

pub fn check_auto_increment(table: &Table) -> Result<(), SqlError> {
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
    if !column.not_null {
        return Ok(Value::Null);
    }
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
