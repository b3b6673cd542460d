//! The vschema: which tables live in which keyspace, and by which vindexes their rows are placed.
//!
//! ```text
//!   JSON --SrvVSchema::parse--> source --VSchema::build--> tables, vindexes, rules
//!                                                     └--> what is wrong, and where
//! ```
//!
//! Building never fails as a whole: an error belongs to a keyspace, a rule or a table, the rest
//! goes on, and queries that meet it get it. Where upstream walks Go maps, names are taken in
//! order, so which of several errors a keyspace reports does not depend on the run. See
//! `go/vt/vtgate/vindexes/vschema.go`.
//!
//! It knows nothing of queries, shards or topo.

pub mod build;
mod build_keyspace;
mod built;
pub mod choose;
pub mod ddl;
pub mod definition;
pub mod error;
pub mod find;
pub mod json;
pub mod keyspace;
pub mod place;
mod reference;
pub mod routing;
mod sequence;
pub mod source;
pub mod table;
pub mod table_name;
pub mod tracked;

pub use build::{Build, Problem};
pub use error::VSchemaError;
pub use keyspace::Keyspace;
pub use source::{ForeignKeyMode, KeyspaceSource, SrvVSchema};
pub use table::{AutoIncrement, Column, ColumnVindex, Table, TableType};
pub use table_name::TableName;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::vindex::Vindex;
use routing::{MirrorRule, RoutingRule, ShardRoutingKey};
use tracked::Tracked;

/// A vschema, built.
#[derive(Clone, Debug)]
pub struct VSchema {
    /// What it was built from.
    pub source: SrvVSchema,
    pub keyspaces: BTreeMap<String, Keyspace>,
    /// The keyspace of a table whose name is that of no other table or view.
    global_tables: BTreeMap<String, Global<String>>,
    /// The keyspace of a view whose name is that of no other table or view.
    global_views: BTreeMap<String, Global<String>>,
    global_vindexes: BTreeMap<String, Global<Arc<dyn Vindex>>>,
    routing_rules: BTreeMap<String, RoutingRule>,
    shard_routing_rules: BTreeMap<ShardRoutingKey, String>,
    keyspace_routing_rules: BTreeMap<String, String>,
    mirror_rules: BTreeMap<String, MirrorRule>,
    tracked: Tracked,
}

/// What a name without a keyspace means.
#[derive(Clone, Debug)]
enum Global<T> {
    Unique(T),
    Ambiguous,
}

#[cfg(test)]
mod properties;
