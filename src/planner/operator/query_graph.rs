//! Inner-joined tables with their predicates, in no order yet.
//!
//! ```text
//!   select 1 from a join b on a.x = b.y, c where a.z = 1 and b.w = c.v
//!   tables  a {a.z = 1}   b {}   c {}
//!   joins   {a, b}: a.x = b.y    {b, c}: b.w = c.v
//! ```

use sim::sql::ast::{Expr, TableExpr};

use super::super::semantics::table_set::TableSet;

/// See `operators/querygraph.go`.
#[derive(Clone, Debug, Default)]
pub struct QueryGraph {
    pub tables: Vec<QueryTable>,
    /// Predicates by the exact set of tables that they need, in order of first appearance.
    pub joins: Vec<(TableSet, Vec<Expr>)>,
    /// Predicates without a column.
    pub without_tables: Vec<Expr>,
}

#[derive(Clone, Debug)]
pub struct QueryTable {
    pub number: u32,
    /// As the statement has it.
    pub written: TableExpr,
    pub predicates: Vec<Expr>,
}

impl QueryGraph {
    /// The predicates that join two sets of tables.
    pub fn between(&self, left: TableSet, right: TableSet) -> Vec<Expr> {
        let joins = |tables: TableSet| {
            tables.is_within(left | right) && tables.overlaps(left) && tables.overlaps(right)
        };
        let found = self.joins.iter().filter(|(tables, _)| joins(*tables));
        found.flat_map(|(_, exprs)| exprs.iter().cloned()).collect()
    }

    pub fn add(&mut self, tables: TableSet, predicate: Expr) {
        if tables.is_empty() {
            self.without_tables.push(predicate);
            return;
        }
        if let (1, Some(only)) = (tables.len(), tables.first())
            && let Some(table) = self.tables.iter_mut().find(|table| table.number == only)
        {
            table.predicates.push(predicate);
            return;
        }
        match self.joins.iter_mut().find(|(known, _)| *known == tables) {
            Some((_, exprs)) => exprs.push(predicate),
            None => self.joins.push((tables, vec![predicate])),
        }
    }
}
