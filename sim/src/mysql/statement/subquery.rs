//! Subqueries that need nothing of the query around them: run once, before it.
//!
//! Correlated ones are left out. In UPDATE and DELETE a subquery reads the newest rows and locks
//! them shared.

use std::cell::RefCell;

use crate::eval::{ColumnKind, Kind, Program, Scope};
use crate::mysql::execution::Run;
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{Aggregate, ColumnName, Expr, Query};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::scope::{InScope, TableScope};
use super::select::Locks;

/// A subquery with its result.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub query: Query,
    pub kinds: Vec<ColumnKind>,
    pub rows: Vec<Row>,
}

impl Run {
    /// Runs the subqueries of these expressions.
    pub async fn subqueries<'a>(
        &self,
        exprs: impl Iterator<Item = &'a Expr>,
        tables: &[InScope],
        trx: TrxId,
        locks: Locks,
    ) -> Result<Vec<Evaluated>, SqlError> {
        let found =
            Found { inner: TableScope::new(tables, "where clause"), queries: RefCell::default() };
        for expr in exprs {
            // What is wrong with the expression shows when it is compiled for good.
            let _ = Program::compile(expr, &found);
        }
        let mut evaluated = Vec::new();
        for query in found.queries.into_inner() {
            let result = Box::pin(self.select_rows(&query, trx, locks)).await;
            let outcome = result.map_err(|error| match error.errno {
                1054 if !tables.is_empty() => SqlError::not_supported("correlated subquery"),
                _ => error,
            })?;
            let kinds = outcome.columns.iter().map(|column| column.kind).collect();
            evaluated.push(Evaluated { query, kinds, rows: outcome.rows });
        }
        Ok(evaluated)
    }
}

/// Collects the subqueries that a compilation comes across.
struct Found<'a> {
    inner: TableScope<'a>,
    queries: RefCell<Vec<Query>>,
}

impl Scope for Found<'_> {
    fn resolve(&self, column: &ColumnName) -> Result<(usize, ColumnKind), SqlError> {
        self.inner.resolve(column)
    }

    fn inserted(&self, column: &ColumnName) -> Result<(usize, ColumnKind), SqlError> {
        self.inner.resolve(column)
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<(usize, ColumnKind), SqlError> {
        for arg in &aggregate.args {
            let _ = Program::compile(arg, self);
        }
        Ok((0, ColumnKind::new(Kind::Unknown)))
    }

    fn default_of(&self, _column: Option<&ColumnName>) -> Result<Value, SqlError> {
        Ok(Value::Null)
    }

    fn subquery(&self, query: &Query) -> Result<(usize, Vec<ColumnKind>), SqlError> {
        let mut queries = self.queries.borrow_mut();
        let at = queries.iter().position(|other| other == query).unwrap_or(queries.len());
        if at == queries.len() {
            queries.push(query.clone());
        }
        let width = match query {
            Query::Select(select) => select.items.len(),
            Query::Union(_) | Query::Values(_) => 1,
        };
        Ok((at, vec![ColumnKind::new(Kind::Unknown); width]))
    }
}
