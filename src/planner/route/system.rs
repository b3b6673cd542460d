//! Routing of what every server has: information_schema and the like.
//!
//! Which keyspace is meant is known when the values are: predicates on schema and table names are
//! kept beside the query. See `operators/info_schema_routing.go`.

use std::collections::BTreeMap;

use sim::sql::ast::Expr;

use super::super::planning::Planning;
use super::Routing;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct System {
    pub schemas: Vec<Expr>,
    /// By argument.
    pub tables: BTreeMap<String, Expr>,
}

impl System {
    pub fn narrowed(self, _: &Planning<'_>, _: &Expr) -> Routing {
        Routing::System(self)
    }
}

/// Takes what a predicate says of schema and table; gives it back as the query has it.
pub fn take(planning: &Planning<'_>, routing: Routing, predicate: Expr) -> (Routing, Expr) {
    (routing.narrowed(planning, &predicate), predicate)
}
