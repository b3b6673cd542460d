//! FLUSH: options to the session's keyspace, tables to the keyspaces that have them.
//!
//! See `planbuilder/flush.go`. It knows nothing of what is flushed.

use std::collections::{BTreeMap, BTreeSet};

use sim::sql::ast::{Flush, FlushTarget, Statement, TableName};

use super::resolve::{self, send, used};
use super::{Planned, Targeted, Utility};
use crate::key::Code;
use crate::planner::primitive::{Keyspace, Primitive};
use crate::planner::{Context, PlanError};

pub fn plan(flush: &Flush, context: &Context<'_>) -> Result<Planned, PlanError> {
    if !flush.local && context.tablet_type != "primary" {
        let text = format!(
            "VT09012: FLUSH statement with {} tablet not allowed",
            context.tablet_type.to_ascii_uppercase()
        );
        return Err(PlanError::new(Code::FailedPrecondition, text));
    }
    match &flush.target {
        FlushTarget::Tables { names, with_read_lock, for_export } if !names.is_empty() => {
            let of_keyspace = |names: Vec<TableName>| Flush {
                local: flush.local,
                target: FlushTarget::Tables {
                    names,
                    with_read_lock: *with_read_lock,
                    for_export: *for_export,
                },
            };
            tables(names, &of_keyspace, context)
        }
        _ => {
            let keyspace = resolve::selected_keyspace(context)?;
            let destination = resolve::session_destination(context);
            let destination = destination.unwrap_or_else(|| "AllShards()".to_owned());
            Ok((Some(to(keyspace, destination, flush.clone())), Vec::new()))
        }
    }
}

/// One statement for each keyspace, in the order of their names.
fn tables(
    names: &[TableName],
    of_keyspace: &dyn Fn(Vec<TableName>) -> Flush,
    context: &Context<'_>,
) -> Result<Planned, PlanError> {
    let mut by_keyspace: BTreeMap<(String, String), (Keyspace, Vec<TableName>)> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for name in names {
        let (table, place) = resolve::known_table(name, context)?;
        all.insert(used(&place.keyspace, &table.name));
        let destination = place.destination.unwrap_or_else(|| "AllShards()".to_owned());
        let key = (place.keyspace.name.to_string(), destination);
        let (_, tables) = by_keyspace.entry(key).or_insert((place.keyspace, Vec::new()));
        tables.push(TableName { qualifier: None, name: table.name.as_str().into() });
    }
    let mut sends: Vec<Primitive> = by_keyspace
        .into_iter()
        .map(|((_, destination), (keyspace, tables))| {
            to(keyspace, destination, of_keyspace(tables))
        })
        .collect();
    let root = match sends.len() {
        1 => sends.remove(0),
        _ => Primitive::Utility(Utility::Concatenate(sends)),
    };
    Ok((Some(root), all.into_iter().collect()))
}

/// A lock on tables stays with its connection.
fn to(keyspace: Keyspace, destination: String, flush: Flush) -> Primitive {
    let reserved_connection =
        matches!(flush.target, FlushTarget::Tables { with_read_lock: true, .. });
    let send = send(keyspace, destination, Statement::Flush(flush));
    if !reserved_connection {
        return Primitive::Send(send);
    }
    Primitive::Utility(Utility::Targeted(Targeted {
        send,
        multi_shard_autocommit: false,
        query_timeout_ms: 0,
        reserved_connection,
    }))
}
