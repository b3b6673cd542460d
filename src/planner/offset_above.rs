//! Offsets of operators above routes.
//!
//! Each asks its input for the columns that it needs; an input that lacks one adds it, down to the
//! select list of a route. It knows nothing of text.

use sim::sql::ast::Expr;

use super::build::predicate;
use super::offset::{self, weight_string};
use super::operator::aggregator::Column;
use super::operator::apply_join::{JoinColumn, Side};
use super::operator::horizon::Derived;
use super::operator::projection::{self, Info};
use super::operator::{Aggregator, ApplyJoin, Distinct, Filter, Operator, Ordering, Projection};
use super::planning::Planning;
use super::predicate::same;
use super::primitive::AggregateOp;
use super::rewrite::aggregate_again;
use super::semantics::item_name;
use super::{PlanError, aggregation, expression, offset_union};

pub fn plan(planning: &mut Planning<'_>, operator: &mut Operator) -> Result<(), PlanError> {
    match operator {
        Operator::Aggregator(aggregator) => self::aggregator(planning, aggregator),
        Operator::Ordering(ordering) => self::ordering(planning, ordering),
        Operator::Filter(filter) => self::filter(planning, filter),
        Operator::Distinct(distinct) => self::distinct(planning, distinct),
        Operator::ApplyJoin(join) => self::join(planning, join),
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
            let is = |column: &Column| {
                same(&column.expr, expr) || names_output(aggregator.derived.as_ref(), column, expr)
            };
            if let Some(at) = aggregator.columns.iter().position(is) {
                return Ok(at);
            }
            if aggregator.derived.is_some() {
                let refused = format!("{expr} of an aggregation in a derived table");
                return Err(PlanError::unsupported(refused));
            }
            if planning.semantics.is_aggregate(expr) {
                return add_aggregate(planning, aggregator, expr);
            }
            if planning.semantics.has_aggregate(expr) {
                return Err(PlanError::unsupported(format!("{expr} beside an aggregation")));
            }
            add_column(planning, aggregator, expr, group)
        }
        Operator::ApplyJoin(join) => {
            if let Some(at) = join.columns.iter().position(|column| same(&column.expr, expr)) {
                return Ok(at);
            }
            plan_columns(planning, join)?;
            join.columns.push(JoinColumn { expr: expr.clone(), alias: None });
            plan_columns(planning, join)?;
            Ok(join.columns.len() - 1)
        }
        Operator::Projection(projection) => {
            let is = |column: &projection::Column| {
                same(&column.expr, expr) || same(&column.original, expr)
            };
            if let Some(at) = projection.columns.iter().position(is) {
                return Ok(at);
            }
            projection.columns.push(projection::Column::new(expr.clone(), None));
            Ok(projection.columns.len() - 1)
        }
        Operator::Union(union) => offset_union::column_of(planning, union, expr),
        Operator::VindexTable(table) => {
            let (Expr::Column(column) | Expr::Bound(column, _)) = expr else {
                return Err(PlanError::unsupported("expression on results of a vindex function"));
            };
            table.offset_of(column.name.as_str()).ok_or_else(|| PlanError::bug(column))
        }
        other => Err(PlanError::unsupported(format!("columns of {}", other.name()))),
    }
}

/// Whether an expression names the column from outside of the derived table.
fn names_output(derived: Option<&Derived>, column: &Column, expr: &Expr) -> bool {
    let (Some(derived), Expr::Bound(name, number)) = (derived, expr) else { return false };
    *number == derived.number
        && item_name(&column.expr, column.alias.as_ref()).is(name.name.as_str())
}

/// A column with its name: the route that gives it names it.
fn named_column_of(
    planning: &mut Planning<'_>,
    operator: &mut Operator,
    column: &JoinColumn,
) -> Result<usize, PlanError> {
    if let Operator::Route(route) = operator
        && column.alias.is_some()
    {
        return offset::add_named_column(route, &column.expr, column.alias.clone());
    }
    if let Operator::ApplyJoin(join) = operator
        && !join.columns.iter().any(|known| same(&known.expr, &column.expr))
    {
        plan_columns(planning, join)?;
        join.columns.push(column.clone());
        plan_columns(planning, join)?;
        return Ok(join.columns.len() - 1);
    }
    column_of(planning, operator, &column.expr, Grouped::No)
}

/// Output columns first, left to right, then what the right must be told.
fn join(planning: &mut Planning<'_>, join: &mut ApplyJoin) -> Result<(), PlanError> {
    plan_columns(planning, join)?;
    for at in 0..join.predicates.len() {
        for (name, expr) in join.predicates[at].left.clone() {
            let column = column_of(planning, &mut join.left, &expr, Grouped::No)?;
            join.vars.entry(name).or_insert(column);
        }
    }
    Ok(())
}

/// Plans the columns that have not been.
fn plan_columns(planning: &mut Planning<'_>, join: &mut ApplyJoin) -> Result<(), PlanError> {
    while let Some(column) = join.columns.get(join.output.len()).cloned() {
        let tables = planning.semantics.tables_of(&column.expr);
        let left = join.left.tables();
        let side = if tables.is_within(left) {
            Side::Left(named_column_of(planning, &mut join.left, &column)?)
        } else if !tables.overlaps(left) {
            Side::Right(named_column_of(planning, &mut join.right, &column)?)
        } else {
            let (vars, right) = predicate::split(planning, &column.expr, left);
            for (name, expr) in vars {
                let at = column_of(planning, &mut join.left, &expr, Grouped::No)?;
                join.vars.entry(name).or_insert(at);
            }
            let mut column = JoinColumn { expr: right, alias: column.alias };
            let whole = join.columns[join.output.len()].expr.clone();
            column.alias.get_or_insert_with(|| {
                sim::sql::ast::Ident::new(&super::lower::plain(planning, &whole).to_string())
            });
            Side::Right(named_column_of(planning, &mut join.right, &column)?)
        };
        join.output.push(side);
    }
    Ok(())
}

/// What the input gives is passed on; the rest vtgate computes.
fn projection(planning: &mut Planning<'_>, projection: &mut Projection) -> Result<(), PlanError> {
    if projection.derived.is_some() || projection.star.is_some() {
        return Err(PlanError::unsupported("a derived table over several routes"));
    }
    for at in 0..projection.columns.len() {
        let expr = projection.columns[at].expr.clone();
        let passed = matches!(expr, Expr::Bound(..) | Expr::Column(_))
            || planning.semantics.is_aggregate(&expr);
        let info = match passed {
            true => Info::Offset(column_of(planning, &mut projection.source, &expr, Grouped::No)?),
            false => {
                let mut evaluated = expr;
                over_offsets(planning, &mut projection.source, &mut evaluated)?;
                Info::Evaluated(evaluated)
            }
        };
        projection.columns[at].info = info;
    }
    Ok(())
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
    }
    Ok(at)
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
    aggregate_again(&mut aggr);
    let column = aggr.column;
    aggregator.aggregates.push(aggr);
    Ok(column)
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
    for order in &mut ordering.order {
        let source = &mut ordering.source;
        order.column = column_of(planning, source, &order.simplified, Grouped::No)?;
        order.collation = planning.semantics.collation_of(&order.simplified);
        if planning.semantics.needs_weight_string(&order.simplified) {
            let weight = weight_string(&order.simplified);
            order.weight_column = Some(column_of(planning, source, &weight, Grouped::No)?);
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
    let given = matches!(source, Operator::Aggregator(aggregator)
        if aggregator.columns.iter().any(|column| same(&column.expr, expr)));
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

fn distinct(planning: &mut Planning<'_>, distinct: &mut Distinct) -> Result<(), PlanError> {
    let columns = columns_of(&distinct.source)?;
    let weights: Vec<bool> = columns.iter().map(is_weight_string).collect();
    for (at, expr) in columns.iter().enumerate() {
        let all = offset_union::exprs_at(&distinct.source, at);
        let weight = match !weights[at] && offset_union::needs_weight(planning, &all) {
            true => Some(offset_union::weight_of(planning, &mut distinct.source, at, expr)?),
            false => None,
        };
        let collation = all.iter().find_map(|expr| planning.semantics.collation_of(expr));
        distinct.columns.push((at, weight, collation.filter(|_| weight.is_none())));
    }
    Ok(())
}

fn is_weight_string(expr: &Expr) -> bool {
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
        Operator::Aggregator(aggregator) => Some(aggregator.columns.len()),
        Operator::Projection(projection) => Some(projection.columns.len()),
        Operator::ApplyJoin(join) => Some(join.columns.len()),
        Operator::Union(union) => union.sources.first().and_then(width),
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
        Operator::Projection(projection) => {
            Ok(projection.columns.iter().map(|column| column.expr.clone()).collect())
        }
        Operator::Union(union) => match union.sources.first() {
            Some(source) => columns_of(source),
            None => Err(PlanError::bug("a union of nothing")),
        },
        other => Err(PlanError::unsupported(format!("distinct over {}", other.name()))),
    }
}
