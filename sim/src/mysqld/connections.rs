//! Connections and their statements.
//!
//! Connections belong to the program that opened them and are closed when that program dies. One
//! that is closed in the middle of a commit is closed behind it: the transaction is in the binlog,
//! and its thread goes on, also where it waits for an acknowledgment.
//!
//! `SET GLOBAL read_only` and `super_read_only` take the global read lock ([`global_read_lock`]);
//! transactions that are open then fail at their COMMIT.
//!
//! [`global_read_lock`]: super::global_read_lock

use std::rc::Rc;

use super::global_read_lock::{Closed, Inside};
use super::request::{
    Connect, DescribeTable, Executed, Kill, KillConnection, Query, Quit, SetReadOnly,
    ShowCreateTables, Tag, WaitExecuted,
};
use super::{Mysqld, before_commit, lock_wait};
use crate::mysql::error;
use crate::mysql::execution::{Cancel, LockWait, Step, SyncPoint};
use crate::mysql::outcome::Outcome;
use crate::mysql::server::Server;
use crate::mysql::session::{ConnectionId, Session};
use crate::mysql::statement::show::create_text;
use crate::sql::ast::{Expr, Statement, Variable};
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
                let _closed = if set.0 { Some(mysqld.quiesce(process).await) } else { None };
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
        self.global_read_lock.statements.look_again();
        if let Some(signal) = self.granted.borrow_mut().remove(&connection) {
            signal.raise();
        }
    }

    fn kill(&self, connection: ConnectionId) {
        self.killed.borrow_mut().insert(connection);
        self.signal(connection).raise();
    }

    async fn query(&self, process: Process, query: &Query) -> Result<Outcome, SqlError> {
        let holds_something = |server: &mut Server| {
            server.session(query.connection).is_some_and(Session::holds_something)
        };
        // Refused: it is not even waited for.
        let sets = sets_read_only(&query.statement) && !self.with(holds_something);
        let _closed = if sets { Some(self.quiesce(process).await) } else { None };
        let _inside = self.enter(process, query).await;
        if matches!(&*query.statement, Statement::Show(_)) {
            let status = self.replica_status(process);
            self.with(|server| server.set_replica_status(status));
        }
        let result = self.run(process, query).await;
        self.end_commit(query.connection);
        let is_closed = self.with(|server| server.session(query.connection).is_none());
        let result = if is_closed { Err(error::connection_lost()) } else { result };
        self.global_read_lock.statements.look_again();
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
        if matches!(&*query.statement, Statement::Commit) {
            before_commit::tell(process.program, || self.tag_of(connection));
        }
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

    /// Enters what the statement must not do while somebody makes the server read-only.
    async fn enter(&self, process: Process, query: &Query) -> Option<Inside> {
        let lock = &self.global_read_lock;
        match &*query.statement {
            Statement::Commit => Some(lock.commits.enter(process).await),
            // Its tables are locked for writing: it is in already.
            statement if writes(statement) && !self.locks_for_writing(query.connection) => {
                Some(lock.statements.enter(process).await)
            }
            _ => None,
        }
    }

    fn locks_for_writing(&self, connection: ConnectionId) -> bool {
        self.with(|server| server.session(connection).is_some_and(Session::locks_for_writing))
    }

    /// Waits until nobody writes or commits; nobody begins to until the result is dropped.
    async fn quiesce(&self, process: Process) -> (Closed, Closed) {
        let lock = &self.global_read_lock;
        let holds = || self.with(|server| server.sessions().any(Session::locks_for_writing));
        let statements = lock.statements.close(process, "statements that write", holds).await;
        let commits = lock.commits.close(process, "commits", || false).await;
        (statements, commits)
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

/// Takes the global read lock's intention: changes of rows and definitions, locks for them.
fn writes(statement: &Statement) -> bool {
    if let Statement::LockTables(tables) = statement {
        return tables.iter().any(|(_, _, lock)| lock.is_write());
    }
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
            | Statement::Commit
            | Statement::UnlockTables
    )
}

/// Sets one of the two; to take it back waits for nobody.
fn sets_read_only(statement: &Statement) -> bool {
    let Statement::Set(assignments) = statement else { return false };
    let is_off = |value: &Expr| {
        let value = value.to_string().to_ascii_lowercase();
        ["0", "off", "'off'", "false", "default"].contains(&value.as_str())
    };
    assignments.iter().any(|assignment| {
        matches!(&assignment.variable, Variable::System { name, .. }
            if name.is("read_only") || name.is("super_read_only"))
            && !is_off(&assignment.value)
    })
}
