//! The lock clause and the comments of a query, on their way to its routes.

use sim::sql::ast::{Comments, Lock};

use super::Operator;

/// See `operators/lock_and_comment.go`.
#[derive(Clone, Debug)]
pub struct LockAndComment {
    pub source: Operator,
    pub comments: Comments,
    pub lock: Lock,
}
