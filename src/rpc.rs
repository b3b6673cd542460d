//! What programs say to each other: the queryservice and the tabletmanager of a tablet, the health
//! stream, the MySQL protocol of a vtgate.
//!
//! Shapes only, after `proto/queryservice.proto`, `proto/tabletmanagerservice.proto`. An error is a
//! [`Status`]: gRPC's code and a text in which MySQL's number stands, if there is one.
//!
//! It knows nothing of who serves a request or how.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sim::call::{CallError, Request};
use sim::mysql::gtid::GtidSet;
use sim::mysql::outcome::Outcome;
use sim::mysql::replica_status::ReplicaStatus;
use sim::sql::ast::Statement;
use sim::sql_error::SqlError;
use sim::value::{Binds, Row};

use crate::history::PlanId;
use crate::key::Code;
use crate::topo::{Alias, TabletType};

/// An error between programs (`vterrors`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub code: Code,
    pub message: String,
}

impl Status {
    pub fn new(code: Code, message: impl Into<String>) -> Status {
        Status { code, message: message.into() }
    }

    /// Whether the call surely did nothing: nobody took it.
    pub fn never_ran(&self) -> bool {
        self.code == Code::Unavailable && self.message.contains("connection refused")
    }

    /// Whether the call may have been done: it was taken, and has no answer ([`Status::of_call`]).
    pub fn has_no_answer(&self) -> bool {
        match self.code {
            Code::Unavailable => self.message.contains("error reading from server: EOF"),
            Code::DeadlineExceeded => self.message.contains("rpc error: code = DeadlineExceeded"),
            _ => false,
        }
    }

    pub fn wrap(mut self, what: impl fmt::Display) -> Status {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// What a caller makes of a call that has no answer.
    pub fn of_call(error: CallError) -> Status {
        match error {
            CallError::Refused => Status::new(
                Code::Unavailable,
                "vttablet: rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial tcp: connect: connection refused\"",
            ),
            CallError::Broken => Status::new(
                Code::Unavailable,
                "vttablet: rpc error: code = Unavailable desc = error reading from server: EOF",
            ),
            CallError::Deadline => Status::new(
                Code::DeadlineExceeded,
                "vttablet: rpc error: code = DeadlineExceeded desc = context deadline exceeded",
            ),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A shard and the kind of tablet that is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub keyspace: Rc<str>,
    pub shard: Rc<str>,
    pub kind: TabletType,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.keyspace, self.shard, self.kind)
    }
}

// ---------------------------------------------------------------- queryservice

/// Runs a statement: in the transaction given, in a new one (`begin`), or by itself.
pub struct Execute {
    pub target: Target,
    pub statement: Arc<Statement>,
    pub binds: Arc<Binds>,
    pub transaction: Option<TxId>,
    /// Opens a transaction first and runs these statements in it (savepoints).
    pub begin: Option<Vec<Arc<Statement>>>,
    /// A connection that is the session's alone, without a transaction.
    pub reserved: Reserved,
    /// What the connection is set to before anything else: `set a = x, b = y`.
    pub setting: Option<Arc<Statement>>,
    pub options: ExecuteOptions,
    /// Whose transaction a new one is, for traces, the judge and the lock report.
    pub tag: Rc<str>,
    /// The plan that it is part of, for the judge.
    pub plan: PlanId,
}

/// A transaction or a reserved connection of one tablet process; never used again, never outlives
/// the process.
pub type TxId = u64;

/// Which reserved connection a statement runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reserved {
    #[default]
    No,
    /// One that is reserved now.
    New,
    Id(TxId),
}

/// How a statement is to be run (`querypb.ExecuteOptions`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecuteOptions {
    pub workload: Workload,
    /// Its rows are given as they are found, however many.
    pub streams: bool,
    /// The statement's time instead of the tablet's own; zero is endless.
    pub timeout: Option<Duration>,
    /// The time of the transaction that begins; a longer one than the tablet's does not count.
    pub transaction_timeout: Option<Duration>,
}

/// What a session's statements are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workload {
    Unspecified,
    #[default]
    Oltp,
    Olap,
    Dba,
}

impl Workload {
    pub const ALL: [Workload; 4] =
        [Workload::Unspecified, Workload::Oltp, Workload::Olap, Workload::Dba];

    pub fn name(self) -> &'static str {
        match self {
            Workload::Unspecified => "UNSPECIFIED",
            Workload::Oltp => "OLTP",
            Workload::Olap => "OLAP",
            Workload::Dba => "DBA",
        }
    }
}

/// What was opened stays open even when the statement behind it failed.
#[derive(Clone, Debug)]
pub struct Executed {
    pub result: Result<Outcome, Status>,
    pub transaction: Option<TxId>,
    pub reserved: Option<TxId>,
    pub alias: Alias,
}

impl Request for Execute {
    type Reply = Executed;
    const NAME: &'static str = "Execute";

    fn describe(&self) -> String {
        let mut text = format!("[{}] ", self.tag);
        if let (Some(setting), None, Reserved::No | Reserved::New) =
            (&self.setting, self.transaction, self.reserved)
        {
            text.push_str(&format!("{setting}; "));
        }
        if let Some(savepoints) = &self.begin {
            text.push_str("begin; ");
            savepoints.iter().for_each(|savepoint| text.push_str(&format!("{savepoint}; ")));
        }
        text.push_str(&sim::sql::print::inline(&self.statement, &self.binds));
        text
    }

    fn fingerprint(&self) -> u64 {
        match self.reserved {
            Reserved::Id(id) => id,
            _ => self.transaction.unwrap_or(0),
        }
    }
}

pub struct Commit {
    pub target: Target,
    pub transaction: TxId,
    /// Whose transaction it is, for traces.
    pub tag: Rc<str>,
}

impl Request for Commit {
    type Reply = Result<(), Status>;
    const NAME: &'static str = "Commit";

    fn describe(&self) -> String {
        format!("[{}] commit", self.tag)
    }
}

pub struct Rollback {
    pub target: Target,
    pub transaction: TxId,
    /// Whose transaction it is, for traces.
    pub tag: Rc<str>,
}

impl Request for Rollback {
    type Reply = Result<(), Status>;
    const NAME: &'static str = "Rollback";

    fn describe(&self) -> String {
        format!("[{}] rollback", self.tag)
    }
}

/// Closes a reserved connection.
pub struct Release {
    pub target: Target,
    pub reserved: TxId,
    /// Whose connection it is, for traces.
    pub tag: Rc<str>,
}

impl Request for Release {
    type Reply = Result<(), Status>;
    const NAME: &'static str = "Release";

    fn describe(&self) -> String {
        format!("[{}] release", self.tag)
    }
}

/// Asks for two-phase transactions: for one by its id, or for those that nobody has resolved. Two
/// phases are not enabled, so that all there is to answer is a refusal.
pub struct ReadTransaction {
    pub target: Target,
    pub dtid: Option<Rc<str>>,
}

impl Request for ReadTransaction {
    type Reply = Status;
    const NAME: &'static str = "ReadTransaction";

    fn describe(&self) -> String {
        match &self.dtid {
            Some(dtid) => format!("ReadTransaction {dtid}"),
            None => "UnresolvedTransactions".to_owned(),
        }
    }
}

/// Asks for the record of a two-phase transaction: its id, and the shards that take part beside
/// this one. Two phases are not enabled, so that all there is to answer is a refusal.
pub struct CreateTransaction {
    pub target: Target,
    pub dtid: Rc<str>,
    pub participants: Vec<Target>,
}

impl Request for CreateTransaction {
    type Reply = Status;
    const NAME: &'static str = "CreateTransaction";

    fn describe(&self) -> String {
        let names: Vec<String> = self.participants.iter().map(Target::to_string).collect();
        format!("CreateTransaction {} with {}", self.dtid, names.join(", "))
    }
}

/// What a tablet tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub alias: Alias,
    pub target: Target,
    pub serving: bool,
    pub term_start: Option<Timestamp>,
    /// Another number whenever its tables are defined otherwise.
    pub schema: u64,
}

/// Asks for a tablet's health as soon as it differs from what is known.
pub struct StreamHealth {
    pub known: Option<Health>,
}

impl Request for StreamHealth {
    type Reply = Health;
    const NAME: &'static str = "StreamHealth";
}

/// The definitions of a tablet's tables, as text.
pub struct GetSchema;

impl Request for GetSchema {
    type Reply = Result<Vec<Rc<str>>, Status>;
    const NAME: &'static str = "GetSchema";
}

// ---------------------------------------------------------------- streams

/// Begins to copy a table: a consistent snapshot behind the given key.
pub struct StreamRows {
    pub target: Target,
    pub query: Arc<str>,
    pub last_pk: Option<Row>,
}

/// An open row stream of a source tablet.
#[derive(Clone, Debug)]
pub struct RowStream {
    pub id: u64,
    /// Of the snapshot.
    pub position: GtidSet,
    /// Columns of the filtered rows.
    pub columns: Vec<Arc<str>>,
    /// Columns of the source's primary key, with Vitess's type names.
    pub pk_columns: Vec<(Arc<str>, Arc<str>)>,
}

impl Request for StreamRows {
    type Reply = Result<RowStream, Status>;
    const NAME: &'static str = "VStreamRows";

    fn describe(&self) -> String {
        format!("VStreamRows {}", self.query)
    }
}

/// Asks for the next packet of a row stream.
pub struct NextRows {
    pub id: u64,
}

/// Rows that pass the filter, and the last row read.
#[derive(Clone, Debug)]
pub struct RowPacket {
    pub rows: Vec<Row>,
    pub last_pk: Option<Row>,
    pub end: bool,
}

impl Request for NextRows {
    type Reply = Result<RowPacket, Status>;
    const NAME: &'static str = "VStreamRows.next";
}

/// Asks for the transactions behind a position, filtered; waits up to 0.9 s for one (then the
/// answer is a heartbeat: no transactions).
pub struct StreamEvents {
    pub target: Target,
    pub position: GtidSet,
    /// The source's table and the query that filters it.
    pub rules: Vec<(Arc<str>, Arc<str>)>,
}

/// One transaction of the source: what of it passes the filters, and the position after it.
#[derive(Clone, Debug)]
pub struct StreamedTransaction {
    pub changes: Vec<StreamedChange>,
    pub position: GtidSet,
    pub timestamp: Timestamp,
}

/// Before only: a delete. After only: an insert. By the rule's columns.
#[derive(Clone, Debug)]
pub struct StreamedChange {
    pub rule: usize,
    /// The source row's primary key; of the image after, where there is one.
    pub pk: Row,
    pub before: Option<Row>,
    pub after: Option<Row>,
}

impl Request for StreamEvents {
    type Reply = Result<Vec<StreamedTransaction>, Status>;
    const NAME: &'static str = "VStream";
}

// ---------------------------------------------------------------- tabletmanager

/// Runs a statement as the DBA, outside the query service.
pub struct ExecuteFetchAsDba {
    pub statement: Arc<Statement>,
}

impl Request for ExecuteFetchAsDba {
    type Reply = Result<Outcome, Status>;
    const NAME: &'static str = "ExecuteFetchAsDba";

    fn describe(&self) -> String {
        format!("ExecuteFetchAsDba {}", self.statement)
    }
}

/// A statement on `_vt.vreplication` and its like, through the tablet's engine.
pub struct VReplicationExec {
    pub query: Rc<str>,
}

impl Request for VReplicationExec {
    type Reply = Result<Outcome, Status>;
    const NAME: &'static str = "VReplicationExec";

    fn describe(&self) -> String {
        format!("VReplicationExec {}", self.query)
    }
}

/// The position of what the tablet's server has executed.
pub struct PrimaryPosition;

impl Request for PrimaryPosition {
    type Reply = Result<GtidSet, Status>;
    const NAME: &'static str = "PrimaryPosition";
}

/// Waits until the tablet's server has executed a position.
pub struct WaitForPosition {
    pub position: GtidSet,
    pub timeout: Duration,
}

impl Request for WaitForPosition {
    type Reply = Result<(), Status>;
    const NAME: &'static str = "WaitForPosition";
}

/// Stops a replica's IO thread, so that nothing more comes from its source; what it has received is
/// still applied. A server that is no replica answers `no replication status`.
pub struct StopReplicationAndGetStatus;

impl Request for StopReplicationAndGetStatus {
    type Reply = Result<ReplicaStatus, Status>;
    const NAME: &'static str = "StopReplicationAndGetStatus";
}

/// STOP REPLICA, both threads.
pub struct StopReplication;

impl Request for StopReplication {
    type Reply = Result<(), Status>;
    const NAME: &'static str = "StopReplication";
}

/// START REPLICA, both threads.
pub struct StartReplication;

impl Request for StartReplication {
    type Reply = Result<(), Status>;
    const NAME: &'static str = "StartReplication";
}

/// Stops serving as primary: the query service ends, the server becomes read-only. With `force`,
/// commits that wait for an acknowledgment are let go, otherwise they are waited for.
pub struct DemotePrimary {
    pub force: bool,
}

impl Request for DemotePrimary {
    type Reply = Result<GtidSet, Status>;
    const NAME: &'static str = "DemotePrimary";
}

/// Takes back a demotion.
pub struct UndoDemotePrimary {
    pub semi_sync: bool,
}

impl Request for UndoDemotePrimary {
    type Reply = Result<(), Status>;
    const NAME: &'static str = "UndoDemotePrimary";
}

/// Becomes primary, whose commits wait for an acknowledgment where `semi_sync` says so.
pub struct PromoteReplica {
    pub semi_sync: bool,
}

impl Request for PromoteReplica {
    type Reply = Result<Timestamp, Status>;
    const NAME: &'static str = "PromoteReplica";
}

/// Writes the row of `_vt.reparent_journal` that says who became primary: a new primary's first
/// commit, which needs its acknowledgment like any other.
pub struct PopulateReparentJournal {
    pub action: Rc<str>,
    pub primary: Alias,
    pub position: GtidSet,
}

impl Request for PopulateReparentJournal {
    type Reply = Result<(), Status>;
    const NAME: &'static str = "PopulateReparentJournal";
}

/// The number of rows in `_vt.reparent_journal`: how many reparents a tablet knows of.
pub struct ReadReparentJournalInfo;

impl Request for ReadReparentJournalInfo {
    type Reply = Result<usize, Status>;
    const NAME: &'static str = "ReadReparentJournalInfo";
}

/// Becomes a replica of another tablet; a former primary changes its type first.
pub struct SetReplicationSource {
    pub source: Alias,
    /// It acknowledges what it receives.
    pub semi_sync: bool,
    /// Waits until this position has arrived.
    pub wait: Option<GtidSet>,
}

impl Request for SetReplicationSource {
    type Reply = Result<(), Status>;
    const NAME: &'static str = "SetReplicationSource";

    fn describe(&self) -> String {
        format!("SetReplicationSource {}", self.source)
    }
}

// ---------------------------------------------------------------- vtgate

/// Opens a session.
pub struct OpenSession {
    pub name: Rc<str>,
    /// `customer`, `customer/-80`, or nothing.
    pub target: Rc<str>,
}

impl Request for OpenSession {
    type Reply = u64;
    const NAME: &'static str = "connect";
}

/// The client has closed its connection.
pub struct CloseSession {
    pub session: u64,
}

impl Request for CloseSession {
    type Reply = ();
    const NAME: &'static str = "close";
}

/// A statement of a client.
pub struct Query {
    pub session: u64,
    pub sql: Rc<str>,
}

impl Request for Query {
    type Reply = Result<Outcome, SqlError>;
    const NAME: &'static str = "Query";

    fn describe(&self) -> String {
        self.sql.to_string()
    }
}

// ---------------------------------------------------------------- vtctld

/// A command line of vtctlclient.
pub struct Vtctl {
    pub args: Vec<String>,
}

/// What a command gives; its reader prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VtctlOutput {
    Text(String),
    Table { columns: Vec<String>, rows: Vec<Vec<Option<String>>> },
}

impl VtctlOutput {
    /// Success without a word.
    pub fn nothing() -> VtctlOutput {
        VtctlOutput::Text(String::new())
    }
}

impl Request for Vtctl {
    type Reply = Result<VtctlOutput, String>;
    const NAME: &'static str = "vtctl";

    fn describe(&self) -> String {
        format!("vtctl {}", self.args.first().map_or("", String::as_str))
    }
}
