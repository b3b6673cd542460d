//! A keyspace of a vschema.
//!
//! It knows nothing of its shards.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::vindex::Vindex;
use crate::vschema::source::MultiTenantSpec;
use crate::vschema::{ForeignKeyMode, Table, VSchemaError};

/// A keyspace.
#[derive(Clone, Debug)]
pub struct Keyspace {
    pub name: String,
    pub sharded: bool,
    /// Never unspecified.
    pub foreign_key_mode: ForeignKeyMode,
    pub tables: BTreeMap<String, Arc<Table>>,
    pub vindexes: BTreeMap<String, Arc<dyn Vindex>>,
    /// The SQL text of each view, which schema tracking brings.
    pub views: BTreeMap<String, String>,
    pub require_explicit_routing: bool,
    pub multi_tenant_spec: Option<MultiTenantSpec>,
    /// Why the keyspace is not to be relied on.
    pub error: Option<VSchemaError>,
}
