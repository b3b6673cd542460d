//! How a join runs: in one route, or row by row.

use sim::sql::ast::Expr;

use super::super::build::predicate::{add_join_predicate, split};
use super::super::operator::join::Kind;
use super::super::operator::{ApplyJoin, Join, Operator, Route};
use super::super::planning::Planning;
use super::super::route::{Routing, merge};
use super::super::{PlanError, predicate};
use super::Rewritten;
use super::hash_join::hash_join;

/// Two query graphs under an inner join are one; anything else waits until both sides are planned.
pub fn choose(planning: &mut Planning<'_>, mut join: Box<Join>) -> Rewritten {
    let waits = |side: &Operator| matches!(side, Operator::QueryGraph(_) | Operator::Join(_));
    if waits(&join.left) || waits(&join.right) {
        return Ok((Operator::Join(join), None));
    }
    let (left, right) = (join.left.take(), join.right.take());
    let operator = merge_or_join(planning, left, right, join.predicates, join.kind)?;
    let rule = match operator {
        Operator::Route(_) => "merge routes into single operator",
        _ => "logical join to apply join",
    };
    Ok((operator, Some(rule)))
}

/// One route if the sides merge, a nested-loop join otherwise.
pub fn merge_or_join(
    planning: &mut Planning<'_>,
    left: Operator,
    right: Operator,
    predicates: Vec<Expr>,
    kind: Kind,
) -> Result<Operator, PlanError> {
    let merged = match (&left, &right) {
        (Operator::Route(one), Operator::Route(other)) => {
            merge::merge(planning, one, other, &predicates, kind)
        }
        _ => None,
    };
    match (merged, left, right) {
        (Some(merged), Operator::Route(left), Operator::Route(right)) => {
            for predicate in &predicates {
                // Merged or not, the left's columns are given names: nothing else takes them.
                split(planning, predicate, left.source.tables());
            }
            Ok(Operator::Route(Box::new(merged_route(merged, *left, *right, predicates, kind))))
        }
        (_, left, right) if !predicates.is_empty() && must_be_left(planning, &right) => {
            match kind == Kind::Inner && !must_be_left(planning, &left) {
                true => Ok(apply(planning, right, left, predicates, kind)),
                false => hash_join(planning, left, right, &predicates, kind),
            }
        }
        (_, left, right) => Ok(apply(planning, left, right, predicates, kind)),
    }
}

/// Whether a side has a derived table whose rows are made of all shards': asked again for every row
/// of the other side, with the join's predicate in it, it would have others.
fn must_be_left(planning: &Planning<'_>, side: &Operator) -> bool {
    match side {
        Operator::Horizon(horizon) if horizon.derived.is_some() => {
            !super::horizon::is_mergeable(planning, horizon)
        }
        Operator::Limit(_) | Operator::Aggregator(_) => true,
        other => other.inputs().into_iter().any(|input| must_be_left(planning, input)),
    }
}

fn merged_route(
    merged: merge::Merge,
    left: Route,
    right: Route,
    predicates: Vec<Expr>,
    kind: Kind,
) -> Route {
    let routing = merged.routing.clone();
    let (left, right) = merged.routes(left, right);
    let source = ApplyJoin::in_route(left.source, right.source, kind, predicates);
    let mut route = Route::new(Operator::ApplyJoin(Box::new(source)), routing);
    route.comments = if left.comments.0.is_empty() { right.comments } else { left.comments };
    route.lock = left.lock;
    route.merged_tables = right.merged_tables;
    route
}

fn apply(
    planning: &mut Planning<'_>,
    left: Operator,
    right: Operator,
    predicates: Vec<Expr>,
    kind: Kind,
) -> Operator {
    let mut join = ApplyJoin::new(left, right, kind);
    for predicate in predicates {
        add_join_predicate(planning, &mut join, predicate);
    }
    Operator::ApplyJoin(Box::new(join))
}

/// Sides that became routes later are tried again, with the predicates as they were written.
pub fn merge_again(planning: &mut Planning<'_>, mut join: Box<ApplyJoin>) -> Rewritten {
    let (Operator::Route(left), Operator::Route(right)) = (&join.left, &join.right) else {
        return Ok((Operator::ApplyJoin(join), None));
    };
    if !join.columns.is_empty() {
        return Ok((Operator::ApplyJoin(join), None));
    }
    // Routed by a value of an outer side that every shard has, the right would go to all of them.
    let everywhere = matches!(left.routing, Routing::Dual | Routing::AnyShard(_));
    if everywhere && !join.kind.is_inner() && join.predicates.iter().any(|one| one.right.is_some())
    {
        return Ok((Operator::ApplyJoin(join), None));
    }
    let originals: Vec<Expr> =
        join.predicates.iter().map(|predicate| predicate.original.clone()).collect();
    let Some(merged) = merge::merge(planning, left, right, &originals, join.kind) else {
        return Ok((Operator::ApplyJoin(join), None));
    };
    let (Operator::Route(left), Operator::Route(mut right)) = (join.left.take(), join.right.take())
    else {
        return Ok((Operator::ApplyJoin(join), None));
    };
    for predicate in &join.predicates {
        if let Some(pushed) = &predicate.right {
            right.source.each_mut(&mut |operator| remove(operator, pushed));
        }
    }
    let mut route = merged_route(merged, *left, *right, originals, join.kind);
    // What the right was routed by may have been a value of the left.
    let seen = match &route.routing {
        Routing::Sharded(sharded) => Some(sharded.seen.clone()),
        _ => None,
    };
    if let (Some(seen), Routing::Sharded(sharded)) = (seen, route.routing.clone()) {
        let pushed = |expr: &Expr| {
            join.predicates.iter().any(|predicate| {
                predicate.right.as_ref().is_some_and(|right| predicate::same(right, expr))
            })
        };
        let seen = seen.into_iter().filter(|expr| !pushed(expr)).collect();
        route.routing = sharded.again(planning, seen);
    }
    Ok((Operator::Route(Box::new(route)), Some("pushed apply join under route")))
}

fn remove(operator: &mut Operator, pushed: &Expr) {
    match operator {
        Operator::Table(table) => {
            table.predicates.retain(|predicate| !predicate::same(predicate, pushed));
        }
        Operator::Filter(filter) => {
            filter.predicates.retain(|predicate| !predicate::same(predicate, pushed));
        }
        _ => {}
    }
}
