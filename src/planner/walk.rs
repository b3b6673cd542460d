//! Walking whole statements: every expression and every table, in subqueries too.
//!
//! A parent comes before its parts, and clauses in the order in which a SELECT is read: FROM with
//! its conditions, select list, WHERE, GROUP BY, HAVING, windows, ORDER BY, LIMIT. It knows nothing
//! of what is looked for.

use sim::sql::ast::{
    Delete, Expr, Insert, InsertSource, Over, Query, Select, SelectItem, Statement, TableExpr,
    Update, With,
};
use sim::sql::walk::{children, children_mut};

/// What is called for each part. A method that answers false keeps the walk out of the part.
pub trait Visit {
    fn expr(&mut self, _: &Expr) -> bool {
        true
    }

    fn table(&mut self, _: &TableExpr) -> bool {
        true
    }

    fn query(&mut self, _: &Query) -> bool {
        true
    }
}

/// Like [`Visit`]; parts may be replaced, and the replacement is what is walked.
pub trait VisitMut {
    fn expr(&mut self, _: &mut Expr) -> bool {
        true
    }

    fn table(&mut self, _: &mut TableExpr) -> bool {
        true
    }

    fn query(&mut self, _: &mut Query) -> bool {
        true
    }
}

/// Calls a function for every expression, parents first, subqueries included.
pub struct EachExpr<F>(pub F);

impl<F: FnMut(&Expr)> Visit for EachExpr<F> {
    fn expr(&mut self, expr: &Expr) -> bool {
        (self.0)(expr);
        true
    }
}

impl<F: FnMut(&mut Expr)> VisitMut for EachExpr<F> {
    fn expr(&mut self, expr: &mut Expr) -> bool {
        (self.0)(expr);
        true
    }
}

/// The query directly in an expression.
pub fn own_query(expr: &Expr) -> Option<&Query> {
    match expr {
        Expr::Subquery(query) | Expr::Exists(query) | Expr::Quantified { query, .. } => Some(query),
        _ => None,
    }
}

fn own_query_mut(expr: &mut Expr) -> Option<&mut Query> {
    match expr {
        Expr::Subquery(query) | Expr::Exists(query) | Expr::Quantified { query, .. } => Some(query),
        _ => None,
    }
}

// ---------------------------------------------------------------- to be read

pub fn expr(node: &Expr, visitor: &mut dyn Visit) {
    if !visitor.expr(node) {
        return;
    }
    for child in children(node) {
        expr(child, visitor);
    }
    if let Some(nested) = own_query(node) {
        query(nested, visitor);
    }
}

pub fn query(node: &Query, visitor: &mut dyn Visit) {
    if !visitor.query(node) {
        return;
    }
    match node {
        Query::Select(select) => of_select(select, visitor),
        Query::Union(union) => {
            with(union.with.as_ref(), visitor);
            query(&union.left, visitor);
            query(&union.right, visitor);
            union.order_by.iter().for_each(|order| expr(&order.expr, visitor));
            let limit =
                union.limit.iter().flat_map(|limit| limit.offset.iter().chain([&limit.count]));
            limit.for_each(|value| expr(value, visitor));
        }
        Query::Values(values) => {
            values.rows.iter().flatten().for_each(|value| expr(value, visitor));
        }
    }
}

fn with(with: Option<&With>, visitor: &mut dyn Visit) {
    for table in with.iter().flat_map(|with| &with.tables) {
        query(&table.query, visitor);
    }
}

fn of_select(select: &Select, visitor: &mut dyn Visit) {
    with(select.with.as_ref(), visitor);
    select.from.iter().for_each(|from| table(from, visitor));
    for item in &select.items {
        if let SelectItem::Expr { expr: value, .. } | SelectItem::Next(value) = item {
            expr(value, visitor);
        }
    }
    select.filter.iter().for_each(|filter| expr(filter, visitor));
    select.group_by.iter().for_each(|group| expr(group, visitor));
    select.having.iter().for_each(|having| expr(having, visitor));
    for (_, window) in &select.windows {
        window.partition_by.iter().for_each(|value| expr(value, visitor));
        window.order_by.iter().for_each(|order| expr(&order.expr, visitor));
    }
    select.order_by.iter().for_each(|order| expr(&order.expr, visitor));
    let limit = select.limit.iter().flat_map(|limit| limit.offset.iter().chain([&limit.count]));
    limit.for_each(|value| expr(value, visitor));
}

pub fn table(node: &TableExpr, visitor: &mut dyn Visit) {
    if !visitor.table(node) {
        return;
    }
    match node {
        TableExpr::Table(_) | TableExpr::JsonTable { .. } => {}
        TableExpr::Derived { query: nested, .. } => query(nested, visitor),
        TableExpr::Join(join) => {
            table(&join.left, visitor);
            table(&join.right, visitor);
            join.on.iter().for_each(|on| expr(on, visitor));
        }
        TableExpr::Parens(list) => list.iter().for_each(|inner| table(inner, visitor)),
        TableExpr::Bound(inner, _) => table(inner, visitor),
    }
}

pub fn statement(node: &Statement, visitor: &mut dyn Visit) {
    match node {
        Statement::Query(nested) => query(nested, visitor),
        Statement::Insert(Insert { source, on_duplicate, .. }) => {
            match source {
                InsertSource::Query(nested) => query(nested, visitor),
                InsertSource::Values(rows) => {
                    rows.iter().flatten().for_each(|value| expr(value, visitor));
                }
            }
            on_duplicate.iter().for_each(|item| expr(&item.value, visitor));
        }
        Statement::Update(Update { with: own, tables, set, filter, order_by, .. }) => {
            with(own.as_ref(), visitor);
            tables.iter().for_each(|from| table(from, visitor));
            set.iter().for_each(|item| expr(&item.value, visitor));
            filter.iter().for_each(|filter| expr(filter, visitor));
            order_by.iter().for_each(|order| expr(&order.expr, visitor));
        }
        Statement::Delete(Delete { with: own, tables, filter, order_by, .. }) => {
            with(own.as_ref(), visitor);
            tables.iter().for_each(|from| table(from, visitor));
            filter.iter().for_each(|filter| expr(filter, visitor));
            order_by.iter().for_each(|order| expr(&order.expr, visitor));
        }
        Statement::Set(assignments) => {
            assignments.iter().for_each(|assignment| expr(&assignment.value, visitor));
        }
        Statement::CreateView(view) | Statement::AlterView(view) => query(&view.query, visitor),
        Statement::Explain(explain) => statement(&explain.statement, visitor),
        _ => {}
    }
}

// ---------------------------------------------------------------- to be changed

pub fn expr_mut(node: &mut Expr, visitor: &mut dyn VisitMut) {
    if !visitor.expr(node) {
        return;
    }
    for child in children_mut(node) {
        expr_mut(child, visitor);
    }
    if let Some(nested) = own_query_mut(node) {
        query_mut(nested, visitor);
    }
}

pub fn query_mut(node: &mut Query, visitor: &mut dyn VisitMut) {
    if !visitor.query(node) {
        return;
    }
    match node {
        Query::Select(select) => of_select_mut(select, visitor),
        Query::Union(union) => {
            with_mut(union.with.as_mut(), visitor);
            query_mut(&mut union.left, visitor);
            query_mut(&mut union.right, visitor);
            union.order_by.iter_mut().for_each(|order| expr_mut(&mut order.expr, visitor));
            if let Some(limit) = &mut union.limit {
                limit.offset.iter_mut().for_each(|value| expr_mut(value, visitor));
                expr_mut(&mut limit.count, visitor);
            }
        }
        Query::Values(values) => {
            values.rows.iter_mut().flatten().for_each(|value| expr_mut(value, visitor));
        }
    }
}

fn with_mut(with: Option<&mut With>, visitor: &mut dyn VisitMut) {
    for table in with.into_iter().flat_map(|with| &mut with.tables) {
        query_mut(&mut table.query, visitor);
    }
}

fn of_select_mut(select: &mut Select, visitor: &mut dyn VisitMut) {
    with_mut(select.with.as_mut(), visitor);
    select.from.iter_mut().for_each(|from| table_mut(from, visitor));
    for item in &mut select.items {
        if let SelectItem::Expr { expr: value, .. } | SelectItem::Next(value) = item {
            expr_mut(value, visitor);
        }
    }
    select.filter.iter_mut().for_each(|filter| expr_mut(filter, visitor));
    select.group_by.iter_mut().for_each(|group| expr_mut(group, visitor));
    select.having.iter_mut().for_each(|having| expr_mut(having, visitor));
    for (_, window) in &mut select.windows {
        window.partition_by.iter_mut().for_each(|value| expr_mut(value, visitor));
        window.order_by.iter_mut().for_each(|order| expr_mut(&mut order.expr, visitor));
    }
    select.order_by.iter_mut().for_each(|order| expr_mut(&mut order.expr, visitor));
    if let Some(limit) = &mut select.limit {
        limit.offset.iter_mut().for_each(|value| expr_mut(value, visitor));
        expr_mut(&mut limit.count, visitor);
    }
}

pub fn table_mut(node: &mut TableExpr, visitor: &mut dyn VisitMut) {
    if !visitor.table(node) {
        return;
    }
    match node {
        TableExpr::Table(_) | TableExpr::JsonTable { .. } => {}
        TableExpr::Derived { query: nested, .. } => query_mut(nested, visitor),
        TableExpr::Join(join) => {
            table_mut(&mut join.left, visitor);
            table_mut(&mut join.right, visitor);
            join.on.iter_mut().for_each(|on| expr_mut(on, visitor));
        }
        TableExpr::Parens(list) => list.iter_mut().for_each(|inner| table_mut(inner, visitor)),
        TableExpr::Bound(inner, _) => table_mut(inner, visitor),
    }
}

pub fn statement_mut(node: &mut Statement, visitor: &mut dyn VisitMut) {
    match node {
        Statement::Query(nested) => query_mut(nested, visitor),
        Statement::Insert(Insert { source, on_duplicate, .. }) => {
            match source {
                InsertSource::Query(nested) => query_mut(nested, visitor),
                InsertSource::Values(rows) => {
                    rows.iter_mut().flatten().for_each(|value| expr_mut(value, visitor));
                }
            }
            on_duplicate.iter_mut().for_each(|item| expr_mut(&mut item.value, visitor));
        }
        Statement::Update(Update { with: own, tables, set, filter, order_by, .. }) => {
            with_mut(own.as_mut(), visitor);
            tables.iter_mut().for_each(|from| table_mut(from, visitor));
            set.iter_mut().for_each(|item| expr_mut(&mut item.value, visitor));
            filter.iter_mut().for_each(|filter| expr_mut(filter, visitor));
            order_by.iter_mut().for_each(|order| expr_mut(&mut order.expr, visitor));
        }
        Statement::Delete(Delete { with: own, tables, filter, order_by, .. }) => {
            with_mut(own.as_mut(), visitor);
            tables.iter_mut().for_each(|from| table_mut(from, visitor));
            filter.iter_mut().for_each(|filter| expr_mut(filter, visitor));
            order_by.iter_mut().for_each(|order| expr_mut(&mut order.expr, visitor));
        }
        Statement::Set(assignments) => {
            assignments.iter_mut().for_each(|assignment| expr_mut(&mut assignment.value, visitor));
        }
        Statement::CreateView(view) | Statement::AlterView(view) => {
            query_mut(&mut view.query, visitor);
        }
        Statement::Explain(explain) => statement_mut(&mut explain.statement, visitor),
        _ => {}
    }
}

/// Whether any window is used: in a call's OVER.
pub fn over(expr: &Expr) -> Option<&Over> {
    match expr {
        Expr::Function(function) => function.over.as_ref(),
        Expr::Aggregate(aggregate) => aggregate.over.as_ref(),
        _ => None,
    }
}
