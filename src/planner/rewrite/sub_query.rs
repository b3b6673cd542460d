//! A subquery becomes part of the route that asks it, or is pulled out in front of it.
//!
//! See `operators/subquery_planning.go` and `subquery.go`.

use sim::sql::ast::{CompareOp, Expr, Ident, Limit as LimitClause, Literal, Lock, Query};

use super::super::build::sub_query::{self, with_has_values};
use super::super::operator::sub_query::Kind;
use super::super::operator::{Filter, Limit, Operator, Route, SubQuery, SubQueryContainer};
use super::super::planning::{Phase, Planning};
use super::super::predicate::same;
use super::super::primitive::Opcode;
use super::super::route::merge::{both, equal_values, merged};
use super::super::route::{Routing, narrow};
use super::super::semantics::table_set::TableSet;
use super::super::walk::{self, EachExpr, VisitMut};
use super::super::{PlanError, expression, local, offset, text};
use super::Rewritten;

pub fn push_or_merge(
    planning: &mut Planning<'_>,
    mut container: Box<SubQueryContainer>,
) -> Rewritten {
    if !planning.reached(Phase::InitialPlanning) {
        return Ok((Operator::SubQueryContainer(container), None));
    }
    let mut rule = None;
    let mut remaining: Vec<SubQuery> = Vec::new();
    let mut queue: std::collections::VecDeque<SubQuery> = container.subqueries.drain(..).collect();
    while let Some(subquery) = queue.pop_front() {
        let others = queue.iter().chain(&remaining).filter(|other| !other.is_argument);
        let last = !others.map(|other| &other.original).any(|it| same(it, &subquery.original));
        let outer = container.outer.take();
        match into_operator(planning, outer, subquery, last)? {
            Ok(outer) => {
                container.outer = outer;
                rule = Some("merged subquery with outer");
            }
            Err((outer, subquery)) => {
                container.outer = outer;
                remaining.push(subquery);
            }
        }
    }
    if remaining.is_empty() {
        return Ok((container.outer, rule.or(Some("removed empty container"))));
    }
    container.subqueries = remaining;
    Ok((Operator::SubQueryContainer(container), rule))
}

type Tried = Result<Operator, (Operator, SubQuery)>;

fn into_operator(
    planning: &mut Planning<'_>,
    outer: Operator,
    mut subquery: SubQuery,
    last: bool,
) -> Result<Tried, PlanError> {
    match outer {
        Operator::Route(route) => into_route(planning, route, subquery, last),
        Operator::ApplyJoin(mut join) => {
            // It goes to the side on which it depends.
            let needs = planning.semantics.outer_tables_of(&subquery.query)
                | match &subquery.outer_expr {
                    Some((outside, _)) => planning.semantics.tables_of(outside),
                    None => TableSet::EMPTY,
                };
            let original = planning.semantics.tables_of(&subquery.original);
            let needs = needs | original;
            let needs = match subquery.is_argument {
                true => planning.semantics.outer_tables_of(&subquery.query),
                false => needs,
            };
            // It may become part of a route once its projection has.
            let is_unfinished = matches!(subquery.inner, Operator::Projection(_));
            if is_unfinished && !merges_with(planning, &join.right, &subquery) {
                return Ok(Err((Operator::ApplyJoin(join), subquery)));
            }
            // What is computed above an outer join has to know the value, too.
            let is_above = subquery.is_argument && !join.kind.is_inner();
            if needs.is_within(join.left.tables()) && !is_above {
                let left = join.left.take();
                join.left = beside(left, subquery);
                return Ok(Ok(Operator::ApplyJoin(join)));
            }
            // The right is asked again for every row of the left: a subquery that is not of its
            // rows would be, too.
            let is_of_right = !needs.overlaps(join.left.tables());
            let is_correlated = !subquery.correlation.is_empty();
            if join.kind.is_inner()
                && is_of_right
                && (is_correlated || merges_with(planning, &join.right, &subquery))
            {
                let right = join.right.take();
                join.right = beside(right, subquery);
                return Ok(Ok(Operator::ApplyJoin(join)));
            }
            let both = join.left.tables() | join.right.tables();
            if join.kind.is_inner() && is_correlated && needs.is_within(both) {
                let told = tell(planning, &mut subquery, join.left.tables());
                for (name, expr) in told {
                    if !join.extra.iter().any(|(known, _)| *known == name) {
                        join.extra.push((name, expr));
                    }
                }
                let right = join.right.take();
                join.right = beside(right, subquery);
                return Ok(Ok(Operator::ApplyJoin(join)));
            }
            Ok(Err((Operator::ApplyJoin(join), subquery)))
        }
        other => Ok(Err((other, subquery))),
    }
}

/// A subquery with arguments for the columns of these tables; gives what they stand for.
fn tell(
    planning: &mut Planning<'_>,
    subquery: &mut SubQuery,
    left: TableSet,
) -> Vec<(std::sync::Arc<str>, Expr)> {
    let mut told = Tell { planning, left, told: Vec::new() };
    walk::query_mut(&mut subquery.query, &mut told);
    walk::expr_mut(&mut subquery.original, &mut told);
    subquery.correlation.iter_mut().for_each(|expr| walk::expr_mut(expr, &mut told));
    if let Some((outside, inside)) = &mut subquery.outer_expr {
        walk::expr_mut(outside, &mut told);
        walk::expr_mut(inside, &mut told);
    }
    let told = told.told;
    subquery.outer_vars.retain(|(name, _)| !told.iter().any(|(known, _)| known == name));
    told
}

struct Tell<'a, 'p> {
    planning: &'a mut Planning<'p>,
    left: TableSet,
    told: Vec<(std::sync::Arc<str>, Expr)>,
}

impl VisitMut for Tell<'_, '_> {
    fn expr(&mut self, expr: &mut Expr) -> bool {
        if !matches!(expr, Expr::Bound(..))
            || !self.planning.semantics.tables_of(expr).is_within(self.left)
        {
            return true;
        }
        let name = self.planning.names.argument_for(expr);
        let ty = self.planning.semantics.argument_type(expr);
        if !self.told.iter().any(|(known, _)| *known == name) {
            self.told.push((std::sync::Arc::clone(&name), expr.clone()));
        }
        *expr = Expr::Argument { name: Ident(name), ty };
        false
    }
}

/// Whether a route can carry a subquery.
fn merges_with(planning: &Planning<'_>, operator: &Operator, subquery: &SubQuery) -> bool {
    match (operator, &subquery.inner) {
        (Operator::Route(outer), Operator::Route(inner)) => {
            decide(planning, outer, inner, subquery).is_some()
        }
        (Operator::ApplyJoin(join), _) => {
            merges_with(planning, &join.left, subquery)
                || merges_with(planning, &join.right, subquery)
        }
        _ => false,
    }
}

/// The operator with one more subquery beside it.
fn beside(operator: Operator, subquery: SubQuery) -> Operator {
    match operator {
        Operator::SubQueryContainer(mut container) => {
            container.subqueries.push(subquery);
            Operator::SubQueryContainer(container)
        }
        outer => {
            let container = SubQueryContainer { outer, subqueries: vec![subquery] };
            Operator::SubQueryContainer(Box::new(container))
        }
    }
}

fn into_route(
    planning: &mut Planning<'_>,
    mut outer: Box<Route>,
    mut subquery: SubQuery,
    last: bool,
) -> Result<Tried, PlanError> {
    let inner = match &subquery.inner {
        Operator::Route(inner) => inner,
        _ => return Ok(Err((Operator::Route(outer), subquery))),
    };
    let Some(decision) = decide(planning, &outer, inner, &subquery) else {
        return Ok(Err((Operator::Route(outer), subquery)));
    };
    // Tables are written as the merged routes have them.
    if let Some(keyspace) = &decision.outer_alternate
        && let Routing::AnyShard(any) = &mut outer.routing
        && let Some(at) = any.alternates.iter().position(|(name, _)| name == keyspace)
    {
        outer = Box::new(any.alternates.swap_remove(at).1);
    }
    // Its rows are there whether or not the subquery has a shard.
    outer.runs_once |= matches!(outer.routing, Routing::Dual | Routing::AnyShard(_));
    outer.routing = decision.routing;
    // The route is a new one, which Vitess tells of no lock.
    outer.lock = Lock::None;
    let keyspace = outer.routing.keyspace().map(|keyspace| keyspace.name.to_string());
    let mut query = subquery.query;
    if matches!(inner.routing, Routing::System(_)) {
        let taken = text::of_source(planning, &inner.source)?;
        replace(&mut subquery.original, &query, &taken);
        query = taken;
    }
    let inner_tables = std::mem::take(&mut planning.merged_tables);
    local::localize_query(planning, &mut query, keyspace.as_deref());
    if subquery.is_argument {
        let name = subquery.has_values.filter(|_| subquery.kind == Kind::Exists);
        let merged = match subquery.kind {
            Kind::Exists => Expr::Exists(Box::new(query)),
            _ => Expr::Subquery(Box::new(query)),
        };
        planning.merged.push((name.unwrap_or(subquery.argument), merged));
    } else if last {
        local::localize_expr(planning, &mut subquery.original, keyspace.as_deref());
        outer.source = Filter::over(outer.source.take(), vec![subquery.original]);
    }
    outer.merged_tables.extend(std::mem::replace(&mut planning.merged_tables, inner_tables));
    Ok(Ok(Operator::Route(outer)))
}

/// Puts a query in the place of another.
fn replace(within: &mut Expr, old: &Query, new: &Query) {
    walk::expr_mut(
        within,
        &mut EachExpr(|expr: &mut Expr| {
            if let Expr::Subquery(query) | Expr::Exists(query) = expr
                && **query == *old
            {
                **query = new.clone();
            }
        }),
    );
}

struct Decision {
    routing: Routing,
    outer_alternate: Option<String>,
}

/// Whether the outer route can carry the subquery, and where it goes then.
fn decide(
    planning: &Planning<'_>,
    outer: &Route,
    inner: &Route,
    subquery: &SubQuery,
) -> Option<Decision> {
    for (outer_route, inner_route, outer_alternate) in pairs(outer, inner) {
        let same_keyspace = match (outer_route.routing.keyspace(), inner_route.routing.keyspace()) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        };
        let single = inner_route.routing.is_single_shard();
        let routing = match (&outer_route.routing, &inner_route.routing) {
            (outer, Routing::Dual) => outer.clone(),
            (outer, Routing::AnyShard(_)) if same_keyspace => outer.clone(),
            // Vitess routes by the outer row as well, which nobody has read by then.
            (Routing::Dual | Routing::AnyShard(_), inner)
                if routes_by_argument(inner, subquery) =>
            {
                continue;
            }
            (Routing::Dual, inner) if single => inner.clone(),
            (Routing::AnyShard(_), inner) if same_keyspace && single => inner.clone(),
            (Routing::None(_), _) if same_keyspace => outer_route.routing.clone(),
            (_, Routing::None(_)) if same_keyspace => inner_route.routing.clone(),
            (Routing::System(one), Routing::System(other)) => Routing::System(both(one, other)),
            (Routing::Sharded(one), Routing::Sharded(other)) if same_keyspace => {
                let joined = || joined(planning, subquery, outer_route, inner_route);
                let fits = match other.opcode {
                    Opcode::EqualUnique if one.opcode == Opcode::EqualUnique => {
                        equal_values(other, one) || joined()
                    }
                    Opcode::EqualUnique | Opcode::Scatter | Opcode::In | Opcode::None => joined(),
                    _ => false,
                };
                if !fits {
                    continue;
                }
                let whole = merged(other, one);
                let own = |expr: &Expr| uses_argument(expr, subquery);
                let from_outer = one.seen.iter();
                // Rows that meet no row of the subquery pass NOT IN, wherever they live.
                let narrows =
                    subquery.top_level && !subquery.is_argument && subquery.kind != Kind::NotIn;
                let from_inner = other.seen.iter().filter(|_| narrows);
                let seen = from_inner.chain(from_outer).filter(|expr| !own(expr));
                let seen = seen.cloned().collect();
                whole.again(planning, seen)
            }
            _ => continue,
        };
        return Some(Decision { routing, outer_alternate });
    }
    None
}

/// Whether the shard is that of a value of the outer row.
fn routes_by_argument(routing: &Routing, subquery: &SubQuery) -> bool {
    let Routing::Sharded(sharded) = routing else { return false };
    let values = sharded.selected.iter().flat_map(|selected| selected.values.iter().flatten());
    values.into_iter().any(|value| uses_argument(value, subquery))
}

/// Outer and inner, and the keyspace of the outer's alternate if it is one.
type RoutePair<'a> = (&'a Route, &'a Route, Option<String>);

/// The routes, and each with the alternates of the other in its keyspace.
fn pairs<'a>(outer: &'a Route, inner: &'a Route) -> Vec<RoutePair<'a>> {
    let mut pairs: Vec<RoutePair<'a>> = vec![(outer, inner, None)];
    if let Routing::AnyShard(any) = &inner.routing
        && let Some(keyspace) = outer.routing.keyspace()
        && let Some((_, route)) = any.alternates.iter().find(|(name, _)| **name == *keyspace.name)
    {
        pairs.push((outer, route, None));
    }
    if let Routing::AnyShard(any) = &outer.routing
        && let Some(keyspace) = inner.routing.keyspace()
        && let Some((name, route)) =
            any.alternates.iter().find(|(name, _)| **name == *keyspace.name)
    {
        pairs.push((route, inner, Some(name.clone())));
    }
    pairs
}

fn joined(planning: &Planning<'_>, subquery: &SubQuery, outer: &Route, inner: &Route) -> bool {
    use super::super::route::merge::unique_vindex;
    let (outer_tables, inner_tables) = (outer.source.tables(), inner.source.tables());
    let meets = |left: &Expr, right: &Expr| {
        let vindex = unique_vindex(planning, left, inner_tables);
        vindex.is_some() && vindex == unique_vindex(planning, right, outer_tables)
    };
    let by_correlation = subquery.correlation.iter().any(|predicate| match predicate {
        Expr::Compare { op: CompareOp::Equal, left, right, .. } => {
            meets(left, right) || meets(right, left)
        }
        _ => false,
    });
    by_correlation
        || subquery.outer_expr.as_ref().is_some_and(|(outside, column)| meets(column, outside))
}

/// Whether an expression has an argument of this correlation, or the subquery's own.
fn uses_argument(expr: &Expr, subquery: &SubQuery) -> bool {
    expression::any(expr, &mut |expr| match expr {
        Expr::Argument { name, .. } | Expr::ListArgument(name) => {
            *name.0 == *subquery.argument
                || subquery.has_values.as_ref().is_some_and(|has| **has == *name.0)
                || subquery.outer_vars.iter().any(|(var, _)| **var == *name.0)
        }
        _ => false,
    })
}

// ---------------------------------------------------------------- pulled out

/// What has not been merged is pulled out.
pub fn settle_all(planning: &mut Planning<'_>, operator: Operator) -> Result<Operator, PlanError> {
    let mut operator = operator;
    if !matches!(operator, Operator::Route(_)) {
        for input in operator.inputs_mut() {
            *input = settle_all(planning, input.take())?;
        }
    }
    let Operator::SubQueryContainer(container) = operator else { return Ok(operator) };
    let SubQueryContainer { outer, subqueries } = *container;
    let mut outer = outer;
    for subquery in subqueries {
        outer = settle(planning, outer, subquery)?;
    }
    Ok(outer)
}

/// Whose columns are asked for one by one must have them: the query beside a subquery that is
/// pulled out, and one that gives a value.
pub fn check_stars(operator: &Operator) -> Result<(), PlanError> {
    if let Operator::SubQuery(subquery) = operator {
        let is_value = matches!(subquery.kind, Kind::Value | Kind::In | Kind::NotIn);
        if shows_star(&subquery.outer) || is_value && shows_star(&subquery.inner) {
            return Err(expression::schema_tracking_required());
        }
    }
    match operator {
        Operator::Route(_) => Ok(()),
        other => other.inputs().into_iter().try_for_each(check_stars),
    }
}

/// Whether a star is among the columns that an operator gives.
fn shows_star(operator: &Operator) -> bool {
    match operator {
        Operator::Projection(projection) => {
            projection.derived.is_none() && projection.star.is_some()
        }
        Operator::Horizon(horizon) => {
            horizon.derived.is_none() && offset::columns_of_query(&horizon.query).is_none()
        }
        Operator::Route(route) => shows_star(&route.source),
        Operator::Filter(filter) => shows_star(&filter.source),
        Operator::Ordering(ordering) => shows_star(&ordering.source),
        Operator::Limit(limit) => shows_star(&limit.source),
        Operator::Distinct(distinct) => shows_star(&distinct.source),
        Operator::LockAndComment(lock) => shows_star(&lock.source),
        Operator::SubQuery(subquery) => shows_star(&subquery.outer),
        Operator::Union(union) => union.sources.iter().any(shows_star),
        _ => false,
    }
}

fn settle(
    planning: &mut Planning<'_>,
    outer: Operator,
    mut subquery: SubQuery,
) -> Result<Operator, PlanError> {
    let correlated = !planning.semantics.outer_tables_of(&subquery.query).is_empty();
    if !subquery.top_level {
        let Some(predicate) = with_arguments(planning, &mut subquery).filter(|_| !correlated)
        else {
            let text = "unmergable subquery can not be inside complex expression";
            return Err(PlanError::unsupported(text));
        };
        if subquery.kind == Kind::Exists {
            subquery.inner = limit_one(subquery.inner);
        }
        subquery.outer = with_filter(planning, outer, vec![predicate]);
        return Ok(Operator::SubQuery(Box::new(subquery)));
    }
    let exists = matches!(subquery.kind, Kind::Exists | Kind::NotExists);
    let allowed = subquery.kind == Kind::Exists && !subquery.is_argument;
    if correlated && !allowed {
        return Err(PlanError::unsupported("correlated subquery is only supported for EXISTS"));
    }
    if exists && !subquery.is_argument {
        subquery.inner = limit_one(subquery.inner);
    }
    if !subquery.is_argument && !correlated {
        let predicates = pulled_out(planning, &mut subquery);
        subquery.outer = with_filter(planning, outer, predicates);
        return Ok(Operator::SubQuery(Box::new(subquery)));
    }
    subquery.outer = outer;
    Ok(Operator::SubQuery(Box::new(subquery)))
}

/// The conjunct with arguments in place of the subquery, if that is the only one in it.
fn with_arguments(planning: &mut Planning<'_>, subquery: &mut SubQuery) -> Option<Expr> {
    let mut found = 0;
    walk::expr(
        &subquery.original,
        &mut EachExpr(|expr: &Expr| found += usize::from(walk::own_query(expr).is_some())),
    );
    if found != 1 {
        return None;
    }
    let (predicate, has_values, kind) = sub_query::replaced(planning, subquery);
    subquery.has_values = has_values;
    subquery.kind = kind;
    Some(predicate)
}

/// The predicates go into a route, where they can route; elsewhere they stay above.
fn with_filter(planning: &mut Planning<'_>, operator: Operator, predicates: Vec<Expr>) -> Operator {
    match operator {
        Operator::SubQuery(mut subquery) => {
            subquery.outer = with_filter(planning, subquery.outer.take(), predicates);
            Operator::SubQuery(subquery)
        }
        Operator::Route(mut route) => {
            for predicate in predicates {
                narrow(planning, &mut route, &predicate);
                route.source = Filter::over(route.source.take(), vec![predicate]);
            }
            Operator::Route(route)
        }
        other => Filter::over(other, predicates),
    }
}

fn pulled_out(planning: &mut Planning<'_>, subquery: &mut SubQuery) -> Vec<Expr> {
    let name = |name: &std::sync::Arc<str>| Ident(std::sync::Arc::clone(name));
    let argument = Expr::Argument { name: name(&subquery.argument), ty: None };
    let list = Expr::ListArgument(name(&subquery.argument));
    let replaced = |with: Expr| {
        let mut original = subquery.original.clone();
        expression::walk_mut(&mut original, &mut |expr| {
            if matches!(expr, Expr::Subquery(_)) {
                *expr = with.clone();
            }
        });
        original
    };
    match subquery.kind {
        Kind::Value => vec![replaced(argument)],
        kind => {
            let has = planning.names.has_values();
            subquery.has_values = Some(std::sync::Arc::clone(&has));
            let has_argument =
                Expr::Argument { name: Ident(std::sync::Arc::clone(&has)), ty: None };
            match kind {
                Kind::Exists => vec![has_argument],
                Kind::NotExists => {
                    subquery.kind = Kind::Exists;
                    vec![Expr::Not(Box::new(has_argument))]
                }
                Kind::In => vec![has_argument, replaced(list)],
                _ => vec![with_has_values(replaced(list), Kind::NotIn, has)],
            }
        }
    }
}

fn limit_one(source: Operator) -> Operator {
    let one = Expr::Literal(Literal::Integer("1".into()));
    let limit = LimitClause { offset: None, count: one };
    Operator::Limit(Box::new(Limit { source, limit, top: false, is_copy: false, pushed: false }))
}
