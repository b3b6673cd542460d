//! Rows in order.

use std::sync::Arc;

use sim::sql::ast::Expr;

use super::Operator;

/// See `operators/ordering.go`.
#[derive(Clone, Debug)]
pub struct Ordering {
    pub source: Operator,
    pub order: Vec<Order>,
    pub result_columns: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Order {
    /// As the shards' text has it.
    pub expr: Expr,
    /// With the select list's expressions in place of names: what is compared with columns.
    pub simplified: Expr,
    pub descending: bool,
    /// Offset planning's result.
    pub column: usize,
    pub weight_column: Option<usize>,
    pub collation: Option<Arc<str>>,
}

impl Order {
    pub fn new(expr: Expr, descending: bool) -> Order {
        Order {
            simplified: expr.clone(),
            expr,
            descending,
            column: 0,
            weight_column: None,
            collation: None,
        }
    }
}
