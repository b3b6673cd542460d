//! Rows of several queries.

use sim::sql::ast::SelectItem;

use super::Operator;

/// See `operators/union.go`.
#[derive(Clone, Debug)]
pub struct Union {
    pub sources: Vec<Operator>,
    /// The select list of each source.
    pub items: Vec<Vec<SelectItem>>,
    pub distinct: bool,
}
