//! The rows that a lookup gives for a value are the rows that have it.
//!
//! The counterexample that it exists for. A lookup gives the keyspace ids of its rows, and one that
//! dangles makes the router leave out the shard of another:
//!
//! ```text
//!   corder_lookup   'a' -> 166B, 'a' -> 4EB1 (dangling)
//!   select * from corder where sku = 'a'    goes to 80- only
//! ```
//!
//! Asked at rest, for each value that the lookup table or the owner table has. The judge's own
//! tables say which rows those are: what a scatter over all primaries would read.
//!
//! It knows nothing of routing.

use std::rc::Rc;

use sim::mysql::schema::Table;
use sim::value::{Row, Value};

use crate::checker::reusable::literal;
use crate::checker::value::show;
use crate::checker::watched::Watched;

/// A question for the rows of a value.
#[derive(Clone, Debug)]
pub struct Question {
    /// The vindex, with its keyspace.
    pub vindex: Rc<str>,
    /// As SQL.
    pub value: String,
    pub sql: String,
    /// The rows that have it.
    pub rows: Vec<Row>,
}

/// The SELECT of a value's rows; none where the value has no plain literal.
pub fn select(watched: &Watched, table: &Table, values: &[Value]) -> Option<String> {
    let columns: Vec<String> =
        table.columns.iter().map(|column| format!("`{}`", column.name)).collect();
    let each = watched.owner.columns.iter().zip(values);
    let terms: Option<Vec<String>> =
        each.map(|(column, value)| Some(format!("`{column}` = {}", literal(value)?))).collect();
    Some(format!(
        "select {} from `{}`.`{}` where {}",
        columns.join(", "),
        watched.owner.keyspace,
        watched.owner.table,
        terms?.join(" and ")
    ))
}

/// How an answer differs from the rows that there are.
pub fn difference(question: &Question, given: &[Row]) -> Vec<String> {
    let same = |a: &Row, b: &Row| {
        a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.to_wire() == b.to_wire())
    };
    let lacks = |of: &[Row], row: &Row, among: &[Row]| {
        let count = |rows: &[Row]| rows.iter().filter(|other| same(row, other)).count();
        count(among) < count(of)
    };
    let missing = question.rows.iter().filter(|row| lacks(&question.rows, row, given));
    let strange = given.iter().filter(|row| lacks(given, row, &question.rows));
    missing
        .map(|row| format!("the lookup does not give {}", show(row)))
        .chain(strange.map(|row| format!("the lookup gives {}, which is not there", show(row))))
        .collect()
}
