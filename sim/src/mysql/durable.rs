//! What is on disk: the redo log and the binlog, and how far each has come.
//!
//! A record is in the server's buffer, then written (the operating system has it), then synced (the
//! disk has it). The server's death leaves what was written, the machine's what was synced and, by
//! chance, some of what was written behind it: each log keeps a prefix of its own. The binlog is
//! written with every commit; the redo log as `innodb_flush_log_at_trx_commit` says.
//!
//! A redo record says what a transaction made of each record it touched, at PREPARE; whether that
//! counts is decided by a later `Commit` or, as in MySQL, by the binlog. DDL goes the same way.
//! Pages and checkpoints are left out: recovery replays from the beginning. A transaction is in the
//! binlog or not; the torn event of a half written one is what recovery would cut.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::binlog::BinlogTransaction;
use super::binlog_file::{BinlogFiles, NoSuchFile, size_of};
use super::gtid::{Gtid, GtidSet};
use super::key::{Key, TableId};
use super::schema;
use crate::collation::Collation;
use crate::value::Row;

#[derive(Clone, Debug, Default)]
pub struct Durable {
    pub redo: Vec<RedoRecord>,
    /// The number of records that survive the server's death.
    pub redo_written: usize,
    /// The number of records that survive the machine's.
    pub redo_synced: usize,
    /// What of the binlog has not been purged.
    pub binlog: Vec<Arc<BinlogTransaction>>,
    /// How many transactions were purged before it.
    pub binlog_start: usize,
    pub binlog_synced: usize,
    /// How much of the redo log and of the binlog is really on the disk, while that lies.
    pub really_synced: Option<(usize, usize)>,
    /// Commits since the binlog was synced, which `sync_binlog=N` counts.
    pub unsynced_groups: u64,
    pub files: BinlogFiles,
    /// GTIDs that were executed and are not in the binlog: they came before it, were purged, or
    /// were lost from its tail.
    pub purged: GtidSet,
    /// How many connections there were in all lives. MySQL numbers them from one again; here the
    /// number is all that a caller has, and must not lead him to somebody else's.
    pub connections: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RedoRecord {
    Prepare {
        xid: u64,
        changes: Vec<Change>,
    },
    /// The engine keeps the GTID too, so that a commit that the binlog has lost is still known.
    Commit {
        xid: u64,
        gtid: Option<Gtid>,
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
    /// What the server's death leaves: all that the operating system was given.
    pub fn after_death(mut self) -> Durable {
        self.redo.truncate(self.redo_written);
        self
    }

    /// What the machine's death leaves: what was synced, and of each log so many of the records
    /// behind it.
    pub fn after_power_loss(mut self, redo: usize, binlog: usize) -> Durable {
        let (redo, binlog) = (redo.min(self.unsynced_redo()), binlog.min(self.unsynced_binlog()));
        self.redo.truncate(self.redo_synced + redo);
        self.binlog.truncate(self.binlog_synced + binlog);
        self.redo_written = self.redo.len();
        self.redo_synced = self.redo.len();
        self.binlog_synced = self.binlog.len();
        self.files.truncate(self.binlog.len());
        // What is left now is on the disk, whatever it says of the next.
        let marks = (self.redo_synced, self.binlog_synced);
        self.really_synced = self.really_synced.map(|_| marks);
        self
    }

    /// Syncs are answered from now on, and nothing is on the disk; or what was answered is there.
    pub fn lie(&mut self, lies: bool) {
        let marks = (self.redo_synced, self.binlog_synced);
        self.really_synced = lies.then(|| self.really_synced.unwrap_or(marks));
    }

    /// What was answered since the disk began to lie was never synced.
    pub fn own_up(&mut self) {
        if let Some((redo, binlog)) = self.really_synced {
            self.redo_synced = redo.min(self.redo_synced);
            self.binlog_synced = binlog.min(self.binlog_synced);
        }
    }

    /// Records that are written and not synced.
    pub fn unsynced_redo(&self) -> usize {
        self.redo_written.saturating_sub(self.redo_synced)
    }

    /// Transactions that are written and not synced.
    pub fn unsynced_binlog(&self) -> usize {
        self.binlog.len() - self.binlog_synced
    }

    /// Gives all redo records to the operating system; how many there are.
    pub fn write_redo(&mut self) -> usize {
        self.redo_written = self.redo.len();
        self.redo_written
    }

    /// The disk has answered a sync that began with so many records.
    pub fn redo_synced(&mut self, records: usize) {
        self.redo_written = self.redo_written.max(records);
        self.redo_synced = self.redo_synced.max(records);
    }

    /// Appends to the binlog; a file that is full is the last one's.
    pub fn log(&mut self, transaction: BinlogTransaction, max_size: u64) {
        let is_full = self.files.grew(size_of(&transaction), max_size);
        self.binlog.push(Arc::new(transaction));
        self.unsynced_groups += 1;
        if is_full {
            self.files.rotate(self.binlog.len());
        }
    }

    /// The binlog's end, counted from its first transaction ever.
    pub fn binlog_end(&self) -> usize {
        self.binlog_start + self.binlog.len()
    }

    /// The disk has answered a sync that began at this end.
    pub fn binlog_synced(&mut self, end: usize) {
        let synced = end.saturating_sub(self.binlog_start).min(self.binlog.len());
        self.binlog_synced = self.binlog_synced.max(synced);
    }

    /// FLUSH BINARY LOGS.
    pub fn rotate_binlog(&mut self) {
        self.files.rotate(self.binlog.len());
    }

    /// What the binlog has and the redo log lost: GTIDs without their rows.
    pub fn without_rows(&self) -> GtidSet {
        let prepared: BTreeSet<u64> = self
            .redo
            .iter()
            .filter_map(|record| match record {
                RedoRecord::Prepare { xid, .. } => Some(*xid),
                _ => None,
            })
            .collect();
        let mut without = GtidSet::new();
        for logged in self.binlog.iter().filter(|logged| !prepared.contains(&logged.xid)) {
            without.add(logged.gtid);
        }
        without
    }

    /// PURGE BINARY LOGS TO: the files before this one are gone.
    pub fn purge_binlog_to(&mut self, file: &str) -> Result<(), NoSuchFile> {
        let gone = self.files.purge_to(file)?;
        for transaction in self.binlog.drain(..gone) {
            self.purged.add(transaction.gtid);
        }
        self.binlog_start += gone;
        self.binlog_synced = self.binlog_synced.saturating_sub(gone);
        if let Some((_, binlog)) = &mut self.really_synced {
            *binlog = binlog.saturating_sub(gone);
        }
        Ok(())
    }

    pub fn sync_all(&mut self) {
        let records = self.write_redo();
        self.redo_synced(records);
        self.binlog_synced = self.binlog.len();
        self.unsynced_groups = 0;
    }
}
