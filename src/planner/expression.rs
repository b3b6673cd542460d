//! Small things about expressions: conjuncts, what is in them, plain selects.
//!
//! It knows nothing of what they are for.

use sim::sql::ast::{
    Aggregate, AggregateKind, Expr, Lock, Query, Select, Statement, TableExpr, Union,
};
use sim::sql::walk::{children, children_mut};

use super::PlanError;
use super::walk::{self, VisitMut};
use crate::key::Code;

/// Whether the test holds for the expression or anything in it; subqueries are not entered.
pub fn any(expr: &Expr, test: &mut dyn FnMut(&Expr) -> bool) -> bool {
    test(expr) || children(expr).into_iter().any(|child| any(child, test))
}

/// Applies a change to every expression in it, parents first; subqueries are not entered.
pub fn walk_mut(expr: &mut Expr, change: &mut dyn FnMut(&mut Expr)) {
    change(expr);
    children_mut(expr).into_iter().for_each(|child| walk_mut(child, change));
}

pub fn has_subquery(expr: &Expr) -> bool {
    any(expr, &mut |expr| walk::own_query(expr).is_some())
}

pub fn has_window(expr: &Expr) -> bool {
    any(expr, &mut |expr| walk::over(expr).is_some())
}

/// An aggregate of the query itself; with OVER it is a window function.
pub fn as_aggregate(expr: &Expr) -> Option<&Aggregate> {
    match expr {
        Expr::Aggregate(aggregate) if aggregate.over.is_none() => Some(aggregate),
        _ => None,
    }
}

pub fn count_star() -> Expr {
    Expr::Aggregate(Box::new(Aggregate {
        kind: AggregateKind::CountStar,
        distinct: false,
        args: Vec::new(),
        order_by: Vec::new(),
        separator: None,
        limit: None,
        over: None,
    }))
}

/// The conjuncts of a clause.
pub fn conjuncts(clause: Option<&Expr>) -> Vec<&Expr> {
    match clause {
        None => Vec::new(),
        Some(Expr::And(terms)) => terms.iter().flat_map(|term| conjuncts(Some(term))).collect(),
        Some(other) => vec![other],
    }
}

pub fn into_conjuncts(clause: Expr) -> Vec<Expr> {
    match clause {
        Expr::And(terms) => terms.into_iter().flat_map(into_conjuncts).collect(),
        other => vec![other],
    }
}

/// Conjuncts as a clause again.
pub fn conjunction(mut terms: Vec<Expr>) -> Option<Expr> {
    match terms.len() {
        0 | 1 => terms.pop(),
        _ => Some(Expr::And(terms)),
    }
}

/// A SELECT of nothing from nothing, to be filled.
pub fn empty_select() -> Select {
    Select::default()
}

/// A union without order or limit, whose sources stand elsewhere.
pub fn empty_union() -> Union {
    let empty = || Query::Select(Box::new(empty_select()));
    union_all(empty(), empty())
}

pub fn union_all(left: Query, right: Query) -> Union {
    Union {
        with: None,
        left,
        right,
        distinct: false,
        order_by: Vec::new(),
        limit: None,
        lock: Lock::None,
        into: None,
    }
}

pub fn schema_tracking_required() -> PlanError {
    PlanError::new(Code::FailedPrecondition, "VT09015: schema tracking required")
}

/// Takes the keyspace off every table and column of a statement: on a shard there is one database.
pub fn drop_keyspaces(statement: &mut Statement) {
    walk::statement_mut(statement, &mut DropKeyspaces);
    match statement {
        Statement::Insert(insert) => insert.table.qualifier = None,
        Statement::Update(update) => {
            for item in &mut update.set {
                if let Some(table) = &mut item.column.table {
                    table.qualifier = None;
                }
            }
        }
        Statement::Delete(delete) => {
            delete.targets.iter_mut().for_each(|target| target.qualifier = None);
        }
        Statement::CreateTable(create) => create.table.qualifier = None,
        Statement::AlterTable(alter) => alter.table.qualifier = None,
        Statement::TruncateTable(table) => table.qualifier = None,
        Statement::DropTable(drop) => drop.tables.iter_mut().for_each(|t| t.qualifier = None),
        Statement::CreateIndex(create) => create.table.qualifier = None,
        Statement::DropIndex { table, .. } | Statement::Describe { table, .. } => {
            table.qualifier = None;
        }
        _ => {}
    }
}

struct DropKeyspaces;

impl VisitMut for DropKeyspaces {
    fn expr(&mut self, expr: &mut Expr) -> bool {
        if let Expr::Column(column) | Expr::Bound(column, _) = expr
            && let Some(table) = &mut column.table
        {
            table.qualifier = None;
        }
        true
    }

    fn table(&mut self, table: &mut TableExpr) -> bool {
        if let TableExpr::Table(table) = table {
            table.name.qualifier = None;
        }
        true
    }

    fn query(&mut self, query: &mut sim::sql::ast::Query) -> bool {
        if let sim::sql::ast::Query::Select(select) = query {
            for item in &mut select.items {
                if let sim::sql::ast::SelectItem::Star(Some(table)) = item {
                    table.qualifier = None;
                }
            }
        }
        true
    }
}

/// Whether an expression is NULL where all its columns are.
pub fn is_null_of_nulls(expr: &Expr) -> bool {
    match expr {
        Expr::Bound(..) | Expr::Column(_) => true,
        Expr::Binary { left, right, .. } => is_null_of_nulls(left) || is_null_of_nulls(right),
        Expr::Unary { expr, .. } | Expr::Cast { expr, .. } => is_null_of_nulls(expr),
        _ => false,
    }
}
