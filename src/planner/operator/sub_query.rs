//! A subquery beside the query that asks it.

use std::sync::Arc;

use sim::sql::ast::{Expr, Query};

use super::Operator;

/// A query with the subqueries of one of its clauses, before they are merged or pulled out. See
/// `operators/subquery_container.go`.
#[derive(Clone, Debug)]
pub struct SubQueryContainer {
    pub outer: Operator,
    pub subqueries: Vec<SubQuery>,
}

/// See `operators/subquery.go`.
#[derive(Clone, Debug)]
pub struct SubQuery {
    /// Taken while it stands in a container.
    pub outer: Operator,
    pub inner: Operator,
    pub kind: Kind,
    /// The whole conjunct, or the expression, that holds it.
    pub original: Expr,
    /// The subquery as it is written.
    pub query: Query,
    /// Conjuncts of the subquery's clauses that name tables of the outer query.
    pub correlation: Vec<Expr>,
    /// The outer expression that an IN or a comparison puts beside the inner column.
    pub outer_expr: Option<(Expr, Expr)>,
    /// Names of the result and of whether there is one.
    pub argument: Arc<str>,
    pub has_values: Option<Arc<str>>,
    /// Whether the subquery's conjunct is a predicate of its own; elsewhere it is a value.
    pub is_argument: bool,
    pub top_level: bool,
    /// For a semi join: by name the outer expression.
    pub outer_vars: Vec<(Arc<str>, Expr)>,
    /// By name the outer query's column, when offsets are planned.
    pub vars: Vec<(Arc<str>, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Value,
    In,
    NotIn,
    Exists,
    NotExists,
}
