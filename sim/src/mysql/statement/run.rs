//! The frame of a statement: implicit commits, its transaction, and what an error undoes.
//!
//! An error undoes the statement; 1213 undoes the transaction and ends it; both keep the session.
//! Under autocommit the statement is the transaction.

use std::future::Future;
use std::sync::Arc;

use crate::mysql::binlog::{Event, RowChange, RowsEvent};
use crate::mysql::engine::Engine;
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::outcome::Outcome;
use crate::mysql::schema;
use crate::mysql::session::ConnectionId;
use crate::mysql::transaction::TrxId;
use crate::mysql::view::ReadView;
use crate::sql::ast::{ShowKind, Statement};
use crate::sql_error::SqlError;

pub(in crate::mysql) async fn run(
    run: Run,
    statement: Arc<Statement>,
) -> Result<Outcome, SqlError> {
    let result = run.dispatch(&statement).await;
    let database = run.session(|session| session.database.clone())?;
    let result = result.map_err(|error| qualified(error, database));
    let diagnostics = matches!(&*statement, Statement::Show(show)
        if matches!(&show.kind, ShowKind::Warnings)
            || matches!(&show.kind, ShowKind::Other(words) if words.contains("errors")));
    run.session(|session| match &result {
        Ok(outcome) => session.note(outcome, !diagnostics),
        Err(error) => session.note_error(error),
    })?;
    result
}

/// A function that there is not is looked for in the session's database.
fn qualified(error: SqlError, database: Option<Arc<str>>) -> SqlError {
    let name = match (error.errno, error.message.strip_prefix("FUNCTION ")) {
        (1305, Some(name)) if !name.contains('.') => name,
        _ => return error,
    };
    match database {
        Some(database) => SqlError::new(1305, "42000", format!("FUNCTION {database}.{name}")),
        None => error::no_database(),
    }
}

impl Run {
    pub async fn dispatch(&self, statement: &Statement) -> Result<Outcome, SqlError> {
        let _restored = self.set_for_statement(statement)?;
        match statement {
            Statement::Query(query) => self.query(query).await,
            Statement::Insert(insert) => self.writing(|trx| self.insert(insert, trx)).await,
            Statement::Update(update) => self.writing(|trx| self.update(update, trx)).await,
            Statement::Delete(delete) => self.writing(|trx| self.delete(delete, trx)).await,
            _ => self.session_statement(statement).await,
        }
    }

    /// Runs a statement that changes rows.
    pub async fn writing<F>(&self, body: impl FnOnce(TrxId) -> F) -> Result<Outcome, SqlError>
    where
        F: Future<Output = Result<Outcome, SqlError>>,
    {
        self.check_writable()?;
        self.in_transaction(body).await
    }

    /// Runs a statement in the session's transaction, or in one of its own.
    pub async fn in_transaction<F>(
        &self,
        body: impl FnOnce(TrxId) -> F,
    ) -> Result<Outcome, SqlError>
    where
        F: Future<Output = Result<Outcome, SqlError>>,
    {
        let trx = self.transaction()?;
        let mark = self.engine(|engine| engine.transaction(trx).mark());
        let result = body(trx).await;
        let explicit = self.engine(|engine| {
            engine.transactions.get(&trx).is_some_and(|transaction| transaction.explicit)
        });
        match result {
            Ok(outcome) => {
                self.end_duplicate_checks(trx);
                if !explicit {
                    self.commit_transaction(trx, Vec::new()).await?;
                }
                Ok(outcome)
            }
            // Its connection was closed meanwhile, and the transaction went with it.
            Err(error) if self.engine(|engine| !engine.transactions.contains_key(&trx)) => {
                Err(error)
            }
            Err(error) => {
                let whole = !explicit
                    || error.errno == 1213
                    || error.errno == 1205
                        && self.engine(|engine| engine.options.rollback_on_timeout);
                self.engine(
                    |engine| {
                        if whole { engine.rollback(trx) } else { engine.undo_to(trx, mark) }
                    },
                );
                self.end_duplicate_checks(trx);
                Err(error)
            }
        }
    }

    fn end_duplicate_checks(&self, trx: TrxId) {
        self.engine(|engine| {
            if let Some(transaction) = engine.transactions.get_mut(&trx) {
                transaction.checks_duplicates = false;
            }
        });
    }

    /// The session's transaction; a new one where it has none.
    pub fn transaction(&self) -> Result<TrxId, SqlError> {
        let (connection, now) = (self.connection, self.now);
        let trx = self.engine(|engine| engine.session_transaction(connection, now));
        trx.ok_or_else(error::interrupted)
    }

    /// 1290 and 1792.
    pub fn check_writable(&self) -> Result<(), SqlError> {
        self.check_not_read_only()?;
        self.engine(|engine| engine.check_commit(self.connection))
    }

    /// 1792: what START TRANSACTION READ ONLY rules out.
    pub fn check_not_read_only(&self) -> Result<(), SqlError> {
        let trx = self.session(|session| session.transaction)?;
        let read_only = self.engine(|engine| {
            let transaction = trx.and_then(|trx| engine.transactions.get(&trx));
            transaction.is_some_and(|transaction| transaction.read_only)
        });
        if read_only { Err(error::read_only_transaction()) } else { Ok(()) }
    }

    /// The view of a consistent read; none at READ UNCOMMITTED, which reads what is newest.
    pub fn view(&self, trx: TrxId) -> Option<Arc<ReadView>> {
        use crate::mysql::transaction::Isolation::*;
        self.engine(|engine| {
            let isolation = engine.transaction(trx).isolation;
            let kept = engine.transaction(trx).view.clone();
            let view = match (isolation, kept) {
                (ReadUncommitted, _) => return None,
                (RepeatableRead | Serializable, Some(view)) => view,
                _ => Arc::new(engine.new_view(trx)),
            };
            engine.transaction_mut(trx).view = Some(view.clone());
            Some(view)
        })
    }

    /// Notes a row change for the binlog; rows of one statement, table and kind make one event.
    pub fn log(
        &self,
        trx: TrxId,
        table: &Arc<schema::Table>,
        statement: &mut Option<usize>,
        change: RowChange,
    ) {
        let connection = self.connection;
        self.engine(|engine| engine.log(connection, trx, table, statement, change));
    }
}

impl Engine {
    /// The same; `statement` is the place of the statement's last event.
    pub fn log(
        &mut self,
        connection: ConnectionId,
        trx: TrxId,
        table: &Arc<schema::Table>,
        statement: &mut Option<usize>,
        change: RowChange,
    ) {
        let session = self.sessions.get(&connection);
        if session.is_some_and(|session| !session.logs()) {
            return;
        }
        let checks_off = session.is_some_and(|session| !session.foreign_key_checks);
        let transaction = self.transaction_mut(trx);
        transaction.entered_binlog = true;
        let events = &mut transaction.events;
        let same = statement.and_then(|at| events.get_mut(at));
        if let Some(Event::Rows(rows)) = same
            && rows.table.name == table.name
            && rows.table.database == table.database
            && rows.changes.last().map(RowChange::kind) == Some(change.kind())
        {
            rows.changes.push(change);
            return;
        }
        *statement = Some(events.len());
        if events.is_empty() {
            // Most transactions under autocommit have one.
            events.reserve_exact(1);
        }
        events.push(Event::Rows(RowsEvent {
            table: table.clone(),
            foreign_key_checks_off: checks_off,
            changes: vec![change],
        }));
    }
}
