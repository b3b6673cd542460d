//! The model's binlog as lines.

use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
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

/// A TIMESTAMP as it is stored: seconds, with a fraction only where there is one.
fn seconds(at: DateTime) -> String {
    let Ok(instant) = at.to_zoned(TimeZone::UTC) else { return at.to_string() };
    let micros = instant.timestamp().as_microsecond();
    match micros % 1_000_000 {
        0 => (micros / 1_000_000).to_string(),
        fraction => format!("{}.{fraction:06}", micros / 1_000_000),
    }
}

fn cell(column: &Column, value: &Value) -> String {
    let bytes = |bytes: &[u8]| quoted(bytes, &*column.ty.name == "binary");
    match value {
        Value::Null => "NULL".to_string(),
        Value::Float(number) if &*column.ty.name == "float" => format!("{:?}", *number as f32),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => bytes(text.as_bytes()),
        Value::Bytes(raw) => bytes(raw),
        Value::Date(date) => date.to_string(),
        Value::DateTime(at) if &*column.ty.name == "timestamp" => seconds(*at),
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
