//! The history of a run: what every process did that the judge must know.
//!
//! Processes emit events; nothing in the protocol reads them. An observer (the judge) sees each as
//! it happens, so that it can decide at every commit; all are kept for reports. It knows nothing of
//! what makes a history right.
//!
//! A session is one connection of a client. What a vtgate still does for a connection that its
//! client has given up comes beside what it does for the next one, so each has a name of its own
//! ([`session_name`]).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::binlog::BinlogTransaction;
use sim::mysql::gtid::GtidSet;
use sim::mysql::outcome;
use sim::mysql::server::TableImage;
use sim::mysql::session::ConnectionId;
use sim::sql::ast::{Expr, Statement};
use sim::sql_error::SqlError;
use sim::value::{Binds, Row};

use crate::topo::Alias;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client begins a session: its next statement is the first of it.
    Opened { session: Rc<str>, vtgate: Rc<str>, target: Rc<str> },
    /// A client is gone, in the middle of whatever it did. One that has waited too long for an
    /// answer, or has lost its vtgate, is told so instead.
    Disconnected { session: Rc<str> },
    /// A client sends a statement; it may never arrive.
    Asked { session: Rc<str>, ask: AskId, sql: Rc<str> },
    /// What a client was told of a statement.
    Answered { session: Rc<str>, ask: AskId, answer: Answer },
    /// A vtgate has a client's statement.
    Statement { session: Rc<str>, sql: Rc<str> },
    /// A vtgate begins to run a plan.
    Plan(Rc<PlanBegun>),
    /// A tablet has answered a statement of a plan.
    ShardStatement(Rc<ShardStatement>),
    /// A plan has run, well or with an error.
    PlanEnded { plan: PlanId, ok: bool },
    /// Something of a session leaves for a shard.
    ShardSend { session: Rc<str>, list: List, shard: Rc<str>, what: Sent },
    /// A statement of a session at a shard was answered, well or with an error.
    ShardAnswer { session: Rc<str>, list: List, shard: Rc<str> },
    /// A lookup vindex settles a duplicate for a session.
    Lookup { session: Rc<str>, step: LookupStep },
    /// A stream of a workflow has come somewhere.
    Stream { workflow: Rc<str>, tablet: Alias, step: StreamStep },
    /// A shard transaction of a session's list was opened.
    ShardBegin { session: Rc<str>, list: List, shard: Rc<str>, transaction: u64 },
    /// A shard transaction's commit was answered, or not.
    ShardCommit {
        session: Rc<str>,
        list: List,
        shard: Rc<str>,
        transaction: u64,
        /// As its client knows it.
        outcome: Outcome,
    },
    /// A statement in a shard transaction had no answer: it may be done.
    AnswerLost { session: Rc<str>, list: List, shard: Rc<str> },
    /// A shard transaction was rolled back.
    ShardRollback { session: Rc<str>, list: List, shard: Rc<str>, transaction: u64 },
    /// What a statement had done so far was rolled back to its savepoint, in all lists.
    Reverted { session: Rc<str> },
    /// A ROLLBACK TO did not succeed on all shards.
    RevertFailed { session: Rc<str> },
    /// A commit or rollback of a session is over.
    Ended { session: Rc<str>, what: &'static str },
    /// A tablet's killer ended a transaction, or a KILL its connection.
    Killed { tablet: Alias, transaction: u64 },
    /// A shard transaction has this connection of its tablet's server from here on; with none it
    /// goes back to the pool.
    Connection { tablet: Alias, connection: ConnectionId, transaction: Option<u64> },
    /// A server committed a transaction, its own or one of its source.
    Commit { tablet: Alias, transaction: Arc<BinlogTransaction> },
    /// A server came back without commits that had been visible, or without their rows. What it
    /// holds now.
    Lost { tablet: Alias, gtids: GtidSet, executed: GtidSet, images: Rc<Vec<TableImage>> },
    /// A tablet became primary of its shard.
    Promoted { keyspace: Rc<str>, shard: Rc<str>, tablet: Alias },
    /// An operator's step.
    Operator(Rc<str>),
    /// An operator's command is done, and he was told so.
    Commanded { command: Rc<str> },
    /// A fault was injected.
    Fault(Rc<str>),
}

/// Which of a run's statements, as clients sent them.
pub type AskId = u64;

/// What a client knows of its statement.
#[derive(Clone, Debug)]
pub enum Answer {
    Ok(Rc<outcome::Outcome>),
    Error(SqlError),
    /// The connection was lost before the answer came: it may have happened.
    Unknown(Rc<str>),
}

/// Which run of a plan; 0 is none.
pub type PlanId = u64;

/// A run of a plan: of a client's statement, or of one that a vindex asked for.
#[derive(Clone, Debug)]
pub struct PlanBegun {
    pub plan: PlanId,
    /// The plan that this one was run for, if any.
    pub parent: PlanId,
    pub session: Rc<str>,
    pub sql: Rc<str>,
    /// By which SrvVSchema it was planned.
    pub vschema_version: u64,
    pub sends: Vec<PlannedSend>,
    pub binds: Arc<Binds>,
}

/// What a plan sends, and where it says that it goes: data, with the names that the plan has.
#[derive(Clone, Debug)]
pub struct PlannedSend {
    pub statements: Vec<PlannedStatement>,
    /// What goes to one shard instead where no shard is meant.
    pub empty: Option<Arc<Statement>>,
    pub keyspace: Arc<str>,
    pub shards: PlannedShards,
    /// The plan's own node: it is sent once, whatever the rest of the plan finds.
    pub is_root: bool,
}

#[derive(Clone, Debug)]
pub enum PlannedStatement {
    Exactly(Arc<Statement>),
    /// By its text.
    Text(Arc<str>),
    /// An INSERT into this table, with the rows of its shard.
    RowsOf(Arc<str>),
}

#[derive(Clone, Debug)]
pub enum PlannedShards {
    /// Any one.
    One,
    All,
    /// As destinations print, without the first word: `Shard(-80)`, `ExactKeyRange(-)`.
    Destination(Rc<str>),
    /// By values of a vindex, one expression a column.
    Vindex {
        how: By,
        vindex: Arc<str>,
        values: Vec<Expr>,
    },
    /// By the primary vindex's values of all rows: `values[column][row]`. Some rows may be dropped.
    Rows {
        vindex: Arc<str>,
        values: Vec<Vec<Expr>>,
        may_drop: bool,
    },
    /// Rows that a query gives: each where its own values say.
    RowsOfQuery {
        vindex: Arc<str>,
    },
}

/// How values of a vindex's columns are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// One row of values.
    Row,
    /// A list for each column, every combination.
    Lists,
    /// Rows, column by column.
    Rows,
    /// The two ends of a range.
    Range,
}

/// A statement of a plan at a tablet.
#[derive(Clone, Debug)]
pub struct ShardStatement {
    pub plan: PlanId,
    pub keyspace: Rc<str>,
    pub shard: Rc<str>,
    pub statement: Arc<Statement>,
    pub binds: Arc<Binds>,
    /// Its rows, if they have two columns as a lookup's have; none for an error.
    pub rows: Option<Vec<Row>>,
}

/// The three lists of a session's shard transactions, in the order of their commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    Pre,
    Normal,
    Post,
}

impl List {
    pub const ALL: [List; 3] = [List::Pre, List::Normal, List::Post];

    pub fn parse(text: &str) -> Option<List> {
        List::ALL.into_iter().find(|list| list.to_string() == text)
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            List::Pre => "pre",
            List::Normal => "normal",
            List::Post => "post",
        })
    }
}

/// What leaves for a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Statement,
    Savepoint,
    Commit,
    Rollback,
}

/// How far a duplicate is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupStep {
    /// An entry is there already: it is about to be locked.
    DuplicateFound,
    /// Whether its owner is there is known, and the owner's row locked if it is.
    OwnerChecked,
}

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStep {
    /// It has a source.
    Picked,
    /// The source has taken its snapshot.
    Snapshot,
    /// Rows and the key behind them are saved.
    Packet,
    /// All rows are.
    Copied,
    /// It has caught up with what changed while rows were copied.
    CaughtUp,
    /// It follows its source.
    Running,
    /// Changes and the position behind them are saved.
    Applied,
    /// An attempt has failed.
    Failed,
}

impl StreamStep {
    pub const ALL: [(StreamStep, &str); 8] = [
        (StreamStep::Picked, "picked"),
        (StreamStep::Snapshot, "snapshot"),
        (StreamStep::Packet, "packet"),
        (StreamStep::Copied, "copied"),
        (StreamStep::CaughtUp, "caught-up"),
        (StreamStep::Running, "running"),
        (StreamStep::Applied, "applied"),
        (StreamStep::Failed, "failed"),
    ];

    pub fn parse(text: &str) -> Option<StreamStep> {
        StreamStep::ALL.into_iter().find(|(_, name)| *name == text).map(|(step, _)| step)
    }
}

/// What became of a commit, as its client knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Failed(String),
    /// It may have happened.
    Unknown(String),
}

/// Between a client's name and the number of its connection.
pub const NTH: char = '#';

/// What follows a session's name in that of its copy: Vitess's CommitOrder of such a statement.
const AUTOCOMMIT: &str = " autocommit";

/// The name of a client's `nth` connection, from 1: `a`, `a#2`, `a#3`.
pub fn session_name(client: &str, nth: u32) -> Rc<str> {
    match nth {
        0 | 1 => client.into(),
        nth => format!("{client}{NTH}{nth}").into(),
    }
}

/// The name of a session's copy, which runs a statement and commits it at once: `a autocommit`.
pub fn copy_name(session: &str) -> Rc<str> {
    format!("{}{AUTOCOMMIT}", session_of(session)).into()
}

/// The connection's session, also of its copy.
pub fn session_of(name: &str) -> &str {
    name.strip_suffix(AUTOCOMMIT).unwrap_or(name)
}

/// Whose session it is.
pub fn client_of(session: &str) -> &str {
    let session = session_of(session);
    session.split_once(NTH).map_or(session, |(client, _)| client)
}

/// Sees events as they happen.
pub type Observer = Box<dyn FnMut(&Event)>;

#[derive(Default)]
struct Recorder {
    events: Vec<Event>,
    plans: PlanId,
    asks: AskId,
    observer: Option<Observer>,
    /// What an observer has done while it saw an event, and has yet to see.
    waiting: VecDeque<Event>,
    is_observing: bool,
}

thread_local! {
    static RECORDER: RefCell<Recorder> = RefCell::default();
}

/// Adds an event to this thread's run.
pub fn emit(event: Event) {
    let is_observing = RECORDER.with(|recorder| {
        let mut recorder = recorder.borrow_mut();
        recorder.waiting.push_back(event);
        std::mem::replace(&mut recorder.is_observing, true)
    });
    if !is_observing {
        observe();
    }
}

/// Shows what waits: one event after the other.
fn observe() {
    let next = || {
        RECORDER.with(|recorder| {
            let mut recorder = recorder.borrow_mut();
            let event = recorder.waiting.pop_front();
            recorder.is_observing = event.is_some();
            event.map(|event| (event, recorder.observer.take()))
        })
    };
    while let Some((event, observer)) = next() {
        let observer = observer.map(|mut observer| {
            observer(&event);
            observer
        });
        RECORDER.with(|recorder| {
            let mut recorder = recorder.borrow_mut();
            recorder.observer = observer;
            recorder.events.push(event);
        });
    }
}

/// A number for a plan that begins to run.
pub fn next_plan() -> PlanId {
    RECORDER.with(|recorder| {
        let mut recorder = recorder.borrow_mut();
        recorder.plans += 1;
        recorder.plans
    })
}

/// A number for a statement that a client sends.
pub fn next_ask() -> AskId {
    RECORDER.with(|recorder| {
        let mut recorder = recorder.borrow_mut();
        recorder.asks += 1;
        recorder.asks
    })
}

/// Begins an empty history.
pub fn begin(observer: Option<Observer>) {
    RECORDER.with(|recorder| {
        *recorder.borrow_mut() = Recorder { observer, ..Recorder::default() };
    });
}

/// Ends the history and gives its events.
pub fn end() -> Vec<Event> {
    RECORDER.with(|recorder| std::mem::take(&mut *recorder.borrow_mut())).events
}

/// Reads the events so far.
pub fn with<R>(read: impl FnOnce(&[Event]) -> R) -> R {
    RECORDER.with(|recorder| read(&recorder.borrow().events))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_a_name_of_its_own() {
        for (nth, expected) in [(1, "a"), (2, "a#2"), (11, "a#11")] {
            assert_eq!(&*session_name("a", nth), expected);
            assert_eq!(client_of(expected), "a");
            assert_eq!(session_of(&copy_name(expected)), expected);
            assert_eq!(client_of(&copy_name(expected)), "a");
        }
    }

    #[test]
    fn what_an_observer_does_is_seen_after_what_it_saw() {
        let seen: Rc<RefCell<Vec<String>>> = Rc::default();
        let note = Rc::clone(&seen);
        begin(Some(Box::new(move |event| {
            let Event::Fault(text) = event else { return };
            note.borrow_mut().push(text.to_string());
            if &**text == "first" {
                emit(Event::Fault("second".into()));
                note.borrow_mut().push("first is over".to_owned());
            }
        })));
        emit(Event::Fault("first".into()));
        assert_eq!(*seen.borrow(), ["first", "first is over", "second"]);
        let texts = end().into_iter().map(|event| match event {
            Event::Fault(text) => text,
            other => panic!("{other:?}"),
        });
        assert_eq!(texts.collect::<Vec<_>>(), ["first".into(), Rc::from("second")]);
    }
}
