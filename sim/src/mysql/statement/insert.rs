//! INSERT, REPLACE, and ON DUPLICATE KEY UPDATE.

use std::sync::Arc;

use crate::eval::{Env, Program, dated, store};
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
use super::check::check_row;
use super::plan::Loops;
use super::prepared::Prepared;
use super::scope::{InScope, TableScope, constant_default};
use super::select::{Locks, PreparedSelect};
use super::subquery::{Subquery, results};
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
    automatic: Automatic,
    /// Rows that a CHECK turned away; those behind them are counted without them.
    turned_away: usize,
    updates: Vec<(usize, Program)>,
    subqueries: Vec<Subquery>,
    event: Option<usize>,
}

impl Run {
    pub async fn insert(&self, insert: &Insert, trx: TrxId) -> Result<Outcome, SqlError> {
        let table = self.open(&insert.table, MetadataMode::Write).await?;
        let exprs: Vec<&Expr> = match &insert.source {
            InsertSource::Values(rows) => rows.iter().flatten().collect(),
            InsertSource::Query(_) => Vec::new(),
        };
        let updates = insert.on_duplicate.iter().map(|item| &item.value);
        let exprs: Vec<&Expr> = exprs.into_iter().chain(updates).collect();
        let alias = insert.alias.as_ref().map_or(table.schema.name.clone(), |own| own.0.clone());
        self.check_not_read(&table.schema, &alias, Some("field list"), exprs.iter().copied())?;
        let in_scope = InScope {
            alias,
            opened: table.clone(),
            hints: Vec::new(),
            offset: 0,
            rows: None,
            lock: None,
        };
        let context = || in_scope.context();
        let subqueries =
            self.subqueries(exprs.into_iter(), context, trx, Locks::InsertSelect).await?;
        let mut inserting = self.prepare_insert(insert, table, subqueries)?;
        let sources = match &insert.source {
            InsertSource::Values(rows) => {
                for (number, exprs) in rows.iter().enumerate() {
                    let number = number + 1 - inserting.turned_away;
                    let row = self.row_of(&mut inserting, trx, exprs, number).await?;
                    self.write_new(&mut inserting, trx, row, number).await?;
                }
                None
            }
            InsertSource::Query(query) => {
                let prepared = self.prepare(query, None, trx, Locks::InsertSelect).await?;
                if prepared.columns().len() != inserting.targets.len() {
                    return Err(error::value_count(1));
                }
                match &prepared {
                    Prepared::Select(select) if streams_into(select, &inserting.table) => {
                        self.insert_streamed(&mut inserting, select, trx).await?;
                        None
                    }
                    _ => {
                        let mut found = self.run_prepared(&prepared, &[], trx, u64::MAX).await?;
                        inserting.outcome.warnings.append(&mut found.warnings);
                        Some(found)
                    }
                }
            }
        };
        for (number, values) in sources.into_iter().flat_map(|set| set.rows).enumerate() {
            let number = number + 1 - inserting.turned_away;
            let row = self.row_of_values(&mut inserting, &values, number)?;
            self.write_new(&mut inserting, trx, row, number).await?;
        }
        self.keep(&mut inserting.env)?;
        let Inserting { mut outcome, mut env, .. } = inserting;
        // A row of a SELECT is forgotten before the next one comes.
        let queried = matches!(insert.source, InsertSource::Query(_));
        let forgotten = queried && !insert.on_duplicate.is_empty();
        if (outcome.affected == 0 || forgotten) && !outcome.generated {
            outcome.last_insert_id = 0;
        }
        outcome.warnings.append(&mut env.warnings);
        Ok(outcome)
    }

    /// Inserts each row of a SELECT before the next one is read and locked.
    async fn insert_streamed(
        &self,
        inserting: &mut Inserting<'_>,
        select: &PreparedSelect,
        trx: TrxId,
    ) -> Result<(), SqlError> {
        let mut env = self.env()?;
        env.subqueries = results(&select.from.subqueries);
        let mut loops = Loops::new(select, &[]);
        let mut number = 0;
        while let Some(values) = self.next_output(&mut loops, &mut env, trx).await? {
            number += 1;
            inserting.outcome.warnings.append(&mut env.warnings);
            let row = self.row_of_values(inserting, &values, number)?;
            self.write_new(inserting, trx, row, number).await?;
        }
        inserting.outcome.warnings.append(&mut env.warnings);
        self.keep(&mut env)
    }

    fn prepare_insert<'a>(
        &self,
        insert: &'a Insert,
        table: Opened,
        subqueries: Vec<Subquery>,
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
            let mut renamed = (*opened.schema).clone();
            for (at, column) in renamed.columns.iter_mut().enumerate() {
                match targets.iter().position(|target| *target == at) {
                    Some(place) => {
                        if let Some(name) = columns.get(place) {
                            column.name = name.0.clone();
                        }
                    }
                    // The alias stands for what is inserted, and knows no other columns.
                    None => column.name = "".into(),
                }
            }
            opened.schema = Arc::new(renamed);
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
            let names = names.with(&subqueries);
            let column = TableScope::new(&scope[..1], "field list").find(&item.column)?.1;
            let value = match &item.value {
                Expr::Default(None) => Expr::Default(Some(item.column.clone())),
                value => value.clone(),
            };
            let program =
                Program::compile(&value, &names).map_err(|error| match &insert.source {
                    // The columns of the source's tables may be named here too.
                    InsertSource::Query(_) if error.errno == 1054 => {
                        SqlError::not_supported("columns of the SELECT in ON DUPLICATE KEY UPDATE")
                    }
                    _ => error,
                })?;
            updates.push((column, program));
        }
        let rows = match &insert.source {
            InsertSource::Values(rows) => rows.len(),
            InsertSource::Query(_) => 0,
        };
        let mut env = self.env()?;
        env.subqueries = results(&subqueries);
        env.strict_change = env.mode.strict && !insert.ignore;
        Ok(Inserting {
            insert,
            table,
            scope,
            targets,
            env,
            outcome: Outcome::default(),
            automatic: Automatic { rows: rows as u64, ..Automatic::default() },
            turned_away: 0,
            updates,
            subqueries,
            event: None,
        })
    }

    /// Evaluates a VALUES row. An expression may use the columns to its left.
    async fn row_of(
        &self,
        inserting: &mut Inserting<'_>,
        trx: TrxId,
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
                let column = &inserting.table.schema.columns[target];
                if !column.auto_increment {
                    let value = match self.default_value(inserting, target) {
                        // Said of each row, unlike of columns that are not listed.
                        Err(error) if error.errno == 1364 && !inserting.env.strict_change => {
                            inserting.outcome.warnings.push(error);
                            zero_of(&inserting.table.schema.columns[target])?
                        }
                        other => other?,
                    };
                    row[target] = Some(self.stored(inserting, target, value, number)?);
                }
                continue;
            }
            let scope = TableScope::new(&inserting.scope[..1], "field list");
            let program = Program::compile(expr, &scope.with(&inserting.subqueries))?;
            let left: Vec<Value> =
                row.iter().map(|value| value.clone().unwrap_or(Value::Null)).collect();
            let (env, subqueries) = (&mut inserting.env, &inserting.subqueries);
            let value = self.value(&program, &left, env, subqueries, trx).await?;
            inserting.outcome.warnings.append(&mut inserting.env.warnings);
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
        let value = dated(value, &definition.ty, inserting.env.now);
        let (value, warning) = store(&value, &definition.ty, &definition.name, number, strict)?;
        inserting.outcome.warnings.extend(warning);
        if value.is_null() && definition.not_null && !definition.auto_increment {
            let error = SqlError::bad_null(&definition.name);
            // IGNORE, and a multi-row insert that is not strict, store the type's zero.
            let lenient = match &inserting.insert.source {
                InsertSource::Values(rows) => 1 < rows.len() && !strict,
                InsertSource::Query(_) => !strict,
            };
            if !inserting.insert.ignore && !lenient {
                return Err(error);
            }
            inserting.outcome.warn_once(error);
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
    ) -> Result<(), SqlError> {
        let (mut row, automatic) = self.complete(inserting, row, number)?;
        let insert = inserting.insert;
        let schema = inserting.table.schema.clone();
        // What a check refuses takes no value: no check may name the generated column.
        if let Err(error) = check_row(&schema, &row, &mut inserting.env) {
            if !insert.ignore {
                return Err(error);
            }
            inserting.outcome.warnings.append(&mut inserting.env.warnings);
            inserting.outcome.warnings.push(error);
            inserting.turned_away += 1;
            inserting.note_last(&row);
            return Ok(());
        }
        let before = inserting.automatic.next;
        inserting.automatic.given = None;
        if let Some(at) = automatic {
            row[at] = self.generate(inserting);
        } else if let Some(at) = schema.auto_increment() {
            inserting.automatic.note(&row[at]);
        }
        inserting.note_last(&row);
        let row: Row = row.into();
        let overwrites = insert.replace || !insert.on_duplicate.is_empty();
        let check = if overwrites { Mode::X } else { Mode::S };
        let table = inserting.table.clone();
        self.engine(|engine| engine.transaction_mut(trx).intend(table.id, Mode::X));
        let mut replaced = 0;
        loop {
            let mark = self.engine(|engine| engine.transaction(trx).mark());
            let written = self.insert_row(trx, &table, &row, check).await?;
            inserting.automatic.left = inserting.automatic.left.saturating_sub(1);
            match written {
                Written::Done => {
                    self.check_parents(trx, &table, None, &row).await?;
                    inserting.count(1 + replaced);
                    let change = RowChange { before: None, after: Some(row.clone()) };
                    self.log(trx, &table.schema, &mut inserting.event, change);
                    self.note_explicit_value(inserting, &row);
                    self.note_first(inserting)?;
                    return Ok(());
                }
                Written::Duplicate { index, key } => {
                    self.engine(|engine| engine.undo_to(trx, mark));
                    // InnoDB's `write_row` leaves its counter alone for any other INSERT.
                    if insert.replace || matches!(insert.source, InsertSource::Query(_)) {
                        self.note_explicit_value(inserting, &row);
                    }
                    if insert.replace {
                        let changed = self.overwrite(inserting, trx, index, &key, &row).await?;
                        if let Some(rows) = changed {
                            inserting.count(rows + replaced);
                            self.note_first(inserting)?;
                            return Ok(());
                        }
                        replaced += 1;
                    } else if overwrites {
                        let updated =
                            self.update_duplicate(inserting, trx, &key, &row, number).await;
                        inserting.give_back(before);
                        return updated;
                    } else {
                        let error = self.duplicate_error(&table, index, &row);
                        if !insert.ignore {
                            return Err(error);
                        }
                        inserting.outcome.warnings.push(error);
                        inserting.give_back(before);
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The first generated value that goes in names the statement's, even where the statement fails
    /// in the end.
    fn note_first(&self, inserting: &mut Inserting<'_>) -> Result<(), SqlError> {
        let outcome = &mut inserting.outcome;
        let Some(id) = inserting.automatic.given.filter(|_| !outcome.generated) else {
            return Ok(());
        };
        outcome.last_insert_id = id;
        outcome.generated = true;
        self.session(|session| session.last_insert_id = id)
    }

    /// The row with its defaults, and the place of a value that is still to be generated.
    fn complete(
        &self,
        inserting: &mut Inserting<'_>,
        row: Vec<Option<Value>>,
        number: usize,
    ) -> Result<(Vec<Value>, Option<usize>), SqlError> {
        let schema = inserting.table.schema.clone();
        let mut complete = Vec::with_capacity(row.len());
        let mut automatic: Option<usize> = None;
        for (at, (value, column)) in row.into_iter().zip(&schema.columns).enumerate() {
            let value = match value {
                _ if column.auto_increment && asks_for_value(&value) => {
                    automatic = Some(at);
                    Value::Null
                }
                Some(value) => value,
                None => {
                    let value = match self.default_value(inserting, at) {
                        Err(error) if error.errno == 1364 && !inserting.env.strict_change => {
                            inserting.outcome.warn_once(error);
                            zero_of(column)?
                        }
                        other => other?,
                    };
                    store(&value, &column.ty, &column.name, number, true)?.0
                }
            };
            complete.push(value);
        }
        Ok((complete, automatic))
    }

    fn default_value(&self, inserting: &mut Inserting<'_>, at: usize) -> Result<Value, SqlError> {
        let column = &inserting.table.schema.columns[at];
        match &column.default {
            Some(Expr::Literal(_)) => constant_default(column),
            Some(default) => {
                let program = Program::compile(default, &crate::eval::NoColumns)?;
                program.run(&[], &mut inserting.env)
            }
            None if column.not_null || column.no_default => Err(error::no_default(&column.name)),
            None => Ok(Value::Null),
        }
    }

    /// The next AUTO_INCREMENT value.
    fn generate(&self, inserting: &mut Inserting<'_>) -> Value {
        let table = inserting.table.id;
        let automatic = &mut inserting.automatic;
        if automatic.end <= automatic.next {
            self.engine(|engine| {
                let counter = &mut engine.table_mut(table).auto_increment;
                automatic.reserve(counter);
                let next = *counter;
                engine.durable.redo.push(RedoRecord::AutoIncrement { table, next });
            });
        }
        let value = automatic.next;
        automatic.next = value.saturating_add(1);
        inserting.automatic.given = Some(value);
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
        if let Some(column) = inserting.table.schema.auto_increment() {
            self.push_automatic(&inserting.table, &row[column]);
        }
    }

    /// REPLACE: the row in the way is changed into the new one where that was the last unique key
    /// (and counts as two rows, or one where it is the same), otherwise deleted. One that children
    /// refer to is always deleted.
    async fn overwrite(
        &self,
        inserting: &mut Inserting<'_>,
        trx: TrxId,
        index: usize,
        key: &Key,
        row: &Row,
    ) -> Result<Option<u64>, SqlError> {
        let table = inserting.table.clone();
        let Some(old) = self.lock_row(trx, &table, key).await? else { return Ok(None) };
        let later = &table.schema.indexes[index + 1..];
        let deletes = self.is_parent(&table.schema);
        if !deletes && later.iter().all(|index| !index.unique) {
            if same(&old, row) {
                return Ok(Some(1));
            }
            let mark = self.engine(|engine| engine.transaction(trx).mark());
            match self.update_row(trx, &table, key, &old, row, Mode::X).await? {
                Written::Done => {
                    self.check_parents(trx, &table, Some(&old), row).await?;
                    self.follow(trx, &table, &old, Some(row)).await?;
                    let change = RowChange { before: Some(old), after: Some(row.clone()) };
                    self.log(trx, &table.schema, &mut inserting.event, change);
                    return Ok(Some(2));
                }
                Written::Duplicate { .. } => self.engine(|engine| engine.undo_to(trx, mark)),
            }
        }
        self.delete_row(trx, &table, key, &old).await?;
        self.follow(trx, &table, &old, None).await?;
        let change = RowChange { before: Some(old), after: None };
        self.log(trx, &table.schema, &mut inserting.event, change);
        Ok(None)
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
            let (env, subqueries) = (&mut inserting.env, &inserting.subqueries);
            let value = self.value(program, &both, env, subqueries, trx).await?;
            new[*column] = self.stored(inserting, *column, value, number)?;
        }
        inserting.updates = updates;
        let new: Row = new.into();
        inserting.note_last(&new);
        if let Some(column) = table.schema.auto_increment() {
            inserting.automatic.note(&new[column]);
        }
        if same(&old, &new) {
            inserting.outcome.matched += 1;
            return Ok(());
        }
        if let Err(error) = check_row(&table.schema, &new, &mut inserting.env) {
            if !inserting.insert.ignore {
                return Err(error);
            }
            inserting.outcome.warnings.push(error);
            return Ok(());
        }
        let mark = self.engine(|engine| engine.transaction(trx).mark());
        match self.update_row(trx, &table, key, &old, &new, Mode::X).await? {
            Written::Done => {
                self.check_parents(trx, &table, Some(&old), &new).await?;
                self.follow(trx, &table, &old, Some(&new)).await?;
                inserting.count(2);
                self.note_explicit_value(inserting, &new);
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

/// A SELECT that reads the table itself is read to its end first.
fn streams_into(select: &PreparedSelect, table: &Opened) -> bool {
    let reads = |other: &InScope| other.rows.is_none() && other.opened.id == table.id;
    let nested = select.from.subqueries.is_empty();
    select.streams() && nested && !select.from.tables.iter().any(reads)
}

impl Inserting<'_> {
    fn count(&mut self, rows: u64) {
        self.outcome.affected += rows;
        self.outcome.matched += rows;
    }

    /// The value of the row at hand: the last one is the OK packet's where none was generated.
    fn note_last(&mut self, row: &[Value]) {
        let Some(column) = self.table.schema.auto_increment() else { return };
        if !self.outcome.generated {
            self.outcome.last_insert_id = match &row[column] {
                Value::Int(value) => *value as u64,
                Value::Uint(value) => *value,
                _ => 0,
            };
        }
    }

    /// A value that was generated and not used is the next row's.
    fn give_back(&mut self, before: u64) {
        self.automatic.next = match before {
            0 => self.automatic.given.unwrap_or(0),
            before => before,
        };
    }
}

/// The AUTO_INCREMENT values that a statement has reserved: see MySQL's
/// `handler::update_auto_increment` and InnoDB's `get_auto_increment`.
#[derive(Debug, Default)]
struct Automatic {
    /// The rows that VALUES has; none where nobody knows.
    rows: u64,
    /// Rows that the last reservation was for and that are still to come.
    left: u64,
    next: u64,
    end: u64,
    reservations: u32,
    /// What the row at hand was given.
    given: Option<u64>,
}

impl Automatic {
    /// Reserves values: for all rows at once, or twice as many each time where their number is
    /// not known.
    fn reserve(&mut self, counter: &mut u64) {
        let mut first = self.next.max(1);
        if self.left == 0 {
            let guess = 1 << self.reservations.min(16);
            self.left = if self.reservations == 0 && 0 < self.rows { self.rows } else { guess };
            first = first.max(*counter);
        }
        self.reservations += 1;
        self.next = first;
        self.end = first.saturating_add(self.left);
        *counter = (*counter).max(self.end);
    }

    /// An explicit value pushes those that follow it in the statement.
    fn note(&mut self, value: &Value) {
        let value = match value {
            Value::Int(value) => u64::try_from(*value).unwrap_or(0),
            Value::Uint(value) => *value,
            _ => 0,
        };
        if 0 < self.next && self.next <= value {
            self.next = value.saturating_add(1);
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
