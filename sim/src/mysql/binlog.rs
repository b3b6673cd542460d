//! The binlog: one entry a committed transaction, with full row images.
//!
//! Row format, `binlog_row_image=full`: a change has the row before, after, or both. Rows are
//! grouped within a statement by table and kind, as a rows event has one of each. DDL stands as
//! text in an entry of its own. It knows nothing of files and of who reads it.

use std::sync::Arc;

use super::gtid::Gtid;
use super::schema;
use super::session::ConnectionId;
use crate::sql::ast::Statement;
use crate::value::Row;

#[derive(Clone, Debug, PartialEq)]
pub struct BinlogTransaction {
    pub gtid: Gtid,
    pub events: Vec<Event>,
    /// When the source committed; the binlog has whole seconds.
    pub committed_at: jiff::Timestamp,
    /// Who did it: the connection's tag.
    pub tag: Arc<str>,
    /// Of the server that logged it.
    pub connection: ConnectionId,
    /// The transaction's id in the engine, by which recovery finds it in the redo log.
    pub xid: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Rows(RowsEvent),
    /// A DDL statement, with the database that it ran in.
    Query {
        database: Option<Arc<str>>,
        text: Arc<str>,
        statement: Arc<Statement>,
    },
    /// SAVEPOINT inside a transaction that has logged a row; nobody acts on it, but a transaction
    /// whose rows were all undone is logged for its sake.
    Savepoint {
        name: Arc<str>,
    },
}

/// What a rows event does: each has one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsKind {
    Write,
    Update,
    Delete,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RowsEvent {
    /// The table as it was then.
    pub table: Arc<schema::Table>,
    /// Flag 1<<1: the session had foreign_key_checks off.
    pub foreign_key_checks_off: bool,
    pub changes: Vec<RowChange>,
}

/// Before only is a delete, after only an insert, both an update.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange {
    pub before: Option<Row>,
    pub after: Option<Row>,
}

impl RowChange {
    pub fn kind(&self) -> RowsKind {
        match (&self.before, &self.after) {
            (None, _) => RowsKind::Write,
            (Some(_), Some(_)) => RowsKind::Update,
            (Some(_), None) => RowsKind::Delete,
        }
    }
}
