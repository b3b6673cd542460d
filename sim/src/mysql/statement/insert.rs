//! INSERT, REPLACE, and ON DUPLICATE KEY UPDATE.

use std::sync::Arc;

use crate::eval::{Env, Program, store};
use crate::mysql::binlog::RowChange;
use crate::mysql::durable::RedoRecord;
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::Key;
use crate::mysql::lock::mode::Mode;
use crate::mysql::metadata::MetadataMode;
use crate::mysql::outcome::Outcome;
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{Expr, Insert, InsertSource};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::build::zero_of;
use super::scope::{InScope, TableScope, constant_default};
use super::select::Locks;
use super::tables::Opened;
use super::write::{Written, same};

/// A statement's state over its rows.
struct Inserting<'a> {
    insert: &'a Insert,
    table: Opened,
    /// The table, and behind it the row that was to be inserted.
    scope: Vec<InScope>,
    /// The columns that the source gives, in its order.
    targets: Vec<usize>,
    env: Env,
    outcome: Outcome,
    /// Generated AUTO_INCREMENT values that are left of what the statement reserved.
    reserved: std::ops::Range<u64>,
    updates: Vec<(usize, Program)>,
    event: Option<usize>,
}

impl Run {
    pub async fn insert(&self, insert: &Insert, trx: TrxId) -> Result<Outcome, SqlError> {
        let table = self.open(&insert.table, MetadataMode::Write).await?;
        let mut inserting = self.prepare_insert(insert, table)?;
        let sources = match &insert.source {
            InsertSource::Values(rows) => {
                for (number, exprs) in rows.iter().enumerate() {
                    let row = self.row_of(&mut inserting, exprs, number + 1)?;
                    self.write_new(&mut inserting, trx, row, number + 1, rows.len() - number)
                        .await?;
                }
                None
            }
            InsertSource::Query(query) => {
                Some(self.select_rows(query, trx, Locks::InsertSelect).await?)
            }
        };
        for (number, values) in sources.into_iter().flat_map(|set| set.rows).enumerate() {
            let row = self.row_of_values(&mut inserting, &values, number + 1)?;
            self.write_new(&mut inserting, trx, row, number + 1, 1).await?;
        }
        self.keep(&mut inserting.env)?;
        let Inserting { mut outcome, mut env, .. } = inserting;
        outcome.warnings.append(&mut env.warnings);
        Ok(outcome)
    }

    fn prepare_insert<'a>(
        &self,
        insert: &'a Insert,
        table: Opened,
    ) -> Result<Inserting<'a>, SqlError> {
        let schema = &table.schema;
        let targets = match &insert.columns {
            Some(columns) if !columns.is_empty() || !is_default_row(insert) => {
                let mut targets = Vec::new();
                for name in columns {
                    let column = schema
                        .column(name.as_str())
                        .ok_or_else(|| SqlError::unknown_column(name.as_str(), "field list"))?;
                    if targets.contains(&column) {
                        return Err(error::specified_twice(name.as_str()));
                    }
                    targets.push(column);
                }
                targets
            }
            Some(_) => Vec::new(),
            None => (0..schema.columns.len()).filter(|at| !schema.columns[*at].invisible).collect(),
        };
        let alias = insert.alias.as_ref().map_or(schema.name.clone(), |alias| alias.0.clone());
        let width = schema.columns.len();
        let mut scope = vec![InScope {
            alias,
            opened: table.clone(),
            hints: Vec::new(),
            offset: 0,
            rows: None,
            lock: None,
        }];
        if let Some((alias, columns)) = &insert.row_alias {
            let mut opened = table.clone();
            if !columns.is_empty() {
                let mut renamed = (*opened.schema).clone();
                for (target, name) in targets.iter().zip(columns) {
                    renamed.columns[*target].name = name.0.clone();
                }
                opened.schema = Arc::new(renamed);
            }
            scope.push(InScope {
                alias: alias.0.clone(),
                opened,
                hints: Vec::new(),
                offset: width,
                rows: None,
                lock: None,
            });
        }
        let mut updates = Vec::new();
        for item in &insert.on_duplicate {
            let names =
                TableScope { inserted: Some(width), ..TableScope::new(&scope, "field list") };
            let column = TableScope::new(&scope[..1], "field list").find(&item.column)?.1;
            let value = match &item.value {
                Expr::Default(None) => Expr::Default(Some(item.column.clone())),
                value => value.clone(),
            };
            updates.push((column, Program::compile(&value, &names)?));
        }
        let mut env = self.env()?;
        env.strict_change = env.mode.strict && !insert.ignore;
        Ok(Inserting {
            insert,
            table,
            scope,
            targets,
            env,
            outcome: Outcome::default(),
            reserved: 0..0,
            updates,
            event: None,
        })
    }

    /// Evaluates a VALUES row. An expression may use the columns to its left.
    fn row_of(
        &self,
        inserting: &mut Inserting<'_>,
        exprs: &[Expr],
        number: usize,
    ) -> Result<Vec<Option<Value>>, SqlError> {
        let width = inserting.table.schema.columns.len();
        if exprs.len() != inserting.targets.len() {
            if exprs.is_empty() {
                return Ok(vec![None; width]);
            }
            return Err(error::value_count(number));
        }
        let mut row: Vec<Option<Value>> = vec![None; width];
        for (target, expr) in inserting.targets.clone().into_iter().zip(exprs) {
            if matches!(expr, Expr::Default(None)) {
                continue;
            }
            let scope = TableScope::new(&inserting.scope[..1], "field list");
            let program = Program::compile(expr, &scope)?;
            let left: Vec<Value> =
                row.iter().map(|value| value.clone().unwrap_or(Value::Null)).collect();
            let value = program.run(&left, &mut inserting.env)?;
            row[target] = Some(self.stored(inserting, target, value, number)?);
        }
        Ok(row)
    }

    fn row_of_values(
        &self,
        inserting: &mut Inserting<'_>,
        values: &[Value],
        number: usize,
    ) -> Result<Vec<Option<Value>>, SqlError> {
        if values.len() != inserting.targets.len() {
            return Err(error::value_count(number));
        }
        let mut row = vec![None; inserting.table.schema.columns.len()];
        for (target, value) in inserting.targets.clone().into_iter().zip(values) {
            row[target] = Some(self.stored(inserting, target, value.clone(), number)?);
        }
        Ok(row)
    }

    /// A value as its column takes it; NULL is checked when the row is whole.
    fn stored(
        &self,
        inserting: &mut Inserting<'_>,
        column: usize,
        value: Value,
        number: usize,
    ) -> Result<Value, SqlError> {
        let definition = &inserting.table.schema.columns[column];
        let strict = inserting.env.strict_change;
        let (value, warning) = store(&value, &definition.ty, &definition.name, number, strict)?;
        inserting.outcome.warnings.extend(warning);
        if value.is_null() && definition.not_null && !definition.auto_increment {
            let error = SqlError::bad_null(&definition.name);
            // IGNORE, and a multi-row insert that is not strict, store the type's zero.
            if !inserting.insert.ignore {
                return Err(error);
            }
            inserting.outcome.warnings.push(error);
            return zero_of(definition);
        }
        Ok(value)
    }

    /// Defaults, AUTO_INCREMENT; then the row goes in, or what a duplicate asks for happens.
    async fn write_new(
        &self,
        inserting: &mut Inserting<'_>,
        trx: TrxId,
        row: Vec<Option<Value>>,
        number: usize,
        rows_left: usize,
    ) -> Result<(), SqlError> {
        let row = self.complete(inserting, row, number, rows_left)?;
        let insert = inserting.insert;
        let overwrites = insert.replace || !insert.on_duplicate.is_empty();
        let check = if overwrites { Mode::X } else { Mode::S };
        let table = inserting.table.clone();
        self.engine(|engine| engine.transaction_mut(trx).intend(table.id, Mode::X));
        let mut replaced = 0;
        loop {
            let mark = self.engine(|engine| engine.transaction(trx).mark());
            match self.insert_row(trx, &table, &row, check).await? {
                Written::Done => {
                    inserting.outcome.affected += 1 + replaced;
                    inserting.outcome.matched += 1 + replaced;
                    let change = RowChange { before: None, after: Some(row.clone()) };
                    self.log(trx, &table.schema, &mut inserting.event, change);
                    self.note_explicit_value(inserting, &row);
                    return Ok(());
                }
                Written::Duplicate { index, key } => {
                    self.engine(|engine| engine.undo_to(trx, mark));
                    if insert.replace {
                        if self.overwrite(inserting, trx, index, &key, &row).await? {
                            inserting.outcome.affected += 2 + replaced;
                            inserting.outcome.matched += 2 + replaced;
                            return Ok(());
                        }
                        replaced += 1;
                    } else if overwrites {
                        return self.update_duplicate(inserting, trx, &key, &row, number).await;
                    } else {
                        let error = self.duplicate_error(&table, index, &row);
                        if !insert.ignore {
                            return Err(error);
                        }
                        inserting.outcome.warnings.push(error);
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The row with defaults and a generated value.
    fn complete(
        &self,
        inserting: &mut Inserting<'_>,
        row: Vec<Option<Value>>,
        number: usize,
        rows_left: usize,
    ) -> Result<Row, SqlError> {
        let schema = inserting.table.schema.clone();
        let mut complete = Vec::with_capacity(row.len());
        for (at, (value, column)) in row.into_iter().zip(&schema.columns).enumerate() {
            let value = match value {
                _ if column.auto_increment && asks_for_value(&value) => {
                    self.generate(inserting, rows_left)
                }
                Some(value) => value,
                None => {
                    let value = self.default_value(inserting, at)?;
                    store(&value, &column.ty, &column.name, number, true)?.0
                }
            };
            complete.push(value);
        }
        Ok(complete.into())
    }

    fn default_value(&self, inserting: &mut Inserting<'_>, at: usize) -> Result<Value, SqlError> {
        let column = &inserting.table.schema.columns[at];
        match &column.default {
            Some(Expr::Literal(_)) => constant_default(column),
            Some(default) => {
                let program = Program::compile(default, &crate::eval::NoColumns)?;
                program.run(&[], &mut inserting.env)
            }
            None if column.not_null => {
                let error = error::no_default(&column.name);
                if inserting.env.strict_change {
                    return Err(error);
                }
                inserting.outcome.warnings.push(error);
                zero_of(column)
            }
            None => Ok(Value::Null),
        }
    }

    /// The next AUTO_INCREMENT value. A statement reserves for all the rows that it has left, so
    /// that its values follow each other.
    fn generate(&self, inserting: &mut Inserting<'_>, rows_left: usize) -> Value {
        if inserting.reserved.is_empty() {
            let table = inserting.table.id;
            inserting.reserved = self.engine(|engine| {
                let counter = &mut engine.table_mut(table).auto_increment;
                let first = *counter;
                *counter = first.saturating_add(rows_left as u64);
                let next = *counter;
                engine.durable.redo.push(RedoRecord::AutoIncrement { table, next });
                first..next
            });
        }
        let value = inserting.reserved.start;
        inserting.reserved.start += 1;
        if inserting.outcome.last_insert_id == 0 {
            inserting.outcome.last_insert_id = value;
        }
        let unsigned = inserting
            .table
            .schema
            .columns
            .iter()
            .any(|column| column.auto_increment && column.ty.unsigned);
        if unsigned { Value::Uint(value) } else { Value::Int(value as i64) }
    }

    /// An explicit larger value pushes the counter.
    fn note_explicit_value(&self, inserting: &Inserting<'_>, row: &Row) {
        let Some(column) = inserting.table.schema.auto_increment() else { return };
        let value = match &row[column] {
            Value::Int(value) => u64::try_from(*value).unwrap_or(0),
            Value::Uint(value) => *value,
            _ => return,
        };
        let table = inserting.table.id;
        self.engine(|engine| {
            if engine.table(table).auto_increment <= value {
                let next = value.saturating_add(1);
                engine.table_mut(table).auto_increment = next;
                engine.durable.redo.push(RedoRecord::AutoIncrement { table, next });
            }
        });
    }

    /// REPLACE: the row in the way is changed into the new one where that was the last unique key
    /// (true), otherwise deleted.
    async fn overwrite(
        &self,
        inserting: &mut Inserting<'_>,
        trx: TrxId,
        index: usize,
        key: &Key,
        row: &Row,
    ) -> Result<bool, SqlError> {
        let table = inserting.table.clone();
        let Some(old) = self.lock_row(trx, &table, key).await? else { return Ok(false) };
        let later = &table.schema.indexes[index + 1..];
        if later.iter().all(|index| !index.unique) && !table.schema.has_hidden_row_id() {
            let mark = self.engine(|engine| engine.transaction(trx).mark());
            match self.update_row(trx, &table, key, &old, row, Mode::X).await? {
                Written::Done => {
                    let change = RowChange { before: Some(old), after: Some(row.clone()) };
                    self.log(trx, &table.schema, &mut inserting.event, change);
                    return Ok(true);
                }
                Written::Duplicate { .. } => self.engine(|engine| engine.undo_to(trx, mark)),
            }
        }
        self.delete_row(trx, &table, key, &old).await?;
        let change = RowChange { before: Some(old), after: None };
        self.log(trx, &table.schema, &mut inserting.event, change);
        Ok(false)
    }

    /// ON DUPLICATE KEY UPDATE of the row in the way.
    async fn update_duplicate(
        &self,
        inserting: &mut Inserting<'_>,
        trx: TrxId,
        key: &Key,
        row: &Row,
        number: usize,
    ) -> Result<(), SqlError> {
        let table = inserting.table.clone();
        let Some(old) = self.lock_row(trx, &table, key).await? else { return Ok(()) };
        let mut new = old.to_vec();
        let updates = std::mem::take(&mut inserting.updates);
        for (column, program) in &updates {
            // Assignments see what those before them have set.
            let both: Vec<Value> = new.iter().chain(row.iter()).cloned().collect();
            let value = program.run(&both, &mut inserting.env)?;
            new[*column] = self.stored(inserting, *column, value, number)?;
        }
        inserting.updates = updates;
        let new: Row = new.into();
        if same(&old, &new) {
            inserting.outcome.matched += 1;
            return Ok(());
        }
        let mark = self.engine(|engine| engine.transaction(trx).mark());
        match self.update_row(trx, &table, key, &old, &new, Mode::X).await? {
            Written::Done => {
                inserting.outcome.affected += 2;
                inserting.outcome.matched += 2;
                let change = RowChange { before: Some(old), after: Some(new) };
                self.log(trx, &table.schema, &mut inserting.event, change);
                Ok(())
            }
            Written::Duplicate { index, .. } => {
                self.engine(|engine| engine.undo_to(trx, mark));
                Err(self.duplicate_error(&table, index, &new))
            }
        }
    }
}

fn asks_for_value(value: &Option<Value>) -> bool {
    matches!(value, None | Some(Value::Null | Value::Int(0) | Value::Uint(0)))
}

/// `insert into t () values ()`.
fn is_default_row(insert: &Insert) -> bool {
    matches!(&insert.source, InsertSource::Values(rows) if rows.iter().all(Vec::is_empty))
}
