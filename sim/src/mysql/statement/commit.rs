//! COMMIT: prepare, binlog, engine, as group commit orders them.
//!
//! 1. The engine prepares: redo says what the transaction made of its rows. Synced, written or
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
//!
//! Between two syncs a commit is one uninterruptible step: [`Commit`] is where it stands.

use std::sync::Arc;

use crate::mysql::binlog::BinlogTransaction;
use crate::mysql::durable::{Change, RedoRecord};
use crate::mysql::engine::Engine;
use crate::mysql::error;
use crate::mysql::execution::{Run, SyncPoint};
use crate::mysql::gtid::Gtid;
use crate::mysql::options::{FlushLog, Options, WaitPoint};
use crate::mysql::session::ConnectionId;
use crate::mysql::transaction::{Stage, TrxId};
use crate::sql_error::SqlError;

/// A commit on its way; it goes on with [`Engine::go_on`].
#[derive(Debug)]
pub struct Commit {
    trx: TrxId,
    now: jiff::Timestamp,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    /// Do with the redo log, up to here, what a commit is to do.
    FlushRedo {
        records: usize,
        then: Then,
    },
    RedoSynced {
        records: usize,
        then: Then,
    },
    Log,
    BinlogSynced {
        end: usize,
        gtid: Gtid,
    },
    Acknowledge(Gtid),
    /// A replica's acknowledgment of this transaction may come behind the commit.
    Commit {
        acknowledge: Option<Gtid>,
    },
    Ended,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Log,
    /// It is not logged, and committed already.
    End,
}

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
        let (connection, now) = (self.connection, self.now);
        let begun = self.engine(|engine| engine.begin_commit(connection, trx, definitions, now));
        let mut commit = begun?;
        while let Some(point) = self.engine(|engine| engine.go_on(&mut commit)) {
            self.sync(point).await;
        }
        Ok(())
    }
}

impl Engine {
    /// Prepares a transaction; one that changed nothing is committed.
    pub fn begin_commit(
        &mut self,
        connection: ConnectionId,
        trx: TrxId,
        definitions: Vec<Change>,
        now: jiff::Timestamp,
    ) -> Result<Commit, SqlError> {
        if definitions.is_empty() && !self.has_changes(trx) {
            self.commit(trx);
            return Ok(Commit { trx, now, next: Next::Ended });
        }
        if let Err(error) = self.check_commit(connection) {
            self.rollback(trx);
            return Err(error);
        }
        let mut records = self.prepare(trx, definitions);
        let mut then = Then::Log;
        if !self.will_log(trx) {
            self.commit_in_order(trx);
            records = self.durable.redo.len();
            then = Then::End;
        }
        Ok(Commit { trx, now, next: Next::FlushRedo { records, then } })
    }

    /// Goes on to the next sync that the commit needs; none when it has ended.
    pub fn go_on(&mut self, commit: &mut Commit) -> Option<SyncPoint> {
        loop {
            let point;
            (commit.next, point) = self.step_of_commit(commit);
            if point.is_some() || matches!(commit.next, Next::Ended) {
                return point;
            }
        }
    }

    /// One step: what comes next, and what it waits for.
    fn step_of_commit(&mut self, commit: &Commit) -> (Next, Option<SyncPoint>) {
        match commit.next {
            Next::FlushRedo { records, then } => match self.options.flush_log {
                FlushLog::Lazy => (then.next(), None),
                FlushLog::Write => {
                    self.durable.write_redo();
                    (then.next(), None)
                }
                FlushLog::Sync => {
                    self.durable.write_redo();
                    (Next::RedoSynced { records, then }, Some(SyncPoint::Redo))
                }
            },
            Next::RedoSynced { records, then } => {
                self.durable.redo_synced(records);
                (then.next(), None)
            }
            Next::Log => {
                let (end, gtid) = self.flush(commit.trx, commit.now);
                match self.binlog_is_due() {
                    true => (Next::BinlogSynced { end, gtid }, Some(SyncPoint::Binlog)),
                    false => (Next::Acknowledge(gtid), None),
                }
            }
            Next::BinlogSynced { end, gtid } => {
                self.durable.binlog_synced(end);
                (Next::Acknowledge(gtid), None)
            }
            Next::Acknowledge(gtid) => {
                let semi_sync = self.options.semi_sync;
                let waits = |at| semi_sync.enabled && semi_sync.wait_point == at;
                let before = waits(WaitPoint::AfterSync).then_some(SyncPoint::Acknowledge(gtid));
                (
                    Next::Commit { acknowledge: waits(WaitPoint::AfterCommit).then_some(gtid) },
                    before,
                )
            }
            Next::Commit { acknowledge } => {
                self.commit_in_order(commit.trx);
                (Next::Ended, acknowledge.map(SyncPoint::Acknowledge))
            }
            Next::Ended => (Next::Ended, None),
        }
    }

    /// 1290: what a commit of changes still asks, since the server may have become read-only. Who
    /// could write under `read_only` is told of `super_read_only`, anybody else of the first.
    pub fn check_commit(&self, connection: ConnectionId) -> Result<(), SqlError> {
        let session = self.sessions.get(&connection).ok_or_else(error::interrupted)?;
        let Options { read_only, super_read_only, .. } = self.options;
        match (session.applier, session.is_super()) {
            (false, true) if super_read_only => Err(error::read_only_server("--super-read-only")),
            (false, false) if super_read_only || read_only => {
                Err(error::read_only_server("--read-only"))
            }
            _ => Ok(()),
        }
    }

    /// Writes what the transaction did to the redo log; returns the log's position behind it.
    fn prepare(&mut self, trx: TrxId, mut definitions: Vec<Change>) -> usize {
        let touched = self.transaction(trx).touched();
        definitions.reserve_exact(touched.len());
        for (table, key) in touched {
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
        let own = Gtid { server: self.options.server_uuid, sequence: self.last_sequence + 1 };
        let transaction = self.transaction_mut(trx);
        let events = std::mem::take(&mut transaction.events);
        let gtid = transaction.gtid.unwrap_or(own);
        transaction.stage = Stage::Logged;
        transaction.gtid = Some(gtid);
        let connection = transaction.connection;
        if gtid.server == own.server {
            self.last_sequence = self.last_sequence.max(gtid.sequence);
        }
        let tag = self.sessions.get(&connection).map(|session| session.tag.clone());
        let tag = tag.unwrap_or_default();
        let xid = trx.0;
        let entry = BinlogTransaction { gtid, events, committed_at: now, tag, connection, xid };
        self.durable.log(entry, self.options.max_binlog_size);
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
        let group = self.flushed.iter().position(|flushed| *flushed == trx).map_or(0, |at| at + 1);
        for _ in 0..group {
            let member = self.flushed.remove(0);
            self.commit_in_engine(member);
        }
        // Not logged; or a leader has done it, and this does nothing.
        self.commit_in_engine(trx);
    }

    fn commit_in_engine(&mut self, trx: TrxId) {
        let Some(transaction) = self.transactions.get(&trx) else { return };
        let gtid = transaction.gtid;
        if let Some(gtid) = gtid {
            Arc::make_mut(&mut self.executed).add(gtid);
        }
        self.durable.redo.push(RedoRecord::Commit { xid: trx.0, gtid });
        self.commit(trx);
    }
}

impl Then {
    fn next(self) -> Next {
        match self {
            Then::Log => Next::Log,
            Then::End => Next::Ended,
        }
    }
}
