//! Subqueries among the new values of a change with foreign keys.
//!
//! ```text
//!   update c set k = (select x from t)  ->  :__sq1 from (select x from t lock in share mode)
//!                                           , then update c set k = :__sq1
//! ```
//!
//! Several statements need the value, so it is asked for once, in front of all of them, wherever
//! the tables are. It knows nothing of which statements there are.

use std::sync::Arc;

use sim::sql::ast::{Expr, Ident, Lock, Query, UpdateItem};

use super::super::primitive::{Primitive, Pullout, UncorrelatedSubquery};
use super::super::select::{self, Planned};
use super::super::{Context, PlanError, walk};
use super::Way;
use super::update::merged;

/// What every name of such a value starts with.
pub const PREFIX: &str = "__sq";

/// Subqueries by the names that stand for their values.
pub type Lifted = Vec<(Arc<str>, Query)>;

/// Takes the scalar subqueries out of assignments.
pub fn lift(set: &mut [UpdateItem], way: &mut Way<'_>) -> Lifted {
    let mut lifted = Vec::new();
    let mut take = walk::EachExpr(|expr: &mut Expr| {
        let Expr::Subquery(query) = expr else { return };
        let name = way.names.subquery();
        let mut query = (**query).clone();
        share(&mut query);
        *expr = Expr::Argument { name: Ident(Arc::clone(&name)), ty: None };
        lifted.push((name, query));
    });
    set.iter_mut().for_each(|item| walk::expr_mut(&mut item.value, &mut take));
    lifted
}

fn share(query: &mut Query) {
    let lock = match query {
        Query::Select(select) => &mut select.lock,
        Query::Union(union) => &mut union.lock,
        Query::Values(_) => return,
    };
    if *lock == Lock::None {
        *lock = Lock::ShareMode;
    }
}

/// Puts the subqueries in front of a plan, the first one outermost.
pub fn in_front(
    context: &Context<'_>,
    lifted: Lifted,
    plan: Planned,
) -> Result<Planned, PlanError> {
    let mut plan = plan;
    for (argument, query) in lifted.into_iter().rev() {
        let (subquery, more) = select::apart(&query, context)?;
        let (outer, used) = plan;
        let (Some(subquery), Some(outer)) = (subquery, outer) else {
            return Err(PlanError::bug("a subquery without a plan"));
        };
        let whole = UncorrelatedSubquery {
            pullout: Pullout::Value,
            argument,
            has_values: None,
            subquery,
            outer,
        };
        let whole = Primitive::UncorrelatedSubquery(Box::new(whole));
        plan = (Some(whole), merged(used, more));
    }
    Ok(plan)
}
