//! ANALYZE, CALL, and what goes on as text: OPTIMIZE, REPAIR, LOAD DATA, procedures.
//!
//! See `planbuilder/{builder,call_proc,other_read}.go`. It knows nothing of what they do.

use sim::sql::ast::{Ident, Statement, TableName, Verbatim};

use super::Planned;
use super::resolve::{self, send, to_one_shard, used};
use crate::planner::primitive::{Primitive, Send};
use crate::planner::{Context, PlanError, ddl, normalize};

pub fn analyze(statement: &Statement, context: &Context<'_>) -> Result<Planned, PlanError> {
    let Statement::Analyze { local, tables } = statement else {
        return Err(PlanError::unsupported(statement));
    };
    let [name] = &tables[..] else {
        return Err(PlanError::unsupported("ANALYZE of several tables"));
    };
    let system =
        name.qualifier.as_ref().map(Ident::as_str).is_some_and(normalize::is_system_schema);
    if system {
        let keyspace = resolve::any_keyspace(context)?;
        let send = send(keyspace, "AnyShard()".to_owned(), statement.clone());
        return Ok((Some(Primitive::Send(send)), Vec::new()));
    }
    let (table, place) = resolve::known_table(name, context)?;
    let bare = TableName { qualifier: None, name: table.name.as_str().into() };
    let used = vec![bare.to_string()];
    let statement = Statement::Analyze { local: *local, tables: vec![bare] };
    let destination = place.destination.unwrap_or_else(|| "AllShards()".to_owned());
    Ok((Some(Primitive::Send(send(place.keyspace, destination, statement))), used))
}

pub fn call(statement: &Statement, context: &Context<'_>) -> Result<Planned, PlanError> {
    let Statement::Call { name, args } = statement else {
        return Err(PlanError::unsupported(statement));
    };
    let place = resolve::place(name.qualifier.as_ref(), context)?;
    let destination = match place.destination {
        Some(destination) => destination,
        None => {
            let text = "CALL is not supported for sharded keyspace";
            resolve::refuse_sharded(&place.keyspace, text)?;
            "AnyShard()".to_owned()
        }
    };
    let name = TableName { qualifier: None, name: name.name.clone() };
    let statement = Statement::Call { name, args: args.clone() };
    Ok((Some(Primitive::Send(send(place.keyspace, destination, statement))), Vec::new()))
}

pub fn verbatim(statement: &Statement, context: &Context<'_>) -> Result<Planned, PlanError> {
    let Statement::Verbatim { kind, text } = statement else {
        return Err(PlanError::unsupported(statement));
    };
    match kind {
        Verbatim::CreateProcedure | Verbatim::DropProcedure => procedure(*kind, text, context),
        Verbatim::LoadData => {
            let place = resolve::place(None, context)?;
            let text = "LOAD is not supported on sharded keyspace";
            resolve::refuse_sharded(&place.keyspace, text)?;
            let send = Send {
                is_dml: true,
                single_shard_only: true,
                ..send(place.keyspace, "AnyShard()".to_owned(), statement.clone())
            };
            Ok((Some(Primitive::Send(send)), Vec::new()))
        }
        Verbatim::Repair | Verbatim::Optimize | Verbatim::Do => {
            let place = resolve::place(None, context)?;
            let destination = place.destination.unwrap_or_else(|| "AnyShard()".to_owned());
            let root = to_one_shard(place.keyspace, destination, statement.clone());
            Ok((Some(root), Vec::new()))
        }
    }
}

/// A procedure is made on the servers of an unsharded keyspace. Its text keeps no keyspace.
fn procedure(kind: Verbatim, text: &str, context: &Context<'_>) -> Result<Planned, PlanError> {
    let (before, name, behind) = split_name(text)
        .ok_or_else(|| PlanError::unsupported(format!("this procedure: {text}")))?;
    let mut name = name;
    let keyspace = ddl::place(&mut name, context)?;
    if kind == Verbatim::CreateProcedure && keyspace.sharded {
        let text = "CREATE PROCEDURE is not supported on sharded keyspaces";
        return Err(PlanError::unsupported(text));
    }
    let used = vec![used(&keyspace, name.name.as_str())];
    let qualifier = format!("{}.", keyspace.name);
    let body = behind.trim_end().trim_end_matches(';').trim_end().replace(&qualifier, "");
    let end = if kind == Verbatim::CreateProcedure { ";" } else { "" };
    let blank = if body.is_empty() { "" } else { " " };
    let text =
        format!("{}{}{blank}{}{end}", before.to_ascii_lowercase(), name.name, body.trim_start(),);
    let statement = Statement::Verbatim { kind, text };
    Ok((Some(Primitive::Ddl(send(keyspace, "AllShards()".to_owned(), statement))), used))
}

/// The text up to a procedure's name, the name, and the rest.
fn split_name(text: &str) -> Option<(String, TableName, &str)> {
    let lower = text.to_ascii_lowercase();
    let start = lower.find("procedure")? + "procedure".len();
    let mut at = start + (text[start..].len() - text[start..].trim_start().len());
    if lower[at..].starts_with("if exists ") {
        at += "if exists ".len();
    } else if lower[at..].starts_with("if not exists ") {
        at += "if not exists ".len();
    }
    let words: Vec<&str> = text[..at].split_whitespace().collect();
    let rest = &text[at..];
    let end = rest.find(|c: char| c.is_whitespace() || c == '(').unwrap_or(rest.len());
    let unquoted = rest[..end].replace('`', "");
    let name = match unquoted.split_once('.') {
        Some((qualifier, name)) => {
            TableName { qualifier: Some(qualifier.into()), name: name.into() }
        }
        None => TableName { qualifier: None, name: unquoted.as_str().into() },
    };
    Some((format!("{} ", words.join(" ")), name, &rest[end..]))
}
