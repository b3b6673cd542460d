//! PREPARE, EXECUTE, DEALLOCATE: statements that a session keeps by name.
//!
//! PREPARE plans its text once, to say what is wrong with it; EXECUTE plans it anew, with the
//! session's user variables as `:v1`, `:v2` ... See `engine/exec_prepared_statement.go`. It knows
//! nothing of how the statement runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::sql::ast::{Expr, PrepareSource, Statement};
use sim::value::{Bind, Binds, Value};

use super::executor::Run;
use crate::key::Code;
use crate::planner::statement::Outer;
use crate::planner::walk::{self, EachExpr};
use crate::rpc::Status;

/// What a statement does to the session's prepared statements.
pub(super) enum Kept {
    Prepare { name: String, source: PrepareSource },
    Deallocate { name: String },
}

pub(super) fn kept_by(outer: &Outer) -> Option<Kept> {
    match outer {
        Outer::Sql(Statement::Prepare { name, source }) => {
            Some(Kept::Prepare { name: name.as_str().to_ascii_lowercase(), source: source.clone() })
        }
        Outer::Sql(Statement::Deallocate { name }) => {
            Some(Kept::Deallocate { name: name.as_str().to_ascii_lowercase() })
        }
        _ => None,
    }
}

impl Run {
    pub(super) fn keep_prepared(&self, kept: Kept) -> Result<(), Status> {
        match kept {
            Kept::Prepare { name, source } => {
                let text = match source {
                    PrepareSource::Text(text) => text.to_string(),
                    PrepareSource::Variable(variable) => {
                        let name = variable.as_str().to_ascii_lowercase();
                        let session = self.session.borrow();
                        session.user_variables.get(&*name).map(Value::to_string).unwrap_or_default()
                    }
                };
                let statement = sim::sql::parse(&text)
                    .map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))?;
                let count = parameters(&statement);
                self.session.borrow_mut().prepared.insert(name, (text, count));
            }
            Kept::Deallocate { name } => {
                self.session.borrow_mut().prepared.remove(&name);
            }
        }
        Ok(())
    }

    /// The bind variables with those of EXECUTE; a variable that was never set is NULL.
    pub(super) fn with_parameters(&self, names: &[Arc<str>], binds: &Binds) -> Arc<Binds> {
        let mut all = binds.clone();
        let variables: BTreeMap<Arc<str>, Value> = self.session.borrow().user_variables.clone();
        for (at, name) in names.iter().enumerate() {
            let value = variables.get(name).cloned().unwrap_or(Value::Null);
            all.insert(format!("v{}", at + 1).into(), Bind::Value(value));
        }
        Arc::new(all)
    }
}

/// How many `?` a statement has: they read as `:v1`, `:v2` ...
fn parameters(statement: &Statement) -> usize {
    let mut count = 0;
    let mut each = EachExpr(|expr: &Expr| {
        if let Expr::Argument { name, .. } = expr
            && let Some(number) = name.as_str().strip_prefix('v').and_then(|n| n.parse().ok())
        {
            count = count.max(number);
        }
    });
    walk::statement(statement, &mut each);
    count
}
