//! Connections that are one session's for a time: those of transactions, and reserved ones.
//!
//! Both have an id that is never used again, and both count against the pool. A transaction lives
//! 30 s from its begin, a reserved connection from its last use; a killer that ticks every tenth of
//! that ends what is older and not just in use. A session may want a shorter time for its
//! transactions, and with workload `dba` none is ended. See
//! `go/vt/vttablet/tabletserver/{stateful_connection,stateful_connection_pool,tx_engine}.go`.
//!
//! Left out: a transaction on a reserved connection.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sim::mysql::session::ConnectionId;
use sim::mysqld;
use sim::sql::ast::Statement;
use sim::world::Process;

use super::{QueryError, State, Tablet, errors};
use crate::history::{self, Event};
use crate::key::Code;
use crate::rpc::{Execute, ExecuteOptions, Reserved, Status, TxId, Workload};

const ABORTED: &str = "vttablet: rpc error: code = Aborted desc = ";

/// How long a new one waits for a place in the pool.
const POOL_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct StatefulConnection {
    connection: ConnectionId,
    kind: Kind,
    /// It has so much time, from here on; none is endless.
    timeout: Option<Duration>,
    since: Timestamp,
    in_use: bool,
    /// The server that it went to is gone.
    is_lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Transaction,
    Reserved,
}

impl StatefulConnection {
    fn is_expired(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.since).unsigned_abs();
        !self.in_use && self.timeout.is_some_and(|timeout| timeout <= age)
    }
}

impl Tablet {
    /// Keeps the connection that a statement has opened a transaction on, or reserved.
    pub(super) fn keep(
        &self,
        process: Process,
        connection: ConnectionId,
        execute: &Execute,
    ) -> TxId {
        let id = self.next_transaction.get();
        self.next_transaction.set(id + 1);
        let ExecuteOptions { workload, transaction_timeout, .. } = execute.options;
        let (kind, wanted) = match execute.reserved {
            Reserved::No => (Kind::Transaction, transaction_timeout),
            Reserved::New | Reserved::Id(_) => (Kind::Reserved, None),
        };
        let timeout = match workload {
            Workload::Dba => None,
            _ => shorter(self.time_of_transaction(workload), wanted),
        };
        let since = process.now();
        let (in_use, is_lost) = (true, false);
        let kept = StatefulConnection { connection, kind, timeout, since, in_use, is_lost };
        self.connections.borrow_mut().insert(id, kept);
        self.tell_connection(connection, Some(id));
        id
    }

    fn tell_connection(&self, connection: ConnectionId, transaction: Option<TxId>) {
        let tablet = self.alias.clone();
        history::emit(Event::Connection { tablet, connection, transaction });
    }

    /// Waits until the pool has a place for one more, and takes it.
    pub(super) async fn place_in_pool(&self, process: Process) -> Result<Place<'_>, Status> {
        let is_full = || {
            let taken = self.connections.borrow().len() + self.opening.get();
            self.pool_is_taken.get() || self.options.tx_pool_size <= taken
        };
        let what = "a place in the transaction pool";
        let waited = process.wait(what, Some(POOL_TIMEOUT), async {
            while is_full() {
                self.transaction_ended.raised().await;
            }
        });
        match waited.await {
            Ok(()) => {
                self.opening.set(self.opening.get() + 1);
                Ok(Place(self))
            }
            Err(_) => {
                let text = "vttablet: transaction pool connection limit exceeded";
                Err(Status::new(Code::ResourceExhausted, text))
            }
        }
    }

    /// How long a transaction may last; none is endless.
    pub(super) fn time_of_transaction(&self, workload: Workload) -> Option<Duration> {
        match workload {
            Workload::Dba => None,
            _ => Some(self.options.transaction_timeout),
        }
    }

    /// Takes a connection for one statement; two at once are refused.
    pub(super) fn take(&self, process: Process, id: TxId) -> Result<ConnectionId, Status> {
        if self.is_lost(id) {
            self.close(process, id, "unlocked closed connection");
            return Err(errors::connection_lost());
        }
        let mut connections = self.connections.borrow_mut();
        let Some(kept) = connections.get_mut(&id) else {
            return Err(self.not_there(id));
        };
        if kept.in_use {
            let text = format!("{ABORTED}transaction {id}: in use: for query");
            return Err(Status::new(Code::Aborted, text));
        }
        kept.in_use = true;
        Ok(kept.connection)
    }

    fn is_lost(&self, id: TxId) -> bool {
        self.connections.borrow().get(&id).is_some_and(|kept| kept.is_lost)
    }

    pub(super) fn put_back(&self, process: Process, id: TxId) {
        let is_over = match self.connections.borrow_mut().get_mut(&id) {
            Some(kept) => {
                kept.in_use = false;
                if kept.kind == Kind::Reserved {
                    kept.since = process.now();
                }
                kept.kind == Kind::Reserved && self.state.get() != State::Serving
            }
            None => false,
        };
        if is_over {
            self.close(process, id, "kill non-tx");
        }
        self.transaction_ended.raise();
    }

    fn not_there(&self, id: TxId) -> Status {
        let text = match self.ended.borrow().get(&id) {
            Some(ended) => format!("{ABORTED}transaction {id}: {ended}"),
            None => {
                format!("{ABORTED}transaction {id}: not found (potential transaction timeout)")
            }
        };
        Status::new(Code::Aborted, text)
    }

    fn note_end(&self, process: Process, id: TxId, reason: &str) {
        let ended = format!("ended at {} ({reason})", ended_at(process));
        self.ended.borrow_mut().insert(id, ended);
        self.transaction_ended.raise();
    }

    /// Closes a connection, and with it what it has open.
    fn close(&self, process: Process, id: TxId, reason: &str) {
        let gone = self.connections.borrow_mut().remove(&id);
        if let Some(kept) = gone.filter(|kept| !kept.is_lost) {
            process.send(self.mysqld, mysqld::Quit { connection: kept.connection });
        }
        self.note_end(process, id, reason);
    }

    /// A connection is not used again; what it has open, its server rolls back.
    pub(super) fn lost(&self, process: Process, connection: ConnectionId, id: Option<TxId>) {
        match id {
            Some(id) => self.close(process, id, "unlocked closed connection"),
            None => process.send(self.mysqld, mysqld::Quit { connection }),
        }
    }

    /// The statement's connection is closed. Vitess ends only the statement of one of the pool's;
    /// here that is closed too, since what it is told next could overtake the end.
    pub(super) fn timed_out(
        &self,
        process: Process,
        connection: ConnectionId,
        id: Option<TxId>,
        timeout: Duration,
    ) -> Status {
        self.lost(process, connection, id);
        let what = if id.is_some() { "connection" } else { "query" };
        let text = format!(
            "vttablet: (errno 3024) (sqlstate HY000): Query execution was interrupted, maximum statement execution time exceeded, elapsed time: {timeout:?}, killing {what} ID {connection}"
        );
        Status::new(Code::Canceled, text)
    }

    /// Commits or rolls back; the transaction is gone afterwards, whatever came of it.
    pub(super) async fn end(
        &self,
        process: Process,
        id: TxId,
        statement: &Statement,
        reason: &str,
    ) -> Result<(), Status> {
        if self.is_lost(id) && *statement == Statement::Rollback {
            self.close(process, id, reason);
            return Ok(());
        }
        let connection = self.take(process, id)?;
        let timeout = self.options.query_timeout.min(self.options.transaction_timeout);
        let statement = Arc::new(statement.clone());
        let result = self.query(process, connection, &statement, &Arc::default(), timeout).await;
        self.connections.borrow_mut().remove(&id);
        self.note_end(process, id, reason);
        match result {
            Ok(_) => {
                self.tell_connection(connection, None);
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

    /// Gives a reserved connection back: it is closed.
    pub(super) fn release(&self, process: Process, id: TxId) -> Result<(), Status> {
        self.take(process, id)?;
        self.close(process, id, "release connection");
        Ok(())
    }

    async fn end_any(&self, process: Process, id: TxId, reason: &str) {
        let kind = self.connections.borrow().get(&id).map(|kept| kept.kind);
        match kind {
            Some(Kind::Transaction) => {
                let _ = self.end(process, id, &Statement::Rollback, reason).await;
            }
            Some(Kind::Reserved) => self.close(process, id, reason),
            None => {}
        }
    }

    fn ids(&self, which: impl Fn(&StatefulConnection) -> bool) -> Vec<TxId> {
        let connections = self.connections.borrow();
        connections.iter().filter(|(_, kept)| which(kept)).map(|(id, _)| *id).collect()
    }

    pub(super) async fn kill_expired(&self, process: Process) {
        let now = process.now();
        for id in self.ids(|kept| kept.is_expired(now)) {
            self.kill(process, id).await;
        }
    }

    /// As if this transaction had lived its time.
    pub(super) async fn kill_early(&self, process: Process, id: TxId) {
        let is_idle = |kept: &StatefulConnection| kept.kind == Kind::Transaction && !kept.in_use;
        if self.connections.borrow().get(&id).is_some_and(is_idle) {
            self.kill(process, id).await;
        }
    }

    async fn kill(&self, process: Process, id: TxId) {
        let timeout = self.connections.borrow().get(&id).and_then(|kept| kept.timeout);
        let reason = format!("exceeded timeout: {:?}", timeout.unwrap_or_default());
        history::emit(Event::Killed { tablet: self.alias.clone(), transaction: id });
        self.end_any(process, id, &reason).await;
    }

    /// Closes the reserved connections that are not in use.
    pub(super) fn close_reserved(&self, process: Process) {
        for id in self.ids(|kept| kept.kind == Kind::Reserved && !kept.in_use) {
            self.close(process, id, "kill non-tx");
        }
    }

    /// The server is gone, and every connection to it.
    pub(super) fn lose_connections(&self) {
        self.idle.borrow_mut().clear();
        self.settings.borrow_mut().clear();
        self.connections.borrow_mut().values_mut().for_each(|kept| kept.is_lost = true);
    }

    /// Ends what is still open.
    pub(super) async fn end_all(&self, process: Process, reason: &str) {
        for id in self.ids(|_| true) {
            self.end_any(process, id, reason).await;
        }
    }

    /// Waits until nothing is open, at most the grace period.
    pub(super) async fn drain(&self, process: Process) {
        let grace = Some(self.options.shutdown_grace);
        let _ = process
            .limit(grace, async {
                while !self.connections.borrow().is_empty() {
                    self.transaction_ended.raised().await;
                }
            })
            .await;
    }
}

/// A place in the pool for a connection that is being opened.
pub(super) struct Place<'a>(&'a Tablet);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.opening.set(self.0.opening.get() - 1);
        self.0.transaction_ended.raise();
    }
}

/// The shorter of two times, none of which is endless.
pub(super) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Go's `2006-01-02 15:04:05.000 MST`.
fn ended_at(process: Process) -> String {
    let now = process.now().to_zoned(jiff::tz::TimeZone::UTC);
    format!("{} UTC", now.strftime("%Y-%m-%d %H:%M:%S%.3f"))
}
