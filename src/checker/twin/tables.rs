//! Which tables one server can stand beside, as the vschema declares them.
//!
//! Sharded tables whose uniqueness a cluster keeps as one server does: every unique key has the
//! primary vindex's columns in it, or is that of a unique lookup, which becomes a key of the one
//! server's table. Not those with sequences, foreign keys, columns that a text type makes too long
//! for a key, lookups that commit by themselves or are somebody else's, a lookup table that is
//! keyed by other columns or compares them otherwise. Nor lookup tables: nobody's statements write
//! those.
//!
//! It knows nothing of statements.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::schema::{Column, Table};

use crate::checker::statement;
use crate::checker::watched::{columns, from, lookup_table};
use crate::vschema::VSchema;
use crate::vschema::source::{ColumnVindexSource, ForeignKeyMode, KeyspaceSource};

/// A table that the vschema lets be compared.
#[derive(Clone, Debug)]
pub struct Declared {
    pub keyspace: Rc<str>,
    pub table: Rc<str>,
    /// The primary vindex's columns.
    placed_by: Vec<String>,
    lookups: Vec<DeclaredLookup>,
}

/// One of its owned lookups.
#[derive(Clone, Debug)]
struct DeclaredLookup {
    /// The owner's columns.
    columns: Vec<String>,
    unique: bool,
    keyspace: String,
    table: String,
    /// The lookup table's columns, in the same order.
    from: Vec<String>,
}

/// A table of the one server.
#[derive(Clone, Debug)]
pub struct TwinTable {
    pub keyspace: Rc<str>,
    pub schema: Arc<Table>,
    /// Columns of the keys that are added, one for each unique lookup.
    pub unique: Vec<Vec<String>>,
}

/// All that a vschema has.
pub fn declared(vschema: &VSchema) -> Vec<Declared> {
    let source = &vschema.source;
    let is_renamed = !source.routing_rules.is_empty()
        || !source.keyspace_routing_rules.is_empty()
        || !source.shard_routing_rules.is_empty()
        || !source.mirror_rules.is_empty();
    if is_renamed {
        return Vec::new();
    }
    let mut lookup_tables = BTreeSet::new();
    for (keyspace, of) in &source.keyspaces {
        lookup_tables.extend(of.vindexes.values().map(|vindex| lookup_table(keyspace, vindex)));
    }
    let mut all = Vec::new();
    for (keyspace, of) in &source.keyspaces {
        let is_plain = of.sharded
            && of.foreign_key_mode != ForeignKeyMode::Managed
            && of.multi_tenant_spec.is_none();
        for (table, definition) in of.tables.iter().filter(|_| is_plain) {
            let is_plain = definition.type_name.is_empty()
                && definition.auto_increment.is_none()
                && definition.pinned.is_empty()
                && !lookup_tables.contains(&(keyspace.clone(), table.clone()));
            let Some((first, others)) = definition.column_vindexes.split_first() else { continue };
            let lookups = others.iter().map(|vindex| declared_lookup(keyspace, table, of, vindex));
            // A functional vindex that is not the first only routes.
            let lookups: Option<Vec<Option<DeclaredLookup>>> = lookups.collect();
            if let Some(lookups) = lookups.filter(|_| is_plain) {
                all.push(Declared {
                    keyspace: keyspace.as_str().into(),
                    table: table.as_str().into(),
                    placed_by: columns(first),
                    lookups: lookups.into_iter().flatten().collect(),
                });
            }
        }
    }
    all
}

/// None where the table cannot be compared; inside, none where the vindex is no lookup.
fn declared_lookup(
    keyspace: &str,
    table: &str,
    of: &KeyspaceSource,
    column_vindex: &ColumnVindexSource,
) -> Option<Option<DeclaredLookup>> {
    let vindex = of.vindexes.get(&column_vindex.name)?;
    if !vindex.type_name.contains("lookup") {
        return Some(None);
    }
    let commits_aside = vindex.params.get("autocommit").is_some_and(|flag| flag == "true");
    if vindex.owner != table || commits_aside {
        return None;
    }
    let (lookup_keyspace, lookup_table) = lookup_table(keyspace, vindex);
    Some(Some(DeclaredLookup {
        columns: columns(column_vindex),
        unique: vindex.type_name.contains("unique"),
        keyspace: lookup_keyspace,
        table: lookup_table,
        from: from(vindex),
    }))
}

impl Declared {
    /// The one server's table; none where definitions forbid it. `definition` gives those of tables
    /// by keyspace and name.
    pub fn table(
        &self,
        definition: impl Fn(&str, &str) -> Option<Arc<Table>>,
    ) -> Option<TwinTable> {
        let schema = definition(&self.keyspace, &self.table)?;
        let plain = schema.has_primary_key()
            && schema.constraints.is_empty()
            && schema.columns.iter().all(|c| c.generated.is_none() && !c.auto_increment);
        let has = |names: &[String], name: &str| {
            names.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        let keys = schema.indexes.iter().filter(|index| index.unique).map(|index| {
            let names = index.parts.iter().filter_map(|part| schema.columns.get(part.column));
            names.map(|column| column.name.to_string()).collect::<Vec<String>>()
        });
        let keys: Vec<Vec<String>> = keys.collect();
        let is_placed = |key: &Vec<String>| self.placed_by.iter().all(|name| has(key, name));
        if !plain || !keys.iter().all(is_placed) {
            return None;
        }
        let mut unique = Vec::new();
        for lookup in &self.lookups {
            let table = definition(&lookup.keyspace, &lookup.table)?;
            let own = columns_of(&schema, &lookup.columns)?;
            let theirs = columns_of(&table, &lookup.from)?;
            let compare_alike = own.iter().zip(&theirs).all(|(own, their)| {
                own.ty.name == their.ty.name && own.collation == their.collation
            });
            let fit_a_key = own.iter().all(|c| statement::is_integer(c) || statement::is_text(c));
            if !compare_alike || own.len() != theirs.len() || !fit_a_key && lookup.unique {
                return None;
            }
            match lookup.unique {
                true => unique.push(lookup.columns.clone()),
                // What one server may hold twice, the lookup table must as well.
                false if keys.iter().any(|key| key.iter().all(|n| has(&lookup.columns, n))) => {}
                false => return None,
            }
        }
        Some(TwinTable {
            keyspace: Rc::clone(&self.keyspace),
            schema: renamed(&schema, self),
            unique,
        })
    }
}

/// The definition, in a database with the keyspace's name.
fn renamed(schema: &Arc<Table>, declared: &Declared) -> Arc<Table> {
    Arc::new(Table { database: (&*declared.keyspace).into(), ..(**schema).clone() })
}

fn columns_of<'a>(table: &'a Table, names: &[String]) -> Option<Vec<&'a Column>> {
    names.iter().map(|name| table.columns.get(table.column(name)?)).collect()
}
