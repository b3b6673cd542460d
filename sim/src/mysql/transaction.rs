//! A transaction: what it changed, what it sees, and where it can go back to.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::binlog::Event;
use super::gtid::Gtid;
use super::key::{Key, TableId};
use super::lock::mode::Mode;
use super::session::ConnectionId;
use super::view::ReadView;

/// Names a transaction inside one server. Ids are given in order of start, and a read view needs
/// nothing else to tell what was committed before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrxId(pub u64);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    #[default]
    RepeatableRead,
    Serializable,
}

#[derive(Debug)]
pub struct Transaction {
    pub id: TrxId,
    pub connection: ConnectionId,
    pub isolation: Isolation,
    pub started: jiff::Timestamp,
    /// Intention locks: a table with X has IX. Kept to the end.
    intentions: SmallVec<[(TableId, Mode); 2]>,
    pub read_only: bool,
    /// Begun by BEGIN or under autocommit=0: it outlives its statement.
    pub explicit: bool,
    pub view: Option<Arc<ReadView>>,
    /// The records that were changed, in order; undoing one takes its newest version away.
    pub undo: SmallVec<[(TableId, Key); 2]>,
    /// What the binlog will say.
    pub events: Vec<Event>,
    pub savepoints: Vec<(Arc<str>, Mark)>,
    /// A read or change of rows has happened: from here on a savepoint keeps row locks.
    pub entered_engine: bool,
    /// A row was logged, though it may have been undone: from here on savepoints are logged too.
    pub entered_binlog: bool,
    /// A statement has locked what is in the way of a new row; until it ends, the transaction's
    /// locks are inherited below REPEATABLE READ too.
    pub checks_duplicates: bool,
    /// Chosen as a deadlock's victim while it waited.
    pub doomed: bool,
    pub stage: Stage,
    /// A replicated transaction keeps its source's GTID.
    pub gtid: Option<Gtid>,
}

/// How far a commit has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Active,
    Prepared,
    /// In the binlog: only a crash that loses the binlog's tail undoes it now.
    Logged,
}

/// A point inside a transaction to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub undo: usize,
    pub events: usize,
    pub entered_engine: bool,
    pub entered_binlog: bool,
}

impl Transaction {
    pub fn new(
        id: TrxId,
        connection: ConnectionId,
        isolation: Isolation,
        started: jiff::Timestamp,
    ) -> Transaction {
        Transaction {
            id,
            connection,
            isolation,
            started,
            intentions: SmallVec::new(),
            read_only: false,
            explicit: false,
            view: None,
            undo: SmallVec::new(),
            events: Vec::new(),
            savepoints: Vec::new(),
            entered_engine: false,
            entered_binlog: false,
            checks_duplicates: false,
            doomed: false,
            stage: Stage::Active,
            gtid: None,
        }
    }

    pub fn mark(&self) -> Mark {
        Mark {
            undo: self.undo.len(),
            events: self.events.len(),
            entered_engine: self.entered_engine,
            entered_binlog: self.entered_binlog,
        }
    }

    /// The table lock before a row lock: IS or IX. Rows never conflict over it.
    pub fn intend(&mut self, table: TableId, mode: Mode) {
        if !self.intentions.contains(&(table, mode)) {
            self.intentions.push((table, mode));
        }
    }

    /// Intention locks, in order of arrival; IX makes an IS behind it unnecessary.
    pub fn locked_tables(&self) -> impl Iterator<Item = (TableId, Mode)> + '_ {
        self.intentions.iter().enumerate().filter_map(|(at, (table, mode))| {
            let covered = self.intentions[..at].contains(&(*table, Mode::X));
            (!covered).then_some((*table, *mode))
        })
    }

    pub fn forget_tables(&mut self) {
        self.intentions.clear();
    }

    /// Was its lasting read view made before a transaction committed?
    pub fn is_older_than(&self, trx: TrxId) -> bool {
        let view = self.view.as_ref().filter(|_| self.isolation.locks_gaps());
        view.is_some_and(|view| !view.sees(trx))
    }

    /// Do its locks go on as gap locks when their record vanishes?
    pub fn inherits_locks(&self) -> bool {
        self.isolation.locks_gaps() || self.checks_duplicates
    }

    /// The records that it changed, each once, in order.
    pub fn touched(&self) -> SmallVec<[(TableId, Key); 2]> {
        let mut touched: SmallVec<_> = self.undo.iter().cloned().collect();
        touched.sort_unstable();
        touched.dedup();
        touched
    }
}

impl Isolation {
    /// REPEATABLE READ and above lock gaps and keep what they locked.
    pub fn locks_gaps(self) -> bool {
        Isolation::RepeatableRead <= self
    }

    pub fn by_name(name: &str) -> Option<Isolation> {
        match name.to_ascii_uppercase().replace('-', " ").as_str() {
            "READ UNCOMMITTED" => Some(Isolation::ReadUncommitted),
            "READ COMMITTED" => Some(Isolation::ReadCommitted),
            "REPEATABLE READ" => Some(Isolation::RepeatableRead),
            "SERIALIZABLE" => Some(Isolation::Serializable),
            _ => None,
        }
    }

    /// As the variable `transaction_isolation` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Isolation::ReadUncommitted => "READ-UNCOMMITTED",
            Isolation::ReadCommitted => "READ-COMMITTED",
            Isolation::RepeatableRead => "REPEATABLE-READ",
            Isolation::Serializable => "SERIALIZABLE",
        }
    }
}

impl fmt::Display for TrxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
