//! How a server is set up: identity, durability, and what a server leaves open.

use std::time::Duration;

use super::gtid::ServerUuid;
use super::lock::queue::GrantOrder;
use super::transaction::Isolation;

/// Picks one of n where a server leaves the choice open; told what for.
pub type Choose = Box<dyn FnMut(&str, usize) -> usize>;

pub struct Options {
    pub server_uuid: ServerUuid,
    pub server_id: u32,
    pub grant_order: GrantOrder,
    pub isolation: Isolation,
    pub flush_log: FlushLog,
    /// `sync_binlog`: the binlog is synced with every so many commits; 0 leaves it to the operating
    /// system.
    pub sync_binlog: u64,
    pub semi_sync: SemiSync,
    /// `rpl_semi_sync_replica_enabled`: this server acknowledges what it receives.
    pub semi_sync_replica: bool,
    /// `sync_relay_log`: the relay log is synced with every so many transactions.
    pub sync_relay_log: u64,
    /// `relay_log_recovery`: a start throws away what was received and not applied, and asks the
    /// source again.
    pub relay_log_recovery: bool,
    /// `replica_net_timeout`: after so long without a word from its source a replica takes the
    /// connection for broken. 60 s, as in Vitess's config/mycnf/default.cnf.
    pub replica_net_timeout: Duration,
    /// `replica_transaction_retries`.
    pub transaction_retries: u64,
    /// `max_binlog_size`.
    pub max_binlog_size: u64,
    /// `log_replica_updates`, and a binlog at all.
    pub log_bin: bool,
    pub deadlock_detection: bool,
    /// `innodb_rollback_on_timeout`: 1205 takes the whole transaction.
    pub rollback_on_timeout: bool,
    pub read_only: bool,
    pub super_read_only: bool,
    pub choose: Option<Choose>,
}

/// `innodb_flush_log_at_trx_commit`: what a commit does with the redo log. Whatever it leaves is
/// written and synced about once a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushLog {
    /// 0: nothing. The server's death loses the last second.
    Lazy,
    /// 1: written and synced.
    Sync,
    /// 2: written. Only the machine's death loses the last second.
    Write,
}

/// `rpl_semi_sync_source_*`: a commit waits until replicas have received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemiSync {
    pub enabled: bool,
    /// After this the source gives up waiting, for all, until a replica has caught up.
    pub timeout: Duration,
    /// `wait_for_replica_count`.
    pub replicas: u32,
    pub wait_point: WaitPoint,
}

/// Where a commit waits for its acknowledgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitPoint {
    /// Before the engine commits: nobody sees what no replica has. Row locks are held.
    AfterSync,
    /// After it: others see the rows, only the committer waits.
    AfterCommit,
}

impl FlushLog {
    pub fn number(self) -> u64 {
        match self {
            FlushLog::Lazy => 0,
            FlushLog::Sync => 1,
            FlushLog::Write => 2,
        }
    }

    pub fn of_number(number: u64) -> Option<FlushLog> {
        [FlushLog::Lazy, FlushLog::Sync, FlushLog::Write]
            .get(usize::try_from(number).ok()?)
            .copied()
    }
}

impl SemiSync {
    /// MySQL's defaults, off.
    pub const OFF: SemiSync = SemiSync {
        enabled: false,
        timeout: Duration::from_secs(10),
        replicas: 1,
        wait_point: WaitPoint::AfterSync,
    };

    /// On, as Vitess has it: the timeout is 10^18 ms, which no run sees the end of.
    pub const VITESS: SemiSync = SemiSync {
        enabled: true,
        timeout: Duration::from_millis(1_000_000_000_000_000_000),
        ..SemiSync::OFF
    };
}

impl Options {
    /// MySQL's defaults.
    pub fn new(server_uuid: ServerUuid, server_id: u32) -> Options {
        Options {
            server_uuid,
            server_id,
            grant_order: GrantOrder::Cats,
            isolation: Isolation::RepeatableRead,
            flush_log: FlushLog::Sync,
            sync_binlog: 1,
            semi_sync: SemiSync::OFF,
            semi_sync_replica: false,
            sync_relay_log: 10_000,
            relay_log_recovery: false,
            replica_net_timeout: Duration::from_secs(60),
            transaction_retries: 10,
            max_binlog_size: 1 << 30,
            log_bin: true,
            deadlock_detection: true,
            rollback_on_timeout: false,
            read_only: false,
            super_read_only: false,
            choose: None,
        }
    }

    /// `sync_binlog=1` and `innodb_flush_log_at_trx_commit=1`: nothing is left for later.
    pub fn is_durable(&self) -> bool {
        self.flush_log == FlushLog::Sync && self.sync_binlog == 1
    }

    /// What SET .. = DEFAULT means.
    pub fn defaults() -> Options {
        Options::new(ServerUuid([0; 16]), 0)
    }

    /// A choice among n, the first where nobody decides.
    pub fn choose(&mut self, purpose: &str, n: usize) -> usize {
        match &mut self.choose {
            Some(choose) => choose(purpose, n).min(n.saturating_sub(1)),
            None => 0,
        }
    }
}
