//! Opening a statement's tables: names, LOCK TABLES, metadata locks.

use std::sync::Arc;

use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::TableId;
use crate::mysql::metadata::{Duration, MetadataMode, TablePath};
use crate::mysql::schema;
use crate::sql::ast::TableName;
use crate::sql_error::SqlError;

/// A table that the statement may use until its transaction ends.
#[derive(Clone, Debug)]
pub struct Opened {
    pub id: TableId,
    pub schema: Arc<schema::Table>,
}

impl Run {
    /// The table's full name; 1046 where neither the name nor the session has a database.
    pub fn path(&self, name: &TableName) -> Result<TablePath, SqlError> {
        let database = match &name.qualifier {
            Some(qualifier) => qualifier.0.clone(),
            None => {
                self.session(|session| session.database.clone())?.ok_or_else(error::no_database)?
            }
        };
        Ok((database, name.name.0.clone()))
    }

    pub async fn open(&self, name: &TableName, mode: MetadataMode) -> Result<Opened, SqlError> {
        let path = self.path(name)?;
        self.check_locked_tables(&path, mode)?;
        self.find(&path)?;
        self.lock_metadata(&path, mode, Duration::Transaction).await?;
        // It may have gone while the statement waited.
        self.find(&path)
    }

    pub fn find(&self, path: &TablePath) -> Result<Opened, SqlError> {
        self.engine(|engine| {
            let database =
                engine.databases.get(&path.0).ok_or_else(|| error::unknown_database(&path.0))?;
            let missing = || error::no_such_table(&path.0, &path.1);
            let id = *database.tables.get(&path.1).ok_or_else(missing)?;
            Ok(Opened { id, schema: engine.table(id).schema.clone() })
        })
    }

    pub async fn lock_metadata(
        &self,
        path: &TablePath,
        mode: MetadataMode,
        duration: Duration,
    ) -> Result<(), SqlError> {
        let connection = self.connection;
        self.engine(|engine| {
            let table = engine.metadata.id_of(path);
            engine.request_metadata(connection, table, mode, duration);
        });
        self.wait_for_metadata().await
    }

    /// 1412: a table that was built anew keeps nothing that an older read view could see.
    pub fn check_not_rebuilt(&self, table: &Opened) -> Result<(), SqlError> {
        let trx = self.session(|session| session.transaction)?;
        let older = self.engine(|engine| {
            let transaction = trx.and_then(|trx| engine.transactions.get(&trx));
            transaction.is_some_and(|own| own.is_older_than(engine.table(table.id).since))
        });
        if older { Err(error::definition_changed()) } else { Ok(()) }
    }

    /// Under LOCK TABLES a session has those tables and no others.
    pub fn check_locked_tables(
        &self,
        path: &TablePath,
        mode: MetadataMode,
    ) -> Result<(), SqlError> {
        let locked = self.session(|session| {
            session.locked_tables.as_ref().map(|tables| tables.get(path).copied())
        })?;
        match locked {
            None | Some(Some(true)) => Ok(()),
            Some(Some(false)) if mode == MetadataMode::Read => Ok(()),
            Some(Some(false)) => Err(error::locked_for_read(&path.1)),
            Some(None) => Err(error::not_locked(&path.1)),
        }
    }
}
