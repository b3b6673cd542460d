//! What a MySQL server is asked, beside SQL text.
//!
//! Replication is SQL in MySQL (`CHANGE REPLICATION SOURCE TO`, `START REPLICA`); here each is a
//! call. It knows nothing of how a request is done.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::call::Request;
use crate::mysql::binlog::BinlogTransaction;
use crate::mysql::gtid::{GtidSet, ServerUuid};
use crate::mysql::outcome::Outcome;
use crate::mysql::replica_status::ReplicaStatus;
use crate::mysql::schema::Table;
use crate::mysql::session::ConnectionId;
use crate::sql::ast::Statement;
use crate::sql_error::SqlError;
use crate::value::Binds;
use crate::world::Program;

/// Opens a connection. Its tag says whose it is, in traces, lock reports and binlog events.
pub struct Connect {
    pub user: Rc<str>,
    pub database: Option<Rc<str>>,
    pub tag: Rc<str>,
}

impl Request for Connect {
    type Reply = ConnectionId;
    const NAME: &'static str = "mysql.Connect";

    fn is_own(&self) -> bool {
        true
    }
}

/// Runs a statement on a connection.
pub struct Query {
    pub connection: ConnectionId,
    pub statement: Arc<Statement>,
    pub binds: Arc<Binds>,
}

impl Request for Query {
    type Reply = Result<Outcome, SqlError>;
    const NAME: &'static str = "mysql.Query";

    fn describe(&self) -> String {
        format!("{} ({})", crate::sql::print::inline(&self.statement, &self.binds), self.connection)
    }

    fn fingerprint(&self) -> u64 {
        crate::seed::hash(self.statement.to_string().as_bytes())
    }

    /// A BEGIN opens no snapshot and takes no lock. Who sends one has ended what was open before.
    fn is_own(&self) -> bool {
        matches!(&*self.statement, Statement::Begin(begin) if !begin.consistent_snapshot)
    }
}

/// Gives a connection another owner's words.
pub struct Tag {
    pub connection: ConnectionId,
    pub tag: Rc<str>,
}

impl Request for Tag {
    type Reply = ();
    const NAME: &'static str = "mysql.Tag";

    fn is_own(&self) -> bool {
        true
    }
}

/// Closes a connection; its transaction is rolled back.
pub struct Quit {
    pub connection: ConnectionId,
}

impl Request for Quit {
    type Reply = ();
    const NAME: &'static str = "mysql.Quit";
}

/// KILL QUERY from another connection.
pub struct Kill {
    pub connection: ConnectionId,
}

impl Request for Kill {
    type Reply = ();
    const NAME: &'static str = "mysql.Kill";
}

/// KILL CONNECTION from another connection.
pub struct KillConnection {
    pub connection: ConnectionId,
}

impl Request for KillConnection {
    type Reply = ();
    const NAME: &'static str = "mysql.KillConnection";
}

/// Asks for the transactions that the asker lacks; waits for one up to a second, which is the
/// heartbeat.
pub struct Dump {
    /// What the asker has executed or received.
    pub executed: GtidSet,
    /// Who asks, where it is a replica's IO thread.
    pub replica: Option<DumpReplica>,
}

/// A replica that asks for a dump.
#[derive(Clone, Copy, Debug)]
pub struct DumpReplica {
    pub server: ServerUuid,
    /// It acknowledges what it receives.
    pub semi_sync: bool,
    /// The first request of a connection: all that it has counts as acknowledged.
    pub is_first: bool,
}

/// What a source has, behind a position.
#[derive(Clone, Debug)]
pub struct Dumped {
    pub server: ServerUuid,
    pub transactions: Vec<Arc<BinlogTransaction>>,
}

impl Request for Dump {
    type Reply = Result<Dumped, SqlError>;
    const NAME: &'static str = "mysql.Dump";
}

/// A replica has received these, and they are in its relay log.
pub struct Acknowledge {
    pub replica: ServerUuid,
    pub received: GtidSet,
}

impl Request for Acknowledge {
    type Reply = ();
    const NAME: &'static str = "mysql.Acknowledge";
}

/// `STOP REPLICA; CHANGE REPLICATION SOURCE TO .., SOURCE_AUTO_POSITION=1; START REPLICA`, or
/// `RESET REPLICA ALL`. What was received and not applied is thrown away.
pub struct ChangeSource {
    pub source: Option<Program>,
}

impl Request for ChangeSource {
    type Reply = ();
    const NAME: &'static str = "mysql.ChangeSource";
}

/// `STOP REPLICA [IO_THREAD | SQL_THREAD]`; answers when they stand still.
pub struct StopReplica {
    pub io: bool,
    pub sql: bool,
}

impl Request for StopReplica {
    type Reply = ();
    const NAME: &'static str = "mysql.StopReplica";
}

/// `START REPLICA [IO_THREAD | SQL_THREAD]`.
pub struct StartReplica {
    pub io: bool,
    pub sql: bool,
}

impl Request for StartReplica {
    type Reply = Result<(), SqlError>;
    const NAME: &'static str = "mysql.StartReplica";
}

/// `CHANGE REPLICATION SOURCE TO SOURCE_DELAY`: a transaction is applied so long after its commit.
pub struct SetDelay(pub Duration);

impl Request for SetDelay {
    type Reply = ();
    const NAME: &'static str = "mysql.SetDelay";
}

/// `SHOW REPLICA STATUS`; its source is None where the server is no replica.
pub struct ShowReplicaStatus;

impl Request for ShowReplicaStatus {
    type Reply = ReplicaStatus;
    const NAME: &'static str = "mysql.ShowReplicaStatus";
}

/// `SET GLOBAL rpl_semi_sync_source_enabled, rpl_semi_sync_replica_enabled`.
pub struct SetSemiSync {
    pub source: bool,
    pub replica: bool,
}

impl Request for SetSemiSync {
    type Reply = ();
    const NAME: &'static str = "mysql.SetSemiSync";
}

/// How many commits wait for an acknowledgment: `Rpl_semi_sync_source_wait_sessions`.
pub struct SemiSyncWaiters;

impl Request for SemiSyncWaiters {
    type Reply = usize;
    const NAME: &'static str = "mysql.SemiSyncWaiters";
}

/// Sets read_only and super_read_only. To set them waits for writers that are running.
pub struct SetReadOnly(pub bool);

impl Request for SetReadOnly {
    type Reply = ();
    const NAME: &'static str = "mysql.SetReadOnly";
}

/// `FLUSH BINARY LOGS`.
pub struct FlushBinaryLogs;

impl Request for FlushBinaryLogs {
    type Reply = ();
    const NAME: &'static str = "mysql.FlushBinaryLogs";
}

/// `PURGE BINARY LOGS TO`.
pub struct PurgeBinaryLogs {
    pub to: Rc<str>,
}

impl Request for PurgeBinaryLogs {
    type Reply = Result<(), SqlError>;
    const NAME: &'static str = "mysql.PurgeBinaryLogs";
}

/// What the server has executed.
pub struct Executed;

impl Request for Executed {
    type Reply = GtidSet;
    const NAME: &'static str = "mysql.Executed";
}

/// Waits until a set is executed.
pub struct WaitExecuted(pub GtidSet);

impl Request for WaitExecuted {
    type Reply = ();
    const NAME: &'static str = "mysql.WaitExecuted";
}

/// What SHOW CREATE TABLE says of each table of a database, in the order of their names.
pub struct ShowCreateTables {
    pub database: Rc<str>,
}

impl Request for ShowCreateTables {
    type Reply = Vec<Rc<str>>;
    const NAME: &'static str = "mysql.ShowCreateTables";
}

/// The definition of a table, if there is one of this name.
pub struct DescribeTable {
    pub database: Rc<str>,
    pub table: Rc<str>,
}

impl Request for DescribeTable {
    type Reply = Option<Arc<Table>>;
    const NAME: &'static str = "mysql.DescribeTable";
}
