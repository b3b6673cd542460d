//! `select get_lock('x', 10)`: functions of locks that belong to a connection.
//!
//! All locks are on the first shard of the first keyspace by name, whatever keyspace the session is
//! in. See `planbuilder/select.go`, `buildLockingPrimitive`. It knows nothing of locks.

use std::sync::Arc;

use sim::sql::ast::{CompareOp, Expr, Function, Literal, Query, Select, SelectItem, Statement};
use sim::sql::walk::children;

use super::resolve::{self, used};
use super::{Planned, Utility};
use crate::key::Code;
use crate::planner::primitive::Primitive;
use crate::planner::{Context, PlanError};

const FUNCTIONS: [&str; 5] =
    ["get_lock", "is_free_lock", "is_used_lock", "release_all_locks", "release_lock"];

/// Plans a SELECT of lock functions; none if it is no such.
pub fn plan(select: &Select, context: &Context<'_>) -> Result<Option<Planned>, PlanError> {
    let exprs: Vec<&Expr> = select
        .items
        .iter()
        .filter_map(|item| match item {
            SelectItem::Expr { expr, .. } => Some(expr),
            SelectItem::Star(_) | SelectItem::Next(_) => None,
        })
        .collect();
    let Some(first) = exprs.iter().find_map(|expr| within(expr)) else { return Ok(None) };
    let is_whole = |expr: &&Expr| matches!(expr, Expr::Function(function) if is_lock(function));
    if !is_of_dual(select) || !exprs.iter().any(is_whole) {
        let text = format!("{} allowed only with dual", Expr::Function(first.clone()));
        return Err(PlanError::new(Code::Unimplemented, text));
    }
    let mut functions = Vec::new();
    for expr in exprs {
        match expr {
            Expr::Function(function) if is_lock(function) => functions.push(expr.clone()),
            other => {
                let text =
                    format!("LOCK function and other expression: [{other}] in same select query");
                return Err(PlanError::unsupported(text));
            }
        }
    }
    let keyspace = resolve::first_keyspace(context)?;
    let used = vec![used(&keyspace, "dual")];
    let mut field_query = select.clone();
    field_query.filter = Some(never());
    let field_query = Statement::Query(Query::Select(Box::new(field_query)));
    let utility = Utility::Lock { keyspace, field_query: Arc::new(field_query), functions };
    Ok(Some((Some(Primitive::Utility(utility)), used)))
}

/// Whether nothing but dual is read, and all of it.
fn is_of_dual(select: &Select) -> bool {
    let more = select.filter.is_some()
        || !select.group_by.is_empty()
        || select.having.is_some()
        || !select.order_by.is_empty();
    match &select.from[..] {
        _ if more => false,
        [] => true,
        [sim::sql::ast::TableExpr::Table(table)] => {
            table.name.qualifier.is_none() && table.name.name.is("dual")
        }
        _ => false,
    }
}

/// The first lock function in an expression.
fn within(expr: &Expr) -> Option<&Function> {
    match expr {
        Expr::Function(function) if is_lock(function) => Some(function),
        other => children(other).into_iter().find_map(within),
    }
}

fn is_lock(function: &Function) -> bool {
    FUNCTIONS.iter().any(|name| function.name.is(name))
}

/// `1 != 1`.
fn never() -> Expr {
    let one = || Box::new(Expr::Literal(Literal::Integer("1".into())));
    Expr::Compare { op: CompareOp::NotEqual, left: one(), right: one(), escape: None }
}
