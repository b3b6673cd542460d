//! A horizon goes below a route whole, or is taken apart.
//!
//! Whole: over one shard, or where every shard's answer is a part of the answer. Apart: projection
//! or aggregation, then DISTINCT, HAVING, ORDER BY, LIMIT, each an operator. See
//! `operators/horizon_planning.go` and `horizon_expanding.go`.

use sim::sql::ast::{Expr, Over, Query, Select, SelectItem};

use super::super::build::query::is_plain;
use super::super::build::{predicate as predicates, sub_query};
use super::super::operator::ordering::{Order, Ordering};
use super::super::operator::projection::{Column, Projection};
use super::super::operator::{Distinct, Horizon, Limit, Operator, Window};
use super::super::planning::{Phase, Planning};
use super::super::predicate::same;
use super::super::route::merge::is_of_one_shard;
use super::super::semantics::item_name;
use super::super::semantics::table_set::TableSet;
use super::super::{PlanError, aggregation, expression, walk};
use super::Rewritten;

pub fn push_or_expand(planning: &mut Planning<'_>, horizon: Box<Horizon>) -> Rewritten {
    if horizon.derived.is_some() && may_go_below(planning, &horizon) {
        return Ok((below_route(horizon), Some("push derived under route")));
    }
    if !planning.reached(Phase::InitialPlanning) {
        return Ok((Operator::Horizon(horizon), None));
    }
    if planning.semantics.signature.subqueries {
        return expand(planning, *horizon);
    }
    let whole = match &horizon.source {
        Operator::Route(route) => {
            let windows = matches!(&horizon.query, Query::Select(select) if has_windows(select));
            route.routing.is_single_shard() || is_plain(planning, &horizon.query) && !windows
        }
        _ => false,
    };
    match whole {
        true => Ok((below_route(horizon), Some("push horizon into route"))),
        false => expand(planning, *horizon),
    }
}

/// A derived table goes below over one shard, or where no row of it is made of several shards'.
fn may_go_below(planning: &Planning<'_>, horizon: &Horizon) -> bool {
    let Operator::Route(route) = &horizon.source else { return false };
    route.routing.is_single_shard() || is_mergeable(planning, horizon)
}

/// Whether the shards' own answers are the rows of the query: none is made of several shards'.
pub fn is_mergeable(planning: &Planning<'_>, horizon: &Horizon) -> bool {
    let tables = horizon.source.tables_of_rows();
    is_mergeable_query(planning, &horizon.query, tables)
}

fn is_mergeable_query(planning: &Planning<'_>, query: &Query, tables: TableSet) -> bool {
    let select = match query {
        Query::Select(select) => select,
        Query::Union(union) => {
            return union.limit.is_none()
                && is_mergeable_query(planning, &union.left, tables)
                && is_mergeable_query(planning, &union.right, tables);
        }
        Query::Values(_) => return false,
    };
    let windows = select
        .items
        .iter()
        .any(|item| matches!(item, SelectItem::Expr { expr, .. } if expression::has_window(expr)));
    if select.limit.is_some() || windows {
        return false;
    }
    let by_vindex = |expr: &Expr| is_of_one_shard(planning, expr, tables);
    let aggregates = select.items.iter().any(|item| {
        matches!(item, SelectItem::Expr { expr, .. } if planning.semantics.has_aggregate(expr))
    });
    let grouped = !select.group_by.is_empty() || aggregates || select.having.is_some();
    let selected = || {
        select
            .items
            .iter()
            .any(|item| matches!(item, SelectItem::Expr { expr, .. } if by_vindex(expr)))
    };
    (!grouped || select.group_by.iter().any(by_vindex)) && (!select.distinct || selected())
}

fn below_route(mut horizon: Box<Horizon>) -> Operator {
    let Operator::Route(mut route) = horizon.source.take() else {
        return Operator::Horizon(horizon);
    };
    horizon.source = route.source;
    route.source = Operator::Horizon(horizon);
    Operator::Route(route)
}

pub(super) fn expand(planning: &mut Planning<'_>, horizon: Horizon) -> Rewritten {
    let Horizon { source, query, derived } = horizon;
    match query {
        Query::Select(select) => {
            let operator = expand_select(planning, source, *select, derived)?;
            Ok((operator, Some("expand SELECT horizon")))
        }
        Query::Union(union) => {
            let mut operator = source;
            let order: Vec<Order> = union
                .order_by
                .iter()
                .map(|order| Order::new(order.expr.clone(), order.descending))
                .collect();
            if !order.is_empty() {
                operator = ordering(operator, order);
            }
            if let Some(limit) = union.limit {
                operator = limited(operator, limit, derived.is_none());
            }
            if let Some(derived) = derived {
                // Its columns are the union's, place by place; they are added when they are asked
                // for.
                operator = Operator::Projection(Box::new(Projection {
                    derived: Some(derived),
                    by_position: true,
                    ..Projection::new(operator)
                }));
            }
            Ok((operator, Some("expand UNION horizon")))
        }
        Query::Values(_) => Err(PlanError::unsupported("values statement")),
    }
}

fn expand_select(
    planning: &mut Planning<'_>,
    source: Operator,
    select: Select,
    derived: Option<super::super::operator::horizon::Derived>,
) -> Result<Operator, PlanError> {
    let windowed = has_windows(&select);
    let single = is_on_one_shard(&source);
    let fits =
        single || select.windows.is_empty() && partitions_by_vindex(planning, &select, &source);
    if windowed && !fits {
        return Err(windows_over_shards());
    }
    let mut select = select;
    let aggregates = select.items.iter().any(|item| {
        matches!(item, SelectItem::Expr { expr, .. } if planning.semantics.has_aggregate(expr))
    });
    if select.distinct && !aggregates && select.having.is_none() {
        // Both lead to unique rows.
        select.group_by.clear();
    }
    if derived.is_some() && !select.rollup {
        select_having(&mut select);
    }
    let order = order_of(planning, &select)?;
    let is_derived = derived.is_some();
    let distinct = select.distinct;
    let aggregated = aggregation::is_needed(planning, &select, &order);
    if windowed && aggregated {
        return Err(windows_over_shards());
    }
    let mut operator = match aggregated {
        true => aggregation::expand(planning, source, &select, &order, derived)?,
        false => project(planning, source, &select, derived)?,
    };
    if let Some(having) = &select.having {
        operator = having_of(planning, operator, having)?;
    }
    if windowed && !is_derived && !single {
        operator = Operator::Window(Box::new(Window { source: operator }));
    }
    if distinct && !aggregation::makes_distinct(planning, &select, &order) {
        operator = Operator::Distinct(Box::new(Distinct::required(operator)));
    }
    if !order.is_empty() {
        operator = expand_order(planning, operator, order)?;
    }
    if let Some(limit) = select.limit {
        operator = limited(operator, limit, !is_derived);
    }
    Ok(operator)
}

/// HAVING is about groups: below what is computed of them, where that is a table of its own.
fn having_of(
    planning: &mut Planning<'_>,
    operator: Operator,
    having: &Expr,
) -> Result<Operator, PlanError> {
    match operator {
        Operator::Projection(mut projection)
            if projection.fixed && projection.derived.is_some() =>
        {
            let groups = projection.source.take();
            projection.source = predicates::add_all(planning, groups, Some(having))?;
            Ok(Operator::Projection(projection))
        }
        other => predicates::add_all(planning, other, Some(having)),
    }
}

/// A derived table gets what HAVING asks as columns, which nobody names.
fn select_having(select: &mut Select) {
    let asked = expression::conjuncts(select.having.as_ref()).into_iter();
    let asked = asked.filter(|expr| !expression::has_subquery(expr));
    let columns = asked.map(|expr| SelectItem::Expr { expr: expr.clone(), alias: None });
    let columns: Vec<SelectItem> = columns.collect();
    let star = select.items.iter().any(|item| !matches!(item, SelectItem::Expr { .. }));
    if !star {
        select.items.extend(columns);
    }
}

/// Whether all rows are of one shard, whatever subqueries stand beside them.
fn is_on_one_shard(source: &Operator) -> bool {
    match source {
        Operator::Route(route) => route.routing.is_single_shard(),
        Operator::SubQueryContainer(container) => is_on_one_shard(&container.outer),
        _ => false,
    }
}

fn windows_over_shards() -> PlanError {
    PlanError::unsupported("window functions are only supported for single-shard queries")
}

fn has_windows(select: &Select) -> bool {
    let is = |item: &SelectItem| match item {
        SelectItem::Expr { expr, .. } => expression::has_window(expr),
        _ => false,
    };
    !select.windows.is_empty()
        || select.items.iter().any(is)
        || select.order_by.iter().any(|order| expression::has_window(&order.expr))
}

/// Whether rows of one partition are of one shard: every window is partitioned by a unique vindex'
/// column.
fn partitions_by_vindex(planning: &Planning<'_>, select: &Select, source: &Operator) -> bool {
    let Operator::Route(route) = source else { return false };
    let tables = route.source.tables_of_rows();
    let by_vindex = |over: &Over| {
        let spec = match over {
            Over::Spec(spec) => Some(spec),
            // Vitess looks at no window that has a name.
            Over::Name(_) => None,
        };
        spec.is_some_and(|spec| {
            spec.partition_by.iter().any(|expr| is_of_one_shard(planning, expr, tables))
                || covers_vindex(planning, &spec.partition_by, tables)
        })
    };
    let holds = |expr: &Expr| {
        !expression::any(expr, &mut |expr| walk::over(expr).is_some_and(|over| !by_vindex(over)))
    };
    let items = select.items.iter().all(|item| match item {
        SelectItem::Expr { expr, .. } => holds(expr),
        _ => true,
    });
    items && select.order_by.iter().all(|order| holds(&order.expr))
}

/// Whether all columns of one unique vindex are among the expressions.
fn covers_vindex(planning: &Planning<'_>, exprs: &[Expr], tables: TableSet) -> bool {
    tables.numbers().take(planning.semantics.tables.len()).any(|number| {
        let has = |name: &String| {
            exprs.iter().any(|expr| {
                matches!(expr, Expr::Bound(column, of) if *of == number && column.name.is(name))
            })
        };
        let real = planning.semantics.table(number).real();
        let vindexes = real.into_iter().flat_map(|real| &real.table.column_vindexes);
        let mut several = vindexes.filter(|vindex| 1 < vindex.columns.len() && !vindex.partial);
        several.any(|vindex| vindex.unique && vindex.columns.iter().all(has))
    })
}

fn limited(source: Operator, limit: sim::sql::ast::Limit, top: bool) -> Operator {
    Operator::Limit(Box::new(Limit { source, limit, top, is_copy: false, pushed: false }))
}

fn ordering(source: Operator, order: Vec<Order>) -> Operator {
    Operator::Ordering(Box::new(Ordering { source, order, result_columns: None }))
}

/// ORDER BY without what orders nothing: constants, repetitions.
fn order_of(planning: &Planning<'_>, select: &Select) -> Result<Vec<Order>, PlanError> {
    let mut order: Vec<Order> = Vec::new();
    for item in &select.order_by {
        let constant = matches!(item.expr, Expr::Literal(_) | Expr::Argument { .. });
        let subquery = matches!(&item.expr, Expr::Subquery(query)
            if planning.semantics.outer_tables_of(query).is_empty());
        if constant || subquery {
            continue;
        }
        let simplified = simplified(&item.expr, select);
        if order.iter().any(|known| same(&known.simplified, &simplified)) {
            continue;
        }
        let mut new = Order::new(item.expr.clone(), item.descending);
        new.simplified = simplified;
        order.push(new);
    }
    Ok(order)
}

/// The expression that a bare name of the select list stands for.
fn simplified(expr: &Expr, select: &Select) -> Expr {
    let Expr::Column(column) = expr else { return expr.clone() };
    if column.table.is_some() {
        return expr.clone();
    }
    let named = select.items.iter().find_map(|item| match item {
        SelectItem::Expr { expr, alias: alias @ Some(_) }
            if item_name(expr, alias.as_ref()).is(column.name.as_str()) =>
        {
            Some(expr.clone())
        }
        _ => None,
    });
    named.unwrap_or_else(|| expr.clone())
}

/// Subqueries in ORDER BY are pulled out as values.
fn expand_order(
    planning: &mut Planning<'_>,
    operator: Operator,
    order: Vec<Order>,
) -> Result<Operator, PlanError> {
    let tables = operator.tables();
    let projected = matches!(operator, Operator::Projection(_));
    let mut subqueries = Vec::new();
    let mut planned = Vec::new();
    for mut item in order {
        if let Some((expr, own)) = sub_query::of_value(planning, &item.expr, tables)? {
            let known = own
                .iter()
                .all(|subquery| planning.semantics.outer_tables_of(&subquery.query).is_empty());
            if !known {
                return Err(PlanError::unsupported(
                    "correlated subquery is only supported for EXISTS",
                ));
            }
            if !projected {
                let text = "subquery with aggregation in order by";
                planning.semantics.one_route_only = Some(PlanError::unsupported(text));
            }
            item.simplified = expr.clone();
            item.expr = expr;
            subqueries.extend(own);
        }
        planned.push(item);
    }
    Ok(ordering(predicates::contained(operator, subqueries), planned))
}

fn project(
    planning: &mut Planning<'_>,
    source: Operator,
    select: &Select,
    derived: Option<super::super::operator::horizon::Derived>,
) -> Result<Operator, PlanError> {
    let mut projection = Projection::new(Operator::Taken);
    projection.derived = derived;
    let stars = select.items.iter().any(|item| !matches!(item, SelectItem::Expr { .. }));
    if stars {
        projection.star = Some(select.items.clone());
        projection.source = source;
        return Ok(Operator::Projection(Box::new(projection)));
    }
    let tables = source.tables();
    let mut subqueries = Vec::new();
    for item in &select.items {
        let SelectItem::Expr { expr, alias } = item else { continue };
        let mut column = Column::new(expr.clone(), alias.clone());
        if let Some((replaced, own)) = sub_query::of_value(planning, expr, tables)? {
            column.expr = replaced;
            subqueries.extend(own);
        }
        projection.columns.push(column);
    }
    projection.source = predicates::contained(source, subqueries);
    Ok(Operator::Projection(Box::new(projection)))
}
