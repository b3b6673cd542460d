//! SELECT: nested loops over accesses, then grouping, ordering, limits.
//!
//! A plain SELECT reads a snapshot and locks nothing; FOR UPDATE, FOR SHARE, a SELECT inside of
//! INSERT at REPEATABLE READ, and every SELECT of a SERIALIZABLE transaction read the newest rows
//! and lock what they visit. Tables are joined in the order in which they are written.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::eval::aggregate::sort_order;
use crate::eval::{ColumnKind, Env, NoColumns, Program};
use crate::mysql::cursor::{Cursor, Locking, Pushed, Reading};
use crate::mysql::execution::Run;
use crate::mysql::key::IndexId;
use crate::mysql::lock::mode::Mode;
use crate::mysql::outcome::Outcome;
use crate::mysql::transaction::{Isolation, TrxId};
use crate::sql::ast::{
    Aggregate, AggregateKind, Expr, Limit, Lock, OrderBy, Query, Select, SelectItem, Wait,
};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::access::{self, Access, Kind};
use super::from::From;
use super::plan::{
    Groups, Level, Loops, Plan, Source, column_name, conjuncts, cut, expression_column, exprs_of,
    has_subquery, position, resolve_alias, row_key, skip_nulls, starred, table_column,
};
use super::reader::Outer;
use super::scope::{InScope, TableScope};
use super::subquery::Evaluated;

/// What a SELECT locks beyond what it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locks {
    Own,
    /// The source of INSERT .. SELECT: shared from REPEATABLE READ on.
    InsertSelect,
    /// A subquery of UPDATE or DELETE: shared at every level.
    Share,
}

impl Run {
    pub async fn query(&self, query: &Query) -> Result<Outcome, SqlError> {
        if let Query::Select(select) = query
            && select.from.is_empty()
        {
            let nested = exprs_of(select).any(has_subquery);
            if !nested {
                let outcome = self.select_without_tables(select, &[]).await?;
                return self.note_found(outcome);
            }
        }
        let outcome = self.in_transaction(|trx| self.select_rows(query, trx, Locks::Own)).await?;
        self.note_found(outcome)
    }

    fn note_found(&self, outcome: Outcome) -> Result<Outcome, SqlError> {
        self.session(|session| session.found_rows = outcome.rows.len() as u64)?;
        Ok(outcome)
    }

    async fn select_without_tables(
        &self,
        select: &Select,
        subqueries: &[Evaluated],
    ) -> Result<Outcome, SqlError> {
        let mut env = self.env()?;
        env.subqueries = subqueries.iter().map(|evaluated| evaluated.rows.clone()).collect();
        let scope = TableScope::new(&[], "field list").with(subqueries);
        let mut outcome = Outcome::default();
        let mut row = Vec::new();
        for item in &select.items {
            let SelectItem::Expr { expr, alias } = item else {
                return Err(SqlError::new(1096, "HY000", "No tables used"));
            };
            let program = Program::compile(expr, &scope)?;
            let value = program.run(&[], &mut env)?;
            outcome.columns.push(expression_column(
                expr,
                alias.as_ref().map(|a| &*a.0),
                program.kind(),
            ));
            row.push(value);
        }
        let keeps = match &select.filter {
            Some(filter) => Program::compile(filter, &scope)?.matches(&[], &mut env)?,
            None => true,
        };
        let (offset, count) = self.limits(select.limit.as_ref(), &mut env)?;
        if keeps && offset == 0 && 0 < count {
            outcome.rows.push(row.into());
        }
        self.keep(&mut env)?;
        outcome.warnings.append(&mut env.warnings);
        Ok(outcome)
    }

    /// Runs a query inside of the statement's transaction.
    pub async fn select_rows(
        &self,
        query: &Query,
        trx: TrxId,
        locks: Locks,
    ) -> Result<Outcome, SqlError> {
        match query {
            Query::Select(select) if select.from.is_empty() => {
                let subqueries = self.subqueries(exprs_of(select), &[], trx, locks).await?;
                self.select_without_tables(select, &subqueries).await
            }
            Query::Select(select) => self.select(select, trx, locks).await,
            Query::Union(union) => Box::pin(self.union(union, trx, locks)).await,
            Query::Values(_) => Err(SqlError::not_supported("VALUES as a query")),
        }
    }

    async fn union(
        &self,
        union: &crate::sql::ast::Union,
        trx: TrxId,
        locks: Locks,
    ) -> Result<Outcome, SqlError> {
        let mut outcome = Box::pin(self.select_rows(&union.left, trx, locks)).await?;
        let right = Box::pin(self.select_rows(&union.right, trx, locks)).await?;
        if outcome.columns.len() != right.columns.len() {
            let message = "The used SELECT statements have a different number of columns";
            return Err(SqlError::new(1222, "21000", message));
        }
        outcome.rows.extend(right.rows);
        let mut env = self.env()?;
        if union.distinct {
            let collations: Vec<ColumnKind> = outcome.columns.iter().map(|c| c.kind).collect();
            let mut seen = BTreeSet::new();
            outcome.rows.retain(|row| seen.insert(row_key(row, &collations)));
        }
        if !union.order_by.is_empty() {
            let place = |order: &OrderBy| position(&order.expr, &outcome.columns);
            let places: Vec<(usize, bool)> = union
                .order_by
                .iter()
                .map(|order| place(order).map(|at| (at, order.descending)))
                .collect::<Result<_, _>>()?;
            let columns = &outcome.columns;
            outcome.rows.sort_by(|a, b| {
                let orders = places.iter().map(|(at, descending)| {
                    let order = sort_order(&a[*at], &b[*at], columns[*at].kind.collation, &mut env);
                    if *descending { order.reverse() } else { order }
                });
                orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            });
        }
        let (offset, count) = self.limits(union.limit.as_ref(), &mut env)?;
        outcome.rows = cut(outcome.rows, offset, count);
        Ok(outcome)
    }

    async fn select(&self, select: &Select, trx: TrxId, locks: Locks) -> Result<Outcome, SqlError> {
        if select.with.is_some()
            || !select.windows.is_empty()
            || select.rollup
            || select.into.is_some()
        {
            return Err(SqlError::not_supported("WITH, WINDOW, ROLLUP or INTO"));
        }
        let lock = self.lock_of(select, trx, locks);
        let mut from = self.from(&select.from, lock.map(|(mode, _)| mode), trx, locks).await?;
        from.subqueries = self.subqueries(exprs_of(select), &from.tables, trx, locks).await?;
        let aggregates = RefCell::new(Vec::new());
        let mut plan = self.plan(select, &from, &aggregates)?;
        let mut env = self.env()?;
        env.subqueries = from.subqueries.iter().map(|evaluated| evaluated.rows.clone()).collect();
        let (offset, count) = self.limits(select.limit.as_ref(), &mut env)?;
        let grouped = !select.group_by.is_empty() || !aggregates.borrow().is_empty();
        let extreme = self.extreme(select, &from, grouped);
        let in_order = !grouped && plan.order.is_empty() && !select.distinct;
        let early = in_order || plan.follows.is_some();
        let wanted = offset.saturating_add(count);
        let mut groups = Groups::new(&plan, &from, &aggregates.borrow())?;
        let mut output: Vec<(Row, Vec<Value>)> = Vec::new();
        let mut loops = Loops::new(&from, &plan, lock, extreme);
        if count == 0 && !grouped {
            loops.done = true;
        }
        while let Some(row) = self.next_combination(&mut loops, &mut env, trx).await? {
            if grouped {
                groups.add(&plan, row, &mut env)?;
                if loops.extreme.is_some() {
                    break;
                }
                continue;
            }
            if plan.matches_having(&row, &mut env)? {
                output.push(plan.output(&row, &mut env)?);
            }
            if early && wanted <= output.len() as u64 {
                break;
            }
        }
        drop(loops);
        if grouped {
            for row in groups.finish(&from, &mut env) {
                if plan.matches_having(&row, &mut env)? {
                    output.push(plan.output(&row, &mut env)?);
                }
            }
        }
        if select.distinct {
            let kinds: Vec<ColumnKind> = plan.columns.iter().map(|column| column.kind).collect();
            let mut seen = BTreeSet::new();
            output.retain(|(row, _)| seen.insert(row_key(row, &kinds)));
        }
        if !plan.order.is_empty() && plan.follows.is_none() {
            plan.sort(&mut output, &mut env);
        }
        let rows = output.into_iter().map(|(row, _)| row).collect();
        self.keep(&mut env)?;
        Ok(Outcome {
            columns: std::mem::take(&mut plan.columns),
            rows: cut(rows, offset, count),
            warnings: env.warnings,
            ..Outcome::default()
        })
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
            other => Err(SqlError::syntax(&other.to_string(), 1)),
        };
        let offset = limit.offset.as_ref().map_or(Ok(0), &mut number)?;
        Ok((offset, number(&limit.count)?))
    }

    fn plan(
        &self,
        select: &Select,
        from: &From,
        aggregates: &RefCell<Vec<(Aggregate, ColumnKind)>>,
    ) -> Result<Plan, SqlError> {
        let tables = &from.tables;
        let used = RefCell::new(BTreeSet::new());
        let compile = |expr: &Expr, clause: &'static str, aggregated: bool| {
            let mut scope = TableScope::new(tables, clause).with(&from.subqueries);
            scope.aggregates = aggregated.then_some(aggregates);
            let program = Program::compile(expr, &scope);
            used.borrow_mut().extend(scope.used.into_inner());
            program
        };
        let mut plan = Plan::default();
        let mut aliases: Vec<(Arc<str>, Expr)> = Vec::new();
        let mut items: Vec<Expr> = Vec::new();
        for item in &select.items {
            match item {
                SelectItem::Star(table) => {
                    for (number, at) in starred(tables, table.as_ref())? {
                        let table = &tables[number];
                        plan.columns.push(table_column(table, at, None));
                        let expr = Expr::Column(column_name(table, at));
                        plan.items.push(compile(&expr, "field list", false)?);
                        items.push(expr);
                    }
                }
                SelectItem::Expr { expr, alias } => {
                    let program = compile(expr, "field list", true)?;
                    let name = alias.as_ref().map(|alias| &*alias.0);
                    plan.columns.push(match expr {
                        Expr::Column(column) => {
                            let (number, at) =
                                TableScope::new(tables, "field list").find(column)?;
                            let name = name.unwrap_or(column.name.as_str());
                            table_column(&tables[number], at, Some(name))
                        }
                        _ => expression_column(expr, name, program.kind()),
                    });
                    plan.items.push(program);
                    items.push(expr.clone());
                    aliases.extend(name.map(|name| (name.into(), expr.clone())));
                }
                SelectItem::Next(_) => return Err(SqlError::not_supported("NEXT VALUES")),
            }
        }
        let named = |expr: &Expr, clause: &'static str, prefer_alias: bool| {
            resolve_alias(expr, &aliases, &items, tables, clause, prefer_alias)
        };
        for expr in &select.group_by {
            plan.groups.push(compile(
                &named(expr, "group statement", false)?,
                "group statement",
                false,
            )?);
        }
        if let Some(having) = &select.having {
            let having = match having {
                Expr::Compare { op, left, right, escape } => Expr::Compare {
                    op: *op,
                    left: Box::new(named(left, "having clause", true)?),
                    right: Box::new(named(right, "having clause", true)?),
                    escape: escape.clone(),
                },
                other => other.clone(),
            };
            plan.having = Some(compile(&having, "having clause", true)?);
        }
        for order in &select.order_by {
            let expr = named(&order.expr, "order clause", true)?;
            let program = compile(&expr, "order clause", true)?;
            plan.order.push((program, order.descending));
            plan.order_columns.push(match expr {
                Expr::Column(column) => TableScope::new(tables, "order clause").find(&column).ok(),
                _ => None,
            });
        }
        // Each condition is tested as soon as all of its tables are there.
        plan.conditions = (0..tables.len()).map(|_| Vec::new()).collect();
        let terms = select.filter.iter().flat_map(conjuncts);
        for term in terms {
            let program = compile(term, "where clause", false)?;
            plan.conditions[self.depth_of(term, from)].push(program);
            plan.terms.push(term.clone());
        }
        for (number, table) in from.joins.iter().enumerate() {
            plan.on.push(match &table.on {
                Some(on) => Some(compile(on, "on clause", false)?),
                None => None,
            });
            if let Some(on) = &table.on
                && !table.outer
            {
                plan.terms.extend(conjuncts(on).cloned());
            }
            debug_assert!(number < tables.len(), "a join has its table");
        }
        plan.used = used.into_inner();
        plan.follows = self.index_order(select, from, &plan);
        Ok(plan)
    }

    /// The first table at which a condition can be tested.
    fn depth_of(&self, term: &Expr, from: &From) -> usize {
        let tables = &from.tables;
        let compiles = |count: &usize| {
            let scope = TableScope::new(&tables[..*count], "where clause");
            Program::compile(term, &scope.with(&from.subqueries)).is_ok()
        };
        (1..=tables.len()).find(compiles).unwrap_or(tables.len()) - 1
    }

    /// An index of the one table that gives the rows in the order that is asked for.
    fn index_order(&self, select: &Select, from: &From, plan: &Plan) -> Option<(usize, bool)> {
        let [table] = &from.tables[..] else { return None };
        let plain = select.group_by.is_empty() && !select.distinct && table.rows.is_none();
        if !plain || plan.order.is_empty() {
            return None;
        }
        let columns: Vec<usize> =
            plan.order_columns.iter().map(|found| found.map(|f| f.1)).collect::<Option<_>>()?;
        let descending = plan.order[0].1;
        if plan.order.iter().any(|(_, other)| *other != descending) {
            return None;
        }
        let access = self.choose(table, 0, from, plan, &[]).ok()?;
        let schema = &table.opened.schema;
        let follows = |index: usize, fixed: usize| {
            let parts =
                &schema.indexes[index].parts[fixed.min(schema.indexes[index].parts.len())..];
            let plain = parts.iter().take(columns.len()).all(|part| !part.descending);
            plain
                && columns.len() <= parts.len()
                && parts.iter().zip(&columns).all(|(part, column)| part.column == *column)
        };
        if access.kind != Kind::Scan {
            let sorted = 1 == access.intervals.len() || access.fixed == 0;
            let follows = sorted && follows(access.index, access.fixed) || follows(access.index, 0);
            return follows.then_some((access.index, descending));
        }
        let limited = select.limit.is_some();
        let allowed = |index: &usize| access::allowed(schema, *index, &table.hints);
        (0..schema.indexes.len())
            .filter(allowed)
            .find(|index| (*index == 0 || limited) && follows(*index, 0))
            .map(|index| (index, descending))
    }

    /// The access of a table, given the rows of those before it.
    fn choose(
        &self,
        table: &InScope,
        number: usize,
        from: &From,
        plan: &Plan,
        row: &[Value],
    ) -> Result<Access, SqlError> {
        let mut env = self.env()?;
        self.choose_with(table, number, from, plan, row, &mut env)
    }

    fn choose_with(
        &self,
        table: &InScope,
        number: usize,
        from: &From,
        plan: &Plan,
        row: &[Value],
        env: &mut Env,
    ) -> Result<Access, SqlError> {
        let join = &from.joins[number];
        let terms: Vec<Expr> = match (&join.on, join.outer) {
            (Some(on), true) => conjuncts(on).cloned().collect(),
            _ => plan.terms.clone(),
        };
        let filter = match terms.len() {
            0 => None,
            1 => terms.into_iter().next(),
            _ => Some(Expr::And(terms)),
        };
        let subqueries = &from.subqueries;
        let mut outer = Outer { tables: &from.tables, number, row, subqueries, env };
        Ok(access::choose(&table.opened.schema, filter.as_ref(), &table.hints, &mut outer))
    }

    /// `select max(c)` or `min(c)` of a whole table reads one end of an index.
    fn extreme(&self, select: &Select, from: &From, grouped: bool) -> Option<(usize, bool)> {
        let ([table], [SelectItem::Expr { expr: Expr::Aggregate(aggregate), .. }]) =
            (&from.tables[..], &select.items[..])
        else {
            return None;
        };
        let plain = grouped && select.filter.is_none() && select.group_by.is_empty();
        if !plain || select.having.is_some() || table.rows.is_some() {
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

    /// The next row of all tables together that passes ON and WHERE.
    async fn next_combination(
        &self,
        loops: &mut Loops<'_>,
        env: &mut Env,
        trx: TrxId,
    ) -> Result<Option<Vec<Value>>, SqlError> {
        if loops.done {
            return Ok(None);
        }
        if loops.levels.is_empty() {
            self.open_level(loops, env, trx)?;
        }
        loop {
            let depth = loops.levels.len() - 1;
            let table = &loops.from.tables[depth];
            let found = match &mut loops.levels[depth].source {
                Source::Cursor(cursor) => self.next(cursor, trx).await?.map(|found| found.row),
                Source::Rows(rows) => rows.pop_front(),
            };
            loops.row.truncate(table.offset);
            let width = table.opened.schema.columns.len();
            let outer = loops.from.joins[depth].outer;
            match found {
                Some(row) => {
                    loops.row.extend(row.iter().cloned());
                    let on = match &loops.plan.on[depth] {
                        Some(on) => on.matches(&loops.row, env)?,
                        None => true,
                    };
                    loops.levels[depth].matched |= on;
                    if !on || !loops.plan.passes(depth, &loops.row, env)? {
                        loops.reject(depth, self);
                        continue;
                    }
                }
                None if outer && !loops.levels[depth].matched => {
                    loops.levels[depth].matched = true;
                    loops.row.extend(std::iter::repeat_n(Value::Null, width));
                    if !loops.plan.passes(depth, &loops.row, env)? {
                        continue;
                    }
                }
                None => {
                    loops.levels.pop();
                    if loops.levels.is_empty() {
                        loops.done = true;
                        return Ok(None);
                    }
                    continue;
                }
            }
            if depth + 1 == loops.from.tables.len() {
                return Ok(Some(loops.row.clone()));
            }
            self.open_level(loops, env, trx)?;
        }
    }

    fn open_level(&self, loops: &mut Loops<'_>, env: &mut Env, trx: TrxId) -> Result<(), SqlError> {
        let depth = loops.levels.len();
        let table = &loops.from.tables[depth];
        if let Some(rows) = &table.rows {
            let source = Source::Rows(rows.iter().cloned().collect());
            loops.levels.push(Level { source, matched: false, keeps: true });
            return Ok(());
        }
        let mut access = self.choose_with(table, depth, loops.from, loops.plan, &loops.row, env)?;
        let schema = &table.opened.schema;
        let used: Vec<usize> = loops
            .plan
            .used
            .iter()
            .filter_map(|offset| offset.checked_sub(table.offset))
            .filter(|column| *column < schema.columns.len())
            .collect();
        let mut descending = false;
        if let Some((index, down)) = loops.extreme {
            access = access::whole(schema, index);
            descending = down;
            if !down {
                skip_nulls(schema, index, &mut access.intervals);
            }
        } else if let Some((index, down)) = loops.plan.follows {
            if access.kind == Kind::Scan {
                access = access::whole(schema, index);
            }
            descending = down;
        } else if access.kind == Kind::Scan {
            let index = access::shortest_covering(schema, &used, &table.hints);
            access = access::whole(schema, index);
        }
        let covering = access.index != 0 && schema.covers(access.index, used.iter().copied());
        let pushes = loops.lock.is_some() && access.index != 0 && access.kind != Kind::Const;
        let pushed = match pushes && !covering {
            true => self.pushed_condition(loops, depth, access.index, env),
            false => None,
        };
        let reading = match loops.lock {
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
        loops.levels.push(Level { source: Source::Cursor(cursor), matched: false, keeps });
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
        let tables = &loops.from.tables[..=depth];
        let table = &tables[depth];
        let schema = &table.opened.schema;
        let whole = schema.indexes[index].parts.iter().filter(|part| part.length.is_none());
        let indexed: Vec<usize> = whole
            .map(|part| part.column)
            .chain(schema.columns_of(0))
            .map(|column| table.offset + column)
            .collect();
        let mut programs = Vec::new();
        for term in &loops.plan.terms {
            let scope = TableScope::new(tables, "where clause").with(&loops.from.subqueries);
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
