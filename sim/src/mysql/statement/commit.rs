//! COMMIT: prepare, binlog, engine, as group commit orders them.
//!
//! 1. The engine prepares: redo says what the transaction made of its rows. (Sync.)
//! 2. The transaction goes to the binlog; that is where it gets its GTID. (Sync.)
//! 3. With semi-sync, a replica acknowledges it. Row locks are still held.
//! 4. The engine commits, in binlog order, and frees the locks. Who comes first of several that
//!    are in the binlog commits those before it too, as the leader of a group does.
//!
//! A transaction that changed nothing ends at once.

use std::sync::Arc;

use crate::mysql::binlog::BinlogTransaction;
use crate::mysql::durable::{Change, RedoRecord};
use crate::mysql::engine::Engine;
use crate::mysql::execution::{Run, SyncPoint};
use crate::mysql::gtid::Gtid;
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
        let redo = self.engine(|engine| engine.prepare(trx, definitions));
        if self.engine(|engine| engine.options.sync_redo) {
            self.sync(SyncPoint::Redo).await;
            self.engine(|engine| engine.redo_synced(redo));
        }
        let now = self.now;
        if let Some((binlog, gtid)) = self.engine(|engine| engine.flush(trx, now)) {
            if self.engine(|engine| engine.options.sync_binlog) {
                self.sync(SyncPoint::Binlog).await;
                self.engine(|engine| engine.binlog_synced(binlog));
            }
            if self.engine(|engine| engine.options.semi_sync) {
                self.sync(SyncPoint::Acknowledge(gtid)).await;
            }
        }
        self.engine(|engine| engine.commit_in_order(trx));
        Ok(())
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

    /// Appends the transaction to the binlog and names it; none where nothing is logged.
    fn flush(&mut self, trx: TrxId, now: jiff::Timestamp) -> Option<(usize, Gtid)> {
        let events = std::mem::take(&mut self.transaction_mut(trx).events);
        let replicated = self.transaction(trx).gtid;
        if !self.options.log_bin || events.is_empty() && replicated.is_none() {
            return None;
        }
        let own = Gtid { server: self.options.server_uuid, sequence: self.last_sequence + 1 };
        let gtid = replicated.unwrap_or(own);
        if gtid.server == self.options.server_uuid {
            self.last_sequence = self.last_sequence.max(gtid.sequence);
        }
        let connection = self.transaction(trx).connection;
        let tag = self.sessions.get(&connection).map_or_else(|| "".into(), |s| s.tag.clone());
        let entry = BinlogTransaction { gtid, events, committed_at: now, tag, xid: trx.0 };
        self.durable.binlog.push(Arc::new(entry));
        let transaction = self.transaction_mut(trx);
        transaction.stage = Stage::Logged;
        transaction.gtid = Some(gtid);
        self.flushed.push(trx);
        Some((self.durable.binlog.len(), gtid))
    }

    pub fn redo_synced(&mut self, position: usize) {
        self.durable.redo_synced = self.durable.redo_synced.max(position);
    }

    pub fn binlog_synced(&mut self, position: usize) {
        self.durable.binlog_synced = self.durable.binlog_synced.max(position);
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
            if let Some(gtid) = transaction.gtid {
                self.executed.add(gtid);
            }
            self.durable.redo.push(RedoRecord::Commit { xid: member.0 });
            self.commit(member);
        }
    }
}
