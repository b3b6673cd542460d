//! What schema tracking tells of the tables on the shards, beyond what a vschema says.
//!
//! Columns that it finds become part of the vschema's tables; primary keys, views and functions
//! stand here. See `go/vt/vtgate/schema/tracker.go`. It knows nothing of how it was found out.

use std::collections::{BTreeMap, BTreeSet};

use crate::vschema::VSchema;

/// Beside a vschema: empty where nothing is tracked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracked {
    /// By keyspace and table, the columns of the primary key in order.
    primary_keys: BTreeMap<(String, String), Vec<String>>,
    /// The aggregate functions that were loaded into a keyspace's servers; lower case.
    aggregate_functions: BTreeMap<String, BTreeSet<String>>,
}

impl VSchema {
    /// Says which columns are a table's primary key.
    pub fn track_primary_key(&mut self, keyspace: &str, table: &str, columns: Vec<String>) {
        self.tracked.primary_keys.insert((keyspace.to_string(), table.to_string()), columns);
    }

    /// The primary key of a table, if it is known.
    pub fn primary_key(&self, keyspace: &str, table: &str) -> Option<&[String]> {
        let key = (keyspace.to_string(), table.to_string());
        self.tracked.primary_keys.get(&key).map(Vec::as_slice)
    }

    /// Says that a keyspace's servers have an aggregate function beyond MySQL's.
    pub fn track_aggregate_function(&mut self, keyspace: &str, name: &str) {
        let names = self.tracked.aggregate_functions.entry(keyspace.to_string()).or_default();
        names.insert(name.to_ascii_lowercase());
    }

    /// The aggregate functions beyond MySQL's, of all keyspaces; lower case.
    pub fn aggregate_functions(&self) -> BTreeSet<String> {
        self.tracked.aggregate_functions.values().flatten().cloned().collect()
    }
}
