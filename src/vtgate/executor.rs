//! The life of a client's statement, and of a nested one that a lookup vindex asks for.
//!
//! 1. Session statements (begin, commit, savepoint, use, set) are done here.
//! 2. Any other is planned, or its plan is found in the cache, and runs ([`super::engine`]).
//! 3. A data change outside a transaction gets one around it, which commits at its end.
//! 4. A statement that fails after parts of it succeeded is undone: to an internal savepoint in a
//!    client's transaction, by a rollback of everything otherwise.
//!
//! A nested statement goes through 2 to 4 as well, in the list that its vindex names, and shares
//! the client statement's [`RequestState`]. See `go/vt/vtgate/{executor,plan_execute}.go`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::{Assignment, Expr, Ident, Literal, Show, ShowKind, Statement, Variable};
use sim::sql_error::SqlError;
use sim::value::{Bind, Binds, Value};
use sim::wait::join_all;
use sim::world::Process;

use super::session::{
    AutocommitState, Order, RequestState, SavepointState, Session, SessionTarget, TransactionMode,
    Undo,
};
use super::{Edition, Gate, Snapshot, errors, tx_conn};
use crate::history::{self, Event, List};
use crate::key::Code;
use crate::planner::environment::Environment;
use crate::planner::primitive::{Plan, Primitive};
use crate::planner::statement::{self, Outer};
use crate::planner::utility::Utility;
use crate::planner::{self, table};
use crate::rpc::Status;
use crate::topo::TabletType;
use crate::vindex::lookup;

/// One statement under way, a client's or a nested one.
#[derive(Clone)]
pub struct Run {
    pub gate: Rc<Gate>,
    pub process: Process,
    pub session: Rc<RefCell<Session>>,
    pub request: Rc<RefCell<RequestState>>,
    pub snapshot: Rc<Snapshot>,
    /// The kind of the client's statement, which vindexes ask for.
    pub kind: lookup::Statement,
}

/// Runs a client's statement.
pub async fn client(
    gate: &Rc<Gate>,
    process: Process,
    session: &Rc<RefCell<Session>>,
    sql: &Rc<str>,
) -> Result<Outcome, SqlError> {
    let name = Rc::clone(&session.borrow().name);
    history::emit(Event::Statement { session: name, sql: Rc::clone(sql) });
    let run = Run {
        gate: Rc::clone(gate),
        process,
        session: Rc::clone(session),
        request: Rc::default(),
        snapshot: gate.snapshot(),
        kind: lookup::Statement::Other,
    };
    let result = run.client_statement(sql).await;
    let mut result = result.map_err(|status| errors::client_error(&status));
    let mut session = session.borrow_mut();
    match &mut result {
        Ok(outcome) => {
            if outcome.last_insert_id != 0 {
                session.last_insert_id = outcome.last_insert_id;
            }
            session.row_count =
                if outcome.columns.is_empty() { outcome.affected as i64 } else { -1 };
            outcome.warnings = session
                .warnings
                .iter()
                .map(|warning| SqlError::new(warning.code, "HY000", warning.message.clone()))
                .collect();
        }
        Err(_) => session.row_count = -1,
    }
    result
}

impl Run {
    async fn client_statement(mut self, sql: &Rc<str>) -> Result<Outcome, Status> {
        let outer = statement::parse(sql).map_err(planned)?;
        let is_rollback = matches!(outer, Outer::Sql(Statement::Rollback));
        if self.session.borrow().error_until_rollback && !is_rollback {
            let text =
                "VT09032: previous transaction failed. Issue a ROLLBACK to resolve the failure.";
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        if !matches!(outer, Outer::Sql(Statement::Show(_))) {
            self.session.borrow_mut().warnings.clear();
        }
        if let Outer::Sql(statement) = &outer {
            self.kind = kind_of(statement);
            if let Some(done) = self.session_statement(statement).await {
                return done;
            }
            self.begin_if_autocommit_is_off(statement);
        }
        if let Outer::ExplainVitess(text) = &outer {
            let plan = self.plan(&Rc::from(text.as_str()))?;
            let v6 = self.gate.options.edition == Edition::V6;
            return Ok(table::explain(&plan, v6));
        }
        if let Outer::VExplainPlan(text) = &outer {
            let plan = self.plan(&Rc::from(text.as_str()))?;
            return Ok(planner::json::vexplain(&plan));
        }
        let plan = self.plan(sql)?;
        let result = self.execute_plan(&plan, &Arc::default()).await;
        self.drop_internal_savepoint();
        self.after_transaction_error(result).await
    }

    /// Plans by the session's keyspace and target; a plan is kept until the vschema changes.
    fn plan(&self, sql: &Rc<str>) -> Result<Arc<Plan>, Status> {
        let (keyspace, shard, kind) = {
            let target = &self.session.borrow().target;
            (target.keyspace.clone(), target.shard.clone(), target.kind)
        };
        let key_space = match (&keyspace, &shard) {
            (Some(keyspace), Some(shard)) => Some(Rc::from(format!("{keyspace}:{shard}"))),
            (keyspace, _) => keyspace.clone(),
        };
        let key = (key_space, kind, Rc::clone(sql));
        if let Some(plan) = self.gate.cached_plan(&key) {
            return Ok(plan);
        }
        let context = planner::Context {
            vschema: &self.snapshot.vschema,
            keyspace: keyspace.as_deref(),
            shard: shard.as_deref(),
            tablet_type: kind.name(),
            tables_header: match self.gate.options.edition {
                Edition::V24 => "Tables_in_",
                Edition::V6 => "Tables_in_vt_",
            },
            environment: &Environment::default(),
            trace: None,
        };
        let plan = Arc::new(planner::build(sql, &context).map_err(planned)?);
        self.gate.cache_plan(key, Arc::clone(&plan));
        Ok(plan)
    }

    // ------------------------------------------------------------ statements of the session

    async fn session_statement(&self, statement: &Statement) -> Option<Result<Outcome, Status>> {
        let done = |()| Outcome::default();
        Some(match statement {
            Statement::Begin(_) => self.begin().await.map(done),
            Statement::Commit => self.commit().await.map(done),
            Statement::Rollback => {
                self.rollback().await;
                Ok(Outcome::default())
            }
            Statement::Savepoint(_) | Statement::RollbackTo(_) | Statement::Release(_) => {
                self.client_savepoint(statement).await.map(done)
            }
            Statement::Use(target) => {
                let text = target.as_ref().map_or("", Ident::as_str);
                self.use_target(text).map(done)
            }
            Statement::Set(assignments) => self.set(assignments).await.map(done),
            Statement::Show(Show { kind: ShowKind::Warnings, .. }) => Ok(self.show_warnings()),
            _ => return None,
        })
    }

    async fn begin(&self) -> Result<(), Status> {
        if self.session.borrow().in_transaction {
            self.commit().await?;
        }
        self.session.borrow_mut().in_transaction = true;
        Ok(())
    }

    async fn commit(&self) -> Result<(), Status> {
        if !self.session.borrow().in_transaction {
            return Ok(());
        }
        tx_conn::commit(&self.gate, self.process, &self.session).await
    }

    async fn rollback(&self) {
        self.session.borrow_mut().error_until_rollback = false;
        if self.session.borrow().in_transaction {
            tx_conn::rollback(&self.gate, self.process, &self.session).await;
        }
    }

    async fn client_savepoint(&self, statement: &Statement) -> Result<(), Status> {
        if !self.session.borrow().in_transaction {
            return match statement {
                Statement::Savepoint(_) => Ok(()),
                other => Err(Status::new(
                    Code::NotFound,
                    format!("SAVEPOINT does not exist: {other} (errno 1305) (sqlstate 42000)"),
                )),
            };
        }
        let statement = Arc::new(statement.clone());
        self.on_all_shards(&statement).await?;
        self.session.borrow_mut().savepoints.push(statement);
        Ok(())
    }

    fn use_target(&self, text: &str) -> Result<(), Status> {
        let target = parse_target(text)?;
        if let Some(keyspace) = &target.keyspace
            && !self.snapshot.vschema.keyspaces.contains_key(&**keyspace)
        {
            let text = format!("VT05003: unknown database '{keyspace}' in vschema");
            return Err(Status::new(Code::NotFound, text));
        }
        let mut session = self.session.borrow_mut();
        if session.in_transaction && target.kind != TabletType::Primary {
            let text = "can't execute the given command because you have an active transaction (errno 1192) (sqlstate HY000)";
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        session.target = target;
        Ok(())
    }

    async fn set(&self, assignments: &[Assignment]) -> Result<(), Status> {
        for Assignment { variable, value } in assignments {
            let Variable::System { name, .. } = variable else {
                return Err(unsupported("user defined variables"));
            };
            match &*name.as_str().to_ascii_lowercase() {
                "autocommit" => self.set_autocommit(is_on(value)?).await?,
                "transaction_mode" => self.set_transaction_mode(value)?,
                other => return Err(unsupported(format!("system setting: {other}"))),
            }
        }
        Ok(())
    }

    async fn set_autocommit(&self, on: bool) -> Result<(), Status> {
        if on && self.session.borrow().in_transaction {
            self.commit().await?;
        }
        self.session.borrow_mut().autocommit = on;
        Ok(())
    }

    fn set_transaction_mode(&self, value: &Expr) -> Result<(), Status> {
        let text = word(value);
        let mode = match text.to_ascii_lowercase().as_str() {
            "single" => TransactionMode::Single,
            "multi" | "unspecified" => TransactionMode::Multi,
            "twopc" => return Err(unsupported("transaction_mode twopc")),
            _ => {
                let text =
                    format!("invalid transaction_mode: {text} (errno 1231) (sqlstate 42000)");
                return Err(Status::new(Code::InvalidArgument, text));
            }
        };
        self.session.borrow_mut().mode = mode;
        Ok(())
    }

    fn show_warnings(&self) -> Outcome {
        let session = self.session.borrow();
        let rows = session.warnings.iter().map(|warning| {
            vec![
                Value::text("Warning"),
                Value::Uint(warning.code.into()),
                Value::text(&warning.message),
            ]
            .into()
        });
        let rows = rows.collect();
        table::outcome(&["Level", "Code", "Message"], rows)
    }

    fn begin_if_autocommit_is_off(&self, statement: &Statement) {
        let mut session = self.session.borrow_mut();
        let begins = !matches!(statement, Statement::Show(_) | Statement::Describe { .. });
        if !session.autocommit && begins {
            session.in_transaction = true;
        }
    }

    // ------------------------------------------------------------ plans

    /// Runs a plan, in a transaction of its own if it changes data outside of one.
    pub async fn execute_plan(&self, plan: &Plan, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let Some(root) = &plan.root else { return Ok(Outcome::default()) };
        let binds = &self.with_session_variables(plan, binds)?;
        if !needs_transaction(root) {
            return self.primitive_or_undo(root, binds).await;
        }
        let must_commit = {
            let mut session = self.session.borrow_mut();
            let must_commit = session.autocommit && !session.in_transaction;
            session.in_transaction = true;
            must_commit
        };
        {
            let mut request = self.request.borrow_mut();
            request.autocommit =
                if must_commit { AutocommitState::Possible } else { AutocommitState::Not };
            if request.savepoint == SavepointState::Undecided {
                request.savepoint =
                    if must_commit { SavepointState::NotNeeded } else { SavepointState::Needed };
            }
        }
        let result = self.primitive_or_undo(root, binds).await;
        if !must_commit {
            return result;
        }
        match result {
            Ok(outcome) => {
                if self.session.borrow().in_transaction {
                    tx_conn::commit(&self.gate, self.process, &self.session).await?;
                }
                Ok(outcome)
            }
            Err(status) => {
                if self.session.borrow().in_transaction {
                    tx_conn::rollback(&self.gate, self.process, &self.session).await;
                }
                Err(status)
            }
        }
    }

    /// The bind variables with those that the session fills in.
    fn with_session_variables(
        &self,
        plan: &Plan,
        binds: &Arc<Binds>,
    ) -> Result<Arc<Binds>, Status> {
        if plan.variables.is_empty() {
            return Ok(Arc::clone(binds));
        }
        let session = self.session.borrow();
        let mut all = (**binds).clone();
        for name in &plan.variables {
            let value = match &**name {
                "__lastInsertId" => Value::Uint(session.last_insert_id),
                "__vtrcount" => Value::Int(session.row_count),
                "__vtdbname" => match &session.target.keyspace {
                    Some(keyspace) => Value::text(keyspace),
                    None => Value::Null,
                },
                "__vtautocommit" => Value::Int(i64::from(session.autocommit)),
                other => {
                    let name = other.trim_start_matches("__vtudv").trim_start_matches("__vt");
                    return Err(unsupported(format!("the value of {name}")));
                }
            };
            all.insert(Arc::clone(name), Bind::Value(value));
        }
        Ok(Arc::new(all))
    }

    async fn primitive_or_undo(
        &self,
        root: &Primitive,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        match self.primitive(root, binds).await {
            Ok(outcome) => Ok(outcome),
            Err(status) => Err(self.undo(status).await),
        }
    }

    /// Parts of the statement succeeded and it failed: they must go.
    async fn undo(&self, status: Status) -> Status {
        if !self.session.borrow().in_transaction {
            return status;
        }
        let undo = self.request.borrow().undo.clone();
        let failed = match undo {
            Undo::Unarmed | Undo::Done => return status,
            Undo::RollbackTo(name) => {
                let rollback_to = Arc::new(Statement::RollbackTo(name));
                match self.on_all_shards(&rollback_to).await {
                    Ok(()) => {
                        self.session.borrow_mut().savepoints.push(rollback_to);
                        self.request.borrow_mut().undo = Undo::Done;
                        return status.wrap("reverted partial DML execution failure");
                    }
                    Err(failed) => Some(failed),
                }
            }
            Undo::RollbackTransaction => None,
        };
        self.request.borrow_mut().undo = Undo::Done;
        tx_conn::rollback(&self.gate, self.process, &self.session).await;
        let status = match failed {
            Some(failed) => status.wrap(failed),
            None => status,
        };
        status.wrap("transaction rolled back to reverse changes of partial DML execution")
    }

    /// From here on a failure of the statement must undo what has been done.
    pub fn arm(&self) {
        let mut request = self.request.borrow_mut();
        if request.undo == Undo::Unarmed {
            request.undo = match &request.savepoint_name {
                Some(name) => Undo::RollbackTo(name.clone()),
                None => Undo::RollbackTransaction,
            };
        }
    }

    /// Sets the statement's internal savepoint, once, before the first part that may have to be
    /// undone.
    pub async fn mark_savepoint(&self) -> Result<(), Status> {
        if self.request.borrow().savepoint != SavepointState::Needed {
            return Ok(());
        }
        let name = self.session.borrow_mut().internal_savepoint();
        let savepoint = Arc::new(Statement::Savepoint(name.clone()));
        self.on_all_shards(&savepoint).await?;
        self.session.borrow_mut().savepoints.push(savepoint);
        let mut request = self.request.borrow_mut();
        request.savepoint = SavepointState::Set;
        request.savepoint_name = Some(name);
        Ok(())
    }

    /// The last stored entry goes if it is the internal savepoint's; what a revert left before it
    /// stays for the rest of the transaction, as in Vitess.
    fn drop_internal_savepoint(&self) {
        let Some(name) = self.request.borrow().savepoint_name.clone() else { return };
        let mut session = self.session.borrow_mut();
        let is_internal = |statement: &Arc<Statement>| match &**statement {
            Statement::Savepoint(other) | Statement::RollbackTo(other) => *other == name,
            _ => false,
        };
        if session.savepoints.last().is_some_and(is_internal) {
            session.savepoints.pop();
        }
    }

    /// Runs a savepoint statement on every open shard transaction, list by list.
    async fn on_all_shards(&self, statement: &Arc<Statement>) -> Result<(), Status> {
        for list in [List::Pre, List::Normal, List::Post] {
            let shards = self.session.borrow().list(list).clone();
            let runs = shards.iter().map(|shard| self.on_shard(list, shard, statement));
            let results = join_all(runs).await;
            let errors = results.into_iter().filter_map(Result::err).collect();
            if let Some(status) = tx_conn::aggregate(errors) {
                return Err(status);
            }
        }
        Ok(())
    }

    /// After VT15001 everything is rolled back, and the client must say ROLLBACK.
    async fn after_transaction_error(
        &self,
        result: Result<Outcome, Status>,
    ) -> Result<Outcome, Status> {
        if let Err(status) = &result
            && status.message.contains("VT15001")
        {
            tx_conn::rollback(&self.gate, self.process, &self.session).await;
            self.session.borrow_mut().error_until_rollback = true;
        }
        result
    }

    // ------------------------------------------------------------ nested statements

    /// Runs a statement that a vindex asks for: parsed, planned and routed like a client's, in the
    /// list given.
    pub async fn nested(
        &self,
        sql: &Rc<str>,
        binds: Arc<Binds>,
        order: Order,
        rollback_on_error: bool,
    ) -> Result<Outcome, Status> {
        if order == Order::Autocommit {
            return self.in_own_session(sql, binds).await;
        }
        if rollback_on_error {
            self.mark_savepoint().await?;
        }
        let before = std::mem::replace(&mut self.request.borrow_mut().order, order);
        let result = match self.nested_plan(sql) {
            Ok(plan) => Box::pin(self.execute_plan(&plan, &binds)).await,
            Err(status) => Err(status),
        };
        self.request.borrow_mut().order = before;
        if result.is_ok() && rollback_on_error {
            self.arm();
        }
        result
    }

    /// A vindex's statement is planned without the session's shard target.
    fn nested_plan(&self, sql: &Rc<str>) -> Result<Arc<Plan>, Status> {
        let shard = self.session.borrow_mut().target.shard.take();
        let plan = self.plan(sql);
        self.session.borrow_mut().target.shard = shard;
        plan
    }

    async fn in_own_session(&self, sql: &Rc<str>, binds: Arc<Binds>) -> Result<Outcome, Status> {
        let run = self.standalone();
        let plan = run.nested_plan(sql)?;
        Box::pin(run.execute_plan(&plan, &binds)).await
    }

    /// The same in a copy of the session without any transaction, which commits at once.
    pub fn standalone(&self) -> Run {
        let mut session = Session::new(
            Rc::clone(&self.session.borrow().name),
            self.session.borrow().target.clone(),
        );
        session.savepoint_count = self.session.borrow().savepoint_count;
        Run { session: Rc::new(RefCell::new(session)), request: Rc::default(), ..self.clone() }
    }
}

/// Whether a plan changes rows, itself or in what is below it.
fn needs_transaction(root: &Primitive) -> bool {
    let changes = match root {
        Primitive::Insert(_) | Primitive::Update(_) | Primitive::Delete(_) => true,
        Primitive::Utility(Utility::InsertQuery(_)) => true,
        Primitive::Utility(Utility::Targeted(targeted)) => targeted.send.is_dml,
        Primitive::Send(send) => send.is_dml,
        _ => false,
    };
    changes || root.inputs().into_iter().any(needs_transaction)
}

fn kind_of(statement: &Statement) -> lookup::Statement {
    match statement {
        Statement::Query(_) => lookup::Statement::Select,
        Statement::Insert(_) => lookup::Statement::Insert,
        Statement::Update(_) => lookup::Statement::Update,
        Statement::Delete(_) => lookup::Statement::Delete,
        _ => lookup::Statement::Other,
    }
}

/// `keyspace[:shard|/shard][@tablet_type]`.
pub fn parse_target(text: &str) -> Result<SessionTarget, Status> {
    let (rest, kind) = match text.split_once('@') {
        None => (text, TabletType::Primary),
        Some((_, "")) => {
            return Err(Status::new(Code::InvalidArgument, "empty tablet type after @"));
        }
        Some((rest, kind)) => {
            let known = TabletType::parse(kind).ok_or_else(|| {
                let text = format!("Invalid tablet type in target: {kind}");
                Status::new(Code::InvalidArgument, text)
            })?;
            (rest, known)
        }
    };
    let (keyspace, shard) = match rest.split_once([':', '/']) {
        Some((keyspace, shard)) => (keyspace, Some(shard.into())),
        None => (rest, None),
    };
    if keyspace.is_empty() {
        let text = "VT09005: no database selected: use keyspace<:shard><@type> or keyspace<[range]><@type> (<> are optional)";
        return Err(Status::new(Code::FailedPrecondition, text));
    }
    Ok(SessionTarget { keyspace: Some(keyspace.into()), shard, kind })
}

fn word(value: &Expr) -> String {
    match value {
        Expr::Literal(Literal::String(text)) => text.to_string(),
        Expr::Literal(Literal::Integer(digits)) => digits.to_string(),
        Expr::Column(column) => column.name.as_str().to_owned(),
        other => other.to_string(),
    }
}

fn is_on(value: &Expr) -> Result<bool, Status> {
    match word(value).to_ascii_lowercase().as_str() {
        "1" | "on" | "true" => Ok(true),
        "0" | "off" | "false" => Ok(false),
        other => {
            let text = format!(
                "Variable 'autocommit' can't be set to the value of '{other}' (errno 1231) (sqlstate 42000)"
            );
            Err(Status::new(Code::InvalidArgument, text))
        }
    }
}

pub(super) fn unsupported(what: impl std::fmt::Display) -> Status {
    Status::new(Code::Unimplemented, format!("VT12001: unsupported: {what}"))
}

/// A text that is no statement gets its number here; the others have it by their code.
fn planned(error: planner::PlanError) -> Status {
    let message = match error.message.starts_with("syntax error at position ") {
        true => format!("{} (errno 1064) (sqlstate 42000)", error.message),
        false => error.message,
    };
    Status::new(error.code, message)
}
