//! A SELECT's plan and its parts: compiled expressions, nested loops, groups, sorting.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::collation::Collation;
use crate::eval::aggregate::{Accumulator, distinct_key, sort_order};
use crate::eval::{ColumnKind, Env, Program};
use crate::mysql::cursor::{Cursor, Found, Interval};
use crate::mysql::execution::Run;
use crate::mysql::key::Key;
use crate::mysql::outcome::Column;
use crate::sql::ast::{
    Aggregate, AggregateKind, ColumnName, Expr, OrderBy, Select, SelectItem, TableName,
};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::join::From;
use super::scope::{InScope, TableScope, kind_of};
use super::select::PreparedSelect;
use super::visit::{on_conditions, subqueries_of};

pub type Sorting = Vec<(Program, bool)>;

/// What happens once a table has a row.
#[derive(Debug)]
pub enum Step {
    Test(Program),
    /// A nest's tables fit: it will not be NULL.
    Close(usize),
}

#[derive(Debug, Default)]
pub struct Plan {
    pub columns: Vec<Column>,
    pub items: Vec<Program>,
    pub groups: Vec<Program>,
    pub having: Option<Program>,
    pub order: Sorting,
    /// The table and column of each order expression that is one.
    pub order_columns: Vec<Option<(usize, usize)>>,
    /// By table.
    pub steps: Vec<Vec<Step>>,
    /// All conjuncts with the nest that they belong to, for the choice of accesses.
    pub terms: Vec<(Expr, Option<usize>)>,
    pub used: BTreeSet<usize>,
    /// An index and direction that make sorting needless.
    pub follows: Option<(usize, bool)>,
}

impl Plan {
    pub fn sort(&self, output: &mut Vec<(Row, Vec<Value>)>, env: &mut Env) {
        let keyed =
            std::mem::take(output).into_iter().map(|(row, keys)| ((row, keys.clone()), keys));
        *output = sorted_by(keyed.collect(), &self.order, env);
    }
}

pub struct Loops<'a> {
    pub select: &'a PreparedSelect,
    pub levels: Vec<Level>,
    pub row: Vec<Value>,
    /// By nest: some row has fitted, or NULLs stand in for one.
    pub matched: Vec<bool>,
    /// Reads for UPDATE or DELETE.
    pub changes: bool,
    pub done: bool,
}

pub struct Level {
    pub source: Source,
    /// Rejected rows keep their locks.
    pub keeps: bool,
    pub found: Option<Found>,
}

pub enum Source {
    Cursor(Cursor),
    Rows(VecDeque<Found>),
}

impl Level {
    pub fn of_rows(rows: &[Row]) -> Level {
        let found = |row: &Row| Found { key: Key::default(), row: row.clone(), tentative: false };
        let source = Source::Rows(rows.iter().map(found).collect());
        Level { source, keeps: true, found: None }
    }
}

impl<'a> Loops<'a> {
    pub fn new(select: &'a PreparedSelect, outer: &[Value]) -> Loops<'a> {
        let mut row: Vec<Value> = outer.iter().take(select.base).cloned().collect();
        row.resize(select.base, Value::Null);
        let matched = vec![false; select.from.nests.len()];
        Loops { select, levels: Vec::new(), row, matched, changes: false, done: false }
    }

    pub(in crate::mysql) fn reject(&mut self, depth: usize, run: &Run) {
        let locked = self.select.from.tables[depth].lock.is_some();
        let level = &mut self.levels[depth];
        if let (Source::Cursor(cursor), false) = (&mut level.source, level.keeps)
            && locked
        {
            run.engine(|engine| cursor.reject(engine));
        }
    }

    /// Puts NULLs into the place of a nest's tables, and says which is the last of them.
    pub fn fill_with_nulls(&mut self, nest: usize) -> usize {
        let from = &self.select.from;
        let (first, last) = (from.nests[nest].first, from.nests[nest].last);
        for (inner, matched) in from.nests.iter().zip(&mut self.matched) {
            *matched |= first <= inner.first && inner.last <= last;
        }
        self.levels.truncate(first);
        for table in &from.tables[first..=last] {
            let width = table.opened.schema.columns.len();
            self.row.extend(std::iter::repeat_n(Value::Null, width));
            self.levels.push(Level::of_rows(&[]));
        }
        last
    }
}

/// Groups in order of their first rows.
pub struct Groups {
    pub members: BTreeMap<Vec<u8>, usize>,
    pub groups: Vec<(Vec<Value>, Vec<Accumulator>)>,
    pub aggregates: Vec<(Aggregate, ColumnKind)>,
    /// The arguments of each aggregate, and behind them what GROUP_CONCAT orders by.
    pub args: Vec<Vec<Program>>,
    pub by_keys: bool,
}

impl Groups {
    pub fn new(
        select: &PreparedSelect,
        aggregates: &[(Aggregate, ColumnKind)],
    ) -> Result<Groups, SqlError> {
        let from = &select.from;
        let scope = TableScope::new(&from.tables, "field list")
            .with(&from.subqueries)
            .seeing(&from.visible)
            .within(select.outer());
        let compile = |(aggregate, _): &(Aggregate, ColumnKind)| {
            let order = aggregate.order_by.iter().map(|order| &order.expr);
            let exprs = aggregate.args.iter().chain(order);
            exprs.map(|arg| Program::compile(arg, &scope)).collect()
        };
        Ok(Groups {
            members: BTreeMap::new(),
            groups: Vec::new(),
            args: aggregates.iter().map(compile).collect::<Result<_, _>>()?,
            aggregates: aggregates.to_vec(),
            by_keys: !select.plan.groups.is_empty(),
        })
    }

    pub fn accumulators(&self, env: &Env) -> Result<Vec<Accumulator>, SqlError> {
        let new = |(aggregate, kind): &(Aggregate, ColumnKind)| {
            Accumulator::new(aggregate, kind.collation_in(env))
        };
        self.aggregates.iter().map(new).collect()
    }

    /// Adds a row to its group; `args` are the arguments of each aggregate.
    pub fn add(
        &mut self,
        plan: &Plan,
        row: Vec<Value>,
        values: Vec<Value>,
        args: Vec<Vec<Value>>,
        env: &mut Env,
    ) -> Result<(), SqlError> {
        let mut key = Vec::new();
        for (group, value) in plan.groups.iter().zip(values) {
            key.extend(distinct_key(&[value], group.kind().collation_in(env)));
        }
        let at = match self.members.get(&key) {
            Some(at) => *at,
            None => {
                let accumulators = self.accumulators(env)?;
                self.groups.push((row, accumulators));
                self.members.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let aggregates = self.aggregates.iter().map(|(aggregate, _)| aggregate);
        let programs = self.args.iter();
        for (((values, aggregate), programs), accumulator) in
            args.iter().zip(aggregates).zip(programs).zip(&mut self.groups[at].1)
        {
            let (args, order) = values.split_at(aggregate.args.len());
            match aggregate.kind {
                AggregateKind::GroupConcat => {
                    let shown = args.iter().zip(programs);
                    let shown: Vec<Value> =
                        shown.map(|(arg, program)| program.kind().text_of(arg.clone())).collect();
                    accumulator.add_ordered(&shown, order.to_vec(), env)?;
                }
                _ => accumulator.add_ordered(args, order.to_vec(), env)?,
            }
        }
        Ok(())
    }

    /// A row a group: the columns of its first row, then the aggregates.
    pub fn finish(
        mut self,
        from: &From,
        base: usize,
        outer: &[Value],
        env: &mut Env,
    ) -> Vec<Vec<Value>> {
        if self.groups.is_empty() && !self.by_keys {
            let mut nulls: Vec<Value> = outer.iter().take(base).cloned().collect();
            nulls.resize(base.max(from.width()), Value::Null);
            if let Ok(accumulators) = self.accumulators(env) {
                self.groups.push((nulls, accumulators));
            }
        }
        let mut orders: Vec<Vec<(bool, Collation)>> = Vec::new();
        for ((aggregate, _), programs) in self.aggregates.iter().zip(&self.args) {
            let keys = programs[aggregate.args.len()..].iter().zip(&aggregate.order_by);
            let order =
                |(key, by): (&Program, &OrderBy)| (by.descending, key.kind().collation_in(env));
            orders.push(keys.map(order).collect());
        }
        let mut rows = Vec::new();
        for (mut row, accumulators) in self.groups {
            for (accumulator, order) in accumulators.into_iter().zip(&orders) {
                row.push(accumulator.finish_ordered(order, env));
            }
            rows.push(row);
        }
        rows
    }
}

pub fn conjuncts(expr: &Expr) -> impl Iterator<Item = &Expr> {
    match expr {
        Expr::And(terms) => terms.iter(),
        term => std::slice::from_ref(term).iter(),
    }
}

/// All expressions of a SELECT in which a subquery may stand.
pub fn exprs_of(select: &Select) -> Vec<&Expr> {
    let items = select.items.iter().filter_map(|item| match item {
        SelectItem::Expr { expr, .. } => Some(expr),
        SelectItem::Star(_) | SelectItem::Next(_) => None,
    });
    let mut exprs: Vec<&Expr> = items.collect();
    on_conditions(&select.from, &mut exprs);
    exprs.extend(select.filter.iter().chain(&select.group_by).chain(&select.having));
    exprs.extend(select.order_by.iter().map(|order| &order.expr));
    exprs
}

pub fn nests_subqueries(expr: &Expr) -> bool {
    let mut found = Vec::new();
    subqueries_of(expr, &mut found);
    !found.is_empty()
}

/// The columns that a star stands for, as (table, column).
pub fn starred(from: &From, name: Option<&TableName>) -> Result<Vec<(usize, usize)>, SqlError> {
    let shown = |table: usize, at: usize| {
        let columns = &from.tables[table].opened.schema.columns;
        (!columns[at].invisible).then_some((table, at))
    };
    let Some(name) = name else {
        return Ok(from.visible.iter().filter_map(|own| shown(own.table, own.column)).collect());
    };
    let named = |table: &InScope| {
        let database = name.qualifier.as_ref();
        *name.name.0 == *table.alias
            && database.is_none_or(|database| database.0 == table.opened.schema.database)
    };
    match from.tables.iter().position(named) {
        Some(table) => {
            let columns = 0..from.tables[table].opened.schema.columns.len();
            Ok(columns.filter_map(|at| shown(table, at)).collect())
        }
        None => {
            let message = format!("Unknown table '{}'", name.name.as_str());
            Err(SqlError::new(1051, "42S02", message))
        }
    }
}

pub fn column_name(table: &InScope, at: usize) -> ColumnName {
    let alias = TableName { qualifier: None, name: (&*table.alias).into() };
    ColumnName { table: Some(alias), name: (&*table.opened.schema.columns[at].name).into() }
}

pub fn table_column(table: &InScope, at: usize, name: Option<&str>) -> Column {
    let column = &table.opened.schema.columns[at];
    Column {
        name: name.map_or_else(|| column.name.clone(), Arc::from),
        table: Some(table.alias.clone()),
        original_table: Some(table.opened.schema.name.clone()),
        kind: kind_of(&table.opened.schema, at),
        ty: Some(column.ty.clone()),
        not_null: column.not_null,
    }
}

pub fn expression_column(expr: &Expr, alias: Option<&str>, kind: ColumnKind) -> Column {
    let name = match (alias, expr) {
        (Some(alias), _) => alias.into(),
        // A text stands under its content, not under its quotes.
        (None, Expr::Literal(crate::sql::ast::Literal::String(text))) => text.clone(),
        (None, expr) => expr.to_string().into(),
    };
    Column { name, table: None, original_table: None, kind, ty: None, not_null: false }
}

/// The place of a UNION's result column that ORDER BY names.
pub fn position(expr: &Expr, columns: &[Column]) -> Result<usize, SqlError> {
    match expr {
        Expr::Literal(crate::sql::ast::Literal::Integer(digits)) => {
            let place = digits.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
            place
                .filter(|place| *place < columns.len())
                .ok_or_else(|| SqlError::unknown_column(digits, "order clause"))
        }
        Expr::Column(name) => columns
            .iter()
            .position(|column| name.name.is(&column.name))
            .ok_or_else(|| SqlError::unknown_column(name.name.as_str(), "order clause")),
        _ => Err(SqlError::not_supported("ORDER BY of an expression over UNION")),
    }
}

pub fn row_key(row: &[Value], kinds: &[ColumnKind], env: &Env) -> Vec<u8> {
    let values = row.iter().zip(kinds);
    values
        .flat_map(|(value, kind)| distinct_key(std::slice::from_ref(value), kind.collation_in(env)))
        .collect()
}

pub fn cut(rows: Vec<Row>, offset: u64, count: u64) -> Vec<Row> {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    rows.into_iter().skip(size(offset)).take(size(count)).collect()
}

/// Sorts by keys, stable.
pub fn sorted_by<T>(mut keyed: Vec<(T, Vec<Value>)>, order: &Sorting, env: &mut Env) -> Vec<T> {
    keyed.sort_by(|(_, a), (_, b)| {
        let mut result = std::cmp::Ordering::Equal;
        for ((program, descending), (a, b)) in order.iter().zip(a.iter().zip(b)) {
            let collation = program.kind().collation_in(env);
            let order = sort_order(a, b, collation, env);
            result = result.then(if *descending { order.reverse() } else { order });
        }
        result
    });
    keyed.into_iter().map(|(row, _)| row).collect()
}

/// MIN does not see NULL, which sorts first.
pub fn skip_nulls(schema: &crate::mysql::schema::Table, index: usize, intervals: &mut [Interval]) {
    let nullable = schema.columns_of(index).next().is_some_and(|at| !schema.columns[at].not_null);
    for interval in intervals.iter_mut().filter(|_| nullable) {
        interval.low = schema.key_of_values(index, &[Value::Null]).successor_of_prefix();
    }
}
