//! What planning reads of the server's set-up and of the session, beside the vschema.
//!
//! It knows nothing of where these are set.

use std::collections::{BTreeMap, BTreeSet};

/// Part of a plan cache's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Environment {
    /// The connection's, by MySQL's name.
    pub collation: String,
    /// The version that vtgate shows, which decides what is a system table's column.
    pub mysql_version: String,
    /// What the session has set; None where it has set nothing.
    pub foreign_key_checks: Option<bool>,
    /// What the session has set as `sql_select_limit`: the outermost SELECT gets it as its LIMIT
    /// where it has none.
    pub select_limit: Option<u64>,
    /// Whether a SET of a MySQL variable may reserve a connection (`enable_system_settings`).
    pub system_settings: bool,
    /// Whether vtgate keeps views (`enable_views`).
    pub views: bool,
    /// By name, the text of a prepared statement and how many parameters it has.
    pub prepared: BTreeMap<String, (String, usize)>,
    /// The session's user variables that hold text; lower case.
    pub user_variables: BTreeMap<String, String>,
    /// The keyspace that stands in where a statement names none; None is the first by name.
    pub any_keyspace: Option<String>,
    /// The keyspaces that exist as far as CREATE and DROP DATABASE know; None is all of the
    /// vschema's.
    pub databases: Option<BTreeSet<String>>,
    /// What SHOW VSCHEMA VINDEXES knows, by keyspace the tables, if that is not the vschema: the
    /// vschema that topo served last may be behind.
    pub shown_tables: Option<BTreeMap<String, BTreeSet<String>>>,
    /// The session's target as its client wrote it (`ks:-80@replica`), for messages.
    pub target: String,
}

impl Default for Environment {
    fn default() -> Environment {
        Environment {
            collation: "utf8mb4_0900_ai_ci".to_string(),
            mysql_version: "8.4.6".to_string(),
            foreign_key_checks: None,
            select_limit: None,
            system_settings: true,
            views: true,
            prepared: BTreeMap::new(),
            user_variables: BTreeMap::new(),
            any_keyspace: None,
            databases: None,
            shown_tables: None,
            target: String::new(),
        }
    }
}
