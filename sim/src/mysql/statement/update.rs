//! UPDATE of one table.
//!
//! A row is changed as soon as it is found, with its lock already held; where the statement
//! changes the index that it scans, the rows are found first, so that none is met twice.

use crate::eval::{Program, store};
use crate::mysql::binlog::RowChange;
use crate::mysql::cursor::Found;
use crate::mysql::execution::Run;
use crate::mysql::lock::mode::Mode;
use crate::mysql::metadata::MetadataMode;
use crate::mysql::outcome::Outcome;
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{Expr, TableExpr, Update};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::change::{Change, ChangeScan};
use super::scope::{InScope, TableScope};
use super::select::Locks;
use super::write::{Written, same};

impl Run {
    pub async fn update(&self, update: &Update, trx: TrxId) -> Result<Outcome, SqlError> {
        let table = self.single_table(&update.tables).await?;
        if update.with.is_some() {
            return Err(SqlError::not_supported("WITH in UPDATE"));
        }
        let tables = [table];
        let mut updating = Updating { outcome: Outcome::default(), event: None, set: Vec::new() };
        let exprs = update.set.iter().map(|item| &item.value).chain(&update.filter);
        let subqueries = self.subqueries(exprs, &tables, trx, Locks::Share).await?;
        for item in &update.set {
            let scope = TableScope::new(&tables, "field list").with(&subqueries);
            let column = scope.find(&item.column)?.1;
            let value = match &item.value {
                Expr::Default(None) => Expr::Default(Some(item.column.clone())),
                value => value.clone(),
            };
            updating.set.push((column, Program::compile(&value, &scope)?));
        }
        let assigned: Vec<usize> = updating.set.iter().map(|(column, _)| *column).collect();
        let change = Change {
            tables: &tables,
            filter: update.filter.as_ref(),
            order_by: &update.order_by,
            limit: update.limit.as_ref(),
            update: Some(&assigned),
            subqueries: &subqueries,
        };
        let mut scan = self.change_scan(&change, trx)?;
        scan.env.strict_change = scan.env.mode.strict && !update.ignore;
        while let Some(found) = self.next_to_change(&mut scan, trx).await? {
            self.update_found(update, &tables[0], &mut scan, &mut updating, trx, found).await?;
        }
        self.keep(&mut scan.env)?;
        updating.outcome.warnings.append(&mut scan.env.warnings);
        Ok(updating.outcome)
    }

    /// Opens the one table that a statement changes.
    pub async fn single_table(&self, tables: &[TableExpr]) -> Result<InScope, SqlError> {
        let [TableExpr::Table(table)] = tables else {
            return Err(SqlError::not_supported("multi-table UPDATE or DELETE"));
        };
        let opened = self.open(&table.name, MetadataMode::Write).await?;
        let alias = table.alias.as_ref().unwrap_or(&table.name.name).0.clone();
        Ok(InScope { alias, opened, hints: table.hints.clone(), offset: 0, rows: None })
    }

    async fn update_found(
        &self,
        update: &Update,
        table: &InScope,
        scan: &mut ChangeScan,
        updating: &mut Updating,
        trx: TrxId,
        found: Found,
    ) -> Result<(), SqlError> {
        let schema = &table.opened.schema;
        let mut new = found.row.to_vec();
        updating.outcome.matched += 1;
        let number = updating.outcome.matched as usize;
        for (column, program) in &updating.set {
            // Assignments see what those before them have set.
            let value = program.run(&new, &mut scan.env)?;
            let definition = &schema.columns[*column];
            let strict = scan.env.strict_change;
            let (value, warning) = store(&value, &definition.ty, &definition.name, number, strict)?;
            updating.outcome.warnings.extend(warning);
            if value.is_null() && definition.not_null {
                return Err(SqlError::bad_null(&definition.name));
            }
            new[*column] = value;
        }
        if same(&found.row, &new) {
            return Ok(());
        }
        self.touch_timestamps(table, updating, scan, &found.row, &mut new)?;
        let new: Row = new.into();
        let mark = self.engine(|engine| engine.transaction(trx).mark());
        let opened = &table.opened;
        match self.update_row(trx, opened, &found.key, &found.row, &new, Mode::S).await? {
            Written::Done => {
                updating.outcome.affected += 1;
                let change = RowChange { before: Some(found.row), after: Some(new) };
                self.log(trx, schema, &mut updating.event, change);
                Ok(())
            }
            Written::Duplicate { index, .. } => {
                self.engine(|engine| engine.undo_to(trx, mark));
                let error = self.duplicate_error(opened, index, &new);
                if !update.ignore {
                    return Err(error);
                }
                updating.outcome.warnings.push(error);
                Ok(())
            }
        }
    }

    /// ON UPDATE CURRENT_TIMESTAMP, for columns that the statement does not set.
    fn touch_timestamps(
        &self,
        table: &InScope,
        updating: &Updating,
        scan: &mut ChangeScan,
        old: &[Value],
        new: &mut [Value],
    ) -> Result<(), SqlError> {
        for (at, column) in table.opened.schema.columns.iter().enumerate() {
            let Some(on_update) = &column.on_update else { continue };
            if updating.set.iter().any(|(assigned, _)| *assigned == at) {
                continue;
            }
            let value =
                Program::compile(on_update, &crate::eval::NoColumns)?.run(old, &mut scan.env)?;
            new[at] = store(&value, &column.ty, &column.name, 1, true)?.0;
        }
        Ok(())
    }
}

struct Updating {
    outcome: Outcome,
    event: Option<usize>,
    set: Vec<(usize, Program)>,
}
