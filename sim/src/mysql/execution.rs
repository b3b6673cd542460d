//! A statement on its way: it runs until it must wait, and goes on when it is stepped again.
//!
//! A statement is written as straight code that pauses where MySQL's thread would sleep. The server
//! lends its engine to the statement for the length of a step; between steps nobody holds
//! anything but locks. There is no runtime: whoever drives the server decides when a paused
//! statement goes on.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::engine::Engine;
use super::error;
use super::gtid::Gtid;
use super::outcome::Outcome;
use super::session::{ConnectionId, Running, Session};
use super::statement;
use super::statement::at_once::{AtOnce, Committing};
use super::transaction::TrxId;
use crate::sql::ast::Statement;
use crate::sql_error::SqlError;
use crate::value::Binds;

/// A statement that was started and is not done.
pub struct Execution {
    connection: ConnectionId,
    work: Work,
}

enum Work {
    /// Not begun. It may turn out to need no pause.
    Fresh {
        statement: Arc<Statement>,
        binds: Arc<Binds>,
        now: jiff::Timestamp,
    },
    /// Nothing is left to do but the commit.
    Committing(Committing),
    Begun(Begun),
}

/// A statement as a future, and the desk on which it finds its engine.
struct Begun {
    future: Pin<Box<dyn Future<Output = Result<Outcome, SqlError>>>>,
    desk: Rc<RefCell<Desk>>,
}

pub enum Step {
    Done(Result<Outcome, SqlError>),
    /// Step again when [`super::server::Server::take_granted`] names the connection, or cancel when
    /// the timeout has passed.
    Wait(LockWait),
    /// Make it so (time passes), then step again.
    Sync(SyncPoint),
}

/// What a commit needs before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPoint {
    Redo,
    Binlog,
    /// A replica's acknowledgment of this transaction.
    Acknowledge(Gtid),
}

#[derive(Clone, Debug, PartialEq)]
pub struct LockWait {
    /// `corder.PRIMARY`, or `metadata lock` with the table in `record`.
    pub index: String,
    pub record: String,
    /// `X,REC`; `exclusive` and the like for a metadata lock.
    pub mode: String,
    pub holders: Vec<ConnectionId>,
    pub timeout: Duration,
    pub metadata: bool,
}

impl LockWait {
    /// `X,REC on corder.PRIMARY(5) held by connection 12`.
    pub fn describe(&self) -> String {
        let holders: Vec<String> = self.holders.iter().map(ConnectionId::to_string).collect();
        let noun = if holders.len() == 1 { "connection" } else { "connections" };
        let holders = holders.join(", ");
        format!("{} on {}({}) held by {noun} {holders}", self.mode, self.index, self.record)
    }
}

/// Why a statement is to end before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// The lock wait timeout has passed.
    Timeout,
    /// KILL QUERY.
    Killed,
}

/// Where the server leaves its engine for the statement, and the statement its reason to pause.
pub(super) struct Desk {
    engine: Option<Box<Engine>>,
    pause: Option<Pause>,
    cancel: Option<Cancel>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    Lock,
    Metadata,
    Sync(SyncPoint),
}

pub(super) enum Paused {
    Done(Result<Outcome, SqlError>),
    Paused(Pause),
}

impl Execution {
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    pub(super) fn new<F>(run: &Run, future: F) -> Execution
    where
        F: Future<Output = Result<Outcome, SqlError>> + 'static,
    {
        Execution { connection: run.connection, work: Work::Begun(Begun::new(run, future)) }
    }

    pub(super) fn fresh(
        connection: ConnectionId,
        statement: &Arc<Statement>,
        binds: &Arc<Binds>,
        now: jiff::Timestamp,
    ) -> Execution {
        let (statement, binds) = (statement.clone(), binds.clone());
        Execution { connection, work: Work::Fresh { statement, binds, now } }
    }

    pub(super) fn cancel(&mut self, cancel: Cancel) {
        self.begin();
        // A commit is not to be stopped.
        if let Work::Begun(begun) = &self.work {
            begun.desk.borrow_mut().cancel = Some(cancel);
        }
    }

    /// Runs to the next pause.
    pub(super) fn poll(&mut self, mut engine: Box<Engine>) -> (Box<Engine>, Paused) {
        if let Work::Fresh { statement, binds, now } = &self.work {
            match engine.at_once(self.connection, statement, binds, *now) {
                AtOnce::Done(result) => return (engine, Paused::Done(result)),
                AtOnce::Committing(committing) => {
                    self.note_running(&mut engine);
                    self.work = Work::Committing(committing);
                }
                AtOnce::Blocked(point) => {
                    self.note_running(&mut engine);
                    let run = Run::new(self.connection, *now, binds.clone(), None);
                    let future = statement::at_once::wait(run.clone(), statement.clone(), point);
                    self.work = Work::Begun(Begun::new(&run, future));
                }
                AtOnce::Nothing => {
                    self.note_running(&mut engine);
                    self.begin();
                }
            }
        }
        let (mut engine, paused) = self.go_on(engine);
        if matches!(paused, Paused::Done(_))
            && let Some(session) = engine.sessions.get_mut(&self.connection)
        {
            session.running = None;
        }
        (engine, paused)
    }

    fn go_on(&mut self, mut engine: Box<Engine>) -> (Box<Engine>, Paused) {
        match &mut self.work {
            Work::Committing(committing) => {
                let paused = match engine.go_on_committing(self.connection, committing) {
                    Ok(result) => Paused::Done(result),
                    Err(point) => Paused::Paused(Pause::Sync(point)),
                };
                (engine, paused)
            }
            Work::Begun(begun) => begun.poll(engine),
            Work::Fresh { .. } => unreachable!("it has just begun"),
        }
    }

    /// Others see a statement only where it does not end in its first step.
    fn note_running(&self, engine: &mut Engine) {
        if let Work::Fresh { statement, now, .. } = &self.work
            && let Some(session) = engine.sessions.get_mut(&self.connection)
        {
            let statement = Some(statement.clone());
            session.running = Some(Running { sent: None, statement, since: *now });
        }
    }

    /// A statement that was not begun is on the general path from here on.
    fn begin(&mut self) {
        if let Work::Fresh { statement, binds, now } = &self.work {
            let run = Run::new(self.connection, *now, binds.clone(), None);
            let future = statement::run::run(run.clone(), statement.clone());
            self.work = Work::Begun(Begun::new(&run, future));
        }
    }
}

impl Begun {
    fn new<F>(run: &Run, future: F) -> Begun
    where
        F: Future<Output = Result<Outcome, SqlError>> + 'static,
    {
        Begun { future: Box::pin(future), desk: run.desk.clone() }
    }

    /// Runs to the next pause, with the engine on the desk.
    fn poll(&mut self, engine: Box<Engine>) -> (Box<Engine>, Paused) {
        self.desk.borrow_mut().engine = Some(engine);
        let mut context = Context::from_waker(Waker::noop());
        let polled = self.future.as_mut().poll(&mut context);
        let mut desk = self.desk.borrow_mut();
        let engine = desk.engine.take().expect("a statement borrows the engine and keeps nothing");
        let paused = match polled {
            Poll::Ready(result) => Paused::Done(result),
            Poll::Pending => {
                Paused::Paused(desk.pause.take().expect("a statement pauses with a reason"))
            }
        };
        (engine, paused)
    }
}

/// What a statement runs with.
#[derive(Clone)]
pub(super) struct Run {
    desk: Rc<RefCell<Desk>>,
    pub connection: ConnectionId,
    pub now: jiff::Timestamp,
    pub binds: Arc<Binds>,
    /// As the client sent it, or as the tree prints: for the binlog.
    pub text: Option<Arc<str>>,
}

impl Run {
    pub fn new(
        connection: ConnectionId,
        now: jiff::Timestamp,
        binds: Arc<Binds>,
        text: Option<Arc<str>>,
    ) -> Run {
        let desk = Desk { engine: None, pause: None, cancel: None };
        Run { desk: Rc::new(RefCell::new(desk)), connection, now, binds, text }
    }

    /// The same statement's run of another text: EXECUTE.
    pub fn with(&self, binds: Arc<Binds>, text: Arc<str>) -> Run {
        Run { binds, text: Some(text), ..self.clone() }
    }

    /// One uninterruptible piece of work.
    pub fn engine<T>(&self, work: impl FnOnce(&mut Engine) -> T) -> T {
        let mut desk = self.desk.borrow_mut();
        work(desk.engine.as_mut().expect("the server lends its engine for every step"))
    }

    pub fn session<T>(&self, work: impl FnOnce(&mut Session) -> T) -> Result<T, SqlError> {
        let connection = self.connection;
        self.engine(|engine| engine.sessions.get_mut(&connection).map(work))
            .ok_or_else(error::interrupted)
    }

    /// Works on the session if the server lends its engine: it does not to a statement that is
    /// dropped while it waits.
    pub fn session_if_lent(&self, work: impl FnOnce(&mut Session)) {
        if let Ok(mut desk) = self.desk.try_borrow_mut()
            && let Some(engine) = &mut desk.engine
            && let Some(session) = engine.sessions.get_mut(&self.connection)
        {
            work(session);
        }
    }

    /// Sleeps until the row lock that was asked for is granted, or is to be asked for again.
    pub async fn wait_for_lock(&self, trx: TrxId) -> Result<(), SqlError> {
        loop {
            let state = self.engine(|engine| match engine.transactions.get(&trx) {
                None => Err(error::interrupted()),
                Some(transaction) if transaction.doomed => Err(error::deadlock()),
                Some(_) => Ok(engine.locks.is_waiting(trx)),
            });
            if !state? {
                return Ok(());
            }
            if let Some(cancel) = self.pause(Pause::Lock).await {
                self.engine(|engine| engine.locks.cancel_wait(trx));
                return Err(cancel.error());
            }
        }
    }

    pub async fn wait_for_metadata(&self) -> Result<(), SqlError> {
        let connection = self.connection;
        loop {
            if self.session(|session| std::mem::take(&mut session.metadata_victim))? {
                return Err(error::deadlock());
            }
            if !self.engine(|engine| engine.metadata.is_waiting(connection)) {
                return Ok(());
            }
            if let Some(cancel) = self.pause(Pause::Metadata).await {
                self.engine(|engine| engine.metadata.cancel_wait(connection));
                return Err(cancel.error());
            }
        }
    }

    /// Sleeps until a user-level lock is granted; false when the time is over.
    pub async fn wait_for_user_lock(&self) -> Result<bool, SqlError> {
        match self.wait_for_metadata().await {
            Ok(()) => Ok(true),
            Err(error) if error == Cancel::Timeout.error() => Ok(false),
            Err(error) if error == error::deadlock() => Err(error::user_lock_deadlock()),
            Err(error) => Err(error),
        }
    }

    /// A commit is not to be stopped any more: it is in the logs.
    pub async fn sync(&self, point: SyncPoint) {
        let _ = self.pause(Pause::Sync(point)).await;
    }

    async fn pause(&self, reason: Pause) -> Option<Cancel> {
        let mut paused = false;
        poll_fn(|_| {
            let mut desk = self.desk.borrow_mut();
            if std::mem::replace(&mut paused, true) {
                return Poll::Ready(desk.cancel.take());
            }
            desk.pause = Some(reason);
            Poll::Pending
        })
        .await
    }
}

impl Cancel {
    fn error(self) -> SqlError {
        match self {
            Cancel::Timeout => error::lock_wait_timeout(),
            Cancel::Killed => error::interrupted(),
        }
    }
}
