//! Offsets of operators above routes.
//!
//! Each asks its input for the columns that it needs; an input that lacks one adds it, down to the
//! select list of a route. It knows nothing of text.

use sim::sql::ast::Expr;

use super::offset::{self, weight_string};
use super::operator::aggregator::Column;
use super::operator::{Aggregator, Distinct, Filter, Operator, Ordering};
use super::planning::Planning;
use super::predicate::same;
use super::primitive::AggregateOp;
use super::{PlanError, expression};

pub fn plan(planning: &mut Planning<'_>, operator: &mut Operator) -> Result<(), PlanError> {
    match operator {
        Operator::Aggregator(aggregator) => self::aggregator(planning, aggregator),
        Operator::Ordering(ordering) => self::ordering(planning, ordering),
        Operator::Filter(filter) => self::filter(planning, filter),
        Operator::Distinct(distinct) => self::distinct(planning, distinct),
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
            if group == Grouped::Yes {
                offset::group_in_text(&mut route.source, expr);
            }
            offset::add_column(planning, route, expr)
        }
        Operator::Filter(filter) => column_of(planning, &mut filter.source, expr, group),
        Operator::Limit(limit) => column_of(planning, &mut limit.source, expr, group),
        Operator::Ordering(ordering) => column_of(planning, &mut ordering.source, expr, group),
        Operator::Distinct(distinct) => column_of(planning, &mut distinct.source, expr, group),
        Operator::SubQuery(subquery) => column_of(planning, &mut subquery.outer, expr, group),
        Operator::Aggregator(aggregator) => {
            if let Some(at) = aggregator.columns.iter().position(|c| same(&c.expr, expr)) {
                return Ok(at);
            }
            if !aggregator.pushed || planning.semantics.has_aggregate(expr) {
                return Err(PlanError::unsupported(format!("{expr} beside an aggregation")));
            }
            add_column(planning, aggregator, expr, group)
        }
        Operator::VindexTable(table) => {
            let (Expr::Column(column) | Expr::Bound(column, _)) = expr else {
                return Err(PlanError::unsupported("expression on results of a vindex function"));
            };
            table.offset_of(column.name.as_str()).ok_or_else(|| PlanError::bug(column))
        }
        other => Err(PlanError::unsupported(format!("columns of {}", other.name()))),
    }
}

/// Whether a column is one by which rows are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouped {
    No,
    Yes,
}

/// The aggregator and its input keep the same columns.
fn add_column(
    planning: &mut Planning<'_>,
    aggregator: &mut Aggregator,
    expr: &Expr,
    group: Grouped,
) -> Result<usize, PlanError> {
    let visible = aggregator.columns.len();
    let at = column_of(planning, &mut aggregator.source, expr, group)?;
    if at == visible {
        aggregator.columns.push(Column { expr: expr.clone(), alias: None });
        aggregator.result_columns.get_or_insert(visible);
    }
    Ok(at)
}

fn aggregator(planning: &mut Planning<'_>, aggregator: &mut Aggregator) -> Result<(), PlanError> {
    if !aggregator.pushed {
        return Err(PlanError::unsupported("aggregation over several routes"));
    }
    for at in 0..aggregator.groups.len() {
        let expr = aggregator.groups[at].expr.clone();
        let column = match aggregator.groups[at].column {
            Some(column) => column,
            None => add_column(planning, aggregator, &expr, Grouped::Yes)?,
        };
        aggregator.groups[at].column = Some(column);
        if planning.semantics.needs_weight_string(&expr) {
            let weight = weight_string(&given(aggregator, column, &expr));
            let weight = add_column(planning, aggregator, &weight, Grouped::Yes)?;
            aggregator.groups[at].weight_column = Some(weight);
        }
    }
    for at in 0..aggregator.aggregates.len() {
        let aggr = &aggregator.aggregates[at];
        let compares = matches!(aggr.op, AggregateOp::Min | AggregateOp::Max)
            || aggr.distinct && aggr.original_op.is_none();
        let Some(argument) = aggr.argument.clone().filter(|_| compares) else { continue };
        let column = aggr.column;
        aggregator.aggregates[at].collation = planning.semantics.collation_of(&argument);
        if planning.semantics.needs_weight_string(&argument) {
            let distinct = aggregator.aggregates[at].distinct;
            let of = given(aggregator, column, &argument);
            let group = if distinct { Grouped::Yes } else { Grouped::No };
            let of = if distinct { argument } else { of };
            let weight = add_column(planning, aggregator, &weight_string(&of), group)?;
            aggregator.aggregates[at].weight_column = Some(weight);
        }
    }
    Ok(())
}

/// A column's expression as its input writes it.
fn given(aggregator: &Aggregator, at: usize, expr: &Expr) -> Expr {
    aggregator.columns.get(at).map_or_else(|| expr.clone(), |column| column.expr.clone())
}

fn ordering(planning: &mut Planning<'_>, ordering: &mut Ordering) -> Result<(), PlanError> {
    let before = width(&ordering.source);
    for order in &mut ordering.order {
        let source = &mut ordering.source;
        order.column = column_of(planning, source, &order.simplified, Grouped::No)?;
        order.collation = planning.semantics.collation_of(&order.simplified);
        if planning.semantics.needs_weight_string(&order.simplified) {
            let weight = weight_string(&order.simplified);
            order.weight_column = Some(column_of(planning, source, &weight, Grouped::No)?);
        }
    }
    let after = width(&ordering.source);
    ordering.result_columns = before.filter(|_| before != after);
    Ok(())
}

fn filter(planning: &mut Planning<'_>, filter: &mut Filter) -> Result<(), PlanError> {
    let before = width(&filter.source);
    let mut whole = expression::conjunction(filter.predicates.clone())
        .ok_or_else(|| PlanError::bug("a filter without a predicate"))?;
    over_offsets(planning, &mut filter.source, &mut whole)?;
    filter.evaluated = Some(whole);
    let after = width(&filter.source);
    filter.result_columns = before.filter(|_| before != after);
    Ok(())
}

/// Replaces what the input gives by offsets, `:0`; what is left vtgate computes.
pub fn over_offsets(
    planning: &mut Planning<'_>,
    source: &mut Operator,
    expr: &mut Expr,
) -> Result<(), PlanError> {
    let given =
        matches!(expr, Expr::Bound(..) | Expr::Column(_)) || planning.semantics.is_aggregate(expr);
    if given {
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

fn distinct(planning: &mut Planning<'_>, distinct: &mut Distinct) -> Result<(), PlanError> {
    let columns = columns_of(&distinct.source)?;
    for (at, expr) in columns.iter().enumerate() {
        let weight = match planning.semantics.needs_weight_string(expr) {
            true => {
                let weight = weight_string(expr);
                Some(column_of(planning, &mut distinct.source, &weight, Grouped::No)?)
            }
            false => None,
        };
        distinct.columns.push((at, weight, planning.semantics.collation_of(expr)));
    }
    let after = width(&distinct.source);
    distinct.result_columns = after.filter(|after| columns.len() < *after).map(|_| columns.len());
    Ok(())
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
        Operator::Aggregator(aggregator) => Some(aggregator.columns.len()),
        Operator::Projection(projection) => Some(projection.columns.len()),
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
        other => Err(PlanError::unsupported(format!("distinct over {}", other.name()))),
    }
}
