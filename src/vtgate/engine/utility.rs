//! What utility statements plan to, as far as vtgate runs it.
//!
//! Sends with the wishes of a directive run as sends. Left out, each with VT12001: what only
//! tablets read (migrations, the throttler), streams. It knows nothing of the statements.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::value::{Binds, Value};

use super::Running;
use crate::key::Code;
use crate::planner::primitive::{Keyspace, Primitive, Send};
use crate::planner::table;
use crate::planner::utility::{FoundRows, Stream, Utility};
use crate::rpc::{Status, Workload};
use crate::vtgate::executor::{Run, unsupported};

impl Run {
    pub(super) fn utility<'a>(
        &'a self,
        utility: &'a Utility,
        binds: &'a Arc<Binds>,
    ) -> Running<'a> {
        Box::pin(async move {
            match utility {
                Utility::Targeted(targeted) => self.send(&targeted.send, binds).await,
                Utility::ReplaceVariables(input) => self.replace_variables(input, binds).await,
                Utility::Concatenate(inputs) => self.all(inputs, binds).await,
                Utility::Mirror(mirror) => self.mirror(mirror, binds).await,
                Utility::FoundRows(found) => self.found_rows(found, binds).await,
                Utility::InsertQuery(insert) => self.insert_query(insert, binds).await,
                Utility::Keyed(keyed) => self.keyed(keyed, binds).await,
                Utility::AlterVSchema { keyspace, change } => {
                    self.alter_vschema(&keyspace.name, change).await
                }
                Utility::Execute { parameters, input, variables } => {
                    let binds = self.with_parameters(parameters, binds);
                    let binds = self.with_session_values(variables, &binds);
                    self.primitive(input, &binds).await
                }
                Utility::VExplain { kind, input, variables } => {
                    let binds = self.with_session_values(variables, binds);
                    self.vexplain(*kind, input, &binds).await
                }
                Utility::ShowWarnings => Ok(self.show_warnings()),
                Utility::ShowExec { what, filter } => self.show_exec(what, filter.as_ref()).await,
                Utility::Set(set) => self.set(set, binds).await,
                Utility::VindexFunction(function) => self.vindex_function(function, binds).await,
                // Nobody can hold a lock of LOCK TABLES: it is not sent.
                Utility::UnlockTables => Ok(Outcome::default()),
                Utility::CreateDatabase(_) | Utility::DropDatabase(_) => self.no_databases(utility),
                Utility::Lock { keyspace, functions, .. } => {
                    self.lock(keyspace, functions, binds).await
                }
                Utility::TransactionStatus { id, keyspace } => {
                    self.transaction_status(id, keyspace).await
                }
                Utility::Stream(stream) => self.stream(stream),
                Utility::SendText { keyspace, destination, text } => {
                    self.send_text(keyspace, destination, text, binds).await
                }
                Utility::Vgtid(input) => self.vgtid(input, binds).await,
                other => Err(unsupported(format!("execution of {}", other.operator()))),
            }
        })
    }

    /// Streams are for sessions with workload OLAP, whose rows come as they are found. What they
    /// would stream is left out: nobody has messages, and the streams that there are belong to
    /// workflows.
    fn stream(&self, stream: &Stream) -> Result<Outcome, Status> {
        let is_message = stream.operator == "MStream";
        if self.session.borrow().workload == Workload::Olap {
            return Err(unsupported(match is_message {
                true => "stream: no tablet has messages",
                false => "vstream: changes are streamed to workflows only",
            }));
        }
        let name = if is_message { "Stream" } else { "VStream" };
        Err(Status::new(Code::Internal, format!("[BUG] 'Execute' called for {name}")))
    }

    /// A text that a tablet reads: here only what a server understands is read by anybody.
    async fn send_text(
        &self,
        keyspace: &Keyspace,
        destination: &str,
        text: &str,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let Ok(query) = sim::sql::parse(text) else {
            return Err(unsupported(format!("a statement that only tablets read: {text}")));
        };
        let send = Send {
            keyspace: keyspace.clone(),
            destination: destination.to_owned(),
            query: Arc::new(query),
            is_dml: false,
            single_shard_only: false,
            shard_name_needed: false,
            rename: Vec::new(),
        };
        self.send(&send, binds).await
    }

    /// The GTID sets of all shards as one text, by keyspace.
    async fn vgtid(&self, input: &Primitive, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let shards = self.primitive(input, binds).await?;
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in &shards.rows {
            let cell = |at: usize| row.get(at).map(Value::to_string).unwrap_or_default();
            let (keyspace, gtid, shard) = (cell(0), cell(1), cell(2));
            let text = format!(
                "shard_gtids:{{keyspace:\"{keyspace}\" shard:\"{shard}\" gtid:\"{gtid}\"}}"
            );
            all.entry(keyspace).or_default().push(text);
        }
        let row = |(keyspace, texts): (String, Vec<String>)| {
            [Value::text(&keyspace), Value::text(&texts.join(" "))].into()
        };
        let rows = all.into_iter().map(row).collect();
        Ok(table::outcome(&["db_name", "global vgtid_executed"], rows))
    }

    /// SHOW VARIABLES of a server, with vtgate's own values in it.
    async fn replace_variables(
        &self,
        input: &Primitive,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let mut outcome = self.primitive(input, binds).await?;
        for row in &mut outcome.rows {
            let name = row.first().map(Value::to_string).unwrap_or_default();
            if let Some(value) = self.own_variable(&name) {
                *row = [Value::text(&name), Value::text(&value.to_string())].into();
            }
        }
        Ok(outcome)
    }

    /// The plugin that makes databases is `fail`, as in Vitess where none is chosen.
    fn no_databases(&self, utility: &Utility) -> Result<Outcome, Status> {
        let what = match utility {
            Utility::CreateDatabase(_) => "create database is not supported",
            _ => "drop database is not supported",
        };
        Err(Status::new(Code::Unimplemented, format!("VT12001: unsupported: {what}")))
    }

    /// The rows within the limit; FOUND_ROWS() is told of all.
    async fn found_rows(&self, found: &FoundRows, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let limited = self.primitive(&found.limited, binds).await?;
        let counted = self.primitive(&found.counted, binds).await?;
        let count = match counted.rows.first().and_then(|row| row.first()) {
            Some(Value::Int(count)) => u64::try_from(*count).ok(),
            _ => None,
        };
        self.request.borrow_mut().found_rows = count;
        Ok(limited)
    }

    /// The rows of all, under the columns of the first.
    async fn all(&self, inputs: &[Primitive], binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let mut all: Option<Outcome> = None;
        for input in inputs {
            let outcome = self.primitive(input, binds).await?;
            match &mut all {
                Some(all) => all.rows.extend(outcome.rows),
                None => all = Some(outcome),
            }
        }
        Ok(all.unwrap_or_default())
    }
}
