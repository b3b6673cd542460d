//! A statement on several shards.
//!
//! All shards run at once. Which list a shard's transaction belongs to is the request's current
//! commit order; a shard that is not in the list yet begins a transaction there, with the session's
//! savepoints replayed behind its BEGIN. Answers come in the order of their arrival. See
//! `go/vt/vtgate/scatter_conn.go`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::Statement;
use sim::value::Binds;
use sim::wait::join_all;

use super::executor::Run;
use super::session::{AutocommitState, Order, ShardSession, TransactionMode};
use super::tx_conn;
use crate::history::{self, Event, List, Sent};
use crate::key::Code;
use crate::mutant::{self, Mutant};
use crate::rpc::{Execute, Executed, Reserved, Status, Target};
use crate::topo::Alias;

/// One shard's part: its name, statement and bind variables.
pub type ShardCall = (Rc<str>, Arc<Statement>, Arc<Binds>);

/// What a statement on shards does, and how it may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    Read,
    /// What it has changed is undone if a later part of the client's statement fails.
    Change,
    /// The same; where it is the whole transaction and one shard's, that shard does without one.
    LastChange,
    /// The same for each shard by itself, however many: nothing of it can be undone then.
    ChangeEach,
}

impl Sending {
    /// What the directive MULTI_SHARD_AUTOCOMMIT makes of a change.
    pub fn change(multi_shard_autocommit: bool) -> Sending {
        match multi_shard_autocommit {
            true => Sending::ChangeEach,
            false => Sending::LastChange,
        }
    }
}

impl Run {
    /// Runs a statement on each shard given and adds the answers up.
    pub async fn on_shards(
        &self,
        keyspace: &str,
        mut calls: Vec<ShardCall>,
        sending: Sending,
    ) -> Result<Outcome, Status> {
        let rollback_on_error = sending != Sending::Read;
        if rollback_on_error && 1 < calls.len() {
            self.mark_savepoint().await?;
        }
        if mutant::is(Mutant::StrayShard) {
            self.add_stray(keyspace, &mut calls);
        }
        if mutant::is(Mutant::ForgottenShard) && 1 < calls.len() {
            calls.pop();
        }
        self.beat();
        self.log.sends(calls.len());
        let may_autocommit = match sending {
            Sending::Read | Sending::Change => false,
            Sending::LastChange => calls.len() == 1 || mutant::is(Mutant::ManyShardsAutocommit),
            Sending::ChangeEach => true,
        };
        let autocommit = may_autocommit && self.approve_autocommit();
        let arrived: RefCell<Vec<Outcome>> = RefCell::default();
        let failed: RefCell<Vec<Status>> = RefCell::default();
        let runs = calls.into_iter().map(|call| async {
            match self.on_one_shard(keyspace, call, autocommit).await {
                Ok(outcome) => arrived.borrow_mut().push(outcome),
                Err(status) => failed.borrow_mut().push(status),
            }
        });
        join_all(runs).await;
        let arrived = arrived.into_inner();
        if rollback_on_error && !arrived.is_empty() && !mutant::is(Mutant::PartOfShardsNotArmed) {
            self.arm();
        }
        let failed = failed.into_inner();
        self.roll_back_if_must(&failed).await;
        if let Some(status) = tx_conn::aggregate(failed) {
            return Err(status);
        }
        Ok(add_up(arrived))
    }

    /// The first shard that is not meant gets what the last one gets.
    fn add_stray(&self, keyspace: &str, calls: &mut Vec<ShardCall>) {
        let shards = self.snapshot.shards(keyspace).unwrap_or_default();
        let is_meant = |name: &str| calls.iter().any(|(shard, ..)| **shard == *name);
        let stray = shards.into_iter().find(|shard| !is_meant(&shard.name));
        if let (Some(stray), Some((_, statement, binds))) = (stray, calls.last().cloned()) {
            calls.push((stray.name.as_str().into(), statement, binds));
        }
    }

    /// Given once: a request that has it ends with this call.
    fn approve_autocommit(&self) -> bool {
        let mut request = self.request.borrow_mut();
        let approved = request.autocommit == AutocommitState::Possible;
        if approved {
            request.autocommit = AutocommitState::Approved;
        }
        approved
    }

    async fn on_one_shard(
        &self,
        keyspace: &str,
        (shard, statement, binds): ShardCall,
        autocommit: bool,
    ) -> Result<Outcome, Status> {
        let target =
            Target { keyspace: keyspace.into(), shard, kind: self.session.borrow().target.kind };
        let Order::In(list) = self.request.borrow().order else {
            return Err(Status::new(
                Code::Internal,
                "VT13001: [BUG] autocommit in a shared session",
            ));
        };
        let in_transaction = self.session.borrow().in_transaction;
        let open = self.session.borrow().find(list, &target).cloned();
        let begin = in_transaction && open.is_none() && !autocommit;
        let savepoints = begin.then(|| match mutant::is(Mutant::LateShardWithoutSavepoints) {
            true => Vec::new(),
            false => self.session.borrow().savepoints.clone(),
        });
        let tag = self.tag(list);
        let setting = self.session.borrow().setting.clone();
        let pinned = self.session.borrow().target.alias.clone();
        let plan = self.request.borrow().plan;
        let is_of_query = self.kind == crate::vindex::lookup::Statement::Select;
        let (options, limit) = self.limits.left(self.process, is_of_query)?;
        let execute = || Execute {
            target: target.clone(),
            statement: Arc::clone(&statement),
            binds: Arc::clone(&binds),
            transaction: open.as_ref().map(|shard| shard.transaction),
            begin: savepoints.clone(),
            reserved: Reserved::No,
            setting: setting.clone(),
            options,
            tag: Rc::clone(&tag),
            plan,
        };
        let (gate, process) = (&self.gate, self.process);
        self.tell_send(list, &target, &statement);
        let executed = match open.as_ref().map(|shard| &shard.alias).or(pinned.as_ref()) {
            Some(alias) => {
                gate.gateway.execute_on(process, &gate.addresses, alias, limit, execute()).await
            }
            None => gate.gateway.execute(process, &gate.addresses, &target, limit, execute).await,
        };
        self.log.sent(&target, &statement, &binds, begin);
        let appended = self.append(list, &target, &open, &executed);
        self.tell_answer(list, &target);
        if open.is_some() && matches!(&executed.result, Err(status) if status.has_no_answer()) {
            let (session, shard) = (Rc::clone(&self.session.borrow().name), shard_name(&target));
            history::emit(Event::AnswerLost { session, list, shard });
        }
        let result = executed.result.map_err(|status| {
            let status = status.wrap(format!("target: {target}"));
            if in_transaction && !autocommit { transaction_error(status) } else { status }
        });
        appended?;
        result
    }

    fn tell_send(&self, list: List, target: &Target, statement: &Statement) {
        let what = match statement {
            Statement::Savepoint(_) => Sent::Savepoint,
            _ => Sent::Statement,
        };
        let session = Rc::clone(&self.session.borrow().name);
        history::emit(Event::ShardSend { session, list, shard: shard_name(target), what });
    }

    fn tell_answer(&self, list: List, target: &Target) {
        let session = Rc::clone(&self.session.borrow().name);
        history::emit(Event::ShardAnswer { session, list, shard: shard_name(target) });
    }

    /// Whose statement this is, for the judge and the lock report: a session's list, or the bare
    /// session where it goes to a shard by name and no vindex is told.
    fn tag(&self, list: List) -> Rc<str> {
        let session = self.session.borrow();
        match session.target.shard {
            Some(_) => Rc::clone(&session.name),
            None => format!("{} {list}", session.name).into(),
        }
    }

    /// A transaction that was opened joins its list, also when the statement failed: so that a
    /// rollback reaches it.
    fn append(
        &self,
        list: List,
        target: &Target,
        open: &Option<ShardSession>,
        executed: &Executed,
    ) -> Result<(), Status> {
        if executed.result.is_err() && mutant::is(Mutant::FailedBeginForgotten) {
            return Ok(());
        }
        let is_read = self.request.borrow().exec_read_query;
        let mut session = self.session.borrow_mut();
        if let Some(transaction) = executed.transaction
            && open.is_none()
        {
            history::emit(Event::ShardBegin {
                session: Rc::clone(&session.name),
                list,
                shard: format!("{}/{}", target.keyspace, target.shard).into(),
                transaction,
            });
            session.list_mut(list).push(ShardSession {
                target: target.clone(),
                alias: executed.alias.clone(),
                transaction,
                read_only: is_read,
            });
            self.request.borrow_mut().autocommit = AutocommitState::Not;
        } else if !is_read {
            let shards = session.list_mut(list).iter_mut();
            shards.filter(|shard| shard.target == *target).for_each(|s| s.read_only = false);
        }
        let writers = session.normal.iter().filter(|shard| !shard.read_only).count();
        let is_single = session.mode == TransactionMode::Single;
        if is_single && 1 < writers && !mutant::is(Mutant::SingleUnchecked) {
            self.request.borrow_mut().must_rollback = true;
            let shards: Vec<String> = session
                .normal
                .iter()
                .map(|s| {
                    format!(
                        "target:{{keyspace:\"{}\" shard:\"{}\" tablet_type:{}}} transaction_id:{} tablet_alias:{{cell:\"{}\" uid:{}}}",
                        s.target.keyspace,
                        s.target.shard,
                        s.target.kind.name().to_ascii_uppercase(),
                        s.transaction,
                        s.alias.cell,
                        s.alias.uid
                    )
                })
                .collect();
            let text = format!("multi-db transaction attempted: [{}]", shards.join(" "));
            return Err(Status::new(Code::Aborted, text));
        }
        Ok(())
    }

    /// MySQL, or a tablet, has ended one shard's transaction: the others must not go on alone.
    pub(super) async fn roll_back_if_must(&self, failed: &[Status]) {
        let ends = |status: &Status| matches!(status.code, Code::Aborted | Code::ResourceExhausted);
        let ended = failed.iter().any(ends) && !mutant::is(Mutant::AbortedShardIsAlone);
        let must = self.request.borrow().must_rollback || ended;
        if must && self.session.borrow().in_transaction {
            let _ = tx_conn::rollback(&self.gate, self.process, &self.session).await;
        }
    }

    /// Runs a statement in an open shard transaction.
    pub async fn on_shard(
        &self,
        list: List,
        shard: &ShardSession,
        statement: &Arc<Statement>,
    ) -> Result<(), Status> {
        let (options, limit) = self.limits.left(self.process, false)?;
        let execute = Execute {
            target: shard.target.clone(),
            statement: Arc::clone(statement),
            binds: Arc::default(),
            transaction: Some(shard.transaction),
            begin: None,
            reserved: Reserved::No,
            setting: None,
            options,
            tag: self.tag(list),
            plan: 0,
        };
        let (gate, process) = (&self.gate, self.process);
        self.tell_send(list, &shard.target, statement);
        let executed =
            gate.gateway.execute_on(process, &gate.addresses, &shard.alias, limit, execute).await;
        self.log.sent(&shard.target, statement, &Arc::default(), false);
        self.tell_answer(list, &shard.target);
        let wrap =
            |status: Status| transaction_error(status.wrap(format!("target: {}", shard.target)));
        executed.result.map(|_| ()).map_err(wrap)
    }

    /// Runs a statement outside of the session's transaction and settings: on this tablet, or on
    /// any that serves the target.
    pub(super) async fn on_shard_alone(
        &self,
        target: &Target,
        tablet: Option<&Alias>,
        statement: Arc<Statement>,
        binds: Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let (gate, process) = (&self.gate, self.process);
        let plan = self.request.borrow().plan;
        let tag = self.tag(List::Normal);
        let (options, limit) = self.limits.left(process, true)?;
        let execute = || Execute {
            target: target.clone(),
            statement: Arc::clone(&statement),
            binds: Arc::clone(&binds),
            transaction: None,
            begin: None,
            reserved: Reserved::No,
            setting: None,
            options,
            tag: Rc::clone(&tag),
            plan,
        };
        let executed = match tablet {
            Some(alias) => {
                gate.gateway.execute_on(process, &gate.addresses, alias, limit, execute()).await
            }
            None => gate.gateway.execute(process, &gate.addresses, target, limit, execute).await,
        };
        executed.result.map_err(|status| status.wrap(format!("target: {target}")))
    }
}

fn shard_name(target: &Target) -> Rc<str> {
    format!("{}/{}", target.keyspace, target.shard).into()
}

/// Errors after which a transaction cannot go on say so.
fn transaction_error(status: Status) -> Status {
    let text = &status.message;
    let ends = match status.code {
        Code::Unavailable => text.contains("connection refused"),
        Code::FailedPrecondition => text.contains("wrong tablet type"),
        Code::ClusterEvent => {
            text.contains("operation not allowed in state NOT_SERVING")
                || text.contains("operation not allowed in state SHUTTING_DOWN")
        }
        _ => false,
    };
    match ends && !mutant::is(Mutant::LateTransactionNotSeen) {
        true => status.wrap("VT15001: transaction error, issue ROLLBACK and retry the transaction"),
        false => status,
    }
}

/// Rows in the order of arrival, counts added.
fn add_up(arrived: Vec<Outcome>) -> Outcome {
    let mut outcomes = arrived.into_iter();
    let Some(mut total) = outcomes.next() else { return Outcome::default() };
    for outcome in outcomes {
        if total.columns.is_empty() {
            total.columns = outcome.columns;
        }
        total.rows.extend(outcome.rows);
        if !mutant::is(Mutant::OneShardCounts) {
            total.affected += outcome.affected;
        }
        total.matched += outcome.matched;
        if total.last_insert_id == 0 {
            total.last_insert_id = outcome.last_insert_id;
        }
    }
    total
}
