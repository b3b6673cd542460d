//! Aggregation goes below a route: whole, or with its other half above.
//!
//! ```text
//!   count(*)                 sum_count_star(0)
//!     Route scatter    ->      Route scatter
//!       t                        count(*)
//!                                  t
//! ```
//!
//! Whole over one shard, or where rows of one group never live on two. See
//! `operators/aggregation_pushing.go`.

use sim::sql::ast::{Aggregate, AggregateKind, BinaryOp, Expr};

use super::super::PlanError;
use super::super::operator::aggregator::{Aggr, Column, Group};
use super::super::operator::ordering::{Order, Ordering};
use super::super::operator::projection::{self, Projection};
use super::super::operator::{Aggregator, Operator, Route};
use super::super::planning::{Phase, Planning};
use super::super::predicate::same;
use super::super::primitive::AggregateOp;
use super::super::route::merge::is_of_one_shard;
use super::super::semantics::table_set::TableSet;
use super::super::semantics::tables::Source;
use super::Rewritten;
use super::aggregation_through::{through_filter, through_join, through_subqueries};

pub fn push(planning: &mut Planning<'_>, mut aggregator: Box<Aggregator>) -> Rewritten {
    if aggregator.pushed {
        return Ok((Operator::Aggregator(aggregator), None));
    }
    match aggregator.source.take() {
        Operator::Route(mut route)
            if route.routing.is_single_shard()
                || groups_by_vindex(planning, &aggregator, &route) =>
        {
            aggregator.source = route.source.take();
            hide_columns(&mut aggregator, &route);
            route.source = Operator::Aggregator(aggregator);
            Ok((Operator::Route(route), Some("push down aggregation under route")))
        }
        source if !planning.reached(Phase::DelegateAggregation) => {
            aggregator.source = source;
            Ok((Operator::Aggregator(aggregator), None))
        }
        source if aggregator.aggregates.iter().any(|aggr| aggr.op == AggregateOp::Avg) => {
            aggregator.source = source;
            Ok((split_avg(*aggregator)?, Some("split avg aggregation")))
        }
        Operator::Route(route) => through_route(planning, aggregator, route),
        Operator::ApplyJoin(join) => through_join(planning, aggregator, join),
        // Values that differ in two parts of a group may be the same. (Vitess adds them up.)
        source if aggregator.aggregates.iter().any(|aggr| aggr.distinct) => {
            aggregator.source = source;
            Ok((Operator::Aggregator(aggregator), None))
        }
        Operator::Filter(filter) => Ok(through_filter(aggregator, filter)),
        Operator::SubQueryContainer(container) => Ok(through_subqueries(aggregator, container)),
        source => {
            aggregator.source = source;
            Ok((Operator::Aggregator(aggregator), None))
        }
    }
}

/// Columns that only ORDER BY needs: one shard orders without them, several are merged by them.
fn hide_columns(aggregator: &mut Aggregator, route: &Route) {
    // HAVING goes below as well, and computes what it reads.
    let read = aggregator.columns.len() - aggregator.filtered_by;
    aggregator.columns.truncate(read);
    aggregator.aggregates.retain(|aggr| aggr.column < read);
    aggregator.filtered_by = 0;
    if let Some(visible) = aggregator.visible.take()
        && route.routing.is_single_shard()
    {
        aggregator.columns.truncate(visible);
    }
}

/// Whether rows of one group are of one shard: a group is a unique vindex' column. Vindexes count
/// in VSchema order, up to the first that is not unique or has several columns.
fn groups_by_vindex(planning: &Planning<'_>, aggregator: &Aggregator, route: &Route) -> bool {
    let tables = route.source.tables_of_rows();
    aggregator.groups.iter().any(|group| is_unique(planning, &group.expr, tables))
}

pub fn is_unique(planning: &Planning<'_>, expr: &Expr, tables: TableSet) -> bool {
    if !is_of_one_shard(planning, expr, tables) {
        return false;
    }
    planning.semantics.equals_of(expr).iter().any(|expr| leads(planning, expr))
}

fn leads(planning: &Planning<'_>, expr: &Expr) -> bool {
    let Expr::Bound(column, number) = expr else { return false };
    match &planning.semantics.table(*number).source {
        Source::Real(real) => {
            let run = real
                .table
                .column_vindexes
                .iter()
                .take_while(|vindex| vindex.unique && vindex.columns.len() == 1);
            let mut run = run.filter(|vindex| !vindex.partial);
            run.any(|vindex| column.name.is(&vindex.columns[0]))
        }
        Source::Derived(derived) => derived
            .column(column.name.as_str())
            .is_some_and(|inner| matches!(&inner.exprs[..], [only] if leads(planning, only))),
        _ => false,
    }
}

/// Half below the route, half above.
fn through_route(
    planning: &Planning<'_>,
    mut aggregator: Box<Aggregator>,
    mut route: Box<Route>,
) -> Rewritten {
    if aggregator.rollup {
        let text = "GROUP BY WITH ROLLUP not supported for sharded queries";
        return Err(PlanError::unsupported(text));
    }
    check_supported(&aggregator)?;
    let tables = route.source.tables_of_rows();
    let (pushes_distinct, distinct) = distinct_of(planning, &aggregator, Some(tables))?;
    if !pushes_distinct && 1 < distinct.len() {
        let first = aggregator.aggregates.iter().find(|aggr| aggr.distinct);
        let text = first.map(|aggr| format!(" '{}'", aggr.original)).unwrap_or_default();
        return Err(several_arguments(&text));
    }
    let mut below = Aggregator {
        columns: aggregator.columns.clone(),
        groups: aggregator.groups.clone(),
        pushed: true,
        ..Aggregator::part(route.source.take())
    };
    let mut grouped_distinct = false;
    for aggr in &mut aggregator.aggregates {
        if !aggr.distinct || pushes_distinct {
            below.aggregates.push(aggr.clone());
            aggregate_again(aggr);
            aggr.pushed_down = true;
            continue;
        }
        let Some(argument) = distinct.first() else { continue };
        below.columns[aggr.column] = Column { expr: argument.clone(), alias: None };
        if !grouped_distinct {
            let mut group = Group::new(argument.clone());
            group.column = Some(aggr.column);
            below.groups.push(group);
            grouped_distinct = true;
        }
    }
    if !pushes_distinct {
        aggregator.distinct_expr = distinct.into_iter().next();
    }
    route.source = Operator::Aggregator(Box::new(below));
    if !aggregator.original {
        let rule = Some("push aggregation under route - remove original");
        return Ok((Operator::Route(route), rule));
    }
    aggregator.pushed = true;
    aggregator.source = Operator::Route(route);
    Ok((Operator::Aggregator(aggregator), Some("push aggregation under route - keep original")))
}

/// What vtgate itself can compute of the shards' rows.
pub fn check_supported(aggregator: &Aggregator) -> Result<(), PlanError> {
    for aggr in &aggregator.aggregates {
        match aggr.op {
            AggregateOp::Other => {
                let text = format!("in scatter query: aggregation function '{}'", aggr.original);
                return Err(PlanError::unsupported(text));
            }
            AggregateOp::UserDefined => {
                let text =
                    format!("Aggregate UDF '{}' must be pushed down to MySQL", aggr.original);
                return Err(PlanError::unsupported(text));
            }
            AggregateOp::GroupConcat => {
                if let Expr::Aggregate(call) = &aggr.original {
                    check_group_concat(call)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_group_concat(call: &Aggregate) -> Result<(), PlanError> {
    if call.distinct || !call.order_by.is_empty() {
        let text = "cannot evaluate group concat with distinct or order by";
        return Err(PlanError::unsupported(text));
    }
    Ok(())
}

/// Whether the shards of these tables can compute the distinct aggregates, since a value never
/// lives on two of them; and their arguments, which must otherwise all be the same. Above a join
/// nobody can: a row of one side meets several of the other.
pub fn distinct_of(
    planning: &Planning<'_>,
    aggregator: &Aggregator,
    tables: Option<TableSet>,
) -> Result<(bool, Vec<Expr>), PlanError> {
    let mut arguments: Vec<Expr> = Vec::new();
    let mut pushes = true;
    let mut different = None;
    for aggr in aggregator.aggregates.iter().filter(|aggr| aggr.distinct) {
        let Expr::Aggregate(call) = &aggr.original else { continue };
        pushes &= tables
            .is_some_and(|tables| call.args.iter().any(|expr| is_unique(planning, expr, tables)));
        if arguments.is_empty() {
            arguments = call.args.clone();
        }
        let equal = arguments.len() == call.args.len()
            && arguments.iter().zip(&call.args).all(|(one, other)| same(one, other));
        if !equal {
            different = Some(&aggr.original);
        }
    }
    match different {
        Some(aggregate) if !pushes => Err(PlanError::unsupported(format!(
            "only one DISTINCT aggregation is allowed in a SELECT: {aggregate}"
        ))),
        _ => Ok((pushes, arguments)),
    }
}

pub fn several_arguments(aggregate: &str) -> PlanError {
    let text = format!("distinct aggregation function with multiple expressions{aggregate}");
    PlanError::unsupported(text)
}

/// What vtgate does with the shards' answers for an aggregate.
pub fn aggregate_again(aggr: &mut Aggr) {
    match aggr.op {
        AggregateOp::Count
        | AggregateOp::CountStar
        | AggregateOp::CountDistinct
        | AggregateOp::SumDistinct => {
            aggr.original_op = Some(aggr.op);
            aggr.op = AggregateOp::Sum;
        }
        _ => {}
    }
}

/// `avg(x)` is `sum(x) / count(x)`: the sum takes its place, the count comes last.
fn split_avg(mut aggregator: Aggregator) -> Result<Operator, PlanError> {
    if aggregator.aggregates.iter().any(|aggr| aggr.op == AggregateOp::Avg && aggr.distinct) {
        return Err(PlanError::unsupported("AVG(distinct <>)"));
    }
    let mut projection = Projection::new(Operator::Taken);
    for column in &aggregator.columns {
        projection.columns.push(projection::Column::new(column.expr.clone(), column.alias.clone()));
    }
    let derived = aggregator.derived.take();
    let mut added = Vec::new();
    for aggr in aggregator.aggregates.iter_mut().filter(|aggr| aggr.op == AggregateOp::Avg) {
        let Expr::Aggregate(call) = &aggr.original else { continue };
        let of_kind = |kind| Expr::Aggregate(Box::new(Aggregate { kind, ..(**call).clone() }));
        let (sum, count) = (of_kind(AggregateKind::Sum), of_kind(AggregateKind::Count));
        let column = &mut projection.columns[aggr.column];
        column.alias.get_or_insert_with(|| aggr.alias.clone());
        column.expr = Expr::Binary {
            op: BinaryOp::Divide,
            left: Box::new(sum.clone()),
            right: Box::new(count.clone()),
        };
        aggregator.columns[aggr.column].expr = sum.clone();
        aggr.op = AggregateOp::Sum;
        aggr.original = sum;
        added.push((aggr.clone(), count));
    }
    for (sum, count) in added {
        let column = aggregator.columns.len();
        let alias = sim::sql::ast::Ident::new(&count.to_string());
        aggregator.columns.push(Column { expr: count.clone(), alias: None });
        let op = AggregateOp::Count;
        aggregator.aggregates.push(Aggr { original: count, op, alias, column, ..sum });
    }
    projection.derived = derived;
    projection.fixed = true;
    projection.source = Operator::Aggregator(Box::new(aggregator));
    Ok(Operator::Projection(Box::new(projection)))
}

/// Groups are found in sorted rows: the input is ordered by them, and by the distinct argument.
pub fn add_ordering(planning: &Planning<'_>, operator: Operator) -> Operator {
    let mut operator = operator;
    if !matches!(operator, Operator::Route(_)) {
        for input in operator.inputs_mut() {
            *input = add_ordering(planning, input.take());
        }
    }
    let Operator::Aggregator(mut aggregator) = operator else { return operator };
    let by_groups = aggregator.groups.iter().map(|group| Order::new(group.expr.clone(), false));
    let by_distinct = aggregator.distinct_expr.iter().map(|expr| Order::new(expr.clone(), false));
    let wanted: Vec<Order> = by_groups.chain(by_distinct).collect();
    let given = super::super::offset::order_of(&aggregator.source);
    let is = |wanted: &Expr, given: &Expr| {
        let inside = |expr: &Expr| match expr {
            Expr::Bound(_, number) => planning.semantics.expand_derived(expr, *number),
            other => other.clone(),
        };
        same(wanted, given) || same(&inside(wanted), given)
    };
    let fits = wanted.len() <= given.len()
        && wanted.iter().zip(&given).all(|(one, other)| is(&one.simplified, &other.simplified));
    if !wanted.is_empty() && !fits {
        let source = aggregator.source.take();
        aggregator.source =
            Operator::Ordering(Box::new(Ordering { source, order: wanted, result_columns: None }));
    }
    Operator::Aggregator(aggregator)
}

/// An order by groups alone moves below: grouping follows it. So does any order of one row. Below a
/// derived table it is by what the columns are there.
pub fn order_below(
    planning: &Planning<'_>,
    mut ordering: Box<Ordering>,
    mut aggregator: Box<Aggregator>,
) -> Rewritten {
    let inside = |order: &Order| match &aggregator.derived {
        Some(derived) => {
            let expanded = |expr: &Expr| planning.semantics.expand_derived(expr, derived.number);
            let mut inside = Order::new(expanded(&order.expr), order.descending);
            inside.simplified = expanded(&order.simplified);
            inside
        }
        None => order.clone(),
    };
    let below: Vec<Order> = ordering.order.iter().map(inside).collect();
    let grouped =
        |order: &Order| aggregator.groups.iter().any(|group| same(&group.expr, &order.simplified));
    let of_one_row = aggregator.derived.is_some() && aggregator.groups.is_empty();
    if !of_one_row && !below.iter().all(grouped) {
        ordering.source = Operator::Aggregator(aggregator);
        return Ok((Operator::Ordering(ordering), None));
    }
    ordering.order = below;
    let mut groups = std::mem::take(&mut aggregator.groups);
    for order in &ordering.order {
        if let Some(at) = groups.iter().position(|group| same(&group.expr, &order.simplified)) {
            aggregator.groups.push(groups.remove(at));
        }
    }
    for group in groups {
        ordering.order.push(Order::new(group.expr.clone(), false));
        aggregator.groups.push(group);
    }
    ordering.source = match aggregator.source.take() {
        Operator::Ordering(inner) => inner.source,
        source => source,
    };
    aggregator.source = Operator::Ordering(ordering);
    Ok((Operator::Aggregator(aggregator), Some("push ordering under aggregation")))
}
