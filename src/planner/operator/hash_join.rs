//! A join of two inputs that are read once each: what of the right meets what of the left is known
//! by a hash of the values that are compared.

use sim::sql::ast::{CompareOp, Expr};

use super::Operator;
use super::apply_join::Side;

/// See `operators/hash_join.go`.
#[derive(Clone, Debug)]
pub struct HashJoin {
    pub left: Operator,
    pub right: Operator,
    /// A left row without a match is there with NULLs.
    pub outer: bool,
    pub comparisons: Vec<Comparison>,
    /// Output columns, once they are known: each is of one side.
    pub columns: Vec<Expr>,
    /// Offset planning's result: the side and offset of each output column.
    pub output: Vec<Side>,
    /// Offset planning's result: of each comparison the left's column and the right's.
    pub keys: Vec<(usize, usize)>,
}

/// What is compared, each from its side.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// `=`, or `<=>` for which two NULLs are equal.
    pub op: CompareOp,
    pub left: Expr,
    pub right: Expr,
}
