//! ALTER VSCHEMA: a change of a keyspace's vschema, which topo then has.
//!
//! See `planbuilder/builder.go`, `buildVSchemaDDLPlan`. It knows nothing of how it is applied.

use super::resolve::{self, used};
use super::{Planned, Utility};
use crate::planner::primitive::Primitive;
use crate::planner::statement::vschema::AlterVSchema;
use crate::planner::{Context, PlanError};

pub fn plan(change: &AlterVSchema, context: &Context<'_>) -> Result<Planned, PlanError> {
    let place = resolve::place(change.table.qualifier.as_ref(), context)?;
    let used = vec![used(&place.keyspace, change.table.name.as_str())];
    let utility = Utility::AlterVSchema { keyspace: place.keyspace, change: change.clone() };
    Ok((Some(Primitive::Utility(utility)), used))
}
