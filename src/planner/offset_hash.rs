//! Offsets of hash joins: what is compared comes first, then the output columns.
//!
//! See `operators/hash_join.go`. It knows nothing of who asks.

use sim::sql::ast::Expr;

use super::PlanError;
use super::offset::weight_string;
use super::offset_above::column_of as column_of_input;
use super::offset_join::weight_on_side;
use super::operator::HashJoin;
use super::operator::aggregator::Grouped;
use super::operator::apply_join::Side;
use super::planning::Planning;
use super::predicate::same;

pub fn plan(planning: &mut Planning<'_>, join: &mut HashJoin) -> Result<(), PlanError> {
    if join.keys.is_empty() {
        for comparison in join.comparisons.clone() {
            let left = column_of_input(planning, &mut join.left, &comparison.left, Grouped::No)?;
            let right = column_of_input(planning, &mut join.right, &comparison.right, Grouped::No)?;
            join.keys.push((left, right));
        }
    }
    while let Some(column) = join.columns.get(join.output.len()).cloned() {
        let tables = planning.semantics.tables_of(&column);
        let side = if tables.is_within(join.left.tables()) {
            Side::Left(column_of_input(planning, &mut join.left, &column, Grouped::No)?)
        } else if tables.is_within(join.right.tables()) {
            Side::Right(column_of_input(planning, &mut join.right, &column, Grouped::No)?)
        } else {
            return Err(PlanError::unsupported(format!("[{column}] of both sides of a hash join")));
        };
        join.output.push(side);
    }
    Ok(())
}

/// Where a join gives an expression; it is added if it is not there.
pub fn column_of(
    planning: &mut Planning<'_>,
    join: &mut HashJoin,
    expr: &Expr,
) -> Result<usize, PlanError> {
    if let Some(at) = join.columns.iter().position(|column| same(column, expr)) {
        return Ok(at);
    }
    join.columns.push(expr.clone());
    if !join.keys.is_empty() {
        plan(planning, join)?;
    }
    Ok(join.columns.len() - 1)
}

/// Where a join gives the weight of one of its columns. All that the join needs for itself is asked
/// for before.
pub fn weight_of(
    planning: &mut Planning<'_>,
    join: &mut HashJoin,
    at: usize,
    expr: &Expr,
) -> Result<usize, PlanError> {
    plan(planning, join)?;
    let weight = weight_string(expr);
    if let Some(at) = join.columns.iter().position(|column| same(column, &weight)) {
        return Ok(at);
    }
    let side = join.output.get(at).copied();
    let side = weight_on_side(planning, side, [&mut join.left, &mut join.right], expr)?;
    join.columns.push(weight);
    join.output.push(side);
    Ok(join.columns.len() - 1)
}
