//! The source's side of replication: dumps, and semi-sync.
//!
//! A replica's IO thread asks for what it lacks, again and again; each answer is what a dump thread
//! would have sent since. With `sync_binlog=1` that is what is synced, otherwise what is written:
//! then a replica can have what its source loses.
//!
//! Semi-sync: a commit waits until so many replicas have acknowledged that they received it. When
//! the timeout passes, the source gives up for all, and is asynchronous until a replica has caught
//! up with the whole binlog. Who waits is not to be killed: the transaction is in the binlog.
//! `rpl_semi_sync_source_wait_no_replica` is ON: without replicas a commit waits all the same.
//!
//! It knows nothing of who may acknowledge: that is the replicas' own setting.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::Mysqld;
use super::request::{
    Acknowledge, Dump, Dumped, FlushBinaryLogs, PurgeBinaryLogs, SemiSyncWaiters, SetSemiSync,
};
use crate::mysql::gtid::{Gtid, GtidSet, ServerUuid};
use crate::sql_error::SqlError;
use crate::wait::Signal;
use crate::world::Process;

/// See the [module](self).
#[derive(Clone, Default)]
pub(super) struct SemiSyncSource {
    /// The timeout has passed: commits don't wait until a replica has caught up.
    is_off: Rc<Cell<bool>>,
    acknowledged: Rc<RefCell<BTreeMap<ServerUuid, GtidSet>>>,
    waiting: Rc<Cell<usize>>,
    /// Raised when any of this changes.
    pub changed: Signal,
}

/// Longer than any run: a limit that is none.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// What an acknowledgment takes where nothing is wrong, generously.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

impl Mysqld {
    pub(super) fn serve_source(&self, process: Process) {
        let mysqld = self.clone();
        process.serve(move |process, dump: Rc<Dump>| {
            let mysqld = mysqld.clone();
            async move { mysqld.dump(process, &dump).await }
        });
        let mysqld = self.clone();
        process.serve(move |process, ack: Rc<Acknowledge>| {
            mysqld.take_acknowledgment(process, ack.replica, &ack.received);
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, set: Rc<SetSemiSync>| {
            mysqld.with(|server| {
                let options = server.options_mut();
                options.semi_sync.enabled = set.source;
                options.semi_sync_replica = set.replica;
            });
            mysqld.semi_sync.is_off.set(false);
            mysqld.semi_sync.changed.raise();
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, _: Rc<SemiSyncWaiters>| {
            let waiting = mysqld.semi_sync.waiting.get();
            async move { waiting }
        });
        let mysqld = self.clone();
        process.serve(move |_, _: Rc<FlushBinaryLogs>| {
            mysqld.with(|server| server.durable_mut().rotate_binlog());
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, purge: Rc<PurgeBinaryLogs>| {
            let purged = mysqld.with(|server| server.purge_binlog_to(&purge.to));
            async move { purged }
        });
    }

    async fn dump(&self, process: Process, dump: &Dump) -> Result<Dumped, SqlError> {
        if let Some(replica) = dump.replica.filter(|replica| replica.semi_sync && replica.is_first)
        {
            self.take_acknowledgment(process, replica.server, &dump.executed);
        }
        let missing = || {
            self.with(|server| {
                let transactions = server.binlog_from(&dump.executed)?.cloned().collect();
                let server = server.options().server_uuid;
                Ok::<_, SqlError>(Dumped { server, transactions })
            })
        };
        let first = missing()?;
        if !first.transactions.is_empty() {
            return Ok(first);
        }
        let heartbeat = Some(Duration::from_secs(1));
        let _ = process.limit(heartbeat, self.logged.raised()).await;
        missing()
    }

    fn take_acknowledgment(&self, process: Process, replica: ServerUuid, received: &GtidSet) {
        self.semi_sync.acknowledged.borrow_mut().entry(replica).or_default().union(received);
        if self.semi_sync.is_off.get()
            && self.with(|server| received.contains_set(&server.logged()))
        {
            process.note("semi-sync is on: a replica has caught up");
            self.semi_sync.is_off.set(false);
        }
        self.semi_sync.changed.raise();
    }

    /// Waits until enough replicas have received a transaction, or nobody waits any more.
    pub(super) async fn acknowledged(&self, process: Process, gtid: Gtid) {
        let source = &self.semi_sync;
        // The dump threads have it by now.
        self.logged.raise();
        let may_go = || {
            let semi_sync = self.with(|server| server.options().semi_sync);
            let all = source.acknowledged.borrow();
            let having = all.values().filter(|received| received.contains(gtid)).count();
            !semi_sync.enabled || source.is_off.get() || semi_sync.replicas as usize <= having
        };
        let timeout = self.with(|server| server.options().semi_sync.timeout);
        let limit = Some(timeout).filter(|timeout| *timeout < FOR_EVER);
        source.waiting.set(source.waiting.get() + 1);
        let wait = async {
            while !may_go() {
                source.changed.raised().await;
            }
        };
        let mut wait = std::pin::pin!(wait);
        // One that is under way comes soon. Only then is it something to be told of.
        let soon = limit.map_or(ON_ITS_WAY, |limit| limit.min(ON_ITS_WAY));
        let mut waited = process.limit(Some(soon), wait.as_mut()).await;
        if waited.is_err() && limit != Some(soon) {
            let limit = limit.map(|limit| limit - soon);
            let what = format!("a replica to acknowledge {gtid}");
            waited = process.wait(what, limit, wait.as_mut()).await;
        }
        source.waiting.set(source.waiting.get() - 1);
        if waited.is_err() {
            process.note("semi-sync is off: no acknowledgment within the timeout");
            source.is_off.set(true);
            source.changed.raise();
        }
    }
}
