//! Offsets of operators above routes.
//!
//! Each asks its input for the columns that it needs; an input that lacks one adds it, down to the
//! select list of a route. It knows nothing of text.

use sim::sql::ast::{ColumnName, Expr, Ident};

use super::offset::{self, weight_string};
use super::operator::aggregator::Grouped;
use super::operator::projection::{self, Info};
use super::operator::{Distinct, Filter, Operator, Ordering, Projection};
use super::planning::Planning;
use super::predicate::same;
use super::{
    PlanError, expression, offset_aggregation, offset_hash, offset_join, offset_recurse,
    offset_union,
};

pub fn plan(planning: &mut Planning<'_>, operator: &mut Operator) -> Result<(), PlanError> {
    match operator {
        Operator::Aggregator(aggregator) => offset_aggregation::plan(planning, aggregator),
        Operator::Ordering(ordering) => self::ordering(planning, ordering),
        Operator::Filter(filter) => self::filter(planning, filter),
        Operator::Distinct(distinct) => self::distinct(planning, distinct),
        Operator::ApplyJoin(join) => offset_join::plan(planning, join),
        Operator::HashJoin(join) => offset_hash::plan(planning, join),
        Operator::Union(_) => Ok(()),
        Operator::Projection(projection) => self::projection(planning, projection),
        other => Err(PlanError::unsupported(format!("{} over several routes", other.name()))),
    }
}

/// Where an operator gives an expression; a column is added if it gives it nowhere.
pub fn column_of(
    planning: &mut Planning<'_>,
    operator: &mut Operator,
    expr: &Expr,
    group: Grouped,
) -> Result<usize, PlanError> {
    match operator {
        Operator::Route(route) => {
            if let Some(at) = offset::find_in_text(&route.source, expr) {
                return Ok(at);
            }
            if let Some(at) = offset_union::weight_in_union(planning, route, expr)? {
                return Ok(at);
            }
            if offset_union::is_union(&route.source)
                && let Some(at) = offset_union::position(&route.source, expr)
            {
                return Ok(at);
            }
            if group == Grouped::Yes {
                offset::group_in_text(&mut route.source, expr);
            }
            offset::add_column(route, expr)
        }
        Operator::Filter(filter) => column_of(planning, &mut filter.source, expr, group),
        Operator::Limit(limit) => column_of(planning, &mut limit.source, expr, group),
        Operator::Ordering(ordering) => column_of(planning, &mut ordering.source, expr, group),
        Operator::Distinct(distinct) => column_of(planning, &mut distinct.source, expr, group),
        Operator::SubQuery(subquery) => column_of(planning, &mut subquery.outer, expr, group),
        Operator::Aggregator(aggregator) => {
            offset_aggregation::column_of(planning, aggregator, expr, group)
        }
        Operator::ApplyJoin(join) => offset_join::column_of(planning, join, expr, group),
        Operator::HashJoin(join) => offset_hash::column_of(planning, join, expr),
        Operator::Projection(projection) => column_of_projection(planning, projection, expr, group),
        Operator::Union(union) => offset_union::column_of(planning, union, expr),
        Operator::RecurseCte(cte) => offset_recurse::column_of(planning, cte, expr),
        Operator::VindexTable(table) => {
            let (Expr::Column(column) | Expr::Bound(column, _)) = expr else {
                return Err(PlanError::unsupported("expression on results of a vindex function"));
            };
            table.offset_of(column.name.as_str()).ok_or_else(|| PlanError::bug(column))
        }
        other => Err(PlanError::unsupported(format!("columns of {}", other.name()))),
    }
}

/// A column of a projection; one that it has not yet is passed on from its input at once.
fn column_of_projection(
    planning: &mut Planning<'_>,
    projection: &mut Projection,
    expr: &Expr,
    group: Grouped,
) -> Result<usize, PlanError> {
    if projection.by_position {
        return offset_union::column_of_derived(planning, projection, expr);
    }
    let inside = match &projection.derived {
        Some(derived) => planning.semantics.expand_derived(expr, derived.number),
        None => expr.clone(),
    };
    let expr = &inside;
    let is = |column: &projection::Column| same(&column.expr, expr) || same(&column.original, expr);
    if let Some(at) = projection.columns.iter().position(is) {
        return Ok(at);
    }
    let mut column = projection::Column::new(expr.clone(), None);
    if !planning.semantics.has_aggregate(expr) || planning.semantics.is_aggregate(expr) {
        let at = column_of(planning, &mut projection.source, expr, group)?;
        column.info = Info::Offset(at);
    }
    projection.columns.push(column);
    Ok(projection.columns.len() - 1)
}

/// Where an operator gives the weight of one of its columns; it is added if it is not there.
pub fn weight_of(
    planning: &mut Planning<'_>,
    operator: &mut Operator,
    at: usize,
    expr: &Expr,
) -> Result<usize, PlanError> {
    match operator {
        Operator::ApplyJoin(join) => offset_join::weight_of(planning, join, at, expr),
        Operator::HashJoin(join) => offset_hash::weight_of(planning, join, at, expr),
        Operator::Projection(projection) => weight_of_projection(planning, projection, at),
        Operator::Filter(filter) => weight_of(planning, &mut filter.source, at, expr),
        Operator::Limit(limit) => weight_of(planning, &mut limit.source, at, expr),
        Operator::Ordering(ordering) => weight_of(planning, &mut ordering.source, at, expr),
        Operator::Distinct(distinct) => weight_of(planning, &mut distinct.source, at, expr),
        Operator::SubQuery(subquery) => weight_of(planning, &mut subquery.outer, at, expr),
        Operator::Union(_) => offset_union::weight_of(planning, operator, at, expr),
        Operator::RecurseCte(cte) => offset_recurse::weight_of(planning, cte, at, expr),
        Operator::Route(route) if offset_union::is_union(&route.source) => {
            offset_union::weight_of(planning, operator, at, expr)
        }
        Operator::Route(route)
            if !route.routing.is_single_shard()
                && route.ordering.is_empty()
                && offset::is_of_ordered_row(planning, &route.source, at) =>
        {
            let ordering = offset::order_of(&route.source);
            offset_union::wrap(planning, route)?;
            let given = offset::column_at(&route.source, at).unwrap_or_else(|| expr.clone());
            let weight = offset::append(&mut route.source, &weight_string(&given))?;
            offset::order_wrapped(planning, route, ordering)?;
            Ok(weight)
        }
        Operator::Route(route)
            if offset::is_of_group(planning, &route.source, at)
                || offset_union::is_limited(&route.source)
                || is_whole(&route.source) =>
        {
            offset::order_route(planning, route)?;
            offset_union::wrap(planning, route)?;
            offset_union::weight_of(planning, operator, at, expr)
        }
        Operator::Route(route) => {
            let given = offset::column_at(&route.source, at);
            let weight = weight_string(given.as_ref().unwrap_or(expr));
            column_of(planning, operator, &weight, Grouped::No)
        }
        other => column_of(planning, other, &weight_string(expr), Grouped::No),
    }
}

/// Whether a query went below its route in one piece.
fn is_whole(source: &Operator) -> bool {
    matches!(source, Operator::Horizon(horizon) if horizon.derived.is_none())
}

/// The weight of what is passed on is passed on; the weight of what vtgate computes it computes.
fn weight_of_projection(
    planning: &mut Planning<'_>,
    projection: &mut Projection,
    at: usize,
) -> Result<usize, PlanError> {
    plan_column(planning, projection, at)?;
    let column = projection.columns.get(at).cloned().ok_or_else(|| PlanError::bug("a column"))?;
    let weight = weight_string(&column.expr);
    if let Some(at) = projection.columns.iter().position(|column| same(&column.expr, &weight)) {
        return Ok(at);
    }
    match column.info {
        Info::Offset(inner) => {
            let at = weight_of(planning, &mut projection.source, inner, &column.expr)?;
            Ok(projection.pass_on(weight, at))
        }
        _ => {
            projection.columns.push(projection::Column::new(weight, None));
            Ok(projection.columns.len() - 1)
        }
    }
}

/// What the input gives is passed on; the rest vtgate computes.
fn projection(planning: &mut Planning<'_>, projection: &mut Projection) -> Result<(), PlanError> {
    if projection.star.is_some() {
        return Err(expression::schema_tracking_required());
    }
    let mut at = 0;
    while at < projection.columns.len() {
        plan_column(planning, projection, at)?;
        at += 1;
    }
    Ok(())
}

fn plan_column(
    planning: &mut Planning<'_>,
    projection: &mut Projection,
    at: usize,
) -> Result<(), PlanError> {
    let Some(column) = projection.columns.get(at) else { return Ok(()) };
    if column.info != Info::Unplanned {
        return Ok(());
    }
    let expr = column.expr.clone();
    let passed = matches!(expr, Expr::Bound(..) | Expr::Column(_))
        || planning.semantics.is_aggregate(&expr)
        || gives(&projection.source, &expr);
    projection.columns[at].info = match passed {
        true => Info::Offset(column_of(planning, &mut projection.source, &expr, Grouped::No)?),
        false => {
            let mut evaluated = expr;
            over_offsets(planning, &mut projection.source, &mut evaluated)?;
            Info::Evaluated(evaluated)
        }
    };
    Ok(())
}

/// All columns first, then all weights.
fn ordering(planning: &mut Planning<'_>, ordering: &mut Ordering) -> Result<(), PlanError> {
    let source = &mut ordering.source;
    for order in &mut ordering.order {
        order.column = column_of(planning, source, &order.simplified, Grouped::No)?;
    }
    for order in &mut ordering.order {
        // A union's output column has the type of what its SELECTs give there.
        let given = match order.simplified {
            Expr::Column(_) => offset_union::exprs_at(source, order.column),
            _ => Vec::new(),
        };
        let is_weighed = match given.is_empty() {
            true => planning.semantics.needs_weight_string(&order.simplified),
            false => given.iter().any(|expr| planning.semantics.needs_weight_string(expr)),
        };
        order.collation = match given.is_empty() {
            true => planning.semantics.shown_collation_of(&order.simplified),
            false if is_weighed => None,
            false => offset_union::collation_of(planning, source, &given),
        };
        if is_weighed {
            order.weight_column =
                Some(weight_of(planning, source, order.column, &order.simplified)?);
        }
    }
    Ok(())
}

fn filter(planning: &mut Planning<'_>, filter: &mut Filter) -> Result<(), PlanError> {
    let mut whole = expression::conjunction(filter.predicates.clone())
        .ok_or_else(|| PlanError::bug("a filter without a predicate"))?;
    over_offsets(planning, &mut filter.source, &mut whole)?;
    filter.evaluated = Some(whole);
    Ok(())
}

/// Replaces what the input gives by offsets, `:0`; what is left vtgate computes.
pub fn over_offsets(
    planning: &mut Planning<'_>,
    source: &mut Operator,
    expr: &mut Expr,
) -> Result<(), PlanError> {
    let asked =
        matches!(expr, Expr::Bound(..) | Expr::Column(_)) || planning.semantics.is_aggregate(expr);
    let given = gives(source, expr);
    if asked || given && !matches!(expr, Expr::Literal(_)) {
        let at = column_of(planning, source, expr, Grouped::No)?;
        let name = sim::sql::ast::Ident::new(&at.to_string());
        *expr = Expr::Argument { name, ty: None };
        return Ok(());
    }
    for child in sim::sql::walk::children_mut(expr) {
        over_offsets(planning, source, child)?;
    }
    Ok(())
}

/// Whether an operator already has a column for an expression.
fn gives(operator: &Operator, expr: &Expr) -> bool {
    match operator {
        Operator::Aggregator(aggregator) => {
            aggregator.columns.iter().any(|column| same(&column.expr, expr))
        }
        Operator::ApplyJoin(join) => join.columns.iter().any(|column| same(&column.expr, expr)),
        Operator::HashJoin(join) => join.columns.iter().any(|column| same(column, expr)),
        Operator::Filter(filter) => gives(&filter.source, expr),
        Operator::Limit(limit) => gives(&limit.source, expr),
        Operator::Ordering(ordering) => gives(&ordering.source, expr),
        Operator::Projection(projection) => {
            projection.columns.iter().any(|column| same(&column.original, expr))
        }
        _ => false,
    }
}

fn distinct(planning: &mut Planning<'_>, distinct: &mut Distinct) -> Result<(), PlanError> {
    let columns = columns_of(&distinct.source)?;
    let weights: Vec<bool> = columns.iter().map(is_weight_string).collect();
    for (at, expr) in columns.iter().enumerate() {
        let all = offset_union::exprs_at(&distinct.source, at);
        let is_weighed = offset_union::needs_weight(planning, &distinct.source, &all);
        let weight = match !weights[at] && is_weighed {
            true => Some(offset_union::weight_of(planning, &mut distinct.source, at, expr)?),
            false => None,
        };
        let collation = offset_union::collation_of(planning, &distinct.source, &all);
        distinct.columns.push((
            at,
            weight,
            collation.filter(|name| weight.is_none() || name.is_empty()),
        ));
    }
    Ok(())
}

pub fn is_weight_string(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if function.name.is("weight_string"))
}

/// Cuts the columns off that the client has not asked for; says whether the operator can.
pub fn cut_off(operator: &mut Operator, wanted: usize) -> bool {
    match operator {
        Operator::Route(route) => route.result_columns = Some(wanted),
        Operator::Aggregator(aggregator) => aggregator.result_columns = Some(wanted),
        Operator::Ordering(ordering) => ordering.result_columns = Some(wanted),
        Operator::Distinct(distinct) => distinct.result_columns = Some(wanted),
        Operator::Filter(filter) => filter.result_columns = Some(wanted),
        Operator::Limit(limit) => return cut_off(&mut limit.source, wanted),
        // What a semi join reads of its rows must stay.
        Operator::SubQuery(subquery) if subquery.vars.iter().any(|(_, at)| wanted <= *at) => {
            return false;
        }
        Operator::SubQuery(subquery) => return cut_off(&mut subquery.outer, wanted),
        _ => return false,
    }
    true
}

/// How many columns an operator gives; None where nobody has said.
pub fn width(operator: &Operator) -> Option<usize> {
    match operator {
        Operator::Route(route) => offset::width(&route.source),
        Operator::Filter(filter) => width(&filter.source),
        Operator::Limit(limit) => width(&limit.source),
        Operator::Ordering(ordering) => width(&ordering.source),
        Operator::Distinct(distinct) => width(&distinct.source),
        Operator::SubQuery(subquery) => width(&subquery.outer),
        // What others have asked of its input it passes on.
        Operator::Aggregator(aggregator) => {
            Some(aggregator.columns.len().max(width(&aggregator.source).unwrap_or(0)))
        }
        Operator::Projection(projection) => Some(projection.columns.len()),
        Operator::ApplyJoin(join) => Some(join.columns.len()),
        Operator::HashJoin(join) => Some(join.columns.len()),
        Operator::Union(union) => union.sources.first().and_then(width),
        Operator::RecurseCte(cte) => width(&cte.seed),
        Operator::VindexTable(table) => Some(table.columns.len()),
        _ => None,
    }
}

fn columns_of(operator: &Operator) -> Result<Vec<Expr>, PlanError> {
    match operator {
        Operator::Route(route) => {
            offset::columns_in_text(&route.source).ok_or_else(expression::schema_tracking_required)
        }
        Operator::Filter(filter) => columns_of(&filter.source),
        Operator::Limit(limit) => columns_of(&limit.source),
        Operator::Ordering(ordering) => columns_of(&ordering.source),
        Operator::SubQuery(subquery) => columns_of(&subquery.outer),
        Operator::Aggregator(aggregator) => {
            Ok(aggregator.columns.iter().map(|column| column.expr.clone()).collect())
        }
        Operator::ApplyJoin(join) => {
            Ok(join.columns.iter().map(|column| column.expr.clone()).collect())
        }
        Operator::HashJoin(join) => Ok(join.columns.clone()),
        Operator::Projection(projection) => {
            Ok(projection.columns.iter().map(|column| column.expr.clone()).collect())
        }
        Operator::Union(union) => match union.sources.first() {
            Some(source) => columns_of(source),
            None => Err(PlanError::bug("a union of nothing")),
        },
        Operator::RecurseCte(cte) => columns_of(&cte.seed),
        Operator::VindexTable(table) => {
            let column = |name: &str| {
                let name = ColumnName { table: None, name: Ident::new(name) };
                Expr::Bound(name, table.number)
            };
            Ok(table.names().map(column).collect())
        }
        other => Err(PlanError::unsupported(format!("distinct over {}", other.name()))),
    }
}
