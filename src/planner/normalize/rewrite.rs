//! The rewrites that need only the node at hand, one function each.
//!
//! It knows nothing of how a statement is walked.

use sim::sql::ast::{
    AggregateKind, BinaryOp, CompareOp, Expr, Function, Ident, Limit, Literal, Lock, Query, Select,
    SelectItem, TableExpr,
};

/// `not` over what has an opposite. `<=>` has none: NULL would be on both sides of it.
pub fn not(inner: &Expr) -> Option<Expr> {
    match inner {
        Expr::Compare { op, left, right, escape } => Some(Expr::Compare {
            op: opposite(*op)?,
            left: left.clone(),
            right: right.clone(),
            escape: escape.clone(),
        }),
        Expr::Not(inner) => Some((**inner).clone()),
        Expr::Literal(Literal::Bool(value)) => Some(Expr::Literal(Literal::Bool(!value))),
        _ => None,
    }
}

/// `a -> '$.b'` and `a ->> '$.b'` as the functions that they are short for.
pub fn of_json(op: BinaryOp, left: &Expr, right: &Expr) -> Option<Expr> {
    let call = |name: &str, args: Vec<Expr>| {
        Expr::Function(Function { name: Ident::new(name), qualifier: None, args, over: None })
    };
    let extract = || call("json_extract", vec![left.clone(), right.clone()]);
    match op {
        BinaryOp::JsonExtract => Some(extract()),
        BinaryOp::JsonUnquoteExtract => Some(call("json_unquote", vec![extract()])),
        _ => None,
    }
}

fn opposite(op: CompareOp) -> Option<CompareOp> {
    Some(match op {
        CompareOp::Equal => CompareOp::NotEqual,
        CompareOp::NotEqual => CompareOp::Equal,
        CompareOp::Less => CompareOp::GreaterEqual,
        CompareOp::GreaterEqual => CompareOp::Less,
        CompareOp::Greater => CompareOp::LessEqual,
        CompareOp::LessEqual => CompareOp::Greater,
        CompareOp::In => CompareOp::NotIn,
        CompareOp::NotIn => CompareOp::In,
        CompareOp::Like => CompareOp::NotLike,
        CompareOp::NotLike => CompareOp::Like,
        CompareOp::Regexp => CompareOp::NotRegexp,
        CompareOp::NotRegexp => CompareOp::Regexp,
        CompareOp::NullSafeEqual => return None,
    })
}

/// What EXISTS becomes.
pub enum Exists {
    /// A group without GROUP BY is there always.
    True,
    /// Which columns there are doesn't matter, nor how often a row comes.
    Simpler,
    AsItIs,
}

/// Simplifies the query of an EXISTS.
pub fn exists(query: &mut Query) -> Exists {
    let Query::Select(select) = query else { return Exists::AsItIs };
    if select.having.is_some() {
        return Exists::AsItIs;
    }
    if select.group_by.is_empty() && select.items.iter().all(is_aggregate) {
        return Exists::True;
    }
    select.items = vec![SelectItem::Expr { expr: one(), alias: None }];
    select.group_by = Vec::new();
    select.rollup = false;
    Exists::Simpler
}

fn is_aggregate(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Expr { expr: Expr::Aggregate(_), .. })
}

fn one() -> Expr {
    Expr::Literal(Literal::Integer("1".into()))
}

/// Of what query a subquery is only the wrapping: an expression of no table. A bare column would
/// be another table's there than here.
pub fn wrapped_expression(query: &Query) -> Option<&Expr> {
    let Query::Select(select) = query else { return None };
    let [SelectItem::Expr { expr, .. }] = &select.items[..] else { return None };
    let is_plain = select.with.is_none()
        && reads_no_table(select)
        && select.filter.is_none()
        && select.group_by.is_empty()
        && select.having.is_none()
        && select.order_by.is_empty()
        && is_absent(&select.limit)
        && select.lock == Lock::None;
    (is_plain && !matches!(expr, Expr::Column(_))).then_some(expr)
}

fn is_absent(limit: &Option<Limit>) -> bool {
    limit.is_none()
}

/// Whether a SELECT has no FROM, or one of `dual` alone.
pub fn reads_no_table(select: &Select) -> bool {
    match &select.from[..] {
        [] => true,
        [TableExpr::Table(table)] => is_dual(&table.name),
        _ => false,
    }
}

/// Whether a name is that of the table that is none.
pub fn is_dual(name: &sim::sql::ast::TableName) -> bool {
    name.qualifier.is_none() && name.name.is("dual")
}

/// Whether DISTINCT says nothing within an aggregate.
pub fn distinct_is_idle(kind: AggregateKind) -> bool {
    matches!(kind, AggregateKind::Min | AggregateKind::Max)
}
