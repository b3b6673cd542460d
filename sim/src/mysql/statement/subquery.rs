//! Queries inside of expressions.
//!
//! One that needs nothing of the query around it runs once, before it. A correlated one runs when
//! an expression asks for it, with the row at hand; what asks is evaluated again then, so that
//! AND, OR and CASE skip it as they skip anything. In UPDATE and DELETE a subquery reads the newest
//! rows and locks them shared.
//!
//! MySQL may turn IN and EXISTS into semi-joins; that changes no result, and is not modelled.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::eval::{ColumnKind, Env, Program};
use crate::mysql::execution::Run;
use crate::mysql::transaction::TrxId;
use crate::sql::ast::{Expr, Query};
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::prepared::Prepared;
use super::scope::Context;
use super::select::Locks;
use super::visit::subqueries_of;

/// A subquery, ready to run.
#[derive(Debug)]
pub struct Subquery {
    pub query: Query,
    /// Only whether there is a row is asked for.
    pub exists: bool,
    pub kinds: Vec<ColumnKind>,
    /// The columns of the queries around it that it needs, as offsets.
    pub refs: BTreeSet<usize>,
    prepared: Prepared,
    /// Its result, where it needs nothing of the query around it.
    pub rows: Option<Arc<[Row]>>,
}

/// The results of subqueries as a statement's environment holds them.
pub fn results(subqueries: &[Subquery]) -> Vec<Option<Arc<[Row]>>> {
    subqueries.iter().map(|subquery| subquery.rows.clone()).collect()
}

/// What strict mode makes an error of in a statement that changes data.
pub fn is_strict_error(warning: &SqlError) -> bool {
    matches!(warning.errno, 1260 | 1264 | 1265 | 1292 | 1365 | 1366 | 1411 | 1441 | 3020)
        && !warning.note
}

impl Run {
    /// Prepares the subqueries of these expressions, and runs those that can be run now. `context`
    /// makes what they may refer to; it is not asked where there is no subquery.
    pub async fn subqueries<'a>(
        &self,
        exprs: impl Iterator<Item = &'a Expr>,
        context: impl FnOnce() -> Context,
        trx: TrxId,
        locks: Locks,
    ) -> Result<Vec<Subquery>, SqlError> {
        let mut found = Vec::new();
        for expr in exprs {
            subqueries_of(expr, &mut found);
        }
        let mut prepared: Vec<Subquery> = Vec::new();
        if found.is_empty() {
            return Ok(prepared);
        }
        let context = Arc::new(context());
        for (query, exists) in found {
            if prepared.iter().any(|other| other.exists == exists && other.query == *query) {
                continue;
            }
            let outer = Some(context.clone());
            let subquery = Box::pin(self.prepare(query, outer, trx, locks)).await?;
            let mut subquery = Subquery {
                query: query.clone(),
                exists,
                kinds: subquery.columns().iter().map(|column| column.kind).collect(),
                refs: subquery.refs(),
                prepared: subquery,
                rows: None,
            };
            if subquery.refs.is_empty() {
                let row = vec![Value::Null; context.width()];
                subquery.rows = Some(self.run_subquery(&subquery, &row, None, trx).await?);
            }
            prepared.push(subquery);
        }
        Ok(prepared)
    }

    async fn run_subquery(
        &self,
        subquery: &Subquery,
        row: &[Value],
        env: Option<&mut Env>,
        trx: TrxId,
    ) -> Result<Arc<[Row]>, SqlError> {
        let rows_max = if subquery.exists { 1 } else { u64::MAX };
        let run = Box::pin(self.run_prepared(&subquery.prepared, row, trx, rows_max));
        let outcome = run.await?;
        if let Some(env) = env {
            env.warnings.extend(outcome.warnings);
        }
        Ok(outcome.rows.into())
    }

    /// An expression's value; a correlated subquery runs when it is asked for.
    pub async fn value(
        &self,
        program: &Program,
        row: &[Value],
        env: &mut Env,
        subqueries: &[Subquery],
        trx: TrxId,
    ) -> Result<Value, SqlError> {
        let mut ran = Vec::new();
        loop {
            let warnings = env.warnings.len();
            env.user_locks.open();
            let mut result = program.run(row, env);
            if let Some(call) = env.user_locks.take_asked() {
                env.warnings.truncate(warnings);
                let answer = self.user_lock(&call).await;
                match answer {
                    Ok(answer) => env.user_locks.answer(answer),
                    Err(error) => {
                        env.user_locks.close();
                        return Err(error);
                    }
                }
                continue;
            }
            if env.strict_change && env.wanted.is_none() && result.is_ok() {
                let told = env.warnings[warnings..].iter().find(|told| is_strict_error(told));
                result = told.map_or(result, |told| Err(told.clone()));
            }
            let Some(wanted) = env.wanted.take() else {
                env.user_locks.close();
                // The next row has other values for them.
                for at in ran {
                    env.subqueries[at] = None;
                }
                return result;
            };
            env.warnings.truncate(warnings);
            let subquery = subqueries.get(wanted);
            let subquery = subquery.ok_or_else(|| SqlError::not_supported("subquery"))?;
            let rows = self.run_subquery(subquery, row, Some(env), trx).await?;
            env.subqueries[wanted] = Some(rows);
            ran.push(wanted);
        }
    }

    /// Whether a condition lets a row pass.
    pub async fn passes(
        &self,
        program: &Program,
        row: &[Value],
        env: &mut Env,
        subqueries: &[Subquery],
        trx: TrxId,
    ) -> Result<bool, SqlError> {
        let value = self.value(program, row, env, subqueries, trx).await?;
        Ok(crate::eval::is_true(&value, env))
    }
}
