//! Statements of vtgates.
//!
//! A statement outside a transaction runs on a pooled connection; one in a transaction, or of a
//! session that has reserved a connection, on that ([`super::stateful`]). Each has its time:
//!
//! ```text
//!   connection           the time                             when it is over
//!   on a pooled one      30 s, or what the vtgate says        it is closed
//!   in a transaction     no more than a transaction has       it is closed
//!   on a reserved one    30 s, or what the vtgate says        it is closed
//! ```
//!
//! See `go/vt/vttablet/tabletserver/{tabletserver,query_executor}.go`.
//!
//! A query with more than 10000 rows is an error, unless they stream; Vitess asks for one row more
//! than that and no others.
//!
//! Left out: the consolidator.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sim::mysql::outcome::Outcome;
use sim::mysql::session::ConnectionId;
use sim::mysqld;
use sim::sql::ast::{Expr, Query, SelectItem, Statement};
use sim::sql::walk::children;
use sim::world::Process;

use super::manager::defines_tables;
use super::sequence::Next;
use super::stateful::shorter;
use super::{QueryError, State, Tablet, errors};
use crate::history::{self, Event, ShardStatement};
use crate::key::Code;
use crate::mutant::{self, Mutant};
use crate::rpc::{
    Commit, CreateTransaction, Execute, ExecuteOptions, Executed, GetSchema, ReadTransaction,
    Release, Reserved, Rollback, Status, StreamHealth, Target, TxId, Workload,
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
    process.serve(move |process, release: Rc<Release>| {
        let tablet = Rc::clone(&this);
        async move { tablet.release(process, release.reserved) }
    });
    process.serve(|_, _: Rc<ReadTransaction>| async { errors::two_phases_not_enabled() });
    let this = Rc::clone(tablet);
    process.serve(move |_, create: Rc<CreateTransaction>| {
        let checked = this.check_target(&create.target);
        async move { checked.err().unwrap_or_else(errors::two_phases_not_enabled) }
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
                    reserved: None,
                    alias: self.alias.clone(),
                };
            }
        };
        let Opened { connection, stateful, .. } = opened;
        let (result, is_lost) = match Next::of(&execute.statement) {
            Some(next) => (self.next_values(process, &next, &execute.binds).await, false),
            None => self.run(process, execute, &opened).await,
        };
        match stateful {
            Some(id) => self.put_back(process, id),
            None if is_lost => {}
            None => self.idle.borrow_mut().push(connection),
        }
        let alias = self.alias.clone();
        match execute.reserved {
            Reserved::No => Executed { result, transaction: stateful, reserved: None, alias },
            _ => Executed { result, transaction: None, reserved: stateful, alias },
        }
    }

    /// The connection that a statement runs on, with its transaction open.
    async fn open(&self, process: Process, execute: &Execute) -> Result<Opened, Status> {
        self.check_target(&execute.target)?;
        if execute.reserved == Reserved::No && gets_lock(&execute.statement) {
            return Err(errors::refused("SelectLockFunc not allowed without reserved connection"));
        }
        let in_transaction = execute.transaction.is_some() || execute.begin.is_some();
        let timeout = self.time_of_statement(&execute.options, in_transaction);
        let known = match execute.reserved {
            Reserved::Id(id) => Some(id),
            _ => execute.transaction,
        };
        if let Some(id) = known {
            let connection = self.take(process, id)?;
            return Ok(Opened { connection, stateful: Some(id), timeout });
        }
        self.check_serving()?;
        if execute.begin.is_some() && self.kind.get() != TabletType::Primary {
            let text = "tabletGateway's query service can only be used for non-transactional queries on replicas";
            return Err(Status::new(Code::Internal, text));
        }
        let is_kept = execute.begin.is_some() || execute.reserved != Reserved::No;
        let place = if is_kept { Some(self.place_in_pool(process).await?) } else { None };
        let connection = self.with_setting(process, execute).await?;
        if place.is_none() {
            return Ok(Opened { connection, stateful: None, timeout });
        }
        let begin = execute.begin.iter().flat_map(|savepoints| {
            std::iter::once(super::begin()).chain(savepoints.iter().cloned())
        });
        for statement in begin {
            let result =
                self.query(process, connection, &statement, &Arc::default(), timeout).await;
            if let Err(error) = result {
                // It may be in a transaction, which nobody knows.
                process.send(self.mysqld, mysqld::Quit { connection });
                return Err(match error {
                    QueryError::Sql(sql) => errors::plain(&sql).wrap("vttablet"),
                    QueryError::TimedOut | QueryError::Gone => errors::connection_lost(),
                });
            }
        }
        let id = self.keep(process, connection, execute);
        Ok(Opened { connection, stateful: Some(id), timeout })
    }

    /// How long a statement may take; none is endless.
    fn time_of_statement(
        &self,
        options: &ExecuteOptions,
        in_transaction: bool,
    ) -> Option<Duration> {
        let own = options.timeout.unwrap_or(self.options.query_timeout);
        let of_statement = Some(own).filter(|time| !time.is_zero());
        match in_transaction {
            true => shorter(of_statement, self.time_of_transaction(options.workload)),
            false => of_statement,
        }
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

    /// Runs the statement, and says whether its connection is lost.
    async fn run(
        &self,
        process: Process,
        execute: &Execute,
        opened: &Opened,
    ) -> (Result<Outcome, Status>, bool) {
        let Opened { connection, stateful, timeout } = *opened;
        let Execute { statement, binds, .. } = execute;
        let result = self.query(process, connection, statement, binds, timeout).await;
        if result.is_ok() && defines_tables(statement) {
            self.reload_schema();
        }
        let is_lost = matches!(result, Err(QueryError::TimedOut | QueryError::Gone));
        let existing = execute.transaction.is_some() || matches!(execute.reserved, Reserved::Id(_));
        let limited = !execute.options.streams && execute.options.workload != Workload::Dba;
        if let Ok(outcome) = &result
            && limited
            && self.options.rows_max < outcome.rows.len()
        {
            return (Err(errors::too_many_rows(self.options.rows_max, existing)), false);
        }
        let result = result.map_err(|error| match error {
            QueryError::Sql(sql) => errors::of_statement(&sql, statement, binds, existing),
            QueryError::TimedOut => {
                self.timed_out(process, connection, stateful, timeout.unwrap_or_default())
            }
            QueryError::Gone => {
                self.idle.borrow_mut().clear();
                self.lost(process, connection, stateful);
                errors::connection_lost()
            }
        });
        (result, is_lost)
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

    async fn commit(&self, process: Process, commit: &Commit) -> Result<(), Status> {
        self.check_target(&commit.target)?;
        let ended = "transaction committed";
        match self.end(process, commit.transaction, &Statement::Commit, ended).await {
            Err(status) if status.code == Code::Aborted && mutant::is(Mutant::EndedIsCommitted) => {
                Ok(())
            }
            result => result,
        }
    }
}

struct Opened {
    connection: ConnectionId,
    stateful: Option<TxId>,
    timeout: Option<Duration>,
}

/// Whether a SELECT calls GET_LOCK(), whose lock would stay with a pooled connection.
fn gets_lock(statement: &Statement) -> bool {
    let Statement::Query(Query::Select(select)) = statement else { return false };
    select.items.iter().any(|item| match item {
        SelectItem::Expr { expr, .. } => calls_get_lock(expr),
        SelectItem::Star(_) | SelectItem::Next(_) => false,
    })
}

fn calls_get_lock(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) if function.name.is("get_lock") => true,
        other => children(other).into_iter().any(calls_get_lock),
    }
}
