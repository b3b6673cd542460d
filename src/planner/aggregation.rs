//! Grouping: when a query needs it, and the operators that it becomes.
//!
//! See `operators/aggregation_pushing.go` and `queryprojection.go`.

use sim::sql::ast::Select;

use super::PlanError;
use super::operator::Operator;
use super::operator::horizon::Derived;
use super::operator::ordering::Order;
use super::planning::Planning;

/// Whether a query groups rows: by GROUP BY, by aggregates, or since its DISTINCT is ordered.
pub fn is_needed(planning: &Planning<'_>, select: &Select, order: &[Order]) -> bool {
    use sim::sql::ast::SelectItem;
    let aggregates = select.items.iter().any(|item| {
        matches!(item, SelectItem::Expr { expr, .. } if planning.semantics.has_aggregate(expr))
    });
    let in_order = order.iter().any(|order| planning.semantics.has_aggregate(&order.expr));
    !select.group_by.is_empty() || aggregates || in_order || select.having.is_some()
}

pub fn makes_distinct(_: &Planning<'_>, _: &Select, _: &[Order]) -> bool {
    false
}

pub fn expand(
    _: &mut Planning<'_>,
    _: Operator,
    _: &Select,
    _: &[Order],
    _: Option<Derived>,
) -> Result<Operator, PlanError> {
    Err(PlanError::unsupported("grouping over several shards"))
}

/// An operator as a table of the query above it.
pub fn named(_: &mut Planning<'_>, _: Operator, _: Derived) -> Result<Operator, PlanError> {
    Err(PlanError::unsupported("a union of several routes as a derived table"))
}
