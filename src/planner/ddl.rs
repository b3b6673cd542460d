//! DDL: to all shards of the table's keyspace, as it prints.
//!
//! A table that no VSchema knows belongs to the session's keyspace.

use std::sync::Arc;

use sim::sql::ast::{Statement, TableName};

use super::primitive::{Primitive, Send};
use super::{Context, PlanError, expression, keyspace};

pub fn plan(
    statement: &Statement,
    context: &Context<'_>,
) -> Result<(Option<Primitive>, Vec<String>), PlanError> {
    let tables = affected(statement);
    let qualifier = tables.iter().find_map(|table| table.qualifier.clone());
    let of = match qualifier {
        Some(qualifier) => keyspace(context, qualifier.as_str())?,
        None => super::current_keyspace(context)?,
    };
    let used = tables.iter().map(|table| format!("{}.{}", of.name, table.name.as_str())).collect();
    let mut query = statement.clone();
    expression::drop_keyspaces(&mut query);
    let send = Send {
        keyspace: of,
        destination: "AllShards()".to_owned(),
        query: Arc::new(query),
        is_dml: false,
        single_shard_only: false,
        shard_name_needed: false,
        rename: Vec::new(),
    };
    Ok((Some(Primitive::Ddl(send)), used))
}

fn affected(statement: &Statement) -> Vec<TableName> {
    match statement {
        Statement::CreateTable(create) => vec![create.table.clone()],
        Statement::AlterTable(alter) => vec![alter.table.clone()],
        Statement::DropTable(drop) => drop.tables.clone(),
        Statement::TruncateTable(table) => vec![table.clone()],
        Statement::CreateIndex(create) => vec![create.table.clone()],
        Statement::DropIndex { table, .. } => vec![table.clone()],
        Statement::RenameTable(renames) => {
            renames.iter().flat_map(|(old, new)| [old.clone(), new.clone()]).collect()
        }
        _ => Vec::new(),
    }
}
