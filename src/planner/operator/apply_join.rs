//! A nested-loop join: for each row of the left, the right with values of that row.
//!
//! Inside of a route it is a join in the text of the query.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::sql::ast::Expr;

use super::Operator;
use super::aggregator::Grouped;
use super::join::Kind;

/// See `operators/apply_join.go`.
#[derive(Clone, Debug)]
pub struct ApplyJoin {
    pub left: Operator,
    pub right: Operator,
    pub kind: Kind,
    pub predicates: Vec<JoinPredicate>,
    /// What the right must be told for columns that it computes.
    pub extra: Vec<(Arc<str>, Expr)>,
    /// Columns of a derived table that the right computes with values of the left.
    pub mixed: Vec<Expr>,
    /// Output columns, once they are known.
    pub columns: Vec<JoinColumn>,
    /// Offset planning's result: the side and offset of each output column.
    pub output: Vec<Side>,
    /// Offset planning's result: the left offset of each argument of the right.
    pub vars: BTreeMap<Arc<str>, usize>,
}

/// A predicate over both sides.
#[derive(Clone, Debug)]
pub struct JoinPredicate {
    pub original: Expr,
    /// What the right must be told: names, and left expressions.
    pub left: Vec<(Arc<str>, Expr)>,
    /// The predicate with those names in place of the left's columns.
    pub right: Option<Expr>,
}

/// An output column, as it is asked for.
#[derive(Clone, Debug)]
pub struct JoinColumn {
    pub expr: Expr,
    pub origin: Origin,
    pub grouped: Grouped,
}

/// Who computes an output column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The side whose tables it names; the right if it names those of both.
    ByTables,
    /// `count(*)` names no table.
    Left,
    Right,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left(usize),
    Right(usize),
}

impl JoinColumn {
    pub fn new(expr: Expr) -> JoinColumn {
        JoinColumn { expr, origin: Origin::ByTables, grouped: Grouped::No }
    }
}

impl ApplyJoin {
    pub fn new(left: Operator, right: Operator, kind: Kind) -> ApplyJoin {
        ApplyJoin {
            left,
            right,
            kind,
            predicates: Vec::new(),
            extra: Vec::new(),
            mixed: Vec::new(),
            columns: Vec::new(),
            output: Vec::new(),
            vars: BTreeMap::new(),
        }
    }

    /// A join that one route carries: its predicates are text.
    pub fn in_route(left: Operator, right: Operator, kind: Kind, on: Vec<Expr>) -> ApplyJoin {
        let predicate = |original| JoinPredicate { original, left: Vec::new(), right: None };
        ApplyJoin {
            predicates: on.into_iter().map(predicate).collect(),
            ..ApplyJoin::new(left, right, kind)
        }
    }
}
