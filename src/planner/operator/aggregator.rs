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
    /// How many of the last columns nobody but HAVING reads.
    pub filtered_by: usize,
    /// Its columns have their offsets.
    pub planned: bool,
    pub result_columns: Option<usize>,
    /// How many columns the query shows; the others are for its ORDER BY.
    pub visible: Option<usize>,
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
    /// The shards compute it, and what comes from them is aggregated again.
    pub pushed_down: bool,
}

/// Whether a column that is asked of an operator is one by which rows are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouped {
    No,
    Yes,
}

impl Aggregator {
    /// No columns and no groups yet; a part of another aggregator.
    pub fn part(source: Operator) -> Aggregator {
        Aggregator {
            source,
            columns: Vec::new(),
            groups: Vec::new(),
            aggregates: Vec::new(),
            rollup: false,
            derived: None,
            original: false,
            pushed: false,
            planned: false,
            filtered_by: 0,
            result_columns: None,
            visible: None,
            distinct_expr: None,
        }
    }
}

impl Column {
    pub fn new(expr: Expr) -> Column {
        Column { expr, alias: None }
    }
}

impl Group {
    pub fn new(expr: Expr) -> Group {
        Group { expr, column: None, weight_column: None }
    }
}
