//! CREATE and DROP DATABASE. A plug-in makes keyspaces; vtgate only knows which there are.
//!
//! See `planbuilder/ddl.go`, `buildDBDDLPlan`. It knows nothing of the plug-in.

use sim::sql::ast::Statement;

use super::{Planned, Utility, no_rows};
use crate::key::Code;
use crate::planner::primitive::Primitive;
use crate::planner::{Context, PlanError};

pub fn plan(statement: &Statement, context: &Context<'_>) -> Result<Planned, PlanError> {
    let done = |utility| Ok((Some(Primitive::Utility(utility)), Vec::new()));
    match statement {
        Statement::CreateDatabase { if_not_exists, name, .. } => {
            let name = name.as_str();
            match (exists(name, context), if_not_exists) {
                (true, true) => Ok(no_rows()),
                (true, false) => Err(PlanError::new(
                    Code::AlreadyExists,
                    format!("VT06001: cannot create database '{name}'; database exists"),
                )),
                (false, _) => done(Utility::CreateDatabase(name.into())),
            }
        }
        Statement::DropDatabase { if_exists, name } => {
            let name = name.as_str();
            match (exists(name, context), if_exists) {
                (true, _) => done(Utility::DropDatabase(name.into())),
                (false, true) => Ok(no_rows()),
                (false, false) => Err(PlanError::new(
                    Code::NotFound,
                    format!("VT05001: cannot drop database '{name}'; database does not exists"),
                )),
            }
        }
        Statement::AlterDatabase { name, .. } => {
            let current;
            let name = match name {
                Some(name) => name.as_str(),
                None => {
                    current = crate::planner::current_keyspace(context)?.name;
                    &*current
                }
            };
            match exists(name, context) {
                true => Err(PlanError::unsupported("ALTER DATABASE")),
                false => Err(PlanError::new(
                    Code::NotFound,
                    format!("VT05002: cannot alter database '{name}'; unknown database"),
                )),
            }
        }
        other => Err(PlanError::unsupported(other)),
    }
}

fn exists(name: &str, context: &Context<'_>) -> bool {
    match &context.environment.databases {
        Some(known) => known.contains(name),
        None => context.vschema.keyspaces.contains_key(name),
    }
}
