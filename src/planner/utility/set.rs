//! SET: what vtgate does with each variable, and where its value is evaluated.
//!
//! vtgate evaluates what it can; the rest is a SELECT that a tablet answers, whose columns the
//! operations read. See `planbuilder/set.go`. It knows nothing of what a variable does.

use sim::sql::ast::{
    Assignment, Expr, Ident, Literal, Query, Select, SelectItem, Statement, Variable,
    VariableScope as Scope,
};
use sim::sql::walk::children;

use super::super::expression;
use super::resolve::{self, to_one_shard};
use super::system_variable::{self, Case, Group, SystemVariable, Values};
use super::{Planned, Set, SetOperation, SetValue, Utility};
use crate::key::Code;
use crate::planner::evaluable::{self, Untranslatable};
use crate::planner::primitive::Primitive;
use crate::planner::{Context, PlanError};

pub fn plan(assignments: &[Assignment], context: &Context<'_>) -> Result<Planned, PlanError> {
    let mut below = Below { exprs: Vec::new() };
    let operations: Result<Vec<SetOperation>, PlanError> =
        assignments.iter().map(|assignment| operation(assignment, &mut below, context)).collect();
    let set = Set { operations: operations?, input: Box::new(below.input(context)?) };
    Ok((Some(Primitive::Utility(Utility::Set(set))), Vec::new()))
}

fn operation(
    assignment: &Assignment,
    below: &mut Below,
    context: &Context<'_>,
) -> Result<SetOperation, PlanError> {
    let lower = |name: &Ident| std::sync::Arc::from(name.as_str().to_ascii_lowercase());
    match &assignment.variable {
        Variable::User(name) => {
            let value = below.value(&assignment.value, Values::Any)?;
            Ok(SetOperation::UserVariable { name: lower(name), value })
        }
        Variable::System { scope: Some(Scope::VitessMetadata), name } => match &assignment.value {
            Expr::Literal(Literal::String(text)) => {
                Ok(SetOperation::Metadata { name: lower(name), text: text.to_string() })
            }
            other @ Expr::Literal(_) => Err(PlanError::new(
                Code::InvalidArgument,
                format!("VT03009: unexpected value type for '{}': {other}", lower(name)),
            )),
            other => Err(PlanError::new(
                Code::InvalidArgument,
                format!("VT03011: invalid value type: {other}"),
            )),
        },
        Variable::System {
            scope: Some(Scope::Global | Scope::Persist | Scope::PersistOnly),
            name,
        } => check_and_ignore(name, &assignment.value, Values::Boolean, context),
        Variable::System { name, .. } => {
            let Some(known) = system_variable::by_name(name.as_str()) else {
                return Err(PlanError::new(
                    Code::NotFound,
                    format!("VT05006: unknown system variable '{}'", printed(assignment)),
                ));
            };
            of_session(known, name, &assignment.value, below, context)
        }
    }
}

/// The assignment as Vitess prints it, without the word for the session.
fn printed(assignment: &Assignment) -> String {
    match &assignment.variable {
        Variable::System { name, .. } => format!("@@{} = {}", name.as_str(), assignment.value),
        Variable::User(name) => format!("@{} = {}", name.as_str(), assignment.value),
    }
}

fn of_session(
    known: &SystemVariable,
    written: &Ident,
    value: &Expr,
    below: &mut Below,
    context: &Context<'_>,
) -> Result<SetOperation, PlanError> {
    let name = std::sync::Arc::from(known.name);
    match known.group {
        Group::ReadOnly => Err(PlanError::new(
            Code::Internal,
            format!("VT03010: variable '{}' is a read only variable", written.as_str()),
        )),
        Group::NotSupported => {
            Err(PlanError::unsupported(format!("system setting: {}", written.as_str())))
        }
        Group::Ignore => {
            Ok(SetOperation::Ignore { name, text: text(written, value, known.values)? })
        }
        Group::Reserved if context.environment.system_settings => Ok(SetOperation::Reserved {
            name,
            keyspace: resolve::any_keyspace(context)?,
            destination: resolve::session_destination(context),
            text: in_case(text(written, value, known.values)?, known.case),
            by_hint: known.by_hint,
        }),
        Group::Reserved | Group::CheckAndIgnore => {
            check_and_ignore(written, value, known.values, context)
        }
        Group::Aware => {
            let value = match (value, known.default) {
                (Expr::Default(None), Some(default)) => SetValue::Here(parsed(default)),
                (Expr::Default(None), None) => {
                    let text = format!("DEFAULT for @@{}", known.name);
                    return Err(PlanError::unsupported(text));
                }
                (value, _) => below.value(value, known.values)?,
            };
            Ok(SetOperation::Aware { name, value })
        }
    }
}

fn check_and_ignore(
    name: &Ident,
    value: &Expr,
    values: Values,
    context: &Context<'_>,
) -> Result<SetOperation, PlanError> {
    let destination = resolve::session_destination(context);
    Ok(SetOperation::CheckAndIgnore {
        name: name.as_str().to_ascii_lowercase().into(),
        keyspace: resolve::any_keyspace(context)?,
        destination: destination.unwrap_or_else(|| "AnyShard()".to_owned()),
        text: text(name, value, values)?,
    })
}

/// A value as it goes to MySQL.
fn text(name: &Ident, value: &Expr, values: Values) -> Result<String, PlanError> {
    match value {
        Expr::Literal(Literal::String(text)) if values == Values::Boolean => {
            Ok(boolean(text).map_or_else(|| value.to_string(), str::to_owned))
        }
        // No expression but an enumeration: utf8mb4, read_committed.
        Expr::Column(column) => Ok(match boolean(column.name.as_str()) {
            Some(digit) => digit.to_owned(),
            None => format!("'{}'", column.name.as_str()),
        }),
        // Vitess forgets what its own message's verb stands for.
        Expr::Default(None) => Err(PlanError::unsupported(format!(
            "DEFAULT for @@%s%!(EXTRA sqlparser.IdentifierCI={})",
            name.as_str()
        ))),
        other => Ok(other.to_string()),
    }
}

fn in_case(text: String, case: Case) -> String {
    match case {
        Case::Same => text,
        Case::Upper => text.to_ascii_uppercase(),
    }
}

fn boolean(text: &str) -> Option<&'static str> {
    match text {
        _ if text.eq_ignore_ascii_case("on") => Some("1"),
        _ if text.eq_ignore_ascii_case("off") => Some("0"),
        _ => None,
    }
}

fn integer(digit: &str) -> Expr {
    Expr::Literal(Literal::Integer(digit.into()))
}

/// The literal that a default is.
fn parsed(text: &str) -> Expr {
    match text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        Some(text) => Expr::Literal(Literal::String(text.into())),
        None => integer(text),
    }
}

/// What a tablet evaluates, in the order of the columns.
struct Below {
    exprs: Vec<Expr>,
}

impl Below {
    fn value(&mut self, value: &Expr, values: Values) -> Result<SetValue, PlanError> {
        let value = adjusted(value, values);
        match evaluable::translate(&value) {
            Ok(expr) => Ok(SetValue::Here(expr)),
            Err(Untranslatable::NotSupported(_)) if may_go_below(&value) => {
                self.exprs.push(value);
                Ok(SetValue::Column(self.exprs.len() - 1))
            }
            Err(Untranslatable::NotSupported(_)) => {
                Err(PlanError::unsupported(format!("expression: {value}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn input(self, context: &Context<'_>) -> Result<Primitive, PlanError> {
        if self.exprs.is_empty() {
            return Ok(Primitive::SingleRow);
        }
        let items = self.exprs.into_iter().map(|expr| SelectItem::Expr { expr, alias: None });
        let statement = Statement::Query(Query::Select(Box::new(select(items.collect()))));
        let destination = resolve::session_destination(context);
        let destination = destination.unwrap_or_else(|| "AnyShard()".to_owned());
        Ok(to_one_shard(resolve::any_keyspace(context)?, destination, statement))
    }
}

fn select(items: Vec<SelectItem>) -> Select {
    Select { items, ..expression::empty_select() }
}

fn adjusted(value: &Expr, values: Values) -> Expr {
    match (value, values) {
        (Expr::Literal(Literal::String(text)), Values::Boolean) => {
            boolean(text).map_or_else(|| value.clone(), integer)
        }
        (Expr::Column(column), Values::Boolean) => {
            boolean(column.name.as_str()).map_or_else(|| value.clone(), integer)
        }
        (Expr::Column(column), Values::Names) => {
            let name = column.name.as_str().to_ascii_lowercase();
            Expr::Literal(Literal::String(name.as_str().into()))
        }
        _ => value.clone(),
    }
}

/// A tablet has all that it takes: its session, or a query's own tables.
fn may_go_below(expr: &Expr) -> bool {
    let is_own = !matches!(
        expr,
        Expr::Aggregate(_) | Expr::Column(_) | Expr::Bound(..) | Expr::Default(_) | Expr::Values(_)
    );
    is_own && children(expr).into_iter().all(may_go_below)
}
