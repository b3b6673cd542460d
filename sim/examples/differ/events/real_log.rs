//! A real server's binlog as lines: asked for as a replica would ask, from a position on, decoded.

use mysql::binlog::RowsEventFlags;
use mysql::binlog::events::{EventData, RowsEventData, RowsEventRows, TableMapEvent};
use mysql::binlog::row::BinlogRow;
use mysql::binlog::value::BinlogValue;
use mysql::consts::{ColumnFlags, ColumnType};
use mysql::{BinlogDumpFlags, BinlogRequest, BinlogStream, Column, Error, Value};

use sim::mysql::binlog::RowsKind;

use crate::answer::Connection;
use crate::real::Real;

/// A place in the binlog.
pub struct Position {
    file: String,
    offset: u64,
}

/// No server of the comparison has it.
const OWN_SERVER_ID: u32 = 4711;

pub fn name_of(kind: RowsKind) -> &'static str {
    match kind {
        RowsKind::Write => "write",
        RowsKind::Update => "update",
        RowsKind::Delete => "delete",
    }
}

/// Where the log ends now.
pub fn position(real: &mut Real) -> Position {
    let mut status = real.query("show binary log status");
    if status.error.is_some() {
        status = real.query("show master status");
    }
    let cell = |at: usize| {
        let cell = status.rows.first().and_then(|row| row.get(at)?.clone());
        String::from_utf8_lossy(&cell.unwrap_or_default()).into_owned()
    };
    Position { file: cell(0), offset: cell(1).parse().unwrap_or(4) }
}

/// All that was logged since a position.
pub fn read(connection: Real, start: &Position) -> Result<Vec<String>, Error> {
    let request = BinlogRequest::new(OWN_SERVER_ID)
        .with_filename(start.file.as_bytes())
        .with_pos(start.offset)
        .with_flags(BinlogDumpFlags::BINLOG_DUMP_NON_BLOCK);
    let mut stream = connection.into_binlog(request)?;
    let mut log = Log::default();
    while let Some(event) = stream.next() {
        let event = event?;
        // What MariaDB adds has no name here.
        if event.header().event_type().is_err() {
            continue;
        }
        match event.read_data()? {
            Some(EventData::QueryEvent(query)) => log.query(&query.query()),
            Some(EventData::XidEvent(_)) => log.lines.push("commit".to_string()),
            Some(EventData::RowsEvent(rows)) => log.rows(&rows, &stream)?,
            _ => {}
        }
    }
    Ok(log.lines)
}

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    /// What the last event wrote, while its statement goes on: a long one fills several.
    continued: Option<(RowsKind, u64)>,
}

impl Log {
    fn query(&mut self, text: &str) {
        self.continued = None;
        match text {
            "BEGIN" => self.lines.push("begin".to_string()),
            "COMMIT" => self.lines.push("commit".to_string()),
            // What MariaDB sends in the place of an event that MySQL's replicas do not know.
            dummy if dummy.starts_with('#') => {}
            _ => self.lines.push(format!("query {text}")),
        }
    }

    fn rows(&mut self, rows: &RowsEventData<'_>, stream: &BinlogStream) -> Result<(), Error> {
        let Some(table) = stream.get_tme(rows.table_id()) else { return Ok(()) };
        use RowsEventData::*;
        let kind = match rows {
            WriteRowsEvent(_) | WriteRowsEventV1(_) => RowsKind::Write,
            DeleteRowsEvent(_) | DeleteRowsEventV1(_) => RowsKind::Delete,
            UpdateRowsEvent(_) | UpdateRowsEventV1(_) | PartialUpdateRowsEvent(_) => {
                RowsKind::Update
            }
        };
        if self.continued != Some((kind, rows.table_id())) {
            let (database, table) = (table.database_name(), table.table_name());
            self.lines.push(format!("{} {database}.{table}", name_of(kind)));
        }
        let ends = rows.flags().contains(RowsEventFlags::STMT_END);
        self.continued = (!ends).then_some((kind, rows.table_id()));
        self.images(rows.rows(table), table)
    }

    fn images(&mut self, rows: RowsEventRows<'_>, table: &TableMapEvent<'_>) -> Result<(), Error> {
        for row in rows {
            let (before, after) = row?;
            for (sign, image) in [("-", before), ("+", after)] {
                if let Some(row) = image {
                    self.lines.push(format!("  {sign} {}", image_of(row, table)));
                }
            }
        }
        Ok(())
    }
}

fn image_of(row: BinlogRow, table: &TableMapEvent<'_>) -> String {
    let columns = row.columns();
    let values = row.unwrap().into_iter().enumerate();
    let cells: Vec<String> = values
        .map(|(at, value)| {
            let ty = table.get_column_type(at).ok().flatten();
            cell(ty, columns.get(at), value)
        })
        .collect();
    cells.join(", ")
}

fn cell(ty: Option<ColumnType>, column: Option<&Column>, value: BinlogValue<'_>) -> String {
    const BINARY: u16 = 63;
    let BinlogValue::Value(value) = value else { return "(json)".to_string() };
    let is = |wanted: ColumnType| ty == Some(wanted);
    let binary = column.is_some_and(|column| column.character_set() == BINARY);
    let unsigned = column.is_some_and(|column| column.flags().contains(ColumnFlags::UNSIGNED_FLAG));
    match value {
        Value::NULL => "NULL".to_string(),
        Value::Bytes(bytes)
            if is(ColumnType::MYSQL_TYPE_NEWDECIMAL) || is(ColumnType::MYSQL_TYPE_TIMESTAMP2) =>
        {
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Value::Bytes(bytes) if column.is_some_and(|column| is_latin1(column.character_set())) => {
            let text: String = bytes.iter().copied().map(char::from).collect();
            quoted(text.as_bytes(), false)
        }
        Value::Bytes(bytes) => quoted(&bytes, binary && is(ColumnType::MYSQL_TYPE_STRING)),
        // The decoder leaves out the sign of three bytes.
        Value::Int(number) if is(ColumnType::MYSQL_TYPE_INT24) && !unsigned => {
            (number << 40 >> 40).to_string()
        }
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Double(number) => format!("{number:?}"),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            if ty == Some(ColumnType::MYSQL_TYPE_NEWDATE) {
                return date;
            }
            let of_day = microseconds_of_day(
                u64::from(hour),
                u64::from(minute),
                u64::from(second),
                u64::from(micros),
            );
            format!("{date} {}", shown_time(false, of_day))
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let hours = u64::from(days) * 24 + u64::from(hours);
            let time = microseconds_of_day(
                hours,
                u64::from(minutes),
                u64::from(seconds),
                u64::from(micros),
            );
            shown_time(negative, time)
        }
    }
}

/// By the numbers of its collations.
fn is_latin1(collation: u16) -> bool {
    matches!(collation, 5 | 8 | 15 | 31 | 47 | 48 | 49 | 94)
}

pub fn microseconds_of_day(hours: u64, minutes: u64, seconds: u64, micros: u64) -> u64 {
    ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros
}

pub fn shown_time(negative: bool, micros: u64) -> String {
    let seconds = micros / 1_000_000;
    let sign = if negative { "-" } else { "" };
    format!(
        "{sign}{:02}:{:02}:{:02}.{:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        micros % 1_000_000
    )
}

/// A string's bytes; what fills a BINARY column up is not in an image.
pub fn quoted(bytes: &[u8], fixed: bool) -> String {
    let mut bytes = bytes;
    while fixed && bytes.last() == Some(&0) {
        bytes = &bytes[..bytes.len() - 1];
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!("'{text}'"),
        _ => bytes.iter().fold("0x".to_string(), |hex, byte| format!("{hex}{byte:02X}")),
    }
}
