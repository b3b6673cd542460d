//! A stream's row of `_vt.vreplication`, and the key up to which a table is copied.
//!
//! The key is stored as proto text of a result with one row. It knows nothing of who writes it.

use std::sync::Arc;

use sim::mysql::gtid::GtidSet;
use sim::mysql::outcome::Outcome;
use sim::value::{Row, Value};

use super::tables::BinlogSource;

/// What `_vt.vreplication.state` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Init,
    Stopped,
    Copying,
    Running,
    Error,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Init => "Init",
            State::Stopped => "Stopped",
            State::Copying => "Copying",
            State::Running => "Running",
            State::Error => "Error",
        }
    }

    fn parse(text: &str) -> State {
        let all = [State::Init, State::Stopped, State::Copying, State::Running];
        let known = all.into_iter().find(|state| state.name().eq_ignore_ascii_case(text));
        known.unwrap_or(State::Error)
    }
}

/// A stream as its row describes it.
#[derive(Clone, Debug)]
pub struct StreamRow {
    pub id: i64,
    pub workflow: String,
    pub source: BinlogSource,
    pub position: GtidSet,
    pub cell: String,
    pub tablet_types: String,
    pub state: State,
    pub message: String,
}

/// The columns that [`StreamRow::read`] wants, in their order.
pub const COLUMNS: &str = "id, workflow, source, pos, cell, tablet_types, state, message";

impl StreamRow {
    /// None where the source or the position cannot be read.
    pub fn read(row: &Row) -> Option<StreamRow> {
        let text = |at: usize| row.get(at).map(text_of).unwrap_or_default();
        let Some(Value::Int(id)) = row.first() else { return None };
        let position = text(3);
        let position = match position.is_empty() {
            true => GtidSet::new(),
            false => GtidSet::decode_position(&position).ok()?,
        };
        Some(StreamRow {
            id: *id,
            workflow: text(1),
            source: BinlogSource::parse(&text(2))?,
            position,
            cell: text(4),
            tablet_types: text(5),
            state: State::parse(&text(6)),
            message: text(7),
        })
    }

    pub fn read_all(outcome: &Outcome) -> Vec<StreamRow> {
        outcome.rows.iter().filter_map(StreamRow::read).collect()
    }
}

/// A value as text; NULL is empty.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.to_string(),
    }
}

/// Key columns with their Vitess types.
pub type PkColumns = [(Arc<str>, Arc<str>)];

/// `fields:<name:"order_id" type:INT64 > rows:<lengths:1 values:"3" > `.
pub fn print_last_pk(columns: &PkColumns, row: &Row, v6: bool) -> String {
    let (open, close) = if v6 { ("<", " > ") } else { ("{", "} ") };
    let mut text = String::new();
    for (name, kind) in columns {
        text.push_str(&format!("fields:{open}name:\"{name}\" type:{kind}{close}"));
    }
    let values: Vec<String> = row.iter().map(text_of).collect();
    text.push_str(&format!("rows:{open}"));
    for value in &values {
        text.push_str(&format!("lengths:{} ", value.len()));
    }
    text.push_str(&format!("values:\"{}\"{close}", values.concat()));
    if v6 { text } else { text.trim_end().to_owned() }
}

/// Reads either printer's text.
pub fn parse_last_pk(text: &str) -> Option<Row> {
    let after = |key: &'static str| text.split(key).skip(1);
    let kinds: Vec<&str> = after("type:")
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or(""))
        .collect();
    let lengths: Vec<usize> = after("lengths:")
        .map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("").parse())
        .collect::<Result<_, _>>()
        .ok()?;
    let start = text.find("values:\"")? + "values:\"".len();
    let mut rest = &text[start..];
    let mut row = Vec::new();
    for (kind, length) in kinds.iter().zip(lengths) {
        let (value, more) = (rest.get(..length)?, rest.get(length..)?);
        rest = more;
        row.push(match *kind {
            "INT64" | "INT32" | "INT16" | "INT8" | "INT24" => Value::Int(value.parse().ok()?),
            "UINT64" | "UINT32" | "UINT16" | "UINT8" | "UINT24" => Value::Uint(value.parse().ok()?),
            "VARBINARY" | "BINARY" | "BLOB" => Value::bytes(value.as_bytes()),
            _ => Value::text(value),
        });
    }
    Some(row.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_key_prints_as_vitess_prints_it_and_reads_back() {
        let columns: Vec<(Arc<str>, Arc<str>)> =
            vec![("order_id".into(), "INT64".into()), ("sku".into(), "VARBINARY".into())];
        let row: Row = vec![Value::Int(3), Value::bytes(b"ab")].into();
        let old = print_last_pk(&columns, &row, true);
        assert_eq!(
            old,
            "fields:<name:\"order_id\" type:INT64 > fields:<name:\"sku\" type:VARBINARY > rows:<lengths:1 lengths:2 values:\"3ab\" > "
        );
        for v6 in [true, false] {
            assert_eq!(parse_last_pk(&print_last_pk(&columns, &row, v6)), Some(row.clone()));
        }
    }
}
