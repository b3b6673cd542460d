//! A client's session, and what one statement of it keeps while it runs.
//!
//! A session has three lists of shard transactions, one a commit order. A list is searched by
//! (keyspace, shard, tablet type), so one shard can have three transactions of one session, three
//! different MySQL connections that know nothing of each other. See
//! `go/vt/vtgate/executorcontext/safe_session.go`.
//!
//! It knows nothing of calls or plans.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use sim::sql::ast::{Ident, Statement};
use sim::value::Value;

use crate::history::{List, PlanId, copy_name};
use crate::mutant::{self, Mutant};
use crate::rpc::{Target, TxId, Workload};
use crate::topo::{Alias, TabletType};

/// A transaction on one shard.
#[derive(Clone, Debug)]
pub struct ShardSession {
    pub target: Target,
    /// Every later call goes to this very tablet.
    pub alias: Alias,
    pub transaction: TxId,
    /// Only reads have used it (transaction mode SINGLE does not count it).
    pub read_only: bool,
}

/// The reserved connection of a session that uses lock functions.
#[derive(Clone, Debug)]
pub struct LockSession {
    pub target: Target,
    /// Every later call goes to this very tablet.
    pub alias: Alias,
    pub reserved: TxId,
    /// When it was last used.
    pub heartbeat: Timestamp,
}

/// How many shards a transaction may change, and how they commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransactionMode {
    Single,
    #[default]
    Multi,
    /// In two phases (`two_phase`).
    TwoPc,
}

/// Where a session's statements go: `customer`, `customer:-80`, `customer@replica`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionTarget {
    pub keyspace: Option<Rc<str>>,
    /// A shard's name, or a key range or a keyspace id in brackets: `[-80]`.
    pub shard: Option<Rc<str>>,
    pub kind: TabletType,
    /// One tablet, which all goes to.
    pub alias: Option<Alias>,
    /// As the client wrote it.
    pub text: Rc<str>,
}

impl SessionTarget {
    /// That of a session that has not said anything.
    pub fn none() -> SessionTarget {
        SessionTarget {
            keyspace: None,
            shard: None,
            kind: TabletType::Primary,
            alias: None,
            text: "".into(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub code: u16,
    pub message: String,
}

/// What a client's connection keeps between statements.
#[derive(Clone, Debug)]
pub struct Session {
    pub name: Rc<str>,
    pub target: SessionTarget,
    pub in_transaction: bool,
    pub autocommit: bool,
    pub mode: TransactionMode,
    pub pre: Vec<ShardSession>,
    pub normal: Vec<ShardSession>,
    pub post: Vec<ShardSession>,
    pub lock: Option<LockSession>,
    /// The locks that vtgate has seen taken, by name; none if it has not seen any.
    pub advisory_locks: Option<BTreeMap<String, i64>>,
    pub workload: Workload,
    /// SAVEPOINT, ROLLBACK TO and RELEASE of this transaction: replayed on every shard that joins.
    pub savepoints: Vec<Arc<Statement>>,
    pub warnings: Vec<Warning>,
    pub last_insert_id: u64,
    pub row_count: i64,
    /// Rows of the last result set.
    pub found_rows: u64,
    /// By name in lower case.
    pub user_variables: BTreeMap<Arc<str>, Value>,
    /// Variables of vtgate's own that have been set, by name.
    pub aware: BTreeMap<Arc<str>, Value>,
    /// MySQL's variables that have been set, by name, as SQL.
    pub settings: BTreeMap<Arc<str>, String>,
    /// `set a = x, b = y`, with which a connection comes to have these settings.
    pub setting: Option<Arc<Statement>>,
    /// By name in lower case, the text of a prepared statement and how many parameters it has.
    pub prepared: BTreeMap<String, (String, usize)>,
    /// After VT15001: nothing but ROLLBACK is accepted.
    pub error_until_rollback: bool,
    /// Counts this session's internal savepoints, for their names.
    pub savepoint_count: u64,
}

impl Session {
    pub fn new(name: Rc<str>, target: SessionTarget) -> Session {
        Session {
            name,
            target,
            in_transaction: false,
            autocommit: true,
            mode: TransactionMode::default(),
            pre: Vec::new(),
            normal: Vec::new(),
            post: Vec::new(),
            lock: None,
            advisory_locks: None,
            workload: Workload::default(),
            savepoints: Vec::new(),
            warnings: Vec::new(),
            last_insert_id: 0,
            row_count: -1,
            found_rows: 0,
            user_variables: BTreeMap::new(),
            aware: BTreeMap::new(),
            settings: BTreeMap::new(),
            setting: None,
            prepared: BTreeMap::new(),
            error_until_rollback: false,
            savepoint_count: 0,
        }
    }

    /// A copy without any transaction or lock, which commits by itself: in the history a session
    /// of its own, since its shard transactions are not its client's (CommitOrder AUTOCOMMIT).
    pub fn standalone(&self) -> Session {
        let mut session = self.clone();
        session.in_transaction = false;
        session.autocommit = true;
        session.name = copy_name(&self.name);
        session.pre.clear();
        session.normal.clear();
        session.post.clear();
        session.lock = None;
        session.warnings.clear();
        session
    }

    pub fn list(&self, list: List) -> &Vec<ShardSession> {
        match list {
            List::Pre => &self.pre,
            List::Normal => &self.normal,
            List::Post => &self.post,
        }
    }

    pub fn list_mut(&mut self, list: List) -> &mut Vec<ShardSession> {
        match list {
            List::Pre => &mut self.pre,
            List::Normal => &mut self.normal,
            List::Post => &mut self.post,
        }
    }

    pub fn find(&self, list: List, target: &Target) -> Option<&ShardSession> {
        self.list(list).iter().find(|shard| shard.target == *target)
    }

    /// All open shard transactions, list by list in the order of their commits.
    pub fn all(&self) -> Vec<(List, ShardSession)> {
        let lists = [List::Pre, List::Normal, List::Post];
        lists.iter().flat_map(|l| self.list(*l).iter().map(|s| (*l, s.clone()))).collect()
    }

    /// The lock session's connection is gone, and with it the locks.
    pub fn reset_lock(&mut self) {
        self.lock = None;
        self.advisory_locks = None;
    }

    /// Counts a lock that was taken. All but the first name begin at 0, as in Vitess.
    pub fn add_advisory_lock(&mut self, name: String) {
        match &mut self.advisory_locks {
            None => self.advisory_locks = Some(BTreeMap::from([(name, 1)])),
            Some(locks) => {
                locks.entry(name).and_modify(|count| *count += 1).or_insert(0);
            }
        }
    }

    pub fn remove_advisory_lock(&mut self, name: &str) {
        let Some(locks) = &mut self.advisory_locks else { return };
        let Some(count) = locks.get_mut(name) else { return };
        *count -= 1;
        if *count == 0 {
            locks.remove(name);
        }
    }

    pub fn has_advisory_lock(&self) -> bool {
        self.advisory_locks.as_ref().is_some_and(|locks| !locks.is_empty())
    }

    /// The transaction is over, for better or worse.
    pub fn reset(&mut self) {
        self.in_transaction = false;
        self.normal.clear();
        if !mutant::is(Mutant::ResetKeepsPrePost) {
            self.pre.clear();
            self.post.clear();
        }
        if !mutant::is(Mutant::ResetKeepsSavepoints) {
            self.savepoints.clear();
        }
    }

    /// Whether a variable of vtgate's own is on; `default` is what it is where nothing was set.
    pub fn is_on(&self, name: &str, default: bool) -> bool {
        match self.aware.get(name) {
            Some(value) => !matches!(value, Value::Int(0) | Value::Uint(0)),
            None => default,
        }
    }

    pub fn warn(&mut self, code: u16, message: impl Into<String>) {
        self.warnings.push(Warning { code, message: message.into() });
    }

    /// A name for an internal savepoint: a uuid's form, made from the session and a counter.
    pub fn internal_savepoint(&mut self) -> Ident {
        self.savepoint_count += 1;
        let session = crate::vtgate::uuid_word(&self.name);
        let text = format!(
            "_vt{:08x}_{:04x}_11e8_9000_{:012x}",
            session >> 32,
            session >> 16 & 0xffff,
            self.savepoint_count
        );
        Ident::new(&text)
    }
}

/// Which list a statement runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    In(List),
    /// A session of its own that commits at once.
    Autocommit,
}

/// Whether a statement may do without BEGIN and COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutocommitState {
    Not,
    Possible,
    /// Given once, for one shard.
    Approved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavepointState {
    Undecided,
    Needed,
    NotNeeded,
    Set,
}

/// What undoes a statement that failed after parts of it succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// Nothing has succeeded yet.
    Unarmed,
    RollbackTo(Ident),
    RollbackTransaction,
    /// It has been undone once; what came after is not undone any more.
    Done,
}

/// What one client statement keeps while it runs; nested statements share it.
#[derive(Clone, Debug)]
pub struct RequestState {
    pub order: Order,
    pub must_rollback: bool,
    pub autocommit: AutocommitState,
    pub savepoint: SavepointState,
    pub savepoint_name: Option<Ident>,
    pub undo: Undo,
    /// What runs is a read: shard sessions that it opens don't count in mode SINGLE. A nested
    /// statement leaves its own answer behind, so that a change may be taken for a read, as in
    /// Vitess.
    pub exec_read_query: bool,
    /// What FOUND_ROWS() will give, where that is not the number of rows.
    pub found_rows: Option<u64>,
    /// The plan that runs, for the judge.
    pub plan: PlanId,
}

impl Default for RequestState {
    fn default() -> RequestState {
        RequestState {
            order: Order::In(List::Normal),
            must_rollback: false,
            autocommit: AutocommitState::Not,
            savepoint: SavepointState::Undecided,
            savepoint_name: None,
            undo: Undo::Unarmed,
            exec_read_query: false,
            found_rows: None,
            plan: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_name_of_a_lock_is_not_forgotten() {
        let check = |calls: &[&str], expected: bool| {
            let mut session = Session::new("a".into(), SessionTarget::none());
            for call in calls {
                match call.split_at(1) {
                    ("+", name) => session.add_advisory_lock(name.to_owned()),
                    (_, name) => session.remove_advisory_lock(name),
                }
            }
            assert_eq!(session.has_advisory_lock(), expected, "{calls:?}");
        };
        check(&[], false);
        check(&["+a", "-a"], false);
        check(&["+a", "+a", "-a"], true);
        check(&["+a", "+a", "-a", "-a"], false);
        // Vitess begins to count it at 0, and keeps its connection for nothing.
        check(&["+a", "+b", "-b", "-a"], true);
        check(&["+A", "-a"], true);
    }
}
