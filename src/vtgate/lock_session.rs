//! The connection of a session's user-level locks.
//!
//! ```text
//!   get_lock('x', 5)       reserves a connection, if the session has none for its locks
//!   is_free_lock('x') ..   run on it; where there is none, on any connection
//!   release_lock('x')      runs on it, and closes it if vtgate has seen no other lock taken
//!   release_all_locks()    runs on it, and closes it
//! ```
//!
//! COMMIT and ROLLBACK leave it alone; the end of the session closes it. A tablet ends it when it
//! was not used for as long as a transaction may last, so that every other statement of the session
//! uses it too, at most once in five seconds. When it is lost the locks are, and the next lock
//! function says so. See `ScatterConn.ExecuteLock`.
//!
//! It knows nothing of locks' names.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::Statement;
use sim::value::Binds;
use sim::world::Process;

use super::executor::Run;
use super::gateway::{self, CALL_TIMEOUT};
use super::session::{LockSession, Session};
use super::{Gate, errors, sends};
use crate::key::Code;
use crate::rpc::{Execute, Release, Reserved, Status, Target};
use crate::topo::Alias;

/// `--lock-heartbeat-time`.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Whether a statement needs the session's own connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Connection,
    /// It runs on it if there is one.
    Nothing,
}

impl Run {
    /// Runs a statement on the lock session's connection.
    pub(super) async fn execute_lock(
        &self,
        target: &Target,
        statement: &Arc<Statement>,
        binds: &Arc<Binds>,
        needs: Needs,
    ) -> Result<Outcome, Status> {
        let open = self.session.borrow().lock.clone();
        if let Some(open) = open.as_ref().filter(|open| open.target != *target) {
            let text = format!(
                "Any previous held locks are released: target does match the existing lock session target: ({}, {})",
                shown(target),
                shown(&open.target)
            );
            let _ = release(&self.gate, self.process, &self.session).await;
            return Err(Status::new(Code::NotFound, text));
        }
        let reserved = match (&open, needs) {
            (Some(open), _) => Reserved::Id(open.reserved),
            (None, Needs::Connection) => Reserved::New,
            (None, Needs::Nothing) => Reserved::No,
        };
        let (options, limit) = self.limits.left(self.process, false)?;
        let setting = self.session.borrow().setting.clone();
        let pinned: Option<Alias> = open
            .as_ref()
            .map(|open| open.alias.clone())
            .or_else(|| self.session.borrow().target.alias.clone());
        let execute = || Execute {
            target: target.clone(),
            statement: Arc::clone(statement),
            binds: Arc::clone(binds),
            transaction: None,
            begin: None,
            reserved,
            setting: setting.clone(),
            options,
            tag: tag(&self.session),
            plan: self.request.borrow().plan,
        };
        let (gate, process) = (&self.gate, self.process);
        let executed = match &pinned {
            Some(alias) => {
                gate.gateway.execute_on(process, &gate.addresses, alias, limit, execute()).await
            }
            None => gate.gateway.execute(process, &gate.addresses, target, limit, execute).await,
        };
        let mut session = self.session.borrow_mut();
        let heartbeat = process.now();
        if let (Reserved::New, Some(reserved)) = (reserved, executed.reserved) {
            let (target, alias) = (target.clone(), executed.alias);
            session.lock = Some(LockSession { target, alias, reserved, heartbeat });
        } else if let Some(lock) = &mut session.lock {
            lock.heartbeat = heartbeat;
        }
        executed.result.map_err(|status| {
            let status = status.wrap(format!("target: {target}"));
            match open.is_some() && errors::was_connection_closed(&status) {
                true => {
                    session.reset_lock();
                    status.wrap("held locks released")
                }
                false => status,
            }
        })
    }

    /// Uses the connection if it was not used lately, beside what the session is doing.
    pub(super) fn beat(&self) {
        let Some(lock) = self.session.borrow().lock.clone() else { return };
        let seconds = self.process.now().as_second() - lock.heartbeat.as_second();
        if seconds < HEARTBEAT.as_secs() as i64 {
            return;
        }
        let (mut run, session) = (self.standalone(), Rc::clone(&self.session));
        self.process.spawn_background("lock heartbeat", move |process| async move {
            run.process = process;
            run.session = session;
            run.send_heartbeat(&lock.target).await;
        });
    }

    async fn send_heartbeat(&self, target: &Target) {
        let sql = "select 1 from dual";
        let Ok(statement) = sim::sql::parse(sql) else { return };
        let (statement, binds) = (Arc::new(statement), Arc::default());
        let shard: Rc<str> = format!("Shard({})", target.shard).into();
        let sends = || vec![sends::to(&target.keyspace, &statement, shard)];
        let run = self.execute_lock(target, &statement, &binds, Needs::Nothing);
        if let Err(status) = self.told(sends, sql, &binds, run).await {
            let text = "Locking heartbeat failed, held locks might be released";
            self.process.note(format!("{text}: {status}"));
        }
    }
}

/// Closes the connection, if there is one.
pub async fn release(
    gate: &Gate,
    process: Process,
    session: &RefCell<Session>,
) -> Result<(), Status> {
    let Some(lock) = session.borrow().lock.clone() else { return Ok(()) };
    let tag = tag(session);
    let release = Release { target: lock.target.clone(), reserved: lock.reserved, tag };
    let answer =
        gateway::call_within(process, &gate.addresses, &lock.alias, CALL_TIMEOUT, release).await;
    session.borrow_mut().reset_lock();
    answer
        .and_then(|result| result)
        .map_err(|status| status.wrap(format!("target: {}", lock.target)))
}

fn tag(session: &RefCell<Session>) -> Rc<str> {
    format!("{} lock", session.borrow().name).into()
}

/// As a message prints.
fn shown(target: &Target) -> String {
    format!(
        "keyspace:\"{}\" shard:\"{}\" tablet_type:{}",
        target.keyspace,
        target.shard,
        target.kind.name().to_ascii_uppercase()
    )
}
