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

impl Distinct {
    /// One that only saves work below.
    pub fn new(source: Operator) -> Distinct {
        Distinct {
            source,
            required: false,
            pushed: false,
            columns: Vec::new(),
            result_columns: None,
        }
    }

    /// One that the result needs.
    pub fn required(source: Operator) -> Distinct {
        Distinct { required: true, ..Distinct::new(source) }
    }
}
