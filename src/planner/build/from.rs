//! FROM: tables in query graphs, joins that must keep their order, derived tables.

use sim::sql::ast::{Expr, JoinKind, Query, TableExpr};

use super::super::operator::horizon::Derived;
use super::super::operator::join::Kind;
use super::super::operator::query_graph::QueryTable;
use super::super::operator::{Join, Operator, QueryGraph, VindexTable};
use super::super::planning::Planning;
use super::super::semantics::tables::Source;
use super::super::{PlanError, expression};
use super::predicate;
use super::recursion;

/// A comma list is an inner join.
pub fn tables(planning: &mut Planning<'_>, from: &[TableExpr]) -> Result<Operator, PlanError> {
    let mut joined: Option<Operator> = None;
    for expr in from {
        let next = table(planning, expr)?;
        joined = Some(match joined {
            None => next,
            Some(left) => inner(left, next),
        });
    }
    joined.ok_or_else(|| PlanError::bug("a query without a table"))
}

fn inner(left: Operator, right: Operator) -> Operator {
    match (left, right) {
        (Operator::QueryGraph(mut left), Operator::QueryGraph(right)) => {
            left.tables.extend(right.tables);
            left.joins.extend(right.joins);
            left.without_tables.extend(right.without_tables);
            Operator::QueryGraph(left)
        }
        (left, right) => {
            let kind = Kind::Inner;
            Operator::Join(Box::new(Join { left, right, kind, predicates: Vec::new() }))
        }
    }
}

fn table(planning: &mut Planning<'_>, expr: &TableExpr) -> Result<Operator, PlanError> {
    match expr {
        TableExpr::Bound(inner, number) => bound(planning, inner, *number),
        TableExpr::Parens(list) => tables(planning, list),
        TableExpr::Join(join) => {
            let left = table(planning, &join.left)?;
            let right = table(planning, &join.right)?;
            let on = match join.kind {
                JoinKind::Inner | JoinKind::Straight => {
                    recursion::bound(planning, join.on.as_ref())
                }
                _ => join.on.clone(),
            };
            let on = on.as_ref();
            match join.kind {
                JoinKind::Inner => predicate::add_on(planning, inner(left, right), on),
                JoinKind::Straight => outer(planning, left, right, Kind::Straight, on),
                JoinKind::Left => outer(planning, left, right, Kind::Left, on),
                JoinKind::Right => outer(planning, right, left, Kind::Left, on),
                _ => Err(PlanError::unsupported("natural join")),
            }
        }
        _ => Err(PlanError::bug("a table without a number")),
    }
}

/// A join whose order stays: its ON stays with it.
fn outer(
    planning: &mut Planning<'_>,
    left: Operator,
    right: Operator,
    kind: Kind,
    on: Option<&Expr>,
) -> Result<Operator, PlanError> {
    let mut join = Join { left, right, kind, predicates: Vec::new() };
    if kind == Kind::Straight {
        return predicate::add_on(planning, Operator::Join(Box::new(join)), on);
    }
    for conjunct in on.cloned().map(expression::into_conjuncts).unwrap_or_default() {
        if expression::has_subquery(&conjunct) {
            return Err(PlanError::unsupported("subquery in outer join predicate"));
        }
        join.predicates.push(conjunct);
    }
    Ok(Operator::Join(Box::new(join)))
}

fn bound(
    planning: &mut Planning<'_>,
    written: &TableExpr,
    number: u32,
) -> Result<Operator, PlanError> {
    match written {
        TableExpr::Derived { query, alias, columns, .. } => {
            let mut query = query.clone();
            drop_useless_order(&mut query);
            let mut inner = super::query::query(planning, &query)?;
            let derived = Derived { number, alias: alias.clone(), columns: columns.clone() };
            horizon_of(&mut inner, derived);
            Ok(inner)
        }
        _ => match &planning.semantics.table(number).source.clone() {
            Source::Vindex { keyspace, name } => {
                Ok(Operator::VindexTable(Box::new(VindexTable::new(number, keyspace, name))))
            }
            Source::Recursive(of) => recursion::recursive(planning, number, written, of.cte),
            Source::Iteration(_) => Ok(recursion::iteration(planning, number, written)),
            _ => {
                let table = QueryTable { number, written: written.clone(), predicates: Vec::new() };
                let graph = QueryGraph { tables: vec![table], ..QueryGraph::default() };
                Ok(Operator::QueryGraph(Box::new(graph)))
            }
        },
    }
}

/// An order says nothing of a table's rows, unless it says which rows there are.
fn drop_useless_order(query: &mut Query) {
    match query {
        Query::Select(select) if select.limit.is_none() => select.order_by.clear(),
        Query::Union(union) if union.limit.is_none() => union.order_by.clear(),
        _ => {}
    }
}

fn horizon_of(operator: &mut Operator, derived: Derived) {
    match operator {
        Operator::Horizon(horizon) => horizon.derived = Some(derived),
        Operator::LockAndComment(lock) => horizon_of(&mut lock.source, derived),
        _ => {}
    }
}
