//! A vindex that is read like a table: `select keyspace_id from hash where id = 1`.

use sim::sql::ast::Expr;

/// See `operators/vindex.go`.
#[derive(Clone, Debug)]
pub struct VindexTable {
    pub number: u32,
    pub keyspace: String,
    pub vindex: String,
    /// The value of `id`, once a predicate gave it.
    pub value: Option<Expr>,
    /// Output columns, by position among the vindex's.
    pub columns: Vec<usize>,
}
