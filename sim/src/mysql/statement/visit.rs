//! The parts of an expression, for who looks for something in all of it.
//!
//! Subqueries are opaque: their expressions are their own.

use crate::sql::ast::{Expr, Query, TableExpr};

/// The expressions that an expression is made of, from left to right.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::And(terms) | Expr::Or(terms) | Expr::Tuple(terms) => terms.iter().collect(),
        Expr::Xor(left, right) => vec![left, right],
        Expr::Not(inner)
        | Expr::Is { expr: inner, .. }
        | Expr::Unary { expr: inner, .. }
        | Expr::Cast { expr: inner, .. }
        | Expr::ConvertUsing { expr: inner, .. }
        | Expr::Collate { expr: inner, .. }
        | Expr::Interval { value: inner, .. }
        | Expr::Extract { expr: inner, .. }
        | Expr::Assign { value: inner, .. }
        | Expr::Quantified { left: inner, .. }
        | Expr::Match { against: inner, .. } => vec![inner],
        Expr::Compare { left, right, escape, .. } => {
            [&**left, &**right].into_iter().chain(escape.as_deref()).collect()
        }
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::Binary { left, right, .. } => vec![left, right],
        Expr::Case { operand, whens, otherwise } => {
            let whens = whens.iter().flat_map(|(when, then)| [when, then]);
            operand.as_deref().into_iter().chain(whens).chain(otherwise.as_deref()).collect()
        }
        Expr::Function(function) => function.args.iter().collect(),
        Expr::Aggregate(aggregate) => {
            let order = aggregate.order_by.iter().map(|order| &order.expr);
            aggregate.args.iter().chain(order).collect()
        }
        Expr::Trim { what, expr, .. } => what.as_deref().into_iter().chain([&**expr]).collect(),
        Expr::MemberOf { value, array } => vec![value, array],
        Expr::Literal(_)
        | Expr::Argument { .. }
        | Expr::ListArgument(_)
        | Expr::Column(_)
        | Expr::Subquery(_)
        | Expr::Exists(_)
        | Expr::Variable(_)
        | Expr::Default(_)
        | Expr::Values(_) => Vec::new(),
    }
}

/// The same, to be changed.
pub fn children_mut(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::And(terms) | Expr::Or(terms) | Expr::Tuple(terms) => terms.iter_mut().collect(),
        Expr::Xor(left, right) => vec![left, right],
        Expr::Not(inner)
        | Expr::Is { expr: inner, .. }
        | Expr::Unary { expr: inner, .. }
        | Expr::Cast { expr: inner, .. }
        | Expr::ConvertUsing { expr: inner, .. }
        | Expr::Collate { expr: inner, .. }
        | Expr::Interval { value: inner, .. }
        | Expr::Extract { expr: inner, .. }
        | Expr::Assign { value: inner, .. }
        | Expr::Quantified { left: inner, .. }
        | Expr::Match { against: inner, .. } => vec![inner],
        Expr::Compare { left, right, escape, .. } => {
            [&mut **left, &mut **right].into_iter().chain(escape.as_deref_mut()).collect()
        }
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::Binary { left, right, .. } => vec![left, right],
        Expr::Case { operand, whens, otherwise } => {
            let whens = whens.iter_mut().flat_map(|(when, then)| [when, then]);
            let operand = operand.as_deref_mut().into_iter();
            operand.chain(whens).chain(otherwise.as_deref_mut()).collect()
        }
        Expr::Function(function) => function.args.iter_mut().collect(),
        Expr::Aggregate(aggregate) => {
            let order = aggregate.order_by.iter_mut().map(|order| &mut order.expr);
            aggregate.args.iter_mut().chain(order).collect()
        }
        Expr::Trim { what, expr, .. } => {
            what.as_deref_mut().into_iter().chain([&mut **expr]).collect()
        }
        Expr::MemberOf { value, array } => vec![value, array],
        Expr::Literal(_)
        | Expr::Argument { .. }
        | Expr::ListArgument(_)
        | Expr::Column(_)
        | Expr::Subquery(_)
        | Expr::Exists(_)
        | Expr::Variable(_)
        | Expr::Default(_)
        | Expr::Values(_) => Vec::new(),
    }
}

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
            TableExpr::Table(_) | TableExpr::Derived { .. } | TableExpr::JsonTable { .. } => {}
        }
    }
}
