//! The subqueries and tables in an expression, for who looks for something in all of it.
//!
//! Subqueries are opaque: their expressions are their own.

use crate::sql::ast::{Expr, Query, TableExpr};
use crate::sql::walk::children;

/// A subquery of an expression, and whether only its being empty is asked for.
pub type Nested<'a> = (&'a Query, bool);

/// Adds the subqueries of an expression, in the order in which they are written.
pub fn subqueries_of<'a>(expr: &'a Expr, found: &mut Vec<Nested<'a>>) {
    for child in children(expr) {
        subqueries_of(child, found);
    }
    match expr {
        Expr::Subquery(query) | Expr::Quantified { query, .. } => found.push((query, false)),
        Expr::Exists(query) => found.push((query, true)),
        _ => {}
    }
}

/// Does the expression hold an aggregate of its own query?
pub fn has_aggregate(expr: &Expr) -> bool {
    matches!(expr, Expr::Aggregate(aggregate) if aggregate.over.is_none())
        || children(expr).into_iter().any(has_aggregate)
}

/// The ON conditions of a list of tables.
pub fn on_conditions<'a>(tables: &'a [TableExpr], found: &mut Vec<&'a Expr>) {
    for table in tables {
        match table {
            TableExpr::Join(join) => {
                on_conditions(std::slice::from_ref(&join.left), found);
                on_conditions(std::slice::from_ref(&join.right), found);
                found.extend(&join.on);
            }
            TableExpr::Parens(inner) => on_conditions(inner, found),
            TableExpr::Bound(table, _) => on_conditions(std::slice::from_ref(table), found),
            TableExpr::Table(_) | TableExpr::Derived { .. } | TableExpr::JsonTable { .. } => {}
        }
    }
}
