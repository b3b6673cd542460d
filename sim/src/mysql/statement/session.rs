//! Statements about the session and its transactions, and the door to definitions and SHOW.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::eval::{NoColumns, Program};
use crate::mysql::binlog::Event;
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::metadata::{Duration, MetadataMode, TablePath};
use crate::mysql::outcome::Outcome;
use crate::mysql::session::ConnectionId;
use crate::mysql::transaction::Isolation;
use crate::sql::ast::{Begin, Expr, FlushTarget, Ident, Statement, TableLock, TableName, Verbatim};
use crate::sql_error::SqlError;
use crate::value::Value;

impl Run {
    pub async fn session_statement(&self, statement: &Statement) -> Result<Outcome, SqlError> {
        match statement {
            Statement::Begin(begin) => self.begin(begin).await,
            Statement::Commit => self.commit().await.map(|()| Outcome::default()),
            Statement::Rollback => self.rollback(),
            Statement::Savepoint(name) => self.savepoint(name),
            Statement::RollbackTo(name) => self.rollback_to(name),
            Statement::Release(name) => self.release(name),
            Statement::Set(assignments) => self.set(assignments).await,
            Statement::Use(name) => self.use_database(name.as_ref()),
            Statement::Kill { query, id } => self.kill(*query, id),
            Statement::LockTables(tables) => self.lock_tables(tables).await,
            Statement::UnlockTables => self.unlock_tables().await,
            Statement::Show(show) => self.show(show).await,
            Statement::Describe { table, column } => {
                self.describe(table, column.as_deref(), false).await
            }
            Statement::Analyze { tables, .. } => self.analyze(tables),
            Statement::Flush(flush) => match &flush.target {
                FlushTarget::Tables { with_read_lock: false, for_export: false, .. } => {
                    Ok(Outcome::default())
                }
                FlushTarget::Options(options)
                    if options.iter().any(|o| o.eq_ignore_ascii_case("binary logs")) =>
                {
                    Ok(self.flush_binary_logs())
                }
                _ => Err(SqlError::not_supported(statement)),
            },
            Statement::Prepare { name, source } => self.prepare_text(name, source),
            Statement::Deallocate { name } => self.deallocate(name),
            Statement::Explain(explain) => Box::pin(self.explain(explain)).await,
            Statement::Call { .. } => Err(SqlError::not_supported("CALL")),
            Statement::Execute { name, using } => Box::pin(self.execute(name, using)).await,
            Statement::Verbatim { kind: Verbatim::Do, text } => self.do_expressions(text).await,
            Statement::Verbatim { text, .. } => Err(SqlError::not_supported(text)),
            definition => self.define(definition).await,
        }
    }

    async fn begin(&self, begin: &Begin) -> Result<Outcome, SqlError> {
        // What BEGIN ends hands its access mode on: only COMMIT and ROLLBACK give that back.
        let ended = self.session(|session| session.transaction)?;
        let inherited = self.engine(|engine| {
            ended.and_then(|trx| engine.transactions.get(&trx)).is_some_and(|trx| trx.read_only)
        });
        self.commit().await?;
        self.release_table_locks()?;
        if begin.read_only == Some(false) {
            self.check_writable()?;
        }
        let trx = self.transaction()?;
        let isolation = self.engine(|engine| {
            let transaction = engine.transaction_mut(trx);
            transaction.explicit = true;
            transaction.read_only = begin.read_only.unwrap_or(inherited);
            transaction.isolation
        });
        let mut outcome = Outcome::default();
        if begin.consistent_snapshot {
            if isolation == Isolation::RepeatableRead {
                self.view(trx);
                self.engine(|engine| engine.transaction_mut(trx).entered_engine = true);
            } else {
                outcome.warnings.push(error::snapshot_ignored());
            }
        }
        Ok(outcome)
    }

    /// COMMIT of changes is refused on a server that became read-only meanwhile.
    fn rollback(&self) -> Result<Outcome, SqlError> {
        if let Some(trx) = self.session(|session| session.transaction)? {
            self.engine(|engine| engine.rollback(trx));
        }
        Ok(Outcome::default())
    }

    /// A savepoint replaces an older one of its name; outside of a transaction it does nothing.
    fn savepoint(&self, name: &Ident) -> Result<Outcome, SqlError> {
        let (autocommit, open) =
            self.session(|session| (session.autocommit, session.transaction.is_some()))?;
        if autocommit && !open {
            return Ok(Outcome::default());
        }
        let trx = self.transaction()?;
        self.engine(|engine| {
            let transaction = engine.transaction_mut(trx);
            if transaction.entered_binlog {
                transaction.events.push(Event::Savepoint { name: name.0.clone() });
            }
            let mark = transaction.mark();
            transaction.savepoints.retain(|(other, _)| !name.is(other));
            transaction.savepoints.push((name.0.clone(), mark));
        });
        Ok(Outcome::default())
    }

    fn rollback_to(&self, name: &Ident) -> Result<Outcome, SqlError> {
        let missing = || error::no_savepoint(name.as_str());
        let trx = self.session(|session| session.transaction)?.ok_or_else(missing)?;
        self.engine(|engine| {
            let transaction = engine.transaction_mut(trx);
            let at = transaction.savepoints.iter().position(|(other, _)| name.is(other));
            let at = at.ok_or_else(missing)?;
            let mark = transaction.savepoints[at].1;
            transaction.savepoints.truncate(at + 1);
            transaction.entered_binlog = mark.entered_binlog;
            if mark.entered_engine {
                engine.undo_to(trx, mark);
            } else {
                // The engine never heard of this savepoint: its part goes as a whole.
                engine.rollback_engine_part(trx);
            }
            Ok(Outcome::default())
        })
    }

    fn release(&self, name: &Ident) -> Result<Outcome, SqlError> {
        let missing = || error::no_savepoint(name.as_str());
        let trx = self.session(|session| session.transaction)?.ok_or_else(missing)?;
        self.engine(|engine| {
            let savepoints = &mut engine.transaction_mut(trx).savepoints;
            let at = savepoints.iter().position(|(other, _)| name.is(other)).ok_or_else(missing)?;
            savepoints.truncate(at);
            Ok(Outcome::default())
        })
    }

    fn use_database(&self, name: Option<&Ident>) -> Result<Outcome, SqlError> {
        let name = name.ok_or_else(error::no_database)?;
        if !self.engine(|engine| engine.has_database(name.as_str())) {
            return Err(error::unknown_database(name.as_str()));
        }
        self.session(|session| session.database = Some(name.0.clone()))?;
        Ok(Outcome::default())
    }

    /// The caller ends the statement or the connection: see
    /// [`crate::mysql::server::Server::take_kills`].
    fn kill(&self, query: bool, id: &Expr) -> Result<Outcome, SqlError> {
        let mut env = self.env()?;
        let id = match Program::compile(id, &NoColumns)?.run(&[], &mut env)? {
            Value::Int(id) => u64::try_from(id).unwrap_or(0),
            Value::Uint(id) => id,
            other => return Err(error::unknown_thread(other)),
        };
        self.engine(|engine| {
            let target = ConnectionId(id);
            if !engine.sessions.contains_key(&target) {
                return Err(error::unknown_thread(id));
            }
            engine.kills.push((target, query));
            Ok(Outcome::default())
        })
    }

    /// Statistics are none of the model's: the statement only says that all is well.
    fn analyze(&self, tables: &[TableName]) -> Result<Outcome, SqlError> {
        let columns = ["Table", "Op", "Msg_type", "Msg_text"].map(text_column).to_vec();
        let mut outcome = Outcome { columns: columns.into(), ..Outcome::default() };
        for table in tables {
            let path = self.path(table)?;
            let name = format!("{}.{}", path.0, path.1);
            let (kind, text) = match self.find(&path) {
                Ok(_) => ("status", "OK".to_string()),
                Err(error) => ("Error", error.message),
            };
            let row = [&name, "analyze", kind, &text].map(Value::text);
            outcome.rows.push(Arc::new(row));
        }
        Ok(outcome)
    }

    async fn lock_tables(
        &self,
        tables: &[(TableName, Option<Ident>, TableLock)],
    ) -> Result<Outcome, SqlError> {
        self.commit().await?;
        self.release_table_locks()?;
        if tables.iter().any(|(_, _, lock)| lock.is_write()) {
            self.check_writable()?;
        }
        let mut wanted: BTreeMap<TablePath, bool> = BTreeMap::new();
        for (name, _, lock) in tables {
            let path = self.path(name)?;
            self.find(&path)?;
            *wanted.entry(path).or_default() |= lock.is_write();
        }
        // In the order of names, as MySQL locks them: two sessions cannot meet head on.
        for (path, write) in &wanted {
            let mode = if *write { MetadataMode::NoReadWrite } else { MetadataMode::ReadOnly };
            if let Err(error) = self.lock_metadata(path, mode, Duration::Explicit).await {
                self.release_table_locks()?;
                return Err(error);
            }
            self.find(path)?;
        }
        self.session(|session| session.locked_tables = Some(wanted))?;
        Ok(Outcome::default())
    }

    async fn unlock_tables(&self) -> Result<Outcome, SqlError> {
        if self.session(|session| session.locked_tables.is_some())? {
            self.commit().await?;
            self.release_table_locks()?;
        }
        Ok(Outcome::default())
    }

    pub fn release_table_locks(&self) -> Result<(), SqlError> {
        let connection = self.connection;
        self.session(|session| session.locked_tables = None)?;
        self.engine(|engine| engine.metadata.release(connection, Duration::Explicit));
        Ok(())
    }
}

/// A result set's text column.
pub fn text_column(name: &str) -> crate::mysql::outcome::Column {
    crate::mysql::outcome::Column {
        name: Arc::from(name),
        table: None,
        original_table: None,
        kind: crate::eval::ColumnKind::new(crate::eval::Kind::Text),
        ty: None,
        not_null: false,
    }
}
