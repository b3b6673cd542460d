//! SQL_CALC_FOUND_ROWS: a query with a limit, and the count of its rows without it.
//!
//! See `planbuilder/select.go`, `buildSQLCalcFoundRowsPlan`. It knows nothing of sessions.

use sim::sql::ast::{Ident, Query, Select, SelectFlag, SelectItem, TableExpr};

use super::primitive::Primitive;
use super::select::{self, Planned};
use super::utility::{FoundRows, Utility};
use super::{Context, PlanError, expression, shortcut};

/// The plan of a query that asks for the count; None for any other. Without a limit there is
/// nothing to count: [`without_flag`].
pub fn plan(query: &Query, context: &Context<'_>) -> Result<Option<Planned>, PlanError> {
    let Query::Select(select) = query else { return Ok(None) };
    if !asks(select) || select.limit.is_none() {
        return Ok(None);
    }
    let (limited, mut used) = match shortcut::unsharded_query(query, context) {
        // A query that goes as it is keeps the flag.
        Some(unsharded) => select::unchanged(query, unsharded),
        None => select::plan(&without_flag(select), context)?,
    };
    let (counted, also) = select::plan(&counting(select), context)?;
    used.extend(also);
    used.sort_unstable();
    used.dedup();
    let (Some(limited), Some(counted)) = (limited, counted) else {
        return Err(PlanError::bug("a query without a plan"));
    };
    let found = Box::new(FoundRows { limited, counted });
    Ok(Some((Some(Primitive::Utility(Utility::FoundRows(found))), used)))
}

pub fn asks(select: &Select) -> bool {
    select.flags.contains(&SelectFlag::CalcFoundRows)
}

pub fn without_flag(select: &Select) -> Query {
    let mut select = select.clone();
    select.flags.retain(|flag| *flag != SelectFlag::CalcFoundRows);
    Query::Select(Box::new(select))
}

/// `select count(*)` of the same rows; of groups it counts the query's own rows.
fn counting(select: &Select) -> Query {
    let mut own = select.clone();
    own.flags.retain(|flag| *flag != SelectFlag::CalcFoundRows);
    own.order_by.clear();
    own.limit = None;
    let items = vec![SelectItem::Expr { expr: expression::count_star(), alias: None }];
    if own.group_by.is_empty() && own.having.is_none() {
        own.items = items;
        return Query::Select(Box::new(own));
    }
    let mut count = expression::empty_select();
    count.items = items;
    count.from.push(TableExpr::Derived {
        lateral: false,
        query: Query::Select(Box::new(own)),
        alias: Ident::new("t"),
        columns: Vec::new(),
    });
    Query::Select(Box::new(count))
}
