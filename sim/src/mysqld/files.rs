//! A server on a disk: what a crash leaves of it is what recovery makes of its logs.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::disk::Stored;
use crate::mysql::binlog::BinlogTransaction;
use crate::mysql::durable::Durable;
use crate::mysql::gtid::{GtidSet, ServerUuid};
use crate::mysql::options::Options;
use crate::mysql::server::Server;
use crate::world::Program;

/// Makes a server's options: they hold what cannot be copied.
pub type MakeOptions = Rc<dyn Fn() -> Options>;

/// See the [module](self).
pub struct Files {
    server: Server,
    options: MakeOptions,
    pub(super) source: Option<Program>,
    /// Source_UUID, once the source has answered.
    pub(super) source_uuid: Option<ServerUuid>,
    pub(super) delay: Duration,
    pub(super) relay: RelayLog,
    /// Transactions of the binlog that have been told of, counted from its first ever.
    told: usize,
    /// What recoveries did not find, of what had been visible.
    lost: GtidSet,
    /// In the binlog, and without their rows.
    without_rows: GtidSet,
}

/// What a replica has received and not applied.
#[derive(Debug, Default)]
pub(super) struct RelayLog {
    pub transactions: VecDeque<Arc<BinlogTransaction>>,
    /// Retrieved_Gtid_Set.
    pub retrieved: GtidSet,
    /// Of the transactions, how many survive a power loss.
    pub synced: usize,
    /// Received since it was synced.
    pub unsynced: u64,
    /// How many are really on the disk, while that lies.
    really: Option<usize>,
}

impl Files {
    pub fn new(options: MakeOptions) -> Files {
        Files {
            server: Server::new(options()),
            options,
            source: None,
            source_uuid: None,
            delay: Duration::ZERO,
            relay: RelayLog::default(),
            told: 0,
            lost: GtidSet::new(),
            without_rows: GtidSet::new(),
        }
    }

    /// The server, as the judge and the cluster's builder read it.
    pub fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// Whether the server follows a source.
    pub fn is_replica(&self) -> bool {
        self.source.is_some()
    }

    /// A server that has executed these transactions before its binlog begins. Only before it has
    /// done anything.
    pub fn begin_at(&mut self, executed: GtidSet) {
        let durable = Durable { purged: executed, ..Durable::default() };
        self.server = Server::recover((self.options)(), durable);
    }

    /// What stands in the binlog now was before the run, and is told to nobody.
    pub fn begin(&mut self) {
        self.told = self.server.durable().binlog_end();
    }

    /// A start after the server's death, from what it had written. A first start has nothing to
    /// recover.
    pub(super) fn start(&mut self) {
        self.recover(Server::die);
        if self.server.options().relay_log_recovery {
            self.relay = RelayLog::default();
        }
    }

    /// Commits that were visible and are gone since last asked, or are GTIDs without rows now.
    pub(super) fn take_lost(&mut self) -> GtidSet {
        std::mem::take(&mut self.lost)
    }

    fn recover(&mut self, crash: impl FnOnce(Server) -> Durable) {
        let visible = self.server.executed().clone();
        let dead = std::mem::replace(&mut self.server, Server::new((self.options)()));
        let left = crash(dead);
        let without_rows = left.without_rows();
        self.server = Server::recover((self.options)(), left);
        self.lost.union(&visible.subtract(self.server.executed()));
        self.lost.union(&without_rows.subtract(&self.without_rows));
        self.without_rows = without_rows;
        self.told = self.told.min(self.server.durable().binlog_end());
    }

    /// Transactions that became visible since last asked, in binlog order.
    pub(super) fn take_commits(&mut self) -> Vec<Arc<BinlogTransaction>> {
        let mut told = Vec::new();
        let durable = self.server.durable();
        self.told = self.told.max(durable.binlog_start);
        while let Some(next) = durable.binlog.get(self.told - durable.binlog_start) {
            if !self.server.executed().contains(next.gtid) {
                break;
            }
            told.push(Arc::clone(next));
            self.told += 1;
        }
        told
    }
}

impl RelayLog {
    /// Takes what was received; whether it is to be synced now.
    pub fn receive(
        &mut self,
        transactions: impl IntoIterator<Item = Arc<BinlogTransaction>>,
        sync_every: u64,
    ) -> bool {
        for transaction in transactions {
            self.retrieved.add(transaction.gtid);
            self.transactions.push_back(transaction);
            self.unsynced += 1;
        }
        let is_due = sync_every != 0 && sync_every <= self.unsynced;
        if is_due {
            self.unsynced = 0;
        }
        is_due
    }

    /// The first is applied.
    pub fn applied(&mut self) {
        self.transactions.pop_front();
        self.synced = self.synced.saturating_sub(1);
        self.really = self.really.map(|really| really.saturating_sub(1));
    }

    fn unsynced(&self) -> usize {
        self.transactions.len() - self.synced
    }
}

/// Three logs lose their tails by themselves: one number says how much of each is kept.
impl Stored for Files {
    fn unsynced(&self) -> usize {
        let durable = self.server.durable();
        let (redo, binlog) = (durable.unsynced_redo() + 1, durable.unsynced_binlog() + 1);
        redo.saturating_mul(binlog).saturating_mul(self.relay.unsynced() + 1) - 1
    }

    fn lose(&mut self, torn: usize) {
        let durable = self.server.durable();
        let (redo, binlog) = (durable.unsynced_redo() + 1, durable.unsynced_binlog() + 1);
        let kept = (torn % redo, torn / redo % binlog, torn / redo / binlog);
        self.relay.transactions.truncate(self.relay.synced + kept.2);
        self.relay.synced = self.relay.transactions.len();
        self.relay.really = self.relay.really.map(|_| self.relay.synced);
        self.recover(|server| server.lose_power(kept.0, kept.1));
        // What is left of the relay log says what was retrieved.
        self.relay.retrieved = self.server.executed().clone();
        for transaction in &self.relay.transactions {
            self.relay.retrieved.add(transaction.gtid);
        }
    }

    fn lie(&mut self, lies: bool) {
        self.server.durable_mut().lie(lies);
        self.relay.really = lies.then(|| self.relay.really.unwrap_or(self.relay.synced));
    }

    fn own_up(&mut self) {
        self.server.durable_mut().own_up();
        self.relay.synced = self.relay.really.unwrap_or(self.relay.synced);
    }
}
