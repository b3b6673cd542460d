//! STREAM of a message table, and VSTREAM of a table's changes.
//!
//! See `planbuilder/{stream,vstream}.go`. It knows nothing of messages.

use sim::sql::ast::{CompareOp, Expr, Literal};

use super::resolve;
use super::{Planned, Utility};
use crate::key::Code;
use crate::planner::primitive::Primitive;
use crate::planner::statement::{Stream, StreamKind};
use crate::planner::{Context, PlanError};

pub fn plan(stream: &Stream, context: &Context<'_>) -> Result<Planned, PlanError> {
    let (table, place) = resolve::known_table(&stream.table, context)?;
    if context.tablet_type != "primary" {
        let text = format!(
            "VT09009: stream is supported only for primary tablet type, current type: {}",
            context.tablet_type.to_ascii_uppercase()
        );
        return Err(PlanError::new(Code::FailedPrecondition, text));
    }
    let limit = match &stream.limit {
        Some(digits) => digits.parse().map_err(|_| PlanError::unsupported("this limit"))?,
        // As many as there are by default.
        None if stream.kind == StreamKind::Changes => 100,
        None => 0,
    };
    let position = match &stream.filter {
        Some(filter) => position(filter)?,
        None => String::new(),
    };
    let (operator, everywhere) = match stream.kind {
        StreamKind::Messages => ("MStream", "ExactKeyRange(-)"),
        StreamKind::Changes => ("VStream", "AllShards()"),
    };
    let utility = Utility::Stream(super::Stream {
        operator,
        keyspace: place.keyspace,
        destination: place.destination.unwrap_or_else(|| everywhere.to_owned()),
        table: table.name.as_str().into(),
        position,
        limit,
    });
    // The table is not among those that are used.
    Ok((Some(Primitive::Utility(utility)), Vec::new()))
}

/// `pos > '..'`.
fn position(filter: &Expr) -> Result<String, PlanError> {
    if let Expr::Compare { op: CompareOp::Greater, left, right, .. } = filter
        && let (Expr::Column(column), Expr::Literal(literal)) = (&**left, &**right)
        && column.name.is("pos")
    {
        return Ok(match literal {
            Literal::String(text) => text.to_string(),
            _ => right.to_string(),
        });
    }
    Err(PlanError::new(
        Code::InvalidArgument,
        "VT03017: where clause can only be of the type 'pos > <value>'",
    ))
}
