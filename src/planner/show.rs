//! SHOW and DESCRIBE: any shard of the keyspace answers.

use std::sync::Arc;

use sim::sql::ast::{Show, ShowKind, Statement};

use super::primitive::{Primitive, Send};
use super::{Context, PlanError, expression, keyspace};

pub fn show(show: &Show, context: &Context<'_>) -> Result<Primitive, PlanError> {
    show_on(show, context, "AnyShard()".to_owned())
}

/// The same on a given destination.
pub fn show_on(
    show: &Show,
    context: &Context<'_>,
    destination: String,
) -> Result<Primitive, PlanError> {
    let mut show = show.clone();
    let mut rename = Vec::new();
    let database = match &mut show.kind {
        ShowKind::Tables { database } | ShowKind::TableStatus { database } => database.take(),
        ShowKind::Columns { table } | ShowKind::Index { table } | ShowKind::CreateTable(table) => {
            table.qualifier.take()
        }
        ShowKind::Variables { .. } | ShowKind::Collation | ShowKind::CharacterSet => None,
        _ => return Err(PlanError::unsupported(format!("{}", Statement::Show(show)))),
    };
    let of = match database {
        Some(database) => keyspace(context, database.as_str())?,
        None => super::current_keyspace(context)?,
    };
    if matches!(show.kind, ShowKind::Tables { .. }) {
        rename.push((0, format!("{}{}", context.tables_header, of.name).into()));
    }
    Ok(Primitive::Send(Send {
        keyspace: of,
        single_shard_only: destination == "AnyShard()",
        destination,
        query: Arc::new(Statement::Show(show)),
        is_dml: false,
        shard_name_needed: false,
        rename,
    }))
}

pub fn describe(statement: &Statement, context: &Context<'_>) -> Result<Primitive, PlanError> {
    let Statement::Describe { table, .. } = statement else {
        return Err(PlanError::unsupported(format!("{statement}")));
    };
    let of = match &table.qualifier {
        Some(qualifier) => keyspace(context, qualifier.as_str())?,
        None => super::current_keyspace(context)?,
    };
    let mut query = statement.clone();
    expression::drop_keyspaces(&mut query);
    Ok(Primitive::Send(Send {
        keyspace: of,
        destination: "AnyShard()".to_owned(),
        query: Arc::new(query),
        is_dml: false,
        single_shard_only: true,
        shard_name_needed: false,
        rename: Vec::new(),
    }))
}
