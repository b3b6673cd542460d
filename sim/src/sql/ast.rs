//! The syntax tree of a statement, ours from root to leaf.
//!
//! Vitess's `sqlparser/ast.go` is the model: bind variables, lists of them, comments, vindex hints
//! and shard targets are nodes of the tree, because the router reads and writes them. AND and OR
//! are flat, so that a chain of ten thousand terms is one node and neither printing nor dropping
//! it recurses.
//!
//! It knows nothing of text: [`super::parse`] makes a tree, [`super::print`] writes it as Vitess
//! does. Parentheses are not part of the tree; the printer derives them from precedence.

use std::fmt;
use std::sync::Arc;

/// A name as it was written. Columns compare by [`Ident::is`], without regard to case; tables,
/// keyspaces and aliases compare exactly.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ident(pub Arc<str>);

impl Ident {
    pub fn new(text: &str) -> Ident {
        Ident(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Equal but for the case of ASCII letters, as MySQL compares column names.
    pub fn is(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl From<&str> for Ident {
    fn from(text: &str) -> Ident {
        Ident::new(text)
    }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A table as a statement names it. The qualifier may be a shard target (`` `ks:-80@replica` ``),
/// which is the router's to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    pub qualifier: Option<Ident>,
    pub name: Ident,
}

/// A column as a statement names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnName {
    pub table: Option<TableName>,
    pub name: Ident,
}

/// Any statement that MySQL understands. What only Vitess understands stands in front of it, in
/// the router.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    Query(Query),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Set(Vec<Assignment>),
    /// `use ks`; none for the bare word, which the router rejects in its own words.
    Use(Option<Ident>),
    Begin(Begin),
    Commit,
    Rollback,
    Savepoint(Ident),
    RollbackTo(Ident),
    Release(Ident),
    CreateTable(CreateTable),
    AlterTable(AlterTable),
    DropTable(DropTable),
    TruncateTable(TableName),
    RenameTable(Vec<(TableName, TableName)>),
    /// The parser reads CREATE INDEX and DROP INDEX as ALTER TABLE, as Vitess's does; these two
    /// are for who builds a tree.
    CreateIndex(CreateIndex),
    DropIndex {
        name: Ident,
        table: TableName,
    },
    CreateView(CreateView),
    AlterView(CreateView),
    DropView {
        if_exists: bool,
        names: Vec<TableName>,
    },
    CreateDatabase {
        if_not_exists: bool,
        name: Ident,
        options: Vec<String>,
    },
    AlterDatabase {
        name: Option<Ident>,
        options: Vec<String>,
    },
    DropDatabase {
        if_exists: bool,
        name: Ident,
    },
    Show(Show),
    /// `describe t [column]`.
    Describe {
        table: TableName,
        column: Option<String>,
    },
    Explain(Explain),
    LockTables(Vec<(TableName, Option<Ident>, TableLock)>),
    UnlockTables,
    Prepare {
        name: Ident,
        source: PrepareSource,
    },
    Execute {
        name: Ident,
        using: Vec<Ident>,
    },
    Deallocate {
        name: Ident,
    },
    Kill {
        query: bool,
        id: Expr,
    },
    Analyze {
        local: bool,
        tables: Vec<TableName>,
    },
    Flush(Flush),
    Call {
        name: TableName,
        args: Vec<Expr>,
    },
    /// Kinds that are recognised and kept as text (LOAD DATA, CREATE PROCEDURE, REPAIR ..).
    Verbatim {
        kind: Verbatim,
        text: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbatim {
    LoadData,
    CreateProcedure,
    DropProcedure,
    Repair,
    Optimize,
    Do,
}

/// The comments that follow the verb, each with its markers (`/*vt+ MULTI_SHARD_AUTOCOMMIT=1 */`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comments(pub Vec<Arc<str>>);

// ---------------------------------------------------------------- queries

#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    Select(Box<Select>),
    Union(Box<Union>),
    /// A `values row(..)` table as a query.
    Values(Box<ValuesQuery>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Select {
    pub with: Option<With>,
    pub comments: Comments,
    pub distinct: bool,
    /// `sql_calc_found_rows`, `straight_join`, `high_priority`, `sql_no_cache` .. as written.
    pub flags: Vec<SelectFlag>,
    pub items: Vec<SelectItem>,
    /// Empty means dual.
    pub from: Vec<TableExpr>,
    pub filter: Option<Expr>,
    pub group_by: Vec<Expr>,
    pub rollup: bool,
    pub having: Option<Expr>,
    pub windows: Vec<(Ident, WindowSpec)>,
    pub order_by: Vec<OrderBy>,
    pub limit: Option<Limit>,
    pub lock: Lock,
    pub into: Option<String>,
    /// As a side of a union it keeps its parentheses, though nothing in it asks for them any more.
    pub parens: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectFlag {
    CalcFoundRows,
    StraightJoin,
    HighPriority,
    SmallResult,
    BigResult,
    BufferResult,
    Cache,
    NoCache,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Union {
    pub with: Option<With>,
    pub left: Query,
    pub right: Query,
    pub distinct: bool,
    pub order_by: Vec<OrderBy>,
    pub limit: Option<Limit>,
    pub lock: Lock,
    pub into: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ValuesQuery {
    pub with: Option<With>,
    pub comments: Comments,
    pub rows: Vec<Vec<Expr>>,
    pub order_by: Vec<OrderBy>,
    pub limit: Option<Limit>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct With {
    pub recursive: bool,
    pub tables: Vec<CommonTable>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CommonTable {
    pub name: Ident,
    pub columns: Vec<Ident>,
    pub query: Query,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SelectItem {
    /// `*` or `t.*`.
    Star(Option<TableName>),
    Expr {
        expr: Expr,
        alias: Option<Ident>,
    },
    /// `next 5 values` from a sequence.
    Next(Expr),
}

#[derive(Clone, Debug, PartialEq)]
pub enum TableExpr {
    Table(Table),
    Derived {
        lateral: bool,
        query: Query,
        alias: Ident,
        columns: Vec<Ident>,
    },
    Join(Box<Join>),
    /// `(a, b)`: a list that is one side of a join.
    Parens(Vec<TableExpr>),
    /// `json_table(..)`, kept as text.
    JsonTable {
        text: String,
        alias: Ident,
    },
    /// A table to which the router has given this number in its statement. It prints as the table,
    /// and never leaves the router.
    Bound(Box<TableExpr>, u32),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub name: TableName,
    pub partitions: Vec<Ident>,
    pub alias: Option<Ident>,
    pub hints: Vec<IndexHint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexHint {
    pub kind: HintKind,
    pub scope: Option<HintScope>,
    pub indexes: Vec<Ident>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintKind {
    UseIndex,
    IgnoreIndex,
    ForceIndex,
    UseVindex,
    IgnoreVindex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintScope {
    Join,
    OrderBy,
    GroupBy,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    pub kind: JoinKind,
    pub left: TableExpr,
    pub right: TableExpr,
    pub on: Option<Expr>,
    pub using: Vec<Ident>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Straight,
    Left,
    Right,
    Natural,
    NaturalLeft,
    NaturalRight,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    pub expr: Expr,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub offset: Option<Expr>,
    pub count: Expr,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    #[default]
    None,
    ForUpdate(Wait),
    ForShare(Wait),
    /// `lock in share mode`.
    ShareMode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    #[default]
    Block,
    NoWait,
    SkipLocked,
}

// ---------------------------------------------------------------- data changes

#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    pub replace: bool,
    pub ignore: bool,
    pub comments: Comments,
    pub table: TableName,
    pub partitions: Vec<Ident>,
    pub alias: Option<Ident>,
    /// None where the statement has no list; an empty list is `()`.
    pub columns: Option<Vec<Ident>>,
    pub source: InsertSource,
    /// `values (..) as new (a, b)`.
    pub row_alias: Option<(Ident, Vec<Ident>)>,
    pub on_duplicate: Vec<UpdateItem>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum InsertSource {
    /// INSERT .. SET is read into this form as well.
    Values(Vec<Vec<Expr>>),
    Query(Query),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub with: Option<With>,
    pub comments: Comments,
    pub ignore: bool,
    pub tables: Vec<TableExpr>,
    pub set: Vec<UpdateItem>,
    pub filter: Option<Expr>,
    pub order_by: Vec<OrderBy>,
    pub limit: Option<Limit>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct UpdateItem {
    pub column: ColumnName,
    pub value: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    pub with: Option<With>,
    pub comments: Comments,
    pub ignore: bool,
    /// `delete a, b from ..`; empty for the single-table form.
    pub targets: Vec<TableName>,
    pub tables: Vec<TableExpr>,
    pub filter: Option<Expr>,
    pub order_by: Vec<OrderBy>,
    pub limit: Option<Limit>,
}

// ---------------------------------------------------------------- expressions

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Literal(Literal),
    /// `:name`, with the type that the planner knows of it.
    Argument {
        name: Ident,
        ty: Option<ArgumentType>,
    },
    /// `::name`.
    ListArgument(Ident),
    Column(ColumnName),
    /// A column that the router has bound to the table of this number in its statement. It prints
    /// as the column, and never leaves the router.
    Bound(ColumnName, u32),
    /// Two terms at least. The first is no AND; a later one is where the text had parentheses
    /// around it (`a and (b and c)`), which Vitess prints as well.
    And(Vec<Expr>),
    /// Like AND.
    Or(Vec<Expr>),
    Xor(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare {
        op: CompareOp,
        left: Box<Expr>,
        right: Box<Expr>,
        escape: Option<Box<Expr>>,
    },
    Is {
        expr: Box<Expr>,
        test: IsTest,
    },
    Between {
        negated: bool,
        expr: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Unary {
        op: UnaryOp,
        expr: Box<Expr>,
    },
    Tuple(Vec<Expr>),
    Subquery(Box<Query>),
    Exists(Box<Query>),
    /// `x = all (select ..)`, `x < any (select ..)`.
    Quantified {
        op: CompareOp,
        left: Box<Expr>,
        all: bool,
        query: Box<Query>,
    },
    Case {
        operand: Option<Box<Expr>>,
        whens: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Function(Function),
    Aggregate(Box<Aggregate>),
    Cast {
        kind: CastKind,
        expr: Box<Expr>,
        ty: CastType,
    },
    ConvertUsing {
        expr: Box<Expr>,
        charset: Ident,
    },
    Collate {
        expr: Box<Expr>,
        collation: Ident,
    },
    Interval {
        value: Box<Expr>,
        unit: Ident,
    },
    /// `extract(year from x)`.
    Extract {
        unit: Ident,
        expr: Box<Expr>,
    },
    /// `trim(leading 'x' from y)`.
    Trim {
        side: Option<TrimSide>,
        what: Option<Box<Expr>>,
        expr: Box<Expr>,
    },
    Variable(Variable),
    /// `default` and `default(c)`.
    Default(Option<ColumnName>),
    /// `values(c)` in ON DUPLICATE KEY UPDATE.
    Values(ColumnName),
    Match {
        columns: Vec<ColumnName>,
        against: Box<Expr>,
        modifier: Option<String>,
    },
    /// `@v := e`.
    Assign {
        name: Ident,
        value: Box<Expr>,
    },
    MemberOf {
        value: Box<Expr>,
        array: Box<Expr>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    Null,
    Bool(bool),
    /// Digits as written, of any length.
    Integer(Arc<str>),
    Decimal(Arc<str>),
    /// With an exponent.
    Float(Arc<str>),
    /// Decoded: no quotes, no escapes (but `\%` and `\_`, which stay as they are).
    String(Arc<str>),
    /// `0xAB` as written.
    HexNumber(Arc<str>),
    /// `X'AB'`: the digits.
    Hex(Arc<str>),
    /// `0b01` or `b'01'`: the digits.
    Bit(Arc<str>),
    Date(Arc<str>),
    Time(Arc<str>),
    Timestamp(Arc<str>),
    /// `_utf8mb4 'x'`.
    Introduced {
        charset: Ident,
        literal: Box<Literal>,
    },
}

/// The type of an argument, printed behind it (`/* INT64 */`) or as a cast around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentType {
    /// Vitess's name: INT64, VARCHAR, DECIMAL ..
    pub name: Arc<str>,
    pub size: Option<u32>,
    pub scale: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    NullSafeEqual,
    In,
    NotIn,
    Like,
    NotLike,
    Regexp,
    NotRegexp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsTest {
    Null,
    NotNull,
    True,
    NotTrue,
    False,
    NotFalse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    IntegerDivide,
    Modulo,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    /// `->`.
    JsonExtract,
    /// `->>`.
    JsonUnquoteExtract,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    Plus,
    Minus,
    /// `~`.
    Invert,
    /// `!`, which binds tighter than NOT.
    Bang,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimSide {
    Both,
    Leading,
    Trailing,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    pub qualifier: Option<Ident>,
    /// As written; built-in nodes print their fixed name in lower case.
    pub name: Ident,
    pub args: Vec<Expr>,
    pub over: Option<Over>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    Name(Ident),
    Spec(WindowSpec),
}

#[derive(Clone, Debug, PartialEq)]
pub struct WindowSpec {
    pub name: Option<Ident>,
    pub partition_by: Vec<Expr>,
    pub order_by: Vec<OrderBy>,
    pub frame: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    pub kind: AggregateKind,
    pub distinct: bool,
    /// Empty for `count(*)`.
    pub args: Vec<Expr>,
    pub order_by: Vec<OrderBy>,
    pub separator: Option<String>,
    pub limit: Option<Limit>,
    pub over: Option<Over>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateKind {
    CountStar,
    Count,
    Sum,
    Avg,
    Min,
    Max,
    BitAnd,
    BitOr,
    BitXor,
    Std,
    Stddev,
    StddevPop,
    StddevSamp,
    VarPop,
    VarSamp,
    Variance,
    GroupConcat,
    AnyValue,
    JsonArrayAgg,
    JsonObjectAgg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastKind {
    Cast,
    Convert,
}

/// The target of a cast; `name` keeps the case of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CastType {
    pub name: Arc<str>,
    pub length: Option<u32>,
    pub scale: Option<u32>,
    pub charset: Option<Ident>,
    pub array: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    User(Ident),
    System { scope: Option<VariableScope>, name: Ident },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableScope {
    Session,
    Global,
    Persist,
    PersistOnly,
    /// `set transaction ..` without a scope: the next transaction alone.
    NextTransaction,
    /// `@@vitess_metadata.x`.
    VitessMetadata,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    pub variable: Variable,
    pub value: Expr,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begin {
    /// `start transaction` instead of `begin`.
    pub start: bool,
    pub read_only: Option<bool>,
    pub consistent_snapshot: bool,
}

// ---------------------------------------------------------------- definitions

#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    pub temporary: bool,
    pub if_not_exists: bool,
    pub table: TableName,
    pub columns: Vec<ColumnDefinition>,
    pub indexes: Vec<IndexDefinition>,
    pub constraints: Vec<Constraint>,
    /// `name=value` pairs as written: engine, charset, collate, auto_increment, comment ..
    pub options: Vec<(String, String)>,
    pub like: Option<TableName>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDefinition {
    pub name: Ident,
    pub ty: ColumnType,
    pub not_null: bool,
    /// `null` was written.
    pub null: bool,
    pub default: Option<Expr>,
    pub on_update: Option<Expr>,
    pub auto_increment: bool,
    pub primary_key: bool,
    pub unique: bool,
    pub comment: Option<Arc<str>>,
    pub invisible: bool,
    pub check: Option<Expr>,
    pub generated: Option<(Expr, bool)>,
}

/// A column's type: `bigint`, `varbinary(128)`, `decimal(10,2) unsigned`, `enum('a','b')`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    /// Lower case, the canonical name where MySQL has synonyms (`integer` -> `int`).
    pub name: Arc<str>,
    pub length: Option<u32>,
    pub scale: Option<u32>,
    pub unsigned: bool,
    pub zerofill: bool,
    pub charset: Option<Ident>,
    pub collation: Option<Ident>,
    pub values: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct IndexDefinition {
    pub kind: IndexKind,
    pub name: Option<Ident>,
    pub parts: Vec<IndexPart>,
    pub options: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    Primary,
    Unique,
    Key,
    FullText,
    Spatial,
}

#[derive(Clone, Debug, PartialEq)]
pub struct IndexPart {
    pub column: Ident,
    pub length: Option<u32>,
    pub descending: bool,
    pub expr: Option<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    ForeignKey {
        name: Option<Ident>,
        columns: Vec<Ident>,
        table: TableName,
        referenced: Vec<Ident>,
        on_delete: Option<String>,
        on_update: Option<String>,
    },
    Check {
        name: Option<Ident>,
        expr: Expr,
        enforced: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct AlterTable {
    pub table: TableName,
    pub changes: Vec<AlterChange>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AlterChange {
    AddColumn {
        column: ColumnDefinition,
        position: Option<ColumnPosition>,
    },
    DropColumn(Ident),
    ModifyColumn {
        column: ColumnDefinition,
        position: Option<ColumnPosition>,
    },
    ChangeColumn {
        old: Ident,
        column: ColumnDefinition,
        position: Option<ColumnPosition>,
    },
    RenameColumn {
        old: Ident,
        new: Ident,
    },
    AddIndex(IndexDefinition),
    DropIndex(Ident),
    DropPrimaryKey,
    RenameIndex {
        old: Ident,
        new: Ident,
    },
    AddConstraint(Constraint),
    DropForeignKey(Ident),
    RenameTo(TableName),
    SetDefault {
        column: Ident,
        default: Option<Expr>,
    },
    /// Anything else, as text (engine=.., partition clauses ..).
    Option(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnPosition {
    First,
    After(Ident),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropTable {
    pub temporary: bool,
    pub if_exists: bool,
    pub tables: Vec<TableName>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CreateIndex {
    pub table: TableName,
    pub index: IndexDefinition,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    pub or_replace: bool,
    pub options: Vec<String>,
    pub name: TableName,
    pub columns: Vec<Ident>,
    pub query: Query,
    pub check_option: Option<String>,
}

// ---------------------------------------------------------------- the rest

#[derive(Clone, Debug, PartialEq)]
pub struct Show {
    pub kind: ShowKind,
    pub full: bool,
    pub filter: Option<ShowFilter>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ShowKind {
    Databases,
    Tables {
        database: Option<Ident>,
    },
    TableStatus {
        database: Option<Ident>,
    },
    Columns {
        table: TableName,
    },
    Index {
        table: TableName,
    },
    Triggers {
        database: Option<Ident>,
    },
    CreateTable(TableName),
    CreateView(TableName),
    CreateDatabase(Ident),
    Warnings,
    Variables {
        scope: Option<VariableScope>,
    },
    Status {
        scope: Option<VariableScope>,
    },
    Collation,
    CharacterSet,
    Engines,
    Plugins,
    ProcessList,
    /// Any other SHOW, as the words that follow it.
    Other(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum ShowFilter {
    Like(Arc<str>),
    Where(Expr),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Explain {
    /// `format = json`, `analyze` ..; lower case.
    pub format: Option<String>,
    pub analyze: bool,
    pub statement: Box<Statement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableLock {
    Read,
    ReadLocal,
    Write,
    LowPriorityWrite,
}

impl TableLock {
    pub fn is_write(self) -> bool {
        matches!(self, TableLock::Write | TableLock::LowPriorityWrite)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum PrepareSource {
    Text(Arc<str>),
    Variable(Ident),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flush {
    pub local: bool,
    pub target: FlushTarget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlushTarget {
    Options(Vec<String>),
    Tables { names: Vec<TableName>, with_read_lock: bool, for_export: bool },
}
