//! The tables that clients work with, as a schema's texts say: their columns, which of them find
//! and place a row, and how a value of each is written.
//!
//! Lookup tables, sequences and reference tables are not among them: clients do not write those.
//! It knows nothing of statements.

use std::collections::BTreeSet;

use sim::sql::ast::{ColumnDefinition, ColumnName, CreateTable, Expr, Ident, IndexKind, Statement};
use sim::sql::parse;

use super::schema::{Keyspace, Schema};
use crate::vschema::source::{ColumnVindexSource, TableSource};

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Table {
    /// As statements name it: with its keyspace, where sessions do not begin in that.
    pub name: String,
    pub keyspace: String,
    pub bare: String,
    pub columns: Vec<Column>,
    /// The primary key's columns.
    pub key: Vec<usize>,
    /// The primary vindex first; none in a keyspace without shards.
    pub vindexes: Vec<ColumnVindex>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub nullable: bool,
    /// An INSERT may leave it out.
    pub has_default: bool,
    pub role: Role,
    /// A value may be written in capital letters: it is the same to MySQL. Not where `batch_lookup`
    /// is set: vtgate then compares values by their bytes, and finds no row of another case.
    pub has_capitals: bool,
    /// A sequence fills it in where an INSERT leaves it out, or says NULL or 0.
    pub is_numbered: bool,
    written: Written,
}

/// What a column's values are for; how many there are depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is part of the primary key.
    Key,
    /// It places the row, and is no part of its key.
    Placing,
    /// A lookup is for it.
    Value,
    /// A further vindex is for it that is the primary one: it has the value of the column that
    /// places the row, or NULL.
    Mirror,
    Other,
}

/// A vindex of a table.
#[derive(Clone, Debug)]
pub struct ColumnVindex {
    /// With its keyspace, so that tables which share it are known.
    pub name: String,
    pub columns: Vec<usize>,
    pub is_lookup: bool,
    pub is_owned: bool,
    is_batch: bool,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Number,
    /// With at most so many characters.
    Text(Option<u32>),
    /// Always so many bytes.
    Padded(u32),
    Date,
    Time,
    Timestamp,
}

/// Why a schema has no tables to work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTables {
    #[error("the definition of a table cannot be read: {0}")]
    Definition(String),
    #[error("there is no table that clients could write")]
    None,
}

/// The tables of a schema.
pub fn read(schema: &Schema) -> Result<Vec<Table>, BadTables> {
    let lookup_tables = lookup_tables(schema);
    let mut tables = Vec::new();
    for keyspace in &schema.keyspaces {
        for text in &keyspace.definitions {
            let statement =
                parse(text).map_err(|error| BadTables::Definition(format!("{error}: {text}")))?;
            let Statement::CreateTable(create) = statement else { continue };
            let name = create.table.name.as_str();
            if !lookup_tables.contains(&(keyspace.name.clone(), name.to_owned())) {
                tables.extend(table(schema, keyspace, &create));
            }
        }
    }
    if tables.is_empty() { Err(BadTables::None) } else { Ok(tables) }
}

/// Keyspaces and names of the tables that vindexes read.
fn lookup_tables(schema: &Schema) -> BTreeSet<(String, String)> {
    let of = |keyspace: &Keyspace| {
        let vindexes = keyspace.vschema.vindexes.values();
        vindexes.map(|vindex| vindex.lookup_table(&keyspace.name)).collect::<Vec<_>>()
    };
    schema.keyspaces.iter().flat_map(of).collect()
}

fn table(schema: &Schema, keyspace: &Keyspace, create: &CreateTable) -> Option<Table> {
    let name = create.table.name.as_str();
    let nothing = TableSource::default();
    let source = keyspace.vschema.tables.get(name).unwrap_or(&nothing);
    let is_placed = !keyspace.vschema.sharded || !source.column_vindexes.is_empty();
    // CREATE TABLE .. LIKE names no columns.
    if !source.type_name.is_empty() || !is_placed || create.columns.is_empty() {
        return None;
    }
    let columns = &create.columns;
    let place = |name: &str| {
        columns.iter().position(|column| column.name.as_str().eq_ignore_ascii_case(name))
    };
    let key = create.indexes.iter().find(|index| index.kind == IndexKind::Primary);
    let named = key.into_iter().flat_map(|index| &index.parts).map(|part| part.column.as_str());
    let mut key: Vec<usize> = named.filter_map(place).collect();
    key.extend(columns.iter().position(|column| column.primary_key));
    let vindexes: Vec<ColumnVindex> = source
        .column_vindexes
        .iter()
        .map(|of_columns| vindex(keyspace, name, of_columns, &place))
        .collect();
    let is_primary = |own: &ColumnVindex| vindexes.first().is_some_and(|of| of.name == own.name);
    let numbers = source.auto_increment.as_ref().map(|numbers| &*numbers.column);
    let role = |at: usize| match () {
        () if key.contains(&at) => Role::Key,
        () if vindexes.first().is_some_and(|first| first.columns.contains(&at)) => Role::Placing,
        () if vindexes.iter().skip(1).any(|own| own.columns == [at] && is_primary(own)) => {
            Role::Mirror
        }
        () if vindexes.iter().any(|vindex| vindex.columns.contains(&at)) => Role::Value,
        () => Role::Other,
    };
    let is_batch =
        |at: usize| vindexes.iter().any(|vindex| vindex.is_batch && vindex.columns.contains(&at));
    let columns = columns.iter().enumerate().map(|(at, column)| {
        let is_numbered = numbers.is_some_and(|own| column.name.as_str().eq_ignore_ascii_case(own));
        Column { is_numbered, ..Column::of(column, role(at), !is_batch(at)) }
    });
    let bare = escaped(&create.table.name);
    let name = match keyspace.name == schema.home {
        true => bare.clone(),
        false => format!("{}.{bare}", escaped(&Ident::new(&keyspace.name))),
    };
    Some(Table {
        name,
        keyspace: keyspace.name.clone(),
        bare,
        columns: columns.collect(),
        key,
        vindexes,
    })
}

fn vindex(
    keyspace: &Keyspace,
    table: &str,
    of_columns: &ColumnVindexSource,
    place: &impl Fn(&str) -> Option<usize>,
) -> ColumnVindex {
    let source = keyspace.vschema.vindexes.get(&of_columns.name);
    let named = of_columns.column_names().iter();
    let is_true = |flag: &String| flag == "true";
    ColumnVindex {
        name: format!("{}.{}", keyspace.name, of_columns.name),
        columns: named.filter_map(|name| place(name)).collect(),
        is_lookup: source.is_some_and(|vindex| vindex.type_name.contains("lookup")),
        is_owned: source.is_some_and(|vindex| vindex.owner == table),
        is_batch: source
            .is_some_and(|vindex| vindex.params.get("batch_lookup").is_some_and(is_true)),
    }
}

/// As SQL writes it: with backticks where it is a word of SQL's own.
pub(super) fn escaped(name: &Ident) -> String {
    Expr::Column(ColumnName { table: None, name: name.clone() }).to_string()
}

impl Table {
    /// Its owned lookups, or all if it owns none.
    pub fn lookups(&self) -> Vec<&ColumnVindex> {
        let all = || self.vindexes.iter().filter(|vindex| vindex.is_lookup);
        let owned: Vec<&ColumnVindex> = all().filter(|vindex| vindex.is_owned).collect();
        if owned.is_empty() { all().collect() } else { owned }
    }

    pub fn owns(&self) -> bool {
        self.vindexes.iter().any(|vindex| vindex.is_owned)
    }

    /// The column whose value a mirror has: the primary vindex's, if it has one.
    pub fn mirrored(&self) -> Option<usize> {
        let [only] = self.vindexes.first()?.columns[..] else { return None };
        Some(only)
    }

    /// Its columns of a role.
    pub fn columns_of(&self, role: Role) -> Vec<usize> {
        (0..self.columns.len()).filter(|at| self.columns[*at].role == role).collect()
    }
}

impl Column {
    fn of(column: &ColumnDefinition, role: Role, has_capitals: bool) -> Column {
        let ty = &column.ty;
        let written = match &*ty.name {
            // No server has a longer one.
            "binary" => Written::Padded(ty.length.unwrap_or(1).min(255)),
            "char" => Written::Text(Some(ty.length.unwrap_or(1))),
            "varchar" | "varbinary" => Written::Text(ty.length),
            name if name.ends_with("text") || name.ends_with("blob") => Written::Text(None),
            "date" => Written::Date,
            "time" => Written::Time,
            "datetime" | "timestamp" => Written::Timestamp,
            _ => Written::Number,
        };
        let nullable = !column.not_null && !column.primary_key && role != Role::Key;
        let has_default = nullable || column.default.is_some() || column.auto_increment;
        let has_case = ty.name.contains("char") || ty.name.contains("text");
        let has_capitals = has_capitals && has_case && role == Role::Value;
        let name = escaped(&column.name);
        Column { name, nullable, has_default, role, has_capitals, is_numbered: false, written }
    }

    pub fn is_number(&self) -> bool {
        self.written == Written::Number
    }

    /// A value as SQL: as many different ones as there are numbers.
    pub fn literal(&self, number: u64) -> String {
        match self.written {
            Written::Number => number.to_string(),
            Written::Text(Some(1)) => {
                format!("'{}'", char::from(b'a' + u8::try_from(number % 26).unwrap_or(0)))
            }
            Written::Text(_) => format!("'p{number}'"),
            Written::Padded(length) => {
                let digits = usize::try_from(length).unwrap_or(1).saturating_mul(2);
                format!("x'{number:0digits$x}'")
            }
            Written::Date => format!("'2026-01-{:02}'", 1 + number % 28),
            Written::Time => format!("'10:00:{:02}'", number % 60),
            Written::Timestamp => format!("'2026-01-01 10:00:{:02}'", number % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vschema::KeyspaceSource;

    #[test]
    fn roles_come_from_keys_and_vindexes() {
        let vschema = r#"{"sharded": true,
            "vindexes": {"hash": {"type": "hash"}, "hash2": {"type": "hash"},
                "by_c": {"type": "consistent_lookup_unique", "owner": "t", "params": {
                    "table": "k.by_c", "from": "c", "to": "id", "batch_lookup": "true"}}},
            "tables": {"t": {"column_vindexes": [{"column": "b", "name": "hash"},
                    {"column": "c", "name": "by_c"}]},
                "u": {"column_vindexes": [{"column": "a", "name": "hash"},
                    {"column": "c", "name": "by_c"}]},
                "by_c": {"column_vindexes": [{"column": "c", "name": "hash2"}]},
                "v": {"column_vindexes": [{"column": "a", "name": "hash"}]},
                "numbers": {"type": "sequence"}}}"#;
        let definitions = [
            "create table t (a bigint, b int, c varchar(9), `order` binary(2) not null, primary key (a))",
            "create table u (a bigint primary key, c varchar(9), d char)",
            "create table by_c (c varchar(9) primary key, id varbinary(9))",
            "create table numbers (id bigint primary key)",
            "create table v like u",
        ];
        let keyspace = Keyspace {
            name: "k".to_owned(),
            shards: "-".to_owned(),
            vschema: KeyspaceSource::parse(vschema).unwrap(),
            definitions: definitions.map(str::to_owned).to_vec(),
        };
        let schema = Schema { keyspaces: vec![keyspace], home: "k".to_owned(), rows: Vec::new() };
        let tables = read(&schema).unwrap();
        let [t, u] = &tables[..] else { panic!("{tables:?}") };
        let roles: Vec<Role> = t.columns.iter().map(|column| column.role).collect();
        assert_eq!(roles, [Role::Key, Role::Placing, Role::Value, Role::Other]);
        assert!(t.owns() && !u.owns());
        assert_eq!(t.lookups().len() + u.lookups().len(), 2);
        // A byte-wise comparison in vtgate: values of another case are no values of this one.
        assert!(t.columns.iter().all(|column| !column.has_capitals));
        let literals: Vec<String> = t.columns.iter().map(|column| column.literal(3)).collect();
        assert_eq!(literals, ["3", "3", "'p3'", "x'0003'"]);
        assert_eq!(t.columns[3].name, "`order`");
        assert!(!t.columns[3].has_default && t.columns[1].has_default);
        assert_eq!(u.columns[2].literal(3), "'d'");
        let away = Schema { home: "elsewhere".to_owned(), ..schema };
        assert_eq!(read(&away).unwrap()[0].name, "k.t");
    }

    #[test]
    fn nothing_to_write_is_an_error() {
        let empty = Schema { keyspaces: Vec::new(), home: String::new(), rows: Vec::new() };
        assert_eq!(read(&empty).unwrap_err(), BadTables::None);
    }
}
