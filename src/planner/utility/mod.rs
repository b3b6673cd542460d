//! Statements that go nowhere by a vindex: SHOW, SET, DDL, prepared statements, administration.
//!
//! ```text
//!   outer statement ──plan──> one primitive, mostly a Send to any or all shards of a keyspace
//!                      └────> none: a query or a data change, which the planner proper takes
//! ```
//!
//! One file a family, and [`Utility`] is what they plan to beside the primitives that queries have.
//! See `planbuilder/builder.go`, `createInstructionFor`.
//!
//! It knows nothing of vindexes and operators.

mod admin;
mod bypass;
mod database;
mod explain;
mod flush;
pub mod json;
mod keys;
mod lock;
mod migration;
mod prepare;
pub mod resolve;
mod set;
mod show_vitess;
mod stream;
pub mod system_variable;
mod vschema;

pub use resolve::is_like;
pub use show_vitess::databases;

use std::collections::BTreeSet;
use std::sync::Arc;

use sim::sql::ast::{Expr, Query, Statement};

use crate::planner::foreign_key::primitive::Keyed;
use crate::planner::insert_query::InsertQuery;
use crate::planner::primitive::{Keyspace, Primitive, QueryType, Rows, Send};
use crate::planner::statement::show::{Filter, ShowVitessKind};
use crate::planner::statement::vschema::AlterVSchema;
use crate::planner::statement::{Outer, StreamKind, VExplainKind};
use crate::planner::{Context, PlanError, ddl, show};

/// What utility statements plan to.
#[derive(Clone, Debug, PartialEq)]
pub enum Utility {
    /// A Send with what a directive or a lock asks for.
    Targeted(Targeted),
    /// A text that goes as it was written: only tablets read it.
    SendText {
        keyspace: Keyspace,
        destination: String,
        text: Arc<str>,
    },
    /// The answers of all, one after the other.
    Concatenate(Vec<Primitive>),
    AlterVSchema {
        keyspace: Keyspace,
        change: AlterVSchema,
    },
    CreateDatabase(Arc<str>),
    DropDatabase(Arc<str>),
    Execute {
        parameters: Vec<Arc<str>>,
        input: Box<Primitive>,
        /// What the prepared statement's plan needs of the session.
        variables: BTreeSet<Arc<str>>,
    },
    VExplain {
        kind: VExplainKind,
        input: Box<Primitive>,
        /// What the explained statement's plan needs of the session.
        variables: BTreeSet<Arc<str>>,
    },
    /// Vitess's own variables in the answer to SHOW VARIABLES.
    ReplaceVariables(Box<Primitive>),
    RevertMigration {
        keyspace: Keyspace,
        text: Arc<str>,
    },
    ShowWarnings,
    ShowExec {
        what: &'static str,
        filter: Option<Filter>,
    },
    TransactionStatus {
        id: Arc<str>,
        keyspace: Arc<str>,
    },
    Stream(Stream),
    Set(Set),
    /// Functions of locks that a session holds: all on one connection.
    Lock {
        keyspace: Keyspace,
        field_query: Arc<Statement>,
        functions: Vec<Expr>,
    },
    UnlockTables,
    VindexFunction(VindexFunction),
    /// The GTID sets of all shards as one VGTID.
    Vgtid(Box<Primitive>),
    Mirror(Box<Mirror>),
    FoundRows(Box<FoundRows>),
    InsertQuery(Box<InsertQuery>),
    /// What foreign keys plan to.
    Keyed(Box<Keyed>),
}

/// Some executions of the first are repeated by the second.
#[derive(Clone, Debug, PartialEq)]
pub struct Mirror {
    pub percent: f64,
    pub input: Primitive,
    pub mirrored: Primitive,
}

/// A query with a limit, and the count of its rows without it, which FOUND_ROWS() then gives.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRows {
    pub limited: Primitive,
    pub counted: Primitive,
}

/// A vindex as a table: what it maps values to.
#[derive(Clone, Debug, PartialEq)]
pub struct VindexFunction {
    pub keyspace: Arc<str>,
    pub vindex: Arc<str>,
    /// A value, or a list of them.
    pub value: Expr,
    /// By position among the columns that a vindex has.
    pub columns: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Targeted {
    pub send: Send,
    pub multi_shard_autocommit: bool,
    pub query_timeout_ms: u64,
    pub reserved_connection: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub operator: &'static str,
    pub keyspace: Keyspace,
    pub destination: String,
    pub table: Arc<str>,
    /// Of a stream of changes.
    pub position: String,
    pub limit: usize,
}

/// SET: what is done with each value, in order, over a row that holds what vtgate cannot evaluate.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    pub operations: Vec<SetOperation>,
    pub input: Box<Primitive>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SetOperation {
    UserVariable {
        name: Arc<str>,
        value: SetValue,
    },
    /// A variable that means something to vtgate.
    Aware {
        name: Arc<str>,
        value: SetValue,
    },
    /// A variable that a reserved connection is set to, or a hint in each query.
    Reserved {
        name: Arc<str>,
        keyspace: Keyspace,
        destination: Option<String>,
        text: String,
        by_hint: bool,
    },
    /// Ignored if MySQL has that value already.
    CheckAndIgnore {
        name: Arc<str>,
        keyspace: Keyspace,
        destination: String,
        text: String,
    },
    Ignore {
        name: Arc<str>,
        text: String,
    },
    Metadata {
        name: Arc<str>,
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum SetValue {
    Here(Expr),
    /// The column of this number of the input, which a tablet evaluates.
    Column(usize),
}

/// A primitive with the tables that it uses.
pub(crate) type Planned = (Option<Primitive>, Vec<String>);

/// Plans a statement that only Vitess understands.
pub fn of_vitess(
    outer: &Outer,
    query: &str,
    context: &Context<'_>,
) -> Result<(QueryType, Planned), PlanError> {
    Ok(match outer {
        Outer::ExplainVitess(_) | Outer::VExplainPlan(_) | Outer::VExplain(_) => {
            (QueryType::Explain, explain::vexplain(outer, context)?)
        }
        Outer::ShowVitess(_) if context.shard.is_some() => {
            (QueryType::Show, bypass::text(query, context)?)
        }
        Outer::ShowVitess(show) => {
            (type_of_show(&show.kind), show_vitess::plan(show, query, context)?)
        }
        Outer::AlterVSchema(change) => (QueryType::Ddl, vschema::plan(change, context)?),
        Outer::AlterMigration => (QueryType::Migration, migration::alter(query, context)?),
        Outer::RevertMigration { uuid } => {
            (QueryType::Migration, migration::revert(uuid, context)?)
        }
        Outer::Stream(stream) => {
            let query_type = match stream.kind {
                StreamKind::Messages => QueryType::Stream,
                StreamKind::Changes => QueryType::VStream,
            };
            (query_type, stream::plan(stream, context)?)
        }
        Outer::Comment => (QueryType::Other, no_rows()),
        Outer::Sql(other) => return Err(PlanError::unsupported(other)),
    })
}

/// What only tablets read is no SHOW to Vitess.
fn type_of_show(kind: &ShowVitessKind) -> QueryType {
    match kind {
        ShowVitessKind::MigrationLogs => QueryType::Migration,
        ShowVitessKind::ThrottledApps | ShowVitessKind::ThrottlerStatus => QueryType::Unknown,
        _ => QueryType::Show,
    }
}

/// Plans a normalised statement; none for what the planner proper takes.
pub fn plan(
    statement: &Statement,
    query: &str,
    context: &Context<'_>,
) -> Result<Option<Planned>, PlanError> {
    if context.shard.is_some()
        && let Some(planned) = bypass::plan(statement, query, context)?
    {
        return Ok(Some(planned));
    }
    Ok(Some(match statement {
        Statement::Query(Query::Select(select)) => return lock::plan(select, context),
        Statement::Query(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_) => return Ok(None),
        Statement::Show(of) => (Some(show::show(of, context)?), Vec::new()),
        Statement::Describe { .. } => show::describe(statement, context)?,
        Statement::Explain(explain) => explain::plan(explain, query, context)?,
        Statement::Set(assignments) => set::plan(assignments, context)?,
        Statement::Use(name) => {
            let target = name.as_ref().map_or("", |name| name.as_str());
            (Some(Primitive::UpdateTarget(target.to_owned())), Vec::new())
        }
        Statement::CreateDatabase { .. }
        | Statement::AlterDatabase { .. }
        | Statement::DropDatabase { .. } => database::plan(statement, context)?,
        Statement::CreateTable(_)
        | Statement::AlterTable(_)
        | Statement::DropTable(_)
        | Statement::TruncateTable(_)
        | Statement::CreateIndex(_)
        | Statement::DropIndex { .. }
        | Statement::RenameTable(_)
        | Statement::CreateView(_)
        | Statement::AlterView(_)
        | Statement::DropView { .. } => ddl::plan(statement, context)?,
        Statement::Flush(flush) => flush::plan(flush, context)?,
        Statement::Analyze { .. } => admin::analyze(statement, context)?,
        Statement::Call { .. } => admin::call(statement, context)?,
        Statement::Verbatim { .. } => admin::verbatim(statement, context)?,
        Statement::LockTables(_) => no_rows(),
        Statement::UnlockTables => (Some(Primitive::Utility(Utility::UnlockTables)), Vec::new()),
        Statement::Prepare { source, .. } => prepare::prepare(source, context)?,
        Statement::Execute { name, using } => prepare::execute(name, using, context)?,
        Statement::Deallocate { name } => prepare::deallocate(name, context)?,
        // vtgate does these without a plan.
        Statement::Begin(_)
        | Statement::Commit
        | Statement::Rollback
        | Statement::Savepoint(_)
        | Statement::RollbackTo(_)
        | Statement::Release(_)
        | Statement::Kill { .. } => (None, Vec::new()),
    }))
}

/// An answer of nothing.
fn no_rows() -> Planned {
    (Some(Primitive::Rows(Rows { fields: Vec::new(), rows: Vec::new() })), Vec::new())
}

impl Utility {
    /// The name that the node prints.
    pub fn operator(&self) -> &'static str {
        match self {
            Utility::Targeted(_) | Utility::SendText { .. } => "Send",
            Utility::Concatenate(_) => "Concatenate",
            Utility::AlterVSchema { .. } => "AlterVSchema",
            Utility::CreateDatabase(_) => "CREATEDB",
            Utility::DropDatabase(_) => "DROPDB",
            Utility::Execute { .. } => "EXECUTE",
            Utility::VExplain { .. } => "VEXPLAIN",
            Utility::ReplaceVariables(_) => "ReplaceVariables",
            Utility::RevertMigration { .. } => "RevertMigration",
            Utility::ShowWarnings => "SHOW WARNINGS",
            Utility::ShowExec { .. } => "ShowExec",
            Utility::TransactionStatus { .. } => "TransactionStatus",
            Utility::Stream(stream) => stream.operator,
            Utility::Set(_) => "Set",
            Utility::Lock { .. } => "Lock",
            Utility::UnlockTables => "UnlockTables",
            Utility::VindexFunction(_) => "VindexFunc",
            Utility::Vgtid(_) => "Aggregate",
            Utility::Mirror(_) => "Mirror",
            Utility::FoundRows(_) => "SQL_CALC_FOUND_ROWS",
            Utility::Keyed(keyed) => keyed.operator(),
            Utility::InsertQuery(_) => "Insert",
        }
    }

    /// What is below it.
    pub fn inputs(&self) -> Vec<&Primitive> {
        match self {
            Utility::Concatenate(inputs) => inputs.iter().collect(),
            Utility::Execute { input, .. }
            | Utility::VExplain { input, .. }
            | Utility::ReplaceVariables(input)
            | Utility::Vgtid(input) => vec![input],
            Utility::Set(set) => vec![&set.input],
            Utility::Mirror(mirror) => vec![&mirror.input, &mirror.mirrored],
            Utility::FoundRows(found) => vec![&found.limited, &found.counted],
            Utility::Keyed(keyed) => keyed.inputs(),
            Utility::InsertQuery(insert) => vec![&insert.input],
            _ => Vec::new(),
        }
    }

    /// The type of a plan whose root it is. See `engine/plan.go`.
    pub fn plan_type(&self) -> &'static str {
        match self {
            Utility::Targeted(targeted) => of_destination(&targeted.send.destination),
            Utility::SendText { destination, .. } => of_destination(destination),
            Utility::VExplain { input, .. } => crate::planner::json::plan_type(Some(&**input)),
            Utility::ReplaceVariables(_)
            | Utility::RevertMigration { .. }
            | Utility::Lock { .. } => "Passthrough",
            Utility::ShowWarnings | Utility::VindexFunction(_) => "Local",
            Utility::ShowExec { what: "vitess_metadata variables", .. } => "Topology",
            Utility::ShowExec { .. } => "Local",
            Utility::Keyed(keyed) => keyed.plan_type(),
            Utility::TransactionStatus { .. } => "MultiShard",
            Utility::Set(set) => {
                let of_all = set.operations.iter().map(SetOperation::plan_type);
                of_all.max().unwrap_or(Reach::Local).name()
            }
            _ => "Complex",
        }
    }
}

fn of_destination(destination: &str) -> &'static str {
    match destination {
        "AllShards()" => "Scatter",
        text if text.starts_with("ExactKeyRange") => "MultiShard",
        "None()" => "Local",
        _ => "Passthrough",
    }
}

/// Types of plans, the lower ones first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Local,
    Passthrough,
    MultiShard,
    Topology,
}

impl Reach {
    fn name(self) -> &'static str {
        match self {
            Reach::Local => "Local",
            Reach::Passthrough => "Passthrough",
            Reach::MultiShard => "MultiShard",
            Reach::Topology => "Topology",
        }
    }
}

impl SetOperation {
    fn plan_type(&self) -> Reach {
        match self {
            SetOperation::UserVariable { .. }
            | SetOperation::Aware { .. }
            | SetOperation::Ignore { .. } => Reach::Local,
            SetOperation::CheckAndIgnore { .. } => Reach::Passthrough,
            SetOperation::Reserved { .. } => Reach::MultiShard,
            SetOperation::Metadata { .. } => Reach::Topology,
        }
    }
}

#[cfg(test)]
mod tests;
