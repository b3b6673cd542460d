//! The history of a run: what every process did that the judge must know.
//!
//! Processes emit events; nothing in the protocol reads them. An observer (the judge) sees each as
//! it happens, so that it can decide at every commit; all are kept for reports. It knows nothing of
//! what makes a history right.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::binlog::BinlogTransaction;
use sim::mysql::gtid::GtidSet;
use sim::mysql::server::TableImage;

use crate::topo::Alias;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client sent a statement.
    Statement { session: Rc<str>, sql: Rc<str> },
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
    /// A shard transaction was rolled back.
    ShardRollback { session: Rc<str>, list: List, shard: Rc<str>, transaction: u64 },
    /// A commit or rollback of a session is over.
    Ended { session: Rc<str>, what: &'static str },
    /// A tablet's killer ended a transaction.
    Killed { tablet: Alias, transaction: u64 },
    /// A server committed a transaction, its own or one of its source.
    Commit { tablet: Alias, transaction: Arc<BinlogTransaction> },
    /// A server came back without commits that had been visible, or without their rows. What it
    /// holds now.
    Lost { tablet: Alias, gtids: GtidSet, executed: GtidSet, images: Rc<Vec<TableImage>> },
    /// A tablet became primary of its shard.
    Promoted { keyspace: Rc<str>, shard: Rc<str>, tablet: Alias },
    /// An operator's step.
    Operator(Rc<str>),
    /// A fault was injected.
    Fault(Rc<str>),
}

/// The three lists of a session's shard transactions, in the order of their commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    Pre,
    Normal,
    Post,
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

/// What became of a commit, as its client knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Failed(String),
    /// It may have happened.
    Unknown(String),
}

/// Sees events as they happen.
pub type Observer = Box<dyn FnMut(&Event)>;

#[derive(Default)]
struct Recorder {
    events: Vec<Event>,
    observer: Option<Observer>,
}

thread_local! {
    static RECORDER: RefCell<Recorder> = RefCell::default();
}

/// Adds an event to this thread's run.
pub fn emit(event: Event) {
    let observer = RECORDER.with(|recorder| recorder.borrow_mut().observer.take());
    if let Some(mut observer) = observer {
        observer(&event);
        RECORDER.with(|recorder| recorder.borrow_mut().observer = Some(observer));
    }
    RECORDER.with(|recorder| recorder.borrow_mut().events.push(event));
}

/// Begins an empty history.
pub fn begin(observer: Option<Observer>) {
    RECORDER.with(|recorder| *recorder.borrow_mut() = Recorder { events: Vec::new(), observer });
}

/// Ends the history and gives its events.
pub fn end() -> Vec<Event> {
    RECORDER.with(|recorder| std::mem::take(&mut *recorder.borrow_mut())).events
}

/// Reads the events so far.
pub fn with<R>(read: impl FnOnce(&[Event]) -> R) -> R {
    RECORDER.with(|recorder| read(&recorder.borrow().events))
}
