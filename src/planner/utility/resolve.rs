//! What a name in a utility statement means: a table, a keyspace, and where it goes.
//!
//! See `VCursorImpl.FindTableOrVindex`, `TargetDestination`, `AnyKeyspace`. It knows nothing of
//! statements.

use std::sync::Arc;

use sim::sql::ast::{Ident, TableName};

use crate::key::Code;
use crate::planner::primitive::{Keyspace, Rows, Send};
use crate::planner::target::Target;
use crate::planner::{Context, PlanError, normalize, primitive::Primitive};
use crate::vschema::Table;

/// Where a name leads: a keyspace, and the shards that the name itself asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub keyspace: Keyspace,
    pub destination: Option<String>,
}

/// The table that a name means; none for a name that is no table's.
pub fn table(
    name: &TableName,
    context: &Context<'_>,
) -> Result<Option<(Arc<Table>, Place)>, PlanError> {
    let target = target(name.qualifier.as_ref())?;
    let tablet_type = target.as_ref().and_then(|target| target.tablet_type.clone());
    let keyspace = match &target {
        Some(target) => target.keyspace.as_str(),
        None => context.keyspace.unwrap_or(""),
    };
    let found = context.vschema.find_routed_table(
        keyspace,
        name.name.as_str(),
        tablet_type.as_deref().unwrap_or(context.tablet_type),
    );
    let found = found.map_err(|error| PlanError::new(error.code, error.to_string()))?;
    let Some(table) = found else { return Ok(None) };
    let keyspace = crate::planner::keyspace(context, &table.keyspace)?;
    Ok(Some((table, Place { keyspace, destination: destination(target) })))
}

/// The same, for who needs a table.
pub fn known_table(
    name: &TableName,
    context: &Context<'_>,
) -> Result<(Arc<Table>, Place), PlanError> {
    table(name, context)?.ok_or_else(|| {
        let text = format!("table {} not found", name.name.as_str());
        PlanError::new(Code::NotFound, text)
    })
}

/// The keyspace that a qualifier names, else the session's.
pub fn place(qualifier: Option<&Ident>, context: &Context<'_>) -> Result<Place, PlanError> {
    match target(qualifier)? {
        Some(target) => {
            let keyspace = crate::planner::keyspace(context, &target.keyspace)?;
            Ok(Place { keyspace, destination: destination(Some(target)) })
        }
        None => {
            let keyspace = crate::planner::current_keyspace(context)?;
            Ok(Place { keyspace, destination: session_destination(context) })
        }
    }
}

fn target(qualifier: Option<&Ident>) -> Result<Option<Target>, PlanError> {
    match qualifier {
        None => Ok(None),
        Some(qualifier) => match Target::parse(qualifier.as_str()) {
            Ok(target) => Ok(Some(target)),
            Err(error) => Err(PlanError::new(Code::InvalidArgument, error.to_string())),
        },
    }
}

fn destination(target: Option<Target>) -> Option<String> {
    let text = target?.destination?.to_string();
    Some(text.strip_prefix("Destination").unwrap_or(&text).to_owned())
}

/// Where the session's target sends everything; its text is a shard, or a range or a keyspace id in
/// brackets.
pub fn session_destination(context: &Context<'_>) -> Option<String> {
    let shard = context.shard?;
    Some(match shard.strip_prefix('[').and_then(|range| range.strip_suffix(']')) {
        Some(range) if range.contains('-') => format!("ExactKeyRange({range})"),
        Some(id) => format!("KeyspaceID({id})"),
        None => format!("Shard({shard})"),
    })
}

/// The keyspace for what any server can answer.
pub fn any_keyspace(context: &Context<'_>) -> Result<Keyspace, PlanError> {
    let preferred = || crate::planner::preferred_keyspace(context);
    let name = context.environment.any_keyspace.as_deref().or(context.keyspace);
    match name.filter(|name| !normalize::is_system_schema(name)).or_else(preferred) {
        Some(name) => crate::planner::keyspace(context, name),
        None => crate::planner::current_keyspace(context),
    }
}

/// The session's keyspace, or the one that stands in for it where it has none.
pub fn selected_keyspace(context: &Context<'_>) -> Result<Keyspace, PlanError> {
    match context.environment.any_keyspace.as_deref() {
        Some(name) => crate::planner::keyspace(context, name),
        None => crate::planner::current_keyspace(context),
    }
}

/// The first keyspace by name.
pub fn first_keyspace(context: &Context<'_>) -> Result<Keyspace, PlanError> {
    let first = context.vschema.keyspaces.keys().next().map(String::as_str);
    match context.environment.any_keyspace.as_deref().or(first) {
        Some(name) => crate::planner::keyspace(context, name),
        None => crate::planner::current_keyspace(context),
    }
}

/// Refuses what goes to one server alone.
pub fn refuse_sharded(keyspace: &Keyspace, text: &str) -> Result<(), PlanError> {
    match keyspace.sharded {
        true => Err(PlanError::new(Code::Unimplemented, text)),
        false => Ok(()),
    }
}

/// `keyspace.table`.
pub fn used(keyspace: &Keyspace, table: &str) -> String {
    format!("{}.{table}", keyspace.name)
}

/// A statement to any one shard of a keyspace.
pub fn to_any_shard(keyspace: Keyspace, statement: sim::sql::ast::Statement) -> Primitive {
    to_one_shard(keyspace, "AnyShard()".to_owned(), statement)
}

/// A statement to a destination that must be one shard.
pub fn to_one_shard(
    keyspace: Keyspace,
    destination: String,
    statement: sim::sql::ast::Statement,
) -> Primitive {
    Primitive::Send(Send { single_shard_only: true, ..send(keyspace, destination, statement) })
}

/// A statement to a destination.
pub fn send(keyspace: Keyspace, destination: String, statement: sim::sql::ast::Statement) -> Send {
    Send {
        keyspace,
        destination,
        query: Arc::new(statement),
        is_dml: false,
        single_shard_only: false,
        shard_name_needed: false,
        rename: Vec::new(),
    }
}

/// An answer of texts that vtgate gives by itself.
pub fn text_rows(names: &[&str], rows: Vec<Vec<String>>) -> Primitive {
    let fields = names.iter().map(|name| ((*name).into(), "VARCHAR".into())).collect();
    let row = |row: Vec<String>| row.iter().map(|text| sim::value::Value::text(text)).collect();
    Primitive::Rows(Rows { fields, rows: rows.into_iter().map(row).collect() })
}

/// Whether a text matches a pattern of LIKE, whatever its case.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    matches_from(&text, &pattern)
}

fn matches_from(text: &[char], pattern: &[char]) -> bool {
    // Backtracking to the last `%` alone keeps this linear in practice and bounded always.
    let (mut at, mut in_pattern) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some('%') => {
                retry = Some((at, in_pattern + 1));
                in_pattern += 1;
            }
            Some('\\') if pattern.get(in_pattern + 1) == text.get(at) => {
                at += 1;
                in_pattern += 2;
            }
            Some(c) if *c == '_' || *c == text[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match retry {
                Some((start, behind)) => {
                    at = start + 1;
                    retry = Some((at, behind));
                    in_pattern = behind;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match() {
        let cases = [
            ("abc", "abc", true),
            ("ABC", "a_c", true),
            ("abc", "%", true),
            ("abc", "%c", true),
            ("abc", "b%", false),
            ("a_c", "a\\_c", true),
            ("abc", "a\\_c", false),
            ("", "%", true),
            ("", "_", false),
            ("aXbXc", "%X%c", true),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(is_like(text, pattern), expected, "{text} like {pattern}");
        }
    }
}
