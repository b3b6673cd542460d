//! Offsets of nested-loop joins.
//!
//! Output columns first, left to right, each asked of its side; then what the right must be told.
//! See `operators/apply_join.go`. It knows nothing of who asks.

use sim::sql::ast::Expr;

use super::build::predicate;
use super::offset::weight_string;
use super::offset_above::{column_of as column_of_input, weight_of as weight_of_input};
use super::operator::aggregator::Grouped;
use super::operator::apply_join::{JoinColumn, Origin, Side};
use super::operator::{ApplyJoin, Operator};
use super::planning::Planning;
use super::predicate::same;
use super::{PlanError, offset_union};

pub fn plan(planning: &mut Planning<'_>, join: &mut ApplyJoin) -> Result<(), PlanError> {
    plan_columns(planning, join)?;
    for at in 0..join.predicates.len() {
        for (name, expr) in join.predicates[at].left.clone() {
            let column = column_of_input(planning, &mut join.left, &expr, Grouped::No)?;
            join.vars.entry(name).or_insert(column);
        }
    }
    for (name, expr) in join.extra.clone() {
        let column = column_of_input(planning, &mut join.left, &expr, Grouped::No)?;
        join.vars.entry(name).or_insert(column);
    }
    Ok(())
}

/// Where a join gives an expression; it is added if it is not there.
pub fn column_of(
    planning: &mut Planning<'_>,
    join: &mut ApplyJoin,
    expr: &Expr,
    grouped: Grouped,
) -> Result<usize, PlanError> {
    match join.columns.iter().position(|column| same(&column.expr, expr)) {
        Some(at) => Ok(at),
        None => add(planning, join, JoinColumn { grouped, ..JoinColumn::new(expr.clone()) }),
    }
}

/// Whether a join's columns have the names that a client asks for; where it gave a column twice
/// under one name, they have not.
pub fn is_named_as(join: &ApplyJoin, wanted: &[(usize, std::sync::Arc<str>)]) -> bool {
    wanted.iter().all(|(at, name)| {
        let given = join.output.get(*at).and_then(|side| match side {
            Side::Left(at) => offset_union::name_at(&join.left, *at),
            Side::Right(at) => offset_union::name_at(&join.right, *at),
        });
        given.is_none_or(|given| given.is(name))
    })
}

/// Where a join gives the weight of one of its columns. All that the join needs for itself is asked
/// for before.
pub fn weight_of(
    planning: &mut Planning<'_>,
    join: &mut ApplyJoin,
    at: usize,
    expr: &Expr,
) -> Result<usize, PlanError> {
    plan(planning, join)?;
    let weight = weight_string(expr);
    if let Some(at) = join.columns.iter().position(|column| same(&column.expr, &weight)) {
        return Ok(at);
    }
    let side = join.output.get(at).copied();
    let side = weight_on_side(planning, side, [&mut join.left, &mut join.right], expr)?;
    join.columns.push(JoinColumn::new(weight));
    join.output.push(side);
    Ok(join.columns.len() - 1)
}

/// Where the side that gives a column gives its weight.
pub fn weight_on_side(
    planning: &mut Planning<'_>,
    side: Option<Side>,
    [left, right]: [&mut Operator; 2],
    expr: &Expr,
) -> Result<Side, PlanError> {
    Ok(match side.ok_or_else(|| PlanError::bug(expr))? {
        Side::Left(at) => Side::Left(weight_of_input(planning, left, at, expr)?),
        Side::Right(at) => Side::Right(weight_of_input(planning, right, at, expr)?),
    })
}

fn add(
    planning: &mut Planning<'_>,
    join: &mut ApplyJoin,
    column: JoinColumn,
) -> Result<usize, PlanError> {
    plan_columns(planning, join)?;
    join.columns.push(column);
    plan_columns(planning, join)?;
    Ok(join.columns.len() - 1)
}

/// Plans the columns that have not been.
fn plan_columns(planning: &mut Planning<'_>, join: &mut ApplyJoin) -> Result<(), PlanError> {
    while let Some(column) = join.columns.get(join.output.len()).cloned() {
        let tables = planning.semantics.tables_of(&column.expr);
        let left = join.left.tables();
        let is_left = match column.origin {
            Origin::Left => true,
            Origin::Right => false,
            Origin::ByTables => tables.is_within(left),
        };
        let side = if is_left {
            Side::Left(column_of_input(planning, &mut join.left, &column.expr, column.grouped)?)
        } else if column.origin == Origin::Right || !tables.overlaps(left) {
            Side::Right(column_of_input(planning, &mut join.right, &column.expr, column.grouped)?)
        } else {
            let (vars, right) = predicate::split(planning, &column.expr, left);
            for (name, expr) in vars {
                let at = column_of_input(planning, &mut join.left, &expr, column.grouped)?;
                join.vars.entry(name).or_insert(at);
            }
            Side::Right(column_of_input(planning, &mut join.right, &right, column.grouped)?)
        };
        join.output.push(side);
    }
    Ok(())
}
