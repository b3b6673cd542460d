//! mysqld: a MySQL server as a program of the World.
//!
//! The [server](crate::mysql::server::Server) itself is synchronous; this is the process around
//! it.
//!
//! - `connections`: a statement is stepped to its end; where it must wait for a row lock the
//!   worker stands in a declared wait, where a commit must reach the disk it waits for the disk.
//! - `source`: dumps for replicas and streams, acknowledgments for semi-sync.
//! - `replica`: the IO thread and the applier.
//! - [`files`]: what is on the disk, and what a crash leaves of it.
//! - [`request`]: all that it can be asked.
//!
//! It knows nothing of tablets, shards or transactions over several servers.

pub mod before_commit;
mod connections;
pub mod files;
mod global_read_lock;
mod line;
pub mod lock_wait;
mod replica;
pub mod request;
mod source;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use self::global_read_lock::GlobalReadLock;
use crate::disk::Stored;
use crate::mysql::binlog::BinlogTransaction;
use crate::mysql::execution::{Cancel, Step};
use crate::mysql::gtid::GtidSet;
use crate::mysql::options::FlushLog;
use crate::mysql::outcome::Outcome;
use crate::mysql::server::Server;
use crate::mysql::session::ConnectionId;
use crate::sql_error::SqlError;
use crate::wait::Signal;
use crate::world::{Process, Program};

pub use files::{Files, MakeOptions};
pub use request::*;

/// Who is told of a server's commits.
#[derive(Clone)]
pub struct Observer {
    /// Of each commit, as it becomes visible: on a primary and on a replica alike.
    pub on_commit: OnCommit,
    /// Of commits that a recovery did not find, or found without their rows.
    pub on_loss: OnLoss,
}

pub type OnCommit = Rc<dyn Fn(&Arc<BinlogTransaction>)>;
pub type OnLoss = Rc<dyn Fn(&GtidSet, &mut Server)>;

/// Runs a statement in one go, as the cluster's builder does before the run begins.
pub fn run_at_once(
    server: &mut Server,
    connection: ConnectionId,
    sql: &str,
    now: jiff::Timestamp,
) -> Result<Outcome, SqlError> {
    let statement = crate::sql::parse_once(sql).map_err(SqlError::from)?;
    let mut execution = server.start(connection, &statement, &Arc::default(), now);
    loop {
        match server.step(&mut execution) {
            Step::Done(result) => return result,
            Step::Sync(_) => {}
            Step::Wait(_) => return server.cancel(execution, Cancel::Timeout),
        }
    }
}

#[derive(Clone)]
struct Mysqld {
    process: Process,
    files: Rc<RefCell<Files>>,
    /// Raised for a connection whose lock wait is over.
    granted: Rc<RefCell<BTreeMap<ConnectionId, Signal>>>,
    /// Raised after each commit.
    committed: Signal,
    /// Raised when the binlog has something new to send.
    logged: Signal,
    /// Who opened a connection.
    owners: Rc<RefCell<BTreeMap<ConnectionId, (Program, u32)>>>,
    observer: Observer,
    /// Connections whose statement is to end.
    killed: Rc<RefCell<BTreeSet<ConnectionId>>>,
    /// Connections in the middle of a commit; true for those that are to be closed behind it.
    committing: Rc<RefCell<BTreeMap<ConnectionId, bool>>>,
    global_read_lock: GlobalReadLock,
    semi_sync: source::SemiSyncSource,
    replica: replica::Replica,
    /// Raised when a setting of the logs may have changed.
    settings_changed: Signal,
}

/// Serves a MySQL server. `name` is its file on the machine's disk.
pub async fn serve(process: Process, name: Rc<str>, options: MakeOptions, observer: Observer) {
    let opened = process.open(&name, || Files::new(options));
    let files = opened.expect("the file holds a server");
    files.borrow_mut().start();
    let mysqld = Mysqld {
        process,
        files,
        granted: Rc::default(),
        committed: Signal::default(),
        logged: Signal::default(),
        owners: Rc::default(),
        observer,
        killed: Rc::default(),
        committing: Rc::default(),
        global_read_lock: GlobalReadLock::default(),
        semi_sync: source::SemiSyncSource::default(),
        replica: replica::Replica::default(),
        settings_changed: Signal::default(),
    };
    mysqld.tell_losses();
    mysqld.tell_commits();
    mysqld.serve_connections(process);
    mysqld.serve_source(process);
    mysqld.serve_replica(process);
    let flusher = mysqld.clone();
    process.spawn_background("log flusher", move |process| flusher.flush_logs(process));
}

impl Mysqld {
    fn with<R>(&self, f: impl FnOnce(&mut Server) -> R) -> R {
        let (result, granted) = {
            let mut files = self.files.borrow_mut();
            let server = files.server();
            (f(server), server.take_granted())
        };
        self.wake(granted);
        result
    }

    /// Threads that one release wakes go on in an order that nobody knows. It decides who dies
    /// where both then want what the other has, as two inserts of one value whose first row was
    /// rolled back.
    fn wake(&self, mut granted: Vec<ConnectionId>) {
        while !granted.is_empty() {
            let last = granted.len() as u64 - 1;
            let next = if last == 0 { 0 } else { self.process.choose("next woken", 0, 0..=last) };
            self.signal(granted.remove(next as usize)).raise();
        }
    }

    fn signal(&self, connection: ConnectionId) -> Signal {
        self.granted.borrow_mut().entry(connection).or_default().clone()
    }

    /// A statement has ended: what it, or who it waited for, committed is told.
    fn tell_commits(&self) {
        let told = self.files.borrow_mut().take_commits();
        for transaction in &told {
            (self.observer.on_commit)(transaction);
        }
        if !told.is_empty() {
            self.committed.raise();
            self.logged.raise();
        }
    }

    fn tell_losses(&self) {
        let mut files = self.files.borrow_mut();
        let lost = files.take_lost();
        if !lost.is_empty() {
            (self.observer.on_loss)(&lost, files.server());
        }
    }

    /// A log is on the disk when the disk has answered. One that fails ends the server: InnoDB
    /// aborts, and so does the binlog (`binlog_error_action=ABORT_SERVER`), since nobody can say
    /// any more what is there.
    async fn sync(&self, process: Process) {
        if process.try_sync().await.is_err() {
            process.note("fsync() returned EIO, aborting.");
            self.files.borrow_mut().lose(0);
            process.crash_self();
            std::future::pending().await
        }
    }

    /// The redo log's files have their size from the start; the binlog grows. On a full disk a
    /// write to it waits until there is room, and looks once a minute.
    async fn wait_for_space(&self, process: Process) {
        const LOOK_AGAIN: Duration = Duration::from_secs(60);
        while process.disk_is_full() {
            process.note("Disk is full writing the binlog. Waiting for someone to free space...");
            let never = std::future::pending::<()>();
            let _ = process.wait("space on the disk", Some(LOOK_AGAIN), never).await;
        }
    }

    /// What commits leave to be synced later: redo about once a second, and the binlog when the
    /// operating system writes back its dirty pages, after 30 s. Nothing is left at 1 and 1.
    async fn flush_logs(self, process: Process) {
        const WRITE_BACK: u64 = 30;
        let mut seconds = 0;
        loop {
            let (flush_log, sync_binlog) = self.with(|server| {
                let options = server.options();
                (options.flush_log, options.sync_binlog)
            });
            if flush_log == FlushLog::Sync && sync_binlog == 1 {
                self.settings_changed.raised().await;
                continue;
            }
            process.sleep(Duration::from_secs(1)).await;
            seconds += 1;
            let (redo, end) = self.with(|server| {
                let durable = server.durable_mut();
                (durable.write_redo(), durable.binlog_end())
            });
            self.sync(process).await;
            self.with(|server| {
                let durable = server.durable_mut();
                durable.redo_synced(redo);
                if seconds % WRITE_BACK == 0 {
                    durable.binlog_synced(end);
                }
            });
        }
    }
}
