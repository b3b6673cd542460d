//! No more rows than so many.

use sim::sql::ast;

use super::Operator;

/// See `operators/limit.go`.
#[derive(Clone, Debug)]
pub struct Limit {
    pub source: Operator,
    pub limit: ast::Limit,
    /// The client's own: it stays on top and is only copied downwards.
    pub top: bool,
    /// Pushed down from a limit that stays above: nobody needs it for the right rows.
    pub is_copy: bool,
    pub pushed: bool,
}
