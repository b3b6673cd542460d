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
use sim::sql::ast::{Ident, Query, Statement, TableExpr};
use sim::sql_error::SqlError;
use sim::value::Binds;
use sim::wait::join_all;
use sim::world::Process;

use super::limits::Limits;
use super::plan_cache::Planned;
use super::session::{AutocommitState, Order, RequestState, SavepointState, Session, Undo};
use super::vexplain::Log;
use super::{Gate, Snapshot, errors, prepared, sends, target, tx_conn};
use crate::history::{self, Event, List, PlanBegun, PlannedSend};
use crate::key::Code;
use crate::mutant::{self, Mutant};
use crate::planner;
use crate::planner::node::Node;
use crate::planner::normalize::is_system_schema;
use crate::planner::primitive::{Plan, Primitive, QueryType};
use crate::planner::statement::{self, Outer};
use crate::planner::utility::Utility;
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
    /// What VEXPLAIN tells.
    pub log: Rc<Log>,
    pub limits: Limits,
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
        log: Rc::default(),
        limits: Limits::default(),
    };
    let request = Rc::clone(&run.request);
    let result = run.client_statement(sql).await;
    let mut result = result.map_err(|status| errors::client_error(&status));
    let mut session = session.borrow_mut();
    match &mut result {
        Ok(outcome) => {
            if outcome.last_insert_id != 0 {
                session.last_insert_id = outcome.last_insert_id;
            }
            if !outcome.columns.is_empty() {
                let found = request.borrow().found_rows;
                session.found_rows = found.unwrap_or(outcome.rows.len() as u64);
            } else if session.is_on("client_found_rows", false) {
                outcome.affected = outcome.affected.max(outcome.matched);
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
        let outer = statement::parse_once(sql).map_err(|error| {
            self.session.borrow_mut().warnings.clear();
            planned(error)
        })?;
        let is_rollback = match &outer {
            Outer::Sql(Statement::Commit) => mutant::is(Mutant::CommitPassesFence),
            outer => matches!(outer, Outer::Sql(Statement::Rollback)),
        };
        if self.session.borrow().error_until_rollback && !is_rollback {
            let text =
                "VT09032: previous transaction failed. Issue a ROLLBACK to resolve the failure.";
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        if !matches!(outer, Outer::Sql(Statement::Show(_)) | Outer::ShowVitess(_)) {
            self.session.borrow_mut().warnings.clear();
        }
        self.kind = self.kind_of_outer(&outer);
        let timeout = planner::directive::query_timeout(&outer);
        self.limits = Limits::of(&self.session.borrow(), timeout, self.process.now());
        self.begin_if_autocommit_is_off(&outer);
        if let Outer::Sql(statement) = &outer
            && let Some(done) = self.session_statement(statement).await
        {
            return done;
        }
        if let Outer::ExplainVitess(text) = &outer {
            return self.explain_vitess(text);
        }
        let kept = prepared::kept_by(&outer);
        let Planned { plan, binds } = self.plan_outer(outer, sql)?;
        if let Some(kept) = kept {
            return self.keep_prepared(kept).map(|()| Outcome::default());
        }
        let result = self.execute_plan(&plan, &binds).await;
        self.drop_internal_savepoint();
        self.after_transaction_error(result).await
    }

    /// The kind of a statement, or of that which it runs.
    fn kind_of_outer(&self, outer: &Outer) -> lookup::Statement {
        let of_text = |text: &str| match statement::parse(text) {
            Ok(Outer::Sql(statement)) => kind_of(&statement),
            _ => lookup::Statement::Other,
        };
        match outer {
            Outer::Sql(Statement::Execute { name, .. }) => {
                let session = self.session.borrow();
                let known = session.prepared.get(&name.as_str().to_ascii_lowercase());
                known.map_or(lookup::Statement::Other, |(text, _)| of_text(text))
            }
            Outer::Sql(statement) => kind_of(statement),
            Outer::VExplain(explain) => of_text(&explain.statement),
            _ => lookup::Statement::Other,
        }
    }

    // ------------------------------------------------------------ statements of the session

    async fn session_statement(&self, statement: &Statement) -> Option<Result<Outcome, Status>> {
        let done = |()| Outcome::default();
        Some(match statement {
            Statement::Begin(_) => self.begin().await.map(done),
            Statement::Commit => self.commit().await.map(done),
            Statement::Rollback => self.rollback().await.map(done),
            Statement::Savepoint(_) | Statement::RollbackTo(_) | Statement::Release(_) => {
                self.client_savepoint(statement).await.map(done)
            }
            Statement::Use(target) => {
                let text = target.as_ref().map_or("", Ident::as_str);
                self.use_target(text).map(done)
            }
            // Allowed by a flag, which is off.
            Statement::Kill { .. } => {
                let text = "VT07001: kill statement execution not permitted.";
                Err(Status::new(Code::PermissionDenied, text))
            }
            _ => return None,
        })
    }

    async fn begin(&self) -> Result<(), Status> {
        if self.session.borrow().in_transaction && !mutant::is(Mutant::BeginKeepsTransaction) {
            self.commit().await?;
        }
        self.session.borrow_mut().in_transaction = true;
        Ok(())
    }

    pub(super) async fn commit(&self) -> Result<(), Status> {
        if !self.session.borrow().in_transaction {
            return Ok(());
        }
        tx_conn::commit(&self.gate, self.process, &self.session).await
    }

    async fn rollback(&self) -> Result<(), Status> {
        self.session.borrow_mut().error_until_rollback = false;
        tx_conn::rollback(&self.gate, self.process, &self.session).await
    }

    async fn client_savepoint(&self, statement: &Statement) -> Result<(), Status> {
        if !self.session.borrow().in_transaction {
            return match statement {
                Statement::Savepoint(_) => Ok(()),
                other => {
                    Err(Status::new(Code::NotFound, format!("SAVEPOINT does not exist: {other}")))
                }
            };
        }
        let statement = Arc::new(statement.clone());
        self.on_all_shards(&statement).await?;
        self.session.borrow_mut().savepoints.push(statement);
        Ok(())
    }

    fn use_target(&self, text: &str) -> Result<(), Status> {
        let target = target::parse(text)?;
        if let Some(keyspace) = &target.keyspace
            && !is_system_schema(keyspace)
            && !self.snapshot.vschema.keyspaces.contains_key(&**keyspace)
        {
            let text = format!("VT05003: unknown database '{keyspace}' in vschema");
            return Err(Status::new(Code::NotFound, text));
        }
        let mut session = self.session.borrow_mut();
        if session.in_transaction && target.alias.is_some() {
            let text = "cannot set tablet target while in a transaction";
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        if session.in_transaction && target.kind != TabletType::Primary {
            let text = "can't execute the given command because you have an active transaction";
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        session.target = target;
        Ok(())
    }

    fn begin_if_autocommit_is_off(&self, outer: &Outer) {
        let begins = match outer {
            Outer::Sql(statement) => begins(statement),
            Outer::VExplain(_) | Outer::VExplainPlan(_) => true,
            _ => false,
        };
        let mut session = self.session.borrow_mut();
        if !session.autocommit && begins {
            session.in_transaction = true;
        }
    }

    // ------------------------------------------------------------ plans

    /// Runs a plan, in a transaction of its own if it changes data outside of one.
    pub async fn execute_plan(&self, plan: &Plan, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let Some(root) = &plan.root else { return Ok(Outcome::default()) };
        self.request.borrow_mut().exec_read_query = plan.query_type == QueryType::Select;
        let binds = &self.with_session_values(&plan.variables, binds);
        if !needs_transaction(Node::of(root)) {
            return self.primitive_or_undo(plan, root, binds).await;
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
        let result = self.primitive_or_undo(plan, root, binds).await;
        if !must_commit {
            return result;
        }
        match result {
            Ok(outcome) => {
                if self.session.borrow().in_transaction {
                    let open = self.session.borrow().all();
                    tx_conn::commit(&self.gate, self.process, &self.session).await?;
                    self.log.committed(&open);
                }
                Ok(outcome)
            }
            Err(status) => {
                let stays = mutant::is(Mutant::FailedAutocommitStaysOpen);
                if self.session.borrow().in_transaction && !stays {
                    let _ = tx_conn::rollback(&self.gate, self.process, &self.session).await;
                }
                Err(status)
            }
        }
    }

    async fn primitive_or_undo(
        &self,
        plan: &Plan,
        root: &Primitive,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let result =
            self.told(|| sends::of(root), &plan.original, binds, self.primitive(root, binds));
        match result.await {
            Ok(mut outcome) => {
                call(&mut outcome, &plan.aliases);
                Ok(outcome)
            }
            Err(status) => Err(self.undo(status).await),
        }
    }

    /// Runs what a plan says, and tells the history of it.
    pub(super) async fn told(
        &self,
        sends: impl FnOnce() -> Vec<PlannedSend>,
        sql: &str,
        binds: &Arc<Binds>,
        run: impl Future<Output = Result<Outcome, Status>>,
    ) -> Result<Outcome, Status> {
        let plan = history::next_plan();
        let parent = std::mem::replace(&mut self.request.borrow_mut().plan, plan);
        history::emit(Event::Plan(Rc::new(PlanBegun {
            plan,
            parent,
            session: Rc::clone(&self.session.borrow().name),
            sql: sql.into(),
            vschema_version: self.snapshot.version,
            sends: sends(),
            binds: Arc::clone(binds),
        })));
        let result = run.await;
        history::emit(Event::PlanEnded { plan, ok: result.is_ok() });
        self.request.borrow_mut().plan = parent;
        result
    }

    /// Parts of the statement succeeded and it failed: they must go.
    async fn undo(&self, status: Status) -> Status {
        if !self.session.borrow().in_transaction || mutant::is(Mutant::NoUndo) {
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
                        let session = Rc::clone(&self.session.borrow().name);
                        history::emit(Event::Reverted { session });
                        return status.wrap("reverted partial DML execution failure");
                    }
                    Err(failed) => Some(failed),
                }
            }
            Undo::RollbackTransaction => None,
        };
        self.request.borrow_mut().undo = Undo::Done;
        let _ = tx_conn::rollback(&self.gate, self.process, &self.session).await;
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
        request.exec_read_query = false;
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
    pub(super) async fn on_all_shards(&self, statement: &Arc<Statement>) -> Result<(), Status> {
        for list in [List::Pre, List::Normal, List::Post] {
            let skips = match list {
                List::Pre => mutant::is(Mutant::SavepointsSkipPre),
                List::Post => mutant::is(Mutant::SavepointsSkipPost),
                List::Normal => false,
            };
            if skips {
                continue;
            }
            let shards = self.session.borrow().list(list).clone();
            let runs = shards.iter().map(|shard| self.on_shard(list, shard, statement));
            let results = join_all(runs).await;
            let errors: Vec<Status> = results.into_iter().filter_map(Result::err).collect();
            self.roll_back_if_must(&errors).await;
            if let Some(status) = tx_conn::aggregate(errors) {
                if matches!(&**statement, Statement::RollbackTo(_)) {
                    let session = Rc::clone(&self.session.borrow().name);
                    history::emit(Event::RevertFailed { session });
                }
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
            if !mutant::is(Mutant::DeadTransactionStaysOpen) {
                let _ = tx_conn::rollback(&self.gate, self.process, &self.session).await;
            }
            let is_fenced = !mutant::is(Mutant::DeadTransactionUnfenced);
            self.session.borrow_mut().error_until_rollback = is_fenced;
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
        if rollback_on_error && !mutant::is(Mutant::NoNestedSavepoint) {
            self.mark_savepoint().await?;
        }
        // Like a client's, it forgets what was warned of before.
        self.session.borrow_mut().warnings.clear();
        let before = std::mem::replace(&mut self.request.borrow_mut().order, order);
        let result = match self.plan_nested(sql) {
            Ok(plan) => Box::pin(self.execute_plan(&plan, &binds)).await,
            Err(status) => Err(status),
        };
        if !mutant::is(Mutant::OrderSticks) {
            self.request.borrow_mut().order = before;
        }
        if result.is_ok() && rollback_on_error {
            self.arm();
        }
        result
    }

    async fn in_own_session(&self, sql: &Rc<str>, binds: Arc<Binds>) -> Result<Outcome, Status> {
        let run = self.standalone();
        let plan = run.plan_nested(sql)?;
        Box::pin(run.execute_plan(&plan, &binds)).await
    }

    /// The same in a copy of the session without any transaction, which commits at once.
    pub fn standalone(&self) -> Run {
        let session = self.session.borrow().standalone();
        let plan = self.request.borrow().plan;
        let request = RequestState { plan, ..RequestState::default() };
        Run {
            session: Rc::new(RefCell::new(session)),
            request: Rc::new(RefCell::new(request)),
            ..self.clone()
        }
    }
}

/// Whether a plan changes rows, itself or in what is below it.
/// Names that the client gives columns.
fn call(outcome: &mut Outcome, aliases: &[(usize, Arc<str>)]) {
    for (at, name) in aliases {
        let given = outcome.columns.get(*at);
        if given.is_some_and(|column| column.name != *name)
            && let Some(column) = Arc::make_mut(&mut outcome.columns).get_mut(*at)
        {
            column.name = Arc::clone(name);
        }
    }
}

fn needs_transaction(node: Node<'_>) -> bool {
    let changes = match node {
        Node::Primitive(Primitive::Insert(_) | Primitive::Update(_) | Primitive::Delete(_)) => true,
        Node::Primitive(Primitive::Utility(Utility::InsertQuery(_))) => true,
        Node::Primitive(Primitive::Utility(Utility::Targeted(targeted))) => targeted.send.is_dml,
        Node::Primitive(Primitive::Send(send)) => send.is_dml,
        _ => false,
    };
    changes || node.inputs().into_iter().any(needs_transaction)
}

/// Whether a statement begins a transaction where autocommit is off: not one that only asks the
/// session or the server.
fn begins(statement: &Statement) -> bool {
    match statement {
        Statement::Show(_)
        | Statement::Describe { .. }
        | Statement::Set(_)
        | Statement::Use(_)
        | Statement::Begin(_)
        | Statement::Commit
        | Statement::Rollback
        | Statement::RollbackTo(_)
        | Statement::Release(_)
        | Statement::Kill { .. }
        | Statement::Prepare { .. }
        | Statement::Deallocate { .. } => false,
        Statement::Query(Query::Select(select)) => select.from.iter().any(|from| match from {
            TableExpr::Table(table) => !table.name.name.is("dual"),
            _ => true,
        }),
        _ => true,
    }
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

pub(super) fn unsupported(what: impl std::fmt::Display) -> Status {
    Status::new(Code::Unimplemented, format!("VT12001: unsupported: {what}"))
}

pub(super) fn planned(error: planner::PlanError) -> Status {
    Status::new(error.code, error.message)
}
