//! mysqld: a MySQL server as a program of the World.
//!
//! The [server](crate::mysql::server::Server) itself is synchronous; this is the process around
//! it. A statement is stepped until it is done; where it must wait for a row lock the worker stands
//! in a declared wait with the lock's timeout, where a commit must reach the disk it waits for the
//! disk.
//! Connections belong to the program that opened them and are closed when that program dies.
//!
//! A replica's process asks its source for the transactions that it lacks and applies them, one
//! after the other, keeping their GTIDs.
//!
//! It knows nothing of tablets, shards or transactions over several servers.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::call::Request;
use crate::disk::Stored;
use crate::mysql::binlog::BinlogTransaction;
use crate::mysql::durable::Durable;
use crate::mysql::execution::{Cancel, LockWait, Step};
use crate::mysql::gtid::GtidSet;
use crate::mysql::options::Options;
use crate::mysql::outcome::Outcome;
use crate::mysql::schema::Table;
use crate::mysql::server::Server;
use crate::mysql::session::ConnectionId;
use crate::sql::ast::Statement;
use crate::sql_error::SqlError;
use crate::value::Binds;
use crate::wait::Signal;
use crate::world::{Process, Program};

/// Opens a connection. Its tag says whose it is, in traces, lock reports and binlog events.
pub struct Connect {
    pub user: Rc<str>,
    pub database: Option<Rc<str>>,
    pub tag: Rc<str>,
}

impl Request for Connect {
    type Reply = ConnectionId;
    const NAME: &'static str = "mysql.Connect";
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
}

/// Gives a connection another owner's words.
pub struct Tag {
    pub connection: ConnectionId,
    pub tag: Rc<str>,
}

impl Request for Tag {
    type Reply = ();
    const NAME: &'static str = "mysql.Tag";
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

/// Asks for the transactions that the asker lacks; waits for one up to a second.
pub struct Dump {
    pub executed: GtidSet,
}

impl Request for Dump {
    type Reply = Result<Vec<Arc<BinlogTransaction>>, SqlError>;
    const NAME: &'static str = "mysql.Dump";
}

/// Follows a source, or nobody.
pub struct ChangeSource {
    pub source: Option<Program>,
}

impl Request for ChangeSource {
    type Reply = ();
    const NAME: &'static str = "mysql.ChangeSource";
}

/// Sets read_only and super_read_only.
pub struct SetReadOnly(pub bool);

impl Request for SetReadOnly {
    type Reply = ();
    const NAME: &'static str = "mysql.SetReadOnly";
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

/// The definition of a table, if there is one of this name.
pub struct DescribeTable {
    pub database: Rc<str>,
    pub table: Rc<str>,
}

impl Request for DescribeTable {
    type Reply = Option<Arc<Table>>;
    const NAME: &'static str = "mysql.DescribeTable";
}

/// What is told of each commit, as it becomes visible: on a primary and on a replica alike.
pub type OnCommit = Rc<dyn Fn(&Arc<BinlogTransaction>)>;

/// Makes a server's options: they hold what cannot be copied.
pub type MakeOptions = Rc<dyn Fn() -> Options>;

/// A server on a disk: what a power loss leaves of it is what recovery makes of its logs.
pub struct Files {
    server: Server,
    options: MakeOptions,
    source: Option<Program>,
    /// Transactions of the binlog that have been told of.
    told: usize,
}

impl Files {
    pub fn new(options: MakeOptions) -> Files {
        Files { server: Server::new(options()), options, source: None, told: 0 }
    }

    /// The server, as the judge and the cluster's builder read it.
    pub fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// A server that has executed these transactions before its binlog begins. Only before it has
    /// done anything.
    pub fn begin_at(&mut self, executed: GtidSet) {
        let durable = Durable { purged: executed, ..Durable::default() };
        self.server = Server::recover((self.options)(), durable);
    }

    /// What stands in the binlog now was before the run, and is told to nobody.
    pub fn begin(&mut self) {
        self.told = self.server.durable().binlog.len();
    }

    fn recover(&mut self) {
        let lost = std::mem::replace(&mut self.server, Server::new((self.options)()));
        self.server = Server::recover((self.options)(), lost.crash());
        self.told = self.told.min(self.server.durable().binlog.len());
    }

    /// Transactions that became visible since last asked, in binlog order.
    fn take_commits(&mut self) -> Vec<Arc<BinlogTransaction>> {
        let mut told = Vec::new();
        while let Some(next) = self.server.durable().binlog.get(self.told) {
            if !self.server.executed().contains(next.gtid) {
                break;
            }
            told.push(Arc::clone(next));
            self.told += 1;
        }
        told
    }
}

/// Runs a statement in one go, as the cluster's builder does before the run begins.
pub fn run_at_once(
    server: &mut Server,
    connection: ConnectionId,
    sql: &str,
    now: jiff::Timestamp,
) -> Result<Outcome, SqlError> {
    let statement = crate::sql::parse(sql).map_err(SqlError::from)?;
    let mut execution = server.start(connection, &Arc::new(statement), &Arc::default(), now);
    loop {
        match server.step(&mut execution) {
            Step::Done(result) => return result,
            Step::Sync(_) => {}
            Step::Wait(_) => return server.cancel(execution, Cancel::Timeout),
        }
    }
}

impl Stored for Files {
    fn unsynced(&self) -> usize {
        0
    }

    fn lose(&mut self, _: usize) {
        self.recover();
    }
}

#[derive(Clone)]
struct Mysqld {
    files: Rc<RefCell<Files>>,
    /// Raised for a connection whose lock wait is over.
    granted: Rc<RefCell<BTreeMap<ConnectionId, Signal>>>,
    /// Raised after each commit.
    committed: Signal,
    /// Who opened a connection.
    owners: Rc<RefCell<BTreeMap<ConnectionId, (Program, u32)>>>,
    on_commit: OnCommit,
    /// Raised when the source changes; the number ends an older applier.
    source_changed: Signal,
    generation: Rc<Cell<u64>>,
    /// Connections whose statement is to end.
    killed: Rc<RefCell<BTreeSet<ConnectionId>>>,
}

/// Serves a MySQL server. `name` is its file on the machine's disk.
pub async fn serve(process: Process, name: Rc<str>, options: MakeOptions, on_commit: OnCommit) {
    let opened = process.open(&name, || Files::new(options));
    let files = opened.expect("the file holds a server");
    // A start after a crash recovers from the logs; a first start has nothing to recover.
    files.borrow_mut().recover();
    let mysqld = Mysqld {
        files,
        granted: Rc::default(),
        committed: Signal::default(),
        owners: Rc::default(),
        on_commit,
        source_changed: Signal::default(),
        generation: Rc::default(),
        killed: Rc::default(),
    };
    mysqld.serve_connections(process);
    mysqld.serve_replication(process);
    let applier = mysqld.clone();
    process.spawn_background("replica", move |process| applier.replicate(process));
}

impl Mysqld {
    fn with<R>(&self, f: impl FnOnce(&mut Server) -> R) -> R {
        let (result, granted) = {
            let mut files = self.files.borrow_mut();
            let server = files.server();
            (f(server), server.take_granted())
        };
        for connection in granted {
            self.signal(connection).raise();
        }
        result
    }

    fn signal(&self, connection: ConnectionId) -> Signal {
        self.granted.borrow_mut().entry(connection).or_default().clone()
    }

    fn serve_connections(&self, process: Process) {
        let mysqld = self.clone();
        process.serve_from(move |process, from, connect: Rc<Connect>| {
            let mysqld = mysqld.clone();
            async move { mysqld.connect(process, from, &connect) }
        });
        let mysqld = self.clone();
        process.serve(move |process, query: Rc<Query>| {
            let mysqld = mysqld.clone();
            async move { mysqld.query(process, &query).await }
        });
        let mysqld = self.clone();
        process.serve(move |_, tag: Rc<Tag>| {
            mysqld.with(|server| server.set_tag(tag.connection, &tag.tag));
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, describe: Rc<DescribeTable>| {
            let found = mysqld.with(|server| {
                let mut tables = server.tables().map(|image| image.schema);
                tables.find(|table| {
                    *table.database == *describe.database && *table.name == *describe.table
                })
            });
            async move { found }
        });
        let mysqld = self.clone();
        process.serve(move |_, quit: Rc<Quit>| {
            mysqld.close(quit.connection);
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, kill: Rc<Kill>| {
            mysqld.kill(kill.connection);
            async {}
        });
    }

    fn connect(&self, process: Process, from: Program, connect: &Connect) -> ConnectionId {
        let connection = self.with(|server| {
            let connection = server.connect(&connect.user, connect.database.as_deref());
            server.set_tag(connection, &connect.tag);
            connection
        });
        let life = process.life_of(from);
        let first = !self.owners.borrow().values().any(|owner| *owner == (from, life));
        self.owners.borrow_mut().insert(connection, (from, life));
        if first {
            let mysqld = self.clone();
            process.spawn_background("connections", move |process| async move {
                process.life_over(from, life).await;
                mysqld.close_all(from, life);
            });
        }
        connection
    }

    fn close_all(&self, program: Program, life: u32) {
        let owned = |owner: &(Program, u32)| *owner == (program, life);
        let gone: Vec<ConnectionId> = {
            let owners = self.owners.borrow();
            owners.iter().filter(|(_, owner)| owned(owner)).map(|(id, _)| *id).collect()
        };
        gone.into_iter().for_each(|connection| self.close(connection));
    }

    fn close(&self, connection: ConnectionId) {
        self.owners.borrow_mut().remove(&connection);
        self.with(|server| server.disconnect(connection));
        if let Some(signal) = self.granted.borrow_mut().remove(&connection) {
            signal.raise();
        }
    }

    fn kill(&self, connection: ConnectionId) {
        self.killed.borrow_mut().insert(connection);
        self.signal(connection).raise();
    }

    async fn query(&self, process: Process, query: &Query) -> Result<Outcome, SqlError> {
        let now = process.now();
        self.killed.borrow_mut().remove(&query.connection);
        let mut execution =
            self.with(|server| server.start(query.connection, &query.statement, &query.binds, now));
        loop {
            // A step can begin a wait and end it: a deadlock whose victim is another.
            let woken = self.signal(query.connection).raised();
            match self.with(|server| server.step(&mut execution)) {
                Step::Done(result) => return self.done(result),
                Step::Sync(_) => process.sync().await,
                Step::Wait(wait) => {
                    let limit = Some(wait.timeout);
                    let waited = process.wait(self.describe(&wait), limit, woken).await;
                    let cancel = match waited {
                        Err(_) => Some(Cancel::Timeout),
                        Ok(()) if self.killed.borrow().contains(&query.connection) => {
                            Some(Cancel::Killed)
                        }
                        Ok(()) => None,
                    };
                    if let Some(cancel) = cancel {
                        let result = self.with(|server| server.cancel(execution, cancel));
                        return self.done(result);
                    }
                }
            }
        }
    }

    /// Who holds what is waited for, by their tags.
    fn describe(&self, wait: &LockWait) -> String {
        let holders: Vec<String> = wait.holders.iter().map(|holder| self.tag_of(*holder)).collect();
        format!("{} on {}({}) held by {}", wait.mode, wait.index, wait.record, holders.join(", "))
    }

    fn tag_of(&self, connection: ConnectionId) -> String {
        let mut files = self.files.borrow_mut();
        let session = files.server().session(connection);
        session.map_or_else(|| format!("connection {connection}"), |s| s.tag.to_string())
    }

    /// A statement has ended: what it, or who it waited for, committed is told.
    fn done(&self, result: Result<Outcome, SqlError>) -> Result<Outcome, SqlError> {
        self.tell_commits();
        result
    }

    fn tell_commits(&self) {
        let told = self.files.borrow_mut().take_commits();
        for transaction in &told {
            (self.on_commit)(transaction);
        }
        if !told.is_empty() {
            self.committed.raise();
        }
    }

    fn serve_replication(&self, process: Process) {
        let mysqld = self.clone();
        process.serve(move |process, dump: Rc<Dump>| {
            let mysqld = mysqld.clone();
            async move {
                let missing = || {
                    mysqld.with(|server| {
                        let missing = server.binlog_from(&dump.executed)?;
                        Ok::<_, SqlError>(missing.cloned().collect::<Vec<_>>())
                    })
                };
                let first = missing()?;
                if !first.is_empty() {
                    return Ok(first);
                }
                let heartbeat = Some(Duration::from_secs(1));
                let _ = process.limit(heartbeat, mysqld.committed.raised()).await;
                missing()
            }
        });
        let mysqld = self.clone();
        process.serve(move |_, change: Rc<ChangeSource>| {
            mysqld.files.borrow_mut().source = change.source;
            mysqld.generation.set(mysqld.generation.get() + 1);
            mysqld.source_changed.raise();
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, set: Rc<SetReadOnly>| {
            mysqld.with(|server| {
                server.options_mut().read_only = set.0;
                server.options_mut().super_read_only = set.0;
            });
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, _: Rc<Executed>| {
            let executed = mysqld.with(|server| server.executed().clone());
            async move { executed }
        });
        let mysqld = self.clone();
        process.serve(move |_, wait: Rc<WaitExecuted>| {
            let mysqld = mysqld.clone();
            async move {
                while !mysqld.with(|server| server.executed().contains_set(&wait.0)) {
                    mysqld.committed.raised().await;
                }
            }
        });
    }

    /// The replica's threads in one: fetch what is missing, apply it.
    async fn replicate(self, process: Process) {
        let applier = self.with(|server| server.connect_applier());
        loop {
            let source = self.files.borrow().source;
            let Some(source) = source else {
                self.source_changed.raised().await;
                continue;
            };
            let generation = self.generation.get();
            let executed = self.with(|server| server.executed().clone());
            let reply =
                process.call(source, Dump { executed }).within(Duration::from_secs(5)).await;
            if self.generation.get() != generation {
                continue;
            }
            match reply {
                Ok(Ok(transactions)) => {
                    for transaction in transactions {
                        self.apply(process, applier, &transaction).await;
                    }
                }
                Ok(Err(_)) | Err(_) => process.sleep(Duration::from_secs(1)).await,
            }
        }
    }

    async fn apply(
        &self,
        process: Process,
        applier: ConnectionId,
        transaction: &Arc<BinlogTransaction>,
    ) {
        let now = process.now();
        let mut execution = self.with(|server| server.start_apply(applier, transaction, now));
        loop {
            let woken = self.signal(applier).raised();
            match self.with(|server| server.step(&mut execution)) {
                Step::Done(_) => break,
                Step::Sync(_) => process.sync().await,
                Step::Wait(_) => woken.await,
            }
        }
        self.tell_commits();
    }
}
