//! Offsets of operators above routes.
//!
//! It knows nothing of text.

use super::PlanError;
use super::operator::Operator;
use super::planning::Planning;

pub fn plan(_: &mut Planning<'_>, operator: &mut Operator) -> Result<(), PlanError> {
    Err(PlanError::unsupported(format!("{} over several routes", operator.name())))
}
