//! The lookup vindexes that are judged, as the vschema declares them.
//!
//! They are read from the vschema's source, the text that people write: table, from, to, owner,
//! write_only. Only functional vindexes are taken as they are built, since a row's keyspace id is
//! theirs to say. Judged are owned vindexes of the types `consistent_lookup` and
//! `consistent_lookup_unique`; promises hold for no other.
//!
//! It knows nothing of how vtgate keeps a lookup table.

use std::rc::Rc;
use std::sync::Arc;

use sim::collation::Collation;
use sim::mysql::schema;
use sim::value::Value;

use crate::checker::value;
use crate::key::KeyspaceId;
use crate::vindex::Vindex;
use crate::vschema::VSchema;
use crate::vschema::source::{ColumnVindexSource, KeyspaceSource, VindexSource};

/// A lookup vindex and the two tables that must agree.
#[derive(Clone, Debug)]
pub struct Watched {
    pub keyspace: Rc<str>,
    /// The vindex's name.
    pub name: Rc<str>,
    pub owner: Side,
    pub lookup: Side,
    /// The lookup table's column of keyspace ids.
    pub to: String,
    pub unique: bool,
    pub write_only: bool,
    /// A row with a NULL in any column has no entry.
    pub ignores_nulls: bool,
    /// The version of the SrvVSchema that had it first.
    pub since: u64,
    /// Another owned lookup vindex of the table stands before it, and writes first.
    pub is_later: bool,
    /// Of the lookup table's from columns, once it has been seen.
    pub collations: Option<Vec<Collation>>,
}

/// A table, its columns of the vindex, and how its rows are placed.
#[derive(Clone, Debug)]
pub struct Side {
    pub keyspace: Rc<str>,
    pub table: Rc<str>,
    /// The vindex's columns here, in its order.
    pub columns: Vec<String>,
    /// None in a keyspace without shards, or where the vschema doesn't say.
    pub placed_by: Option<Placement>,
}

/// A table's primary vindex.
#[derive(Clone, Debug)]
pub struct Placement {
    pub columns: Vec<String>,
    pub vindex: Arc<dyn Vindex>,
}

/// Every vindex of a vschema that promises something.
pub fn of_vschema(vschema: &VSchema) -> Vec<Watched> {
    let mut watched = Vec::new();
    for (keyspace, source) in &vschema.source.keyspaces {
        for (table, definition) in &source.tables {
            let mut is_later = false;
            for column_vindex in &definition.column_vindexes {
                let Some(vindex) = source.vindexes.get(&column_vindex.name) else { continue };
                let unique = match vindex.type_name.as_str() {
                    "consistent_lookup_unique" => true,
                    "consistent_lookup" => false,
                    other => {
                        // One that commits by itself undoes nothing.
                        let alone = param(vindex, "autocommit") == "true";
                        is_later |= other.contains("lookup") && vindex.owner == *table && !alone;
                        continue;
                    }
                };
                if vindex.owner == *table {
                    let own = watch(vschema, (keyspace, table), column_vindex, vindex);
                    watched.push(Watched { unique, is_later, ..own });
                    is_later = true;
                }
            }
        }
    }
    watched
}

/// Every lookup that no table owns and one table uses: streams alone fill it.
pub fn unowned(vschema: &VSchema) -> Vec<Watched> {
    let mut watched = Vec::new();
    for (keyspace, source) in &vschema.source.keyspaces {
        for (name, vindex) in &source.vindexes {
            if !vindex.type_name.contains("lookup") || !vindex.owner.is_empty() {
                continue;
            }
            let users = source.tables.iter().flat_map(|(table, definition)| {
                let own = definition.column_vindexes.iter().filter(|own| own.name == *name);
                own.map(move |own| (table, own))
            });
            if let [(table, own)] = users.collect::<Vec<_>>()[..] {
                watched.push(watch(vschema, (keyspace, table), own, vindex));
            }
        }
    }
    watched
}

fn watch(
    vschema: &VSchema,
    (keyspace, table): (&str, &str),
    column_vindex: &ColumnVindexSource,
    vindex: &VindexSource,
) -> Watched {
    Watched {
        keyspace: keyspace.into(),
        name: column_vindex.name.as_str().into(),
        owner: Side {
            keyspace: keyspace.into(),
            table: table.into(),
            columns: column_vindex.column_names().to_vec(),
            placed_by: placement(vschema, keyspace, table),
        },
        lookup: lookup_side(vschema, keyspace, vindex),
        to: param(vindex, "to").to_owned(),
        unique: false,
        write_only: param(vindex, "write_only") == "true",
        ignores_nulls: param(vindex, "ignore_nulls") == "true",
        since: 0,
        is_later: false,
        collations: None,
    }
}

impl Watched {
    /// Whether it is the same vindex over the same tables, whatever its flags.
    pub fn is(&self, other: &Watched) -> bool {
        let same = |a: &Side, b: &Side| {
            a.keyspace == b.keyspace && a.table == b.table && a.columns == b.columns
        };
        self.keyspace == other.keyspace
            && self.name == other.name
            && self.to == other.to
            && same(&self.owner, &other.owner)
            && same(&self.lookup, &other.lookup)
    }

    /// Whether a stream may have made an entry's values of a NULL: INSERT IGNORE writes the zero of
    /// a column that takes none.
    pub fn may_be_of_null(&self, values: &[Value]) -> bool {
        let is_zero = |value: &Value| match value {
            Value::Text(text) => text.is_empty(),
            Value::Bytes(bytes) => bytes.iter().all(|byte| *byte == 0),
            Value::Int(number) => *number == 0,
            Value::Uint(number) => *number == 0,
            Value::Float(number) => *number == 0.0,
            _ => false,
        };
        !self.ignores_nulls && values.iter().any(is_zero)
    }

    /// `customer.corder_lookup`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.keyspace, self.name)
    }
}

impl Placement {
    /// The keyspace id of a row of the table.
    pub fn keyspace_id(&self, table: &schema::Table, row: &[Value]) -> Option<KeyspaceId> {
        let places = value::places(table, &self.columns)?;
        value::keyspace_id(&*self.vindex, &value::pick(row, &places)?)
    }
}

fn lookup_side(vschema: &VSchema, keyspace: &str, vindex: &VindexSource) -> Side {
    let (keyspace, table) = vindex.lookup_table(keyspace);
    Side {
        keyspace: keyspace.as_str().into(),
        table: table.as_str().into(),
        columns: from(vindex),
        placed_by: placement(vschema, &keyspace, &table),
    }
}

/// The lookup table's columns of the values.
pub(super) fn from(vindex: &VindexSource) -> Vec<String> {
    param(vindex, "from").split(',').map(|name| name.trim().to_owned()).collect()
}

fn placement(vschema: &VSchema, keyspace: &str, table: &str) -> Option<Placement> {
    let source: &KeyspaceSource = vschema.source.keyspaces.get(keyspace)?;
    let first = source.tables.get(table).filter(|_| source.sharded)?.column_vindexes.first()?;
    let vindex = vschema.keyspaces.get(keyspace)?.vindexes.get(&first.name)?;
    vindex.functional()?;
    Some(Placement { columns: first.column_names().to_vec(), vindex: Arc::clone(vindex) })
}

fn param<'a>(vindex: &'a VindexSource, name: &str) -> &'a str {
    vindex.params.get(name).map_or("", String::as_str)
}
