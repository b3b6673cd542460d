//! Window functions over the rows of several shards, each partition on one of them.
//!
//! What is asked of the windows' rows stays above it: their order, their limit. Once that is known
//! it has done its work and goes.

use super::Operator;

/// See `operators/window.go`.
#[derive(Clone, Debug)]
pub struct Window {
    pub source: Operator,
}

/// The operators without it.
pub fn strip(operator: Operator) -> Operator {
    let mut operator = operator;
    while let Operator::Window(window) = operator {
        operator = window.source;
    }
    if !matches!(operator, Operator::Route(_)) {
        for input in operator.inputs_mut() {
            *input = strip(input.take());
        }
    }
    operator
}
