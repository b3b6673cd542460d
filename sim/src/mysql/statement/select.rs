//! SELECT: nested loops over accesses, then grouping, ordering, limits.
//!
//! A plain SELECT reads a snapshot and locks nothing; FOR UPDATE, FOR SHARE, a SELECT inside of
//! INSERT at REPEATABLE READ, and every SELECT of a SERIALIZABLE transaction read the newest rows
//! and lock what they visit. Tables are joined in the order in which they are written, but for a
//! RIGHT JOIN, whose right side is read first.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::eval::{ColumnKind, Env, NoColumns, Program};
use crate::mysql::cursor::{Cursor, Locking, Pushed, Reading};
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::IndexId;
use crate::mysql::lock::mode::Mode;
use crate::mysql::outcome::{Column, Outcome};
use crate::mysql::transaction::{Isolation, TrxId};
use crate::sql::ast::{
    Aggregate, AggregateKind, Expr, Limit, Literal, Lock, Query, Select, SelectFlag, SelectItem,
    Wait,
};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::access::{self, Access, Kind};
use super::join::From;
use super::plan::{
    Groups, Level, Loops, Plan, Source, Step, cut, exprs_of, nests_subqueries, row_key, skip_nulls,
};
use super::prepared::Prepared;
use super::reader::{Outer, is_impossible};
use super::scope::{Context, InScope, TableScope};
use super::subquery::results;
use super::titles;

/// What a SELECT locks beyond what it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locks {
    Own,
    /// The source of INSERT .. SELECT: shared from REPEATABLE READ on.
    InsertSelect,
    /// A subquery of UPDATE or DELETE: shared at every level.
    Share,
}

/// A SELECT, ready to run.
#[derive(Debug)]
pub struct PreparedSelect {
    pub from: From,
    pub plan: Plan,
    /// Where its own columns begin in a row.
    pub base: usize,
    outer: Option<Arc<Context>>,
    aggregates: Vec<(Aggregate, ColumnKind)>,
    grouped: bool,
    distinct: bool,
    counts_all: bool,
    limit: Option<Limit>,
    /// The one index end that MIN or MAX reads.
    pub(super) extreme: Option<(usize, bool)>,
}

impl PreparedSelect {
    /// Are its rows given one by one, as they are read?
    pub fn streams(&self) -> bool {
        let in_order = self.plan.order.is_empty() || self.plan.follows.is_some();
        in_order && !self.grouped && !self.distinct && self.limit.is_none()
    }

    pub fn outer(&self) -> Option<&Context> {
        self.outer.as_deref()
    }
}

impl Run {
    pub async fn query(&self, query: &Query) -> Result<Outcome, SqlError> {
        let constant = matches!(query, Query::Select(select)
            if select.from.is_empty() && !exprs_of(select).into_iter().any(nests_subqueries));
        let outcome = match constant {
            // Nothing is read, and no transaction begins.
            true => self.select_rows(query, TrxId(0), Locks::Own).await?,
            false => self.in_transaction(|trx| self.select_rows(query, trx, Locks::Own)).await?,
        };
        let found = outcome.matched;
        self.session(|session| session.found_rows = found)?;
        let mut outcome = Outcome { matched: 0, ..outcome };
        self.entitle(query, &mut outcome);
        Ok(outcome)
    }

    /// Gives the columns of expressions the names that the text gives them.
    fn entitle(&self, query: &Query, outcome: &mut Outcome) {
        let mut first = query;
        while let Query::Union(union) = first {
            first = &union.left;
        }
        let (Query::Select(select), Some(text)) = (first, &self.text) else { return };
        let Some(texts) = titles::item_texts(text) else { return };
        let stars = select.items.iter().any(|item| matches!(item, SelectItem::Star(_)));
        if stars || texts.len() != select.items.len() || texts.len() != outcome.columns.len() {
            return;
        }
        let columns = Arc::make_mut(&mut outcome.columns);
        for ((item, text), column) in select.items.iter().zip(texts).zip(columns) {
            let SelectItem::Expr { expr, alias: None } = item else { continue };
            match expr {
                Expr::Column(_) | Expr::Literal(Literal::String(_)) => {}
                Expr::Literal(Literal::Introduced { .. }) => {}
                Expr::Literal(Literal::Null) => column.name = "NULL".into(),
                Expr::Literal(Literal::Bool(on)) => {
                    column.name = if *on { "TRUE" } else { "FALSE" }.into();
                }
                _ => column.name = text,
            }
        }
    }

    /// Runs a query inside of the statement's transaction.
    pub async fn select_rows(
        &self,
        query: &Query,
        trx: TrxId,
        locks: Locks,
    ) -> Result<Outcome, SqlError> {
        let mut prepared = self.prepare(query, None, trx, locks).await?;
        let mut outcome = self.run_prepared(&prepared, &[], trx, u64::MAX).await?;
        if let Prepared::Select(select) = &mut prepared {
            outcome.columns = std::mem::take(&mut select.plan.columns).into();
        }
        Ok(outcome)
    }

    pub async fn prepare_select(
        &self,
        select: &Select,
        outer: Option<Arc<Context>>,
        trx: TrxId,
        locks: Locks,
    ) -> Result<PreparedSelect, SqlError> {
        if select.with.is_some()
            || !select.windows.is_empty()
            || select.rollup
            || select.into.is_some()
        {
            return Err(SqlError::not_supported("WITH, WINDOW, ROLLUP or INTO"));
        }
        let base = outer.as_ref().map_or(0, |outer| outer.width());
        let lock = match select.from.is_empty() {
            true => None,
            false => self.lock_of(select, trx, locks),
        };
        let mut from = self.from(&select.from, base, lock, trx, locks).await?;
        let context = || Context {
            tables: from.tables.clone(),
            visible: from.visible.clone(),
            outer: outer.clone(),
        };
        let exprs = exprs_of(select);
        from.subqueries = self.subqueries(exprs.into_iter(), context, trx, locks).await?;
        let aggregates = RefCell::new(Vec::new());
        let plan = self.plan(select, &from, base, outer.as_deref(), &aggregates)?;
        let aggregates = aggregates.into_inner();
        let grouped = !select.group_by.is_empty() || !aggregates.is_empty();
        let mut prepared = PreparedSelect {
            from,
            plan,
            base,
            outer,
            aggregates,
            grouped,
            distinct: select.distinct,
            counts_all: select.flags.contains(&SelectFlag::CalcFoundRows),
            limit: select.limit.clone(),
            extreme: None,
        };
        prepared.extreme = extreme(select, &prepared.from, grouped);
        prepared.plan.follows = self.index_order(select, &prepared);
        Ok(prepared)
    }

    /// Prepares what finds the rows of tables that are open already, for UPDATE and DELETE.
    pub fn prepare_rows(&self, select: &Select, from: From) -> Result<PreparedSelect, SqlError> {
        let aggregates = RefCell::new(Vec::new());
        let plan = self.plan(select, &from, 0, None, &aggregates)?;
        Ok(PreparedSelect {
            from,
            plan,
            base: 0,
            outer: None,
            aggregates: Vec::new(),
            grouped: false,
            distinct: false,
            counts_all: false,
            limit: None,
            extreme: None,
        })
    }

    /// Runs a SELECT within a row of the queries around it; `rows_max` rows are enough.
    pub async fn run_select(
        &self,
        select: &PreparedSelect,
        outer: &[Value],
        trx: TrxId,
        rows_max: u64,
    ) -> Result<Outcome, SqlError> {
        let (from, plan, grouped) = (&select.from, &select.plan, select.grouped);
        let mut env = self.env()?;
        env.subqueries = results(&from.subqueries);
        let (offset, count) = self.limits(select.limit.as_ref(), &mut env)?;
        let count = count.min(rows_max);
        let in_order = !grouped && plan.order.is_empty() && !select.distinct;
        let early = (in_order || plan.follows.is_some()) && !select.counts_all;
        let wanted = offset.saturating_add(count);
        let mut groups = Groups::new(select, &select.aggregates)?;
        let mut output: Vec<(Row, Vec<Value>)> = Vec::new();
        let mut loops = Loops::new(select, outer);
        let own = plan.terms.iter().filter(|(_, owner)| owner.is_none()).map(|(term, _)| term);
        if count == 0 && !grouped && !select.counts_all || is_impossible(own, &mut env)? {
            loops.done = true;
        }
        while let Some(row) = self.next_combination(&mut loops, &mut env, trx).await? {
            if grouped {
                self.add_to_group(&mut groups, select, row, &mut env, trx).await?;
                if select.extreme.is_some() {
                    break;
                }
                continue;
            }
            output.extend(self.output(select, row, &mut env, trx).await?);
            if early && wanted <= output.len() as u64 {
                break;
            }
        }
        drop(loops);
        if grouped {
            for row in groups.finish(from, select.base, outer, &mut env) {
                output.extend(self.output(select, row, &mut env, trx).await?);
            }
        }
        if select.distinct {
            let kinds: Vec<ColumnKind> = plan.columns.iter().map(|column| column.kind).collect();
            let mut seen = BTreeSet::new();
            // A temporary table has one scale for all rows.
            for (row, _) in &mut output {
                let same = |(value, kind): (&Value, &ColumnKind)| match value {
                    Value::Decimal(_) => kind.convert(value.clone(), &mut env),
                    other => other.clone(),
                };
                *row = row.iter().zip(&kinds).map(same).collect();
            }
            output.retain(|(row, _)| seen.insert(row_key(row, &kinds, &env)));
        }
        if !plan.order.is_empty() && plan.follows.is_none() {
            plan.sort(&mut output, &mut env);
        }
        let rows: Vec<Row> = output.into_iter().map(|(row, _)| row).collect();
        self.keep(&mut env)?;
        let found = rows.len() as u64;
        let end = offset.saturating_add(count);
        let rows = cut(rows, offset, count);
        // FOUND_ROWS() counts what an offset passes over.
        let matched = if select.counts_all { found } else { found.min(end) };
        let columns: Vec<Column> = match select.base {
            0 => plan.columns.clone(),
            _ => Vec::new(),
        };
        let columns = columns.into();
        Ok(Outcome { columns, rows, matched, warnings: env.warnings, ..Outcome::default() })
    }

    /// The next row of a SELECT that streams.
    pub async fn next_output(
        &self,
        loops: &mut Loops<'_>,
        env: &mut Env,
        trx: TrxId,
    ) -> Result<Option<Row>, SqlError> {
        while let Some(row) = self.next_combination(loops, env, trx).await? {
            if let Some((items, _)) = self.output(loops.select, row, env, trx).await? {
                return Ok(Some(items));
            }
        }
        Ok(None)
    }

    /// A row's items and sort keys; none where HAVING rejects it.
    async fn output(
        &self,
        select: &PreparedSelect,
        row: Vec<Value>,
        env: &mut Env,
        trx: TrxId,
    ) -> Result<Option<(Row, Vec<Value>)>, SqlError> {
        let (plan, subqueries) = (&select.plan, &select.from.subqueries);
        if let Some(having) = &plan.having
            && !self.passes(having, &row, env, subqueries, trx).await?
        {
            return Ok(None);
        }
        let mut items = Vec::with_capacity(plan.items.len());
        for item in &plan.items {
            items.push(self.value(item, &row, env, subqueries, trx).await?);
        }
        let mut keys = Vec::with_capacity(plan.order.len());
        for (key, _) in &plan.order {
            keys.push(self.value(key, &row, env, subqueries, trx).await?);
        }
        Ok(Some((items.into(), keys)))
    }

    async fn add_to_group(
        &self,
        groups: &mut Groups,
        select: &PreparedSelect,
        row: Vec<Value>,
        env: &mut Env,
        trx: TrxId,
    ) -> Result<(), SqlError> {
        let subqueries = &select.from.subqueries;
        let mut key = Vec::with_capacity(select.plan.groups.len());
        for group in &select.plan.groups {
            key.push(self.value(group, &row, env, subqueries, trx).await?);
        }
        let mut args = Vec::with_capacity(groups.args.len());
        for programs in &groups.args {
            let mut values = Vec::with_capacity(programs.len());
            for program in programs {
                values.push(self.value(program, &row, env, subqueries, trx).await?);
            }
            args.push(values);
        }
        groups.add(&select.plan, row, key, args, env)
    }

    /// The lock of every row that the SELECT reads; none for a consistent read.
    fn lock_of(&self, select: &Select, trx: TrxId, locks: Locks) -> Option<(Mode, Wait)> {
        let (isolation, explicit) = self.engine(|engine| {
            let transaction = engine.transaction(trx);
            (transaction.isolation, transaction.explicit)
        });
        match select.lock {
            Lock::ForUpdate(wait) => Some((Mode::X, wait)),
            Lock::ForShare(wait) => Some((Mode::S, wait)),
            Lock::ShareMode => Some((Mode::S, Wait::Block)),
            Lock::None => {
                let shared = match locks {
                    Locks::Own => isolation == Isolation::Serializable && explicit,
                    Locks::InsertSelect => isolation.locks_gaps(),
                    Locks::Share => true,
                };
                shared.then_some((Mode::S, Wait::Block))
            }
        }
    }

    /// Offset and count; all rows where there is no limit.
    pub fn limits(&self, limit: Option<&Limit>, env: &mut Env) -> Result<(u64, u64), SqlError> {
        let Some(limit) = limit else { return Ok((0, u64::MAX)) };
        let mut number = |expr: &Expr| match Program::compile(expr, &NoColumns)?.run(&[], env)? {
            Value::Int(number) if 0 <= number => Ok(number as u64),
            Value::Uint(number) => Ok(number),
            Value::Null if matches!(expr, Expr::Argument { .. }) => Ok(0),
            Value::Int(_) if matches!(expr, Expr::Argument { .. }) => {
                let message = "unsigned integer value is out of range in 'EXECUTE'";
                Err(SqlError::new(1690, "22003", message))
            }
            _ if matches!(expr, Expr::Argument { .. }) => Err(error::wrong_arguments("EXECUTE")),
            other => Err(SqlError::syntax(&other.to_string(), 1)),
        };
        let offset = limit.offset.as_ref().map_or(Ok(0), &mut number)?;
        Ok((offset, number(&limit.count)?))
    }

    /// An index of the one table that gives the rows in the order that is asked for.
    fn index_order(&self, select: &Select, prepared: &PreparedSelect) -> Option<(usize, bool)> {
        let (from, plan) = (&prepared.from, &prepared.plan);
        let [table] = &from.tables[..] else { return None };
        let plain = select.group_by.is_empty() && !select.distinct && table.rows.is_none();
        if !plain || plan.order.is_empty() || prepared.grouped {
            return None;
        }
        let columns: Vec<usize> =
            plan.order_columns.iter().map(|found| found.map(|f| f.1)).collect::<Option<_>>()?;
        let descending = plan.order[0].1;
        if plan.order.iter().any(|(_, other)| *other != descending) {
            return None;
        }
        let row = vec![Value::Null; prepared.base];
        let mut env = self.env().ok()?;
        env.subqueries = results(&from.subqueries);
        let access = choose(prepared, 0, &row, &mut env);
        let schema = &table.opened.schema;
        let follows = |index: usize, fixed: usize| {
            let parts =
                &schema.indexes[index].parts[fixed.min(schema.indexes[index].parts.len())..];
            let plain = parts
                .iter()
                .take(columns.len())
                .all(|part| !part.descending && part.length.is_none());
            plain
                && columns.len() <= parts.len()
                && parts.iter().zip(&columns).all(|(part, column)| part.column == *column)
        };
        if access.kind != Kind::Scan {
            // What a row around it decides may be another access for another row.
            let own = prepared.plan.used.iter().all(|offset| prepared.base <= *offset);
            let sorted = 1 == access.intervals.len() || access.fixed == 0;
            let follows = sorted && follows(access.index, access.fixed) || follows(access.index, 0);
            return (own && follows).then_some((access.index, descending));
        }
        let limited = select.limit.is_some();
        let allowed = |index: &usize| access::allowed(schema, *index, &table.hints);
        (0..schema.indexes.len())
            .filter(allowed)
            .find(|index| (*index == 0 || limited) && follows(*index, 0))
            .map(|index| (index, descending))
    }

    /// The next row of all tables together that passes ON and WHERE.
    pub async fn next_combination(
        &self,
        loops: &mut Loops<'_>,
        env: &mut Env,
        trx: TrxId,
    ) -> Result<Option<Vec<Value>>, SqlError> {
        let select = loops.select;
        let (from, plan) = (&select.from, &select.plan);
        if loops.done {
            return Ok(None);
        }
        if from.tables.is_empty() {
            loops.done = true;
            for step in &plan.steps[0] {
                let Step::Test(test) = step else { continue };
                if !self.passes(test, &loops.row, env, &from.subqueries, trx).await? {
                    return Ok(None);
                }
            }
            return Ok(Some(loops.row.clone()));
        }
        if loops.levels.is_empty() {
            self.open_level(loops, env, trx)?;
        }
        'rows: loop {
            let mut depth = loops.levels.len() - 1;
            let found = match &mut loops.levels[depth].source {
                Source::Cursor(cursor) => self.next(cursor, trx).await?,
                Source::Rows(rows) => rows.pop_front(),
            };
            loops.row.truncate(from.tables[depth].offset);
            let mut steps = 0;
            match found {
                Some(found) => {
                    loops.row.extend(found.row.iter().cloned());
                    loops.levels[depth].found = Some(found);
                }
                None => {
                    let nest = from.nests.iter().position(|nest| nest.first == depth);
                    let Some(nest) = nest.filter(|nest| !loops.matched[*nest]) else {
                        loops.levels.pop();
                        if loops.levels.is_empty() {
                            loops.done = true;
                            return Ok(None);
                        }
                        continue;
                    };
                    // Nothing fits: the nest's tables are all NULL, once.
                    depth = loops.fill_with_nulls(nest);
                    let close = |step: &Step| matches!(step, Step::Close(at) if *at == nest);
                    steps = plan.steps[depth].iter().position(close).map_or(0, |at| at + 1);
                }
            }
            for step in &plan.steps[depth][steps..] {
                match step {
                    Step::Close(nest) => loops.matched[*nest] = true,
                    Step::Test(test) => {
                        if !self.passes(test, &loops.row, env, &from.subqueries, trx).await? {
                            loops.reject(depth, self);
                            continue 'rows;
                        }
                    }
                }
            }
            if depth + 1 == from.tables.len() {
                return Ok(Some(loops.row.clone()));
            }
            self.open_level(loops, env, trx)?;
        }
    }

    pub(super) fn open_level(
        &self,
        loops: &mut Loops<'_>,
        env: &mut Env,
        trx: TrxId,
    ) -> Result<(), SqlError> {
        let depth = loops.levels.len();
        let select = loops.select;
        let table = &select.from.tables[depth];
        if let Some(nest) = select.from.nests.iter().position(|nest| nest.first == depth) {
            loops.matched[nest] = false;
        }
        if let Some(rows) = &table.rows {
            loops.levels.push(Level::of_rows(rows));
            return Ok(());
        }
        let mut access = choose(select, depth, &loops.row, env);
        let schema = &table.opened.schema;
        let used = used_columns(select, loops, table);
        let mut descending = false;
        if let Some((index, down)) = select.extreme {
            access = access::whole(schema, index);
            descending = down;
            if !down {
                skip_nulls(schema, index, &mut access.intervals);
            }
        } else if let Some((index, down)) = select.plan.follows {
            if access.kind == Kind::Scan {
                access = access::whole(schema, index);
            }
            descending = down;
        } else if access.kind == Kind::Scan {
            let index = access::shortest_covering(schema, &used, &table.hints);
            access = access::whole(schema, index);
        }
        let covering = access.index != 0 && schema.covers(access.index, used.iter().copied());
        let pushes = table.lock.is_some()
            && !loops.changes
            && access.index != 0
            && access.kind != Kind::Const;
        let pushed = match pushes && !covering {
            true => self.pushed_condition(loops, depth, access.index, env),
            false => None,
        };
        let reading = match table.lock {
            Some((mode, wait)) => Reading::Locking(Locking {
                mode,
                wait,
                covering: covering && mode == Mode::S,
                semi_consistent: false,
                fetches_range_end: covering || pushed.is_none(),
            }),
            None => match self.view(trx) {
                Some(view) => Reading::Consistent(view),
                None => Reading::Newest,
            },
        };
        let index = IndexId { table: table.opened.id, index: access.index as u32 };
        let mut cursor = Cursor::new(index, access.intervals, descending, reading, trx);
        if let Some(pushed) = pushed {
            cursor.push_condition(pushed);
        }
        // A row that was read before planning is never given back.
        let keeps = access.kind == Kind::Const;
        loops.levels.push(Level { source: Source::Cursor(cursor), keeps, found: None });
        Ok(())
    }

    /// The conditions that the columns of an index decide, for a locking read that must fetch the
    /// row as well: see [`crate::mysql::cursor::Pushed`].
    fn pushed_condition(
        &self,
        loops: &Loops<'_>,
        depth: usize,
        index: usize,
        env: &Env,
    ) -> Option<Pushed> {
        let select = loops.select;
        let from = &select.from;
        let (table, nest) = (&from.tables[depth], from.nest_of(depth));
        let schema = &table.opened.schema;
        let whole = schema.indexes[index].parts.iter().filter(|part| part.length.is_none());
        let indexed: Vec<usize> = whole
            .map(|part| part.column)
            .chain(schema.columns_of(0))
            .map(|column| table.offset + column)
            .collect();
        let mut programs = Vec::new();
        for (term, _) in select.plan.terms.iter().filter(|(_, owner)| *owner == nest) {
            let scope = TableScope::new(&from.tables, "where clause").with(&from.subqueries);
            let scope = scope.seeing(&from.visible).within(select.outer());
            let Ok(program) = Program::compile(term, &scope) else { continue };
            let used = scope.used.into_inner();
            let mut own = used.iter().filter(|at| table.offset <= **at).peekable();
            if own.peek().is_some() && own.all(|at| indexed.contains(at)) {
                programs.push(program);
            }
        }
        if programs.is_empty() {
            return None;
        }
        let subqueries = env.subqueries.clone();
        let mut env = self.env().ok()?;
        env.subqueries = subqueries;
        let mut row = loops.row[..table.offset].to_vec();
        Some(Box::new(move |values: &[Value]| {
            let outer = row.len();
            row.extend_from_slice(values);
            // An error is left to the filter.
            let mut passes = true;
            for program in &programs {
                passes = passes && program.matches(&row, &mut env).unwrap_or(true);
            }
            row.truncate(outer);
            passes
        }))
    }
}

/// The columns that a table must give: what is named, and the whole row of one that changes.
fn used_columns(select: &PreparedSelect, loops: &Loops<'_>, table: &InScope) -> Vec<usize> {
    let columns = table.opened.schema.columns.len();
    if loops.changes && matches!(table.lock, Some((Mode::X, _))) {
        return (0..columns).collect();
    }
    let used = select.plan.used.iter().filter_map(|offset| offset.checked_sub(table.offset));
    used.filter(|column| *column < columns).collect()
}

/// The access of a table, given the rows of those before it.
pub(super) fn choose(
    select: &PreparedSelect,
    number: usize,
    row: &[Value],
    env: &mut Env,
) -> Access {
    let from = &select.from;
    let table = &from.tables[number];
    let nest = from.nest_of(number);
    let own = select.plan.terms.iter().filter(|(_, owner)| *owner == nest);
    let mut terms: Vec<Expr> = own.map(|(term, _)| term.clone()).collect();
    let filter = match terms.len() {
        0 => None,
        1 => terms.pop(),
        _ => Some(Expr::And(terms)),
    };
    let mut outer = Outer {
        tables: &from.tables,
        visible: Some(&from.visible),
        context: select.outer.as_deref(),
        number,
        row,
        subqueries: &from.subqueries,
        env,
    };
    access::choose(&table.opened.schema, filter.as_ref(), &table.hints, &mut outer)
}

/// `select max(c)` or `min(c)` of a whole table reads one end of an index.
fn extreme(select: &Select, from: &From, grouped: bool) -> Option<(usize, bool)> {
    let ([table], [SelectItem::Expr { expr: Expr::Aggregate(aggregate), .. }]) =
        (&from.tables[..], &select.items[..])
    else {
        return None;
    };
    let plain = grouped && select.filter.is_none() && select.group_by.is_empty();
    if !plain || select.having.is_some() || !select.order_by.is_empty() || table.rows.is_some() {
        return None;
    }
    let [Expr::Column(column)] = &aggregate.args[..] else { return None };
    let (_, at) = TableScope::new(&from.tables, "field list").find(column).ok()?;
    let schema = &table.opened.schema;
    let first = |index: &crate::mysql::schema::Index| {
        index
            .parts
            .first()
            .is_some_and(|part| part.column == at && !part.descending && part.length.is_none())
    };
    let index = schema.indexes.iter().position(first)?;
    match aggregate.kind {
        AggregateKind::Max => Some((index, true)),
        AggregateKind::Min => Some((index, false)),
        _ => None,
    }
}
