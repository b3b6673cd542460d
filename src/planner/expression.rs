//! Walking and rewriting expressions.
//!
//! It knows nothing of what a rewrite is for.

use sim::sql::ast::{
    Aggregate, ColumnName, Expr, OrderBy, Query, Select, SelectItem, Statement, TableExpr,
};
use sim::sql::walk::{children, children_mut};

/// Whether the test holds for the expression or anything in it; subqueries are not entered.
pub fn any(expr: &Expr, test: &mut dyn FnMut(&Expr) -> bool) -> bool {
    test(expr) || children(expr).into_iter().any(|child| any(child, test))
}

/// Applies a change to every expression in it, parents first; subqueries are not entered.
pub fn walk_mut(expr: &mut Expr, change: &mut dyn FnMut(&mut Expr)) {
    change(expr);
    children_mut(expr).into_iter().for_each(|child| walk_mut(child, change));
}

pub fn has_aggregate(expr: &Expr) -> bool {
    any(expr, &mut |expr| matches!(expr, Expr::Aggregate(_)))
}

pub fn has_subquery(expr: &Expr) -> bool {
    any(expr, &mut |expr| matches!(expr, Expr::Subquery(_) | Expr::Exists(_)))
}

pub fn as_aggregate(expr: &Expr) -> Option<&Aggregate> {
    match expr {
        Expr::Aggregate(aggregate) => Some(aggregate),
        _ => None,
    }
}

/// The conjuncts of a filter.
pub fn conjuncts(filter: Option<&Expr>) -> Vec<&Expr> {
    match filter {
        None => Vec::new(),
        Some(Expr::And(terms)) => terms.iter().collect(),
        Some(other) => vec![other],
    }
}

/// Conjuncts as a filter again.
pub fn conjunction(mut terms: Vec<Expr>) -> Option<Expr> {
    match terms.len() {
        0 | 1 => terms.pop(),
        _ => Some(Expr::And(terms)),
    }
}

/// Every expression of a select, its own clauses only.
pub fn of_select_mut(select: &mut Select) -> Vec<&mut Expr> {
    let items = select.items.iter_mut().filter_map(|item| match item {
        SelectItem::Expr { expr, .. } => Some(expr),
        SelectItem::Star(_) | SelectItem::Next(_) => None,
    });
    let mut all: Vec<&mut Expr> = items.collect();
    all.extend(select.filter.as_mut());
    all.extend(select.group_by.iter_mut());
    all.extend(select.having.as_mut());
    all.extend(select.order_by.iter_mut().map(|OrderBy { expr, .. }| expr));
    all
}

/// The subqueries in a select's expressions.
pub fn subqueries_of_select<'a>(select: &'a Select, into: &mut Vec<&'a Query>) {
    for item in &select.items {
        if let SelectItem::Expr { expr, .. } = item {
            subqueries(expr, into);
        }
    }
    let orders = select.order_by.iter().map(|order| &order.expr);
    let clauses = select.filter.iter().chain(&select.group_by).chain(&select.having).chain(orders);
    clauses.for_each(|expr| subqueries(expr, into));
}

fn subqueries<'a>(expr: &'a Expr, into: &mut Vec<&'a Query>) {
    if let Expr::Subquery(query) | Expr::Exists(query) = expr {
        into.push(query);
    }
    children(expr).into_iter().for_each(|child| subqueries(child, into));
}

/// Takes the keyspace off every column.
pub fn drop_column_keyspaces(expr: &mut Expr) {
    walk_mut(expr, &mut |expr| {
        if let Expr::Column(ColumnName { table: Some(table), .. }) = expr {
            table.qualifier = None;
        }
    });
}

/// Takes the keyspace off every table and column of a statement: on a shard there is one database.
pub fn drop_keyspaces(statement: &mut Statement) {
    match statement {
        Statement::Query(query) => drop_in_query(query),
        Statement::Insert(insert) => {
            insert.table.qualifier = None;
            if let sim::sql::ast::InsertSource::Query(query) = &mut insert.source {
                drop_in_query(query);
            }
        }
        Statement::Update(update) => {
            drop_in_tables(&mut update.tables);
            update.filter.iter_mut().for_each(drop_in_expr);
            for item in &mut update.set {
                if let Some(table) = &mut item.column.table {
                    table.qualifier = None;
                }
                drop_in_expr(&mut item.value);
            }
            update.order_by.iter_mut().for_each(|order| drop_in_expr(&mut order.expr));
        }
        Statement::Delete(delete) => {
            delete.targets.iter_mut().for_each(|target| target.qualifier = None);
            drop_in_tables(&mut delete.tables);
            delete.filter.iter_mut().for_each(drop_in_expr);
            delete.order_by.iter_mut().for_each(|order| drop_in_expr(&mut order.expr));
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

fn drop_in_query(query: &mut Query) {
    match query {
        Query::Select(select) => {
            drop_in_tables(&mut select.from);
            for item in &mut select.items {
                if let SelectItem::Star(Some(table)) = item {
                    table.qualifier = None;
                }
            }
            of_select_mut(select).into_iter().for_each(drop_in_expr);
        }
        Query::Union(union) => {
            drop_in_query(&mut union.left);
            drop_in_query(&mut union.right);
        }
        Query::Values(_) => {}
    }
}

fn drop_in_tables(tables: &mut [TableExpr]) {
    for table in tables {
        match table {
            TableExpr::Table(table) => table.name.qualifier = None,
            TableExpr::Join(join) => {
                drop_in_tables(std::slice::from_mut(&mut join.left));
                drop_in_tables(std::slice::from_mut(&mut join.right));
                join.on.iter_mut().for_each(drop_in_expr);
            }
            TableExpr::Parens(list) => drop_in_tables(list),
            TableExpr::Bound(table, _) => drop_in_tables(std::slice::from_mut(table)),
            TableExpr::Derived { query, .. } => drop_in_query(query),
            TableExpr::JsonTable { .. } => {}
        }
    }
}

fn drop_in_expr(expr: &mut Expr) {
    drop_column_keyspaces(expr);
    walk_mut(expr, &mut |expr| {
        if let Expr::Subquery(query) | Expr::Exists(query) = expr {
            drop_in_query(query);
        }
    });
}
