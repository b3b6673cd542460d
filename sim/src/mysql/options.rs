//! How a server is set up: identity, durability, and where MySQL leaves something open.

use super::gtid::ServerUuid;
use super::lock::queue::GrantOrder;
use super::transaction::Isolation;

/// Picks one of n where MySQL leaves the choice open; told what for.
pub type Choose = Box<dyn FnMut(&str, usize) -> usize>;

pub struct Options {
    pub server_uuid: ServerUuid,
    pub server_id: u32,
    pub grant_order: GrantOrder,
    pub isolation: Isolation,
    /// `innodb_flush_log_at_trx_commit` = 1: redo is synced at PREPARE.
    pub sync_redo: bool,
    /// `sync_binlog` = 1: the binlog is synced before the engine commits.
    pub sync_binlog: bool,
    /// A commit waits for a replica's acknowledgment between the sync and the engine
    /// (AFTER_SYNC).
    pub semi_sync: bool,
    /// `log_replica_updates`, and a binlog at all.
    pub log_bin: bool,
    pub deadlock_detection: bool,
    /// `innodb_rollback_on_timeout`: 1205 takes the whole transaction.
    pub rollback_on_timeout: bool,
    pub read_only: bool,
    pub super_read_only: bool,
    pub choose: Option<Choose>,
}

impl Options {
    /// MySQL's defaults.
    pub fn new(server_uuid: ServerUuid, server_id: u32) -> Options {
        Options {
            server_uuid,
            server_id,
            grant_order: GrantOrder::Cats,
            isolation: Isolation::RepeatableRead,
            sync_redo: true,
            sync_binlog: true,
            semi_sync: false,
            log_bin: true,
            deadlock_detection: true,
            rollback_on_timeout: false,
            read_only: false,
            super_read_only: false,
            choose: None,
        }
    }

    /// A choice among n, the first where nobody decides.
    pub fn choose(&mut self, purpose: &str, n: usize) -> usize {
        match &mut self.choose {
            Some(choose) => choose(purpose, n).min(n.saturating_sub(1)),
            None => 0,
        }
    }
}
