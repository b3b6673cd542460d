//! COMMIT: prepare, binlog, engine, as group commit orders them.
//!
//! 1. The engine prepares: redo says what the transaction made of its rows. It is synced, written or
//!    left, as `innodb_flush_log_at_trx_commit` says.
//! 2. The transaction goes to the binlog; that is where it gets its GTID. It is synced with every
//!    `sync_binlog`th commit.
//! 3. With semi-sync, a replica acknowledges it. Row locks are still held.
//! 4. The engine commits, in binlog order, and frees the locks. Who comes first of several that
//!    are in the binlog commits those before it too, as the leader of a group does.
//!
//! A transaction that changed nothing ends at once. One that is not logged has no second log to
//! agree with: the engine commits, then redo is synced. A server that has become read-only since
//! the rows were changed rolls back and answers 1290.

use std::sync::Arc;

use crate::mysql::binlog::BinlogTransaction;
use crate::mysql::durable::{Change, RedoRecord};
use crate::mysql::engine::Engine;
use crate::mysql::execution::{Run, SyncPoint};
use crate::mysql::gtid::Gtid;
use crate::mysql::options::{FlushLog, WaitPoint};
use crate::mysql::transaction::{Stage, TrxId};
use crate::sql_error::SqlError;

impl Run {
    /// Commits the session's transaction, if it has one.
    pub async fn commit(&self) -> Result<(), SqlError> {
        match self.session(|session| session.transaction)? {
            Some(trx) => self.commit_transaction(trx, Vec::new()).await,
            None => Ok(()),
        }
    }

    /// `definitions` are the changes of DDL that this commit makes durable.
    pub async fn commit_transaction(
        &self,
        trx: TrxId,
        definitions: Vec<Change>,
    ) -> Result<(), SqlError> {
        if definitions.is_empty() && !self.engine(|engine| engine.has_changes(trx)) {
            self.engine(|engine| engine.commit(trx));
            return Ok(());
        }
        if let Err(error) = self.check_commit() {
            self.engine(|engine| engine.rollback(trx));
            return Err(error);
        }
        let redo = self.engine(|engine| engine.prepare(trx, definitions));
        if !self.engine(|engine| engine.will_log(trx)) {
            let redo = self.engine(|engine| {
                engine.commit_in_order(trx);
                engine.durable.redo.len()
            });
            self.flush_redo(redo).await;
            return Ok(());
        }
        self.flush_redo(redo).await;
        let now = self.now;
        let (end, gtid) = self.engine(|engine| engine.flush(trx, now));
        if self.engine(Engine::binlog_is_due) {
            self.sync(SyncPoint::Binlog).await;
            self.engine(|engine| engine.durable.binlog_synced(end));
        }
        let semi_sync = self.engine(|engine| engine.options.semi_sync);
        if semi_sync.enabled && semi_sync.wait_point == WaitPoint::AfterSync {
            self.sync(SyncPoint::Acknowledge(gtid)).await;
        }
        self.engine(|engine| engine.commit_in_order(trx));
        if semi_sync.enabled && semi_sync.wait_point == WaitPoint::AfterCommit {
            self.sync(SyncPoint::Acknowledge(gtid)).await;
        }
        Ok(())
    }

    /// Does with the redo log what a commit is to do.
    async fn flush_redo(&self, records: usize) {
        match self.engine(|engine| engine.options.flush_log) {
            FlushLog::Lazy => {}
            FlushLog::Write => {
                self.engine(|engine| engine.durable.write_redo());
            }
            FlushLog::Sync => {
                self.engine(|engine| engine.durable.write_redo());
                self.sync(SyncPoint::Redo).await;
                self.engine(|engine| engine.durable.redo_synced(records));
            }
        }
    }
}

impl Engine {
    /// Writes what the transaction did to the redo log; returns the log's position behind it.
    fn prepare(&mut self, trx: TrxId, mut definitions: Vec<Change>) -> usize {
        for (table, key) in self.transaction(trx).touched() {
            let Some(record) = self.tables.get(&table).and_then(|table| table.record(&key)) else {
                continue;
            };
            let newest = record.newest();
            let row = (!newest.deleted).then(|| newest.row.clone());
            definitions.push(Change::Row { table, key, row });
        }
        self.durable.redo.push(RedoRecord::Prepare { xid: trx.0, changes: definitions });
        self.transaction_mut(trx).stage = Stage::Prepared;
        self.durable.redo.len()
    }

    fn will_log(&self, trx: TrxId) -> bool {
        let transaction = self.transaction(trx);
        self.options.log_bin && !(transaction.events.is_empty() && transaction.gtid.is_none())
    }

    /// Appends the transaction to the binlog and names it. Gives the binlog's end, and the name.
    fn flush(&mut self, trx: TrxId, now: jiff::Timestamp) -> (usize, Gtid) {
        let events = std::mem::take(&mut self.transaction_mut(trx).events);
        let replicated = self.transaction(trx).gtid;
        let own = Gtid { server: self.options.server_uuid, sequence: self.last_sequence + 1 };
        let gtid = replicated.unwrap_or(own);
        if gtid.server == self.options.server_uuid {
            self.last_sequence = self.last_sequence.max(gtid.sequence);
        }
        let connection = self.transaction(trx).connection;
        let tag = self.sessions.get(&connection).map_or_else(|| "".into(), |s| s.tag.clone());
        let entry = BinlogTransaction { gtid, events, committed_at: now, tag, xid: trx.0 };
        self.durable.log(entry, self.options.max_binlog_size);
        let transaction = self.transaction_mut(trx);
        transaction.stage = Stage::Logged;
        transaction.gtid = Some(gtid);
        self.flushed.push(trx);
        (self.durable.binlog_end(), gtid)
    }

    /// Whether this commit is one that `sync_binlog` syncs.
    fn binlog_is_due(&mut self) -> bool {
        let every = self.options.sync_binlog;
        let is_due = every != 0 && every <= self.durable.unsynced_groups;
        if is_due {
            self.durable.unsynced_groups = 0;
        }
        is_due
    }

    /// Commits a transaction and those that are before it in the binlog.
    pub fn commit_in_order(&mut self, trx: TrxId) {
        let group: Vec<TrxId> = match self.flushed.iter().position(|flushed| *flushed == trx) {
            Some(at) => self.flushed.drain(..=at).collect(),
            // Not logged, or a leader has done it.
            None => vec![trx],
        };
        for member in group {
            let Some(transaction) = self.transactions.get(&member) else { continue };
            let gtid = transaction.gtid;
            let executed = Arc::make_mut(&mut self.executed);
            gtid.iter().for_each(|gtid| executed.add(*gtid));
            self.durable.redo.push(RedoRecord::Commit { xid: member.0, gtid });
            self.commit(member);
        }
    }
}
