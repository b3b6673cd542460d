//! How a lookup vindex talks to vtgate: it asks for a statement to be run, and is told the rows.
//!
//! ```text
//!   let mut step = conversation.step(None);
//!   loop {
//!       match step {
//!           Step::Ask(ask) => step = conversation.step(Some(run(ask))),
//!           Step::Done(result) => return result,
//!       }
//!   }
//! ```
//!
//! In Vitess the vindex calls `VCursor.Execute` and blocks. Here whoever drives the conversation
//! suspends, and the vindex is a value between two statements. It knows nothing of sessions, shards
//! or time.

use std::collections::BTreeMap;

use crate::key::KeyspaceId;
use crate::vindex::{Row, Value, VindexError};

/// One operation of a lookup vindex, under way.
pub trait Conversation {
    type Output;

    /// Goes on from the reply to the last [`Step::Ask`]; the first call has no reply. After
    /// [`Step::Done`] there is nothing to go on from, which is an error.
    fn step(&mut self, reply: Option<Reply>) -> Step<Self::Output>;
}

/// What comes next in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    Ask(Ask),
    Done(Result<T, VindexError>),
}

/// A statement that a lookup vindex wants run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub target: Target,
    pub sql: String,
    pub binds: Binds,
    /// Whether a later failure of the whole user statement must undo this one.
    pub rollback_on_error: bool,
}

/// Where a statement runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Through all of vtgate: parsed, planned and routed, in the session's list that `order` names.
    Executor { order: CommitOrder, method: Method },
    /// Straight to the shard of a keyspace id, in the session's current list, never in autocommit.
    KeyspaceId { keyspace: String, ksid: KeyspaceId },
}

/// Which of a session's three lists of shard transactions a statement belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommitOrder {
    Normal,
    Pre,
    Post,
    /// None of them: a session of its own that commits at once.
    Autocommit,
}

/// The name under which a statement of a vindex shows in vtgate's logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    VindexLookup,
    VindexVerify,
    VindexCreate,
    VindexDelete,
}

/// Bind variables by name.
pub type Binds = BTreeMap<String, Bind>;

/// `:x` takes a value, `::x` a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    Value(Value),
    Tuple(Vec<Value>),
}

/// What running a statement gave.
pub type Reply = Result<Rows, VindexError>;

/// The rows of a result; a statement that gives none replies with none.
pub type Rows = Vec<Row>;

/// What a vindex knows of the statement that it works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Whether the session is in a transaction. Every DML plan runs inside one.
    pub in_transaction: bool,
    pub statement: Statement,
    /// Whether new entries give way to those that exist (`insert ignore`).
    pub ignore: bool,
    /// Whether there is anybody to ask.
    pub vcursor: bool,
}

/// The kind of a user's statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    Select,
    /// REPLACE, too.
    Insert,
    Update,
    Delete,
    Other,
}

impl CommitOrder {
    pub fn name(self) -> &'static str {
        match self {
            CommitOrder::Normal => "NORMAL",
            CommitOrder::Pre => "PRE",
            CommitOrder::Post => "POST",
            CommitOrder::Autocommit => "AUTOCOMMIT",
        }
    }
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::VindexLookup => "VindexLookup",
            Method::VindexVerify => "VindexVerify",
            Method::VindexCreate => "VindexCreate",
            Method::VindexDelete => "VindexDelete",
        }
    }
}

impl Context {
    /// Whether rows that are looked up must stay as they are until the transaction ends.
    pub(super) fn locks_reads(&self) -> bool {
        let is_dml =
            matches!(self.statement, Statement::Insert | Statement::Update | Statement::Delete);
        self.in_transaction && is_dml
    }

    /// Refuses an operation that nobody could run a statement for.
    pub(super) fn require_vcursor(&self) -> Result<(), VindexError> {
        match self.vcursor {
            true => Ok(()),
            false => Err(VindexError::internal(
                "VT13001: [BUG] cannot perform lookup: no vcursor provided",
            )),
        }
    }
}

/// What a conversation says to a reply it did not ask for, or to none where it did.
pub(super) fn out_of_turn<T>() -> Step<T> {
    Step::Done(Err(VindexError::internal("VT13001: [BUG] lookup conversation out of turn")))
}
