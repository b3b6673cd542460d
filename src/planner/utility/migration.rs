//! Online schema changes under way: ALTER VITESS_MIGRATION, REVERT.
//!
//! Only primary tablets run them; vtgate passes the text on. See `planbuilder/migration.go`. It
//! knows nothing of what a migration does.

use std::sync::Arc;

use sim::sql::print::quoted;

use super::resolve;
use super::{Planned, Utility};
use crate::key::Code;
use crate::planner::primitive::Primitive;
use crate::planner::{Context, PlanError};

pub fn alter(query: &str, context: &Context<'_>) -> Result<Planned, PlanError> {
    let place = resolve::place(None, context)?;
    refuse_replica("ALTER VITESS_MIGRATION", context)?;
    let utility = Utility::SendText {
        keyspace: place.keyspace,
        destination: place.destination.unwrap_or_else(|| "AllShards()".to_owned()),
        text: query.into(),
    };
    Ok((Some(Primitive::Utility(utility)), Vec::new()))
}

pub fn revert(uuid: &Arc<str>, context: &Context<'_>) -> Result<Planned, PlanError> {
    let place = resolve::place(None, context)?;
    refuse_replica("REVERT VITESS_MIGRATION", context)?;
    let text = format!("revert vitess_migration {}", quoted(uuid));
    let utility = Utility::RevertMigration { keyspace: place.keyspace, text: text.into() };
    Ok((Some(Primitive::Utility(utility)), Vec::new()))
}

/// Migrations are a primary's.
pub fn refuse_replica(statement: &str, context: &Context<'_>) -> Result<(), PlanError> {
    if context.tablet_type == "primary" {
        return Ok(());
    }
    let text = format!("VT09006: {statement} works only on primary tablet");
    Err(PlanError::new(Code::FailedPrecondition, text))
}
