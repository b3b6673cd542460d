//! INSERT and REPLACE.

use super::super::primitive;
use super::Operator;

/// The plan is made when the operator is: nothing rewrites it, but for the query that it may read.
/// See `operators/insert.go`.
#[derive(Clone, Debug)]
pub struct Insert {
    pub plan: primitive::Insert,
    pub source: Option<Operator>,
    /// `keyspace.table`.
    pub used: String,
}
