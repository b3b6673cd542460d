//! VindexLookup: a SELECT that a lookup routes.
//!
//! First the lookup's own query, planned like any other, in the list that the vindex names; then
//! the statement on the shards of the keyspace ids that it gave. The statement repeats the
//! predicate, so an entry without a row costs a visit and never gives a wrong row.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::value::{Bind, Binds, Value};

use super::super::executor::Run;
use super::super::session::Order;
use crate::history::List;
use crate::key::Destination;
use crate::mutant::{self, Mutant};
use crate::planner::node::Node;
use crate::planner::primitive::{Opcode, VindexLookup};
use crate::rpc::Status;
use crate::vindex::lookup::{CommitOrder, Lookup, Rows};
use crate::vindex::{self, Kind};

impl Run {
    pub(super) async fn vindex_lookup(
        &self,
        plan: &VindexLookup,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let keyspace = &plan.routing.keyspace.name;
        let vindex = self.vindex(keyspace, plan.routing.vindex.as_deref().unwrap_or(""))?;
        let Some(lookup) = vindex.lookup() else {
            return Err(super::unsupported("a lookup by a functional vindex"));
        };
        let Some(expr) = plan.routing.values.first() else {
            return Err(super::unsupported("a lookup without a value"));
        };
        let values = match plan.routing.opcode {
            Opcode::In | Opcode::MultiEqual => self.evaluate_list(expr, binds)?,
            _ => vec![self.evaluate(expr, binds)?],
        };
        let ids: Vec<vindex::Value> = values.iter().map(vindex::Value::from).collect();
        let results = self.look_up(plan, lookup, &values, &ids, binds).await?;
        let destinations =
            lookup.map_result(&ids, &results).map_err(super::super::cursor::status)?;
        let shards = match plan.routing.opcode {
            Opcode::In => self.split(keyspace, &values, &destinations, binds)?,
            _ => self.shards_of(keyspace, &destinations, binds)?,
        };
        self.log.begin(Node::Route(&plan.route));
        let result = self.route_to(&plan.route, shards, binds).await;
        self.log.end(Node::Route(&plan.route), &result);
        result
    }

    fn shards_of(
        &self,
        keyspace: &str,
        destinations: &[Destination],
        binds: &Arc<Binds>,
    ) -> Result<Vec<super::route::Routed>, Status> {
        let mut names: Vec<String> = Vec::new();
        for destination in destinations {
            for name in self.resolve(keyspace, destination)? {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Ok(names.into_iter().map(|name| (Rc::from(name), Arc::clone(binds))).collect())
    }

    /// One query for all ids if the first is a number or the vindex batches; else one an id. Each
    /// id gets the rows whose value has its text.
    async fn look_up(
        &self,
        plan: &VindexLookup,
        lookup: &Lookup,
        values: &[Value],
        ids: &[vindex::Value],
        binds: &Arc<Binds>,
    ) -> Result<Vec<Rows>, Status> {
        let integral = ids.first().is_some_and(|id: &vindex::Value| id.kind.is_integral());
        if integral || lookup.allows_batch() || mutant::is(Mutant::TextInBatches) {
            let list = values.iter().cloned().map(Bind::Value).collect();
            let rows = self.lookup_query(plan, lookup, list, binds).await;
            let rows = rows.map_err(|s| s.wrap("failed while running the lookup query"))?;
            let of = |id: &vindex::Value| {
                let own =
                    rows.iter().filter(|row| row.first().is_some_and(|v| v.bytes == id.bytes));
                own.filter_map(|row| row.get(1).cloned()).map(|to| vec![to]).collect()
            };
            return Ok(ids.iter().map(of).collect());
        }
        let mut results = Vec::new();
        for (value, id) in values.iter().zip(ids) {
            if id.kind == Kind::Null {
                results.push(Vec::new());
                continue;
            }
            let list = vec![Bind::Value(value.clone())];
            let rows = self.lookup_query(plan, lookup, list, binds).await?;
            results.push(rows.iter().filter_map(|row| Some(vec![row.get(1)?.clone()])).collect());
        }
        Ok(results)
    }

    async fn lookup_query(
        &self,
        plan: &VindexLookup,
        lookup: &Lookup,
        list: Vec<Bind>,
        binds: &Arc<Binds>,
    ) -> Result<Rows, Status> {
        let mut own = (**binds).clone();
        own.insert(Arc::clone(&plan.argument), Bind::List(list));
        let order = match lookup.planned_commit_order() {
            CommitOrder::Pre if mutant::is(Mutant::LookupReadInNormal) => Order::In(List::Normal),
            CommitOrder::Pre => Order::In(List::Pre),
            CommitOrder::Post => Order::In(List::Post),
            CommitOrder::Normal | CommitOrder::Autocommit => Order::In(List::Normal),
        };
        if lookup.is_autocommit() && !mutant::is(Mutant::AutocommitReadInTransaction) {
            let result = self.standalone().primitive(&plan.lookup, &Arc::new(own)).await;
            return Ok(super::super::cursor::rows(&result?));
        }
        let before = std::mem::replace(&mut self.request.borrow_mut().order, order);
        let result = self.primitive(&plan.lookup, &Arc::new(own)).await;
        self.request.borrow_mut().order = before;
        Ok(super::super::cursor::rows(&result?))
    }
}
