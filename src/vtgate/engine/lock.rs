//! Lock: functions of user-level locks, one after the other on the session's own connection.
//!
//! See `go/vt/vtgate/engine/lock.go`. It knows nothing of the connection.

use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::{Expr, Statement};
use sim::value::{Binds, Value};

use super::super::executor::Run;
use super::super::lock_session::{self, Needs};
use crate::key::{Code, Destination};
use crate::planner::primitive::Keyspace;
use crate::planner::table;
use crate::rpc::{Status, Target};

/// Where all locks of all sessions are.
pub(in crate::vtgate) const DESTINATION: &str = "KeyspaceID(00)";

impl Run {
    pub(super) async fn lock(
        &self,
        keyspace: &Keyspace,
        functions: &[Expr],
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let target = self.lock_target(&keyspace.name)?;
        let (mut columns, mut row) = (Vec::new(), Vec::new());
        for function in functions {
            let outcome = self.lock_function(&target, function, binds).await?;
            let Some(found) = outcome.rows.first() else {
                let text =
                    format!("unexpected rows or fields returned for the lock function: {function}");
                return Err(Status::new(Code::InvalidArgument, text));
            };
            columns.extend(outcome.columns.iter().cloned());
            row.extend(found.iter().cloned());
        }
        let outcome = table::outcome(&[], vec![row.into()]);
        Ok(Outcome { columns: columns.into(), ..outcome })
    }

    fn lock_target(&self, keyspace: &str) -> Result<Target, Status> {
        let text = format!("Destination{DESTINATION}");
        let destination: Destination = text.parse().map_err(|error| {
            Status::new(Code::Internal, format!("VT13001: [BUG] destination {text}: {error}"))
        })?;
        let shards = self.resolve(keyspace, &destination)?;
        let [shard] = &shards[..] else {
            let text = format!("lock query can be routed to single shard only: {shards:?}");
            return Err(Status::new(Code::FailedPrecondition, text));
        };
        let kind = self.session.borrow().target.kind;
        Ok(Target { keyspace: keyspace.into(), shard: shard.as_str().into(), kind })
    }

    async fn lock_function(
        &self,
        target: &Target,
        function: &Expr,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let Expr::Function(call) = function else {
            return Err(Status::new(Code::Internal, "VT13001: [BUG] no lock function"));
        };
        let name = match call.args.first() {
            Some(name) => self.evaluate(name, binds)?.to_string(),
            None => String::new(),
        };
        let gets = call.name.is("get_lock");
        let needs = if gets { Needs::Connection } else { Needs::Nothing };
        let outcome = self.execute_lock(target, &statement(function)?, binds, needs).await?;
        let is_done = outcome.rows.first().and_then(|row| row.first()) == Some(&Value::Int(1));
        if gets && is_done {
            self.session.borrow_mut().add_advisory_lock(name);
        } else if call.name.is("release_lock") {
            if is_done {
                self.session.borrow_mut().remove_advisory_lock(&name);
            }
            if !self.session.borrow().has_advisory_lock() {
                self.release_lock_session().await?;
            }
        } else if call.name.is("release_all_locks") {
            self.release_lock_session().await?;
        }
        Ok(outcome)
    }

    async fn release_lock_session(&self) -> Result<(), Status> {
        lock_session::release(&self.gate, self.process, &self.session).await
    }
}

/// `select get_lock('x', 5) from dual`.
pub(in crate::vtgate) fn statement(function: &Expr) -> Result<Arc<Statement>, Status> {
    let parsed = sim::sql::parse(&format!("select {function} from dual"));
    parsed.map(Arc::new).map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))
}
