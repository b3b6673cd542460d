//! What utility statements plan to, as far as vtgate runs it.
//!
//! Sends with the wishes of a directive run as sends; Vitess's own variables are not put into the
//! answer to SHOW VARIABLES. It knows nothing of the statements.

use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::value::Binds;

use super::Running;
use crate::planner::primitive::Primitive;
use crate::planner::utility::Utility;
use crate::rpc::Status;
use crate::vtgate::executor::{Run, unsupported};

impl Run {
    pub(super) fn utility<'a>(
        &'a self,
        utility: &'a Utility,
        binds: &'a Arc<Binds>,
    ) -> Running<'a> {
        Box::pin(async move {
            match utility {
                Utility::Targeted(targeted) => self.send(&targeted.send, binds).await,
                Utility::ReplaceVariables(input) => self.primitive(input, binds).await,
                Utility::Concatenate(inputs) => self.all(inputs, binds).await,
                Utility::Mirror(mirror) => self.mirror(mirror, binds).await,
                Utility::InsertQuery(insert) => self.insert_query(insert, binds).await,
                Utility::Keyed(keyed) => self.keyed(keyed, binds).await,
                other => Err(unsupported(format!("execution of {}", other.operator()))),
            }
        })
    }

    /// The rows of all, under the columns of the first.
    async fn all(&self, inputs: &[Primitive], binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let mut all: Option<Outcome> = None;
        for input in inputs {
            let outcome = self.primitive(input, binds).await?;
            match &mut all {
                Some(all) => all.rows.extend(outcome.rows),
                None => all = Some(outcome),
            }
        }
        Ok(all.unwrap_or_default())
    }
}
