//! The rows of a statement that have a vindex's value, as its text says them.
//!
//! Only an INSERT of literals with a column list says its rows.
//!
//! It knows nothing of what came of a statement.

use sim::value::Value;

use crate::checker::entry::Entry;
use crate::checker::statement::{Form, Given, Kind};
use crate::checker::value::ValueKey;
use crate::checker::watched::Watched;

/// What a client's INSERT gives its rows of this value in the vindex's columns, row by row; none
/// where it doesn't say its rows, or is no INSERT.
pub fn rows(sql: &str, entry: &Entry, watched: &Watched) -> Option<Vec<Vec<Given>>> {
    let Form::Write(write) = Form::of(sql) else { return None };
    if !matches!(write.kind, Kind::Insert | Kind::LooseInsert) {
        return None;
    }
    let collations = watched.collations.as_deref().unwrap_or_default();
    let own = ValueKey::new(&entry.values, collations);
    let place = |name: &String| write.columns.iter().position(|c| c.eq_ignore_ascii_case(name));
    let places: Vec<usize> = watched.owner.columns.iter().map(place).collect::<Option<_>>()?;
    let rows = write.rows?.into_iter().filter_map(|row| {
        let given = |place: &usize| row.get(*place).cloned();
        let given: Vec<Given> = places.iter().map(given).collect::<Option<_>>()?;
        let each = given.iter().zip(&entry.values);
        let values: Vec<Value> =
            each.map(|(given, own)| value(given, own)).collect::<Option<_>>()?;
        (ValueKey::new(&values, collations) == own).then_some(given)
    });
    Some(rows.collect())
}

/// A sequence may give any number instead of NULL and 0.
fn value(given: &Given, own: &Value) -> Option<Value> {
    match (given, own) {
        (Given::Null | Given::Number(0), Value::Int(_)) => Some(own.clone()),
        _ => given.value(),
    }
}

/// Whether a statement may have written this value: it says so, or does not say its rows.
pub fn may_have(sql: &str, entry: &Entry, watched: &Watched) -> bool {
    rows(sql, entry, watched).is_none_or(|rows| !rows.is_empty())
}
