//! The planner: from a statement and a VSchema to the primitives that vtgate runs.
//!
//! ```text
//!   text ──statement::parse──> statement ──normalize──> literals, hints and SET as Vitess has them
//!        ──utility──> SHOW, SET, DDL and the like: a table of plans
//!        ──shortcut──> one unsharded keyspace: the text goes there as it is
//!        ──semantics──> each column bound to its table; types, stars, aliases, errors
//!        ──build──> operators: query graphs, joins, subqueries, horizons
//!        ──rewrite──> in named phases, each until nothing changes: routes merge, horizons split,
//!                     filters, orders and aggregates go down
//!        ──offset*──> each operator knows where its input has the columns that it needs
//!        ──lower, text──> primitives, each route with its text   ──json, table, tree──> shown
//! ```
//!
//! One file stands for each operator, and one rule for each rewrite; `Context::trace` has what
//! fired. What is not built yet is VT12001, never a wrong plan. See `go/vt/vtgate/planbuilder`.
//!
//! It knows nothing of shards, tablets or values: only the VSchema.

pub mod aggregation;
pub mod build;
pub mod change;
pub mod ddl;
pub mod directive;
pub mod environment;
pub mod evaluable;
pub mod expression;
pub mod foreign_key;
pub mod found_rows;
pub mod input;
pub mod insert;
pub mod insert_query;
pub mod json;
pub mod local;
pub mod lower;
pub mod lower_above;
pub mod mirror;
pub mod node;
pub mod normalize;
pub mod offset;
pub mod offset_above;
pub mod offset_aggregation;
pub mod offset_hash;
pub mod offset_join;
pub mod offset_recurse;
pub mod offset_union;
pub mod operator;
pub mod planning;
pub mod predicate;
pub mod primitive;
pub mod rewrite;
pub mod route;
pub mod select;
pub mod semantics;
pub mod shortcut;
pub mod show;
pub mod statement;
pub mod system_tables;
pub mod table;
pub mod target;
pub mod text;
pub mod utility;
pub mod walk;

use std::sync::Arc;

use sim::sql::ast::{
    Expr, Ident, Limit, Literal, Query, SelectItem, Statement, TableName, Verbatim,
};

use crate::key::Code;
use crate::vschema::{Table, VSchema};
use environment::Environment;
use primitive::{Keyspace, Plan, Primitive, QueryType};
use semantics::check::first_select;
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
    /// Takes each rule that fires, if somebody asks.
    pub trace: Option<&'a planning::Trace>,
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

    /// Something that cannot be, as vtgate says it of itself.
    pub fn bug(what: impl std::fmt::Display) -> PlanError {
        PlanError::new(Code::Internal, format!("VT13001: [BUG] {what}"))
    }
}

/// Plans a query.
pub fn build(query: &str, context: &Context<'_>) -> Result<Plan, PlanError> {
    match statement::parse_once(query)? {
        Outer::Sql(statement) => build_statement(statement, query, context),
        outer => {
            let (query_type, (root, tables_used)) = utility::of_vitess(&outer, query, context)?;
            let (variables, aliases) = Default::default();
            let original = query.to_owned();
            Ok(Plan { query_type, original, root, tables_used, variables, aliases })
        }
    }
}

/// Plans a statement, of which this is the text.
pub fn build_statement(
    mut statement: Statement,
    query: &str,
    context: &Context<'_>,
) -> Result<Plan, PlanError> {
    let query_type = query_type(&statement);
    limit_select(&mut statement, context);
    let variables = normalize::normalize(&mut statement, context)?.variables;
    let (root, tables_used) = plan(&statement, query, context)?;
    let (original, aliases) = (query.to_owned(), aliases(&statement));
    Ok(Plan { query_type, original, root, tables_used, variables, aliases })
}

/// What a query calls its columns, up to the first star.
fn aliases(statement: &Statement) -> Vec<(usize, Arc<str>)> {
    let Statement::Query(query) = statement else { return Vec::new() };
    let items = first_select(query).map(|select| select.items.as_slice()).unwrap_or_default();
    let known = items.iter().take_while(|item| matches!(item, SelectItem::Expr { .. }));
    let alias = |(at, item): (usize, &SelectItem)| match item {
        SelectItem::Expr { alias: Some(alias), .. } => Some((at, Arc::clone(&alias.0))),
        SelectItem::Expr { expr: Expr::Column(column), .. } => {
            Some((at, Arc::clone(&column.name.0)))
        }
        _ => None,
    };
    known.enumerate().filter_map(alias).collect()
}

/// A session's `sql_select_limit`.
fn limit_select(statement: &mut Statement, context: &Context<'_>) {
    if let (Some(limit), Statement::Query(Query::Select(select))) =
        (context.environment.select_limit, statement)
        && select.limit.is_none()
    {
        let count = Expr::Literal(Literal::Integer(limit.to_string().as_str().into()));
        select.limit = Some(Limit { offset: None, count });
    }
}

fn plan(
    statement: &Statement,
    query: &str,
    context: &Context<'_>,
) -> Result<(Option<Primitive>, Vec<String>), PlanError> {
    if let Some(planned) = utility::plan(statement, query, context)? {
        return Ok(planned);
    }
    match statement {
        Statement::Query(query) => select::plan(query, context),
        Statement::Insert(insert) => insert::plan(insert, context),
        Statement::Update(update) => change::update(update, context),
        Statement::Delete(delete) => change::delete(delete, context),
        other => Err(PlanError::unsupported(format!("{other}"))),
    }
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

/// The keyspace that stands in where a statement names none.
fn any_keyspace(context: &Context<'_>) -> Option<Keyspace> {
    let name = match &context.environment.any_keyspace {
        Some(name) => name.as_str(),
        None => {
            let own = context.keyspace.filter(|name| !normalize::is_system_schema(name));
            own.or_else(|| preferred_keyspace(context))?
        }
    };
    keyspace(context, name).ok()
}

/// The first keyspace by name that is sharded; where none is, the first.
fn preferred_keyspace<'a>(context: &Context<'a>) -> Option<&'a str> {
    let keyspaces = &context.vschema.keyspaces;
    let sharded = keyspaces.iter().find(|(_, keyspace)| keyspace.sharded);
    sharded.or_else(|| keyspaces.iter().next()).map(|(name, _)| name.as_str())
}

/// The keyspace that `dual` is counted to. A system schema is none.
fn dual_keyspace(context: &Context<'_>) -> String {
    let own = context.keyspace.filter(|name| !normalize::is_system_schema(name));
    let any = || any_keyspace(context).map(|keyspace| keyspace.name.to_string());
    own.map(str::to_owned).or_else(any).unwrap_or_default()
}

/// The table that a reference table copies, if the name is a reference table's.
fn reference_source(name: &TableName, context: &Context<'_>) -> Option<TableName> {
    let table = find_table(name, context).ok()?;
    let source = table.source.as_ref()?;
    Some(TableName {
        qualifier: Some(Ident::new(&source.keyspace)),
        name: Ident::new(&source.name),
    })
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
        Statement::Verbatim {
            kind: Verbatim::CreateProcedure | Verbatim::DropProcedure, ..
        } => QueryType::Ddl,
        Statement::Kill { .. } | Statement::Verbatim { .. } => QueryType::Other,
    }
}
