//! Evaluation of scalar expressions: compile once, run for every row.
//!
//! In MySQL this is `sql/item*.cc`, in Vitess `go/vt/vtgate/evalengine`. One evaluator serves the
//! MySQL model, the router's own operators and the filters of a stream. Two parts carry it:
//!
//! - [`Program`] is an expression whose columns are offsets of a row. A [`Scope`] says which
//!   column is where, and may offer what only an executor knows: aggregates, subqueries, VALUES().
//! - [`Env`] is what a statement runs in: binds, its time, the session's variables and mode. It
//!   collects warnings.
//!
//! Modelled: three-valued logic, MySQL's coercions in comparisons, exact and approximate
//! arithmetic with its range errors, the usual functions, casts, dates in UTC, aggregates, and
//! [`store`]: what a column makes of a value.
//!
//! Left out: JSON functions, regular expressions, time zones, zero dates, full text, bit
//! operations on binary strings (both sides are numbers here), the derived collation of a user
//! variable. What is left out is refused with 1235 when the expression is compiled, never
//! answered wrongly.
//!
//! Differences that remain: a fraction of a second prints six digits where the precision of an
//! expression is not known; a binary string is never a number, so a hex literal that reaches an
//! integer column as a value is refused (a hex literal that stands in arithmetic or beside a
//! number is one). A quotient is rounded to the digits that it shows, as in MySQL 9; 8.4 goes on
//! with more.
//!
//! It knows nothing of tables, locks and transactions.

pub mod aggregate;
mod arithmetic;
mod cast;
mod compare;
mod compile;
mod function;
pub mod item_text;
mod kind;
mod like;
mod node;
mod number;
mod store;
pub mod temporal;
pub mod user_lock;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::collation::Collation;
use crate::sql::ast::{Aggregate, ColumnName, Expr, Query, VariableScope};
use crate::sql_error::SqlError;
use crate::value::{Binds, Row, Value};

pub use compare::{compare, equal};
pub use compile::kind_of;
pub use kind::{ColumnKind, Kind, Strength};
pub use store::{dated, store};

/// Where an expression's names are found.
pub trait Scope {
    /// The offset of a column in the rows to come, or MySQL's 1054 or 1052.
    fn resolve(&self, column: &ColumnName) -> Result<(usize, ColumnKind), SqlError>;

    /// A column as a range error names it.
    fn column_text(&self, column: &ColumnName) -> String {
        item_text::backquoted(column.name.as_str())
    }

    /// An expression that the row holds already: a group key, an aggregate's result. Asked before
    /// every expression that is not a literal.
    fn computed(&self, _expr: &Expr) -> Option<(usize, ColumnKind)> {
        None
    }

    /// An aggregate's result. Without an aggregation around it there is none.
    fn aggregate(&self, _aggregate: &Aggregate) -> Result<(usize, ColumnKind), SqlError> {
        Err(SqlError::new(1111, "HY000", "Invalid use of group function"))
    }

    /// `values(c)` in ON DUPLICATE KEY UPDATE.
    fn inserted(&self, column: &ColumnName) -> Result<(usize, ColumnKind), SqlError> {
        self.resolve(column)
    }

    /// `default(c)`; none is the bare `default`, which an executor replaces before it compiles.
    fn default_of(&self, _column: Option<&ColumnName>) -> Result<Value, SqlError> {
        Err(SqlError::not_supported("DEFAULT in an expression"))
    }

    /// The number under which the executor leaves this subquery's rows in [`Env::subqueries`], with
    /// the kinds of its columns.
    fn subquery(&self, _query: &Query) -> Result<(usize, Vec<ColumnKind>), SqlError> {
        Err(SqlError::not_supported("subquery"))
    }

    /// The same for EXISTS, which one row is enough for.
    fn exists(&self, query: &Query) -> Result<usize, SqlError> {
        self.subquery(query).map(|(id, _)| id)
    }
}

/// The scope of an expression without columns.
pub struct NoColumns;

impl Scope for NoColumns {
    fn resolve(&self, column: &ColumnName) -> Result<(usize, ColumnKind), SqlError> {
        Err(SqlError::unknown_column(column.name.as_str(), "field list"))
    }
}

/// What a statement runs in.
pub struct Env {
    pub binds: Arc<Binds>,
    /// The statement's time, UTC: NOW() is the same for all of its rows.
    pub now: jiff::civil::DateTime,
    /// The connection's collation: that of literals and binds.
    pub collation: Collation,
    pub mode: SqlMode,
    /// By name in lower case, without `@`.
    pub user_variables: BTreeMap<Arc<str>, Value>,
    /// By name in lower case, without `@@`; an absent one is 1193.
    pub system_variables: Option<Arc<BTreeMap<Arc<str>, Value>>>,
    /// `@@gtid_executed`, which changes with every commit: its text is made when it is read.
    pub gtid_executed: Option<Arc<dyn std::fmt::Display>>,
    pub database: Option<Arc<str>>,
    pub last_insert_id: u64,
    /// `last_insert_id(n)` was called: what the OK packet tells the client.
    pub last_insert_id_set: Option<u64>,
    pub row_count: i64,
    pub found_rows: u64,
    pub connection_id: u64,
    /// `user@host`.
    pub user: Arc<str>,
    /// Rows of subqueries, by the number that the scope gave; none for one that must run for the
    /// row at hand.
    pub subqueries: Vec<Option<Arc<[Row]>>>,
    /// The subquery that an expression stopped at: who runs it fills in its rows and evaluates the
    /// expression again.
    pub wanted: Option<usize>,
    pub user_locks: user_lock::UserLocks,
    /// RAND()'s source; without one it is refused, since chance belongs to the run.
    pub chance: Option<Box<dyn FnMut() -> f64>>,
    /// A data change in strict mode: a division by zero is an error, not a warning.
    pub strict_change: bool,
    pub warnings: Vec<SqlError>,
}

impl Env {
    pub fn new(now: jiff::civil::DateTime) -> Env {
        Env::with_binds(now, Arc::default())
    }

    pub fn with_binds(now: jiff::civil::DateTime, binds: Arc<Binds>) -> Env {
        Env {
            binds,
            now,
            collation: Collation::Utf8mb40900AiCi,
            mode: SqlMode::default(),
            user_variables: BTreeMap::new(),
            system_variables: None,
            gtid_executed: None,
            database: None,
            last_insert_id: 0,
            last_insert_id_set: None,
            row_count: -1,
            found_rows: 0,
            connection_id: 0,
            user: Arc::default(),
            subqueries: Vec::new(),
            wanted: None,
            user_locks: user_lock::UserLocks::default(),
            chance: None,
            strict_change: false,
            warnings: Vec::new(),
        }
    }

    fn system_variable(
        &self,
        _scope: Option<VariableScope>,
        name: &str,
    ) -> Result<Value, SqlError> {
        if let (Some(executed), "gtid_executed") = (&self.gtid_executed, name) {
            return Ok(Value::text(&executed.to_string()));
        }
        let value = self.system_variables.as_ref().and_then(|variables| variables.get(name));
        value.cloned().ok_or_else(|| {
            SqlError::new(1193, "HY000", format!("Unknown system variable '{name}'"))
        })
    }
}

/// The bits of `sql_mode` that evaluation and storing feel; the default is MySQL 8.4's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlMode {
    /// STRICT_TRANS_TABLES or STRICT_ALL_TABLES.
    pub strict: bool,
    pub error_for_division_by_zero: bool,
    pub no_unsigned_subtraction: bool,
}

impl Default for SqlMode {
    fn default() -> SqlMode {
        SqlMode { strict: true, error_for_division_by_zero: true, no_unsigned_subtraction: false }
    }
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Program {
    root: node::Node,
    kind: ColumnKind,
}

impl Program {
    pub fn compile(expr: &Expr, scope: &dyn Scope) -> Result<Program, SqlError> {
        let (root, facts) = compile::compile(expr, scope)?;
        Ok(Program { root, kind: facts.column_kind() })
    }

    pub fn run(&self, row: &[Value], env: &mut Env) -> Result<Value, SqlError> {
        self.root.run(row, env)
    }

    /// The result, where no more than integers of the row and of the text are needed for it.
    pub fn quick(&self, row: &[Value]) -> Option<Value> {
        self.root.quick(row)
    }

    /// Whether a filter lets the row pass: true, not false and not NULL.
    pub fn matches(&self, row: &[Value], env: &mut Env) -> Result<bool, SqlError> {
        let value = self.run(row, env)?;
        Ok(number::truth(&value, env) == Some(true))
    }

    /// The type that every result has, as far as it is known before the rows are.
    pub fn kind(&self) -> ColumnKind {
        self.kind
    }
}

/// Whether a condition's value lets a row pass; a text that is no number leaves a warning.
pub fn is_true(value: &Value, env: &mut Env) -> bool {
    number::truth(value, env) == Some(true)
}

/// Whether a value is true; none for NULL. A text counts by the number that it begins with.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Null => None,
        other => Some(number::leading_number(other) != 0.0),
    }
}
