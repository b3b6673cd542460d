//! The shards of a routing: values to destinations to names.
//!
//! ```text
//!   Equal, EqualUnique, SubShard   one row of values            every shard that it maps to
//!   IN                             a list for each column       each shard gets its part, ::__vals
//!   MultiEqual                     rows, column by column       every shard that one maps to
//!   Between                        two ends                     the shards of a key range
//! ```
//!
//! See `engine/routing.go`. It knows nothing of what is sent.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::value::{Bind, Binds, Value};

use super::route::Routed;
use crate::key::{Code, Destination};
use crate::planner::primitive::{Opcode, Routing};
use crate::rpc::Status;
use crate::vindex::{self, Vindex};
use crate::vtgate::executor::Run;

impl Run {
    pub(super) async fn routed(
        &self,
        routing: &Routing,
        binds: &Arc<Binds>,
    ) -> Result<Vec<Routed>, Status> {
        let keyspace = &routing.keyspace.name;
        let destinations = match routing.opcode {
            Opcode::None => return Ok(Vec::new()),
            Opcode::Scatter => vec![Destination::AllShards],
            Opcode::Unsharded | Opcode::Next | Opcode::Dba | Opcode::Reference => {
                return Ok(all_binds(self.only_shard(routing)?, binds));
            }
            Opcode::ByDestination => {
                vec![routing.destination.clone().unwrap_or(Destination::None)]
            }
            Opcode::Equal | Opcode::EqualUnique | Opcode::SubShard => {
                let row = self.vindex_row(routing, binds)?;
                self.map(&self.vindex_of(routing)?, &[row]).await?
            }
            Opcode::In => return self.routed_in(routing, binds).await,
            Opcode::MultiEqual => {
                let rows = self.rows_of(routing, binds)?;
                self.map(&self.vindex_of(routing)?, &rows).await?
            }
            Opcode::Between => vec![self.range_of(routing, binds)?],
        };
        let mut names: Vec<String> = Vec::new();
        for destination in &destinations {
            for name in self.resolve(keyspace, destination)? {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Ok(all_binds(names, binds))
    }

    fn vindex_of(&self, routing: &Routing) -> Result<Arc<dyn Vindex>, Status> {
        let name = routing.vindex.as_deref().unwrap_or("");
        if name == "binary" && !self.knows_vindex(routing, name) {
            // That of pinned tables, which no vschema has to declare.
            let params = vindex::Params::default();
            return Ok(Arc::new(vindex::binary::Binary::new(name, &params)));
        }
        self.vindex(&routing.keyspace.name, name)
    }

    fn knows_vindex(&self, routing: &Routing, name: &str) -> bool {
        matches!(self.snapshot.vschema.find_vindex(&routing.keyspace.name, name), Ok(Some(_)))
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

    fn vindex_row(&self, routing: &Routing, binds: &Binds) -> Result<vindex::Row, Status> {
        let value = |expr| Ok(vindex::Value::from(&self.evaluate(expr, binds)?));
        routing.values.iter().map(value).collect()
    }

    /// By column the values that it may have; a single value is a list of one.
    fn lists_of(&self, routing: &Routing, binds: &Binds) -> Result<Vec<Vec<Value>>, Status> {
        routing.values.iter().map(|expr| self.evaluate_list(expr, binds)).collect()
    }

    /// Rows whose columns are given column by column.
    fn rows_of(&self, routing: &Routing, binds: &Binds) -> Result<Vec<vindex::Row>, Status> {
        let columns = self.lists_of(routing, binds)?;
        let count = columns.iter().map(Vec::len).min().unwrap_or(0);
        let row = |at: usize| columns.iter().map(|column| (&column[at]).into()).collect();
        Ok((0..count).map(row).collect())
    }

    fn range_of(&self, routing: &Routing, binds: &Binds) -> Result<Destination, Status> {
        let ends = match routing.values.first() {
            Some(expr) => self.evaluate_list(expr, binds)?,
            None => Vec::new(),
        };
        let [low, high] = &ends[..] else {
            return Err(Status::new(Code::Internal, "VT13001: [BUG] a range without two ends"));
        };
        let vindex = self.vindex_of(routing)?;
        let Some(functional) = vindex.functional() else {
            let text = format!("vindex {} does not have RangeMap function", vindex.name());
            return Err(Status::new(Code::Internal, text));
        };
        let range = functional.range_map(&low.into(), &high.into());
        Ok(Destination::KeyRange(range.map_err(super::super::cursor::status)?))
    }

    /// Each shard gets the parts of the lists that may be there.
    async fn routed_in(
        &self,
        routing: &Routing,
        binds: &Arc<Binds>,
    ) -> Result<Vec<Routed>, Status> {
        let keyspace = &routing.keyspace.name;
        let columns = self.lists_of(routing, binds)?;
        let vindex = self.vindex_of(routing)?;
        let combinations = product(&columns);
        let rows: Vec<vindex::Row> = combinations
            .iter()
            .map(|row| row.iter().map(|value| (*value).into()).collect())
            .collect();
        let destinations = self.map(&vindex, &rows).await?;
        if !vindex.properties().is_multi_column() {
            let values: Vec<Value> =
                combinations.iter().filter_map(|row| row.first().map(|v| (*v).clone())).collect();
            return self.split(keyspace, &values, &destinations, binds);
        }
        let mut order: Vec<String> = Vec::new();
        let mut parts: BTreeMap<String, Vec<Vec<Value>>> = BTreeMap::new();
        for (row, destination) in combinations.iter().zip(&destinations) {
            for name in self.resolve(keyspace, destination)? {
                if !order.contains(&name) {
                    order.push(name.clone());
                }
                let own = parts.entry(name).or_insert_with(|| vec![Vec::new(); columns.len()]);
                for (list, value) in own.iter_mut().zip(row) {
                    if !list.contains(value) {
                        list.push((*value).clone());
                    }
                }
            }
        }
        let routed = order.into_iter().map(|name| {
            let mut own = (**binds).clone();
            for (at, list) in parts.remove(&name).unwrap_or_default().into_iter().enumerate() {
                let list = list.into_iter().map(Bind::Value).collect();
                own.insert(format!("__vals{at}").into(), Bind::List(list));
            }
            (Rc::from(name), Arc::new(own))
        });
        Ok(routed.collect())
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

fn all_binds(names: Vec<String>, binds: &Arc<Binds>) -> Vec<Routed> {
    names.into_iter().map(|name| (Rc::from(name), Arc::clone(binds))).collect()
}

/// Every combination of one value a column, the last column fastest.
fn product(columns: &[Vec<Value>]) -> Vec<Vec<&Value>> {
    columns.iter().fold(vec![Vec::new()], |rows, column| {
        rows.iter()
            .flat_map(|row| {
                column.iter().map(move |value| {
                    let mut row = row.clone();
                    row.push(value);
                    row
                })
            })
            .collect()
    })
}
