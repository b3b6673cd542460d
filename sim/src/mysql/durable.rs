//! What is on disk: the redo log and the binlog, each with the position up to which it is synced.
//!
//! Both only grow. A crash keeps what is synced. A redo record says what a transaction made of each
//! record it touched, written at PREPARE; whether that counts is decided by a later `Commit` or, as
//! in MySQL, by the binlog. DDL goes the same way. Files, pages and checkpoints are left out:
//! recovery replays from the beginning.

use std::sync::Arc;

use super::binlog::BinlogTransaction;
use super::gtid::GtidSet;
use super::key::{Key, TableId};
use super::schema;
use crate::collation::Collation;
use crate::value::Row;

#[derive(Clone, Debug, Default)]
pub struct Durable {
    pub redo: Vec<RedoRecord>,
    /// The number of records that survive a crash.
    pub redo_synced: usize,
    pub binlog: Vec<Arc<BinlogTransaction>>,
    pub binlog_synced: usize,
    /// GTIDs that were executed before this binlog begins.
    pub purged: GtidSet,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RedoRecord {
    Prepare {
        xid: u64,
        changes: Vec<Change>,
    },
    Commit {
        xid: u64,
    },
    /// AUTO_INCREMENT never goes back, not even with its transaction.
    AutoIncrement {
        table: TableId,
        next: u64,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The record's new content; none where it was deleted.
    Row {
        table: TableId,
        key: Key,
        row: Option<Row>,
    },
    CreateDatabase {
        name: Arc<str>,
        collation: Collation,
    },
    DropDatabase {
        name: Arc<str>,
    },
    /// A table as it is from now on: new, altered, renamed or truncated. It takes the rows of
    /// another with them, mapped to its own columns.
    PutTable {
        id: TableId,
        schema: Arc<schema::Table>,
        rows: Vec<Row>,
        auto_increment: u64,
    },
    DropTable {
        id: TableId,
    },
}

impl Durable {
    /// What a crash leaves: the synced beginning of both logs.
    pub fn crashed(mut self) -> Durable {
        self.redo.truncate(self.redo_synced);
        self.binlog.truncate(self.binlog_synced);
        self
    }
}
