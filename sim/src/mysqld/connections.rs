//! Connections and their statements.
//!
//! Connections belong to the program that opened them and are closed when that program dies. One
//! that is closed in the middle of a commit is closed behind it: the transaction is in the binlog,
//! and its thread goes on, also where it waits for an acknowledgment.
//!
//! `SET GLOBAL read_only` and `super_read_only` wait for the statements that write, and let no new
//! one begin meanwhile; transactions that are open fail at their COMMIT.

use std::rc::Rc;

use super::request::{
    Connect, DescribeTable, Executed, Kill, KillConnection, Query, Quit, SetReadOnly,
    ShowCreateTables, Tag, WaitExecuted,
};
use super::{Mysqld, Writers, lock_wait};
use crate::mysql::error;
use crate::mysql::execution::{Cancel, LockWait, Step, SyncPoint};
use crate::mysql::outcome::Outcome;
use crate::mysql::session::ConnectionId;
use crate::mysql::statement::show::create_text;
use crate::sql::ast::{Statement, Variable};
use crate::sql_error::SqlError;
use crate::world::{Process, Program};

impl Mysqld {
    pub(super) fn serve_connections(&self, process: Process) {
        let mysqld = self.clone();
        process.serve_from(move |process, from, connect: Rc<Connect>| {
            let mysqld = mysqld.clone();
            async move { mysqld.connect(process, from, &connect) }
        });
        let mysqld = self.clone();
        process.serve(move |process, query: Rc<Query>| {
            let mysqld = mysqld.clone();
            async move { mysqld.query(process, &query).await }
        });
        let mysqld = self.clone();
        process.serve(move |_, tag: Rc<Tag>| {
            mysqld.with(|server| server.set_tag(tag.connection, &tag.tag));
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, describe: Rc<DescribeTable>| {
            let found = mysqld.with(|server| {
                let mut tables = server.tables().map(|image| image.schema);
                tables.find(|table| {
                    *table.database == *describe.database && *table.name == *describe.table
                })
            });
            async move { found }
        });
        let mysqld = self.clone();
        process.serve(move |_, show: Rc<ShowCreateTables>| {
            let texts = mysqld.with(|server| {
                let tables = server.tables().map(|image| image.schema);
                let own = tables.filter(|table| *table.database == *show.database);
                own.map(|table| create_text(&table, 1).into()).collect()
            });
            async move { texts }
        });
        let mysqld = self.clone();
        process.serve(move |_, quit: Rc<Quit>| {
            mysqld.close(quit.connection);
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, kill: Rc<Kill>| {
            mysqld.kill(kill.connection);
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |_, kill: Rc<KillConnection>| {
            mysqld.kill(kill.connection);
            mysqld.close(kill.connection);
            async {}
        });
        let mysqld = self.clone();
        process.serve(move |process, set: Rc<SetReadOnly>| {
            let mysqld = mysqld.clone();
            async move {
                let _refused = if set.0 { Some(mysqld.quiesce(process).await) } else { None };
                mysqld.with(|server| {
                    server.options_mut().read_only = set.0;
                    server.options_mut().super_read_only = set.0;
                });
            }
        });
        let mysqld = self.clone();
        process.serve(move |_, _: Rc<Executed>| {
            let executed = mysqld.with(|server| server.executed().clone());
            async move { executed }
        });
        let mysqld = self.clone();
        process.serve(move |_, wait: Rc<WaitExecuted>| {
            let mysqld = mysqld.clone();
            async move {
                while !mysqld.with(|server| server.executed().contains_set(&wait.0)) {
                    mysqld.committed.raised().await;
                }
            }
        });
    }

    fn connect(&self, process: Process, from: Program, connect: &Connect) -> ConnectionId {
        let connection = self.with(|server| {
            let connection = server.connect(&connect.user, connect.database.as_deref());
            server.set_tag(connection, &connect.tag);
            connection
        });
        let life = process.life_of(from);
        let first = !self.owners.borrow().values().any(|owner| *owner == (from, life));
        self.owners.borrow_mut().insert(connection, (from, life));
        if first {
            let mysqld = self.clone();
            process.spawn_background("connections", move |process| async move {
                process.life_over(from, life).await;
                mysqld.close_all(from, life);
            });
        }
        connection
    }

    fn close_all(&self, program: Program, life: u32) {
        let owned = |owner: &(Program, u32)| *owner == (program, life);
        let gone: Vec<ConnectionId> = {
            let owners = self.owners.borrow();
            owners.iter().filter(|(_, owner)| owned(owner)).map(|(id, _)| *id).collect()
        };
        gone.into_iter().for_each(|connection| self.close(connection));
    }

    fn close(&self, connection: ConnectionId) {
        self.owners.borrow_mut().remove(&connection);
        if let Some(is_closed) = self.committing.borrow_mut().get_mut(&connection) {
            *is_closed = true;
            return;
        }
        self.with(|server| server.disconnect(connection));
        if let Some(signal) = self.granted.borrow_mut().remove(&connection) {
            signal.raise();
        }
    }

    fn kill(&self, connection: ConnectionId) {
        self.killed.borrow_mut().insert(connection);
        self.signal(connection).raise();
    }

    async fn query(&self, process: Process, query: &Query) -> Result<Outcome, SqlError> {
        let _refused = match sets_read_only(&query.statement) {
            true => Some(self.quiesce(process).await),
            false => None,
        };
        let _writer = match writes(&query.statement) {
            true => Some(self.begin_writing(process).await),
            false => None,
        };
        if matches!(&*query.statement, Statement::Show(_)) {
            let status = self.replica_status(process);
            self.with(|server| server.set_replica_status(status));
        }
        let result = self.run(process, query).await;
        self.end_commit(query.connection);
        let is_closed = self.with(|server| server.session(query.connection).is_none());
        let result = if is_closed { Err(error::connection_lost()) } else { result };
        self.tell_commits();
        let kills = self.with(|server| server.take_kills());
        for (connection, only_statement) in kills {
            self.kill(connection);
            if !only_statement {
                self.close(connection);
            }
        }
        if !self.with(|server| server.options().is_durable()) {
            self.settings_changed.raise();
        }
        result
    }

    async fn run(&self, process: Process, query: &Query) -> Result<Outcome, SqlError> {
        let now = process.now();
        let connection = query.connection;
        self.killed.borrow_mut().remove(&connection);
        let mut execution =
            self.with(|server| server.start(connection, &query.statement, &query.binds, now));
        loop {
            // A step can begin a wait and end it: a deadlock whose victim is another.
            let woken = self.signal(connection).raised();
            match self.with(|server| server.step(&mut execution)) {
                Step::Done(result) => return result,
                Step::Sync(point) => {
                    self.committing.borrow_mut().entry(connection).or_default();
                    match point {
                        SyncPoint::Acknowledge(gtid) => self.acknowledged(process, gtid).await,
                        SyncPoint::Binlog => self.sync(process).await,
                        SyncPoint::Redo => {
                            self.sync(process).await;
                            self.wait_for_space(process).await;
                        }
                    }
                }
                Step::Wait(wait) => {
                    let limit = Some(wait.timeout);
                    lock_wait::tell(|| self.began(process, connection, &wait));
                    let waited = process.wait(self.describe(&wait), limit, woken).await;
                    let cancel = match waited {
                        Err(_) => Some(Cancel::Timeout),
                        Ok(()) if self.killed.borrow().contains(&connection) => {
                            Some(Cancel::Killed)
                        }
                        Ok(()) => None,
                    };
                    if let Some(cancel) = cancel {
                        return self.with(|server| server.cancel(execution, cancel));
                    }
                }
            }
        }
    }

    /// The connection is in no commit any more; it may have been closed meanwhile.
    fn end_commit(&self, connection: ConnectionId) {
        let is_closed = self.committing.borrow_mut().remove(&connection);
        if is_closed == Some(true) {
            self.close(connection);
        }
    }

    async fn begin_writing(&self, process: Process) -> Writing {
        while 0 < self.writers.refused.get() {
            let changed = self.writers.changed.raised();
            let _ = process.wait("the global read lock", None, changed).await;
        }
        self.writers.running.set(self.writers.running.get() + 1);
        Writing(self.writers.clone())
    }

    /// Waits until nobody writes; nobody begins to until the result is dropped.
    async fn quiesce(&self, process: Process) -> Refused {
        self.writers.refused.set(self.writers.refused.get() + 1);
        let refused = Refused(self.writers.clone());
        while 0 < self.writers.running.get() {
            let changed = self.writers.changed.raised();
            let _ = process.wait("statements that write", None, changed).await;
        }
        refused
    }

    fn began(&self, process: Process, waiter: ConnectionId, wait: &LockWait) -> lock_wait::Began {
        lock_wait::Began {
            server: process.program,
            waiter: self.tag_of(waiter),
            holders: wait.holders.iter().map(|holder| self.tag_of(*holder)).collect(),
            index: wait.index.clone(),
        }
    }

    /// Who holds what is waited for, by their tags.
    fn describe(&self, wait: &LockWait) -> String {
        let holders: Vec<String> = wait.holders.iter().map(|holder| self.tag_of(*holder)).collect();
        format!("{} on {}({}) held by {}", wait.mode, wait.index, wait.record, holders.join(", "))
    }

    fn tag_of(&self, connection: ConnectionId) -> String {
        let mut files = self.files.borrow_mut();
        let session = files.server().session(connection);
        session.map_or_else(|| format!("connection {connection}"), |s| s.tag.to_string())
    }
}

/// A statement that writes; over when dropped.
struct Writing(Writers);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
        self.0.changed.raise();
    }
}

/// Writers are kept out until it is dropped.
struct Refused(Writers);

impl Drop for Refused {
    fn drop(&mut self) {
        self.0.refused.set(self.0.refused.get() - 1);
        self.0.changed.raise();
    }
}

/// Takes the global read lock's intention: changes of rows and definitions, and commits.
fn writes(statement: &Statement) -> bool {
    !matches!(
        statement,
        Statement::Query(_)
            | Statement::Set(_)
            | Statement::Show(_)
            | Statement::Begin(_)
            | Statement::Rollback
            | Statement::Use(_)
            | Statement::Explain(_)
            | Statement::Describe { .. }
            | Statement::Kill { .. }
            | Statement::Savepoint(_)
            | Statement::LockTables(_)
            | Statement::UnlockTables
    )
}

fn sets_read_only(statement: &Statement) -> bool {
    let Statement::Set(assignments) = statement else { return false };
    assignments.iter().any(|assignment| {
        matches!(&assignment.variable, Variable::System { name, .. }
            if ["read_only", "super_read_only"]
                .iter()
                .any(|own| name.as_str().eq_ignore_ascii_case(own)))
    })
}
