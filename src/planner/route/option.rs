//! A way to route by a vindex: which values its columns have, and how good that is.
//!
//! It knows nothing of predicates that give no value.

use std::sync::Arc;

use sim::sql::ast::Expr;

use super::super::primitive::Opcode;
use crate::vindex::Vindex;
use crate::vschema::ColumnVindex;

/// The options that predicates have opened for one vindex of one table.
#[derive(Clone, Debug)]
pub struct VindexOptions {
    pub table: u32,
    pub vindex: Arc<ColumnVindex>,
    pub options: Vec<VindexOption>,
}

#[derive(Clone, Debug)]
pub struct VindexOption {
    pub table: u32,
    pub vindex: Arc<ColumnVindex>,
    /// The vindex that maps: the column's own, or its variant for prefixes.
    pub mapping: Arc<dyn Vindex>,
    pub opcode: Opcode,
    /// By column of the vindex; None while it has no value yet.
    pub values: Vec<Option<Expr>>,
    /// The predicates that gave them.
    pub predicates: Vec<Expr>,
}

impl VindexOption {
    pub fn is_ready(&self) -> bool {
        self.values.iter().all(Option::is_some)
    }

    /// Whether this one is as good as the other or better; of equals the later wins.
    pub fn is_no_worse(&self, other: &VindexOption) -> bool {
        if self.opcode != other.opcode {
            return self.opcode < other.opcode;
        }
        if self.vindex.unique != other.vindex.unique {
            return self.vindex.unique;
        }
        self.cost() <= other.cost()
    }

    fn cost(&self) -> i64 {
        self.mapping.properties().cost
    }

    /// Whether both route by the same vindex.
    pub fn same_vindex(&self, other: &VindexOption) -> bool {
        self.mapping.name() == other.mapping.name() && self.values.len() == other.values.len()
    }
}
