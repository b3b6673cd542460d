//! A join as the statement has it, before anybody decides how it runs.

use sim::sql::ast::Expr;

use super::Operator;

/// See `operators/join.go`.
#[derive(Clone, Debug)]
pub struct Join {
    pub left: Operator,
    pub right: Operator,
    pub kind: Kind,
    /// The conjuncts of ON, and of WHERE where the join is inner.
    pub predicates: Vec<Expr>,
}

/// Right joins are turned round when they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Inner,
    Straight,
    Left,
}

impl Kind {
    pub fn is_inner(self) -> bool {
        self != Kind::Left
    }
}
