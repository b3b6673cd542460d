//! UPDATE of one table.
//!
//! A row is changed as soon as it is found, with its lock already held; where the statement
//! changes the index that it scans, the rows are found first, so that none is met twice.

use crate::eval::{Env, Program, dated, store};
use crate::mysql::binlog::RowChange;
use crate::mysql::cursor::Found;
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::Key;
use crate::mysql::lock::mode::Mode;
use crate::mysql::metadata::MetadataMode;
use crate::mysql::outcome::Outcome;
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{Expr, TableExpr, Update, UpdateItem, Wait};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::build::zero_of;
use super::change::{Change, ChangeScan};
use super::check::check_row;
use super::scope::{InScope, TableScope};
use super::select::Locks;
use super::tables::Opened;
use super::write::{Written, same};

impl Run {
    pub async fn update(&self, update: &Update, trx: TrxId) -> Result<Outcome, SqlError> {
        if update.with.is_some() {
            return Err(SqlError::not_supported("WITH in UPDATE"));
        }
        if !matches!(&update.tables[..], [TableExpr::Table(_)]) {
            return Box::pin(self.update_joined(update, trx)).await;
        }
        let table = self.single_table(&update.tables).await?;
        let exprs: Vec<&Expr> =
            update.set.iter().map(|item| &item.value).chain(&update.filter).collect();
        let (schema, alias) = (&table.opened.schema, &table.alias);
        let tables = std::slice::from_ref(&table);
        for item in &update.set {
            TableScope::new(tables, "field list").find(&item.column)?;
        }
        let values = update.set.iter().map(|item| &item.value);
        self.check_not_read(schema, alias, Some("where clause"), update.filter.iter())?;
        self.check_not_read(schema, alias, Some("field list"), values)?;
        let context = || table.context();
        let subqueries = self.subqueries(exprs.into_iter(), context, trx, Locks::Share).await?;
        let tables = [table];
        let mut updating = Updating { outcome: Outcome::default(), event: None, set: Vec::new() };
        for item in &update.set {
            let scope = TableScope::new(&tables, "field list").with(&subqueries);
            let column = scope.find(&item.column)?.1;
            let program = compiled(item, &scope).map_err(|error| {
                // The names of the condition are resolved before those of the values.
                let scope = TableScope::new(&tables, "where clause").with(&subqueries);
                let mut filter =
                    update.filter.iter().map(|filter| Program::compile(filter, &scope));
                filter.find_map(Result::err).unwrap_or(error)
            })?;
            updating.set.push(Assigned { column, program });
        }
        let assigned: Vec<usize> = updating.set.iter().map(|assigned| assigned.column).collect();
        let change = Change {
            tables: &tables,
            filter: update.filter.as_ref(),
            order_by: &update.order_by,
            limit: update.limit.as_ref(),
            update: Some(&assigned),
        };
        let mut scan = self.change_scan(&change, subqueries, trx)?;
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
        self.check_not_rebuilt(&opened)?;
        for name in table.hints.iter().flat_map(|hint| &hint.indexes) {
            if opened.schema.index(name.as_str()).is_none() {
                return Err(error::key_missing(name.as_str(), &opened.schema.name));
            }
        }
        let alias = table.alias.as_ref().unwrap_or(&table.name.name).0.clone();
        let lock = Some((Mode::X, Wait::Block));
        Ok(InScope { alias, opened, hints: table.hints.clone(), offset: 0, rows: None, lock })
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
        let mut new = found.row.to_vec();
        updating.outcome.matched += 1;
        let number = updating.outcome.matched as usize;
        for assigned in &updating.set {
            // Assignments see what those before them have set.
            let (env, subqueries) = (&mut scan.env, &scan.subqueries);
            let (column, outcome) = (assigned.column, &mut updating.outcome);
            let value = match &assigned.program {
                Ok(program) => self.value(program, &new, env, subqueries, trx).await?,
                Err(error) => no_default(table, column, error, env, outcome)?,
            };
            outcome.warnings.append(&mut scan.env.warnings);
            let env = &mut scan.env;
            new[column] = self.assigned_value(table, column, value, number, env, outcome)?;
        }
        if same(&found.row, &new) {
            return Ok(());
        }
        let assigned: Vec<usize> = updating.set.iter().map(|assigned| assigned.column).collect();
        self.touch_timestamps(table, &assigned, &mut scan.env, &found.row, &mut new)?;
        let Updating { outcome, event, .. } = updating;
        let (key, old, ignore) = (&found.key, found.row, update.ignore);
        self.write_updated(&table.opened, key, old, new, number, ignore, event, outcome, trx).await
    }

    /// A value as the column takes it; NULL for one that takes none is an error, or its zero.
    pub fn assigned_value(
        &self,
        table: &InScope,
        column: usize,
        value: Value,
        number: usize,
        env: &Env,
        outcome: &mut Outcome,
    ) -> Result<Value, SqlError> {
        let definition = &table.opened.schema.columns[column];
        let strict = env.strict_change;
        let value = dated(value, &definition.ty, env.now);
        let (value, warning) = store(&value, &definition.ty, &definition.name, number, strict)?;
        outcome.warnings.extend(warning);
        if value.is_null() && definition.not_null {
            let error = SqlError::bad_null(&definition.name);
            if strict {
                return Err(error);
            }
            outcome.warnings.push(error);
            return zero_of(definition);
        }
        Ok(value)
    }

    /// Puts a row's new version into the table.
    #[allow(clippy::too_many_arguments)]
    pub async fn write_updated(
        &self,
        opened: &Opened,
        key: &Key,
        old: Row,
        new: Vec<Value>,
        _number: usize,
        ignore: bool,
        event: &mut Option<usize>,
        outcome: &mut Outcome,
        trx: TrxId,
    ) -> Result<(), SqlError> {
        let mut env = self.env()?;
        env.strict_change = env.mode.strict && !ignore;
        if let Err(error) = check_row(&opened.schema, &new, &mut env) {
            if !ignore {
                return Err(error);
            }
            outcome.warnings.append(&mut env.warnings);
            outcome.warnings.push(error);
            return Ok(());
        }
        let new: Row = new.into();
        let mark = self.engine(|engine| engine.transaction(trx).mark());
        match self.update_row(trx, opened, key, &old, &new, Mode::S).await? {
            Written::Done => {
                self.check_parents(trx, opened, Some(&old), &new).await?;
                self.follow(trx, opened, &old, Some(&new)).await?;
                outcome.affected += 1;
                let change = RowChange { before: Some(old), after: Some(new) };
                self.log(trx, &opened.schema, event, change);
                Ok(())
            }
            Written::Duplicate { index, .. } => {
                self.engine(|engine| engine.undo_to(trx, mark));
                let error = self.duplicate_error(opened, index, &new);
                if !ignore {
                    return Err(error);
                }
                outcome.warnings.push(error);
                Ok(())
            }
        }
    }

    /// ON UPDATE CURRENT_TIMESTAMP, for columns that the statement does not set.
    pub fn touch_timestamps(
        &self,
        table: &InScope,
        assigned: &[usize],
        env: &mut Env,
        old: &[Value],
        new: &mut [Value],
    ) -> Result<(), SqlError> {
        for (at, column) in table.opened.schema.columns.iter().enumerate() {
            let Some(on_update) = &column.on_update else { continue };
            if assigned.contains(&at) {
                continue;
            }
            let value = Program::compile(on_update, &crate::eval::NoColumns)?.run(old, env)?;
            new[at] = store(&value, &column.ty, &column.name, 1, true)?.0;
        }
        Ok(())
    }
}

struct Updating {
    outcome: Outcome,
    event: Option<usize>,
    set: Vec<Assigned>,
}

/// `column = value`.
pub struct Assigned {
    pub column: usize,
    /// An error is only one where a row is to change.
    pub program: Result<Program, SqlError>,
}

/// DEFAULT of a column that has none: its zero, where that is no error.
pub fn no_default(
    table: &InScope,
    column: usize,
    error: &SqlError,
    env: &Env,
    outcome: &mut Outcome,
) -> Result<Value, SqlError> {
    if env.strict_change {
        return Err(error.clone());
    }
    outcome.warnings.push(error.clone());
    zero_of(&table.opened.schema.columns[column])
}

/// An assignment's right side. DEFAULT of a column that has none is no error before a row is found.
pub fn compiled(
    item: &UpdateItem,
    scope: &TableScope<'_>,
) -> Result<Result<Program, SqlError>, SqlError> {
    match Program::compile(&assignment(item), scope) {
        Err(error) if error.errno == 1364 => Ok(Err(error)),
        other => other.map(Ok),
    }
}

/// What an assignment's right side says; DEFAULT is that of its column.
pub fn assignment(item: &UpdateItem) -> Expr {
    match &item.value {
        Expr::Default(None) => Expr::Default(Some(item.column.clone())),
        value => value.clone(),
    }
}
