//! The schema of a case: keyspaces with their shards, their vschemas and their tables' definitions.
//!
//! It is drawn ([`drawn`]) or a team's own ([`given`]); from here on nothing knows which. What
//! clients may do with its tables is [`super::tables`]'s.

pub mod drawn;
pub mod given;

use crate::vschema::source::KeyspaceSource;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// In the order in which a scenario names them.
    pub keyspaces: Vec<Keyspace>,
    /// The keyspace that sessions begin in.
    pub home: String,
    /// `insert` statements that come before everything else: of rows that clients need and do not
    /// write.
    pub rows: Vec<String>,
}

/// A keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyspace {
    pub name: String,
    /// Their names, with commas between.
    pub shards: String,
    pub vschema: KeyspaceSource,
    /// `create table` statements.
    pub definitions: Vec<String>,
}

impl Keyspace {
    pub fn shards(&self) -> impl Iterator<Item = &str> {
        self.shards.split(',')
    }
}

impl Schema {
    /// With one thing less each: a vindex of a table that is not its first, or a flag of one, or
    /// what a sequence fills in.
    pub fn simpler(&self) -> Vec<Schema> {
        let mut simpler = Vec::new();
        for (at, keyspace) in self.keyspaces.iter().enumerate() {
            for (name, table) in &keyspace.vschema.tables {
                for nth in 1..table.column_vindexes.len() {
                    let mut schema = self.clone();
                    let vschema = &mut schema.keyspaces[at].vschema;
                    if let Some(table) = vschema.tables.get_mut(name) {
                        let gone = table.column_vindexes.remove(nth).name;
                        vschema.forget(&gone);
                        simpler.push(schema);
                    }
                }
            }
            for (name, _) in
                keyspace.vschema.tables.iter().filter(|(_, t)| t.auto_increment.is_some())
            {
                let mut schema = self.clone();
                if let Some(table) = schema.keyspaces[at].vschema.tables.get_mut(name) {
                    table.auto_increment = None;
                    simpler.push(schema);
                }
            }
            for (name, vindex) in &keyspace.vschema.vindexes {
                for param in vindex.params.keys().filter(|param| is_flag(param)) {
                    let mut schema = self.clone();
                    if let Some(vindex) = schema.keyspaces[at].vschema.vindexes.get_mut(name) {
                        vindex.params.remove(param);
                        simpler.push(schema);
                    }
                }
            }
        }
        simpler
    }

    /// With two shards where a keyspace has more.
    pub fn with_fewer_shards(&self) -> Schema {
        let mut schema = self.clone();
        for keyspace in &mut schema.keyspaces {
            if 2 < keyspace.shards().count() {
                keyspace.shards = TWO_SHARDS.to_owned();
            }
        }
        schema
    }
}

const TWO_SHARDS: &str = "-80,80-";

/// Whether a lookup does without a parameter.
fn is_flag(param: &str) -> bool {
    !matches!(param, "table" | "from" | "to")
}

impl KeyspaceSource {
    /// Takes a vindex away that no table has any more.
    fn forget(&mut self, name: &str) {
        let mut used = self.tables.values().flat_map(|table| &table.column_vindexes);
        if !used.any(|vindex| vindex.name == name) {
            self.vindexes.remove(name);
        }
    }
}
