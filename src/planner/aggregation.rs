//! Grouping: when a query needs it, and the operators that it becomes.
//!
//! ```text
//!   select a, count(*) + 1 from t group by a
//!   Projection a, count(*) + 1
//!     Aggregator  group a, count(*)
//! ```
//!
//! See `operators/queryprojection.go` and `horizon_expanding.go`. It knows nothing of routes.

use sim::sql::ast::{Aggregate, AggregateKind, Expr, Ident, Select, SelectItem};
use sim::sql::walk::children;

use super::build::{predicate as predicates, sub_query};
use super::operator::aggregator::{Aggr, Aggregator, Column, Group};
use super::operator::horizon::Derived;
use super::operator::ordering::Order;
use super::operator::projection::{self, Projection};
use super::operator::{Operator, aggregator};
use super::planning::Planning;
use super::predicate::same;
use super::primitive::AggregateOp;
use super::semantics::item_name;
use super::{PlanError, evaluable, expression};

/// Whether a query groups rows: by GROUP BY, by aggregates, or since its DISTINCT is ordered.
pub fn is_needed(planning: &Planning<'_>, select: &Select, order: &[Order]) -> bool {
    let aggregates = select.items.iter().any(|item| {
        matches!(item, SelectItem::Expr { expr, .. } if planning.semantics.has_aggregate(expr))
    });
    let in_order = order.iter().any(|order| planning.semantics.has_aggregate(&order.expr));
    !select.group_by.is_empty()
        || aggregates
        || in_order
        || select.having.is_some()
        || orders_distinct(select, order)
}

/// `select distinct a, b .. order by a` is planned as `group by a, b`.
fn orders_distinct(select: &Select, order: &[Order]) -> bool {
    let selected = |order: &Order| {
        select.items.iter().any(
            |item| matches!(item, SelectItem::Expr { expr, .. } if same(expr, &order.simplified)),
        )
    };
    let plain = select.items.iter().all(|item| matches!(item, SelectItem::Expr { .. }));
    select.distinct && plain && select.group_by.is_empty() && order.iter().any(selected)
}

/// Whether no DISTINCT is left to do: every row is a group of its own.
pub fn makes_distinct(planning: &Planning<'_>, select: &Select, order: &[Order]) -> bool {
    if !is_needed(planning, select, order) {
        return false;
    }
    let mut aggregates = select.items.iter().any(|item| {
        matches!(item, SelectItem::Expr { expr, .. } if planning.semantics.has_aggregate(expr))
    });
    aggregates |= select.having.as_ref().is_some_and(|it| planning.semantics.has_aggregate(it));
    if select.group_by.is_empty() {
        return aggregates || orders_distinct(select, order);
    }
    let selected = |group: &Expr| {
        select
            .items
            .iter()
            .any(|item| matches!(item, SelectItem::Expr { expr, .. } if same(expr, group)))
    };
    select.group_by.iter().all(selected)
}

pub fn expand(
    planning: &mut Planning<'_>,
    source: Operator,
    select: &Select,
    order: &[Order],
    derived: Option<Derived>,
) -> Result<Operator, PlanError> {
    let mut items = Vec::new();
    for item in &select.items {
        let SelectItem::Expr { expr, alias } = item else {
            return Err(expression::schema_tracking_required());
        };
        items.push((expr.clone(), alias.clone()));
    }
    let visible = items.len();
    let mut groups: Vec<Expr> = Vec::new();
    let by_distinct = select.group_by.is_empty() && orders_distinct(select, order);
    let written: Vec<Expr> = match by_distinct {
        true => items.iter().map(|(expr, _)| expr.clone()).collect(),
        false => select.group_by.clone(),
    };
    for group in written {
        if planning.semantics.has_aggregate(&group) {
            let text = format!("VT03005: cannot group on '{group}'");
            return Err(PlanError::new(crate::key::Code::InvalidArgument, text));
        }
        if expression::has_subquery(&group) {
            return Err(PlanError::unsupported("subqueries in GROUP BY"));
        }
        if !groups.iter().any(|known| same(known, &group)) {
            groups.push(group);
        }
    }
    for order in order {
        let grouped = groups.iter().any(|group| same(group, &order.simplified));
        let selected = items.iter().any(|(expr, _)| same(expr, &order.simplified));
        if !grouped && !selected {
            items.push((order.simplified.clone(), None));
        }
    }
    let tables = source.tables();
    let mut aggregator = Aggregator {
        groups: groups.into_iter().map(Group::new).collect(),
        rollup: select.rollup,
        original: true,
        ..Aggregator::part(Operator::Taken)
    };
    let mut subqueries = Vec::new();
    let mut replaced = Vec::new();
    for (expr, _) in &items {
        let of_value = sub_query::of_value(planning, expr, tables)?;
        replaced.push(match of_value {
            Some((replaced, own)) => {
                subqueries.extend(own);
                replaced
            }
            None => expr.clone(),
        });
    }
    aggregator.source = predicates::contained(source, subqueries);
    let complex = items.iter().any(|(expr, _)| {
        planning.semantics.has_aggregate(expr) && !planning.semantics.is_aggregate(expr)
    });
    if !complex {
        for ((expr, alias), replaced) in items.iter().zip(replaced) {
            add_item(planning, &mut aggregator, expr, replaced, alias.clone());
        }
        add_filtered(planning, &mut aggregator, select.having.as_ref());
        if visible < items.len() {
            aggregator.visible = Some(visible);
        }
        aggregator.derived = derived;
        return Ok(Operator::Aggregator(Box::new(aggregator)));
    }
    let mut projection = Projection::new(Operator::Taken);
    // What is computed above reads all groups first, whatever the list shows.
    for group in &mut aggregator.groups {
        group.column = Some(aggregator.columns.len());
        aggregator.columns.push(Column { expr: group.expr.clone(), alias: None });
    }
    for ((expr, alias), replaced) in items.iter().zip(replaced) {
        if planning.semantics.has_aggregate(expr) {
            add_parts(planning, &mut aggregator, &replaced);
        } else if !aggregator.groups.iter().any(|group| same(&group.expr, expr)) {
            add_item(planning, &mut aggregator, expr, replaced.clone(), None);
        }
        let mut column = projection::Column::new(expr.clone(), alias.clone());
        column.expr = replaced;
        projection.columns.push(column);
    }
    add_filtered(planning, &mut aggregator, select.having.as_ref());
    projection.source = Operator::Aggregator(Box::new(aggregator));
    projection.derived = derived;
    projection.fixed = true;
    Ok(Operator::Projection(Box::new(projection)))
}

/// The aggregates that HAVING reads and the select list has not.
fn add_filtered(planning: &Planning<'_>, aggregator: &mut Aggregator, having: Option<&Expr>) {
    let before = aggregator.columns.len();
    let mut read = Vec::new();
    having.into_iter().for_each(|expr| aggregates_in(planning, expr, &mut read));
    for expr in read {
        if !aggregator.columns.iter().any(|column| same(&column.expr, expr)) {
            add_item(planning, aggregator, expr, expr.clone(), None);
        }
    }
    aggregator.filtered_by = aggregator.columns.len() - before;
}

fn aggregates_in<'a>(planning: &Planning<'_>, expr: &'a Expr, found: &mut Vec<&'a Expr>) {
    match planning.semantics.is_aggregate(expr) {
        true => found.push(expr),
        false => children(expr).into_iter().for_each(|it| aggregates_in(planning, it, found)),
    }
}

/// A select item as a column: a group, an aggregate, or any value of the group.
fn add_item(
    planning: &Planning<'_>,
    aggregator: &mut Aggregator,
    original: &Expr,
    expr: Expr,
    alias: Option<Ident>,
) {
    let column = aggregator.columns.len();
    aggregator.columns.push(Column { expr: expr.clone(), alias: alias.clone() });
    if planning.semantics.is_aggregate(original) {
        let aggr = aggr_of(&expr, original, alias.as_ref(), column);
        aggregator.aggregates.push(aggr);
        return;
    }
    let group = aggregator.groups.iter_mut().find(|group| same(&group.expr, original));
    match group {
        Some(group) => group.column = group.column.or(Some(column)),
        None => {
            let constant = evaluable::translate(original).is_ok();
            aggregator.aggregates.push(Aggr {
                op: if constant { AggregateOp::Constant } else { AggregateOp::AnyValue },
                original_op: None,
                distinct: false,
                argument: Some(expr.clone()),
                alias: item_name(original, alias.as_ref()),
                original: expr,
                column,
                weight_column: None,
                collation: None,
                pushed_down: false,
            });
        }
    }
}

/// The parts of an expression with aggregates in it: these, and what has none.
fn add_parts(planning: &Planning<'_>, aggregator: &mut Aggregator, expr: &Expr) {
    if planning.semantics.has_aggregate(expr) && !planning.semantics.is_aggregate(expr) {
        children(expr).into_iter().for_each(|child| add_parts(planning, aggregator, child));
        return;
    }
    // Vitess has no expression of its own for an interval.
    if let Expr::Interval { value, .. } = expr {
        return add_parts(planning, aggregator, value);
    }
    if !aggregator.groups.iter().any(|group| same(&group.expr, expr)) {
        add_item(planning, aggregator, expr, expr.clone(), None);
    }
}

/// An aggregate call as the aggregator keeps it.
pub fn aggr_of(expr: &Expr, original: &Expr, alias: Option<&Ident>, column: usize) -> Aggr {
    let (op, distinct, argument) = match expr {
        Expr::Aggregate(aggregate) => {
            (op_of(aggregate), aggregate.distinct, aggregate.args.first().cloned())
        }
        Expr::Function(function) => {
            (AggregateOp::UserDefined, false, function.args.first().cloned())
        }
        other => (AggregateOp::AnyValue, false, Some(other.clone())),
    };
    aggregator::Aggr {
        original: expr.clone(),
        op,
        original_op: None,
        distinct,
        argument,
        alias: item_name(original, alias),
        column,
        weight_column: None,
        collation: None,
        pushed_down: false,
    }
}

fn op_of(aggregate: &Aggregate) -> AggregateOp {
    match (aggregate.kind, aggregate.distinct) {
        (AggregateKind::CountStar, _) => AggregateOp::CountStar,
        (AggregateKind::Count, true) => AggregateOp::CountDistinct,
        (AggregateKind::Count, false) => AggregateOp::Count,
        (AggregateKind::Sum, true) => AggregateOp::SumDistinct,
        (AggregateKind::Sum, false) => AggregateOp::Sum,
        (AggregateKind::Min, _) => AggregateOp::Min,
        (AggregateKind::Max, _) => AggregateOp::Max,
        (AggregateKind::Avg, _) => AggregateOp::Avg,
        (AggregateKind::AnyValue, _) => AggregateOp::AnyValue,
        (AggregateKind::GroupConcat, _) => AggregateOp::GroupConcat,
        _ => AggregateOp::Other,
    }
}
