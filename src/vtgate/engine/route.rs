//! Route: a query on the shards that its routing names.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::collation::Collation;
use sim::eval::{Env, aggregate::sort_order};
use sim::mysql::outcome::Outcome;
use sim::value::{Bind, Binds, Value};

use super::super::executor::Run;
use crate::key::{Code, Destination};
use crate::planner::primitive::{Opcode, Route, Routing, SortKey};
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
            let calls = any.into_iter().map(|name| (name.into(), Arc::clone(query), binds.clone()));
            return self.on_shards(keyspace, calls.collect(), false, false).await;
        }
        let merge = 1 < shards.len() && !route.order_by.is_empty();
        let call = |(name, binds)| (name, Arc::clone(&route.query), binds);
        let calls = shards.into_iter().map(call).collect();
        let mut outcome = self.on_shards(keyspace, calls, false, false).await?;
        if merge {
            sort(&mut outcome, &route.order_by);
        }
        truncate(&mut outcome, route.result_columns);
        Ok(outcome)
    }

    /// The shards that a routing names, in the order of the first value that goes to each.
    pub(super) async fn routed(
        &self,
        routing: &Routing,
        binds: &Arc<Binds>,
    ) -> Result<Vec<Routed>, Status> {
        let keyspace = &routing.keyspace.name;
        let all_binds = |names: Vec<String>| {
            names.into_iter().map(|name| (Rc::from(name), Arc::clone(binds))).collect()
        };
        match routing.opcode {
            Opcode::None => Ok(Vec::new()),
            Opcode::Scatter => Ok(all_binds(self.resolve(keyspace, &Destination::AllShards)?)),
            Opcode::Unsharded | Opcode::Next | Opcode::Dba | Opcode::Reference => {
                Ok(all_binds(self.only_shard(routing)?))
            }
            Opcode::ByDestination => {
                let destination = routing.destination.as_ref().unwrap_or(&Destination::None);
                Ok(all_binds(self.resolve(keyspace, destination)?))
            }
            Opcode::Equal | Opcode::EqualUnique => {
                let row = self.vindex_row(routing, binds)?;
                let vindex = self.vindex(keyspace, routing.vindex.as_deref().unwrap_or(""))?;
                let destinations = self.map(&vindex, &[row]).await?;
                let mut names = Vec::new();
                for destination in &destinations {
                    for name in self.resolve(keyspace, destination)? {
                        if !names.contains(&name) {
                            names.push(name);
                        }
                    }
                }
                Ok(all_binds(names))
            }
            Opcode::In => self.routed_in(routing, binds).await,
            other => Err(super::unsupported(format!("execution of a {other:?} route"))),
        }
    }

    fn only_shard(&self, routing: &Routing) -> Result<Vec<String>, Status> {
        let keyspace = &routing.keyspace.name;
        let shards = self.snapshot.shards(keyspace)?;
        if routing.opcode == Opcode::Unsharded && shards.len() != 1 {
            let names: Vec<&str> = shards.iter().map(|shard| shard.name.as_str()).collect();
            let text = format!("Keyspace '{keyspace}' does not have exactly one shard: {names:?}");
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        self.resolve(keyspace, &Destination::AnyShard)
    }

    fn vindex_row(&self, routing: &Routing, binds: &Binds) -> Result<crate::vindex::Row, Status> {
        let value = |expr| Ok(crate::vindex::Value::from(&self.evaluate(expr, binds)?));
        routing.values.iter().map(value).collect()
    }

    /// Each shard gets the part of the list that may be there, as `::__vals`.
    async fn routed_in(
        &self,
        routing: &Routing,
        binds: &Arc<Binds>,
    ) -> Result<Vec<Routed>, Status> {
        let keyspace = &routing.keyspace.name;
        let Some(list) = routing.values.first() else { return Ok(Vec::new()) };
        let values = self.evaluate_list(list, binds)?;
        let vindex = self.vindex(keyspace, routing.vindex.as_deref().unwrap_or(""))?;
        let rows: Vec<_> = values.iter().map(|value| vec![value.into()]).collect();
        let destinations = self.map(&vindex, &rows).await?;
        self.split(keyspace, &values, &destinations, binds)
    }

    /// Values by the shards that their destinations name.
    pub(super) fn split(
        &self,
        keyspace: &str,
        values: &[Value],
        destinations: &[Destination],
        binds: &Arc<Binds>,
    ) -> Result<Vec<Routed>, Status> {
        let mut order: Vec<String> = Vec::new();
        let mut parts: BTreeMap<String, Vec<Bind>> = BTreeMap::new();
        for (value, destination) in values.iter().zip(destinations) {
            for name in self.resolve(keyspace, destination)? {
                if !order.contains(&name) {
                    order.push(name.clone());
                }
                parts.entry(name).or_default().push(Bind::Value(value.clone()));
            }
        }
        let routed = order.into_iter().map(|name| {
            let mut own = (**binds).clone();
            let part = parts.remove(&name).unwrap_or_default();
            own.insert("__vals".into(), Bind::List(part));
            (Rc::from(name), Arc::new(own))
        });
        Ok(routed.collect())
    }
}

/// Sorts by columns of the answer; equal rows stay in the order of their arrival.
pub(super) fn sort(outcome: &mut Outcome, keys: &[SortKey]) {
    let mut env = Env::new(jiff::civil::DateTime::default());
    outcome.rows.sort_by(|left, right| {
        for key in keys {
            let column = key.weight_column.unwrap_or(key.column);
            let collation = key.collation.as_deref().and_then(Collation::by_name);
            let collation = collation.unwrap_or(env.collation);
            let (left, right) = (&left[column], &right[column]);
            let order = sort_order(left, right, collation, &mut env);
            let order = if key.descending { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        std::cmp::Ordering::Equal
    });
}

/// Cuts off the columns that only vtgate needed; 0 is none of them.
pub(super) fn truncate(outcome: &mut Outcome, columns: usize) {
    if columns == 0 || outcome.columns.len() <= columns {
        return;
    }
    Arc::make_mut(&mut outcome.columns).truncate(columns);
    for row in &mut outcome.rows {
        *row = row[..columns].into();
    }
}
