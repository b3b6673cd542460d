//! Routing of what every server has: information_schema and the like.
//!
//! Which keyspace is meant is known when the values are: predicates on schema and table names are
//! kept beside the query, which has an argument in each value's place. See
//! `operators/info_schema_routing.go`.

use std::collections::BTreeMap;

use sim::sql::ast::{ArgumentType, ColumnName, CompareOp, Expr, Ident};

use super::super::planning::Planning;
use super::super::predicate::same;
use super::Routing;
use crate::planner::evaluable;
use crate::planner::walk::{self, EachExpr};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct System {
    pub schemas: Vec<Expr>,
    /// By argument.
    pub tables: BTreeMap<String, Expr>,
}

/// The argument of whatever schema a query names.
const SCHEMA_ARGUMENT: &str = "__vtschemaname";

impl System {
    /// What is learned from a predicate that came down from a join stays in the query alone.
    pub fn narrowed(self, _: &Planning<'_>, _: &Expr) -> Routing {
        Routing::System(self)
    }
}

/// Takes what a predicate says of schema and table; gives it back as the query has it.
pub fn take(planning: &mut Planning<'_>, routing: Routing, predicate: Expr) -> (Routing, Expr) {
    let mut system = match routing.narrowed(planning, &predicate) {
        Routing::System(system) => system,
        other => return (other, predicate),
    };
    let Some((what, column, value)) = equality(planning, &predicate) else {
        return (Routing::System(system), predicate);
    };
    let argument = match what {
        Names::Schema => {
            if !system.schemas.iter().any(|known| same(known, &value)) {
                system.schemas.push(value);
            }
            SCHEMA_ARGUMENT.into()
        }
        Names::Table => {
            let argument = planning.names.argument_for(&column);
            system.tables.insert(argument.to_string(), value);
            argument
        }
    };
    let ty = Some(ArgumentType { name: "VARCHAR".into(), size: None, scale: None });
    let predicate = Expr::Compare {
        op: CompareOp::Equal,
        left: Box::new(column),
        right: Box::new(Expr::Argument { name: Ident(argument), ty }),
        escape: None,
    };
    (Routing::System(system), predicate)
}

/// Whether this is a predicate on the schema that [`take`] took the value out of.
pub fn names_schema(predicate: &Expr) -> bool {
    let Expr::Compare { op: CompareOp::Equal, right, .. } = predicate else { return false };
    matches!(&**right, Expr::Argument { name, .. } if &*name.0 == SCHEMA_ARGUMENT)
}

/// Whether the subquery of an expression has arguments for schema names.
pub fn takes(expr: &Expr) -> bool {
    let mut found = false;
    let mut look = EachExpr(|expr: &Expr| found |= names_schema(expr));
    walk::expr(expr, &mut look);
    found
}

/// What a column holds the name of.
#[derive(Clone, Copy)]
enum Names {
    Schema,
    Table,
}

/// `column = value` either way round, for a column that names schemas or tables and a value that
/// vtgate can tell.
fn equality(planning: &Planning<'_>, predicate: &Expr) -> Option<(Names, Expr, Expr)> {
    let Expr::Compare { op: CompareOp::Equal, left, right, .. } = predicate else { return None };
    let version = &planning.context.environment.mysql_version;
    let (what, column, value) = match (names(left, version), names(right, version)) {
        (Some(what), _) => (what, left, right),
        (None, Some(what)) => (what, right, left),
        (None, None) => return None,
    };
    let told = evaluable::translate(value).ok().filter(|_| !is_database(value))?;
    Some((what, (**column).clone(), told))
}

fn is_database(value: &Expr) -> bool {
    match value {
        Expr::Function(function) => function.name.is("database") || function.name.is("schema"),
        _ => false,
    }
}

fn names(expr: &Expr, version: &str) -> Option<Names> {
    const SCHEMAS: [&str; 10] = [
        "constraint_schema",
        "event_object_schema",
        "event_schema",
        "referenced_table_schema",
        "routine_schema",
        "schema_name",
        "specific_schema",
        "table_schema",
        "trigger_schema",
        "unique_constraint_schema",
    ];
    let (Expr::Column(ColumnName { name, .. }) | Expr::Bound(ColumnName { name, .. }, _)) = expr
    else {
        return None;
    };
    let is_schema = SCHEMAS.iter().any(|schema| name.is(schema))
        || !version.starts_with("5.") && name.is("view_schema");
    match is_schema {
        true => Some(Names::Schema),
        false => {
            (name.is("table_name") || name.is("referenced_table_name")).then_some(Names::Table)
        }
    }
}
