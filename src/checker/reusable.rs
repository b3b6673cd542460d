//! A value whose lookup row has no owner row can be inserted, whatever keyspace id stands there.
//!
//! The counterexample that it exists for. A duplicate is not told from a row that dangles:
//!
//! ```text
//!   corder_lookup   'Product_5' -> 166B, no owner row
//!   a: insert order 9 'Product_5'    1062, for ever
//! ```
//!
//! Asked at the end of a run, by an INSERT for each such value: first in a transaction that is
//! rolled back, then by itself. The row is made from the owner table's columns: the value, a
//! primary vindex value that leads to another shard than the dangling row's where there is one,
//! and as little else as the table allows. Where the value says the row's primary key and another
//! row has that, there is nothing to ask.
//!
//! [`Departure`] is what vtgate does not promise.

use std::rc::Rc;

use sim::mysql::schema::{Column, Table};
use sim::sql_error::SqlError;
use sim::value::{Row, Value};

use crate::checker::statement;
use crate::checker::value;
use crate::checker::watched::Watched;
use crate::key::KeyspaceId;

/// A question whether a value can be inserted.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The vindex, with its keyspace.
    pub vindex: Rc<str>,
    /// The value, as SQL.
    pub value: String,
    /// The keyspace id that stands there, in hexadecimal.
    pub dangling: String,
    /// The row, as the owner table would have it.
    pub row: Row,
    pub sql: String,
    pub is_later: bool,
}

/// How a probe is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a transaction that is rolled back.
    InTransaction,
    Alone,
}

/// What vtgate does instead, and is known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// By itself, where an owned lookup vindex that stands before has written its row: the first
    /// write has armed the undoing of the whole transaction, and that comes before the duplicate is
    /// looked at. 1062. (The case with a later vindex of vtgate.md 2.5; P1 is the same in BEGIN.)
    LaterVindexAlone,
}

/// The departure that explains an error, if any.
pub fn departure(probe: &Probe, way: Way, error: &SqlError) -> Option<Departure> {
    let is_duplicate = error.errno == 1062;
    (is_duplicate && way == Way::Alone && probe.is_later).then_some(Departure::LaterVindexAlone)
}

/// Numbers that nobody else has.
const FRESH: i64 = 900_000_000;
/// Primary vindex values that are tried for one that leads elsewhere.
const TRIED: i64 = 32;

/// A row with a value, and its INSERT; none where the judge cannot make one. `others` are the
/// columns of the owner's other vindexes, `is_elsewhere` whether an id is on another shard than
/// the dangling row's. `number` tells probes apart.
pub fn insert(
    watched: &Watched,
    table: &Table,
    values: &[Value],
    others: &[String],
    number: usize,
    is_elsewhere: impl Fn(&KeyspaceId) -> bool,
) -> Option<(Row, String)> {
    if !table.constraints.is_empty() {
        return None;
    }
    let base = FRESH + number as i64 * TRIED;
    let row = |tried: i64| row(watched, table, values, others, base + tried);
    let leads = |cells: &Vec<(&Column, Value)>| {
        let placed = watched.owner.placed_by.as_ref()?;
        let of = |name: &String| {
            let cell = cells.iter().find(|(column, _)| column.name.eq_ignore_ascii_case(name));
            cell.map(|(_, value)| value.clone())
        };
        let own = placed.columns.iter().map(of).collect::<Option<Vec<Value>>>()?;
        value::keyspace_id(&*placed.vindex, &own)
    };
    let first = row(0)?;
    let elsewhere =
        (0..TRIED).filter_map(row).find(|cells| leads(cells).is_some_and(|id| is_elsewhere(&id)));
    let cells = elsewhere.unwrap_or(first);
    let names: Vec<String> = cells.iter().map(|(column, _)| format!("`{}`", column.name)).collect();
    let texts: Option<Vec<String>> = cells.iter().map(|(_, value)| literal(value)).collect();
    let cell = |column: &Column| cells.iter().find(|(known, _)| known.name == column.name);
    let whole = table.columns.iter();
    let whole = whole.map(|column| cell(column).map_or(Value::Null, |(_, value)| value.clone()));
    let sql = format!(
        "insert into `{}`.`{}` ({}) values ({})",
        watched.owner.keyspace,
        watched.owner.table,
        names.join(", "),
        texts?.join(", ")
    );
    Some((whole.collect(), sql))
}

fn row<'a>(
    watched: &Watched,
    table: &'a Table,
    values: &[Value],
    others: &[String],
    fresh: i64,
) -> Option<Vec<(&'a Column, Value)>> {
    let is = |name: &String, column: &Column| name.eq_ignore_ascii_case(&column.name);
    let mut cells = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        if column.generated.is_some() || column.auto_increment {
            continue;
        }
        let own = watched.owner.columns.iter().position(|name| is(name, column));
        let unique = table.indexes.iter().filter(|index| index.unique);
        let is_told_apart = unique.flat_map(|index| &index.parts).any(|part| part.column == at)
            || others.iter().any(|name| is(name, column))
            || watched.owner.placed_by.iter().flat_map(|by| &by.columns).any(|n| is(n, column));
        let value = match own.and_then(|at| values.get(at)) {
            Some(value) => value.clone(),
            None if is_told_apart => distinct(column, fresh)?,
            None if !column.not_null || column.default.is_some() => continue,
            None => distinct(column, fresh)?,
        };
        cells.push((column, value));
    }
    Some(cells)
}

/// A value that no other row has.
fn distinct(column: &Column, fresh: i64) -> Option<Value> {
    if statement::is_text(column) {
        let text = format!("probe_{fresh}");
        let fits = column.ty.length.is_some_and(|length| text.len() <= length as usize);
        return fits.then(|| Value::text(&text));
    }
    match &*column.ty.name {
        "int" | "bigint" => Some(Value::Int(fresh)),
        "decimal" | "double" | "float" if !column.not_null => Some(Value::Null),
        "decimal" | "double" | "float" => Some(Value::Int(0)),
        _ => None,
    }
}

/// A value as SQL; none for what has no plain literal.
pub fn literal(value: &Value) -> Option<String> {
    let quoted = |text: &str| {
        let escaped = text.replace('\\', "\\\\").replace('\'', "''");
        (!text.chars().any(char::is_control)).then(|| format!("'{escaped}'"))
    };
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Int(_) | Value::Uint(_) | Value::Decimal(_) => Some(value.to_string()),
        Value::Text(text) => quoted(text),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => quoted(text),
            Err(_) => None,
        },
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => Some(format!("'{value}'")),
        Value::Float(_) => None,
    }
}
