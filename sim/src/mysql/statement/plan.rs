//! A SELECT's plan and its parts: compiled expressions, nested loops, groups, sorting.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::eval::aggregate::{Accumulator, distinct_key, sort_order};
use crate::eval::{ColumnKind, Env, Program};
use crate::mysql::cursor::{Cursor, Interval};
use crate::mysql::execution::Run;
use crate::mysql::lock::mode::Mode;
use crate::mysql::outcome::Column;
use crate::sql::ast::{Aggregate, ColumnName, Expr, Select, SelectItem, TableName, Wait};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::from::From;
use super::scope::{InScope, TableScope, kind_of};

pub type Sorting = Vec<(Program, bool)>;

#[derive(Default)]
pub struct Plan {
    pub columns: Vec<Column>,
    pub items: Vec<Program>,
    pub groups: Vec<Program>,
    pub having: Option<Program>,
    pub order: Sorting,
    /// The table and column of each order expression that is one.
    pub order_columns: Vec<Option<(usize, usize)>>,
    /// By depth: what is tested once that many tables have a row.
    pub conditions: Vec<Vec<Program>>,
    pub on: Vec<Option<Program>>,
    /// All conjuncts that hold for every row, for the choice of accesses.
    pub terms: Vec<Expr>,
    pub used: BTreeSet<usize>,
    /// An index and direction that make sorting needless.
    pub follows: Option<(usize, bool)>,
}

impl Plan {
    pub fn passes(&self, depth: usize, row: &[Value], env: &mut Env) -> Result<bool, SqlError> {
        for condition in &self.conditions[depth] {
            if !condition.matches(row, env)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub fn matches_having(&self, row: &[Value], env: &mut Env) -> Result<bool, SqlError> {
        self.having.as_ref().map_or(Ok(true), |having| having.matches(row, env))
    }

    pub fn output(&self, row: &[Value], env: &mut Env) -> Result<(Row, Vec<Value>), SqlError> {
        let items: Vec<Value> =
            self.items.iter().map(|item| item.run(row, env)).collect::<Result<_, _>>()?;
        let keys: Vec<Value> =
            self.order.iter().map(|(key, _)| key.run(row, env)).collect::<Result<_, _>>()?;
        Ok((items.into(), keys))
    }

    pub fn sort(&self, output: &mut Vec<(Row, Vec<Value>)>, env: &mut Env) {
        let keyed =
            std::mem::take(output).into_iter().map(|(row, keys)| ((row, keys.clone()), keys));
        *output = sorted_by(keyed.collect(), &self.order, env);
    }
}

pub struct Loops<'a> {
    pub from: &'a From,
    pub plan: &'a Plan,
    pub lock: Option<(Mode, Wait)>,
    pub extreme: Option<(usize, bool)>,
    pub levels: Vec<Level>,
    pub row: Vec<Value>,
    pub done: bool,
}

pub struct Level {
    pub source: Source,
    /// For an outer join: some row has matched.
    pub matched: bool,
    /// Rejected rows keep their locks.
    pub keeps: bool,
}

pub enum Source {
    Cursor(Cursor),
    Rows(VecDeque<Row>),
}

impl<'a> Loops<'a> {
    pub fn new(
        from: &'a From,
        plan: &'a Plan,
        lock: Option<(Mode, Wait)>,
        extreme: Option<(usize, bool)>,
    ) -> Loops<'a> {
        Loops { from, plan, lock, extreme, levels: Vec::new(), row: Vec::new(), done: false }
    }

    pub(in crate::mysql) fn reject(&mut self, depth: usize, run: &Run) {
        let level = &mut self.levels[depth];
        if let (Source::Cursor(cursor), false) = (&mut level.source, level.keeps)
            && self.lock.is_some()
        {
            run.engine(|engine| cursor.reject(engine));
        }
    }
}

/// Groups in order of their first rows.
pub struct Groups {
    pub members: BTreeMap<Vec<u8>, usize>,
    pub groups: Vec<(Vec<Value>, Vec<Accumulator>)>,
    pub aggregates: Vec<(Aggregate, ColumnKind)>,
    pub args: Vec<Vec<Program>>,
    pub by_keys: bool,
}

impl Groups {
    pub fn new(
        plan: &Plan,
        from: &From,
        aggregates: &[(Aggregate, ColumnKind)],
    ) -> Result<Groups, SqlError> {
        let scope = TableScope::new(&from.tables, "field list").with(&from.subqueries);
        let compile = |(aggregate, _): &(Aggregate, ColumnKind)| {
            aggregate.args.iter().map(|arg| Program::compile(arg, &scope)).collect()
        };
        Ok(Groups {
            members: BTreeMap::new(),
            groups: Vec::new(),
            args: aggregates.iter().map(compile).collect::<Result<_, _>>()?,
            aggregates: aggregates.to_vec(),
            by_keys: !plan.groups.is_empty(),
        })
    }

    pub fn accumulators(&self) -> Result<Vec<Accumulator>, SqlError> {
        let new = |(aggregate, kind): &(Aggregate, ColumnKind)| {
            Accumulator::new(aggregate, kind.collation)
        };
        self.aggregates.iter().map(new).collect()
    }

    pub fn add(&mut self, plan: &Plan, row: Vec<Value>, env: &mut Env) -> Result<(), SqlError> {
        let mut key = Vec::new();
        for group in &plan.groups {
            let value = group.run(&row, env)?;
            key.extend(distinct_key(&[value], group.kind().collation));
        }
        let at = match self.members.get(&key) {
            Some(at) => *at,
            None => {
                let accumulators = self.accumulators()?;
                self.groups.push((row.clone(), accumulators));
                self.members.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        for (args, accumulator) in self.args.iter().zip(&mut self.groups[at].1) {
            let values: Vec<Value> =
                args.iter().map(|arg| arg.run(&row, env)).collect::<Result<_, _>>()?;
            accumulator.add(&values, env)?;
        }
        Ok(())
    }

    /// A row a group: the columns of its first row, then the aggregates.
    pub fn finish(mut self, from: &From, env: &mut Env) -> Vec<Vec<Value>> {
        if self.groups.is_empty() && !self.by_keys {
            let nulls = vec![Value::Null; from.width()];
            if let Ok(accumulators) = self.accumulators() {
                self.groups.push((nulls, accumulators));
            }
        }
        let mut rows = Vec::new();
        for (mut row, accumulators) in self.groups {
            for accumulator in accumulators {
                row.push(accumulator.finish(env));
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
pub fn exprs_of(select: &Select) -> impl Iterator<Item = &Expr> {
    let items = select.items.iter().filter_map(|item| match item {
        SelectItem::Expr { expr, .. } => Some(expr),
        SelectItem::Star(_) | SelectItem::Next(_) => None,
    });
    items.chain(&select.filter).chain(&select.having)
}

/// Does a SELECT without tables need more than constants?
pub fn has_subquery(expr: &Expr) -> bool {
    let scope = TableScope::new(&[], "field list");
    // The only thing that a scope without columns and subqueries refuses as not supported here.
    Program::compile(expr, &scope).is_err_and(|error| error.errno == 1235)
}

/// The columns that a star stands for, as (table, column).
pub fn starred(
    tables: &[InScope],
    name: Option<&TableName>,
) -> Result<Vec<(usize, usize)>, SqlError> {
    let mut columns = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        if name.is_some_and(|name| *name.name.0 != *table.alias) {
            continue;
        }
        let visible = table.opened.schema.columns.iter().enumerate();
        columns.extend(visible.filter(|(_, c)| !c.invisible).map(|(at, _)| (number, at)));
    }
    match name {
        Some(name) if columns.is_empty() => {
            let message = format!("Unknown table '{}'", name.name.as_str());
            Err(SqlError::new(1051, "42S02", message))
        }
        _ => Ok(columns),
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

/// ORDER BY and GROUP BY may name an item by its place or its alias.
pub fn resolve_alias(
    expr: &Expr,
    aliases: &[(Arc<str>, Expr)],
    items: &[Expr],
    tables: &[InScope],
    clause: &'static str,
    prefer_alias: bool,
) -> Result<Expr, SqlError> {
    match expr {
        Expr::Literal(crate::sql::ast::Literal::Integer(digits)) if clause != "having clause" => {
            let place = digits.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
            let item = place.and_then(|place| items.get(place));
            item.cloned().ok_or_else(|| SqlError::unknown_column(digits, clause))
        }
        Expr::Column(ColumnName { table: None, name }) => {
            let aliased = aliases.iter().find(|(alias, _)| name.is(alias)).map(|(_, expr)| expr);
            let scope = TableScope::new(tables, clause);
            let column = ColumnName { table: None, name: name.clone() };
            let is_column = scope.find(&column).is_ok();
            match aliased {
                Some(aliased) if prefer_alias || !is_column => Ok(aliased.clone()),
                _ => Ok(expr.clone()),
            }
        }
        other => Ok(other.clone()),
    }
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

pub fn row_key(row: &[Value], kinds: &[ColumnKind]) -> Vec<u8> {
    let values = row.iter().zip(kinds);
    values
        .flat_map(|(value, kind)| distinct_key(std::slice::from_ref(value), kind.collation))
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
            let order = sort_order(a, b, program.kind().collation, env);
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
