//! Route: a query on the shards that its routing names.

use std::rc::Rc;
use std::sync::Arc;

use sim::collation::Collation;
use sim::eval::{Env, aggregate::sort_order};
use sim::mysql::outcome::Outcome;
use sim::value::{Bind, Binds, Value};

use super::super::executor::Run;
use super::super::scatter::Sending;
use crate::key::Destination;
use crate::mutant::{self, Mutant};
use crate::planner::primitive::{Route, SortKey};
use crate::rpc::Status;

/// A shard of a route, with the bind variables that are its own.
pub(super) type Routed = (Rc<str>, Arc<Binds>);

impl Run {
    pub(super) async fn route(&self, route: &Route, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let shards = self.routed(&route.routing, binds).await?;
        self.route_to(route, shards, binds).await
    }

    pub(super) async fn route_to(
        &self,
        route: &Route,
        shards: Vec<Routed>,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let keyspace = &route.routing.keyspace.name;
        if shards.is_empty() {
            // Nothing can match. The columns are asked of any shard; an aggregate needs its row.
            let query = match route.no_routes_special_handling {
                true => &route.query,
                false => &route.field_query,
            };
            let any = self.resolve(keyspace, &Destination::AnyShard)?;
            let binds = Arc::new(without_values(route, binds));
            let calls = any.into_iter().map(|name| (name.into(), Arc::clone(query), binds.clone()));
            return self.on_shards(keyspace, calls.collect(), Sending::Read).await;
        }
        let merge = 1 < shards.len() && !route.order_by.is_empty();
        let call = |(name, binds)| (name, Arc::clone(&route.query), binds);
        let calls = shards.into_iter().map(call).collect();
        let mut outcome = self.on_shards(keyspace, calls, Sending::Read).await?;
        if merge {
            sort(&mut outcome, &route.order_by);
        }
        if !mutant::is(Mutant::HelperColumnsStay) {
            truncate(&mut outcome, route.result_columns);
        }
        Ok(outcome)
    }
}

/// The lists of values that a shard gets as its own, for a shard that has none: NULL meets no row.
fn without_values(route: &Route, binds: &Binds) -> Binds {
    let mut own = binds.clone();
    let numbered = (0..route.routing.values.len()).map(|at| format!("__vals{at}"));
    for name in numbered.chain(["__vals".to_owned()]) {
        own.insert(name.into(), Bind::List(vec![Bind::Value(Value::Null)]));
    }
    own
}

/// Sorts by columns of the answer; equal rows stay in the order of their arrival.
pub(super) fn sort(outcome: &mut Outcome, keys: &[SortKey]) {
    let mut env = Env::new(jiff::civil::DateTime::default());
    outcome.rows.sort_by(|left, right| {
        for key in keys {
            let collation = key.collation.as_deref().and_then(Collation::by_name);
            let collation = collation.unwrap_or(env.collation);
            let (left, right) = (
                compared(left, key.column, key.weight_column),
                compared(right, key.column, key.weight_column),
            );
            let order = sort_order(left, right, collation, &mut env);
            let order = if key.descending { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        std::cmp::Ordering::Equal
    });
}

/// What of a row is compared: its weight string, or the value itself where that has none, as
/// numbers have not.
pub(super) fn compared(row: &[Value], column: usize, weight_column: Option<usize>) -> &Value {
    let weight = weight_column.and_then(|column| row.get(column)).filter(|value| !value.is_null());
    weight.or_else(|| row.get(column)).unwrap_or(&Value::Null)
}

/// Cuts off the columns that only vtgate needed; 0 is none of them.
pub(super) fn truncate(outcome: &mut Outcome, columns: usize) {
    if columns == 0 || outcome.columns.len() <= columns {
        return;
    }
    outcome.columns = outcome.columns.iter().take(columns).cloned().collect();
    for row in &mut outcome.rows {
        *row = row[..columns].into();
    }
}
