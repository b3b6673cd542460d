//! Send: a statement as it is, to a destination; and what SHOW makes of the answer.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::Statement;
use sim::value::{Bind, Binds, Value};

use super::super::executor::Run;
use super::super::scatter::Sending;
use crate::key::{Code, Destination};
use crate::planner::primitive::Send;
use crate::rpc::Status;

impl Run {
    pub(super) async fn send(&self, send: &Send, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let keyspace = &send.keyspace.name;
        let text = format!("Destination{}", send.destination);
        let destination: Destination = text.parse().map_err(|error| {
            Status::new(Code::Internal, format!("VT13001: [BUG] destination {text}: {error}"))
        })?;
        let shards = self.resolve(keyspace, &destination)?;
        if send.single_shard_only && shards.len() != 1 {
            let text = format!("VT09022: Destination does not have exactly one shard: {text}");
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        let query = &statement(send);
        let call = |name: String| {
            let mut own = Arc::clone(binds);
            if send.shard_name_needed {
                let name = Bind::Value(Value::text(&name));
                Arc::make_mut(&mut own).insert("__vt_shard".into(), name);
            }
            (Rc::from(name), Arc::clone(query), own)
        };
        let calls = shards.into_iter().map(call).collect();
        let sending = if send.is_dml { Sending::LastChange } else { Sending::Read };
        let mut outcome = self.on_shards(keyspace, calls, sending).await?;
        for (column, name) in &send.rename {
            if let Some(column) = Arc::make_mut(&mut outcome.columns).get_mut(*column) {
                column.name = Arc::clone(name);
            }
        }
        Ok(outcome)
    }
}

/// The statement for a server. One with the shard's name in it is kept as the text that Vitess
/// prints.
pub(in crate::vtgate) fn statement(send: &Send) -> Arc<Statement> {
    match &*send.query {
        Statement::Verbatim { text, .. } if send.shard_name_needed => {
            sim::sql::parse(text).map_or_else(|_| Arc::clone(&send.query), Arc::new)
        }
        _ => Arc::clone(&send.query),
    }
}
