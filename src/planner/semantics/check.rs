//! What a SELECT may not hold, seen before any name is looked at.
//!
//! See `semantics/check_invalid.go`. It knows nothing of tables' columns.

use sim::sql::ast::{
    Expr, Function, JoinKind, Query, Select, SelectFlag, SelectItem, TableExpr, Union,
};

use super::super::PlanError;
use crate::key::Code;

/// The functions that take or look at a named lock.
pub const LOCK_FUNCTIONS: [&str; 5] =
    ["get_lock", "is_free_lock", "is_used_lock", "release_all_locks", "release_lock"];

pub fn is_lock_function(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(Function { name, qualifier: None, .. })
        if LOCK_FUNCTIONS.iter().any(|lock| name.is(lock)))
}

/// Whether a FROM is no table, or dual alone.
pub fn is_dual(from: &[TableExpr]) -> bool {
    match from {
        [] => true,
        [TableExpr::Table(table)] => table.name.qualifier.is_none() && table.name.name.is("dual"),
        [TableExpr::Bound(table, _)] => is_dual(std::slice::from_ref(table)),
        _ => false,
    }
}

pub fn select(select: &Select, nested: Nested) -> Result<(), PlanError> {
    if nested == Nested::Yes && select.flags.contains(&SelectFlag::CalcFoundRows) {
        return Err(misplaced("SQL_CALC_FOUND_ROWS"));
    }
    for item in &select.items {
        match item {
            SelectItem::Next(_) if nested == Nested::Yes => return Err(misplaced("NEXT")),
            _ => {}
        }
    }
    select.from.iter().try_for_each(table)
}

/// Whether a query stands inside of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nested {
    No,
    Yes,
}

fn misplaced(what: &str) -> PlanError {
    PlanError::new(Code::InvalidArgument, format!("Incorrect usage/placement of '{what}'"))
}

/// A lock is taken by nothing but a SELECT of such functions alone, which is planned elsewhere.
pub fn lock_function(expr: &Expr) -> Result<(), PlanError> {
    if !is_lock_function(expr) {
        return Ok(());
    }
    Err(PlanError::new(Code::Unimplemented, format!("{expr} allowed only with dual")))
}

fn table(table: &TableExpr) -> Result<(), PlanError> {
    match table {
        TableExpr::Join(join) => {
            self::table(&join.left)?;
            self::table(&join.right)?;
            match join.kind {
                JoinKind::Natural | JoinKind::NaturalLeft | JoinKind::NaturalRight => {
                    Err(PlanError::unsupported(kind_name(join.kind)))
                }
                _ => Ok(()),
            }
        }
        TableExpr::Derived { lateral: true, .. } => {
            Err(PlanError::unsupported("lateral derived tables"))
        }
        TableExpr::JsonTable { .. } => Err(PlanError::unsupported("json_table expressions")),
        TableExpr::Parens(list) => list.iter().try_for_each(self::table),
        TableExpr::Bound(inner, _) => self::table(inner),
        TableExpr::Table(_) | TableExpr::Derived { .. } => Ok(()),
    }
}

fn kind_name(kind: JoinKind) -> &'static str {
    match kind {
        JoinKind::NaturalLeft => "natural left join",
        JoinKind::NaturalRight => "natural right join",
        _ => "natural join",
    }
}

pub fn union(union: &Union) -> Result<(), PlanError> {
    let first = first_select(&union.left);
    if first.is_some_and(|select| select.flags.contains(&SelectFlag::CalcFoundRows)) {
        return Err(PlanError::unsupported("SQL_CALC_FOUND_ROWS not supported with union"));
    }
    for order in &union.order_by {
        if let Expr::Column(column) = &order.expr
            && let Some(table) = &column.table
        {
            let text = format!(
                "Table `{}` from one of the SELECTs cannot be used in global ORDER clause",
                table.name.as_str()
            );
            return Err(PlanError::new(Code::InvalidArgument, text));
        }
    }
    Ok(())
}

/// The leftmost SELECT of a query, which names its columns.
pub fn first_select(query: &Query) -> Option<&Select> {
    match query {
        Query::Select(select) => Some(select),
        Query::Union(union) => first_select(&union.left),
        Query::Values(_) => None,
    }
}
