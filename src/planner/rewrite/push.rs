//! Operators that go below what they stand on.
//!
//! ```text
//!   Projection(Route)    Route(Projection)
//!   Limit(Route)         Limit(Route(Limit))      over several shards
//! ```
//!
//! See `operators/query_planning.go`. It knows nothing of offsets.

use sim::sql::ast::{BinaryOp, Expr, Ident, Limit as LimitClause, Literal, Query};

use super::super::build::predicate::add;
use super::super::operator::ordering::Order;
use super::super::operator::projection;
use super::super::operator::{
    ApplyJoin, Distinct, Filter, Horizon, Limit, Operator, Ordering, Projection, Route, SubQuery,
    VindexTable,
};
use super::super::planning::{Conditions, Phase, Planning, RowsFor};
use super::super::predicate::same;
use super::super::route::narrow;
use super::super::semantics::table_set::TableSet;
use super::super::{PlanError, expression};
use super::Rewritten;
use super::split_projection::{may_split, split_projection};
use crate::key::Code;

pub fn push(planning: &mut Planning<'_>, operator: Operator) -> Rewritten {
    match operator {
        Operator::Projection(projection) => self::projection(planning, projection),
        Operator::Filter(filter) => self::filter(planning, filter),
        Operator::Ordering(ordering) => self::ordering(planning, ordering),
        Operator::Limit(limit) => self::limit(planning, limit),
        Operator::Distinct(distinct) => self::distinct(planning, distinct),
        Operator::Update(mut update) => match update.source.take() {
            Operator::Route(mut route) => {
                update.source = route.source;
                route.source = Operator::Update(update);
                Ok((Operator::Route(route), Some("pushed update under route")))
            }
            Operator::SubQuery(mut subquery) => {
                update.source = subquery.outer.take();
                subquery.outer = Operator::Update(update);
                Ok((Operator::SubQuery(subquery), Some("pushed update under subquery")))
            }
            source => {
                update.source = source;
                Ok((Operator::Update(update), None))
            }
        },
        Operator::Delete(mut delete) => match delete.source.take() {
            Operator::Route(mut route) => {
                delete.source = route.source;
                route.source = Operator::Delete(delete);
                Ok((Operator::Route(route), Some("pushed delete under route")))
            }
            Operator::SubQuery(mut subquery) => {
                delete.source = subquery.outer.take();
                subquery.outer = Operator::Delete(delete);
                Ok((Operator::SubQuery(subquery), Some("pushed delete under subquery")))
            }
            source => {
                delete.source = source;
                Ok((Operator::Delete(delete), None))
            }
        },
        other => Ok((other, None)),
    }
}

/// Puts an operator below the route that it stands on.
fn below(mut route: Box<Route>, wrap: impl FnOnce(Operator) -> Operator) -> Operator {
    route.source = wrap(route.source.take());
    Operator::Route(route)
}

fn projection(planning: &mut Planning<'_>, mut projection: Box<Projection>) -> Rewritten {
    if projection.by_position {
        return of_union(projection);
    }
    match projection.source.take() {
        Operator::Route(route) => {
            let pushed = below(route, |source| {
                projection.source = source;
                Operator::Projection(projection)
            });
            Ok((pushed, Some("push projection under route")))
        }
        Operator::SubQuery(mut subquery)
            if planning.reached(Phase::SettleSubqueries)
                && shows(
                    planning,
                    &projection,
                    subquery.outer.tables(),
                    std::slice::from_ref(&*subquery),
                ) =>
        {
            projection.source = subquery.outer.take();
            subquery.outer = Operator::Projection(projection);
            Ok((Operator::SubQuery(subquery), Some("push projection to outer side of subquery")))
        }
        Operator::ApplyJoin(join) if may_split(&projection, &join) => {
            split_projection(planning, *projection, join)
        }
        Operator::SubQueryContainer(mut container)
            if planning.reached(Phase::InitialPlanning)
                && is_of_outer(planning, &projection, &container.outer)
                && shows(
                    planning,
                    &projection,
                    container.outer.tables(),
                    &container.subqueries,
                ) =>
        {
            projection.source = container.outer.take();
            container.outer = Operator::Projection(projection);
            let rule = "push projection to outer side of subquery container";
            Ok((Operator::SubQueryContainer(container), Some(rule)))
        }
        Operator::VindexTable(table) => into_vindex(projection, table),
        Operator::Limit(mut limit) => {
            projection.source = limit.source.take();
            limit.source = Operator::Projection(projection);
            Ok((Operator::Limit(limit), Some("push projection under limit")))
        }
        source => {
            projection.source = source;
            Ok((Operator::Projection(projection), None))
        }
    }
}

/// A union as a derived table goes below its route as one.
fn of_union(mut projection: Box<Projection>) -> Rewritten {
    match projection.source.take() {
        Operator::Route(route) if projection.columns.is_empty() => {
            let query = Query::Union(Box::new(expression::empty_union()));
            let derived = projection.derived.take();
            let pushed = below(route, |source| {
                Operator::Horizon(Box::new(Horizon { source, query, derived }))
            });
            Ok((pushed, Some("push projection under route")))
        }
        source => {
            projection.source = source;
            Ok((Operator::Projection(projection), None))
        }
    }
}

/// Whether what subqueries are asked with, and what is asked of them, can be read above: a derived
/// table shows no more than its columns. (Vitess does not look.)
fn shows(
    planning: &Planning<'_>,
    projection: &Projection,
    outer: TableSet,
    subqueries: &[SubQuery],
) -> bool {
    if projection.derived.is_none() {
        return true;
    }
    let mut hidden = false;
    let mut look = |expr: &Expr| {
        let own = planning.semantics.tables_of(expr).is_within(outer);
        if matches!(expr, Expr::Bound(..)) && own {
            hidden |= !projection.columns.iter().any(|column| same(&column.expr, expr));
        }
    };
    for subquery in subqueries {
        for (_, expr) in &subquery.outer_vars {
            expression::any(expr, &mut |expr| {
                look(expr);
                false
            });
        }
        if !subquery.is_argument {
            expression::any(&subquery.original, &mut |expr| {
                look(expr);
                false
            });
        }
    }
    !hidden
}

/// Whether a projection reads nothing but what a query beside subqueries gives.
fn is_of_outer(planning: &Planning<'_>, projection: &Projection, outer: &Operator) -> bool {
    let tables = outer.tables();
    let within =
        |column: &projection::Column| planning.semantics.tables_of(&column.expr).is_within(tables);
    projection.star.is_none() && projection.columns.iter().all(within)
}

/// A vindex gives the columns that are asked of it, under their own names.
fn into_vindex(mut projection: Box<Projection>, mut table: Box<VindexTable>) -> Rewritten {
    let before = table.columns.len();
    let is_plain = projection.derived.is_none()
        && projection.star.is_none()
        && projection.columns.iter().enumerate().all(|(at, column)| match &column.expr {
            Expr::Column(name) | Expr::Bound(name, _) if column.alias.is_none() => {
                table.offset_of(name.name.as_str()) == Some(before + at)
            }
            _ => false,
        });
    if is_plain {
        return Ok((Operator::VindexTable(table), Some("push projection into vindex")));
    }
    table.columns.truncate(before);
    let other = projection.columns.iter().map(|column| &column.expr);
    let mut other = other.filter(|expr| !matches!(expr, Expr::Column(_) | Expr::Bound(..)));
    if let Some(expr) = other.next()
        && table.wanted().is_ok()
    {
        let text = format!("VT09018: cannot add '{expr}' expression to a table/vindex");
        return Err(PlanError::new(Code::FailedPrecondition, text));
    }
    projection.source = Operator::VindexTable(table);
    Ok((Operator::Projection(projection), None))
}

fn filter(planning: &mut Planning<'_>, mut filter: Box<Filter>) -> Rewritten {
    match filter.source.take() {
        Operator::Route(mut route) => {
            for predicate in &filter.predicates {
                narrow(planning, &mut route, predicate);
            }
            let pushed = below(route, |source| {
                filter.source = source;
                Operator::Filter(filter)
            });
            Ok((pushed, Some("push filter into route")))
        }
        Operator::SubQuery(mut subquery) => {
            filter.source = subquery.outer.take();
            subquery.outer = Operator::Filter(filter);
            Ok((Operator::SubQuery(subquery), Some("push filter to outer side of subquery")))
        }
        Operator::ApplyJoin(join) if planning.conditions == Conditions::Last => {
            Ok(into_join(planning, filter, join))
        }
        Operator::Projection(mut projection) if passes_on(planning, &projection, &filter) => {
            filter.source = projection.source.take();
            projection.source = Operator::Filter(filter);
            Ok((Operator::Projection(projection), Some("push filter under projection")))
        }
        source => {
            filter.source = source;
            Ok((Operator::Filter(filter), None))
        }
    }
}

/// Whether a projection computes nothing that a filter reads.
fn passes_on(planning: &Planning<'_>, projection: &Projection, filter: &Filter) -> bool {
    let computed = |expr: &Expr| {
        let is = |column: &projection::Column| {
            same(&column.original, expr) && !same(&column.original, &column.expr)
        };
        let read = matches!(expr, Expr::Bound(..)) || planning.semantics.is_aggregate(expr);
        read && projection.columns.iter().any(is)
    };
    projection.fixed
        && projection.derived.is_none()
        && !filter.predicates.iter().any(|predicate| expression::any(predicate, &mut { computed }))
}

/// What names the tables of one side goes there; over an outer join only what names the left's.
fn into_join(
    planning: &mut Planning<'_>,
    mut filter: Box<Filter>,
    mut join: Box<ApplyJoin>,
) -> (Operator, Option<&'static str>) {
    let of_left = |planning: &Planning<'_>, predicate: &Expr| {
        planning.semantics.tables_of(predicate).is_within(join.left.tables())
    };
    let predicates = std::mem::take(&mut filter.predicates);
    let (down, stay): (Vec<Expr>, Vec<Expr>) =
        predicates.into_iter().partition(|it| join.kind.is_inner() || of_left(planning, it));
    if down.is_empty() {
        filter.predicates = stay;
        filter.source = Operator::ApplyJoin(join);
        return (Operator::Filter(filter), None);
    }
    let source = match join.kind.is_inner() {
        true => {
            down.into_iter().rev().fold(Operator::ApplyJoin(join), |it, new| add(planning, it, new))
        }
        false => {
            let left = join.left.take();
            join.left = down.into_iter().rev().fold(left, |it, new| add(planning, it, new));
            Operator::ApplyJoin(join)
        }
    };
    let rule = Some("push filter into join");
    if stay.is_empty() {
        return (source, rule);
    }
    (Filter::over(source, stay), rule)
}

fn ordering(planning: &Planning<'_>, mut ordering: Box<Ordering>) -> Rewritten {
    match ordering.source.take() {
        Operator::Route(route) => {
            let pushed = below(route, |source| {
                ordering.source = source;
                Operator::Ordering(ordering)
            });
            Ok((pushed, Some("push ordering under route")))
        }
        Operator::ApplyJoin(mut join) if is_of(planning, &ordering, join.left.tables()) => {
            ordering.source = join.left.take();
            join.left = Operator::Ordering(ordering);
            Ok((Operator::ApplyJoin(join), Some("push ordering to the left of join")))
        }
        Operator::Aggregator(aggregator) if planning.reached(Phase::DelegateAggregation) => {
            super::aggregation::order_below(planning, ordering, aggregator)
        }
        Operator::Projection(mut projection)
            if is_of_input(planning, &ordering, &projection)
                && !gives_arguments(&projection.source) =>
        {
            ordering.source = projection.source.take();
            projection.source = Operator::Ordering(ordering);
            let rule = Some("push ordering under projection");
            Ok((Operator::Projection(projection), rule))
        }
        Operator::SubQueryContainer(mut container)
            if is_of(planning, &ordering, container.outer.tables()) =>
        {
            ordering.source = container.outer.take();
            container.outer = Operator::Ordering(ordering);
            let rule = "push ordering to outer side of subquery container";
            Ok((Operator::SubQueryContainer(container), Some(rule)))
        }
        Operator::Ordering(inner) => {
            ordering.source = inner.source;
            Ok((Operator::Ordering(ordering), Some("remove double ordering")))
        }
        Operator::Filter(mut filter) => {
            ordering.source = filter.source.take();
            filter.source = Operator::Ordering(ordering);
            Ok((Operator::Filter(filter), Some("push ordering under filter")))
        }
        Operator::SubQuery(mut subquery)
            if planning.reached(Phase::SettleSubqueries) && !subquery.is_argument =>
        {
            ordering.source = subquery.outer.take();
            subquery.outer = Operator::Ordering(ordering);
            Ok((Operator::SubQuery(subquery), Some("push ordering to outer side of subquery")))
        }
        source => {
            ordering.source = source;
            Ok((Operator::Ordering(ordering), None))
        }
    }
}

/// Whether a projection computes nothing that the order is by.
fn is_of_input(planning: &Planning<'_>, ordering: &Ordering, projection: &Projection) -> bool {
    let of_input =
        |expr: &Expr| matches!(expr, Expr::Bound(..)) || planning.semantics.is_aggregate(expr);
    let computed = |expr: &Expr| {
        projection
            .columns
            .iter()
            .any(|column| same(&column.original, expr) && !same(&column.original, &column.expr))
    };
    projection.derived.is_none()
        && projection.star.is_none()
        && ordering.order.iter().all(|order| of_input(&order.simplified))
        && !ordering.order.iter().any(|order| computed(&order.simplified))
}

/// Whether all that the order is by is of these tables.
fn is_of(planning: &Planning<'_>, ordering: &Ordering, tables: TableSet) -> bool {
    ordering
        .order
        .iter()
        .all(|order| planning.semantics.tables_of(&order.simplified).is_within(tables))
}

/// Whether subqueries stand below whose values the select list shows: Vitess sorts above them.
fn gives_arguments(operator: &Operator) -> bool {
    match operator {
        Operator::SubQueryContainer(container) => {
            container.subqueries.iter().any(|subquery| subquery.is_argument)
        }
        Operator::SubQuery(subquery) => subquery.is_argument,
        _ => false,
    }
}

fn limit(planning: &Planning<'_>, mut limit: Box<Limit>) -> Rewritten {
    match limit.source.take() {
        Operator::Route(route) if route.routing.is_single_shard() => {
            let pushed = below(route, |source| {
                limit.source = source;
                Operator::Limit(limit)
            });
            Ok((pushed, Some("push limit under route")))
        }
        Operator::Route(route)
            if !limit.pushed
                && planning.rows_for == RowsFor::Client
                && planning.reached(Phase::InitialPlanning) =>
        {
            let copy = pushed_limit(&limit.limit);
            limit.pushed = true;
            limit.source = below(route, |source| {
                let limit = Limit { source, limit: copy, top: false, is_copy: true, pushed: true };
                Operator::Limit(Box::new(limit))
            });
            Ok((Operator::Limit(limit), Some("pushed limit under route")))
        }
        Operator::ApplyJoin(mut join)
            if !limit.pushed && planning.reached(Phase::SettleSubqueries) =>
        {
            limit.pushed = true;
            let copy = |source: Operator| {
                let limit = pushed_limit(&limit.limit);
                Operator::Limit(Box::new(Limit {
                    source,
                    limit,
                    top: false,
                    is_copy: true,
                    pushed: false,
                }))
            };
            join.right = copy(join.right.take());
            if !join.kind.is_inner() {
                join.left = copy(join.left.take());
            }
            if limit.is_copy {
                return Ok((Operator::ApplyJoin(join), Some("pushed limit into join")));
            }
            limit.source = Operator::ApplyJoin(join);
            Ok((Operator::Limit(limit), Some("copied limit into join")))
        }
        Operator::Limit(mut inner) => {
            let Some(count) = lower_count(&limit.limit, &inner.limit) else {
                limit.source = Operator::Limit(inner);
                return Ok((Operator::Limit(limit), None));
            };
            limit.limit.count = count;
            limit.source = inner.source.take();
            Ok((Operator::Limit(limit), Some("merged two limits")))
        }
        // Whatever becomes of the subqueries, the limit has met them.
        Operator::SubQueryContainer(container) if planning.reached(Phase::InitialPlanning) => {
            limit.pushed = true;
            limit.source = Operator::SubQueryContainer(container);
            Ok((Operator::Limit(limit), None))
        }
        source @ Operator::Route(_) if planning.rows_for == RowsFor::Client => {
            limit.source = source;
            Ok((Operator::Limit(limit), None))
        }
        source @ (Operator::Aggregator(_)
        | Operator::Horizon(_)
        | Operator::ApplyJoin(_)
        | Operator::SubQuery(_)
        | Operator::SubQueryContainer(_)) => {
            limit.source = source;
            Ok((Operator::Limit(limit), None))
        }
        mut source if !limit.pushed && planning.reached(Phase::InitialPlanning) => {
            limit.pushed = true;
            let order = order_above_window(&source);
            let found = limit_routes(&mut source, &order);
            limit.source = source;
            Ok((Operator::Limit(limit), found.then_some("push upper limit under route")))
        }
        source => {
            limit.source = source;
            Ok((Operator::Limit(limit), None))
        }
    }
}

/// Of two numbers without an offset the lower. Vitess merges limits with offsets as well, and takes
/// the wrong one's from the wrong number.
fn lower_count(one: &LimitClause, other: &LimitClause) -> Option<Expr> {
    let number = |limit: &LimitClause| match (&limit.offset, &limit.count) {
        (None, Expr::Literal(Literal::Integer(digits))) => digits.parse::<u64>().ok(),
        _ => None,
    };
    let lower = number(one)?.min(number(other)?);
    Some(Expr::Literal(Literal::Integer(lower.to_string().into())))
}

/// A route below gives no more rows than the limit asks for; it learns how many when it runs.
///
/// Vitess does so through a filter and a sort as well, and loses rows. The plans here are the same,
/// but such routes are told of no limit.
fn limit_routes(operator: &mut Operator, order: &[Order]) -> bool {
    match operator {
        Operator::Route(route) => {
            let count = Expr::Argument { name: Ident::new("__upper_limit"), ty: None };
            let source = ordered(route.source.take(), order);
            let limit = LimitClause { offset: None, count };
            let limit = Limit { source, limit, top: false, is_copy: true, pushed: true };
            route.source = Operator::Limit(Box::new(limit));
            true
        }
        Operator::Join(_)
        | Operator::ApplyJoin(_)
        | Operator::SubQuery(_)
        | Operator::SubQueryContainer(_) => false,
        Operator::Aggregator(aggregator) if !aggregator.groups.is_empty() => false,
        other => {
            let inputs = other.inputs_mut().into_iter();
            inputs.fold(false, |any, input| limit_routes(input, order) | any)
        }
    }
}

/// The order that stands above windows, which nothing takes below them: a limit does.
fn order_above_window(operator: &Operator) -> Vec<Order> {
    let mut order = Vec::new();
    let mut operator = operator;
    loop {
        match operator {
            Operator::Ordering(ordering) => order.clone_from(&ordering.order),
            Operator::Window(_) => return order,
            Operator::Route(_) => return Vec::new(),
            _ => {}
        }
        let [input] = operator.inputs()[..] else { return Vec::new() };
        operator = input;
    }
}

fn ordered(source: Operator, order: &[Order]) -> Operator {
    match order {
        [] => source,
        order => {
            let order = order.to_vec();
            Operator::Ordering(Box::new(Ordering { source, order, result_columns: None }))
        }
    }
}

/// Each shard gives as many rows as could be wanted of it alone.
pub fn pushed_limit(limit: &LimitClause) -> LimitClause {
    let Some(offset) = &limit.offset else { return limit.clone() };
    let sum = Expr::Binary {
        op: BinaryOp::Add,
        left: Box::new(limit.count.clone()),
        right: Box::new(offset.clone()),
    };
    let number = |expr: &Expr| match expr {
        Expr::Literal(Literal::Integer(digits)) => digits.parse::<u64>().ok(),
        _ => None,
    };
    let folded = number(&limit.count).zip(number(offset)).and_then(|(a, b)| a.checked_add(b));
    let count = match folded {
        Some(sum) => Expr::Literal(Literal::Integer(sum.to_string().into())),
        None => match sum {
            Expr::Binary { .. } => Expr::Argument { name: Ident::new("__upper_limit"), ty: None },
            other => other,
        },
    };
    LimitClause { offset: None, count }
}

fn distinct(planning: &Planning<'_>, mut distinct: Box<Distinct>) -> Rewritten {
    if distinct.required && distinct.pushed {
        return Ok((Operator::Distinct(distinct), None));
    }
    match distinct.source.take() {
        Operator::Route(route) if route.routing.is_single_shard() || !distinct.required => {
            let pushed = below(route, |source| {
                distinct.source = source;
                Operator::Distinct(distinct)
            });
            Ok((pushed, Some("push distinct under route")))
        }
        Operator::Route(route) if planning.reached(Phase::InitialPlanning) => {
            distinct.pushed = true;
            distinct.source = below(route, |source| {
                Operator::Distinct(Box::new(Distinct { pushed: true, ..Distinct::new(source) }))
            });
            Ok((Operator::Distinct(distinct), Some("added distinct under route")))
        }
        Operator::Window(mut window) if planning.reached(Phase::InitialPlanning) => {
            window.source = to_save_work(window.source.take());
            if !distinct.required {
                return Ok((Operator::Window(window), Some("push distinct under window")));
            }
            distinct.pushed = true;
            distinct.source = Operator::Window(window);
            let rule = Some("push distinct under window - kept original");
            Ok((Operator::Distinct(distinct), rule))
        }
        Operator::Distinct(inner) => {
            distinct.source = inner.source;
            Ok((Operator::Distinct(distinct), Some("remove double distinct")))
        }
        Operator::Ordering(ordering) if planning.reached(Phase::InitialPlanning) => {
            distinct.source = ordering.source;
            Ok((Operator::Distinct(distinct), Some("remove ordering under distinct")))
        }
        Operator::ApplyJoin(mut join) if planning.reached(Phase::InitialPlanning) => {
            join.left = to_save_work(join.left.take());
            join.right = to_save_work(join.right.take());
            if !distinct.required {
                return Ok((Operator::ApplyJoin(join), Some("pushed distinct under join")));
            }
            distinct.pushed = true;
            distinct.source = Operator::ApplyJoin(join);
            let rule = Some("pushed distinct under join - kept original");
            Ok((Operator::Distinct(distinct), rule))
        }
        source if !distinct.required && planning.reached(Phase::CleanOutPerformanceDistinct) => {
            Ok((source, Some("removed distinct that saves no work")))
        }
        source => {
            distinct.source = source;
            Ok((Operator::Distinct(distinct), None))
        }
    }
}

/// What comes from below is fewer, though not without duplicates.
fn to_save_work(source: Operator) -> Operator {
    Operator::Distinct(Box::new(Distinct::new(source)))
}
