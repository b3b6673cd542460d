//! Statements and transactions of vtgates.
//!
//! A statement outside a transaction runs on a pooled connection; a transaction has a connection of
//! its own and an id that is never used again. A transaction lives 30 s from its begin; a killer
//! that ticks every tenth of that rolls back what is older and not just in use. See
//! `go/vt/vttablet/tabletserver/{tx_engine,tx_pool,query_executor}.go`.
//!
//! Left out: the consolidator, the row limit, settings pools, reserved connections.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sim::mysql::outcome::Outcome;
use sim::mysql::session::ConnectionId;
use sim::mysqld;
use sim::sql::ast::Statement;
use sim::world::Process;

use super::manager::defines_tables;
use super::sequence::Next;
use super::{QueryError, State, Tablet, Transaction, errors};
use crate::history::{self, Event, ShardStatement};
use crate::key::Code;
use crate::rpc::{
    Commit, Execute, Executed, GetSchema, Rollback, Status, StreamHealth, Target, TxId,
};
use crate::topo::TabletType;

pub(super) fn serve(tablet: &Rc<Tablet>, process: Process) {
    let this = Rc::clone(tablet);
    process.serve(move |process, execute: Rc<Execute>| {
        let tablet = Rc::clone(&this);
        async move { tablet.execute(process, &execute).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, commit: Rc<Commit>| {
        let tablet = Rc::clone(&this);
        async move { tablet.commit(process, &commit).await }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, rollback: Rc<Rollback>| {
        let tablet = Rc::clone(&this);
        async move {
            let ended = "transaction rolled back";
            tablet.end(process, rollback.transaction, &Statement::Rollback, ended).await
        }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, stream: Rc<StreamHealth>| {
        let tablet = Rc::clone(&this);
        async move {
            let limit = Some(Duration::from_secs(20));
            if stream.known.as_ref() == Some(&tablet.health()) {
                let _ = process.limit(limit, tablet.health_changed.raised()).await;
            }
            tablet.health()
        }
    });
    let this = Rc::clone(tablet);
    process.serve(move |process, _: Rc<GetSchema>| {
        let tablet = Rc::clone(&this);
        async move { tablet.schema(process).await }
    });
    let killer = Rc::clone(tablet);
    process.spawn_background("tx killer", move |process| async move {
        let timeout = killer.options.transaction_timeout;
        loop {
            process.sleep(timeout / 10).await;
            killer.kill_expired(process).await;
        }
    });
}

impl Tablet {
    async fn execute(&self, process: Process, execute: &Execute) -> Executed {
        let executed = self.run_execute(process, execute).await;
        history::emit(Event::ShardStatement(Rc::new(ShardStatement {
            plan: execute.plan,
            keyspace: Rc::clone(&self.keyspace),
            shard: Rc::clone(&self.shard),
            statement: Arc::clone(&execute.statement),
            binds: Arc::clone(&execute.binds),
            rows: executed.result.as_ref().ok().map(|outcome| match outcome.columns.len() {
                2 => outcome.rows.clone(),
                _ => Vec::new(),
            }),
        })));
        executed
    }

    async fn run_execute(&self, process: Process, execute: &Execute) -> Executed {
        let opened = match self.open(process, execute).await {
            Ok(opened) => opened,
            Err(status) => {
                return Executed {
                    result: Err(status),
                    transaction: None,
                    alias: self.alias.clone(),
                };
            }
        };
        let Opened { connection, transaction, .. } = opened;
        let result = match Next::of(&execute.statement) {
            Some(next) => self.next_values(process, &next, &execute.binds).await,
            None => self.run(process, execute, &opened).await,
        };
        match transaction {
            Some(id) => self.put_back(process, id),
            None => self.idle.borrow_mut().push(connection),
        }
        Executed { result, transaction, alias: self.alias.clone() }
    }

    /// The connection that a statement runs on, with its transaction open.
    async fn open(&self, process: Process, execute: &Execute) -> Result<Opened, Status> {
        self.check_target(&execute.target)?;
        if let Some(id) = execute.transaction {
            let (connection, timeout) = self.take(process, id)?;
            return Ok(Opened { connection, transaction: Some(id), timeout });
        }
        self.check_serving()?;
        let timeout = self.options.query_timeout;
        if execute.begin.is_some() && self.kind.get() != TabletType::Primary {
            let text = "tabletGateway's query service can only be used for non-transactional queries on replicas";
            return Err(Status::new(Code::Internal, text));
        }
        let connection = self.with_setting(process, execute).await?;
        let Some(savepoints) = &execute.begin else {
            return Ok(Opened { connection, transaction: None, timeout });
        };
        if self.transactions.borrow().len() >= self.options.tx_pool_size {
            self.idle.borrow_mut().push(connection);
            let text = "vttablet: transaction pool connection limit exceeded";
            return Err(Status::new(Code::ResourceExhausted, text));
        }
        let begin = [super::begin()];
        for statement in begin.iter().chain(savepoints) {
            let result = self.query(process, connection, statement, &Arc::default(), timeout).await;
            if let Err(error) = result {
                return Err(match error {
                    QueryError::Sql(sql) => errors::plain(&sql).wrap("vttablet"),
                    QueryError::TimedOut | QueryError::Gone => errors::connection_lost(),
                });
            }
        }
        let id = self.next_transaction.get();
        self.next_transaction.set(id + 1);
        let transaction = Transaction { connection, began: process.now(), in_use: true };
        self.transactions.borrow_mut().insert(id, transaction);
        Ok(Opened { connection, transaction: Some(id), timeout })
    }

    /// A connection with the settings that are wanted, and no others (the settings pool).
    async fn with_setting(
        &self,
        process: Process,
        execute: &Execute,
    ) -> Result<ConnectionId, Status> {
        let connection = self.pooled(process, &execute.tag, execute.setting.as_ref()).await?;
        let Some(setting) = &execute.setting else { return Ok(connection) };
        if self.settings.borrow().get(&connection) == Some(setting) {
            return Ok(connection);
        }
        let timeout = self.options.query_timeout;
        match self.query(process, connection, setting, &Arc::default(), timeout).await {
            Ok(_) => {
                self.settings.borrow_mut().insert(connection, Arc::clone(setting));
                Ok(connection)
            }
            Err(error) => {
                process.send(self.mysqld, mysqld::Quit { connection });
                Err(match error {
                    QueryError::Sql(sql) => errors::plain(&sql).wrap("vttablet"),
                    QueryError::TimedOut | QueryError::Gone => errors::connection_lost(),
                })
            }
        }
    }

    pub(super) async fn pooled(
        &self,
        process: Process,
        tag: &Rc<str>,
        setting: Option<&Arc<Statement>>,
    ) -> Result<ConnectionId, Status> {
        let idle = {
            let (mut idle, settings) = (self.idle.borrow_mut(), self.settings.borrow());
            let fits = |connection: &ConnectionId| settings.get(connection) == setting;
            idle.iter().rposition(fits).map(|at| idle.remove(at))
        };
        let Some(connection) = idle else { return self.connect(process, tag).await };
        let tag = mysqld::Tag { connection, tag: Rc::clone(tag) };
        match process.call(self.mysqld, tag).within(Duration::from_secs(5)).await {
            Ok(()) => Ok(connection),
            // The server that it belonged to is gone, and so are the other idle ones.
            Err(_) => {
                self.idle.borrow_mut().clear();
                Err(errors::server_gone())
            }
        }
    }

    async fn schema(&self, process: Process) -> Result<Vec<Rc<str>>, Status> {
        let show = mysqld::ShowCreateTables { database: self.database().as_str().into() };
        let shown = process.call(self.mysqld, show).within(self.options.query_timeout).await;
        shown.map_err(|_| errors::server_gone())
    }

    async fn run(
        &self,
        process: Process,
        execute: &Execute,
        opened: &Opened,
    ) -> Result<Outcome, Status> {
        let Opened { connection, transaction, timeout } = *opened;
        let Execute { statement, binds, .. } = execute;
        let result = self.query(process, connection, statement, binds, timeout).await;
        if result.is_ok() && defines_tables(statement) {
            self.reload_schema();
        }
        result.map_err(|error| match error {
            QueryError::Sql(sql) => {
                let existing = execute.transaction.is_some();
                errors::of_statement(&sql, statement, binds, existing)
            }
            QueryError::TimedOut => self.timed_out(process, transaction, timeout),
            QueryError::Gone => {
                self.idle.borrow_mut().clear();
                errors::connection_lost()
            }
        })
    }

    fn check_target(&self, target: &Target) -> Result<(), Status> {
        if target.keyspace != self.keyspace {
            let (want, have) = (&self.keyspace, &target.keyspace);
            let text = format!("vttablet: invalid keyspace {have} does not match expected {want}");
            return Err(Status::new(Code::InvalidArgument, text));
        }
        if target.shard != self.shard {
            let (want, have) = (&self.shard, &target.shard);
            let text = format!("vttablet: invalid shard {have} does not match expected {want}");
            return Err(Status::new(Code::InvalidArgument, text));
        }
        if target.kind != self.kind.get() {
            let text = format!(
                "vttablet: rpc error: code = FailedPrecondition desc = wrong tablet type: {}, want: {} or []",
                target.kind.name().to_ascii_uppercase(),
                self.kind.get().name().to_ascii_uppercase(),
            );
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        Ok(())
    }

    fn check_serving(&self) -> Result<(), Status> {
        let state = match self.state.get() {
            State::Serving => return Ok(()),
            State::ShuttingDown => "SHUTTING_DOWN",
            State::NotServing => "NOT_SERVING",
        };
        let text = format!(
            "vttablet: rpc error: code = Code(17) desc = operation not allowed in state {state}"
        );
        Err(Status::new(Code::ClusterEvent, text))
    }

    /// Takes a transaction for one statement; two at once are refused.
    fn take(&self, process: Process, id: TxId) -> Result<(ConnectionId, Duration), Status> {
        let mut transactions = self.transactions.borrow_mut();
        let Some(transaction) = transactions.get_mut(&id) else {
            return Err(self.no_transaction(id));
        };
        if transaction.in_use {
            let text = format!("vttablet: transaction {id}: in use: for query");
            return Err(Status::new(Code::Aborted, text));
        }
        transaction.in_use = true;
        let age = process.now().duration_since(transaction.began).unsigned_abs();
        let left = self.options.transaction_timeout.saturating_sub(age);
        Ok((transaction.connection, left.min(self.options.query_timeout)))
    }

    fn put_back(&self, _: Process, id: TxId) {
        if let Some(transaction) = self.transactions.borrow_mut().get_mut(&id) {
            transaction.in_use = false;
        }
        self.transaction_ended.raise();
    }

    fn no_transaction(&self, id: TxId) -> Status {
        let grpc = "vttablet: rpc error: code = Aborted desc = ";
        let text = match self.ended.borrow().get(&id) {
            Some(ended) => format!("{grpc}transaction {id}: {ended}"),
            None => {
                format!("{grpc}transaction {id}: not found (potential transaction timeout)")
            }
        };
        Status::new(Code::Aborted, text)
    }

    /// The statement's connection is killed; in a transaction that ends the transaction.
    fn timed_out(&self, process: Process, id: Option<TxId>, timeout: Duration) -> Status {
        let connection = match id {
            Some(id) => {
                let gone = self.transactions.borrow_mut().remove(&id);
                let now = ended_at(process);
                self.ended.borrow_mut().insert(id, format!("ended at {now} (kill)"));
                gone.map(|transaction| transaction.connection)
            }
            None => None,
        };
        if let Some(connection) = connection {
            process.send(self.mysqld, mysqld::Quit { connection });
        }
        let what = if id.is_some() { "connection" } else { "query" };
        let number = connection.map(|connection| connection.to_string()).unwrap_or_default();
        let text = format!(
            "vttablet: (errno 3024) (sqlstate HY000): Query execution was interrupted, maximum statement execution time exceeded, elapsed time: {timeout:?}, killing {what} ID {number}"
        );
        Status::new(Code::Canceled, text)
    }

    async fn commit(&self, process: Process, commit: &Commit) -> Result<(), Status> {
        self.check_target(&commit.target)?;
        self.end(process, commit.transaction, &Statement::Commit, "transaction committed").await
    }

    /// Commits or rolls back; the transaction is gone afterwards, whatever came of it.
    async fn end(
        &self,
        process: Process,
        id: TxId,
        statement: &Statement,
        reason: &str,
    ) -> Result<(), Status> {
        let (connection, timeout) = self.take(process, id)?;
        let statement = Arc::new(statement.clone());
        let result = self.query(process, connection, &statement, &Arc::default(), timeout).await;
        self.transactions.borrow_mut().remove(&id);
        let ended = format!("ended at {} ({reason})", ended_at(process));
        self.ended.borrow_mut().insert(id, ended);
        self.transaction_ended.raise();
        match result {
            Ok(_) => {
                self.idle.borrow_mut().push(connection);
                Ok(())
            }
            // A connection whose end failed is not used again.
            Err(error) => {
                process.send(self.mysqld, mysqld::Quit { connection });
                Err(match error {
                    QueryError::Sql(sql) => errors::plain(&sql).wrap("vttablet: rpc error"),
                    QueryError::TimedOut | QueryError::Gone => errors::connection_lost(),
                })
            }
        }
    }

    async fn kill_expired(&self, process: Process) {
        let timeout = self.options.transaction_timeout;
        let now = process.now();
        let age = |tx: &Transaction| now.duration_since(tx.began).unsigned_abs();
        let expired: Vec<TxId> = {
            let transactions = self.transactions.borrow();
            let old = |tx: &Transaction| !tx.in_use && timeout <= age(tx);
            transactions.iter().filter(|(_, tx)| old(tx)).map(|(id, _)| *id).collect()
        };
        let reason = format!("exceeded timeout: {timeout:?}");
        for id in expired {
            history::emit(Event::Killed { tablet: self.alias.clone(), transaction: id });
            let _ = self.end(process, id, &Statement::Rollback, &reason).await;
        }
    }

    /// Rolls back what is still open.
    pub(super) async fn end_all(&self, process: Process, reason: &str) {
        let open: Vec<TxId> = self.transactions.borrow().keys().copied().collect();
        for id in open {
            let _ = self.end(process, id, &Statement::Rollback, reason).await;
        }
    }

    /// Waits until no transaction is open, at most the grace period.
    pub(super) async fn drain(&self, process: Process) {
        let grace = Some(self.options.shutdown_grace);
        let _ = process
            .limit(grace, async {
                while !self.transactions.borrow().is_empty() {
                    self.transaction_ended.raised().await;
                }
            })
            .await;
    }
}

struct Opened {
    connection: ConnectionId,
    transaction: Option<TxId>,
    timeout: Duration,
}

/// Go's `2006-01-02 15:04:05.000 MST`.
fn ended_at(process: Process) -> String {
    let now = process.now().to_zoned(jiff::tz::TimeZone::UTC);
    format!("{} UTC", now.strftime("%Y-%m-%d %H:%M:%S%.3f"))
}
