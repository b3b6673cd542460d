//! Table definitions: what schema tracking makes of them.
//!
//! A table that is defined has an authoritative column list from then on, a primary key, unique
//! keys and foreign keys; one that the vschema does not know becomes a table of its keyspace,
//! without a vindex. See `go/vt/vtgate/schema/tracker.go` and `vschema_manager.go`. It knows
//! nothing of where the definitions were read.

use std::collections::BTreeSet;
use std::sync::Arc;

use sim::sql::ast::{ColumnDefinition, Constraint, CreateTable, Expr, Ident, IndexKind};

use crate::vindex::Kind;
use crate::vschema::tracked::{ForeignKey, ReferenceAction};
use crate::vschema::{Column, Global, Table, TableName, VSchema};

/// A table definition, and the keyspace that it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub keyspace: String,
    pub create: CreateTable,
}

impl VSchema {
    /// Adds what the definitions tell. A column list that the vschema calls authoritative stays as
    /// it is.
    pub fn track(&mut self, definitions: &[Definition]) {
        if definitions.is_empty() {
            return;
        }
        let mut undeclared = BTreeSet::new();
        for Definition { keyspace, create } in definitions {
            let name = create.table.name.as_str();
            let Some(known) = self.keyspaces.get_mut(keyspace) else { continue };
            let table = known.tables.entry(name.to_string()).or_insert_with(|| {
                undeclared.insert(TableName::new(keyspace, name));
                Arc::new(Table::bare(keyspace, name))
            });
            if !table.column_list_authoritative {
                let table = Arc::make_mut(table);
                table.columns = columns(create);
                table.column_list_authoritative = true;
            }
            self.track_keys(keyspace, create);
        }
        self.add_global_tables(undeclared);
        self.build_routing_rules(&mut Vec::new());
    }

    /// Tables that only their servers know have a global name if they are unsharded, and if nothing
    /// else has it.
    fn add_global_tables(&mut self, undeclared: BTreeSet<TableName>) {
        let is_global = |table: &TableName| {
            let keyspace = self.keyspaces.get(&table.keyspace);
            !self.global_tables.contains_key(&table.name)
                && keyspace.is_some_and(|ks| !ks.sharded && !ks.require_explicit_routing)
        };
        let global: Vec<TableName> = undeclared.into_iter().filter(is_global).collect();
        for TableName { keyspace, name } in global {
            self.global_tables
                .entry(name)
                .and_modify(|global| *global = Global::Ambiguous)
                .or_insert(Global::Unique(keyspace));
        }
    }

    fn track_keys(&mut self, keyspace: &str, create: &CreateTable) {
        let table = create.table.name.as_str();
        let primary = primary_key(create);
        if !primary.is_empty() {
            self.track_primary_key(keyspace, table, primary);
        }
        for parts in unique_keys(create) {
            self.track_unique_key(keyspace, table, parts);
        }
        for constraint in &create.constraints {
            if let Some(key) = foreign_key(keyspace, table, constraint) {
                self.track_foreign_key(key);
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

fn columns(create: &CreateTable) -> Vec<Column> {
    let primary = primary_key(create);
    // The last of several, as the server has it.
    let named = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("collate");
    let collation = create.options.iter().rev().find(named);
    let collation = collation.map_or("", |(_, collation)| collation.as_str());
    let column = |definition| column(definition, &primary, collation);
    create.columns.iter().map(column).collect()
}

fn column(definition: &ColumnDefinition, primary: &[String], collation: &str) -> Column {
    let ty = &definition.ty;
    let name = definition.name.as_str();
    let number = |number: Option<u32>| number.and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
    let kind = kind(&ty.name, ty.unsigned);
    let of_table = if kind.is_text() { collation } else { "" };
    // A definition that was read from a server says NOT NULL of these, too.
    let is_primary = primary.iter().any(|column| column.eq_ignore_ascii_case(name));
    Column {
        name: name.to_string(),
        kind,
        invisible: definition.invisible,
        default: definition.default.as_ref().map(ToString::to_string).unwrap_or_default(),
        collation_name: ty.collation.as_ref().map_or(of_table, Ident::as_str).to_string(),
        size: number(ty.length),
        scale: number(ty.scale),
        nullable: !definition.not_null && !is_primary,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vindex::Registry;
    use crate::vschema::SrvVSchema;

    fn definition(keyspace: &str, sql: &str) -> Definition {
        match sim::sql::parse(sql) {
            Ok(sim::sql::ast::Statement::CreateTable(create)) => {
                Definition { keyspace: keyspace.to_string(), create }
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn servers_know_tables_that_the_vschema_does_not() {
        let json = r#"{"keyspaces": {
            "a": {"tables": {"known": {}}}, "b": {}, "hidden": {"require_explicit_routing": true},
            "s": {"sharded": true, "vindexes": {"h": {"type": "hash"}}, "tables": {
                "t": {"column_vindexes": [{"column": "id", "name": "h"}]}}}},
          "routing_rules": {"rules": [{"from_table": "r", "to_tables": ["s.extra"]},
                                      {"from_table": "to_t", "to_tables": ["s.t"]}]}}"#;
        let mut vschema = VSchema::build(&SrvVSchema::parse(json).unwrap(), &Registry::standard());
        let table = |keyspace, name| definition(keyspace, &format!("create table {name} (id int)"));
        vschema.track(&[
            table("a", "known"),
            table("a", "once"),
            table("a", "twice"),
            table("b", "known"),
            table("b", "twice"),
            table("b", "t"),
            table("hidden", "own"),
            table("s", "t"),
            table("s", "extra"),
            table("nowhere", "lost"),
        ]);
        let find = |keyspace: &str, name: &str| match vschema
            .find_routed_table(keyspace, name, "primary")
        {
            Ok(Some(table)) => {
                assert!(table.column_list_authoritative, "{name}");
                format!("{}.{}", table.keyspace, table.name)
            }
            Ok(None) => "none".to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(find("", "known"), "a.known");
        assert_eq!(find("", "once"), "a.once");
        assert_eq!(find("", "twice"), "ambiguous table reference: twice");
        assert_eq!(find("", "t"), "s.t");
        assert_eq!(find("", "own"), "none");
        assert_eq!(find("hidden", "own"), "hidden.own");
        assert_eq!(find("", "extra"), "none");
        assert_eq!(find("s", "extra"), "s.extra");
        assert_eq!(find("", "r"), "s.extra");
        assert_eq!(find("", "to_t"), "s.t");
    }

    #[test]
    fn columns_are_those_of_the_definition() {
        let json = r#"{"keyspaces": {"u": {"tables": {"fixed": {
            "columns": [{"name": "a"}], "column_list_authoritative": true}}}}}"#;
        let mut vschema = VSchema::build(&SrvVSchema::parse(json).unwrap(), &Registry::standard());
        let text = "create table t (a bigint unsigned, b varchar(10) not null default 'x',
            c char(3) collate latin1_bin, d decimal(5,2), key (b), primary key (a)) collate=utf8mb4_bin";
        vschema.track(&[definition("u", text), definition("u", "create table fixed (z int)")]);
        let columns = |name| vschema.find_table("u", name).unwrap().columns.clone();
        let told: Vec<String> = columns("t")
            .iter()
            .map(|c| {
                let Column { name, kind, default, collation_name, size, scale, nullable, .. } = c;
                format!("{name} {kind} {default}|{collation_name}|{size},{scale} {nullable}")
            })
            .collect();
        assert_eq!(
            told,
            [
                "a UINT64 ||0,0 false",
                "b VARCHAR 'x'|utf8mb4_bin|10,0 false",
                "c CHAR |latin1_bin|3,0 true",
                "d DECIMAL ||5,2 true",
            ]
        );
        assert_eq!(columns("fixed").len(), 1);
        assert_eq!(columns("fixed")[0].name, "a");
    }
}
