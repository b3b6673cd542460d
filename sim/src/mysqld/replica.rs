//! The replica's side: the IO thread receives, the applier applies.
//!
//! What is received goes to the relay log, and is acknowledged from there where semi-sync asks for
//! it. The applier takes transactions in order, each as long after its commit as the delay says. It
//! tries again after 1205 and 1213; any other error stops it, as a source that has purged what is
//! missing stops the IO thread. A stopped thread stands still until START REPLICA.
//!
//! A source that says nothing is not gone: its connection stands until `replica_net_timeout` has
//! passed without a word, and only then does the IO thread connect anew. Where there is nothing to
//! send, a heartbeat comes: every second here, in MySQL twice in that time. What was lost meanwhile
//! is asked for again every few seconds, as TCP sends again what was not acknowledged; so a timeout
//! is noticed that much late.
//!
//! Left out: SOURCE_RETRY_COUNT (the IO thread tries for ever), parallel appliers (one applies in
//! the source's order), the relay log's files.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Mysqld;
use super::line::Line;
use super::request::{
    Acknowledge, ChangeSource, Dump, DumpReplica, Dumped, SetDelay, ShowReplicaStatus,
    StartReplica, StopReplica,
};
use crate::mysql::binlog::BinlogTransaction;
use crate::mysql::error;
use crate::mysql::execution::{Cancel, Step, SyncPoint};
use crate::mysql::replica_status::{IoThread, ReplicaStatus};
use crate::mysql::session::ConnectionId;
use crate::sql_error::SqlError;
use crate::wait::{Signal, until};
use crate::world::Process;

/// How long the IO thread waits before it connects again.
const CONNECT_RETRY: Duration = Duration::from_secs(1);
/// How long it waits for an answer before it asks again.
const ASKED_AGAIN: Duration = Duration::from_secs(5);

/// What the two threads are to do, and do.
#[derive(Clone)]
pub(super) struct Replica {
    io_wanted: Rc<Cell<bool>>,
    sql_wanted: Rc<Cell<bool>>,
    /// The applier is inside a transaction.
    applying: Rc<Cell<bool>>,
    io: Rc<Cell<IoThread>>,
    last_io_error: Rc<RefCell<Option<SqlError>>>,
    last_sql_error: Rc<RefCell<Option<SqlError>>>,
    /// Raised when something was received.
    received: Signal,
    /// Raised when source, delay or what is wanted changes.
    changed: Signal,
    /// Raised when the applier stands still.
    stands: Signal,
}

impl Default for Replica {
    /// Both threads start with the server.
    fn default() -> Replica {
        Replica {
            io_wanted: Rc::new(Cell::new(true)),
            sql_wanted: Rc::new(Cell::new(true)),
            applying: Rc::default(),
            io: Rc::default(),
            last_io_error: Rc::default(),
            last_sql_error: Rc::default(),
            received: Signal::default(),
            changed: Signal::default(),
            stands: Signal::default(),
        }
    }
}

/// Why a transaction is not applied.
enum Unapplied {
    Stopped,
    Failed(SqlError),
}

impl Mysqld {
    pub(super) fn serve_replica(&self, process: Process) {
        let mysqld = self.clone();
        process.serve(move |_, change: Rc<ChangeSource>| {
            let mysqld = mysqld.clone();
            async move {
                mysqld.stop(true, true).await;
                {
                    let mut files = mysqld.files.borrow_mut();
                    files.source = change.source;
                    files.source_uuid = None;
                    files.relay = Default::default();
                }
                mysqld.start(true, true);
            }
        });
        let mysqld = self.clone();
        process.serve(move |_, stop: Rc<StopReplica>| {
            let mysqld = mysqld.clone();
            async move { mysqld.stop(stop.io, stop.sql).await }
        });
        let mysqld = self.clone();
        process.serve(move |_, start: Rc<StartReplica>| {
            let is_replica = mysqld.files.borrow().source.is_some();
            if is_replica {
                mysqld.start(start.io, start.sql);
            }
            async move { is_replica.then_some(()).ok_or_else(error::not_a_replica) }
        });
        let mysqld = self.clone();
        process.serve(move |_, delay: Rc<SetDelay>| {
            mysqld.files.borrow_mut().delay = delay.0;
            mysqld.replica.changed.raise();
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |process, _: Rc<ShowReplicaStatus>| {
            let status = mysqld.replica_status(process);
            async move { status }
        });
        let receiver = self.clone();
        process.spawn_background("replica io", move |process| receiver.receive(process));
        let applier = self.clone();
        process.spawn_background("replica sql", move |process| applier.apply_relay_log(process));
    }

    fn start(&self, io: bool, sql: bool) {
        let replica = &self.replica;
        replica.io_wanted.set(replica.io_wanted.get() || io);
        replica.sql_wanted.set(replica.sql_wanted.get() || sql);
        if io {
            *replica.last_io_error.borrow_mut() = None;
        }
        if sql {
            *replica.last_sql_error.borrow_mut() = None;
        }
        replica.changed.raise();
    }

    async fn stop(&self, io: bool, sql: bool) {
        let replica = &self.replica;
        replica.io_wanted.set(replica.io_wanted.get() && !io);
        replica.sql_wanted.set(replica.sql_wanted.get() && !sql);
        if io {
            replica.io.set(IoThread::No);
        }
        replica.changed.raise();
        while sql && replica.applying.get() {
            replica.stands.raised().await;
        }
    }

    pub(super) fn replica_status(&self, process: Process) -> ReplicaStatus {
        let executed = self.with(|server| server.executed().clone());
        let files = self.files.borrow();
        let replica = &self.replica;
        let told = |error: &Rc<RefCell<Option<SqlError>>>| {
            error.borrow().as_ref().map(|error| (error.errno, error.message.clone()))
        };
        let sql_running = replica.sql_wanted.get() && files.source.is_some();
        // With nothing left to apply, who is not connected cannot know.
        let is_connected = (replica.io.get() == IoThread::Yes).then_some(0);
        let behind = files.relay.transactions.front().map_or(is_connected, |next| {
            let behind = process.now().duration_since(next.committed_at).as_secs();
            Some(u64::try_from(behind).unwrap_or(0))
        });
        ReplicaStatus {
            source: files.source.map(|source| process.name_of(source)),
            source_uuid: files.source_uuid,
            io: if files.source.is_some() { replica.io.get() } else { IoThread::No },
            sql_running,
            retrieved: files.relay.retrieved.clone(),
            executed,
            seconds_behind: behind.filter(|_| sql_running),
            delay: files.delay.as_secs(),
            last_io_error: told(&replica.last_io_error),
            last_sql_error: told(&replica.last_sql_error),
        }
    }

    // ------------------------------------------------------------ the IO thread

    async fn receive(self, process: Process) {
        let mut is_first = true;
        let mut line = Line::down(process);
        loop {
            let source = self.files.borrow().source.filter(|_| self.replica.io_wanted.get());
            let Some(source) = source else {
                self.replica.io.set(IoThread::No);
                is_first = true;
                self.replica.changed.raised().await;
                line = Line::down(process);
                continue;
            };
            if !line.is_up {
                self.replica.io.set(IoThread::Connecting);
            }
            let (server, semi_sync, executed) = self.with(|server| {
                let options = server.options();
                (options.server_uuid, options.semi_sync_replica, server.executed().clone())
            });
            let mut executed = executed;
            executed.union(&self.files.borrow().relay.retrieved);
            let replica = Some(DumpReplica { server, semi_sync, is_first });
            let dump = process.call(source, Dump { executed, replica }).within(ASKED_AGAIN);
            let changed = self.replica.changed.raised();
            match until(changed, dump).await {
                // Somebody has changed something: look again.
                None => {
                    is_first = true;
                    if !self.replica.io_wanted.get() || self.files.borrow().source != Some(source) {
                        line = Line::down(process);
                    }
                }
                Some(Ok(Ok(Dumped { server: source_uuid, transactions }))) => {
                    is_first = false;
                    line = Line::up(process);
                    *self.replica.last_io_error.borrow_mut() = None;
                    self.files.borrow_mut().source_uuid = Some(source_uuid);
                    self.replica.io.set(IoThread::Yes);
                    if !transactions.is_empty() {
                        self.received(process, transactions).await;
                        // It travels while the next dump is asked for. One that is lost is made up
                        // for by the next, or by the next connection.
                        if semi_sync && self.files.borrow().source == Some(source) {
                            let mut received = self.with(|server| server.executed().clone());
                            received.union(&self.files.borrow().relay.retrieved);
                            process.send(source, Acknowledge { replica: server, received });
                        }
                    }
                }
                Some(Ok(Err(error))) => {
                    let text = format!(
                        "Got fatal error {} from source when reading data from binary log: '{}'",
                        error.errno, error.message
                    );
                    let told = SqlError { errno: 13114, message: text, ..error };
                    *self.replica.last_io_error.borrow_mut() = Some(told);
                    self.replica.io_wanted.set(false);
                    is_first = true;
                }
                Some(Err(lost)) => {
                    let timeout = self.with(|server| server.options().replica_net_timeout);
                    if let Some(failed) = line.lost(process, &lost, timeout) {
                        let told = failed.told(&process.name_of(source), CONNECT_RETRY);
                        *self.replica.last_io_error.borrow_mut() = Some(told);
                    }
                    if !line.is_up {
                        self.replica.io.set(IoThread::Connecting);
                    }
                    is_first = true;
                    let changed = self.replica.changed.raised();
                    until(changed, process.sleep(CONNECT_RETRY)).await;
                }
            }
        }
    }

    async fn received(&self, process: Process, transactions: Vec<Arc<BinlogTransaction>>) {
        let every = self.with(|server| server.options().sync_relay_log);
        let is_due = self.files.borrow_mut().relay.receive(transactions, every);
        self.replica.received.raise();
        if is_due {
            let written = self.files.borrow().relay.transactions.len();
            self.sync(process).await;
            let relay = &mut self.files.borrow_mut().relay;
            relay.synced = relay.synced.max(written.min(relay.transactions.len()));
        }
    }

    // ------------------------------------------------------------ the applier

    async fn apply_relay_log(self, process: Process) {
        let applier = self.with(|server| server.connect_applier());
        loop {
            let is_replica = self.files.borrow().source.is_some();
            if !is_replica || !self.replica.sql_wanted.get() {
                self.replica.changed.raised().await;
                continue;
            }
            let next = self.files.borrow().relay.transactions.front().cloned();
            let Some(next) = next else {
                until(self.replica.changed.raised(), self.replica.received.raised()).await;
                continue;
            };
            let due = next.committed_at + self.files.borrow().delay;
            let early = due.duration_since(process.now());
            if early.is_positive() {
                until(self.replica.changed.raised(), process.sleep(early.unsigned_abs())).await;
                continue;
            }
            self.replica.applying.set(true);
            let applied = self.apply_with_retries(process, applier, &next).await;
            match applied {
                Ok(()) => self.files.borrow_mut().relay.applied(),
                Err(Unapplied::Stopped) => {}
                Err(Unapplied::Failed(error)) => {
                    let (errno, message) = (error.errno, &error.message);
                    let message = format!(
                        "Worker 1 failed executing transaction '{}'; {message}, Error_code: {errno}",
                        next.gtid
                    );
                    let told = SqlError { message, ..error };
                    *self.replica.last_sql_error.borrow_mut() = Some(told);
                    self.replica.sql_wanted.set(false);
                }
            }
            self.replica.applying.set(false);
            self.replica.stands.raise();
            self.tell_commits();
        }
    }

    async fn apply_with_retries(
        &self,
        process: Process,
        applier: ConnectionId,
        transaction: &Arc<BinlogTransaction>,
    ) -> Result<(), Unapplied> {
        let retries = self.with(|server| server.options().transaction_retries);
        let mut tried = 0;
        loop {
            match self.apply(process, applier, transaction).await {
                Err(Unapplied::Failed(error)) if [1205, 1213].contains(&error.errno) => {
                    if tried == retries {
                        return Err(Unapplied::Failed(error));
                    }
                    tried += 1;
                    // MySQL waits as many seconds as it has tried, at most five.
                    let pause = process.sleep(Duration::from_secs(tried.min(5)));
                    if until(self.replica.changed.raised(), pause).await.is_none()
                        && !self.replica.sql_wanted.get()
                    {
                        return Err(Unapplied::Stopped);
                    }
                }
                other => return other,
            }
        }
    }

    async fn apply(
        &self,
        process: Process,
        applier: ConnectionId,
        transaction: &Arc<BinlogTransaction>,
    ) -> Result<(), Unapplied> {
        let now = process.now();
        let mut execution = self.with(|server| server.start_apply(applier, transaction, now));
        loop {
            let woken = self.signal(applier).raised();
            match self.with(|server| server.step(&mut execution)) {
                Step::Done(result) => {
                    return result.map(|_| ()).map_err(Unapplied::Failed);
                }
                Step::Sync(SyncPoint::Acknowledge(gtid)) => self.acknowledged(process, gtid).await,
                Step::Sync(_) => self.sync(process).await,
                Step::Wait(wait) => {
                    let changed = self.replica.changed.raised();
                    let waited = process.limit(Some(wait.timeout), until(changed, woken)).await;
                    let cancel = match waited {
                        Err(_) => Some(Cancel::Timeout),
                        Ok(_) if !self.replica.sql_wanted.get() => Some(Cancel::Killed),
                        Ok(_) => None,
                    };
                    if let Some(cancel) = cancel {
                        let ended = self.with(|server| server.cancel(execution, cancel));
                        return match (cancel, ended) {
                            // It was past the point where it could be stopped.
                            (_, Ok(_)) => Ok(()),
                            (Cancel::Killed, Err(_)) => Err(Unapplied::Stopped),
                            (Cancel::Timeout, Err(error)) => Err(Unapplied::Failed(error)),
                        };
                    }
                }
            }
        }
    }
}
