//! A recursion of vtgate's own: for each row what the term makes of it.
//!
//! Every row of an iteration is one query of the term, and vtgate makes a thousand of them at most,
//! whatever `cte_max_recursion_depth` says. See `engine/recurse_cte.go`. It knows nothing of
//! shards.

use std::sync::Arc;

use sim::eval::{Env, aggregate::sort_order};
use sim::mysql::outcome::{Column, Outcome};
use sim::value::{Binds, Row, Value};

use super::rows::{rename, told};
use crate::key::Code;
use crate::planner::primitive::RecurseCte;
use crate::rpc::Status;
use crate::vtgate::executor::Run;

/// How many rows are asked about.
const RECURSE_DEPTH_MAX: usize = 1000;

impl Run {
    pub(super) async fn recurse_cte(
        &self,
        node: &RecurseCte,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let mut outcome = self.primitive(&node.seed, binds).await?;
        let columns = Arc::clone(&outcome.columns);
        if node.distinct {
            let seed = std::mem::take(&mut outcome.rows);
            keep_new(&mut outcome.rows, seed, &columns);
        }
        let (mut next, mut asked) = (0, 0);
        while let Some(row) = outcome.rows.get(next).cloned() {
            next += 1;
            asked += 1;
            if RECURSE_DEPTH_MAX < asked {
                let text = "VT09030: Recursive query aborted after 1000 iterations.";
                return Err(Status::new(Code::FailedPrecondition, text));
            }
            let made = self.primitive(&node.term, &told(&node.vars, &row, binds)).await?;
            match node.distinct {
                true => keep_new(&mut outcome.rows, made.rows, &columns),
                false => outcome.rows.extend(made.rows),
            }
        }
        rename(&mut outcome, &node.names);
        Ok(outcome)
    }
}

/// Takes the rows that are not there yet.
fn keep_new(kept: &mut Vec<Row>, rows: Vec<Row>, columns: &[Column]) {
    let mut env = Env::new(jiff::civil::DateTime::default());
    for row in rows {
        if !kept.iter().any(|known| equal(known, &row, columns, &mut env)) {
            kept.push(row);
        }
    }
}

/// Two NULLs are one value here; text is compared as the seed's column is.
fn equal(left: &Row, right: &Row, columns: &[Column], env: &mut Env) -> bool {
    columns.iter().enumerate().all(|(at, column)| {
        let of = |row: &Row| row.get(at).cloned().unwrap_or(Value::Null);
        sort_order(&of(left), &of(right), column.kind.collation, env).is_eq()
    })
}
