//! The planner: from a statement and a VSchema to the primitives that vtgate runs.
//!
//! ```text
//!   text ──statement::parse──> outer statement ──build──> Plan of primitives
//!                                                   │        ├ json   as `vexplain plan` prints it
//!                                                   │        └ table  as `explain format=vitess`
//!                              routing: which vindex, which opcode
//! ```
//!
//! The first rooms: statements over one table of a sharded keyspace, any statement within one
//! unsharded keyspace, statements with a shard target. What is not built yet is VT12001, never a
//! wrong plan. See `go/vt/vtgate/planbuilder`.
//!
//! It knows nothing of shards, tablets or values: only the VSchema.

pub mod ddl;
pub mod dml;
pub mod environment;
pub mod evaluable;
pub mod expression;
pub mod insert;
pub mod json;
pub mod normalize;
pub mod predicate;
pub mod primitive;
pub mod routing;
pub mod select;
pub mod show;
pub mod statement;
pub mod table;
pub mod target;
pub mod utility;
pub mod walk;

use std::sync::Arc;

use sim::sql::ast::{Expr, Query, Statement, TableExpr, TableName};

use crate::key::Code;
use crate::vschema::{Table, VSchema};
use environment::Environment;
use primitive::{Keyspace, Plan, Primitive, QueryType, Send};
use statement::Outer;

/// What planning reads besides the statement.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub vschema: &'a VSchema,
    /// The session's keyspace.
    pub keyspace: Option<&'a str>,
    /// The session's shard target, by which a statement goes as it is.
    pub shard: Option<&'a str>,
    /// Lower case.
    pub tablet_type: &'a str,
    /// What SHOW TABLES writes before the keyspace's name.
    pub tables_header: &'a str,
    pub environment: &'a Environment,
}

/// Why there is no plan, as vtgate tells its client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PlanError {
    pub code: Code,
    pub message: String,
}

impl PlanError {
    pub fn new(code: Code, message: impl Into<String>) -> PlanError {
        PlanError { code, message: message.into() }
    }

    pub fn unsupported(what: impl std::fmt::Display) -> PlanError {
        PlanError::new(Code::Unimplemented, format!("VT12001: unsupported: {what}"))
    }
}

/// Plans a query.
pub fn build(query: &str, context: &Context<'_>) -> Result<Plan, PlanError> {
    let outer = statement::parse(query)?;
    if let Some(plan) = utility::plan(&outer, query, context)? {
        return Ok(plan);
    }
    let Outer::Sql(statement) = outer else {
        return Err(PlanError::unsupported("this statement"));
    };
    let query_type = query_type(&statement);
    let (root, tables_used) = match context.shard {
        Some(shard) => (Some(targeted(&statement, shard, context)?), Vec::new()),
        None => plan(&statement, context)?,
    };
    Ok(Plan { query_type, original: query.to_owned(), root, tables_used })
}

fn plan(
    statement: &Statement,
    context: &Context<'_>,
) -> Result<(Option<Primitive>, Vec<String>), PlanError> {
    match statement {
        Statement::Query(query) => select::plan(query, context),
        Statement::Insert(insert) => insert::plan(insert, context),
        Statement::Update(update) => dml::update(update, context),
        Statement::Delete(delete) => dml::delete(delete, context),
        Statement::Show(show) => show::show(show, context).map(no_tables),
        Statement::Describe { .. } => show::describe(statement, context).map(no_tables),
        Statement::CreateTable(_)
        | Statement::AlterTable(_)
        | Statement::DropTable(_)
        | Statement::TruncateTable(_)
        | Statement::CreateIndex(_)
        | Statement::DropIndex { .. }
        | Statement::RenameTable(_) => ddl::plan(statement, context),
        Statement::Begin(_)
        | Statement::Commit
        | Statement::Rollback
        | Statement::Savepoint(_)
        | Statement::RollbackTo(_)
        | Statement::Release(_) => Ok((None, Vec::new())),
        other => Err(PlanError::unsupported(format!("{other}"))),
    }
}

fn no_tables(root: Primitive) -> (Option<Primitive>, Vec<String>) {
    (Some(root), Vec::new())
}

/// With a shard target a statement goes there as it is: no vindex is asked or told.
fn targeted(
    statement: &Statement,
    shard: &str,
    context: &Context<'_>,
) -> Result<Primitive, PlanError> {
    let keyspace = current_keyspace(context)?;
    if let Statement::Show(show) = statement {
        return show::show_on(show, context, format!("Shard({shard})"));
    }
    let is_dml =
        matches!(statement, Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_));
    let mut query = statement.clone();
    expression::drop_keyspaces(&mut query);
    Ok(Primitive::Send(Send {
        keyspace,
        destination: format!("Shard({shard})"),
        query: Arc::new(query),
        is_dml,
        single_shard_only: false,
        shard_name_needed: false,
        rename: Vec::new(),
    }))
}

// ---------------------------------------------------------------- names

/// The session's keyspace, as plans name it.
fn current_keyspace(context: &Context<'_>) -> Result<Keyspace, PlanError> {
    let Some(name) = context.keyspace else {
        let text = "VT09005: no database selected: use keyspace<:shard><@type> or keyspace<[range]><@type> (<> are optional)";
        return Err(PlanError::new(Code::FailedPrecondition, text));
    };
    keyspace(context, name)
}

fn keyspace(context: &Context<'_>, name: &str) -> Result<Keyspace, PlanError> {
    let found = context.vschema.find_keyspace(name);
    let found = found.map_err(|error| PlanError::new(error.code, error.to_string()))?;
    if let Some(error) = &found.error {
        return Err(PlanError::new(error.code, error.to_string()));
    }
    Ok(Keyspace { name: name.into(), sharded: found.sharded })
}

/// The table that a name means in the session's keyspace.
fn find_table(name: &TableName, context: &Context<'_>) -> Result<Arc<Table>, PlanError> {
    let qualifier = name.qualifier.as_ref().map(|qualifier| qualifier.as_str());
    let keyspace = qualifier.or(context.keyspace).unwrap_or("");
    let found =
        context.vschema.find_routed_table(keyspace, name.name.as_str(), context.tablet_type);
    match found {
        Ok(Some(table)) => Ok(table),
        Ok(None) => {
            let text = format!("table {} not found", name.name.as_str());
            Err(PlanError::new(Code::NotFound, text))
        }
        Err(error) => Err(PlanError::new(error.code, error.to_string())),
    }
}

/// All tables of a FROM, where there is nothing but tables and joins of them; the subqueries'
/// tables too.
fn tables_of(from: &[TableExpr], into: &mut Vec<TableName>) -> Result<(), PlanError> {
    for expr in from {
        match expr {
            TableExpr::Table(table) => into.push(table.name.clone()),
            TableExpr::Join(join) => {
                tables_of(std::slice::from_ref(&join.left), into)?;
                tables_of(std::slice::from_ref(&join.right), into)?;
            }
            TableExpr::Parens(list) => tables_of(list, into)?,
            TableExpr::Bound(table, _) => tables_of(std::slice::from_ref(table), into)?,
            TableExpr::Derived { query, .. } => tables_of_query(query, into)?,
            TableExpr::JsonTable { .. } => return Err(PlanError::unsupported("json_table")),
        }
    }
    Ok(())
}

fn tables_of_query(query: &Query, into: &mut Vec<TableName>) -> Result<(), PlanError> {
    match query {
        Query::Select(select) => {
            if select.with.is_some() {
                return Err(PlanError::unsupported("common table expressions"));
            }
            tables_of(&select.from, into)?;
            let mut nested = Vec::new();
            expression::subqueries_of_select(select, &mut nested);
            nested.into_iter().try_for_each(|query| tables_of_query(query, into))
        }
        Query::Union(union) => {
            tables_of_query(&union.left, into)?;
            tables_of_query(&union.right, into)
        }
        Query::Values(_) => Ok(()),
    }
}

/// The one unsharded keyspace that all tables are in, with the tables as `keyspace.table`; None if
/// they are not.
fn all_unsharded(
    names: &[TableName],
    context: &Context<'_>,
) -> Result<Option<(Keyspace, Vec<String>)>, PlanError> {
    let mut only: Option<String> = None;
    let mut used = Vec::new();
    for name in names {
        let table = find_table(name, context)?;
        let found = keyspace(context, &table.keyspace)?;
        if found.sharded || only.as_ref().is_some_and(|only| *only != table.keyspace) {
            return Ok(None);
        }
        used.push(format!("{}.{}", table.keyspace, table.name));
        only = Some(table.keyspace.clone());
    }
    used.sort();
    used.dedup();
    Ok(only.map(|name| (Keyspace { name: name.into(), sharded: false }, used)))
}

fn query_type(statement: &Statement) -> QueryType {
    match statement {
        Statement::Query(_) => QueryType::Select,
        Statement::Insert(_) => QueryType::Insert,
        Statement::Update(_) => QueryType::Update,
        Statement::Delete(_) => QueryType::Delete,
        Statement::Show(_) => QueryType::Show,
        Statement::Set(_) => QueryType::Set,
        Statement::Use(_) => QueryType::Use,
        Statement::Begin(_) => QueryType::Begin,
        Statement::Commit => QueryType::Commit,
        Statement::Rollback => QueryType::Rollback,
        Statement::Savepoint(_) => QueryType::Savepoint,
        Statement::RollbackTo(_) => QueryType::SavepointRollback,
        Statement::Release(_) => QueryType::Release,
        Statement::Describe { .. } | Statement::Explain(_) => QueryType::Explain,
        Statement::Flush(_) => QueryType::Flush,
        Statement::LockTables(_) => QueryType::LockTables,
        Statement::UnlockTables => QueryType::UnlockTables,
        Statement::Prepare { .. } => QueryType::Prepare,
        Statement::Execute { .. } => QueryType::Execute,
        Statement::Deallocate { .. } => QueryType::Deallocate,
        Statement::Analyze { .. } => QueryType::Analyze,
        Statement::Call { .. } => QueryType::CallProc,
        Statement::CreateTable(_)
        | Statement::AlterTable(_)
        | Statement::DropTable(_)
        | Statement::TruncateTable(_)
        | Statement::RenameTable(_)
        | Statement::CreateIndex(_)
        | Statement::DropIndex { .. }
        | Statement::CreateView(_)
        | Statement::AlterView(_)
        | Statement::DropView { .. }
        | Statement::CreateDatabase { .. }
        | Statement::AlterDatabase { .. }
        | Statement::DropDatabase { .. } => QueryType::Ddl,
        Statement::Kill { .. } | Statement::Verbatim { .. } => QueryType::Other,
    }
}

/// Whether vtgate can give an expression a value by itself: it reads no column.
fn is_value(expr: &Expr) -> bool {
    !expression::any(expr, &mut |expr| {
        matches!(
            expr,
            Expr::Column(_)
                | Expr::Subquery(_)
                | Expr::Exists(_)
                | Expr::Aggregate(_)
                | Expr::Variable(_)
                | Expr::Values(_)
                | Expr::Default(_)
                | Expr::Match { .. }
                | Expr::Assign { .. }
        )
    })
}
