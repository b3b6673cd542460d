//! One table of a FROM, inside of a route.

use sim::sql::ast::{Expr, TableExpr};

/// See `operators/table.go`.
#[derive(Clone, Debug)]
pub struct Table {
    pub number: u32,
    /// As the shards' query has it: the real name, no keyspace, the old name as alias where it
    /// differs.
    pub written: TableExpr,
    /// The conjuncts about this table alone: its query's own, then what was added, the last first.
    pub predicates: Vec<Expr>,
    /// How many are its query's own.
    pub own: usize,
    /// `keyspace.table`; None for a system table.
    pub used: Option<String>,
}

impl Table {
    pub fn new(
        number: u32,
        written: TableExpr,
        predicates: Vec<Expr>,
        used: Option<String>,
    ) -> Table {
        let own = predicates.len();
        Table { number, written, predicates, own, used }
    }

    pub fn add(&mut self, predicate: Expr) {
        self.predicates.insert(self.own.min(self.predicates.len()), predicate);
    }
}
