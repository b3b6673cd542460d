//! What utility statements plan to, as far as vtgate runs it.
//!
//! Sends with the wishes of a directive run as sends. Left out, each with VT12001: lock functions
//! (the MySQL model has no GET_LOCK), what only tablets read (migrations, the throttler), streams,
//! two-phase transactions. It knows nothing of the statements.

use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::value::{Binds, Value};

use super::Running;
use crate::key::Code;
use crate::planner::primitive::Primitive;
use crate::planner::utility::Utility;
use crate::rpc::Status;
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
                Utility::ShowExec { what, filter } => self.show_exec(what, filter.as_ref()),
                Utility::Set(set) => self.set(set, binds).await,
                Utility::VindexFunction(function) => self.vindex_function(function, binds).await,
                // Nobody can hold a lock of LOCK TABLES: it is not sent.
                Utility::UnlockTables => Ok(Outcome::default()),
                Utility::CreateDatabase(_) | Utility::DropDatabase(_) => self.no_databases(utility),
                Utility::Lock { functions, .. } => {
                    let names: Vec<String> = functions.iter().map(ToString::to_string).collect();
                    Err(unsupported(format!("lock function: {}", names.join(", "))))
                }
                Utility::SendText { text, .. } => {
                    Err(unsupported(format!("a statement that only tablets read: {text}")))
                }
                other => Err(unsupported(format!("execution of {}", other.operator()))),
            }
        })
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
