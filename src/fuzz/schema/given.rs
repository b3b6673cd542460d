//! A team's own schema: vschemas, table definitions, and perhaps statements.
//!
//! What varies from run to run is how many shards the keyspaces have. It knows nothing of files.

use sim::seed::Draw;
use sim::sql::ast::{CreateTable, Ident, Statement};

use super::{Keyspace, Schema, TWO_SHARDS};
use crate::fuzz::profile::Profile;
use crate::fuzz::tables::{self, BadTables, Table, escaped};
use crate::fuzz::workload::{BadQueries, Queries};
use crate::vschema::SrvVSchema;
use crate::vschema::definition::Definition;

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Given {
    schema: Schema,
    tables: Vec<Table>,
    queries: Option<Queries>,
}

/// A schema that no workload can be made for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGiven {
    #[error("the vschema has no keyspace")]
    NoKeyspace,
    #[error("routing rules and mirror rules cannot be part of a fuzzed vschema")]
    Rules,
    #[error(transparent)]
    Tables(#[from] BadTables),
    #[error(transparent)]
    Queries(#[from] BadQueries),
}

impl Given {
    /// `queries` are statements, each with its line.
    pub fn new(
        vschema: &SrvVSchema,
        definitions: &[Definition],
        queries: Option<&[(usize, String)]>,
    ) -> Result<Given, BadGiven> {
        let has_rules = !vschema.routing_rules.is_empty()
            || !vschema.shard_routing_rules.is_empty()
            || !vschema.keyspace_routing_rules.is_empty()
            || !vschema.mirror_rules.is_empty();
        if has_rules {
            return Err(BadGiven::Rules);
        }
        let keyspaces = vschema.keyspaces.iter().map(|(name, source)| Keyspace {
            name: name.clone(),
            shards: if source.sharded { TWO_SHARDS } else { "0" }.to_owned(),
            vschema: source.clone(),
            definitions: definitions
                .iter()
                .filter(|definition| definition.keyspace == *name)
                .map(text)
                .collect(),
        });
        let mut keyspaces: Vec<Keyspace> = keyspaces.collect();
        // Sessions begin where lookups are owned, if there is such a keyspace.
        let owns = |keyspace: &Keyspace| {
            keyspace.vschema.vindexes.values().any(|vindex| !vindex.owner.is_empty())
        };
        keyspaces.sort_by_key(|keyspace| (owns(keyspace), keyspace.vschema.sharded));
        let home = keyspaces.last().ok_or(BadGiven::NoKeyspace)?.name.clone();
        let rows = keyspaces.iter().flat_map(numbers).collect();
        let schema = Schema { keyspaces, home, rows };
        let tables = tables::read(&schema)?;
        let queries = queries.map(|queries| Queries::parse(queries, &tables)).transpose()?;
        Ok(Given { schema, tables, queries })
    }

    /// The schema of a seed.
    pub fn draw(&self, draw: &mut Draw, profile: &Profile) -> Schema {
        let shards = draw.weighted(&[(8, TWO_SHARDS), (2, "-40,40-80,80-")]);
        let mut schema = self.schema.clone();
        for keyspace in schema.keyspaces.iter_mut().filter(|keyspace| keyspace.vschema.sharded) {
            keyspace.shards = if profile.fixed_cluster { TWO_SHARDS } else { shards }.to_owned();
        }
        schema
    }

    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    pub fn queries(&self) -> Option<&Queries> {
        self.queries.as_ref()
    }
}

/// The rows that a keyspace's sequences begin with.
fn numbers(keyspace: &Keyspace) -> Vec<String> {
    let mut rows = Vec::new();
    for (name, table) in &keyspace.vschema.tables {
        if table.type_name == "sequence" && !keyspace.vschema.sharded {
            let (keyspace, name) =
                (escaped(&Ident::new(&keyspace.name)), escaped(&Ident::new(name)));
            rows.push(format!(
                "insert into {keyspace}.{name} (id, next_id, cache) values (0, 1, 3)"
            ));
        }
    }
    rows
}

/// Without the keyspace, which is no database of the servers'.
fn text(definition: &Definition) -> String {
    let mut create: CreateTable = definition.create.clone();
    create.table.qualifier = None;
    Statement::CreateTable(create).to_string().replace('\t', "  ")
}
