//! With a shard or a key range as the session's target, a statement goes there as it is: no vindex
//! is asked or told.
//!
//! See `planbuilder/bypass.go`. It knows nothing of tables.

use std::sync::Arc;

use sim::sql::ast::{Comments, Query, Show, ShowKind, Statement, Verbatim};

use super::resolve::{self, send};
use super::{Planned, Targeted, Utility};
use crate::key::Code;
use crate::planner::primitive::{Primitive, Send};
use crate::planner::{Context, PlanError, expression};

/// Plans what the target bypasses the router for; none for what doesn't go to shards at all.
pub fn plan(
    statement: &Statement,
    query: &str,
    context: &Context<'_>,
) -> Result<Option<Planned>, PlanError> {
    Ok(Some(match statement {
        Statement::Insert(_) if is_range(context) => {
            let text = format!(
                "VT03023: INSERT not supported when targeting a key range: {}",
                context.environment.target
            );
            return Err(PlanError::new(Code::InvalidArgument, text));
        }
        Statement::Query(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Explain(_)
        | Statement::Analyze { .. }
        | Statement::LockTables(_)
        | Statement::UnlockTables
        | Statement::Call { .. } => as_it_is(statement, context)?,
        Statement::CreateTable(_)
        | Statement::AlterTable(_)
        | Statement::DropTable(_)
        | Statement::TruncateTable(_)
        | Statement::CreateIndex(_)
        | Statement::DropIndex { .. }
        | Statement::RenameTable(_)
        | Statement::CreateView(_)
        | Statement::AlterView(_)
        | Statement::DropView { .. } => definition(statement, query, context)?,
        Statement::Show(Show { kind: ShowKind::Tables { .. }, .. }) => {
            (Some(Primitive::Send(base(statement, context)?)), Vec::new())
        }
        Statement::Show(_) | Statement::Describe { .. } => one_shard(statement, context)?,
        Statement::Verbatim { kind: Verbatim::LoadData, .. } => {
            let send = Send { is_dml: true, single_shard_only: true, ..base(statement, context)? };
            (Some(Primitive::Send(send)), Vec::new())
        }
        Statement::Verbatim { .. } => one_shard(statement, context)?,
        _ => return Ok(None),
    }))
}

/// A text that only tablets read.
pub fn text(query: &str, context: &Context<'_>) -> Result<Planned, PlanError> {
    let place = resolve::place(None, context)?;
    let utility = Utility::SendText {
        keyspace: place.keyspace,
        destination: place.destination.unwrap_or_else(|| "AllShards()".to_owned()),
        text: query.trim().trim_end_matches(';').into(),
    };
    Ok((Some(Primitive::Utility(utility)), Vec::new()))
}

/// A definition goes as it was written: its tree may have lost a comment. A server of ours reads
/// trees, so what can be a tree stays one where the texts agree.
fn definition(
    statement: &Statement,
    query: &str,
    context: &Context<'_>,
) -> Result<Planned, PlanError> {
    match statement.to_string() == query.trim().trim_end_matches(';') {
        true => Ok((Some(Primitive::Send(base(statement, context)?)), Vec::new())),
        false => text(query, context),
    }
}

fn is_range(context: &Context<'_>) -> bool {
    context.shard.is_some_and(|shard| shard.starts_with('[') && shard.contains('-'))
}

fn base(statement: &Statement, context: &Context<'_>) -> Result<Send, PlanError> {
    let place = resolve::place(None, context)?;
    let mut statement = statement.clone();
    expression::drop_keyspaces(&mut statement);
    let destination = place.destination.unwrap_or_else(|| "AllShards()".to_owned());
    Ok(send(place.keyspace, destination, statement))
}

fn one_shard(statement: &Statement, context: &Context<'_>) -> Result<Planned, PlanError> {
    let send = Send { single_shard_only: true, ..base(statement, context)? };
    Ok((Some(Primitive::Send(send)), Vec::new()))
}

fn as_it_is(statement: &Statement, context: &Context<'_>) -> Result<Planned, PlanError> {
    let is_dml =
        matches!(statement, Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_));
    let send = Send { is_dml, ..base(statement, context)? };
    let none = Comments::default();
    let comments = comments(statement).unwrap_or(&none);
    let multi_shard_autocommit = directive(comments, "MULTI_SHARD_AUTOCOMMIT").is_some_and(is_on);
    let query_timeout_ms =
        directive(comments, "QUERY_TIMEOUT_MS").and_then(|text| text.parse().ok()).unwrap_or(0);
    if !multi_shard_autocommit && query_timeout_ms == 0 {
        return Ok((Some(Primitive::Send(send)), Vec::new()));
    }
    let targeted =
        Targeted { send, multi_shard_autocommit, query_timeout_ms, reserved_connection: false };
    Ok((Some(Primitive::Utility(Utility::Targeted(targeted))), Vec::new()))
}

fn comments(statement: &Statement) -> Option<&Comments> {
    match statement {
        Statement::Insert(insert) => Some(&insert.comments),
        Statement::Update(update) => Some(&update.comments),
        Statement::Delete(delete) => Some(&delete.comments),
        Statement::Query(Query::Select(select)) => Some(&select.comments),
        _ => None,
    }
}

/// The value of a directive (`/*vt+ NAME=value */`); empty where it has none.
fn directive<'a>(comments: &'a Comments, name: &str) -> Option<&'a str> {
    let bodies = comments
        .0
        .iter()
        .filter_map(|comment: &Arc<str>| comment.strip_prefix("/*vt+")?.strip_suffix("*/"));
    bodies.flat_map(str::split_whitespace).find_map(|word| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn is_on(value: &str) -> bool {
    value.is_empty() || value == "1" || value.eq_ignore_ascii_case("true")
}
