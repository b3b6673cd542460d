//! Queries: FROM and WHERE as joins, the rest as a horizon.

use sim::sql::ast::{Comments, Expr, Lock, Query, Select, SelectItem, Union as UnionQuery};

use super::super::operator::{Filter, Horizon, LockAndComment, Operator, Union};
use super::super::planning::{Conditions, Planning};
use super::super::semantics::check::first_select;
use super::super::{PlanError, expression};
use super::{from, predicate};

pub fn query(planning: &mut Planning<'_>, query: &Query) -> Result<Operator, PlanError> {
    match query {
        Query::Select(select) => self::select(planning, select),
        Query::Union(union) => self::union(planning, union),
        Query::Values(_) => Err(PlanError::unsupported("values statement")),
    }
}

fn select(planning: &mut Planning<'_>, select: &Select) -> Result<Operator, PlanError> {
    let source = from::tables(planning, &select.from)?;
    let last = planning.conditions == Conditions::Last;
    let source = match &select.filter {
        Some(filter) if last && !expression::has_subquery(filter) => {
            let conjuncts = expression::into_conjuncts(filter.clone());
            let conjuncts: Vec<Expr> =
                conjuncts.into_iter().filter_map(super::super::predicate::simplify).collect();
            match conjuncts.is_empty() {
                true => source,
                false => Filter::over(source, conjuncts),
            }
        }
        filter => predicate::add_all(planning, source, filter.as_ref())?,
    };
    let mut rest = select.clone();
    rest.with = None;
    rest.from = Vec::new();
    rest.filter = None;
    rest.lock = Lock::None;
    let query = Query::Select(Box::new(rest));
    let source = with_lock(source, select.comments.clone(), select.lock);
    Ok(Operator::Horizon(Box::new(Horizon { source, query, derived: None })))
}

fn union(planning: &mut Planning<'_>, union: &UnionQuery) -> Result<Operator, PlanError> {
    if matches!(union.right, Query::Union(_)) {
        return Err(PlanError::unsupported("nesting of UNIONs on the right-hand side"));
    }
    let sources = vec![query(planning, &union.left)?, query(planning, &union.right)?];
    let items = vec![items_of(&union.left), items_of(&union.right)];
    let source = Operator::Union(Box::new(Union { sources, items, distinct: union.distinct }));
    let rest = UnionQuery { with: None, lock: Lock::None, ..union.clone() };
    let query = Query::Union(Box::new(rest));
    let horizon = Operator::Horizon(Box::new(Horizon { source, query, derived: None }));
    // Vitess forgets a union's lock.
    Ok(horizon)
}

fn items_of(query: &Query) -> Vec<SelectItem> {
    first_select(query).map(|select| select.items.clone()).unwrap_or_default()
}

pub fn with_lock(source: Operator, comments: Comments, lock: Lock) -> Operator {
    if comments.0.is_empty() && lock == Lock::None {
        return source;
    }
    Operator::LockAndComment(Box::new(LockAndComment { source, comments, lock }))
}

/// Whether a query asks for nothing but the rows of its tables: what a scatter can answer by
/// putting the shards' rows one after the other.
pub fn is_plain(planning: &Planning<'_>, query: &Query) -> bool {
    let Query::Select(select) = query else { return false };
    let computed = |item: &SelectItem| match item {
        SelectItem::Expr { expr, .. } => planning.semantics.has_aggregate(expr),
        _ => false,
    };
    !select.distinct
        && select.group_by.is_empty()
        && select.having.is_none()
        && select.order_by.iter().all(|order| is_constant(&order.expr))
        && select.limit.is_none()
        && !select.items.iter().any(computed)
}

/// `order by null`: it orders nothing.
fn is_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(_) | Expr::Argument { .. })
}
