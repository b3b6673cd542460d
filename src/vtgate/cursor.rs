//! Running what a lookup vindex asks for.
//!
//! The vindex is a conversation: it asks for a statement and goes on from the reply. Here its ask
//! becomes a nested statement in the list that it names, or a statement straight to the shard of a
//! keyspace id. In Vitess this is the VCursor (`go/vt/vtgate/executorcontext/vcursor_impl.go`).

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::value::{Bind, Binds, Value};

use super::executor::Run;
use super::scatter::Sending;
use super::sends;
use super::session::Order;
use crate::history::{self, Event, List, LookupStep};
use crate::key::{Code, Destination, KeyspaceId};
use crate::mutant::{self, Mutant};
use crate::rpc::Status;
use crate::vindex::lookup::{self, Ask, CommitOrder, Conversation, Method, Step, Target};
use crate::vindex::{Row, VindexError};

impl Run {
    /// Drives a conversation to its end.
    pub async fn converse<C: Conversation>(
        &self,
        mut conversation: C,
    ) -> Result<C::Output, Status> {
        let mut step = conversation.step(None);
        loop {
            match step {
                Step::Done(result) => return result.map_err(status),
                Step::Ask(ask) => {
                    let reply = self.answer(ask).await;
                    step = conversation.step(Some(reply));
                }
            }
        }
    }

    async fn answer(&self, ask: Ask) -> lookup::Reply {
        let binds = Arc::new(sql_binds(&ask.binds));
        let outcome = match &ask.target {
            Target::Executor { order, method } => {
                // An insert that reads: it has met an entry, and locks that.
                if *method == Method::VindexCreate && ask.sql.starts_with("select") {
                    self.tell(LookupStep::DuplicateFound);
                }
                let sql: Rc<str> = ask.sql.as_str().into();
                self.nested(&sql, binds, order_of(*order), ask.rollback_on_error).await
            }
            Target::KeyspaceId { keyspace, ksid } => {
                let sql = &ask.sql;
                let checked =
                    self.on_keyspace_id(keyspace, ksid, sql, binds, ask.rollback_on_error).await;
                self.tell(LookupStep::OwnerChecked);
                checked
            }
        };
        outcome.map(|outcome| rows(&outcome)).map_err(vindex_error)
    }

    fn tell(&self, step: LookupStep) {
        let session = Rc::clone(&self.session.borrow().name);
        history::emit(Event::Lookup { session, step });
    }

    /// Runs a statement on the shard of a keyspace id, in the session's current list.
    async fn on_keyspace_id(
        &self,
        keyspace: &str,
        ksid: &KeyspaceId,
        sql: &str,
        binds: Arc<Binds>,
        rollback_on_error: bool,
    ) -> Result<Outcome, Status> {
        let statement = sim::sql::parse_once(sql)
            .map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))?;
        let shards = self.snapshot.shards(keyspace)?;
        let destination = Destination::KeyspaceId(ksid.clone());
        let resolved = destination
            .resolve(&shards, &mut |_| 0)
            .map_err(|error| Status::new(error.code(), error.to_string()))?;
        let calls =
            resolved.iter().map(|shard| (Rc::from(*shard), Arc::clone(&statement), binds.clone()));
        if !rollback_on_error {
            let is_read = !mutant::is(Mutant::SingleCountsTheCheck);
            self.request.borrow_mut().exec_read_query = is_read;
        }
        let sending = if rollback_on_error { Sending::Change } else { Sending::Read };
        let sends = || {
            let destination = format!("KeyspaceID({ksid})");
            vec![sends::to(keyspace, &statement, destination.into())]
        };
        let run = self.on_shards(keyspace, calls.collect(), sending);
        let result = self.told(sends, sql, &binds, run).await;
        if !rollback_on_error {
            self.request.borrow_mut().exec_read_query = false;
        }
        result
    }

    /// What a vindex is told of the statement that it works for.
    pub fn vindex_context(&self, ignore: bool) -> lookup::Context {
        lookup::Context {
            in_transaction: self.session.borrow().in_transaction,
            statement: self.kind,
            ignore,
            vcursor: true,
        }
    }
}

fn order_of(order: CommitOrder) -> Order {
    match order {
        CommitOrder::Pre => Order::In(List::Pre),
        CommitOrder::Normal => Order::In(List::Normal),
        CommitOrder::Post => Order::In(List::Post),
        CommitOrder::Autocommit => Order::Autocommit,
    }
}

fn sql_binds(binds: &lookup::Binds) -> Binds {
    let value = |value: &crate::vindex::Value| Bind::Value(Value::from(value));
    let bind = |bind: &lookup::Bind| match bind {
        lookup::Bind::Value(single) => value(single),
        lookup::Bind::Tuple(values) => Bind::List(values.iter().map(value).collect()),
    };
    binds.iter().map(|(name, item)| (name.as_str().into(), bind(item))).collect()
}

pub(super) fn rows(outcome: &Outcome) -> Vec<Row> {
    let row = |row: &sim::value::Row| row.iter().map(crate::vindex::Value::from).collect();
    outcome.rows.iter().map(row).collect()
}

pub(super) fn status(error: VindexError) -> Status {
    let number = match (error.errno, &error.sqlstate) {
        (Some(errno), Some(state)) if !error.message.contains("(errno ") => {
            format!(" (errno {errno}) (sqlstate {state})")
        }
        _ => String::new(),
    };
    Status::new(error.code, format!("{}{number}", error.message))
}

fn vindex_error(status: Status) -> VindexError {
    VindexError::new(status.code, status.message)
}
