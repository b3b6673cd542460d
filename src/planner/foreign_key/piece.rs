//! Pieces of the statements that foreign keys lead to.
//!
//! It knows nothing of which statements there are.

use sim::sql::ast::{
    CastKind, CastType, ColumnName, Comments, CompareOp, Expr, Ident, Literal, Lock, SelectItem,
    Table as WrittenTable, TableExpr, TableName as WrittenName, Wait,
};

use super::super::normalize::hint;
use super::super::{Context, expression, walk};
use super::Way;
use crate::vschema::{Table, TableName};

const LIST: &str = "fkc_vals";
const CHECKS: &str = "foreign_key_checks";

pub fn written(name: &TableName) -> WrittenName {
    WrittenName { qualifier: Some(Ident::new(&name.keyspace)), name: Ident::new(&name.name) }
}

pub fn table(name: &TableName) -> TableExpr {
    aliased(written(name), None)
}

pub fn aliased(name: WrittenName, alias: Option<&str>) -> TableExpr {
    TableExpr::Table(WrittenTable {
        name,
        partitions: Vec::new(),
        alias: alias.map(Ident::new),
        hints: Vec::new(),
    })
}

pub fn column(qualifier: Option<&WrittenName>, name: &str) -> Expr {
    Expr::Column(ColumnName { table: qualifier.cloned(), name: Ident::new(name) })
}

pub fn bare(name: &str) -> WrittenName {
    WrittenName { qualifier: None, name: Ident::new(name) }
}

/// `(a, b) in ::list`
pub fn in_list(columns: &[String], list: &str) -> Expr {
    let columns = columns.iter().map(|name| column(None, name)).collect();
    compare(CompareOp::In, Expr::Tuple(columns), Expr::ListArgument(Ident::new(list)))
}

pub fn compare(op: CompareOp, left: Expr, right: Expr) -> Expr {
    Expr::Compare { op, left: Box::new(left), right: Box::new(right), escape: None }
}

pub fn null() -> Expr {
    Expr::Literal(Literal::Null)
}

pub fn and(terms: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    expression::conjunction(terms.into_iter().flat_map(expression::into_conjuncts).collect())
}

/// A name for a list of old keys.
pub fn list_name(way: &mut Way<'_>) -> std::sync::Arc<str> {
    way.names.reserve(LIST).into()
}

/// What stands in front of a statement that MySQL checks keys for.
pub fn checked(way: &Way<'_>) -> Comments {
    if !way.comments.0.is_empty() {
        return way.comments.clone();
    }
    let mut comments = Comments::default();
    if way.checks == Some(true) {
        hint::set(&mut comments, CHECKS, "ON");
    }
    comments
}

pub fn unchecked(comments: &mut Comments) {
    hint::set(comments, CHECKS, "OFF");
}

/// Puts columns into a select list; those that it has are used again.
pub fn add(items: &mut Vec<Expr>, new: Expr) -> usize {
    match items.iter().position(|known| super::super::predicate::same(known, &new)) {
        Some(at) => at,
        None => {
            items.push(new);
            items.len() - 1
        }
    }
}

pub fn items(exprs: Vec<Expr>) -> Vec<SelectItem> {
    exprs.into_iter().map(|expr| SelectItem::Expr { expr, alias: None }).collect()
}

/// The value as the column will hold it; as it is where the column's type is not known.
pub fn cast(table: &Table, column: &Ident, value: Expr) -> Expr {
    let kind = table.columns.iter().find(|known| column.is(&known.name)).map(|known| known.kind);
    let Some(name) = kind.and_then(cast_name) else { return value };
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(value),
        ty: CastType { name: name.into(), length: None, scale: None, charset: None, array: false },
    }
}

fn cast_name(kind: crate::vindex::Kind) -> Option<&'static str> {
    use crate::vindex::Kind::*;
    match kind {
        Float32 | Float64 => Some("FLOAT"),
        Decimal => Some("DECIMAL"),
        Timestamp | Date | Time | Datetime => Some("DATETIME"),
        Blob | Varbinary | Binary => Some("BINARY"),
        _ if kind.is_integral() && kind.is_signed() => Some("SIGNED"),
        _ if kind.is_integral() => Some("UNSIGNED"),
        _ if kind.is_text() => Some("CHAR"),
        _ => None,
    }
}

/// All columns under one table's name.
pub fn prefixed(mut expr: Expr, qualifier: &str) -> Expr {
    let mut prefix = walk::EachExpr(|expr: &mut Expr| {
        if let Expr::Column(column) = expr {
            column.table = Some(bare(qualifier));
        }
    });
    walk::expr_mut(&mut expr, &mut prefix);
    expr
}

/// A table with unique keys is not waited for: its locks could wait for each other.
pub fn wait(context: &Context<'_>, table: &Table) -> Wait {
    match context.vschema.unique_keys(&table.keyspace, &table.name).is_empty() {
        true => Wait::Block,
        false => Wait::NoWait,
    }
}

pub fn for_update(context: &Context<'_>, table: &Table) -> Lock {
    Lock::ForUpdate(wait(context, table))
}

pub fn for_share(context: &Context<'_>, table: &Table) -> Lock {
    Lock::ForShare(wait(context, table))
}
