//! Offset planning: which column of its input each operator reads.
//!
//! From the root down, so an operator adds the columns that it needs to its input before the input
//! plans its own. What is below a route is text: columns are added to its select list. See
//! `operators/offset_planning.go` and each operator's `planOffsets`.
//!
//! It knows nothing of values.

use sim::sql::ast::{ColumnName, Expr, Function, Ident, Query, SelectItem, TableName};

use super::operator::ordering::Order;
use super::operator::projection::{Column, Projection};
use super::operator::route::RouteOrder;
use super::operator::{Operator, Route, aggregator};
use super::planning::Planning;
use super::predicate::same;
use super::semantics::check::first_select;
use super::{PlanError, expression};

/// Plans the offsets of an operator and all below.
pub fn plan(planning: &mut Planning<'_>, operator: &mut Operator) -> Result<(), PlanError> {
    match operator {
        Operator::Route(route) => return order_route(planning, route),
        Operator::SubQuery(subquery) => {
            for (name, expr) in &subquery.outer_vars {
                let outer = &mut subquery.outer;
                let at =
                    super::offset_above::column_of(planning, outer, expr, aggregator::Grouped::No)?;
                subquery.vars.push((std::sync::Arc::clone(name), at));
            }
        }
        Operator::RecurseCte(cte) => super::offset_recurse::plan(planning, cte)?,
        Operator::Distinct(_)
        | Operator::Ordering(_)
        | Operator::Aggregator(_)
        | Operator::ApplyJoin(_)
        | Operator::HashJoin(_)
        | Operator::Filter(_)
        | Operator::Projection(_) => {
            super::offset_above::plan(planning, operator)?;
        }
        _ => {}
    }
    operator.inputs_mut().into_iter().try_for_each(|input| plan(planning, input))
}

/// What planning the offsets once more leaves: keys that stand twice, and mean the same.
pub fn repeat(operator: &mut Operator) {
    match operator {
        Operator::Route(route) => {
            route.ordering.extend_from_within(..);
            return;
        }
        Operator::Distinct(distinct) => distinct.columns.extend_from_within(..),
        _ => {}
    }
    operator.inputs_mut().into_iter().for_each(repeat);
}

/// A route over several shards merges their answers by columns that must be there.
pub fn order_route(planning: &mut Planning<'_>, route: &mut Route) -> Result<(), PlanError> {
    if route.routing.is_single_shard() || !route.ordering.is_empty() {
        return Ok(());
    }
    for order in order_of(&route.source) {
        if is_special(&order.expr) {
            continue;
        }
        let in_union = match super::offset_union::is_union(&route.source) {
            true => super::offset_union::position(&route.source, &order.simplified),
            false => None,
        };
        let found = in_union.or_else(|| find_expanded(planning, &route.source, &order.simplified));
        let column = match found {
            Some(at) => at,
            None => add_column(route, &order.simplified)?,
        };
        let weight_column = match planning.semantics.needs_weight_string(&order.simplified) {
            true => {
                let given = projected_at(&route.source, column);
                let of = given.as_ref().unwrap_or(&order.simplified);
                let weight = weight_string(of);
                Some(match super::offset_union::weight_for_order(planning, route, of)? {
                    Some(at) => at,
                    None => add_column(route, &weight)?,
                })
            }
            false => None,
        };
        route.ordering.push(merged_by(planning, order, column, weight_column));
    }
    Ok(())
}

fn merged_by(
    planning: &Planning<'_>,
    order: Order,
    column: usize,
    weight_column: Option<usize>,
) -> RouteOrder {
    RouteOrder {
        collation: planning.semantics.shown_collation_of(&order.simplified),
        expr: order.simplified,
        descending: order.descending,
        column,
        weight_column,
    }
}

/// The same of a query that has become a table of another one, whose columns it passes on: what is
/// not there by its own name is computed of that table's column.
pub fn order_wrapped(
    planning: &Planning<'_>,
    route: &mut Route,
    ordering: Vec<Order>,
) -> Result<(), PlanError> {
    for order in ordering.into_iter().filter(|order| !is_special(&order.expr)) {
        let column = find_in_text(&route.source, &order.simplified)
            .ok_or_else(|| PlanError::bug(&order.simplified))?;
        let weight_column = match planning.semantics.needs_weight_string(&order.simplified) {
            true => {
                let weight = weight_string(&order.simplified);
                let given = column_at(&route.source, column).unwrap_or(order.simplified.clone());
                Some(match find_in_text(&route.source, &weight) {
                    Some(at) => at,
                    None => append(&mut route.source, &weight_string(&given))?,
                })
            }
            false => None,
        };
        route.ordering.push(merged_by(planning, order, column, weight_column));
    }
    Ok(())
}

/// The column of a derived table that an expression inside of it is.
fn find_expanded(planning: &Planning<'_>, source: &Operator, expr: &Expr) -> Option<usize> {
    let is = |column: &Expr| match column {
        Expr::Bound(_, number) => same(&planning.semantics.expand_derived(column, *number), expr),
        _ => false,
    };
    if find_in_text(source, expr).is_some() {
        return None;
    }
    columns_in_text(source)?.iter().position(is)
}

/// `order by null`, `order by rand()`: the order of the merge does not matter.
fn is_special(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(sim::sql::ast::Literal::Null) => true,
        Expr::Function(function) => function.name.is("rand"),
        _ => false,
    }
}

pub fn weight_string(expr: &Expr) -> Expr {
    Expr::Function(Function {
        qualifier: None,
        name: Ident::new("weight_string"),
        args: vec![expr.clone()],
        over: None,
    })
}

/// The order in which a query gives its rows.
pub fn order_of(operator: &Operator) -> Vec<Order> {
    match operator {
        Operator::Ordering(ordering) => ordering.order.clone(),
        Operator::Limit(limit) => order_of(&limit.source),
        Operator::Distinct(distinct) => order_of(&distinct.source),
        Operator::Filter(filter) => order_of(&filter.source),
        Operator::Route(route) => order_of(&route.source),
        // A nested loop keeps the left's order.
        Operator::ApplyJoin(join) => order_of(&join.left),
        Operator::SubQuery(subquery) => order_of(&subquery.outer),
        Operator::SubQueryContainer(container) => order_of(&container.outer),
        Operator::Projection(projection) => order_of(&projection.source),
        Operator::Aggregator(aggregator) if aggregator.derived.is_none() => {
            order_of(&aggregator.source)
        }
        _ => Vec::new(),
    }
}

/// Where a route gives an expression; its query gets the column if it has not.
pub fn add_column(route: &mut Route, expr: &Expr) -> Result<usize, PlanError> {
    if let Some(at) = find_in_text(&route.source, expr) {
        return Ok(at);
    }
    append(&mut route.source, expr)
}

/// Where the query below a route gives an expression.
pub fn find_in_text(source: &Operator, expr: &Expr) -> Option<usize> {
    match source {
        Operator::Projection(projection) if projection.derived.is_none() => {
            if projection.star.is_some() {
                return None;
            }
            // ORDER BY of a union names its columns.
            let is_name = |column: &Column| {
                matches!(expr, Expr::Column(name)
                    if name.table.is_none() && column.name().is(name.name.as_str()))
            };
            let is = |column: &Column| same(&column.expr, expr) || same(&column.original, expr);
            let found = projection.columns.iter().position(is);
            found.or_else(|| projection.columns.iter().position(is_name))
        }
        Operator::Aggregator(aggregator) if aggregator.derived.is_none() => {
            aggregator.columns.iter().position(|column| same(&column.expr, expr))
        }
        Operator::Filter(filter) => find_in_text(&filter.source, expr),
        Operator::Ordering(ordering) => find_in_text(&ordering.source, expr),
        Operator::Limit(limit) => find_in_text(&limit.source, expr),
        Operator::Distinct(distinct) => find_in_text(&distinct.source, expr),
        _ => None,
    }
}

/// The columns of the query below a route; None where a star hides them.
pub fn columns_in_text(source: &Operator) -> Option<Vec<Expr>> {
    match source {
        Operator::Projection(projection) if projection.derived.is_none() => {
            let columns = projection.columns.iter().map(|column| column.expr.clone());
            projection.star.is_none().then(|| columns.collect())
        }
        Operator::Aggregator(aggregator) if aggregator.derived.is_none() => {
            Some(aggregator.columns.iter().map(|column| column.expr.clone()).collect())
        }
        Operator::Filter(filter) => columns_in_text(&filter.source),
        Operator::Ordering(ordering) => columns_in_text(&ordering.source),
        Operator::Limit(limit) => columns_in_text(&limit.source),
        Operator::Distinct(distinct) => columns_in_text(&distinct.source),
        Operator::Union(union) => columns_in_text(union.sources.first()?),
        Operator::Horizon(horizon) if horizon.derived.is_none() => columns_of_query(&horizon.query),
        _ => None,
    }
}

/// Whether a table's columns are those of a star.
pub fn hides_columns(source: &Operator) -> bool {
    match source {
        Operator::Horizon(horizon) => columns_of_query(&horizon.query).is_none(),
        Operator::Projection(projection) => projection.star.is_some(),
        Operator::Route(route) => hides_columns(&route.source),
        Operator::Filter(filter) => hides_columns(&filter.source),
        Operator::Limit(limit) => hides_columns(&limit.source),
        _ => false,
    }
}

/// The columns of a query; None where a star hides them.
pub fn columns_of_query(query: &Query) -> Option<Vec<Expr>> {
    let expr = |item: &SelectItem| match item {
        SelectItem::Expr { expr, .. } => Some(expr.clone()),
        _ => None,
    };
    first_select(query)?.items.iter().map(expr).collect()
}

/// One more group of an aggregation below a route.
pub fn group_in_text(source: &mut Operator, expr: &Expr) {
    match source {
        Operator::Aggregator(aggregator)
            if aggregator.derived.is_none()
                && !aggregator.groups.iter().any(|group| same(&group.expr, expr)) =>
        {
            aggregator.groups.push(aggregator::Group::new(expr.clone()));
        }
        Operator::Filter(filter) => group_in_text(&mut filter.source, expr),
        Operator::Ordering(ordering) => group_in_text(&mut ordering.source, expr),
        Operator::Limit(limit) => group_in_text(&mut limit.source, expr),
        _ => {}
    }
}

/// The expression of a column, as the query writes it.
pub fn column_at(source: &Operator, at: usize) -> Option<Expr> {
    match source {
        Operator::Projection(projection) => projection.columns.get(at).map(|c| c.expr.clone()),
        Operator::Aggregator(aggregator) => aggregator.columns.get(at).map(|c| c.expr.clone()),
        Operator::Filter(filter) => column_at(&filter.source, at),
        Operator::Ordering(ordering) => column_at(&ordering.source, at),
        Operator::Limit(limit) => column_at(&limit.source, at),
        Operator::Distinct(distinct) => column_at(&distinct.source, at),
        _ => None,
    }
}

/// The expression of a column that a projection gives: its weight is asked for as it is written
/// there. An aggregation's is asked for as ORDER BY has it.
fn projected_at(source: &Operator, at: usize) -> Option<Expr> {
    match source {
        Operator::Aggregator(_) => None,
        Operator::Filter(filter) => projected_at(&filter.source, at),
        Operator::Ordering(ordering) => projected_at(&ordering.source, at),
        Operator::Limit(limit) => projected_at(&limit.source, at),
        Operator::Distinct(distinct) => projected_at(&distinct.source, at),
        other => column_at(other, at),
    }
}

/// Whether a column is any value of a group: its weight would be a group of its own.
pub fn is_of_group(planning: &Planning<'_>, source: &Operator, at: usize) -> bool {
    match source {
        Operator::Aggregator(aggregator) if aggregator.derived.is_none() => {
            let column = aggregator.columns.get(at);
            !aggregator.groups.is_empty()
                && column.is_some_and(|column| {
                    let is_group = aggregator.groups.iter().any(|it| same(&it.expr, &column.expr));
                    !is_group && !planning.semantics.has_aggregate(&column.expr)
                })
        }
        Operator::Filter(filter) => is_of_group(planning, &filter.source, at),
        Operator::Ordering(ordering) => is_of_group(planning, &ordering.source, at),
        Operator::Limit(limit) => is_of_group(planning, &limit.source, at),
        _ => false,
    }
}

/// Whether a column is any value of all rows, in a query with an order, which is one of them.
pub fn is_of_ordered_row(planning: &Planning<'_>, source: &Operator, at: usize) -> bool {
    match source {
        Operator::Ordering(ordering) => match &ordering.source {
            Operator::Aggregator(aggregator) => {
                aggregator.groups.is_empty()
                    && aggregator.derived.is_none()
                    && aggregator
                        .columns
                        .get(at)
                        .is_some_and(|column| !planning.semantics.has_aggregate(&column.expr))
            }
            _ => false,
        },
        _ => false,
    }
}

/// How many columns the query gives; None where nobody has said.
pub fn width(source: &Operator) -> Option<usize> {
    match source {
        Operator::Projection(projection) if projection.derived.is_none() => {
            Some(projection.columns.len())
        }
        Operator::Aggregator(aggregator) if aggregator.derived.is_none() => {
            Some(aggregator.columns.len())
        }
        Operator::Filter(filter) => width(&filter.source),
        Operator::Ordering(ordering) => width(&ordering.source),
        Operator::Limit(limit) => width(&limit.source),
        Operator::Distinct(distinct) => width(&distinct.source),
        Operator::Union(_) | Operator::Horizon(_) => columns_in_text(source).map(|c| c.len()),
        _ => None,
    }
}

/// What stands above a derived table gives all of its columns.
fn of_derived(source: &Operator) -> Vec<Column> {
    let Operator::Projection(projection) = source else { return Vec::new() };
    let Some(derived) = &projection.derived else { return Vec::new() };
    let outside = |(at, column): (usize, &Column)| {
        let name = derived.columns.get(at).cloned().unwrap_or_else(|| column.name());
        let table = Some(TableName { qualifier: None, name: derived.alias.clone() });
        Column::new(Expr::Bound(ColumnName { table, name }, derived.number), None)
    };
    projection.columns.iter().enumerate().map(outside).collect()
}

/// One more column of the query below a route.
pub fn append(source: &mut Operator, expr: &Expr) -> Result<usize, PlanError> {
    match source {
        Operator::Projection(projection) if projection.derived.is_none() => {
            if projection.star.is_some() {
                return Err(expression::schema_tracking_required());
            }
            projection.columns.push(Column::new(expr.clone(), None));
            Ok(projection.columns.len() - 1)
        }
        Operator::Aggregator(aggregator) if aggregator.derived.is_none() => {
            aggregator.columns.push(aggregator::Column { expr: expr.clone(), alias: None });
            Ok(aggregator.columns.len() - 1)
        }
        Operator::Filter(filter) => append(&mut filter.source, expr),
        Operator::Ordering(ordering) => append(&mut ordering.source, expr),
        Operator::Limit(limit) => append(&mut limit.source, expr),
        // The shards' own duplicates go; more columns keep a few of them.
        Operator::Distinct(distinct) if !distinct.required => append(&mut distinct.source, expr),
        Operator::Distinct(_) | Operator::Union(_) => {
            Err(PlanError::unsupported("columns beside those of a union or a distinct query"))
        }
        Operator::Horizon(horizon) if horizon.derived.is_none() => {
            Err(PlanError::unsupported("columns beside those of a union or a distinct query"))
        }
        Operator::Horizon(horizon) if columns_of_query(&horizon.query).is_none() => {
            Err(expression::schema_tracking_required())
        }
        _ => {
            let columns = of_derived(source);
            let known = columns.iter().position(|column| same(&column.expr, expr));
            let mut projection = Projection { columns, ..Projection::new(source.take()) };
            let at = known.unwrap_or_else(|| {
                projection.columns.push(Column::new(expr.clone(), None));
                projection.columns.len() - 1
            });
            *source = Operator::Projection(Box::new(projection));
            Ok(at)
        }
    }
}
