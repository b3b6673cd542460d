//! Statements on one row by its full clustered key, planned once and run in one step.
//!
//! Most of what an application and a vttablet send is of this kind, the same statement with other
//! binds. [`plan`] recognises it and resolves its names once a definition; [`Point::run`] looks
//! whether anything is in the way (a lock, a duplicate, a value that its column does not take as
//! it is) and does the statement in one go if not. Otherwise it touches nothing, and the statement
//! is run like every other. Only an UPDATE whose row is locked comes back when it has the lock. So
//! nothing fails or warns here: what does has one home. That the
//! two ways do the same, locks and binlog included, is tested statement by statement.
//!
//! It is no part of MySQL, which has no plans that outlive a statement.

mod plan;
mod plans;
mod read;
mod write;

use std::sync::Arc;

use super::engine::Engine;
use super::key::{Key, TableId};
use super::metadata::{MetadataId, MetadataMode};
use super::outcome::{Column, Outcome};
use super::schema;
use super::session::ConnectionId;
use crate::eval::Program;
use crate::sql::ast::ColumnType;
use crate::value::{Bind, Binds, Value};

pub(super) use plans::Plans;

/// A planned statement.
#[derive(Debug)]
pub(super) struct Point {
    table: Target,
    action: Action,
}

#[derive(Debug)]
struct Target {
    id: TableId,
    metadata: MetadataId,
    schema: Arc<schema::Table>,
    /// Where the parts of the clustered key come from; all columns of the row for INSERT.
    values: Vec<Given>,
}

#[derive(Debug)]
enum Action {
    Select {
        columns: Arc<[Column]>,
        /// Offsets in the row; none for all of them in order.
        items: Option<Vec<usize>>,
        for_update: bool,
    },
    Insert,
    Update {
        set: Vec<Assigned>,
    },
}

/// `column = value`.
#[derive(Debug)]
struct Assigned {
    column: usize,
    program: Program,
    /// What the column takes as it is, where that is said in short.
    accepts: Option<Accepts>,
}

/// A value and the column that is to take it.
#[derive(Debug)]
struct Given {
    source: Source,
    column: usize,
    accepts: Accepts,
}

#[derive(Debug)]
enum Source {
    Bind(Arc<str>),
    Value(Value),
}

/// What a column takes as it is.
#[derive(Debug)]
enum Accepts {
    Signed(i64, i64),
    Unsigned(u64),
    /// A number of characters at most.
    Text(usize),
    /// A number of bytes at most.
    Bytes(usize),
    /// Whatever the column's type stores without a complaint.
    Stored(ColumnType, Arc<str>),
}

/// What came of a statement that met nobody.
pub(super) enum Ran {
    Done(Outcome),
    /// An autocommit transaction has made its change and is to commit.
    Commit(Outcome),
    /// An UPDATE has asked for its row's lock and is to wait for it.
    Blocked,
}

/// What came of one try of a statement that has met somebody.
pub(super) enum Tried {
    Done(Outcome),
    /// The lock that it asked for is waited for.
    Wait,
    /// The row is not what it was: the statement is for the general path.
    Other,
}

impl Point {
    /// Runs the statement, or leaves everything as it was: then it is for the general path.
    pub fn run(
        &self,
        engine: &mut Engine,
        connection: ConnectionId,
        binds: &Arc<Binds>,
        now: jiff::Timestamp,
    ) -> Option<Ran> {
        let session = engine.sessions.get(&connection)?;
        if session.locked_tables.is_some() || session.next_isolation.is_some() {
            return None;
        }
        if session.transaction.is_none() && !session.autocommit {
            return None;
        }
        match &self.action {
            Action::Select { columns, items, for_update: false } => {
                self.read(engine, connection, binds, (columns, items))
            }
            Action::Select { columns, items, for_update: true } => {
                self.read_for_update(engine, connection, binds, (columns, items))
            }
            Action::Insert => self.insert(engine, connection, binds, now),
            Action::Update { set } => self.update(engine, connection, binds, now, set),
        }
    }

    /// The key of the row; none where a value does not fit its column as it is.
    fn key(&self, binds: &Binds) -> Option<Key> {
        if let [given] = &self.table.values[..] {
            let value = given.value(binds)?;
            return Some(self.table.schema.key_of_values(0, std::slice::from_ref(&value)));
        }
        let values: Option<Vec<Value>> =
            self.table.values.iter().map(|given| given.value(binds)).collect();
        Some(self.table.schema.key_of_values(0, &values?))
    }

    fn may_lock_metadata(
        &self,
        engine: &Engine,
        connection: ConnectionId,
        mode: MetadataMode,
    ) -> bool {
        let own = engine.sessions.get(&connection).and_then(|session| session.transaction);
        let refused = own.and_then(|trx| engine.transactions.get(&trx)).is_some_and(|trx| {
            mode == MetadataMode::Write && trx.read_only
                || trx.is_older_than(engine.table(self.table.id).since)
        });
        !refused && engine.metadata.would_grant(connection, self.table.metadata, mode)
    }
}

impl Given {
    /// The value as the column stores it, if that is the value itself.
    fn value(&self, binds: &Binds) -> Option<Value> {
        let value = match &self.source {
            Source::Value(value) => value,
            Source::Bind(name) => match binds.get(name)? {
                Bind::Value(value) => value,
                Bind::List(_) => return None,
            },
        };
        self.accepts.take(value)
    }

    /// The same for a value that may be NULL.
    fn value_or_null(&self, binds: &Binds) -> Option<Value> {
        match &self.source {
            Source::Value(Value::Null) => Some(Value::Null),
            Source::Bind(name) if binds.get(name) == Some(&Bind::Value(Value::Null)) => {
                Some(Value::Null)
            }
            _ => self.value(binds),
        }
    }
}

impl Accepts {
    fn take(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Accepts::Signed(low, high), Value::Int(int)) if (low..=high).contains(&int) => {
                Some(Value::Int(*int))
            }
            (Accepts::Unsigned(high), Value::Uint(uint)) if uint <= high => {
                Some(Value::Uint(*uint))
            }
            (Accepts::Unsigned(high), Value::Int(int)) => {
                u64::try_from(*int).ok().filter(|uint| uint <= high).map(Value::Uint)
            }
            // As many bytes as characters are surely not too many.
            (Accepts::Text(most), Value::Text(text)) if text.len() <= *most => {
                Some(Value::Text(text.clone()))
            }
            (Accepts::Bytes(most), Value::Bytes(bytes)) if bytes.len() <= *most => {
                Some(Value::Bytes(bytes.clone()))
            }
            (Accepts::Stored(ty, name), value) => crate::eval::store(value, ty, name, 1, true)
                .ok()
                .filter(|(_, warning)| warning.is_empty())
                .map(|(value, _)| value),
            _ => None,
        }
    }
}
