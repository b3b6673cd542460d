//! A recursion: rows of a seed, and of a query that is asked again for each row that it gave.
//!
//! ```text
//!   RecurseCTE                  with recursive cte as (
//!     seed   select 1             select 1
//!     term   select :n + 1        union all select n + 1 from cte
//!                               )
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::sql::ast::{Expr, Ident, Query, TableExpr};

use super::super::planning::IterationPredicate;
use super::Operator;

/// See `operators/recurse_cte.go`.
#[derive(Clone, Debug)]
pub struct RecurseCte {
    pub seed: Operator,
    pub term: Operator,
    /// Of the table that it is.
    pub number: u32,
    /// As FROM has it.
    pub written: TableExpr,
    pub name: Ident,
    /// Names of its columns, where WITH gives them.
    pub columns: Vec<Ident>,
    pub distinct: bool,
    /// The table in the term that is the iteration before.
    pub iteration: u32,
    /// The term's select list, until it is known whether one route carries both.
    pub horizon: Option<Query>,
    pub predicates: Vec<IterationPredicate>,
    /// What the term's select list must be told of a row.
    pub projected: Vec<(Arc<str>, Expr)>,
    /// Offset planning's result: by argument of the term the column.
    pub vars: BTreeMap<Arc<str>, usize>,
    /// What the columns are called, where a projection said it.
    pub names: Vec<Arc<str>>,
}
