//! vttablet: the program in front of one MySQL server.
//!
//! - [`query_service`]: statements of vtgates, with the timeouts of `go/vt/vttablet/tabletserver`.
//! - [`stateful`]: connections that are one session's: transactions, reserved connections.
//! - [`sequence`]: numbers for the columns that vtgate fills in.
//! - [`manager`]: what an operator asks: positions, demotion, promotion, replication, schema.
//! - [`errors`]: a MySQL error as the wire carries it.
//! - [`fault`]: its killer strikes early, its pool is full.
//!
//! A tablet that is primary also runs the VReplication engine, and any tablet serves streams
//! ([`crate::vreplication`]).
//!
//! It knows nothing of vindexes, plans or other shards.

pub mod errors;
pub mod fault;
pub mod manager;
pub mod query_service;
pub mod sequence;
pub mod stateful;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sim::mysql::error::LOST_CONNECTION;
use sim::mysql::outcome::Outcome;
use sim::mysql::session::ConnectionId;
use sim::mysqld;
use sim::sql::ast::{Begin, Statement};
use sim::sql_error::SqlError;
use sim::value::Binds;
use sim::wait::Signal;
use sim::world::{Process, Program};

use crate::rpc::{Health, Status, Target, TxId};
use crate::topo::{self, Alias, TabletType, Topo};
use crate::vreplication::engine::{Engine, Home};
use stateful::StatefulConnection;

/// How often a server that is down is tried.
const PING: Duration = Duration::from_secs(1);

/// Flags of a vttablet, with v24's defaults.
#[derive(Clone, Debug)]
pub struct Options {
    pub tx_pool_size: usize,
    /// Rows of a query whose rows do not stream.
    pub rows_max: usize,
    pub query_timeout: Duration,
    pub transaction_timeout: Duration,
    /// How long open transactions may go on when a primary steps down.
    pub shutdown_grace: Duration,
    pub vreplication: crate::vreplication::Options,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            tx_pool_size: 20,
            rows_max: 10_000,
            query_timeout: Duration::from_secs(30),
            transaction_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(3),
            vreplication: crate::vreplication::Options::default(),
        }
    }
}

/// Whether a tablet answers queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Serving,
    /// Open transactions may end, nothing new begins.
    ShuttingDown,
    NotServing,
}

/// Where the programs of a cluster are, as DNS would say.
#[derive(Clone, Default)]
pub struct Addresses {
    pub tablets: Rc<RefCell<BTreeMap<Alias, (Program, Program)>>>,
    pub topo: Rc<Cell<Option<Program>>>,
}

impl Addresses {
    pub fn vttablet(&self, alias: &Alias) -> Option<Program> {
        self.tablets.borrow().get(alias).map(|(vttablet, _)| *vttablet)
    }

    pub fn mysqld(&self, alias: &Alias) -> Option<Program> {
        self.tablets.borrow().get(alias).map(|(_, mysqld)| *mysqld)
    }

    pub fn topo(&self) -> Program {
        self.topo.get().expect("a cluster has its topo server before any other program")
    }
}

/// One vttablet process.
pub struct Tablet {
    pub alias: Alias,
    pub keyspace: Rc<str>,
    pub shard: Rc<str>,
    pub options: Options,
    pub addresses: Addresses,
    pub mysqld: Program,
    kind: Cell<TabletType>,
    state: Cell<State>,
    term_start: Cell<Option<Timestamp>>,
    health_changed: Signal,
    /// Counts changes of the schema, from another number in each life of this program.
    schema: Cell<u64>,
    connections: RefCell<BTreeMap<TxId, StatefulConnection>>,
    /// Those that are being opened.
    opening: Cell<usize>,
    /// Why one of them is gone, for who asks for it later.
    ended: RefCell<BTreeMap<TxId, String>>,
    transaction_ended: Signal,
    /// Others have all places of the pool.
    pool_is_taken: Cell<bool>,
    next_transaction: Cell<TxId>,
    idle: RefCell<Vec<ConnectionId>>,
    sequences: sequence::Sequences,
    /// Of connections that have any: `set a = x, b = y`.
    settings: RefCell<BTreeMap<ConnectionId, Arc<Statement>>>,
    pub(crate) engine: Engine,
}

/// Serves a tablet until its program dies.
pub async fn serve(
    process: Process,
    alias: Alias,
    mysqld: Program,
    addresses: Addresses,
    options: Options,
) {
    let topo = read_topo(process, &addresses).await;
    let Some(record) = topo.tablets.get(&alias).cloned() else {
        process.note(format!("tablet {alias} is not in the topology"));
        return;
    };
    // Transaction ids never come again, also not after a restart of this program.
    let first = u64::from(process.life_of(process.program())) * 1_000_000 + 1;
    let finder = addresses.clone();
    let engine = Engine::new(Home {
        alias: alias.clone(),
        keyspace: Rc::clone(&record.keyspace),
        shard: Rc::clone(&record.shard),
        mysqld,
        topo: addresses.topo(),
        options: options.vreplication.clone(),
        address: Rc::new(move |alias| finder.vttablet(alias)),
    });
    let tablet = Rc::new(Tablet {
        alias,
        keyspace: record.keyspace,
        shard: record.shard,
        options,
        addresses,
        mysqld,
        kind: Cell::new(record.kind),
        state: Cell::new(State::NotServing),
        term_start: Cell::new(record.term_start),
        health_changed: Signal::default(),
        schema: Cell::new(first),
        connections: RefCell::default(),
        opening: Cell::default(),
        ended: RefCell::default(),
        transaction_ended: Signal::default(),
        pool_is_taken: Cell::default(),
        next_transaction: Cell::new(first),
        idle: RefCell::default(),
        sequences: sequence::Sequences::default(),
        settings: RefCell::default(),
        engine,
    });
    query_service::serve(&tablet, process);
    manager::serve(&tablet, process);
    fault::serve(&tablet, process);
    tablet.engine.serve(process);
    tablet.start_up(process, &topo).await;
    let watcher = Rc::clone(&tablet);
    process.spawn_background("mysqld watcher", move |process| watcher.watch_mysqld(process));
    if tablet.kind.get() == TabletType::Primary {
        tablet.engine.open(process).await;
    }
}

async fn read_topo(process: Process, addresses: &Addresses) -> Rc<Topo> {
    loop {
        let read = process.call(addresses.topo(), topo::Read).within(Duration::from_secs(5));
        match read.await {
            Ok(topo) => return topo,
            Err(_) => process.sleep(Duration::from_secs(1)).await,
        }
    }
}

impl Tablet {
    /// A tablet that comes back finds out what it is. One whose shard has another primary now is a
    /// replica of that; if it has what that primary lacks, it must not follow.
    async fn start_up(&self, process: Process, topo: &Topo) {
        let policy = topo.durability_policy(&self.keyspace);
        let primary = topo.primary(&self.keyspace, &self.shard).cloned();
        if primary.as_ref() == Some(&self.alias) {
            self.kind.set(TabletType::Primary);
            self.set_semi_sync(process, TabletType::Primary, 0 < policy.ackers()).await;
            self.set_read_only(process, false).await;
            return self.set_state(State::Serving);
        }
        if self.kind.get() == TabletType::Primary {
            self.change_type(process, TabletType::Replica, None).await;
        }
        self.set_read_only(process, true).await;
        let Some(primary) = primary else { return self.set_state(State::Serving) };
        let own = topo.tablets.get(&self.alias);
        let kind = self.kind.get();
        let record = own.map(|own| topo::TabletRecord { kind, ..own.clone() });
        let acknowledges = record.is_some_and(|record| policy.acknowledges(&primary, &record));
        self.set_semi_sync(process, kind, acknowledges).await;
        if let Err(status) = self.check_errant(process, &primary).await {
            process.note(&status.message);
            self.set_state(State::NotServing);
            return self.follow(process, None).await;
        }
        let source = self.addresses.mysqld(&primary);
        self.follow(process, source).await;
        self.set_state(State::Serving);
    }

    /// A server that comes back is read-only, and acknowledges nothing. What it is to be is said
    /// again, as the orchestrator does when it finds a primary that is read-only or a replica that
    /// does not replicate.
    async fn watch_mysqld(self: Rc<Self>, process: Process) {
        loop {
            let life = process.life_of(self.mysqld);
            process.life_over(self.mysqld, life).await;
            self.lose_connections();
            while process.call(self.mysqld, mysqld::Executed).within(PING).await.is_err() {
                process.sleep(PING).await;
            }
            let topo = read_topo(process, &self.addresses).await;
            if self.state.get() == State::Serving {
                self.start_up(process, &topo).await;
            }
        }
    }

    /// Whether this server has what the primary lacks: then it is to be built anew.
    async fn check_errant(&self, process: Process, primary: &Alias) -> Result<(), Status> {
        let timeout = Duration::from_secs(15);
        let own = process.call(self.mysqld, mysqld::Executed).within(timeout).await;
        let Some(tablet) = self.addresses.vttablet(primary) else { return Ok(()) };
        let theirs = process.call(tablet, crate::rpc::PrimaryPosition).within(timeout).await;
        // A primary that cannot be asked cannot be followed either; it is asked again by who
        // repairs.
        let (Ok(own), Ok(Ok(theirs))) = (own, theirs) else { return Ok(()) };
        let errant = own.subtract(&theirs);
        if errant.is_empty() {
            return Ok(());
        }
        let text = format!(
            "Errant GTID detected - {errant}; Primary GTID - {theirs}, Replica GTID - {own}"
        );
        Err(Status::new(crate::key::Code::FailedPrecondition, text))
    }

    async fn set_read_only(&self, process: Process, read_only: bool) {
        let _ = process
            .call(self.mysqld, mysqld::SetReadOnly(read_only))
            .within(Duration::from_secs(15))
            .await;
    }

    /// The replica's side stays on at a primary, where it does nothing; the primary's side at a
    /// replica would block its applier.
    async fn set_semi_sync(&self, process: Process, kind: TabletType, semi_sync: bool) {
        let source = semi_sync && kind == TabletType::Primary;
        let _ = process
            .call(self.mysqld, mysqld::SetSemiSync { source, replica: semi_sync })
            .within(Duration::from_secs(15))
            .await;
    }

    async fn follow(&self, process: Process, source: Option<Program>) {
        let _ = process
            .call(self.mysqld, mysqld::ChangeSource { source })
            .within(Duration::from_secs(15))
            .await;
    }

    pub fn target(&self) -> Target {
        Target {
            keyspace: Rc::clone(&self.keyspace),
            shard: Rc::clone(&self.shard),
            kind: self.kind.get(),
        }
    }

    pub fn kind(&self) -> TabletType {
        self.kind.get()
    }

    pub fn health(&self) -> Health {
        Health {
            alias: self.alias.clone(),
            target: self.target(),
            serving: self.state.get() == State::Serving,
            term_start: self.term_start.get(),
            schema: self.schema.get(),
        }
    }

    /// Tables may be defined otherwise than before: whoever watches reads them again.
    fn reload_schema(&self) {
        self.schema.set(self.schema.get() + 1);
        self.health_changed.raise();
    }

    fn set_state(&self, state: State) {
        self.state.set(state);
        self.health_changed.raise();
    }

    fn database(&self) -> String {
        format!("vt_{}", self.keyspace)
    }

    async fn connect(&self, process: Process, tag: &str) -> Result<ConnectionId, Status> {
        let connect = mysqld::Connect {
            user: "vt_app".into(),
            database: Some(self.database().into()),
            tag: tag.into(),
        };
        let connected = process.call(self.mysqld, connect).within(Duration::from_secs(5)).await;
        connected.map_err(|_| errors::server_gone())
    }

    /// One statement on a connection, as the query timeout allows.
    async fn query(
        &self,
        process: Process,
        connection: ConnectionId,
        statement: &Arc<Statement>,
        binds: &Arc<Binds>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Outcome, QueryError> {
        let query = mysqld::Query {
            connection,
            statement: Arc::clone(statement),
            binds: Arc::clone(binds),
        };
        let call = process.call(self.mysqld, query);
        let answer = match timeout.into() {
            Some(timeout) => call.within(timeout).await,
            None => call.await,
        };
        match answer {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(error)) if error.errno == LOST_CONNECTION => Err(QueryError::Gone),
            Ok(Err(error)) => Err(QueryError::Sql(error)),
            Err(sim::call::CallError::Deadline) => Err(QueryError::TimedOut),
            Err(_) => Err(QueryError::Gone),
        }
    }
}

/// What becomes of a statement that has no result.
enum QueryError {
    Sql(SqlError),
    TimedOut,
    /// The server, or the connection to it.
    Gone,
}

/// `begin`, as every transaction of a tablet opens.
pub(crate) fn begin() -> Arc<Statement> {
    Arc::new(Statement::Begin(Begin::default()))
}
