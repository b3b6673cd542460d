//! The server: connections, statements, and what the caller must do in between.
//!
//! It owns everything and has no clock: time comes with each statement. A statement is started,
//! then stepped until it is done. Where it must wait, the caller parks it, and steps it again when
//! [`Server::take_granted`] names its connection; where it needs a log synced, the caller lets
//! the time pass and steps it again. What a lost server leaves is [`Durable`]; a new one is made
//! from it.

use std::sync::Arc;

use super::binlog::BinlogTransaction;
use super::durable::Durable;
use super::engine::Engine;
use super::error;
use super::execution::{Cancel, Execution, LockWait, Pause, Paused, Run, Step};
use super::gtid::GtidSet;
use super::lock::mode::Mode;
use super::metadata::{self, MetadataMode};
use super::options::Options;
use super::outcome::Outcome;
use super::replica_status::ReplicaStatus;
use super::row_locks::{self, RowLock};
use super::session::{ConnectionId, Running, Session};
use super::statement;
use super::transaction::{Stage, TrxId};
use crate::sql::ast::Statement;
use crate::sql::parse;
use crate::sql_error::SqlError;
use crate::value::{Binds, Row};

pub struct Server {
    engine: Option<Box<Engine>>,
}

/// A table as a judge sees it: its definition and its committed rows, in the order of the
/// clustered index.
#[derive(Clone, Debug)]
pub struct TableImage {
    pub schema: Arc<super::schema::Table>,
    pub rows: Vec<Row>,
}

/// A row of `performance_schema.data_locks`.
#[derive(Clone, Debug, PartialEq)]
pub struct LockRow {
    pub connection: ConnectionId,
    pub table: String,
    pub index: String,
    pub record: String,
    pub mode: String,
    pub waiting: bool,
}

impl Server {
    pub fn new(options: Options) -> Server {
        Server { engine: Some(Box::new(Engine::new(options))) }
    }

    /// A server on what a crash has left.
    pub fn recover(options: Options, durable: Durable) -> Server {
        Server { engine: Some(Box::new(Engine::recover(options, durable))) }
    }

    /// The server died; what it had written stays.
    pub fn die(mut self) -> Durable {
        std::mem::take(&mut self.engine_mut().durable).after_death()
    }

    /// The machine is gone; what was synced stays.
    pub fn crash(self) -> Durable {
        self.lose_power(0, 0)
    }

    /// The machine is gone; what was synced stays, and so much of each log behind it.
    pub fn lose_power(mut self, redo: usize, binlog: usize) -> Durable {
        std::mem::take(&mut self.engine_mut().durable).after_power_loss(redo, binlog)
    }

    /// A clean shutdown: running transactions are rolled back, logs are synced.
    pub fn shut_down(mut self) -> Durable {
        let connections: Vec<ConnectionId> = self.engine().sessions.keys().copied().collect();
        for connection in connections {
            self.disconnect(connection);
        }
        self.sync_logs();
        std::mem::take(&mut self.engine_mut().durable)
    }

    pub fn connect(&mut self, user: &str, database: Option<&str>) -> ConnectionId {
        let engine = self.engine_mut();
        engine.durable.connections += 1;
        let id = ConnectionId(engine.durable.connections);
        let session = Session::new(id, user, database, engine.options.isolation);
        engine.sessions.insert(id, session);
        id
    }

    /// Says who is behind a connection, for traces and the binlog.
    pub fn set_tag(&mut self, connection: ConnectionId, tag: &str) {
        if let Some(session) = self.engine_mut().sessions.get_mut(&connection) {
            session.tag = tag.into();
        }
    }

    /// Ends a connection. What it had not committed is rolled back; what is in the binlog is
    /// committed.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        let engine = self.engine_mut();
        let open = engine.sessions.get(&connection).and_then(|session| session.transaction);
        if let Some(trx) = open.filter(|trx| engine.transactions.contains_key(trx)) {
            match engine.is_logged(trx) {
                true => engine.commit_in_order(trx),
                false => engine.rollback(trx),
            }
        }
        engine.metadata.release_all(connection);
        engine.sessions.remove(&connection);
        engine.settle();
    }

    /// Begins a statement; it does nothing before its first step.
    pub fn start(
        &self,
        connection: ConnectionId,
        statement: &Arc<Statement>,
        binds: &Arc<Binds>,
        now: jiff::Timestamp,
    ) -> Execution {
        Execution::fresh(connection, statement, binds, now)
    }

    /// The same from text; one that does not parse ends in its first step.
    pub fn start_text(
        &mut self,
        connection: ConnectionId,
        text: &str,
        now: jiff::Timestamp,
    ) -> Execution {
        let text: Arc<str> = text.into();
        if let Some(session) = self.engine_mut().sessions.get_mut(&connection) {
            let sent = Some(text.clone());
            session.running = Some(Running { sent, statement: None, since: now });
        }
        let run = Run::new(connection, now, Arc::new(Binds::new()), Some(text.clone()));
        match parse(&text) {
            Ok(statement) => {
                Execution::new(&run, statement::run::run(run.clone(), Arc::new(statement)))
            }
            Err(error) => {
                let error = unmodelled(&text).unwrap_or_else(|| error.into());
                Execution::new(&run, async move { Err(error) })
            }
        }
    }

    /// Begins to apply a source's transaction, which keeps its GTID. The connection must be an
    /// applier's: see [`Server::connect_applier`].
    pub fn start_apply(
        &mut self,
        connection: ConnectionId,
        transaction: &Arc<BinlogTransaction>,
        now: jiff::Timestamp,
    ) -> Execution {
        let run = Run::new(connection, now, Arc::new(Binds::new()), None);
        Execution::new(&run, statement::apply::apply(run.clone(), transaction.clone()))
    }

    /// A connection that replicates: read_only does not bind it.
    pub fn connect_applier(&mut self) -> ConnectionId {
        let connection = self.connect("system user", None);
        if let Some(session) = self.engine_mut().sessions.get_mut(&connection) {
            session.applier = true;
        }
        connection
    }

    /// Applies a source's transaction in one go; syncs count as done. A lock wait is 1205.
    pub fn apply_transaction(
        &mut self,
        connection: ConnectionId,
        transaction: &Arc<BinlogTransaction>,
        now: jiff::Timestamp,
    ) -> Result<Outcome, SqlError> {
        let mut execution = self.start_apply(connection, transaction, now);
        loop {
            match self.step(&mut execution) {
                Step::Done(result) => return result,
                Step::Sync(_) => {}
                Step::Wait(_) => return self.cancel(execution, Cancel::Timeout),
            }
        }
    }

    /// Runs a statement to its next pause.
    pub fn step(&mut self, execution: &mut Execution) -> Step {
        let engine = self.engine.take().expect("the engine is back after every step");
        let (mut engine, paused) = execution.poll(engine);
        engine.settle();
        self.engine = Some(engine);
        match paused {
            Paused::Done(result) => Step::Done(result),
            Paused::Paused(Pause::Sync(point)) => Step::Sync(point),
            Paused::Paused(Pause::Lock | Pause::Metadata) => {
                Step::Wait(self.wait_of(execution.connection()))
            }
        }
    }

    /// Ends a statement that waits. One that is committing is not stopped: its end is returned.
    pub fn cancel(
        &mut self,
        mut execution: Execution,
        reason: Cancel,
    ) -> Result<Outcome, SqlError> {
        execution.cancel(reason);
        loop {
            match self.step(&mut execution) {
                Step::Done(result) => return result,
                Step::Wait(_) => execution.cancel(reason),
                Step::Sync(_) => {}
            }
        }
    }

    /// Whose wait has ended since last asked (a grant, a deadlock), in order.
    pub fn take_granted(&mut self) -> Vec<ConnectionId> {
        self.engine_mut().take_granted()
    }

    /// What KILL has named since last asked: the connection, and whether only its statement.
    pub fn take_kills(&mut self) -> Vec<(ConnectionId, bool)> {
        std::mem::take(&mut self.engine_mut().kills)
    }

    /// Takes away what no reader needs: InnoDB's purge threads. The moment is the caller's.
    pub fn purge(&mut self) {
        let engine = self.engine_mut();
        engine.purge();
        engine.settle();
    }

    /// Everything that was written is on the disk.
    pub fn sync_logs(&mut self) {
        self.engine_mut().durable.sync_all();
    }

    /// The logs, for who drives the syncs that no commit waits for.
    pub fn durable_mut(&mut self) -> &mut Durable {
        &mut self.engine_mut().durable
    }

    // ------------------------------------------------------------ what others read

    /// The transactions that a replica at this position lacks, in binlog order. Under
    /// `sync_binlog=1` it gets those that are synced.
    pub fn binlog_from(
        &self,
        position: &GtidSet,
    ) -> Result<impl Iterator<Item = &Arc<BinlogTransaction>>, SqlError> {
        let engine = self.engine();
        if !position.contains_set(&engine.durable.purged) {
            return Err(error::position_purged());
        }
        let sent = match engine.options.sync_binlog {
            1 => engine.durable.binlog_synced,
            _ => engine.durable.binlog.len(),
        };
        let position = position.clone();
        let sent = engine.durable.binlog[..sent].iter();
        Ok(sent.filter(move |transaction| !position.contains(transaction.gtid)))
    }

    /// What SHOW REPLICA STATUS is to say.
    pub fn set_replica_status(&mut self, status: ReplicaStatus) {
        self.engine_mut().replica = Some(Box::new(status));
    }

    /// All that the binlog has, or had before it was purged.
    pub fn logged(&self) -> GtidSet {
        let durable = &self.engine().durable;
        let mut logged = durable.purged.clone();
        durable.binlog.iter().for_each(|transaction| logged.add(transaction.gtid));
        logged
    }

    /// PURGE BINARY LOGS TO.
    pub fn purge_binlog_to(&mut self, file: &str) -> Result<(), SqlError> {
        self.engine_mut().durable.purge_binlog_to(file).map_err(|_| error::no_such_log())
    }

    pub fn executed(&self) -> &GtidSet {
        &self.engine().executed
    }

    pub fn durable(&self) -> &Durable {
        &self.engine().durable
    }

    pub fn options(&self) -> &Options {
        &self.engine().options
    }

    pub fn options_mut(&mut self) -> &mut Options {
        let engine = self.engine_mut();
        engine.variable_epoch += 1;
        &mut engine.options
    }

    /// All tables with their committed rows.
    pub fn tables(&self) -> impl Iterator<Item = TableImage> + '_ {
        let engine = self.engine();
        let ids = engine.databases.values().flat_map(|database| database.tables.values());
        ids.map(|id| {
            let table = engine.table(*id);
            let committed = |trx: TrxId| !engine.transactions.contains_key(&trx);
            let rows = table.records().filter_map(|(_, record)| {
                let version = record.versions().find(|version| committed(version.trx))?;
                (!version.deleted).then(|| version.row.clone())
            });
            TableImage { schema: table.schema.clone(), rows: rows.collect() }
        })
    }

    /// The row locks of the server, like data_locks: by index, record and arrival. Implicit locks
    /// are in nobody's list.
    pub fn lock_report(&self) -> Vec<LockRow> {
        let engine = self.engine();
        let rows = engine.locks.report().filter_map(|entry| {
            let table = engine.tables.get(&entry.index.table)?;
            let connection = engine.transactions.get(&entry.lock.trx)?.connection;
            let at = entry.index.index as usize;
            Some(LockRow {
                connection,
                table: table.schema.name.to_string(),
                index: table.schema.indexes[at].name.to_string(),
                record: table.describe(at, entry.place),
                mode: entry.lock.notation(entry.place).to_string(),
                waiting: entry.lock.waiting,
            })
        });
        rows.collect()
    }

    /// Who has which row, or waits for it, implicit locks too.
    pub fn row_locks(&self) -> Vec<RowLock> {
        row_locks::row_locks(self.engine())
    }

    /// The table locks of the server: connection, table, `IS` or `IX`.
    pub fn intention_report(&self) -> Vec<(ConnectionId, Arc<str>, &'static str)> {
        let engine = self.engine();
        let rows = engine.transactions.values().flat_map(|transaction| {
            transaction.locked_tables().filter_map(|(table, mode)| {
                let name = engine.tables.get(&table)?.schema.name.clone();
                let mode = if mode == Mode::X { "IX" } else { "IS" };
                Some((transaction.connection, name, mode))
            })
        });
        rows.collect()
    }

    /// Who waits for what, held by whom.
    pub fn waits(&self) -> Vec<(ConnectionId, LockWait)> {
        let engine = self.engine();
        let waiting = engine.sessions.keys().filter(|connection| {
            engine.metadata.is_waiting(**connection)
                || engine
                    .sessions
                    .get(connection)
                    .and_then(|session| session.transaction)
                    .is_some_and(|trx| engine.locks.is_waiting(trx))
        });
        waiting.map(|connection| (*connection, self.wait_of(*connection))).collect()
    }

    /// All connections.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.engine().sessions.values()
    }

    /// The connection's session: its database, variables, tag.
    pub fn session(&self, connection: ConnectionId) -> Option<&Session> {
        self.engine().sessions.get(&connection)
    }

    /// All connections.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.engine().sessions.keys().copied()
    }

    /// Is the connection inside a transaction, as the OK packet's status says?
    pub fn in_transaction(&self, connection: ConnectionId) -> bool {
        let engine = self.engine();
        let trx = engine.sessions.get(&connection).and_then(|session| session.transaction);
        trx.and_then(|trx| engine.transactions.get(&trx))
            .is_some_and(|transaction| transaction.explicit && transaction.stage == Stage::Active)
    }

    /// What CHECK TABLE would complain about: entries without rows, committed rows without
    /// entries.
    pub fn check_tables(&self) -> Vec<String> {
        let engine = self.engine();
        let committed = |trx: TrxId| !engine.transactions.contains_key(&trx);
        engine.tables.values().flat_map(|table| table.check(committed)).collect()
    }

    fn wait_of(&self, connection: ConnectionId) -> LockWait {
        let engine = self.engine();
        let session = engine.sessions.get(&connection);
        let trx = session.and_then(|session| session.transaction);
        if let Some(entry) = trx.and_then(|trx| engine.locks.wait_of(trx)) {
            let table = engine.table(entry.index.table);
            let at = entry.index.index as usize;
            let blockers = trx.map_or_else(Vec::new, |trx| engine.locks.blockers(trx));
            let holder = |trx: &TrxId| engine.transactions.get(trx).map(|t| t.connection);
            return LockWait {
                index: [&*table.schema.name, ".", &*table.schema.indexes[at].name].concat(),
                record: table.describe(at, entry.place),
                mode: entry.lock.notation(entry.place).to_string(),
                holders: blockers.iter().filter_map(holder).collect(),
                timeout: session.map_or_else(Default::default, |s| s.lock_wait_timeout),
                metadata: false,
            };
        }
        if let Some((path, _)) = engine.metadata.wait_of(connection)
            && metadata::is_user_lock(path)
        {
            return LockWait {
                index: "user-level lock".to_string(),
                record: path.1.to_string(),
                mode: "exclusive".to_string(),
                holders: engine.metadata.blockers(connection),
                timeout: session.map_or_else(Default::default, |s| s.user_lock_timeout),
                metadata: true,
            };
        }
        let (table, mode) = match engine.metadata.wait_of(connection) {
            Some((table, mode)) => (format!("{}.{}", table.0, table.1), mode),
            None => (String::new(), MetadataMode::Read),
        };
        let mode = match mode {
            MetadataMode::Read | MetadataMode::Write => "shared",
            MetadataMode::Upgradable => "upgradable",
            MetadataMode::ReadOnly => "read only",
            MetadataMode::NoWrite => "no write",
            MetadataMode::NoReadWrite | MetadataMode::Exclusive => "exclusive",
        };
        LockWait {
            index: "metadata lock".to_string(),
            record: table,
            mode: mode.to_string(),
            holders: engine.metadata.blockers(connection),
            timeout: session.map_or_else(Default::default, |s| s.metadata_timeout),
            metadata: true,
        }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the engine is back after every step")
    }

    fn engine_mut(&mut self) -> &mut Engine {
        self.engine.as_mut().expect("the engine is back after every step")
    }
}

/// 1235 for a text that is MySQL's SQL and not the model's; none for what is nobody's.
fn unmodelled(text: &str) -> Option<SqlError> {
    const FIRST: [&str; 14] = [
        "binlog", "change", "checksum", "clone", "get", "grant", "handler", "help", "import",
        "install", "resignal", "revoke", "signal", "xa",
    ];
    const CREATED: [&str; 9] = [
        "event",
        "function",
        "procedure",
        "role",
        "tablespace",
        "trigger",
        "user",
        "view",
        "server",
    ];
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let refuse = |what: &str| Some(SqlError::not_supported(what.to_ascii_uppercase()));
    match words[..] {
        [first, ..] if FIRST.contains(&first) => refuse(first),
        [first @ ("create" | "alter" | "drop"), what, ..] if CREATED.contains(&what) => {
            refuse(&format!("{first} {what}"))
        }
        ["select" | "(select" | "values" | "table", ..] => {
            let found = ["intersect", "except"].into_iter().find(|word| words.contains(word));
            found.and_then(refuse)
        }
        _ => None,
    }
}
