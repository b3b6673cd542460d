//! What goes to shards as one query.

use std::collections::BTreeSet;
use std::sync::Arc;

use sim::sql::ast::{Comments, Expr, Lock};

use super::super::route::Routing;
use super::Operator;

/// See `operators/route.go`.
#[derive(Clone, Debug)]
pub struct Route {
    pub source: Operator,
    pub routing: Routing,
    /// Order in which the shards' sorted answers are merged.
    pub ordering: Vec<RouteOrder>,
    pub comments: Comments,
    pub lock: Lock,
    /// A part of it gives its rows on every shard that it goes to, as `dual` does: it must not go
    /// to several where duplicates count.
    pub runs_once: bool,
    /// Tables of the subqueries that became text. Where a join or a union merges routes, those of
    /// the first are forgotten, as in Vitess.
    pub merged_tables: BTreeSet<String>,
    /// Columns that are for the client; None is all.
    pub result_columns: Option<usize>,
}

/// A column of the merge order, by offset.
#[derive(Clone, Debug)]
pub struct RouteOrder {
    pub expr: Expr,
    pub descending: bool,
    pub column: usize,
    pub weight_column: Option<usize>,
    pub collation: Option<Arc<str>>,
}

impl Route {
    pub fn new(source: Operator, routing: Routing) -> Route {
        Route {
            source,
            routing,
            ordering: Vec::new(),
            comments: Comments::default(),
            lock: Lock::None,
            runs_once: false,
            merged_tables: BTreeSet::new(),
            result_columns: None,
        }
    }
}
