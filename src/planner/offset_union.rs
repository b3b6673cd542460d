//! Columns of unions, above routes and in their text.
//!
//! A weight string asked of a union is appended to every source at the same position, made of each
//! source's own expression. A query whose list cannot grow (DISTINCT, a star) becomes a table of
//! another one:
//!
//! ```text
//!   select distinct a from t
//!   select dt.c0 as a, weight_string(dt.c0) from (select distinct a from t) as dt(c0)
//! ```
//!
//! It knows nothing of what columns are compared for.

use std::sync::Arc;

use sim::sql::ast::{ColumnName, Expr, Ident, Query, SelectItem, TableName};

use super::offset::{self, weight_string};
use super::offset_above::weight_of as weight_above;
use super::operator::apply_join::Side;
use super::operator::horizon::Derived;
use super::operator::projection::{Column, Info, Projection};
use super::operator::{Horizon, Operator, Route, Union};
use super::planning::Planning;
use super::predicate::same;
use super::semantics::tables::{DerivedColumn, DerivedTable, Source, TableInfo};
use super::semantics::types::Selects;
use super::semantics::{item_name, table_set::TableSet};
use super::{PlanError, expression};
use crate::vindex::Kind;

/// What the sources give at a position: one expression for each SELECT.
pub fn exprs_at(operator: &Operator, at: usize) -> Vec<Expr> {
    match operator {
        Operator::Union(union) => {
            union.sources.iter().flat_map(|source| exprs_at(source, at)).collect()
        }
        Operator::Projection(projection) => {
            projection.columns.get(at).map(|column| column.expr.clone()).into_iter().collect()
        }
        Operator::Aggregator(aggregator) => {
            aggregator.columns.get(at).map(|column| column.expr.clone()).into_iter().collect()
        }
        Operator::ApplyJoin(join) => {
            join.columns.get(at).map(|column| column.expr.clone()).into_iter().collect()
        }
        Operator::HashJoin(join) => join.columns.get(at).cloned().into_iter().collect(),
        Operator::Horizon(horizon) => of_query(&horizon.query, at),
        Operator::SubQuery(subquery) => exprs_at(&subquery.outer, at),
        other => other.inputs().into_iter().flat_map(|input| exprs_at(input, at)).collect(),
    }
}

fn of_query(query: &Query, at: usize) -> Vec<Expr> {
    match query {
        Query::Select(select) => match select.items.get(at) {
            Some(SelectItem::Expr { expr, .. }) => vec![expr.clone()],
            _ => Vec::new(),
        },
        Query::Union(union) => {
            of_query(&union.left, at).into_iter().chain(of_query(&union.right, at)).collect()
        }
        Query::Values(_) => Vec::new(),
    }
}

/// Where the projection of a derived table that is a union gives an expression.
pub fn column_of_derived(
    planning: &mut Planning<'_>,
    projection: &mut Projection,
    expr: &Expr,
) -> Result<usize, PlanError> {
    if let Some(at) = projection.columns.iter().position(|column| same(&column.expr, expr)) {
        return Ok(at);
    }
    let derived = projection.derived.as_ref().ok_or_else(|| PlanError::bug(expr))?.number;
    if let Some(place) = place_of(planning, derived, expr) {
        return Ok(projection.pass_on(expr.clone(), place));
    }
    if let Expr::Function(function) = expr
        && function.name.is("weight_string")
        && let [of] = &function.args[..]
        && let Some(place) = place_of(planning, derived, of)
    {
        let given = exprs_at(&projection.source, place).into_iter().next();
        let given = given.unwrap_or_else(|| of.clone());
        let at = super::offset_above::weight_of(planning, &mut projection.source, place, &given)?;
        return Ok(projection.pass_on(expr.clone(), at));
    }
    let mut evaluated = expr.clone();
    let mut unknown = None;
    expression::walk_mut(&mut evaluated, &mut |expr| {
        if let Expr::Bound(..) = expr {
            match place_of(planning, derived, expr) {
                Some(place) => {
                    let name = Ident::new(&place.to_string());
                    *expr = Expr::Argument { name, ty: None };
                }
                None => unknown = Some(PlanError::bug(&*expr)),
            }
        }
    });
    if let Some(unknown) = unknown {
        return Err(unknown);
    }
    let column = Column { info: Info::Evaluated(evaluated), ..Column::new(expr.clone(), None) };
    projection.columns.push(column);
    Ok(projection.columns.len() - 1)
}

/// The place of a derived table's column.
fn place_of(planning: &Planning<'_>, derived: u32, expr: &Expr) -> Option<usize> {
    let Expr::Bound(column, number) = expr else { return None };
    let table = planning.semantics.table(derived).derived().filter(|_| *number == derived)?;
    table.columns.iter().position(|known| known.name.is(column.name.as_str()))
}

/// How text that several SELECTs give is compared. A time beside a number becomes text of bytes.
pub fn collation_of(
    planning: &Planning<'_>,
    operator: &Operator,
    exprs: &[Expr],
) -> Option<Arc<str>> {
    let kinds = exprs.iter().filter_map(|expr| planning.semantics.type_of(expr));
    let kinds: Vec<Kind> = kinds.map(|ty| ty.kind).collect();
    let is_time =
        |kind: &Kind| matches!(kind, Kind::Date | Kind::Time | Kind::Datetime | Kind::Timestamp);
    if kinds.iter().any(is_time) && kinds.iter().any(|kind| kind.is_integral()) {
        return Some("binary".into());
    }
    match exprs {
        [only] => planning.semantics.shown_collation_of(only),
        several => planning.semantics.collation_of_all(several, selects_of(operator)),
    }
}

/// Whether a column is compared by weights.
pub fn needs_weight(planning: &Planning<'_>, operator: &Operator, exprs: &[Expr]) -> bool {
    match exprs {
        [only] => planning.semantics.needs_weight_string(only),
        several if several.iter().all(|expr| matches!(expr, Expr::Literal(_))) => false,
        several => planning.semantics.all_need_weight_string(several, selects_of(operator)),
    }
}

/// Whether what an operator gives is of several routes.
fn selects_of(operator: &Operator) -> Selects {
    match operator {
        Operator::Union(_) => Selects::OfRoutes,
        Operator::Distinct(distinct) => selects_of(&distinct.source),
        Operator::Ordering(ordering) => selects_of(&ordering.source),
        Operator::Limit(limit) => selects_of(&limit.source),
        Operator::Projection(projection) => selects_of(&projection.source),
        _ => Selects::OfRoute,
    }
}

/// Where an operator gives the weight of its column.
pub fn weight_of(
    planning: &mut Planning<'_>,
    operator: &mut Operator,
    at: usize,
    expr: &Expr,
) -> Result<usize, PlanError> {
    match operator {
        Operator::Union(union) => {
            let mut position = None;
            for source in &mut union.sources {
                let own = exprs_at(source, at).into_iter().next().unwrap_or(expr.clone());
                position = Some(weight_of(planning, source, at, &own)?);
            }
            position.ok_or_else(|| PlanError::bug("a union of nothing"))
        }
        Operator::Route(route) => weight_in_text(planning, route, at, expr),
        Operator::Distinct(distinct) => weight_of(planning, &mut distinct.source, at, expr),
        Operator::Limit(limit) => weight_of(planning, &mut limit.source, at, expr),
        Operator::Ordering(ordering) => weight_of(planning, &mut ordering.source, at, expr),
        other => weight_above(planning, other, at, expr),
    }
}

/// A column that every source already has at one position.
pub fn column_of(
    planning: &mut Planning<'_>,
    union: &mut Union,
    expr: &Expr,
) -> Result<usize, PlanError> {
    let Some(first) = union.sources.first() else {
        return Err(PlanError::bug("a union of nothing"));
    };
    let width = super::offset_above::width(first).unwrap_or(0);
    let named = |at: &usize| {
        let given = exprs_at(first, *at);
        given.iter().any(|given| same(given, expr)) || name_is(first, *at, expr)
    };
    if let Some(at) = (0..width).find(named) {
        return Ok(at);
    }
    // A side of a join computes it under another text.
    let called_so = |item: &SelectItem| match (item, expr) {
        (SelectItem::Expr { expr, alias }, Expr::Column(wanted)) => {
            item_name(expr, alias.as_ref()).is(wanted.name.as_str())
        }
        _ => false,
    };
    let items = union.items.first().map(Vec::as_slice).unwrap_or_default();
    if let Some(at) = items.iter().position(called_so).filter(|at| *at < width) {
        return Ok(at);
    }
    if let Expr::Function(function) = expr
        && function.name.is("weight_string")
        && let [inner] = &function.args[..]
    {
        let at = column_of(planning, union, inner)?;
        let mut position = None;
        for source in &mut union.sources {
            let own = exprs_at(source, at).into_iter().next().unwrap_or(inner.clone());
            position = Some(weight_of(planning, source, at, &own)?);
        }
        return position.ok_or_else(|| PlanError::bug("a union of nothing"));
    }
    Err(PlanError::unsupported(format!("did not find column [{expr}] on UNION")))
}

/// ORDER BY of a union names output columns.
fn name_is(operator: &Operator, at: usize, expr: &Expr) -> bool {
    let Expr::Column(wanted) = expr else { return false };
    match operator {
        Operator::Projection(projection) => {
            projection.columns.get(at).is_some_and(|column| column.name().is(wanted.name.as_str()))
        }
        Operator::Aggregator(aggregator) => aggregator
            .columns
            .get(at)
            .is_some_and(|c| item_name(&c.expr, c.alias.as_ref()).is(wanted.name.as_str())),
        Operator::ApplyJoin(join) => join.columns.get(at).is_some_and(|column| {
            let sides = [&join.left, &join.right];
            let name = sides.into_iter().find_map(|side| name_of(side, &column.expr));
            name.unwrap_or_else(|| item_name(&column.expr, None)).is(wanted.name.as_str())
        }),
        Operator::HashJoin(join) => join
            .columns
            .get(at)
            .is_some_and(|column| item_name(column, None).is(wanted.name.as_str())),
        Operator::Horizon(horizon) => match &horizon.query {
            Query::Select(select) => matches!(select.items.get(at),
                Some(SelectItem::Expr { expr, alias })
                    if item_name(expr, alias.as_ref()).is(wanted.name.as_str())),
            _ => false,
        },
        other => other.inputs().first().is_some_and(|input| name_is(input, at, expr)),
    }
}

/// What a projection below calls an expression.
fn name_of(operator: &Operator, expr: &Expr) -> Option<Ident> {
    match operator {
        Operator::Projection(projection) if projection.derived.is_none() => {
            let column = projection.columns.iter().find(|column| same(&column.expr, expr));
            column.map(Column::name)
        }
        Operator::Route(route) => name_of(&route.source, expr),
        Operator::Distinct(distinct) => name_of(&distinct.source, expr),
        Operator::Limit(limit) => name_of(&limit.source, expr),
        Operator::Ordering(ordering) => name_of(&ordering.source, expr),
        Operator::Filter(filter) => name_of(&filter.source, expr),
        Operator::ApplyJoin(join) => {
            [&join.left, &join.right].into_iter().find_map(|side| name_of(side, expr))
        }
        _ => None,
    }
}

// ---------------------------------------------------------------- text

fn weight_in_text(
    planning: &mut Planning<'_>,
    route: &mut Route,
    at: usize,
    expr: &Expr,
) -> Result<usize, PlanError> {
    if !is_union(&route.source)
        && let Some(at) = offset::find_in_text(&route.source, &weight_string(expr))
    {
        return Ok(at);
    }
    if !grows(&route.source) {
        wrap(planning, route)?;
    }
    append_weight(&mut route.source, at, expr)
}

/// Where a route whose query is a union gives the weight of one of its columns; nothing if it is
/// no union, or the expression no weight.
pub fn weight_in_union(
    planning: &mut Planning<'_>,
    route: &mut Route,
    expr: &Expr,
) -> Result<Option<usize>, PlanError> {
    let Expr::Function(function) = expr else { return Ok(None) };
    let [of] = &function.args[..] else { return Ok(None) };
    if !function.name.is("weight_string") || !is_union(&route.source) {
        return Ok(None);
    }
    let Some(at) = position(&route.source, of) else { return Ok(None) };
    weight_in_text(planning, route, at, of).map(Some)
}

/// The same for a route's own order, below which a union becomes a table first.
pub fn weight_for_order(
    planning: &mut Planning<'_>,
    route: &mut Route,
    expr: &Expr,
) -> Result<Option<usize>, PlanError> {
    if !is_union(&route.source) {
        return Ok(None);
    }
    let Some(at) = position(&route.source, expr) else { return Ok(None) };
    wrap_union(planning, &mut route.source)?;
    append_weight(&mut route.source, at, expr).map(Some)
}

fn wrap_union(planning: &mut Planning<'_>, source: &mut Operator) -> Result<(), PlanError> {
    match source {
        Operator::Distinct(distinct) => wrap_union(planning, &mut distinct.source),
        Operator::Ordering(ordering) => wrap_union(planning, &mut ordering.source),
        Operator::Limit(limit) => wrap_union(planning, &mut limit.source),
        union => wrap_source(planning, union),
    }
}

pub fn is_union(source: &Operator) -> bool {
    match source {
        Operator::Union(_) => true,
        Operator::Distinct(distinct) => is_union(&distinct.source),
        Operator::Ordering(ordering) => is_union(&ordering.source),
        Operator::Limit(limit) => is_union(&limit.source),
        _ => false,
    }
}

/// Which column of a union an expression is: by what the first SELECT gives, or by its name.
pub fn position(source: &Operator, expr: &Expr) -> Option<usize> {
    let width = offset::columns_in_text(source)?.len();
    (0..width).find(|at| {
        let given = exprs_at(source, *at);
        given.first().is_some_and(|given| same(given, expr)) || name_is(source, *at, expr)
    })
}

/// Each SELECT gets the weight of its own expression.
fn append_weight(source: &mut Operator, at: usize, expr: &Expr) -> Result<usize, PlanError> {
    match source {
        Operator::Union(union) => {
            let mut position = None;
            for source in &mut union.sources {
                position = Some(append_weight(source, at, expr)?);
            }
            position.ok_or_else(|| PlanError::bug("a union of nothing"))
        }
        Operator::Horizon(horizon) => {
            let Query::Select(select) = &mut horizon.query else {
                return Err(PlanError::bug("a query whose list cannot grow"));
            };
            let own = match select.items.get(at) {
                Some(SelectItem::Expr { expr, .. }) => expr,
                _ => expr,
            };
            let weight = SelectItem::Expr { expr: weight_string(own), alias: None };
            select.items.push(weight);
            Ok(select.items.len() - 1)
        }
        Operator::Ordering(ordering) => append_weight(&mut ordering.source, at, expr),
        Operator::Limit(limit) => append_weight(&mut limit.source, at, expr),
        Operator::Distinct(distinct) => append_weight(&mut distinct.source, at, expr),
        source => {
            let own = exprs_at_top(source, at).unwrap_or(expr.clone());
            offset::append(source, &weight_string(&own))
        }
    }
}

/// Whether rows that differ are counted: one more column, and other rows could.
pub fn is_limited(source: &Operator) -> bool {
    matches!(source, Operator::Limit(limit)
        if matches!(limit.source, Operator::Distinct(_) | Operator::Union(_)))
}

/// Whether a query's list can get one more column without another meaning.
fn grows(source: &Operator) -> bool {
    match source {
        Operator::Projection(projection) => projection.star.is_none(),
        Operator::Aggregator(_) => true,
        Operator::Distinct(distinct) => !distinct.required && grows(&distinct.source),
        Operator::Filter(filter) => grows(&filter.source),
        Operator::Union(union) => union.sources.iter().all(part_grows),
        _ => false,
    }
}

fn part_grows(source: &Operator) -> bool {
    match source {
        Operator::Horizon(horizon) if horizon.derived.is_none() => match &horizon.query {
            Query::Select(select) => {
                let plain = |item: &SelectItem| matches!(item, SelectItem::Expr { .. });
                !select.distinct && select.items.iter().all(plain)
            }
            _ => false,
        },
        Operator::Ordering(ordering) => part_grows(&ordering.source),
        Operator::Limit(limit) => part_grows(&limit.source),
        source => grows(source),
    }
}

fn exprs_at_top(source: &Operator, at: usize) -> Option<Expr> {
    match source {
        Operator::Projection(projection) => projection.columns.get(at).map(|c| c.expr.clone()),
        Operator::Aggregator(aggregator) => aggregator.columns.get(at).map(|c| c.expr.clone()),
        other => other.inputs().first().and_then(|input| exprs_at_top(input, at)),
    }
}

/// The query becomes the table `dt` of a query that only passes its columns on.
pub fn wrap(planning: &mut Planning<'_>, route: &mut Route) -> Result<(), PlanError> {
    wrap_source(planning, &mut route.source)
}

fn wrap_source(planning: &mut Planning<'_>, source: &mut Operator) -> Result<(), PlanError> {
    let names = names_of(source).ok_or_else(expression::schema_tracking_required)?;
    let number = planning.semantics.tables.len() as u32;
    if number == TableSet::CAPACITY {
        return Err(PlanError::unsupported("so many tables in a statement"));
    }
    let inner: Vec<Ident> = (0..names.len()).map(|at| Ident::new(&format!("c{at}"))).collect();
    let columns = inner
        .iter()
        .enumerate()
        .map(|(at, name)| DerivedColumn::new(name.clone(), exprs_at(source, at)));
    let alias = Ident::new("dt");
    let derived =
        DerivedTable { columns: columns.collect(), authoritative: true, tables: source.tables() };
    planning.semantics.tables.push(TableInfo {
        name: alias.clone(),
        keyspace: None,
        written_keyspace: None,
        source: Source::Derived(derived),
    });
    let table = TableName { qualifier: None, name: alias.clone() };
    // Who has asked for a column of the first SELECT, or for its name, finds it here.
    let passed = inner.iter().zip(names).enumerate().map(|(at, (name, output))| {
        let column = ColumnName { table: Some(table.clone()), name: name.clone() };
        let column = Column::new(Expr::Bound(column, number), Some(output));
        let original = exprs_at(source, at).into_iter().next();
        Column { original: original.unwrap_or_else(|| column.expr.clone()), ..column }
    });
    let passed = passed.collect();
    let table = Operator::Horizon(Box::new(Horizon {
        source: source.take(),
        query: Query::Union(Box::new(expression::empty_union())),
        derived: Some(Derived { number, alias, columns: inner }),
    }));
    *source =
        Operator::Projection(Box::new(Projection { columns: passed, ..Projection::new(table) }));
    Ok(())
}

/// The name of an operator's column.
pub fn name_at(operator: &Operator, at: usize) -> Option<Ident> {
    match operator {
        Operator::Route(route) => names_of(&route.source)?.get(at).cloned(),
        Operator::ApplyJoin(join) => match join.output.get(at)? {
            Side::Left(at) => name_at(&join.left, *at),
            Side::Right(at) => name_at(&join.right, *at),
        },
        Operator::Projection(projection) => projection.columns.get(at).map(Column::name),
        _ => None,
    }
}

/// The names of a query's columns: those of its first SELECT.
fn names_of(source: &Operator) -> Option<Vec<Ident>> {
    match source {
        Operator::Projection(projection) => {
            let names = projection.columns.iter().map(Column::name);
            projection.star.is_none().then(|| names.collect())
        }
        Operator::Aggregator(aggregator) => {
            let columns = aggregator.columns.iter();
            Some(columns.map(|c| item_name(&c.expr, c.alias.as_ref())).collect())
        }
        Operator::Horizon(horizon) => {
            let select = super::semantics::check::first_select(&horizon.query)?;
            let name = |item: &SelectItem| match item {
                SelectItem::Expr { expr, alias } => Some(item_name(expr, alias.as_ref())),
                _ => None,
            };
            select.items.iter().map(name).collect()
        }
        other => names_of(other.inputs().first()?),
    }
}
