//! DELETE.

use sim::sql::ast;

use super::Operator;
use super::update::Target;

/// See `operators/delete.go`.
#[derive(Clone, Debug)]
pub struct Delete {
    pub source: Operator,
    pub statement: ast::Delete,
    pub target: Target,
}
