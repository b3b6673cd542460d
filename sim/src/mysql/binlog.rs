//! The binlog: one entry a committed transaction, with full row images.
//!
//! Row format, `binlog_row_image=full`: a change has the row before, after, or both. Rows are
//! grouped by table within a statement, as a row event has one table. DDL stands as text in an
//! entry of its own. It knows nothing of files and of who reads it.

use std::sync::Arc;

use super::gtid::Gtid;
use super::schema;
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
