//! Primitives of operators above routes.

use super::PlanError;
use super::operator::Operator;
use super::planning::Planning;
use super::primitive::Primitive;

pub fn lower(_: &mut Planning<'_>, operator: Operator) -> Result<Primitive, PlanError> {
    Err(PlanError::unsupported(format!("{} over several routes", operator.name())))
}
