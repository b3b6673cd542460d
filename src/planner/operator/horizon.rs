//! Everything of a SELECT that is not FROM and WHERE, in one piece.
//!
//! It goes below a route whole, or is taken apart into projections, aggregations and orderings.

use sim::sql::ast::{Ident, Query};

use super::Operator;

/// See `operators/horizon.go`.
#[derive(Clone, Debug)]
pub struct Horizon {
    pub source: Operator,
    pub query: Query,
    /// Where it is a table of an outer query.
    pub derived: Option<Derived>,
}

/// The name of a derived table.
#[derive(Clone, Debug)]
pub struct Derived {
    pub number: u32,
    pub alias: Ident,
    /// Names of its columns, where the statement gives them.
    pub columns: Vec<Ident>,
}
