//! Which tables one server can stand beside, as the vschema declares them.
//!
//! Sharded tables whose uniqueness a cluster keeps as one server does: every unique key has the
//! primary vindex's columns in it, or is that of a unique lookup, which becomes a key of the one
//! server's table. Not those with foreign keys, a functional vindex beside the first that is
//! another or cannot be reversed, columns that a text type makes too long for a key, lookups that
//! commit by themselves or lock less than by default, a lookup table that is keyed by other columns
//! or compares them otherwise. Nor lookup tables: nobody's statements write those.
//!
//! A lookup that another table owns is no key of this one: it is asked whether a row's value leads
//! to the row's keyspace id ([`Borrowed`]). Not where it is not asked (`write_only`, `no_verify`).
//!
//! It knows nothing of statements.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::schema::{Column, Table};

use crate::checker::statement;
use crate::checker::watched::from;
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
    pub borrowed: Vec<Borrowed>,
    numbered: Option<String>,
    mirrors: Vec<(String, String)>,
}

/// A lookup that another table owns. A row's value must be that of a row of the owner with the same
/// primary vindex columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Borrowed {
    /// The column that is asked for: a lookup's first.
    pub column: String,
    /// The owner, its column of the value.
    pub owner: String,
    pub owner_column: String,
    /// The primary vindex's columns here and there: of one vindex.
    pub placed_by: Vec<(String, String)>,
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
    write_only: bool,
    ignores_nulls: bool,
    no_verify: bool,
}

/// A table of the one server.
#[derive(Clone, Debug)]
pub struct TwinTable {
    pub keyspace: Rc<str>,
    pub schema: Arc<Table>,
    /// Columns of the keys that are added, one for each unique lookup.
    pub unique: Vec<Vec<String>>,
    pub borrowed: Vec<Borrowed>,
    /// The column that a sequence fills in.
    pub numbered: Option<String>,
    /// Columns that the primary vindex is for as well, each with that which it is first for.
    pub mirrors: Vec<(String, String)>,
    /// The columns of each lookup of several that leaves out rows with a NULL in any of them.
    pub partial: Vec<Vec<String>>,
    /// Each row has a keyspace id of its own, and no lookup is only written or not verified: of its
    /// rows IGNORE leaves out what one server would.
    pub ignores_alike: bool,
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
        lookup_tables.extend(of.vindexes.values().map(|vindex| vindex.lookup_table(keyspace)));
    }
    let mut all = Vec::new();
    for (keyspace, of) in &source.keyspaces {
        let is_plain = of.sharded
            && of.foreign_key_mode != ForeignKeyMode::Managed
            && of.multi_tenant_spec.is_none();
        for (table, definition) in of.tables.iter().filter(|_| is_plain) {
            let is_plain = definition.type_name.is_empty()
                && definition.pinned.is_empty()
                && !lookup_tables.contains(&(keyspace.clone(), table.clone()));
            let Some((first, others)) = definition.column_vindexes.split_first() else { continue };
            let used = others.iter().map(|vindex| Used::of(keyspace, table, first, of, vindex));
            let used: Option<Vec<Used>> = used.collect();
            if let Some(used) = used.filter(|_| is_plain) {
                let mut declared = Declared {
                    keyspace: keyspace.as_str().into(),
                    table: table.as_str().into(),
                    placed_by: first.column_names().to_vec(),
                    lookups: Vec::new(),
                    borrowed: Vec::new(),
                    numbered: definition.auto_increment.as_ref().map(|of| of.column.clone()),
                    mirrors: Vec::new(),
                };
                for used in used {
                    match used {
                        Used::Mirror(mirror, placing) => declared.mirrors.push((mirror, placing)),
                        Used::Owned(lookup) => declared.lookups.push(lookup),
                        Used::Borrowed(lookup) => declared.borrowed.push(lookup),
                    }
                }
                all.push(declared);
            }
        }
    }
    all
}

/// What a table has of a vindex that is not its first.
enum Used {
    /// The primary one, for another column: this one, and that of the primary vindex.
    Mirror(String, String),
    Owned(DeclaredLookup),
    Borrowed(Borrowed),
}

impl Used {
    /// None where the table cannot be compared.
    fn of(
        keyspace: &str,
        table: &str,
        first: &ColumnVindexSource,
        of: &KeyspaceSource,
        column_vindex: &ColumnVindexSource,
    ) -> Option<Used> {
        let vindex = of.vindexes.get(&column_vindex.name)?;
        if !vindex.type_name.contains("lookup") {
            let is_mirror = column_vindex.name == first.name && is_reversible(&vindex.type_name);
            let ([own], [placing]) = (column_vindex.column_names(), first.column_names()) else {
                return None;
            };
            return is_mirror.then(|| Used::Mirror(own.clone(), placing.clone()));
        }
        let is_on = |name: &str| vindex.params.get(name).is_some_and(|flag| flag == "true");
        // By itself an entry comes at once, also of a row that is taken back, and none ever goes:
        // in a unique one such an entry is in the way of others.
        let comes_at_once = is_on("autocommit");
        if is_on("multi_shard_autocommit")
            || comes_at_once && (vindex.type_name.contains("unique") || vindex.owner != table)
        {
            return None;
        }
        // A change that finds its rows without a lock does not see its own transaction's entries.
        if vindex.params.get("read_lock").is_some_and(|lock| lock != "exclusive") {
            return None;
        }
        if vindex.owner == table {
            let (lookup_keyspace, lookup_table) = vindex.lookup_table(keyspace);
            return Some(Used::Owned(DeclaredLookup {
                columns: column_vindex.column_names().to_vec(),
                unique: vindex.type_name.contains("unique"),
                keyspace: lookup_keyspace,
                table: lookup_table,
                from: from(vindex),
                write_only: is_on("write_only"),
                ignores_nulls: is_on("ignore_nulls"),
                no_verify: is_on("no_verify"),
            }));
        }
        if is_on("write_only") || is_on("no_verify") {
            return None;
        }
        let owner = of.tables.get(&vindex.owner)?;
        let owners_first = owner.column_vindexes.first().filter(|own| own.name == first.name)?;
        let owned = owner.column_vindexes.iter().find(|own| own.name == column_vindex.name)?;
        let placed_by = first.column_names().iter().zip(owners_first.column_names());
        Some(Used::Borrowed(Borrowed {
            column: column_vindex.column_names().first()?.clone(),
            owner: vindex.owner.clone(),
            owner_column: owned.column_names().first()?.clone(),
            placed_by: placed_by.map(|(own, theirs)| (own.clone(), theirs.clone())).collect(),
        }))
    }
}

/// Whether a keyspace id says which value it is of.
fn is_reversible(type_name: &str) -> bool {
    ["hash", "numeric", "binary", "reverse_bits"].contains(&type_name)
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
        let primary = schema.indexes.first()?.parts.iter();
        let mut primary = primary.filter_map(|part| schema.columns.get(part.column));
        let is_keyed_by_id = primary.all(|column| has(&self.placed_by, &column.name));
        Some(TwinTable {
            keyspace: Rc::clone(&self.keyspace),
            schema: renamed(&schema, self),
            unique,
            borrowed: self.borrowed.clone(),
            numbered: self.numbered.clone(),
            mirrors: self.mirrors.clone(),
            partial: self.partial(),
            ignores_alike: is_keyed_by_id
                && !self.lookups.iter().any(|lookup| lookup.write_only || lookup.no_verify),
        })
    }
}

impl Declared {
    fn partial(&self) -> Vec<Vec<String>> {
        let all = self.lookups.iter().filter(|lookup| lookup.ignores_nulls && !lookup.write_only);
        all.map(|lookup| lookup.columns.clone()).filter(|columns| 1 < columns.len()).collect()
    }
}

/// The definition, in a database with the keyspace's name.
fn renamed(schema: &Arc<Table>, declared: &Declared) -> Arc<Table> {
    Arc::new(Table { database: (&*declared.keyspace).into(), ..(**schema).clone() })
}

fn columns_of<'a>(table: &'a Table, names: &[String]) -> Option<Vec<&'a Column>> {
    names.iter().map(|name| table.columns.get(table.column(name)?)).collect()
}
