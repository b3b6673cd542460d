//! A recursion is one route, or vtgate asks for each row what comes of it.
//!
//! See `operators/cte_merging.go` and `planRecursiveCTEHorizons` in `phases.go`.

use std::sync::Arc;

use sim::sql::ast::{Expr, Query, TableExpr};

use super::super::build::predicate::split;
use super::super::operator::{Horizon, Operator, RecurseCte, Route};
use super::super::planning::{IterationPredicate, Planning};
use super::super::predicate::same;
use super::super::primitive::Opcode;
use super::super::route::Routing;
use super::super::route::merge::equal_values;
use super::super::semantics::table_set::TableSet;
use super::super::{PlanError, expression, text};
use super::{Rewritten, horizon};

pub fn merge(planning: &mut Planning<'_>, mut cte: Box<RecurseCte>) -> Rewritten {
    let routing = match (&cte.seed, &cte.term, &cte.horizon) {
        (Operator::Route(seed), Operator::Route(term), Some(_)) => {
            merged(planning, seed, term, &cte.predicates)
        }
        _ => None,
    };
    let Some(routing) = routing else { return Ok((Operator::RecurseCte(cte), None)) };
    let (Operator::Route(seed), Operator::Route(mut term), Some(query)) =
        (cte.seed.take(), cte.term.take(), cte.horizon.take())
    else {
        return Err(PlanError::bug("a recursion without its routes"));
    };
    term.source.each_mut(&mut |operator| restore(operator, &cte.predicates));
    let (comments, lock) = (seed.comments, seed.lock);
    cte.seed = seed.source;
    let horizon = Horizon { source: term.source.take(), query, derived: None };
    cte.term = Operator::Horizon(Box::new(horizon));
    let runs_once = matches!(seed.routing, Routing::Dual | Routing::AnyShard(_));
    let mut route = Route::new(Operator::RecurseCte(cte), routing);
    route.runs_once = seed.runs_once || runs_once;
    route.merged_tables = term.merged_tables;
    (route.comments, route.lock) = (comments, lock);
    Ok((Operator::Route(Box::new(route)), Some("merged recursive CTE")))
}

/// Where one route with both queries goes.
fn merged(
    planning: &Planning<'_>,
    seed: &Route,
    term: &Route,
    predicates: &[IterationPredicate],
) -> Option<Routing> {
    let same_keyspace = match (seed.routing.keyspace(), term.routing.keyspace()) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    };
    match (&seed.routing, &term.routing) {
        // A row that any shard can make is one row, and what comes of it may be anywhere. Vitess
        // does not ask: each shard would begin with a row of its own.
        (Routing::Dual, routing) => without_iteration(planning, routing, predicates),
        (routing, Routing::Dual) => Some(routing.clone()),
        (Routing::AnyShard(_), routing) if same_keyspace => {
            without_iteration(planning, routing, predicates)
        }
        (routing, Routing::AnyShard(_)) if same_keyspace => Some(routing.clone()),
        (Routing::Sharded(one), Routing::Sharded(other)) if same_keyspace => {
            let unique = one.opcode == Opcode::EqualUnique && other.opcode == Opcode::EqualUnique;
            (unique && equal_values(one, other)).then(|| seed.routing.clone())
        }
        _ => None,
    }
}

/// The routing of one shard, if it does not come from a row of the iteration before.
fn without_iteration(
    planning: &Planning<'_>,
    routing: &Routing,
    predicates: &[IterationPredicate],
) -> Option<Routing> {
    let routing = match routing {
        Routing::Sharded(sharded) => {
            let own = |expr: &Expr| !predicates.iter().any(|it| same(&it.bound, expr));
            let seen = sharded.seen.iter().filter(|expr| own(expr)).cloned().collect();
            sharded.clone().again(planning, seen)
        }
        other => other.clone(),
    };
    routing.is_single_shard().then_some(routing)
}

/// Below one route the columns of the iteration before are columns again.
fn restore(operator: &mut Operator, predicates: &[IterationPredicate]) {
    let restored = |expr: &mut Expr| {
        if let Some(known) = predicates.iter().find(|it| same(&it.bound, expr)) {
            *expr = known.original.clone();
        }
    };
    match operator {
        Operator::Table(table) => table.predicates.iter_mut().for_each(restored),
        Operator::Filter(filter) => filter.predicates.iter_mut().for_each(restored),
        Operator::ApplyJoin(join) => {
            join.predicates.iter_mut().map(|predicate| &mut predicate.original).for_each(restored);
        }
        _ => {}
    }
}

// ---------------------------------------------------------------- vtgate's own

/// Recursions that are not one route: the select list of the term gets arguments for what it names
/// of the iteration before, and that is no table of it any more.
pub fn expand_all(planning: &mut Planning<'_>, operator: Operator) -> Result<Operator, PlanError> {
    let mut operator = operator;
    if matches!(operator, Operator::Route(_)) {
        return Ok(operator);
    }
    if let Operator::RecurseCte(cte) = &mut operator {
        expand(planning, cte)?;
    }
    for input in operator.inputs_mut() {
        *input = expand_all(planning, input.take())?;
    }
    Ok(operator)
}

fn expand(planning: &mut Planning<'_>, cte: &mut RecurseCte) -> Result<(), PlanError> {
    let Some(query) = cte.horizon.take() else { return Ok(()) };
    if !is_plain(&query) {
        return Err(PlanError::unsupported("DISTINCT, ORDER BY or LIMIT in a recursive query"));
    }
    let source = cte.term.take();
    let expanded = horizon::expand(planning, Horizon { source, query, derived: None })?.0;
    let Operator::Projection(mut projection) = expanded else {
        return Err(PlanError::bug("a recursive query without a projection"));
    };
    if projection.star.is_some() {
        return Err(expression::schema_tracking_required());
    }
    let iteration = TableSet::one(cte.iteration);
    let mut told = Vec::new();
    projection.source.each_mut(&mut |operator| bind(planning, operator, iteration, &mut told));
    cte.projected.extend(told);
    for column in &mut projection.columns {
        let (vars, bound) = split(planning, &column.expr, iteration);
        if vars.is_empty() {
            continue;
        }
        if column.alias.is_none() {
            let mut original = column.original.clone();
            text::finish_expr(planning, &mut original);
            column.alias = Some(super::super::semantics::item_name(&original, None));
        }
        column.expr = bound;
        cte.projected.extend(vars);
    }
    cte.term = Operator::Projection(projection);
    let number = cte.iteration;
    cte.term.each_mut(&mut |operator| {
        if let Operator::Table(table) = operator
            && table.number == number
        {
            table.written = TableExpr::Parens(Vec::new());
        }
    });
    Ok(())
}

/// Puts arguments for the iteration's columns into what WHERE says. (Vitess leaves it as it is, and
/// the query names a table that is not there.)
fn bind(
    planning: &mut Planning<'_>,
    operator: &mut Operator,
    iteration: TableSet,
    told: &mut Vec<(Arc<str>, Expr)>,
) {
    let mut bound = |expr: &mut Expr| {
        let (vars, bound) = split(planning, expr, iteration);
        told.extend(vars);
        *expr = bound;
    };
    match operator {
        Operator::Table(table) => {
            table.predicates.iter_mut().for_each(bound);
        }
        Operator::Filter(filter) => filter.predicates.iter_mut().for_each(bound),
        Operator::ApplyJoin(join) => {
            join.predicates.iter_mut().for_each(|predicate| bound(&mut predicate.original));
            let is_own = |planning: &Planning<'_>, expr: &Expr| {
                planning.semantics.direct_tables_of(expr).is_within(iteration)
            };
            // What the right was to be told of the iteration it is told of the row.
            for predicate in &mut join.predicates {
                let vars = std::mem::take(&mut predicate.left).into_iter();
                let (own, stay) = vars.partition(|(_, expr)| is_own(planning, expr));
                predicate.left = stay;
                told.extend::<Vec<_>>(own);
            }
            let vars = std::mem::take(&mut join.extra).into_iter();
            let (own, stay) = vars.partition(|(_, expr)| is_own(planning, expr));
            join.extra = stay;
            told.extend::<Vec<_>>(own);
        }
        _ => {}
    }
}

fn is_plain(query: &Query) -> bool {
    matches!(query, Query::Select(select)
        if !select.distinct
            && select.having.is_none()
            && select.order_by.is_empty()
            && select.limit.is_none())
}
