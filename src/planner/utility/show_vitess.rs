//! SHOW of what Vitess alone has. vtgate answers most of it by itself.
//!
//! See `planbuilder/show.go`. It knows nothing of how vtgate finds out.

use std::sync::Arc;

use sim::sql::ast::{Ident, Statement, Verbatim};

use super::resolve::{self, is_like, send, text_rows};
use super::{Planned, Utility, migration};
use crate::key::Code;
use crate::planner::primitive::{Primitive, Send};
use crate::planner::statement::show::{Filter, ShowVitess, ShowVitessKind};
use crate::planner::{Context, PlanError};
use crate::vschema::{ForeignKeyMode, Table};

pub fn plan(show: &ShowVitess, query: &str, context: &Context<'_>) -> Result<Planned, PlanError> {
    use ShowVitessKind as Kind;
    let exec = |what: &'static str| {
        Primitive::Utility(Utility::ShowExec { what, filter: show.filter.clone() })
    };
    let root = match &show.kind {
        Kind::Keyspaces => databases(&show.filter, &[], context),
        Kind::Shards => exec("vitess_shards"),
        Kind::Tablets => exec("vitess_tablets"),
        Kind::ReplicationStatus => exec("vitess_replication_status"),
        Kind::MetadataVariables => exec("vitess_metadata variables"),
        Kind::Target => text_rows(&["Target"], vec![vec![target(context)]]),
        Kind::VSchemaTables => vschema_tables(context)?,
        Kind::VSchemaKeyspaces => vschema_keyspaces(context),
        Kind::VSchemaVindexes { table: Some(table) } => {
            let place = resolve::place(table.qualifier.as_ref(), context)?;
            vindexes_of_table(&place.keyspace.name, table.name.as_str(), context)?
        }
        Kind::VSchemaVindexes { table: None } => all_vindexes(context),
        Kind::Migrations { keyspace } => {
            let place = resolve::place(keyspace.as_ref(), context)?;
            migration::refuse_replica("SHOW", context)?;
            let text = migrations_text(keyspace.as_ref(), show.filter.as_ref());
            let destination = place.destination.unwrap_or_else(|| "AllShards()".to_owned());
            let keyspace = place.keyspace;
            Primitive::Utility(Utility::SendText { keyspace, destination, text: text.into() })
        }
        Kind::MigrationLogs | Kind::ThrottledApps | Kind::ThrottlerStatus => {
            return super::bypass::text(query, context);
        }
        Kind::GtidExecuted { keyspace } => gtid(keyspace.as_ref(), context)?,
        Kind::VgtidExecuted { keyspace } => {
            let input = gtid(keyspace.as_ref(), context)?;
            Primitive::Utility(Utility::Vgtid(Box::new(input)))
        }
        Kind::TransactionStatus { id } => Primitive::Utility(Utility::TransactionStatus {
            id: Arc::clone(id),
            keyspace: "".into(),
        }),
        Kind::UnresolvedTransactions { keyspace } => {
            // None of all is meant without one.
            let keyspace = keyspace.clone().unwrap_or_default();
            Primitive::Utility(Utility::TransactionStatus { id: "".into(), keyspace })
        }
    };
    Ok((Some(root), Vec::new()))
}

/// The keyspaces, and these databases of MySQL's.
pub fn databases(filter: &Option<Filter>, system: &[&str], context: &Context<'_>) -> Primitive {
    let keyspaces: Vec<&str> = match &context.environment.databases {
        Some(known) => known.iter().map(String::as_str).collect(),
        None => context.vschema.keyspaces.keys().map(String::as_str).collect(),
    };
    let is_shown = |name: &&str| match filter {
        Some(Filter::Like(pattern)) => is_like(name, pattern),
        _ => true,
    };
    let names = keyspaces.into_iter().chain(system.iter().copied()).filter(is_shown);
    text_rows(&["Database"], names.map(|name| vec![name.to_owned()]).collect())
}

fn target(context: &Context<'_>) -> String {
    match context.environment.target.as_str() {
        "" => match (context.keyspace, context.shard) {
            (None, _) => String::new(),
            (Some(keyspace), None) => keyspace.to_owned(),
            (Some(keyspace), Some(shard)) => format!("{keyspace}:{shard}"),
        },
        target => target.to_owned(),
    }
}

fn vschema_tables(context: &Context<'_>) -> Result<Primitive, PlanError> {
    let keyspace = resolve::selected_keyspace(context)?;
    let tables = context.vschema.keyspaces.get(&*keyspace.name).map(|of| &of.tables);
    let names = tables.into_iter().flat_map(|tables| tables.keys().cloned());
    Ok(text_rows(&["Tables"], names.map(|name| vec![name]).collect()))
}

fn vschema_keyspaces(context: &Context<'_>) -> Primitive {
    let row = |keyspace: &crate::vschema::Keyspace| {
        let mode = match keyspace.foreign_key_mode {
            ForeignKeyMode::Unspecified => "unspecified",
            ForeignKeyMode::Disallow => "disallow",
            ForeignKeyMode::Unmanaged => "unmanaged",
            ForeignKeyMode::Managed => "managed",
        };
        let comment = keyspace.error.as_ref().map(|error| error.to_string());
        vec![
            keyspace.name.clone(),
            keyspace.sharded.to_string(),
            mode.to_owned(),
            comment.unwrap_or_default(),
        ]
    };
    let rows = context.vschema.keyspaces.values().map(row).collect();
    text_rows(&["Keyspace", "Sharded", "Foreign Key", "Comment"], rows)
}

fn vindexes_of_table(
    keyspace: &str,
    name: &str,
    context: &Context<'_>,
) -> Result<Primitive, PlanError> {
    let no_table = || {
        let text = format!("VT05005: table '{name}' does not exist in keyspace '{keyspace}'");
        PlanError::new(Code::NotFound, text)
    };
    let rows = match &context.environment.shown_tables {
        Some(shown) => {
            let tables = shown.get(keyspace).ok_or_else(no_table)?;
            if !tables.contains(name) {
                return Err(no_table());
            }
            Vec::new()
        }
        None => {
            let tables = context.vschema.keyspaces.get(keyspace).map(|of| &of.tables);
            let table = tables.and_then(|tables| tables.get(name)).ok_or_else(no_table)?;
            table_rows(table, context)
        }
    };
    Ok(text_rows(&["Columns", "Name", "Type", "Params", "Owner"], rows))
}

fn table_rows(table: &Table, context: &Context<'_>) -> Vec<Vec<String>> {
    let declared = table.column_vindexes.iter().filter(|vindex| !vindex.partial);
    let row = |vindex: &Arc<crate::vschema::ColumnVindex>| {
        let [_, type_name, params, owner] = described(&table.keyspace, &vindex.name, context);
        vec![vindex.columns.join(", "), vindex.name.clone(), type_name, params, owner]
    };
    declared.map(row).collect()
}

fn all_vindexes(context: &Context<'_>) -> Primitive {
    let mut rows = Vec::new();
    if context.environment.shown_tables.is_none() {
        for (keyspace, source) in &context.vschema.source.keyspaces {
            for name in source.vindexes.keys() {
                let [name, type_name, params, owner] = described(keyspace, name, context);
                rows.push(vec![keyspace.clone(), name, type_name, params, owner]);
            }
        }
    }
    text_rows(&["Keyspace", "Name", "Type", "Params", "Owner"], rows)
}

/// Name, type, parameters, owner of a vindex.
fn described(keyspace: &str, name: &str, context: &Context<'_>) -> [String; 4] {
    let source = context.vschema.source.keyspaces.get(keyspace);
    let Some(vindex) = source.and_then(|source| source.vindexes.get(name)) else {
        return [name.to_owned(), String::new(), String::new(), String::new()];
    };
    let params: Vec<String> =
        vindex.params.iter().map(|(key, value)| format!("{key}={value}")).collect();
    [name.to_owned(), vindex.type_name.clone(), params.join("; "), vindex.owner.clone()]
}

fn migrations_text(keyspace: Option<&Ident>, filter: Option<&Filter>) -> String {
    let from = keyspace.map(|keyspace| format!(" from {keyspace}")).unwrap_or_default();
    let filter = filter.map(Filter::to_string).unwrap_or_default();
    format!("show vitess_migrations{from}{filter}")
}

/// The GTID set of each shard. The query's `:__vt_shard` is the shard's name.
fn gtid(keyspace: Option<&Ident>, context: &Context<'_>) -> Result<Primitive, PlanError> {
    let place = resolve::place(keyspace, context)?;
    let text = format!(
        "select '{}' as db_name, @@global.gtid_executed as gtid_executed, :__vt_shard as shard",
        place.keyspace.name
    );
    let statement = match sim::sql::parse(&text) {
        Ok(statement @ Statement::Query(_)) if statement.to_string() == text => statement,
        // Printed without FROM, which our printer writes.
        _ => Statement::Verbatim { kind: Verbatim::Do, text },
    };
    let destination = place.destination.unwrap_or_else(|| "AllShards()".to_owned());
    let send = Send { shard_name_needed: true, ..send(place.keyspace, destination, statement) };
    Ok(Primitive::Send(send))
}
