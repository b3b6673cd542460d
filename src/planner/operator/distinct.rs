//! No row twice.

use std::sync::Arc;

use super::Operator;

/// See `operators/distinct.go`.
#[derive(Clone, Debug)]
pub struct Distinct {
    pub source: Operator,
    /// Whether the result needs it; otherwise it only saves work below.
    pub required: bool,
    pub pushed: bool,
    /// Offset planning's result: `(column, weight column, collation)`.
    pub columns: Vec<(usize, Option<usize>, Option<Arc<str>>)>,
    pub result_columns: Option<usize>,
}
