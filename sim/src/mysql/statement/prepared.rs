//! A query that is compiled: it may run many times, each time within another row around it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::eval::aggregate::sort_order;
use crate::eval::{ColumnKind, Env, Kind, Program, Strength};
use crate::mysql::execution::Run;
use crate::mysql::outcome::{Column, Outcome};
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{Limit, OrderBy, Query, Union, ValuesQuery};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::plan::{cut, expression_column, position, row_key};
use super::scope::{Context, TableScope};
use super::select::{Locks, PreparedSelect};
use super::subquery::{Subquery, results};

#[derive(Debug)]
pub enum Prepared {
    Select(Box<PreparedSelect>),
    Union(Box<PreparedUnion>),
    Values(Box<PreparedValues>),
}

#[derive(Debug)]
pub struct PreparedUnion {
    left: Prepared,
    right: Prepared,
    distinct: bool,
    columns: Vec<Column>,
    tail: Tail,
}

/// `values row(1, 2), row(3, 4)`.
#[derive(Debug)]
pub struct PreparedValues {
    rows: Vec<Vec<Program>>,
    columns: Vec<Column>,
    subqueries: Vec<Subquery>,
    refs: BTreeSet<usize>,
    tail: Tail,
}

/// ORDER BY places and LIMIT behind a query without tables of its own.
#[derive(Debug)]
struct Tail {
    order: Vec<(usize, bool)>,
    limit: Option<Limit>,
}

impl Prepared {
    pub fn columns(&self) -> &[Column] {
        match self {
            Prepared::Select(select) => &select.plan.columns,
            Prepared::Union(union) => &union.columns,
            Prepared::Values(values) => &values.columns,
        }
    }

    /// The columns of the queries around it that it needs.
    pub fn refs(&self) -> BTreeSet<usize> {
        match self {
            Prepared::Select(select) => {
                select.plan.used.iter().copied().filter(|at| *at < select.base).collect()
            }
            Prepared::Union(union) => {
                union.left.refs().into_iter().chain(union.right.refs()).collect()
            }
            Prepared::Values(values) => values.refs.clone(),
        }
    }
}

impl Run {
    pub async fn prepare(
        &self,
        query: &Query,
        outer: Option<Arc<Context>>,
        trx: TrxId,
        locks: Locks,
    ) -> Result<Prepared, SqlError> {
        match query {
            Query::Select(select) => {
                let select = self.prepare_select(select, outer, trx, locks).await?;
                Ok(Prepared::Select(Box::new(select)))
            }
            Query::Union(union) => {
                let union = Box::pin(self.prepare_union(union, outer, trx, locks)).await?;
                check_collations(&union)?;
                Ok(Prepared::Union(Box::new(union)))
            }
            Query::Values(values) => {
                let values = self.prepare_values(values, outer, trx, locks).await?;
                Ok(Prepared::Values(Box::new(values)))
            }
        }
    }

    async fn prepare_union(
        &self,
        union: &Union,
        outer: Option<Arc<Context>>,
        trx: TrxId,
        locks: Locks,
    ) -> Result<PreparedUnion, SqlError> {
        if union.with.is_some() || union.into.is_some() {
            return Err(SqlError::not_supported("WITH or INTO"));
        }
        let left = match &union.left {
            // The collations of all sides are taken together.
            Query::Union(inner) => {
                let inner = Box::pin(self.prepare_union(inner, outer.clone(), trx, locks)).await?;
                Prepared::Union(Box::new(inner))
            }
            other => self.prepare(other, outer.clone(), trx, locks).await?,
        };
        let right = self.prepare(&union.right, outer, trx, locks).await?;
        if left.columns().len() != right.columns().len() {
            let message = "The used SELECT statements have a different number of columns";
            return Err(SqlError::new(1222, "21000", message));
        }
        let both = |(left, right): (&Column, &Column)| {
            let kind = ColumnKind::union(left.kind, right.kind);
            let same = left.ty == right.ty;
            Column {
                name: left.name.clone(),
                table: None,
                original_table: None,
                kind,
                ty: left.ty.clone().filter(|_| same),
                not_null: left.not_null && right.not_null,
            }
        };
        let columns: Vec<Column> = left.columns().iter().zip(right.columns()).map(both).collect();
        let tail = tail(&union.order_by, union.limit.as_ref(), &columns)?;
        Ok(PreparedUnion { left, right, distinct: union.distinct, columns, tail })
    }

    async fn prepare_values(
        &self,
        values: &ValuesQuery,
        outer: Option<Arc<Context>>,
        trx: TrxId,
        locks: Locks,
    ) -> Result<PreparedValues, SqlError> {
        let exprs = values.rows.iter().flatten();
        let context = || Context { tables: Vec::new(), visible: Vec::new(), outer: outer.clone() };
        let subqueries = self.subqueries(exprs, context, trx, locks).await?;
        let scope = TableScope::new(&[], "field list").with(&subqueries).within(outer.as_deref());
        let mut rows: Vec<Vec<Program>> = Vec::new();
        let mut columns: Vec<Column> = Vec::new();
        for (number, exprs) in values.rows.iter().enumerate() {
            if 0 < number && exprs.len() != columns.len() {
                return Err(crate::mysql::error::value_count(number + 1));
            }
            let mut row = Vec::new();
            for (at, expr) in exprs.iter().enumerate() {
                let program = Program::compile(expr, &scope)?;
                match columns.get_mut(at) {
                    Some(column) => column.kind = ColumnKind::union(column.kind, program.kind()),
                    None => {
                        let name = format!("column_{at}");
                        columns.push(expression_column(expr, Some(&name), program.kind()));
                    }
                }
                row.push(program);
            }
            rows.push(row);
        }
        let refs = scope.used.take();
        let tail = tail(&values.order_by, values.limit.as_ref(), &columns)?;
        Ok(PreparedValues { rows, columns, subqueries, refs, tail })
    }

    /// Runs a query within a row around it; at least `rows_max` rows, if there are as many.
    pub async fn run_prepared(
        &self,
        prepared: &Prepared,
        outer: &[Value],
        trx: TrxId,
        rows_max: u64,
    ) -> Result<Outcome, SqlError> {
        match prepared {
            Prepared::Select(select) => self.run_select(select, outer, trx, rows_max).await,
            Prepared::Union(union) => {
                let left = Box::pin(self.run_prepared(&union.left, outer, trx, u64::MAX)).await?;
                let right = Box::pin(self.run_prepared(&union.right, outer, trx, u64::MAX)).await?;
                let mut env = self.env()?;
                env.warnings = left.warnings;
                env.warnings.extend(right.warnings);
                let kinds: Vec<ColumnKind> = union.columns.iter().map(|c| c.kind).collect();
                let mut rows: Vec<Row> = Vec::new();
                for (side, found) in [(&union.left, left.rows), (&union.right, right.rows)] {
                    let own: Vec<ColumnKind> = side.columns().iter().map(|c| c.kind).collect();
                    rows.extend(
                        found.into_iter().map(|row| converted(row, &own, &kinds, &mut env)),
                    );
                }
                if union.distinct {
                    let mut seen = BTreeSet::new();
                    rows.retain(|row| seen.insert(row_key(row, &kinds, &env)));
                }
                self.finish(&union.tail, &union.columns, rows, env)
            }
            Prepared::Values(values) => {
                let mut env = self.env()?;
                env.subqueries = results(&values.subqueries);
                let kinds: Vec<ColumnKind> = values.columns.iter().map(|c| c.kind).collect();
                let mut rows = Vec::new();
                for programs in &values.rows {
                    let mut row = Vec::new();
                    for program in programs {
                        let value = self.value(program, outer, &mut env, &values.subqueries, trx);
                        row.push(value.await?);
                    }
                    rows.push(converted(row.into(), &kinds, &kinds, &mut env));
                }
                self.finish(&values.tail, &values.columns, rows, env)
            }
        }
    }

    fn finish(
        &self,
        tail: &Tail,
        columns: &[Column],
        mut rows: Vec<Row>,
        mut env: Env,
    ) -> Result<Outcome, SqlError> {
        if !tail.order.is_empty() {
            rows.sort_by(|a, b| {
                let orders = tail.order.iter().map(|(at, descending)| {
                    let collation = columns[*at].kind.collation_in(&env);
                    let order = sort_order(&a[*at], &b[*at], collation, &mut env);
                    if *descending { order.reverse() } else { order }
                });
                orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            });
        }
        let (offset, count) = self.limits(tail.limit.as_ref(), &mut env)?;
        let matched = (rows.len() as u64).min(offset.saturating_add(count));
        let rows = cut(rows, offset, count);
        let (columns, warnings) = (columns.to_vec().into(), std::mem::take(&mut env.warnings));
        Ok(Outcome { columns, rows, matched, warnings, ..Outcome::default() })
    }
}

fn check_collations(union: &PreparedUnion) -> Result<(), SqlError> {
    if union.columns.iter().any(|column| column.kind.strength == Strength::Conflict) {
        let message = "Illegal mix of collations for operation 'UNION'";
        return Err(SqlError::new(1271, "HY000", message));
    }
    Ok(())
}

fn tail(order_by: &[OrderBy], limit: Option<&Limit>, columns: &[Column]) -> Result<Tail, SqlError> {
    let place = |order: &OrderBy| Ok((position(&order.expr, columns)?, order.descending));
    let order = order_by.iter().map(place).collect::<Result<_, SqlError>>()?;
    Ok(Tail { order, limit: limit.cloned() })
}

/// A row of one side of a UNION in the types of both.
fn converted(row: Row, own: &[ColumnKind], kinds: &[ColumnKind], env: &mut Env) -> Row {
    let convert = |((value, own), kind): ((&Value, &ColumnKind), &ColumnKind)| {
        let temporal = matches!(own.kind, Kind::DateTime | Kind::Time);
        // A time that becomes a text keeps its type's digits behind the second.
        let decimals = if temporal { own.decimals } else { kind.decimals };
        ColumnKind { decimals, ..*kind }.convert(value.clone(), env)
    };
    row.iter().zip(own).zip(kinds).map(convert).collect()
}
