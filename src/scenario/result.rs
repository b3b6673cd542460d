//! What a session sees of a statement, as text.
//!
//! Like the mysql client; a result may also be that nobody knows: the connection was lost. It knows
//! nothing of how a statement ran.

use std::time::Duration;

use sim::eval::Kind;
use sim::mysql::outcome::Column;
use sim::value::Value;

use crate::history::Answer;
use crate::report::mysql_table::{self, ColumnText};

/// `elapsed` is printed where it is given.
pub fn print(sql: &str, answer: &Answer, elapsed: Option<Duration>) -> String {
    let seconds = elapsed.map(mysql_table::seconds).unwrap_or_default();
    match answer {
        Answer::Ok(outcome) if outcome.columns.is_empty() => {
            if is_use(sql) {
                return "Database changed\n".to_owned();
            }
            mysql_table::query_ok(outcome.affected, outcome.warnings.len(), &seconds)
        }
        Answer::Ok(outcome) => {
            let columns: Vec<ColumnText<'_>> = outcome.columns.iter().map(column).collect();
            let rows: Vec<Vec<Option<String>>> =
                outcome.rows.iter().map(|row| row.iter().map(text).collect()).collect();
            let table = match vertical(sql) {
                Some(_) => mysql_table::vertical(&columns, &rows),
                None => mysql_table::table(&columns, &rows),
            };
            let count = mysql_table::rows_in_set(rows.len(), outcome.warnings.len(), &seconds);
            format!("{table}{count}")
        }
        Answer::Error(error) => mysql_table::error(error),
        Answer::Unknown(why) => format!("(unknown: {why})\n"),
    }
}

/// A statement without the `\G` that asks for vertical output; none if it doesn't.
pub fn vertical(sql: &str) -> Option<&str> {
    sql.trim_end().strip_suffix("\\G")
}

fn is_use(sql: &str) -> bool {
    sql.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("use"))
}

fn column(column: &Column) -> ColumnText<'_> {
    let numeric = matches!(
        column.kind.kind,
        Kind::Int | Kind::Uint | Kind::Decimal | Kind::Single | Kind::Float
    );
    ColumnText { name: &column.name, numeric, nullable: !column.not_null }
}

/// A value as the client shows it; bytes that are no text as `0x..`.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bytes(bytes) => Some(match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains(char::is_control) => text.to_owned(),
            _ => format!("0x{}", crate::key::hex::encode(bytes).to_ascii_uppercase()),
        }),
        other => Some(other.to_string()),
    }
}
