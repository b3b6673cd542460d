//! What a plan is made of: the tree of primitives that vtgate executes, and that prints as Vitess
//! prints it.
//!
//! Data only. A vindex stands here by its name in the keyspace's VSchema, a value by its
//! expression; vtgate resolves both when it runs the plan. See `go/vt/vtgate/engine/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sim::sql::ast::{Expr, Statement};

use crate::key::Destination;

/// A plan: what the cache holds, what `vexplain` shows, what runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub query_type: QueryType,
    /// The query as it was given, byte for byte.
    pub original: String,
    /// None where nothing has to be done by a primitive (begin, commit ..).
    pub root: Option<Primitive>,
    /// `keyspace.table`, sorted, without repeats.
    pub tables_used: Vec<String>,
    /// Bind variables that the session fills in: `__lastInsertId`, `__vtudvname`.
    pub variables: BTreeSet<Arc<str>>,
    /// What the client calls columns of the answer, by place. A join that gives one column twice
    /// has it under one name.
    pub aliases: Vec<(usize, Arc<str>)>,
}

/// The kind of the statement, as `QueryType` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryType {
    Select,
    Insert,
    Update,
    Delete,
    Ddl,
    Show,
    Set,
    Explain,
    Use,
    Begin,
    Commit,
    Rollback,
    Savepoint,
    SavepointRollback,
    Release,
    Other,
    Flush,
    LockTables,
    UnlockTables,
    Prepare,
    Execute,
    Deallocate,
    Analyze,
    CallProc,
    Migration,
    Stream,
    VStream,
    /// Of what Vitess's parser has no type for.
    Unknown,
}

/// One node. Boxed where it holds others.
#[derive(Clone, Debug, PartialEq)]
pub enum Primitive {
    Route(Route),
    VindexLookup(Box<VindexLookup>),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Limit(Box<Limit>),
    Aggregate(Box<Aggregate>),
    Sort(Box<Sort>),
    Projection(Box<Projection>),
    SimpleProjection(Box<SimpleProjection>),
    Filter(Box<Filter>),
    Distinct(Box<Distinct>),
    UncorrelatedSubquery(Box<UncorrelatedSubquery>),
    SemiJoin(Box<SemiJoin>),
    Join(Box<Join>),
    HashJoin(Box<HashJoin>),
    RecurseCte(Box<RecurseCte>),
    Send(Send),
    SingleRow,
    Rows(Rows),
    UpdateTarget(String),
    /// DDL goes to every shard of the keyspace as it prints.
    Ddl(Send),
    /// What statements other than queries and data changes plan to.
    Utility(super::utility::Utility),
}

/// A keyspace as a plan names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyspace {
    pub name: Arc<str>,
    pub sharded: bool,
}

/// In order of preference, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opcode {
    Unsharded,
    EqualUnique,
    Equal,
    In,
    Between,
    MultiEqual,
    SubShard,
    Scatter,
    Next,
    Dba,
    Reference,
    None,
    ByDestination,
}

/// Which shards a statement goes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Routing {
    pub opcode: Opcode,
    pub keyspace: Keyspace,
    /// Name of the vindex in the keyspace's VSchema; with its own columns' values, one a column.
    pub vindex: Option<Arc<str>>,
    pub values: Vec<Expr>,
    /// Whether the vindex runs statements to map.
    pub needs_lookup: bool,
    /// Of ByDestination alone; it does not print. None below a VindexLookup, which names the
    /// shards.
    pub destination: Option<Destination>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub routing: Routing,
    pub query: Arc<Statement>,
    /// The same with `where 1 != 1`: the columns of an empty answer.
    pub field_query: Arc<Statement>,
    /// Merge order of the shards' sorted answers.
    pub order_by: Vec<SortKey>,
    /// Columns that the client sees; 0 is all.
    pub result_columns: usize,
    pub scatter_errors_as_warnings: bool,
    pub query_timeout_ms: u64,
    /// An aggregate query without a shard to go to goes to any one.
    pub no_routes_special_handling: bool,
    /// `last_insert_id(x)` in it sets the session's value.
    pub fetch_last_insert_id: bool,
    /// Of DBA alone: the schemas and tables that it asks about.
    pub system: SystemNames,
}

/// What a query of system tables says of schemas and tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemNames {
    pub schemas: Vec<Expr>,
    /// By argument, sorted.
    pub tables: Vec<(Arc<str>, Expr)>,
}

/// `(0|2) DESC COLLATE x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    pub column: usize,
    pub weight_column: Option<usize>,
    pub descending: bool,
    pub collation: Option<Arc<str>>,
}

/// A SELECT routed by a lookup: first the lookup's own query, then the shards that it named.
#[derive(Clone, Debug, PartialEq)]
pub struct VindexLookup {
    /// EqualUnique, Equal or In; the vindex is the lookup.
    pub routing: Routing,
    /// Plan of `select from, to from table where from in ::from`, with the list bind variable.
    pub lookup: Primitive,
    /// Name of the list bind variable.
    pub argument: Arc<str>,
    /// The statement itself, ByDestination.
    pub route: Route,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    pub keyspace: Keyspace,
    pub table: Arc<str>,
    /// The statement with `:_col_row` in place of vindex values; its rows are split by shard.
    pub query: Arc<Statement>,
    /// By column vindex in VSchema order: its name and, for each of its columns, a value a row.
    /// Empty where unsharded.
    pub vindex_values: Vec<VindexValues>,
    /// IGNORE or ON DUPLICATE KEY UPDATE.
    pub ignore: bool,
    pub generate: Option<Generate>,
    pub multi_shard_autocommit: bool,
    pub query_timeout_ms: u64,
    pub fetch_last_insert_id: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct VindexValues {
    pub vindex: Arc<str>,
    pub columns: Vec<Arc<str>>,
    /// `values[column][row]`.
    pub values: Vec<Vec<Expr>>,
}

/// Values that a sequence supplies.
#[derive(Clone, Debug, PartialEq)]
pub struct Generate {
    pub keyspace: Keyspace,
    /// `select next :n values from seq`, as Vitess writes it.
    pub sequence: Arc<str>,
    /// A value a row; NULL asks for a generated one.
    pub values: Vec<Expr>,
}

/// What UPDATE and DELETE share.
#[derive(Clone, Debug, PartialEq)]
pub struct Dml {
    pub routing: Routing,
    pub table: Arc<str>,
    pub query: Arc<Statement>,
    /// `select primary vindex columns, owned columns .. for update`.
    pub owned_vindex_query: Option<Arc<Statement>>,
    /// Name of the primary vindex and the number of its columns, where there is such a query.
    pub ksid_vindex: Option<Arc<str>>,
    pub ksid_length: usize,
    pub multi_shard_autocommit: bool,
    pub query_timeout_ms: u64,
    pub fetch_last_insert_id: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub dml: Dml,
    pub changed_vindexes: Vec<ChangedVindex>,
}

/// A vindex whose columns an UPDATE assigns.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedVindex {
    pub vindex: Arc<str>,
    /// Offset in the owned vindex query of the column that says whether the value stays the same.
    pub offset: usize,
    /// New values, one a column of the vindex: None where that column is not assigned.
    pub values: Vec<Option<Expr>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    pub dml: Dml,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub count: Expr,
    pub offset: Option<Expr>,
    /// Rows beyond the limit are asked for, too: `last_insert_id(x)` is evaluated of each.
    pub require_complete_input: bool,
    pub input: Primitive,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Ordered if there are any.
    pub group_by: Vec<SortKey>,
    pub aggregates: Vec<AggregateColumn>,
    pub result_columns: usize,
    pub input: Primitive,
}

/// `sum_count(0) AS count(*)`.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateColumn {
    pub op: AggregateOp,
    /// What the query asked for, where vtgate does something else with the shards' answers.
    pub original: Option<AggregateOp>,
    pub column: usize,
    pub weight_column: Option<usize>,
    pub collation: Option<Arc<str>>,
    pub alias: Option<Arc<str>>,
    /// Of `constant_aggr` alone.
    pub constant: Option<Expr>,
    /// Of `group_concat` alone.
    pub separator: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateOp {
    Sum,
    Count,
    CountStar,
    Min,
    Max,
    CountDistinct,
    SumDistinct,
    AnyValue,
    GroupConcat,
    Constant,
    /// Becomes a sum and a count before it runs over shards.
    Avg,
    /// A function that was loaded into the servers; it runs there alone.
    UserDefined,
    /// One that runs on one shard alone.
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    pub order_by: Vec<SortKey>,
    pub result_columns: usize,
    pub input: Primitive,
}

/// Rows for which a condition holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// As it prints.
    pub written: Expr,
    /// Over offsets: `:0` is the input's first column.
    pub evaluated: Expr,
    pub result_columns: usize,
    pub input: Primitive,
}

/// Each row once.
#[derive(Clone, Debug, PartialEq)]
pub struct Distinct {
    pub columns: Vec<CheckColumn>,
    pub result_columns: usize,
    pub input: Primitive,
}

/// A column by which rows are compared: `0`, `(0:2)`, `0: latin1_swedish_ci`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckColumn {
    pub column: usize,
    pub weight_column: Option<usize>,
    pub collation: Option<Arc<str>>,
}

/// For each row of the left the right, with values of that row.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// A left row without a match is there with NULLs.
    pub outer: bool,
    pub columns: Vec<JoinSide>,
    /// By argument of the right the left's column.
    pub vars: BTreeMap<Arc<str>, usize>,
    pub left: Primitive,
    pub right: Primitive,
}

/// `L:0`, `R:1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinSide {
    Left(usize),
    Right(usize),
}

/// A subquery that runs before the query that uses its result.
#[derive(Clone, Debug, PartialEq)]
pub struct UncorrelatedSubquery {
    pub pullout: Pullout,
    /// Name of the value or of the list.
    pub argument: Arc<str>,
    /// Name of the number that says whether there was a row.
    pub has_values: Option<Arc<str>>,
    pub subquery: Primitive,
    pub outer: Primitive,
}

/// The rows of the outer query for which the subquery finds one.
#[derive(Clone, Debug, PartialEq)]
pub struct SemiJoin {
    /// By argument of the subquery the outer query's column.
    pub vars: BTreeMap<Arc<str>, usize>,
    pub outer: Primitive,
    pub subquery: Primitive,
}

/// Both sides are read once; rows meet whose values are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct HashJoin {
    /// A left row without a match is there with NULLs.
    pub outer: bool,
    pub columns: Vec<JoinSide>,
    /// The column of each side that is compared.
    pub left_key: usize,
    pub right_key: usize,
    /// As it prints, and says how NULLs are compared.
    pub predicate: Expr,
    /// The type that both are compared as, as the protocol names it; `-1` where it is not known.
    pub comparison_type: Arc<str>,
    pub collation: Option<Arc<str>>,
    pub left: Primitive,
    pub right: Primitive,
}

/// Rows of the seed; then for each row what the term makes of it, until it makes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct RecurseCte {
    pub seed: Primitive,
    pub term: Primitive,
    /// By argument of the term the row's column.
    pub vars: BTreeMap<Arc<str>, usize>,
    /// A row that was there is not taken again. (Vitess takes it.) It does not print.
    pub distinct: bool,
    /// What the columns are called, where a projection would say it. It does not print.
    pub names: Vec<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pullout {
    Value,
    In,
    NotIn,
    Exists,
    /// EXISTS as a value: it shows the argument's name, too.
    ExistsValue,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    pub columns: Vec<ProjectedColumn>,
    pub input: Primitive,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ProjectedColumn {
    /// As it prints.
    pub written: Expr,
    /// Over offsets: `:0` is the input's first column.
    pub evaluated: Expr,
    pub name: Arc<str>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SimpleProjection {
    /// Offsets of the input's columns.
    pub columns: Vec<usize>,
    /// `0:name`: output column and its new name.
    pub names: Vec<(usize, Arc<str>)>,
    pub input: Primitive,
}

/// A statement that goes to a destination as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Send {
    pub keyspace: Keyspace,
    /// `AnyShard()`, `AllShards()`, `Shard(-80)`, `ExactKeyRange(-)`.
    pub destination: String,
    pub query: Arc<Statement>,
    pub is_dml: bool,
    pub single_shard_only: bool,
    /// The shard's name is a column of the answer.
    pub shard_name_needed: bool,
    /// New names of columns of the answer, by position (`Tables_in_customer`).
    pub rename: Vec<(usize, Arc<str>)>,
}

/// An answer that vtgate gives by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Name and Vitess type.
    pub fields: Vec<(Arc<str>, Arc<str>)>,
    pub rows: Vec<Vec<sim::value::Value>>,
}
