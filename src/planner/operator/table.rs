//! One table of a FROM, inside of a route.

use sim::sql::ast::{Expr, TableExpr};

/// See `operators/table.go`.
#[derive(Clone, Debug)]
pub struct Table {
    pub number: u32,
    /// As the shards' query has it: the real name, no keyspace, the old name as alias where it
    /// differs.
    pub written: TableExpr,
    /// The conjuncts about this table alone.
    pub predicates: Vec<Expr>,
    /// `keyspace.table`; None for a system table.
    pub used: Option<String>,
}
