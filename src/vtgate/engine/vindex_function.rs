//! VindexFunc: a vindex as a table, `select * from customer.hash where id in (1, 100, 999)`.
//!
//! ```text
//!   destination       keyspace_id  range_start, range_end     hex_keyspace_id  shard
//!   KeyspaceID        the id       of its shard               in hex           its shard
//!   KeyspaceIDs       each id      NULL                       in hex           -
//!   KeyRange          NULL         the range                  NULL             NULL
//!   None, an empty id              no row
//! ```
//!
//! The shard is looked for in the keyspace that the session is in, whatever keyspace the vindex
//! belongs to. See `engine/vindex_func.go`.

use std::sync::Arc;

use sim::eval::{ColumnKind, Kind};
use sim::mysql::outcome::Outcome;
use sim::value::{Binds, Row, Value};

use super::super::executor::Run;
use crate::key::{Code, Destination, KeyRange, KeyspaceId, Shard, hex};
use crate::planner::semantics::tables::VINDEX_COLUMNS;
use crate::planner::table;
use crate::planner::utility::VindexFunction;
use crate::rpc::Status;
use crate::vindex;

/// What the columns show of one keyspace id or range.
struct Found {
    id: Value,
    keyspace_id: Option<KeyspaceId>,
    range: Option<KeyRange>,
    shard: Option<String>,
}

impl Run {
    pub(super) async fn vindex_function(
        &self,
        function: &VindexFunction,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let values = self.evaluate_list(&function.value, binds)?;
        let vindex = self.vindex(&function.keyspace, &function.vindex)?;
        let ids: Vec<vindex::Row> = values.iter().map(|value| vec![value.into()]).collect();
        let destinations = self.map(&vindex, &ids).await?;
        let mut rows = Vec::new();
        for (value, destination) in values.iter().zip(destinations) {
            let found = self.found(value, destination)?;
            rows.extend(found.iter().map(|found| row(found, &function.columns)));
        }
        Ok(outcome(function, rows))
    }

    fn found(&self, value: &Value, destination: Destination) -> Result<Vec<Found>, Status> {
        let id = match value.to_wire() {
            Some(bytes) => Value::bytes(&bytes),
            None => Value::Null,
        };
        Ok(match destination {
            Destination::None => Vec::new(),
            Destination::KeyspaceId(ksid) if ksid.is_empty() => Vec::new(),
            Destination::KeyspaceId(ksid) => {
                let shard = self.shard_of(&ksid)?;
                let (range, shard) = (Some(shard.range), Some(shard.name));
                vec![Found { id, keyspace_id: Some(ksid), range, shard }]
            }
            Destination::KeyspaceIds(ksids) => {
                let found = |ksid| Found {
                    id: id.clone(),
                    keyspace_id: Some(ksid),
                    range: None,
                    shard: Some("-".to_owned()),
                };
                ksids.into_iter().map(found).collect()
            }
            Destination::KeyRange(range) => {
                vec![Found { id, keyspace_id: None, range: Some(range), shard: None }]
            }
            other => {
                let text = format!("unexpected destination type: {}", go_type(&other));
                return Err(Status::new(Code::Internal, text));
            }
        })
    }

    /// The shard of a keyspace id in the session's keyspace.
    fn shard_of(&self, ksid: &KeyspaceId) -> Result<Shard, Status> {
        let keyspace = self.session.borrow().target.keyspace.clone();
        let Some(keyspace) = keyspace else {
            let text = "VT09005: no database selected: use keyspace<:shard><@type> or keyspace<[range]><@type> (<> are optional)";
            return Err(Status::new(Code::FailedPrecondition, text));
        };
        let names = self.resolve(&keyspace, &Destination::KeyspaceId(ksid.clone()))?;
        let name = names.first().map(String::as_str).unwrap_or_default();
        Shard::parse(name).map_err(|error| Status::new(error.code(), error.to_string()))
    }
}

fn go_type(destination: &Destination) -> &'static str {
    match destination {
        Destination::AllShards => "key.DestinationAllShards",
        Destination::AnyShard => "key.DestinationAnyShard",
        Destination::Shard(_) => "key.DestinationShard",
        Destination::Shards(_) => "key.DestinationShards",
        Destination::ExactKeyRange(_) => "key.DestinationExactKeyRange",
        Destination::KeyRange(_) => "key.DestinationKeyRange",
        Destination::KeyspaceId(_) => "key.DestinationKeyspaceID",
        Destination::KeyspaceIds(_) => "key.DestinationKeyspaceIDs",
        Destination::None => "key.DestinationNone",
    }
}

fn row(found: &Found, columns: &[usize]) -> Row {
    let or_null = |value: Option<Value>| value.unwrap_or(Value::Null);
    let cell = |column: &usize| match column {
        0 => found.id.clone(),
        1 => or_null(found.keyspace_id.as_ref().map(|ksid| Value::bytes(ksid.as_bytes()))),
        2 => or_null(found.range.as_ref().map(|range| Value::bytes(range.start.as_bytes()))),
        3 => or_null(found.range.as_ref().map(|range| Value::bytes(range.end.as_bytes()))),
        4 => {
            let hex = found.keyspace_id.as_ref().map(|ksid| hex::encode(ksid.as_bytes()));
            or_null(hex.map(|hex| Value::bytes(hex.as_bytes())))
        }
        _ => or_null(found.shard.as_ref().map(|shard| Value::bytes(shard.as_bytes()))),
    };
    columns.iter().map(cell).collect()
}

fn outcome(function: &VindexFunction, rows: Vec<Row>) -> Outcome {
    let names: Vec<&str> =
        function.columns.iter().filter_map(|at| VINDEX_COLUMNS.get(*at).copied()).collect();
    let mut outcome = table::outcome(&names, rows);
    for column in Arc::make_mut(&mut outcome.columns) {
        column.kind = ColumnKind::new(Kind::Bytes);
        column.not_null = false;
    }
    outcome
}
