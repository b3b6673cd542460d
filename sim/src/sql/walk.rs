//! The direct parts of an expression, for who looks for something in all of it or changes it.
//!
//! Subqueries are opaque: their expressions are their own. It knows nothing of what is looked for.

use smallvec::{SmallVec, smallvec};

use crate::sql::ast::{Expr, Over};

/// Few expressions have more parts.
const FEW: usize = 4;

/// The expressions that an expression is made of, from left to right.
pub fn children(expr: &Expr) -> SmallVec<[&Expr; FEW]> {
    match expr {
        Expr::And(terms) | Expr::Or(terms) | Expr::Tuple(terms) => terms.iter().collect(),
        Expr::Xor(left, right) => smallvec![&**left, &**right],
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
        | Expr::Match { against: inner, .. } => smallvec![&**inner],
        Expr::Compare { left, right, escape, .. } => {
            [&**left, &**right].into_iter().chain(escape.as_deref()).collect()
        }
        Expr::Between { expr, low, high, .. } => smallvec![&**expr, &**low, &**high],
        Expr::Binary { left, right, .. } => smallvec![&**left, &**right],
        Expr::Case { operand, whens, otherwise } => {
            let whens = whens.iter().flat_map(|(when, then)| [when, then]);
            operand.as_deref().into_iter().chain(whens).chain(otherwise.as_deref()).collect()
        }
        Expr::Function(function) => {
            function.args.iter().chain(of_window(function.over.as_ref())).collect()
        }
        Expr::Aggregate(aggregate) => {
            let order = aggregate.order_by.iter().map(|order| &order.expr);
            let window = of_window(aggregate.over.as_ref());
            aggregate.args.iter().chain(order).chain(window).collect()
        }
        Expr::Trim { what, expr, .. } => what.as_deref().into_iter().chain([&**expr]).collect(),
        Expr::MemberOf { value, array } => smallvec![&**value, &**array],
        Expr::Literal(_)
        | Expr::Argument { .. }
        | Expr::ListArgument(_)
        | Expr::Column(_)
        | Expr::Bound(..)
        | Expr::Subquery(_)
        | Expr::Exists(_)
        | Expr::Variable(_)
        | Expr::Default(_)
        | Expr::Values(_) => SmallVec::new(),
    }
}

/// The same, to be changed.
pub fn children_mut(expr: &mut Expr) -> SmallVec<[&mut Expr; FEW]> {
    match expr {
        Expr::And(terms) | Expr::Or(terms) | Expr::Tuple(terms) => terms.iter_mut().collect(),
        Expr::Xor(left, right) => smallvec![&mut **left, &mut **right],
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
        | Expr::Match { against: inner, .. } => smallvec![&mut **inner],
        Expr::Compare { left, right, escape, .. } => {
            [&mut **left, &mut **right].into_iter().chain(escape.as_deref_mut()).collect()
        }
        Expr::Between { expr, low, high, .. } => smallvec![&mut **expr, &mut **low, &mut **high],
        Expr::Binary { left, right, .. } => smallvec![&mut **left, &mut **right],
        Expr::Case { operand, whens, otherwise } => {
            let whens = whens.iter_mut().flat_map(|(when, then)| [when, then]);
            let operand = operand.as_deref_mut().into_iter();
            operand.chain(whens).chain(otherwise.as_deref_mut()).collect()
        }
        Expr::Function(function) => {
            let window = of_window_mut(function.over.as_mut());
            function.args.iter_mut().chain(window).collect()
        }
        Expr::Aggregate(aggregate) => {
            let order = aggregate.order_by.iter_mut().map(|order| &mut order.expr);
            let window = of_window_mut(aggregate.over.as_mut());
            aggregate.args.iter_mut().chain(order).chain(window).collect()
        }
        Expr::Trim { what, expr, .. } => {
            what.as_deref_mut().into_iter().chain([&mut **expr]).collect()
        }
        Expr::MemberOf { value, array } => smallvec![&mut **value, &mut **array],
        Expr::Literal(_)
        | Expr::Argument { .. }
        | Expr::ListArgument(_)
        | Expr::Column(_)
        | Expr::Bound(..)
        | Expr::Subquery(_)
        | Expr::Exists(_)
        | Expr::Variable(_)
        | Expr::Default(_)
        | Expr::Values(_) => SmallVec::new(),
    }
}

fn of_window(over: Option<&Over>) -> Vec<&Expr> {
    match over {
        Some(Over::Spec(spec)) => {
            let order = spec.order_by.iter().map(|order| &order.expr);
            spec.partition_by.iter().chain(order).collect()
        }
        Some(Over::Name(_)) | None => Vec::new(),
    }
}

fn of_window_mut(over: Option<&mut Over>) -> Vec<&mut Expr> {
    match over {
        Some(Over::Spec(spec)) => {
            let order = spec.order_by.iter_mut().map(|order| &mut order.expr);
            spec.partition_by.iter_mut().chain(order).collect()
        }
        Some(Over::Name(_)) | None => Vec::new(),
    }
}
