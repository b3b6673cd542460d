//! A replica's applier: a source's transaction done again, under the source's GTID.
//!
//! Rows are found by their clustered key where the table has one, otherwise by a search for the
//! whole before image. The applier takes the row locks that a statement by primary key would take.

use std::sync::Arc;

use crate::mysql::binlog::{BinlogTransaction, Event, RowChange, RowsEvent};
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::Key;
use crate::mysql::lock::mode::Mode;
use crate::mysql::metadata::MetadataMode;
use crate::mysql::outcome::Outcome;
use crate::mysql::transaction::{Isolation, TrxId};
use crate::sql::ast::TableName;
use crate::sql_error::SqlError;
use crate::value::Row;

use super::tables::Opened;
use super::write::Written;

pub(in crate::mysql) async fn apply(
    run: Run,
    transaction: Arc<BinlogTransaction>,
) -> Result<Outcome, SqlError> {
    // What is executed already is skipped, as auto-positioning does.
    if run.engine(|engine| engine.executed.contains(transaction.gtid)) {
        return Ok(Outcome::default());
    }
    run.commit().await?;
    let definition = transaction.events.iter().find_map(|event| match event {
        Event::Query { database, statement, .. } => Some((database.clone(), statement.clone())),
        Event::Rows(_) | Event::Savepoint { .. } => None,
    });
    if let Some((database, statement)) = definition {
        run.session(|session| {
            session.database = database;
            session.next_gtid = Some(transaction.gtid);
        })?;
        let result = Box::pin(run.define(&statement)).await;
        run.session(|session| session.next_gtid = None)?;
        return result;
    }
    let trx = run.transaction()?;
    run.engine(|engine| {
        let own = engine.transaction_mut(trx);
        own.explicit = true;
        own.isolation = Isolation::ReadCommitted;
        own.gtid = Some(transaction.gtid);
    });
    let mut outcome = Outcome::default();
    for event in &transaction.events {
        let Event::Rows(rows) = event else {
            run.engine(|engine| engine.transaction_mut(trx).events.push(event.clone()));
            continue;
        };
        if let Err(error) = run.apply_rows(trx, rows, &mut outcome).await {
            run.engine(|engine| engine.rollback(trx));
            return Err(error);
        }
    }
    run.commit_transaction(trx, Vec::new()).await?;
    Ok(outcome)
}

impl Run {
    async fn apply_rows(
        &self,
        trx: TrxId,
        rows: &RowsEvent,
        outcome: &mut Outcome,
    ) -> Result<(), SqlError> {
        let name = TableName {
            qualifier: Some((&*rows.table.database).into()),
            name: (&*rows.table.name).into(),
        };
        let table = self.open(&name, MetadataMode::Write).await?;
        let mut event = None;
        for change in &rows.changes {
            self.apply_change(trx, &table, change).await?;
            // What a key does to children is in no event.
            if let (Some(before), false) = (&change.before, rows.foreign_key_checks_off) {
                self.follow(trx, &table, before, change.after.as_ref()).await?;
            }
            self.log(trx, &table.schema, &mut event, change.clone());
            outcome.affected += 1;
        }
        Ok(())
    }

    async fn apply_change(
        &self,
        trx: TrxId,
        table: &Opened,
        change: &RowChange,
    ) -> Result<(), SqlError> {
        let missing = || error::row_not_found(&table.schema.name);
        let old = match &change.before {
            Some(before) => {
                let key = self.find_row(table, before).ok_or_else(missing)?;
                let row = self.lock_row(trx, table, &key).await?.ok_or_else(missing)?;
                Some((key, row))
            }
            None => None,
        };
        let written = match (old, &change.after) {
            (None, Some(new)) => self.insert_row(trx, table, new, Mode::S).await?,
            (Some((key, row)), Some(new)) => {
                self.update_row(trx, table, &key, &row, new, Mode::S).await?
            }
            (Some((key, row)), None) => {
                self.delete_row(trx, table, &key, &row).await?;
                Written::Done
            }
            (None, None) => Written::Done,
        };
        match written {
            Written::Done => Ok(()),
            Written::Duplicate { index, .. } => {
                let row = change.after.as_ref().ok_or_else(missing)?;
                Err(self.duplicate_error(table, index, row))
            }
        }
    }

    fn find_row(&self, table: &Opened, before: &Row) -> Option<Key> {
        if !table.schema.has_hidden_row_id() {
            return Some(table.schema.key_of_row(0, before));
        }
        self.engine(|engine| {
            let mut records = engine.table(table.id).records();
            let found = records.find(|(_, record)| {
                let newest = record.newest();
                !newest.deleted && newest.row == *before
            });
            found.map(|(key, _)| key.clone())
        })
    }
}
