//! Numbers of a sequence for an auto-increment column that vtgate fills in.
//!
//! ```text
//!   insert into t(id, ..) values (null, ..), (7, ..), (0, ..)
//!     select next 2 values from seq      in a session of its own: never part of a transaction
//!     __seq0 = 11, __seq1 = 7, __seq2 = 12; the insert id is 11
//! ```
//!
//! See `engine/insert_common.go`, `execGenerate`. It knows nothing of the rows beyond that column.

use std::rc::Rc;
use std::sync::Arc;

use sim::value::{Bind, Binds, Value};

use super::super::executor::Run;
use super::super::scatter::Sending;
use crate::key::{Code, Destination};
use crate::planner::primitive::Generate;
use crate::rpc::Status;

impl Run {
    /// Fills in `:__seq0`, `:__seq1` ..; the first generated number, or 0.
    pub(super) async fn generate_for_rows(
        &self,
        generate: &Generate,
        binds: &Arc<Binds>,
    ) -> Result<(u64, Arc<Binds>), Status> {
        let evaluated = generate.values.iter().map(|expr| self.evaluate(expr, binds));
        let mut values = evaluated.collect::<Result<Vec<Value>, Status>>()?;
        let wanted = values.iter_mut().filter(|value| is_wanted(value)).collect();
        let first = self.fill(&generate.keyspace.name, &generate.sequence, wanted).await?;
        let mut own = (**binds).clone();
        for (row, value) in values.into_iter().enumerate() {
            own.insert(format!("__seq{row}").into(), Bind::Value(value));
        }
        Ok((first, Arc::new(own)))
    }

    /// Asks once for as many numbers as there are places; the first of them, or 0.
    pub(super) async fn fill(
        &self,
        keyspace: &str,
        sequence: &str,
        places: Vec<&mut Value>,
    ) -> Result<u64, Status> {
        if places.is_empty() {
            return Ok(0);
        }
        let first = self.next_values(keyspace, sequence, places.len()).await?;
        for (number, place) in (first..).zip(places) {
            *place = Value::Int(number);
        }
        Ok(u64::try_from(first).unwrap_or(0))
    }

    async fn next_values(&self, keyspace: &str, query: &str, count: usize) -> Result<i64, Status> {
        let shards = self.resolve(keyspace, &Destination::AnyShard)?;
        if shards.len() != 1 {
            let text = format!(
                "auto sequence generation can happen through single shard only, it is getting routed to {} shards",
                shards.len()
            );
            return Err(Status::new(Code::FailedPrecondition, text));
        }
        let statement = sim::sql::parse(query)
            .map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        let statement = Arc::new(statement);
        let count = Bind::Value(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)));
        let binds: Arc<Binds> = Arc::new([("n".into(), count)].into_iter().collect());
        let call = |shard: String| (Rc::from(shard), Arc::clone(&statement), Arc::clone(&binds));
        let calls = shards.into_iter().map(call).collect();
        let outcome = self.standalone().on_shards(keyspace, calls, Sending::Read).await?;
        match outcome.rows.first().and_then(|row| row.first()) {
            Some(Value::Int(first)) => Ok(*first),
            _ => Err(Status::new(Code::Internal, "VT13001: [BUG] a sequence without a number")),
        }
    }
}

/// NULL asks for a number, and so does whatever is 0 as a number.
pub(super) fn is_wanted(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Int(number) => *number == 0,
        Value::Uint(number) => *number == 0,
        other => other.to_string().parse() == Ok(0_u64),
    }
}
