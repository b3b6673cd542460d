//! DELETE from one table.

use crate::mysql::binlog::RowChange;
use crate::mysql::execution::Run;
use crate::mysql::outcome::Outcome;
use crate::mysql::transaction::TrxId;
use crate::sql::ast::Delete;
use crate::sql_error::SqlError;

use super::change::Change;
use super::select::Locks;

impl Run {
    pub async fn delete(&self, delete: &Delete, trx: TrxId) -> Result<Outcome, SqlError> {
        if delete.with.is_some() {
            return Err(SqlError::not_supported("WITH in DELETE"));
        }
        if !delete.targets.is_empty() {
            return Box::pin(self.delete_joined(delete, trx)).await;
        }
        let tables = [self.single_table(&delete.tables).await?];
        let table = &tables[0];
        let (schema, alias) = (&table.opened.schema, &table.alias);
        self.check_not_read(schema, alias, Some("where clause"), delete.filter.iter())?;
        let context = || table.context();
        let subqueries = self.subqueries(delete.filter.iter(), context, trx, Locks::Share).await?;
        let change = Change {
            tables: &tables,
            filter: delete.filter.as_ref(),
            order_by: &delete.order_by,
            limit: delete.limit.as_ref(),
            update: None,
        };
        let mut scan = self.change_scan(&change, subqueries, trx)?;
        let mut outcome = Outcome::default();
        let mut event = None;
        while let Some(found) = self.next_to_change(&mut scan, trx).await? {
            self.delete_row(trx, &tables[0].opened, &found.key, &found.row).await?;
            self.follow(trx, &tables[0].opened, &found.row, None).await?;
            outcome.affected += 1;
            outcome.matched += 1;
            let change = RowChange { before: Some(found.row), after: None };
            self.log(trx, &tables[0].opened.schema, &mut event, change);
        }
        self.keep(&mut scan.env)?;
        outcome.warnings.append(&mut scan.env.warnings);
        Ok(outcome)
    }
}
