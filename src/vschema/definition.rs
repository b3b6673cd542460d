//! Table definitions: what schema tracking makes of them.
//!
//! A table that is defined has an authoritative column list from then on, a primary key and foreign
//! keys. See `go/vt/vtgate/schema/tracker.go` and `vschema_manager.go`. It knows nothing of where
//! the definitions were read.

use sim::sql::ast::{ColumnDefinition, Constraint, CreateTable, Expr, Ident, IndexKind};

use crate::vindex::Kind;
use crate::vschema::source::{ColumnSource, TableSource};
use crate::vschema::tracked::{ForeignKey, ReferenceAction};
use crate::vschema::{SrvVSchema, TableName, VSchema};

/// A table definition, and the keyspace that it is of.
#[derive(Clone, Debug)]
pub struct Definition {
    pub keyspace: String,
    pub create: CreateTable,
}

/// Makes the column lists of the defined tables authoritative.
pub fn define(definitions: &[Definition], source: &mut SrvVSchema) {
    for Definition { keyspace, create } in definitions {
        let Some(keyspace) = source.keyspaces.get_mut(keyspace) else { continue };
        let name = create.table.name.as_str();
        // A sharded keyspace has only tables that the vschema places.
        let table = match keyspace.tables.get_mut(name) {
            Some(table) => table,
            None if keyspace.sharded => continue,
            None => keyspace.tables.entry(name.to_string()).or_insert_with(TableSource::default),
        };
        table.columns = create.columns.iter().map(column).collect();
        table.column_list_authoritative = true;
    }
}

/// Adds the keys of the defined tables.
pub fn track(definitions: &[Definition], vschema: &mut VSchema) {
    for Definition { keyspace, create } in definitions {
        let table = create.table.name.as_str();
        let primary = primary_key(create);
        if !primary.is_empty() {
            vschema.track_primary_key(keyspace, table, primary);
        }
        for parts in unique_keys(create) {
            vschema.track_unique_key(keyspace, table, parts);
        }
        for constraint in &create.constraints {
            if let Some(key) = foreign_key(keyspace, table, constraint) {
                vschema.track_foreign_key(key);
            }
        }
    }
}

fn primary_key(create: &CreateTable) -> Vec<String> {
    let index = create.indexes.iter().find(|index| index.kind == IndexKind::Primary);
    match index {
        Some(index) => index.parts.iter().map(|part| part.column.as_str().to_string()).collect(),
        None => {
            let of_columns = create.columns.iter().filter(|column| column.primary_key);
            of_columns.map(|column| column.name.as_str().to_string()).collect()
        }
    }
}

fn unique_keys(create: &CreateTable) -> Vec<Vec<Expr>> {
    let name =
        |name: &Ident| Expr::Column(sim::sql::ast::ColumnName { table: None, name: name.clone() });
    let of_columns = create.columns.iter().filter(|column| column.unique);
    let of_columns = of_columns.map(|column| vec![name(&column.name)]);
    let of_indexes = create.indexes.iter().filter(|index| index.kind == IndexKind::Unique);
    let of_indexes = of_indexes.map(|index| {
        let parts = index.parts.iter();
        parts.map(|part| part.expr.clone().unwrap_or_else(|| name(&part.column))).collect()
    });
    of_columns.chain(of_indexes).collect()
}

fn foreign_key(keyspace: &str, child: &str, constraint: &Constraint) -> Option<ForeignKey> {
    let Constraint::ForeignKey { columns, table, referenced, on_delete, on_update, .. } =
        constraint
    else {
        return None;
    };
    let names = |names: &[Ident]| names.iter().map(|name| name.as_str().to_string()).collect();
    let action = |text: &Option<String>| {
        text.as_deref().and_then(ReferenceAction::parse).unwrap_or_default()
    };
    let parent_keyspace = table.qualifier.as_ref().map_or(keyspace, Ident::as_str);
    Some(ForeignKey {
        child: TableName::new(keyspace, child),
        child_columns: names(columns),
        parent: TableName::new(parent_keyspace, table.name.as_str()),
        parent_columns: names(referenced),
        on_update: action(on_update),
        on_delete: action(on_delete),
    })
}

fn column(definition: &ColumnDefinition) -> ColumnSource {
    let ty = &definition.ty;
    let number = |number: Option<u32>| number.and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
    ColumnSource {
        name: definition.name.as_str().to_string(),
        kind: kind(&ty.name, ty.unsigned),
        invisible: definition.invisible,
        default: String::new(),
        collation_name: ty.collation.as_ref().map_or("", Ident::as_str).to_string(),
        size: number(ty.length),
        scale: number(ty.scale),
        nullable: Some(!definition.not_null && !definition.primary_key),
        values: ty.values.iter().map(|value| value.to_string()).collect(),
    }
}

/// Vitess's name for a column's type.
fn kind(name: &str, unsigned: bool) -> Kind {
    match (name, unsigned) {
        ("tinyint", false) => Kind::Int8,
        ("tinyint", true) => Kind::Uint8,
        ("smallint", false) => Kind::Int16,
        ("smallint", true) => Kind::Uint16,
        ("mediumint", false) => Kind::Int24,
        ("mediumint", true) => Kind::Uint24,
        ("int", false) => Kind::Int32,
        ("int", true) => Kind::Uint32,
        ("bigint", false) => Kind::Int64,
        ("bigint", true) => Kind::Uint64,
        ("float", _) => Kind::Float32,
        ("double", _) => Kind::Float64,
        ("decimal", _) => Kind::Decimal,
        ("date", _) => Kind::Date,
        ("time", _) => Kind::Time,
        ("datetime", _) => Kind::Datetime,
        ("timestamp", _) => Kind::Timestamp,
        ("year", _) => Kind::Year,
        ("char", _) => Kind::Char,
        ("varchar", _) => Kind::Varchar,
        ("binary", _) => Kind::Binary,
        ("varbinary", _) => Kind::Varbinary,
        ("text" | "tinytext" | "mediumtext" | "longtext", _) => Kind::Text,
        ("blob" | "tinyblob" | "mediumblob" | "longblob", _) => Kind::Blob,
        ("bit", _) => Kind::Bit,
        ("enum", _) => Kind::Enum,
        ("set", _) => Kind::Set,
        ("json", _) => Kind::Json,
        ("vector", _) => Kind::Vector,
        _ => Kind::Geometry,
    }
}
