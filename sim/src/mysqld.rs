//! mysqld: a MySQL server as a program of the World.
//!
//! The server itself ([`mysql::Server`]) is synchronous; this is the process around it. A statement
//! is stepped until it is done; where it must wait for a row lock the worker stands in a declared
//! wait with the lock's timeout, where a commit must reach the disk it waits for the disk.
//! Connections belong to the program that opened them and are closed when that program dies.
//!
//! A replica's process asks its source for the transactions that it lacks and applies them, one
//! after the other, keeping their GTIDs.
//!
//! It knows nothing of tablets, shards or transactions over several servers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::call::Request;
use crate::disk::Stored;
use crate::mysql::binlog::BinlogTransaction;
use crate::mysql::gtid::GtidSet;
use crate::mysql::{ConnectionId, Options, Outcome, Server, Step};
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
    type Reply = Result<Vec<Rc<BinlogTransaction>>, SqlError>;
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

/// What is told of each commit, as it becomes visible: on a primary and on a replica alike.
pub type OnCommit = Rc<dyn Fn(&BinlogTransaction)>;

/// A server on a disk: what a power loss leaves of it is what recovery makes of its logs.
pub struct Files {
    server: Option<Server>,
    options: Options,
    source: Option<Program>,
}

impl Files {
    pub fn new(options: Options) -> Files {
        Files { server: Some(Server::new(options.clone())), options, source: None }
    }

    /// The server, as the judge and the cluster's builder read it.
    pub fn server(&mut self) -> &mut Server {
        let options = &self.options;
        self.server.get_or_insert_with(|| Server::new(options.clone()))
    }

    pub fn set_source(&mut self, source: Option<Program>) {
        self.source = source;
    }

    fn recover(&mut self) {
        if let Some(server) = self.server.take() {
            self.server = Some(Server::recover(self.options.clone(), server.crash()));
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
}

/// Serves a MySQL server. `name` is its file on the machine's disk.
pub async fn serve(process: Process, name: Rc<str>, options: Options, on_commit: OnCommit) {
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
        process.serve(move |_, quit: Rc<Quit>| {
            mysqld.close(quit.connection);
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, kill: Rc<Kill>| {
            mysqld.with(|server| server.kill_query(kill.connection));
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

    async fn query(&self, process: Process, query: &Query) -> Result<Outcome, SqlError> {
        let now = process.now();
        let before = self.with(|server| server.executed().count());
        let mut execution = self
            .with(|server| server.start(query.connection, &query.statement, &query.binds, now));
        loop {
            match self.with(|server| server.step(&mut execution)) {
                Step::Done(result) => {
                    self.tell_commits(before);
                    return result;
                }
                Step::Sync(_) => process.sync().await,
                Step::Wait(wait) => {
                    let granted = self.signal(query.connection).raised();
                    let limit = Some(wait.timeout);
                    if process.wait(wait.describe(), limit, granted).await.is_err() {
                        self.with(|server| server.time_out(&mut execution));
                    }
                }
            }
        }
    }

    /// Tells of the transactions that were committed since there were `before`.
    fn tell_commits(&self, before: u64) {
        let told = self.with(|server| server.take_commits());
        if told.is_empty() && self.with(|server| server.executed().count()) == before {
            return;
        }
        for transaction in &told {
            (self.on_commit)(transaction);
        }
        self.committed.raise();
    }

    fn serve_replication(&self, process: Process) {
        let mysqld = self.clone();
        process.serve(move |process, dump: Rc<Dump>| {
            let mysqld = mysqld.clone();
            async move {
                let missing = || mysqld.with(|server| server.binlog_from(&dump.executed));
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
            mysqld.with(|server| server.set_read_only(set.0));
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
        loop {
            let source = self.files.borrow().source;
            let Some(source) = source else {
                self.source_changed.raised().await;
                continue;
            };
            let generation = self.generation.get();
            let executed = self.with(|server| server.executed().clone());
            let reply = process.call(source, Dump { executed }).within(Duration::from_secs(5)).await;
            if self.generation.get() != generation {
                continue;
            }
            match reply {
                Ok(Ok(transactions)) => {
                    for transaction in transactions {
                        self.apply(process, &transaction).await;
                    }
                }
                Ok(Err(_)) | Err(_) => process.sleep(Duration::from_secs(1)).await,
            }
        }
    }

    async fn apply(&self, process: Process, transaction: &BinlogTransaction) {
        process.sync().await;
        let before = self.with(|server| server.executed().count());
        self.with(|server| server.apply_transaction(transaction));
        self.tell_commits(before);
    }
}
