//! Groups of rows, and what is computed of each.

use std::sync::Arc;

use sim::sql::ast::{Expr, Ident};

use super::super::primitive::AggregateOp;
use super::Operator;
use super::horizon::Derived;

/// See `operators/aggregator.go`.
#[derive(Clone, Debug)]
pub struct Aggregator {
    pub source: Operator,
    /// Output columns: groups and aggregates in the order of the select list.
    pub columns: Vec<Column>,
    pub groups: Vec<Group>,
    pub aggregates: Vec<Aggr>,
    pub rollup: bool,
    pub derived: Option<Derived>,
    /// The query's own, not one made by splitting.
    pub original: bool,
    /// A copy has gone below.
    pub pushed: bool,
    pub result_columns: Option<usize>,
    /// The distinct argument that the input must be ordered by.
    pub distinct_expr: Option<Expr>,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub expr: Expr,
    pub alias: Option<Ident>,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub expr: Expr,
    /// Output column.
    pub column: Option<usize>,
    pub weight_column: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Aggr {
    /// The call as it is written, or the expression of an any_value.
    pub original: Expr,
    pub op: AggregateOp,
    /// What the query asked for, where vtgate does something else.
    pub original_op: Option<AggregateOp>,
    pub distinct: bool,
    /// The argument; None for `count(*)`.
    pub argument: Option<Expr>,
    pub alias: Ident,
    pub column: usize,
    pub weight_column: Option<usize>,
    pub collation: Option<Arc<str>>,
}

impl Group {
    pub fn new(expr: Expr) -> Group {
        Group { expr, column: None, weight_column: None }
    }
}
