//! Rows that pass.

use sim::sql::ast::Expr;

use super::Operator;

/// See `operators/filter.go`.
#[derive(Clone, Debug)]
pub struct Filter {
    pub source: Operator,
    pub predicates: Vec<Expr>,
    /// Offset planning's result: the conjunction over offsets of the input.
    pub evaluated: Option<Expr>,
    pub result_columns: Option<usize>,
}

impl Filter {
    pub fn over(source: Operator, predicates: Vec<Expr>) -> Operator {
        Operator::Filter(Box::new(Filter {
            source,
            predicates,
            evaluated: None,
            result_columns: None,
        }))
    }
}
