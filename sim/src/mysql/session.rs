//! A connection's state on the server: its database, variables, and what LOCK TABLES gave it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::gtid::Gtid;
use super::metadata::TablePath;
use super::outcome::Outcome;
use super::transaction::{Isolation, TrxId};
use crate::sql::ast::Statement;
use crate::sql_error::SqlError;
use crate::value::Value;

/// Variables by lower-case name, shared with the statements that may show them.
pub type Variables = Arc<BTreeMap<Arc<str>, Value>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What makes a session's variables differ from those of another one on its server.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    autocommit: bool,
    foreign_key_checks: bool,
    isolation: Isolation,
    timeouts: [std::time::Duration; 2],
    variables: BTreeMap<Arc<str>, Value>,
}

#[derive(Debug)]
pub struct Session {
    pub id: ConnectionId,
    /// `user@host`.
    pub user: Arc<str>,
    /// Who is behind the connection, in the caller's words: for traces and the binlog.
    pub tag: Arc<str>,
    pub database: Option<Arc<str>>,
    pub transaction: Option<TrxId>,
    pub autocommit: bool,
    pub isolation: Isolation,
    /// SET TRANSACTION without SESSION.
    pub next_isolation: Option<Isolation>,
    pub lock_wait_timeout: std::time::Duration,
    pub metadata_timeout: std::time::Duration,
    pub foreign_key_checks: bool,
    /// Everything else that SET may say, by lower-case name; where absent, the global default.
    pub variables: BTreeMap<Arc<str>, Value>,
    /// All variables as SELECT shows them, and the server's epoch that they belong to.
    pub shown_variables: Option<(u64, Variables)>,
    pub user_variables: BTreeMap<Arc<str>, Value>,
    /// Locked by LOCK TABLES; true for WRITE.
    pub locked_tables: Option<BTreeMap<TablePath, bool>>,
    /// User-level locks by name, and how often each was taken.
    pub user_locks: BTreeMap<Arc<str>, u64>,
    /// How long GET_LOCK() waits.
    pub user_lock_timeout: std::time::Duration,
    /// By name in lower case.
    pub prepared: BTreeMap<Arc<str>, Prepared>,
    /// What it is doing.
    pub running: Option<Running>,
    pub last_insert_id: u64,
    pub row_count: i64,
    pub found_rows: u64,
    pub warnings: Vec<SqlError>,
    /// The last of the warnings is the statement's error.
    pub failed: bool,
    /// The session's metadata request closed a cycle and lost.
    pub metadata_victim: bool,
    /// The GTID that the next commit is to have: a replicated definition's.
    pub next_gtid: Option<Gtid>,
    /// A replication applier may write where read_only forbids it.
    pub applier: bool,
}

/// PREPARE's work.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub statement: Arc<crate::sql::ast::Statement>,
    pub text: Arc<str>,
    /// How many `?` it has.
    pub markers: usize,
}

/// A statement under way.
#[derive(Clone, Debug)]
pub struct Running {
    /// As the client sent it; none where it came as a tree.
    pub sent: Option<Arc<str>>,
    pub statement: Option<Arc<Statement>>,
    pub since: jiff::Timestamp,
}

impl Running {
    /// As the client sent it, or as the tree prints.
    pub fn text(&self) -> Arc<str> {
        let printed = || self.statement.as_ref().map_or_else(String::new, |s| s.to_string());
        self.sent.clone().unwrap_or_else(|| printed().into())
    }
}

impl Session {
    pub fn new(
        id: ConnectionId,
        user: &str,
        database: Option<&str>,
        isolation: Isolation,
    ) -> Session {
        Session {
            id,
            user: user.into(),
            tag: user.into(),
            database: database.map(Arc::from),
            transaction: None,
            autocommit: true,
            isolation,
            next_isolation: None,
            lock_wait_timeout: std::time::Duration::from_secs(50),
            metadata_timeout: std::time::Duration::from_secs(31_536_000),
            foreign_key_checks: true,
            variables: BTreeMap::new(),
            shown_variables: None,
            user_variables: BTreeMap::new(),
            locked_tables: None,
            user_locks: BTreeMap::new(),
            user_lock_timeout: std::time::Duration::ZERO,
            prepared: BTreeMap::new(),
            running: None,
            last_insert_id: 0,
            row_count: -1,
            found_rows: 0,
            warnings: Vec::new(),
            failed: false,
            metadata_victim: false,
            next_gtid: None,
            applier: false,
        }
    }

    /// What SELECT shows of it.
    pub fn settings(&self) -> Settings {
        Settings {
            autocommit: self.autocommit,
            foreign_key_checks: self.foreign_key_checks,
            isolation: self.isolation,
            timeouts: [self.lock_wait_timeout, self.metadata_timeout],
            variables: self.variables.clone(),
        }
    }

    /// Tables that it has locked, or a transaction: what SET GLOBAL read_only refuses.
    pub fn holds_something(&self) -> bool {
        self.locked_tables.is_some() || self.transaction.is_some()
    }

    /// It has locked tables for writing: whoever wants nobody to write waits for it.
    pub fn locks_for_writing(&self) -> bool {
        self.locked_tables.as_ref().is_some_and(|tables| tables.values().any(|write| *write))
    }

    /// root and the Vitess users with CONNECTION_ADMIN may write under read_only.
    pub fn is_super(&self) -> bool {
        self.user.starts_with("root") || self.user.starts_with("vt_dba")
    }

    /// What later statements may ask of this one: ROW_COUNT(), LAST_INSERT_ID(), SHOW WARNINGS.
    pub fn note(&mut self, outcome: &Outcome, warnings: bool) {
        self.row_count = if outcome.is_result_set() { -1 } else { outcome.affected as i64 };
        if outcome.generated {
            self.last_insert_id = outcome.last_insert_id;
        }
        if warnings {
            self.warnings.clone_from(&outcome.warnings);
            self.failed = false;
        }
    }

    pub fn note_error(&mut self, error: &SqlError) {
        self.row_count = -1;
        self.warnings = vec![error.clone()];
        self.failed = true;
    }

    /// Does what the session commits go to the binlog?
    pub fn logs(&self) -> bool {
        self.variables.get("sql_log_bin") != Some(&Value::Int(0))
    }

    pub fn has_mode(&self, mode: &str) -> bool {
        let modes = match self.variables.get("sql_mode") {
            Some(Value::Text(modes)) => modes,
            _ => SQL_MODE,
        };
        modes.split(',').any(|own| own.eq_ignore_ascii_case(mode))
    }
}

/// MySQL 8.4's default.
pub const SQL_MODE: &str = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
                            ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
