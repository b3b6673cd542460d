//! Offsets of aggregations above routes.
//!
//! An aggregation and its input have the same columns at the same places: what one adds, the other
//! does. See `operators/aggregator.go`. It knows nothing of how groups are found.

use sim::sql::ast::{Expr, Literal};

use super::offset::weight_string;
use super::offset_above::{column_of as column_of_input, over_offsets, weight_of};
use super::operator::aggregator::{Aggr, Column, Grouped};
use super::operator::horizon::Derived;
use super::operator::{Aggregator, Operator, Projection, SubQuery, projection};
use super::planning::Planning;
use super::predicate::same;
use super::primitive::AggregateOp;
use super::rewrite::aggregate_again;
use super::semantics::item_name;
use super::{PlanError, aggregation, expression, offset};

/// Groups first, in their order, each followed by its weight; then the weights of aggregates that
/// compare.
pub fn plan(planning: &mut Planning<'_>, aggregator: &mut Aggregator) -> Result<(), PlanError> {
    if aggregator.planned {
        return Ok(());
    }
    aggregator.planned = true;
    if !aggregator.pushed {
        fetch_columns(planning, aggregator)?;
    }
    for at in 0..aggregator.groups.len() {
        let expr = aggregator.groups[at].expr.clone();
        let column = match aggregator.groups[at].column {
            Some(column) => column,
            // What is one group is nothing of the input's.
            None if !aggregator.pushed && matches!(expr, Expr::Literal(_)) => {
                aggregator.columns.push(Column::new(expr.clone()));
                fetch(planning, &mut aggregator.source, &expr)?
            }
            None => add_column(planning, aggregator, &expr, Grouped::Yes)?,
        };
        aggregator.groups[at].column = Some(column);
        if aggregator.groups[at].weight_column.is_none()
            && planning.semantics.needs_weight_string(&expr)
        {
            let weight = add_weight(planning, aggregator, column, &expr, Grouped::Yes)?;
            aggregator.groups[at].weight_column = Some(weight);
        }
    }
    for at in 0..aggregator.aggregates.len() {
        let aggr = &aggregator.aggregates[at];
        let Some(argument) = aggr.argument.clone().filter(|_| compares(aggr)) else { continue };
        let (column, pushed_down) = (aggr.column, aggr.pushed_down);
        aggregator.aggregates[at].collation = planning.semantics.collation_of(&argument);
        if planning.semantics.needs_weight_string(&argument) {
            let weight = match pushed_down {
                true => add_weight(planning, aggregator, column, &argument, Grouped::No)?,
                false if aggregator.pushed => {
                    let weight = weight_string(&argument);
                    add_column(planning, aggregator, &weight, Grouped::Yes)?
                }
                false => add_weight(planning, aggregator, column, &argument, Grouped::No)?,
            };
            aggregator.aggregates[at].weight_column = Some(weight);
        }
    }
    Ok(())
}

/// Whether vtgate compares the values of an aggregate.
fn compares(aggr: &Aggr) -> bool {
    matches!(aggr.op, AggregateOp::Min | AggregateOp::Max)
        || aggr.distinct && aggr.original_op.is_none()
}

/// An aggregation that nobody below has a part in reads the arguments of its aggregates.
fn fetch_columns(
    planning: &mut Planning<'_>,
    aggregator: &mut Aggregator,
) -> Result<(), PlanError> {
    if offset::hides_columns(&aggregator.source) {
        return Err(expression::schema_tracking_required());
    }
    let mut source = Operator::Projection(Box::new(Projection::new(aggregator.source.take())));
    for (at, column) in aggregator.columns.iter_mut().enumerate() {
        if let Some(aggr) = aggregator.aggregates.iter().find(|aggr| aggr.column == at) {
            column.expr = fetched(aggr)?;
        }
        let given = fetch(planning, &mut source, &column.expr)?;
        if given != at {
            let text = format!("failed to plan aggregation on: {}", column.expr);
            return Err(PlanError::unsupported(text));
        }
    }
    aggregator.source = source;
    Ok(())
}

/// What an aggregate is computed of.
fn fetched(aggr: &Aggr) -> Result<Expr, PlanError> {
    let arguments = match &aggr.original {
        Expr::Aggregate(call) => call.args.len(),
        _ => 1,
    };
    match aggr.op {
        AggregateOp::CountStar => Ok(Expr::Literal(Literal::Integer("1".into()))),
        AggregateOp::GroupConcat if 1 < arguments => {
            Err(PlanError::unsupported("group_concat with more than 1 column"))
        }
        _ => aggr.argument.clone().ok_or_else(|| PlanError::bug(&aggr.original)),
    }
}

/// A column of its own, even where there is an equal one.
fn fetch(
    planning: &mut Planning<'_>,
    source: &mut Operator,
    expr: &Expr,
) -> Result<usize, PlanError> {
    let Operator::Projection(projection) = source else {
        return column_of_input(planning, source, expr, Grouped::No);
    };
    if let Expr::Literal(_) = expr {
        // A recursion is asked for its seed's columns, whatever they are called.
        if let Some(at) = super::offset_recurse::find(&projection.source, expr) {
            return Ok(projection.pass_on(expr.clone(), at));
        }
        let computed = projection::Column::new(expr.clone(), None);
        projection.columns.push(computed);
        return Ok(projection.columns.len() - 1);
    }
    // The right of an outer join is not asked where it has no row: vtgate computes it there, too.
    if joins_outer(&projection.source) && !expression::is_null_of_nulls(expr) {
        let mut evaluated = expr.clone();
        over_offsets(planning, &mut projection.source, &mut evaluated)?;
        let info = projection::Info::Evaluated(evaluated);
        projection
            .columns
            .push(projection::Column { info, ..projection::Column::new(expr.clone(), None) });
        return Ok(projection.columns.len() - 1);
    }
    let at = column_of_input(planning, &mut projection.source, expr, Grouped::No)?;
    Ok(projection.pass_on(expr.clone(), at))
}

fn joins_outer(operator: &Operator) -> bool {
    match operator {
        Operator::Route(_) => false,
        Operator::ApplyJoin(join) if !join.kind.is_inner() => true,
        other => other.inputs().into_iter().any(joins_outer),
    }
}

/// Where an aggregation gives an expression.
pub fn column_of(
    planning: &mut Planning<'_>,
    aggregator: &mut Aggregator,
    expr: &Expr,
    group: Grouped,
) -> Result<usize, PlanError> {
    if let Some(at) = find(aggregator, expr) {
        return Ok(at);
    }
    if let Some(derived) = &aggregator.derived {
        let inside = planning.semantics.expand_derived(expr, derived.number);
        if !same(&inside, expr) {
            return column_of(planning, aggregator, &inside, group);
        }
    }
    if planning.semantics.is_aggregate(expr) {
        return add_aggregate(planning, aggregator, expr);
    }
    // Its own columns come before those of others.
    plan(planning, aggregator)?;
    if let Some(at) = find(aggregator, expr) {
        return Ok(at);
    }
    if planning.semantics.has_aggregate(expr) {
        return Err(PlanError::unsupported(format!("{expr} beside an aggregation")));
    }
    let Some(of) = weighed(aggregator, expr) else {
        return add_column(planning, aggregator, expr, group);
    };
    let (column, value) =
        (aggregator.aggregates[of].column, aggregator.aggregates[of].original.clone());
    let at = weight_of(planning, &mut aggregator.source, column, &value)?;
    if at == aggregator.columns.len() {
        aggregator.columns.push(Column::new(expr.clone()));
    }
    aggregator.aggregates[of].weight_column = Some(at);
    Ok(at)
}

/// The any_value whose weight an expression is.
fn weighed(aggregator: &Aggregator, expr: &Expr) -> Option<usize> {
    let Expr::Function(function) = expr else { return None };
    let [of] = &function.args[..] else { return None };
    let is = |aggr: &Aggr| aggr.op == AggregateOp::AnyValue && same(&aggr.original, of);
    aggregator.aggregates.iter().position(is).filter(|_| function.name.is("weight_string"))
}

fn find(aggregator: &Aggregator, expr: &Expr) -> Option<usize> {
    let aggregate = aggregator.aggregates.iter().find(|aggr| same(&aggr.original, expr));
    if let Some(aggregate) = aggregate {
        return Some(aggregate.column);
    }
    let is = |column: &Column| {
        same(&column.expr, expr) || names_output(aggregator.derived.as_ref(), column, expr)
    };
    aggregator.columns.iter().position(is)
}

/// Whether an expression names the column from outside of the derived table.
fn names_output(derived: Option<&Derived>, column: &Column, expr: &Expr) -> bool {
    let (Some(derived), Expr::Bound(name, number)) = (derived, expr) else { return false };
    *number == derived.number
        && item_name(&column.expr, column.alias.as_ref()).is(name.name.as_str())
}

fn add_column(
    planning: &mut Planning<'_>,
    aggregator: &mut Aggregator,
    expr: &Expr,
    group: Grouped,
) -> Result<usize, PlanError> {
    let visible = aggregator.columns.len();
    let at = column_of_input(planning, &mut aggregator.source, expr, group)?;
    if at == visible {
        aggregator.columns.push(Column::new(expr.clone()));
    }
    Ok(at)
}

/// The weight of a column. Where shards aggregate it is a column that they group by.
fn add_weight(
    planning: &mut Planning<'_>,
    aggregator: &mut Aggregator,
    column: usize,
    expr: &Expr,
    group: Grouped,
) -> Result<usize, PlanError> {
    let given = aggregator.columns.get(column).map_or(expr, |column| &column.expr).clone();
    if aggregator.pushed {
        // Beside a subquery Vitess leaves the weight out of GROUP BY; its column groups for both.
        let group = match &aggregator.source {
            Operator::SubQuery(subquery) if is_beside_route(subquery) => Grouped::No,
            _ => group,
        };
        return add_column(planning, aggregator, &weight_string(&given), group);
    }
    let visible = aggregator.columns.len();
    let at = weight_of(planning, &mut aggregator.source, column, &given)?;
    if at == visible {
        aggregator.columns.push(Column::new(weight_string(&given)));
    }
    Ok(at)
}

/// Whether a condition's subquery that knows nothing of the outer rows stands beside one route,
/// those of select lists aside.
fn is_beside_route(subquery: &SubQuery) -> bool {
    let (mut subquery, mut is_condition) = (subquery, false);
    loop {
        is_condition |= !subquery.is_argument;
        match &subquery.outer {
            _ if !subquery.outer_vars.is_empty() => return false,
            Operator::Route(_) => return is_condition,
            Operator::SubQuery(inner) => subquery = inner,
            _ => return false,
        }
    }
}

/// One more aggregate: HAVING and ORDER BY may ask for what the select list has not.
fn add_aggregate(
    planning: &mut Planning<'_>,
    aggregator: &mut Aggregator,
    expr: &Expr,
) -> Result<usize, PlanError> {
    let mut aggr = aggregation::aggr_of(expr, expr, None, 0);
    if aggr.distinct || aggr.op == AggregateOp::Avg || !aggregator.pushed {
        return Err(PlanError::unsupported(format!("{expr} beside an aggregation")));
    }
    aggr.column = add_column(planning, aggregator, expr, Grouped::No)?;
    aggr.pushed_down = true;
    aggregate_again(&mut aggr);
    let column = aggr.column;
    aggregator.aggregates.push(aggr);
    Ok(column)
}
