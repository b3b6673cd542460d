//! The model's binlog as lines.

use std::sync::Arc;

use sim::mysql::binlog::{BinlogTransaction, Event, RowsEvent};
use sim::mysql::schema::Column;
use sim::value::{Row, Value};

use super::real_log::{microseconds_of_day, name_of, quoted, shown_time};

pub fn read(log: &[Arc<BinlogTransaction>]) -> Vec<String> {
    let mut lines = Vec::new();
    for transaction in log {
        let defines = matches!(transaction.events.as_slice(), [Event::Query { .. }]);
        if !defines {
            lines.push("begin".to_string());
        }
        for event in &transaction.events {
            match event {
                Event::Rows(rows) => lines.extend(lines_of(rows)),
                Event::Query { text, .. } => lines.push(format!("query {text}")),
                Event::Savepoint { name } => lines.push(format!("query SAVEPOINT `{name}`")),
            }
        }
        if !defines {
            lines.push("commit".to_string());
        }
    }
    lines
}

fn lines_of(event: &RowsEvent) -> Vec<String> {
    let kind = event.changes.first().map_or("empty", |change| name_of(change.kind()));
    let mut lines = vec![format!("{kind} {}.{}", event.table.database, event.table.name)];
    for change in &event.changes {
        for (sign, image) in [("-", &change.before), ("+", &change.after)] {
            if let Some(row) = image {
                lines.push(format!("  {sign} {}", image_of(&event.table.columns, row)));
            }
        }
    }
    lines
}

fn image_of(columns: &[Column], row: &Row) -> String {
    let cells: Vec<String> =
        columns.iter().zip(row.iter()).map(|(column, value)| cell(column, value)).collect();
    cells.join(", ")
}

fn cell(column: &Column, value: &Value) -> String {
    let bytes = |bytes: &[u8]| quoted(bytes, &*column.ty.name == "binary");
    match value {
        Value::Null => "NULL".to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => bytes(text.as_bytes()),
        Value::Bytes(raw) => bytes(raw),
        Value::Date(date) => date.to_string(),
        Value::DateTime(at) => {
            let of_day = microseconds_of_day(
                at.hour() as u64,
                at.minute() as u64,
                at.second() as u64,
                at.subsec_nanosecond() as u64 / 1000,
            );
            format!("{} {}", at.date(), shown_time(false, of_day))
        }
        Value::Time(time) => shown_time(*time < 0, time.unsigned_abs()),
        other => other.to_string(),
    }
}
