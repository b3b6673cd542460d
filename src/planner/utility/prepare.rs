//! PREPARE, EXECUTE, DEALLOCATE: statements that a session keeps by name.
//!
//! See `planbuilder/prepared_statement.go`. It knows nothing of where they are kept.

use std::sync::Arc;

use sim::sql::ast::{Ident, PrepareSource};

use super::{Planned, Utility, no_rows};
use crate::key::Code;
use crate::planner::primitive::Primitive;
use crate::planner::{Context, PlanError, build};

pub fn prepare(source: &PrepareSource, context: &Context<'_>) -> Result<Planned, PlanError> {
    let text = match source {
        PrepareSource::Text(text) => text.as_ref(),
        PrepareSource::Variable(name) => {
            let name = name.as_str().to_ascii_lowercase();
            match context.environment.user_variables.get(&name) {
                Some(text) => text.as_str(),
                None => {
                    let text = format!("VT03024: '{name}' user defined variable does not exists");
                    return Err(PlanError::new(Code::InvalidArgument, text));
                }
            }
        }
    };
    let plan = build(text, context)?;
    Ok((no_rows().0, plan.tables_used))
}

pub fn execute(name: &Ident, using: &[Ident], context: &Context<'_>) -> Result<Planned, PlanError> {
    let (text, count) = find(name, "EXECUTE", context)?;
    if *count != using.len() {
        return Err(PlanError::new(
            Code::InvalidArgument,
            "VT03025: Incorrect arguments to EXECUTE",
        ));
    }
    let plan = build(text, context)?;
    let input = plan.root.ok_or_else(|| PlanError::unsupported(text))?;
    let parameters =
        using.iter().map(|name| Arc::from(name.as_str().to_ascii_lowercase())).collect();
    let utility =
        Utility::Execute { parameters, input: Box::new(input), variables: plan.variables };
    Ok((Some(Primitive::Utility(utility)), plan.tables_used))
}

pub fn deallocate(name: &Ident, context: &Context<'_>) -> Result<Planned, PlanError> {
    find(name, "DEALLOCATE PREPARE", context)?;
    Ok(no_rows())
}

fn find<'a>(
    name: &Ident,
    statement: &str,
    context: &Context<'a>,
) -> Result<&'a (String, usize), PlanError> {
    let name = name.as_str().to_ascii_lowercase();
    context.environment.prepared.get(&name).ok_or_else(|| {
        let text =
            format!("VT09011: Unknown prepared statement handler ({name}) given to {statement}");
        PlanError::new(Code::FailedPrecondition, text)
    })
}
