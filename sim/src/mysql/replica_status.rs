//! What a replica's two threads are doing, as SHOW REPLICA STATUS says it.
//!
//! The threads are the caller's; it writes here what becomes of them. It knows nothing of how
//! transactions come.

use super::gtid::{GtidSet, ServerUuid};

/// The columns of SHOW REPLICA STATUS that say something here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// The source's name; None where the server is no replica.
    pub source: Option<String>,
    /// Source_UUID, once it has been connected to.
    pub source_uuid: Option<ServerUuid>,
    pub io: IoThread,
    /// Replica_SQL_Running.
    pub sql_running: bool,
    /// Received since the relay log began.
    pub retrieved: GtidSet,
    pub executed: GtidSet,
    /// None while the applier stands still.
    pub seconds_behind: Option<u64>,
    /// SQL_Delay, in seconds.
    pub delay: u64,
    pub last_io_error: Option<(u16, String)>,
    pub last_sql_error: Option<(u16, String)>,
}

/// Replica_IO_Running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoThread {
    #[default]
    No,
    Connecting,
    Yes,
}

impl IoThread {
    pub fn name(self) -> &'static str {
        match self {
            IoThread::No => "No",
            IoThread::Connecting => "Connecting",
            IoThread::Yes => "Yes",
        }
    }
}

impl ReplicaStatus {
    /// What the server has or will have once its relay log is applied.
    pub fn received(&self) -> GtidSet {
        let mut received = self.executed.clone();
        received.union(&self.retrieved);
        received
    }
}
