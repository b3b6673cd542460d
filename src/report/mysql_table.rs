//! What the mysql client prints after a statement.
//!
//! A column is as wide as its name and its longest value, and at least 4 where it may be NULL, for
//! the word must fit. Names stand to the left; values to the right if the column's *type* is a
//! number (the client asks `IS_NUM` of the field, not of the text), so that a NULL in a number
//! column stands to the right as well, and `hex()` to the left. Nothing wraps.
//!
//! Modelled: the interactive client as it prints to a terminal, started with
//! `--binary-as-hex=false`. Left out: the blank line that follows each result on a terminal, and
//! the `Rows matched` line: vtgate doesn't pass it on. A wide
//! East Asian character takes two columns there and one here.
//!
//! It knows nothing of types: who prints says which columns are numbers.

use std::fmt::Write;
use std::time::Duration;

use sim::sql_error::SqlError;

use crate::report::{rule, width};

/// A column of a result set, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnText<'a> {
    pub name: &'a str,
    /// The type is a number: TINYINT to BIGINT, YEAR, DECIMAL, FLOAT, DOUBLE, and that of a bare
    /// NULL.
    pub numeric: bool,
    /// The field lacks NOT_NULL_FLAG.
    pub nullable: bool,
}

/// A result set with the line that counts its rows; only that line where there is no row.
///
/// `seconds` is what [`seconds`] gives, such as `0.01`; where it is empty the time is left out.
pub fn mysql_table(columns: &[ColumnText], rows: &[Vec<Option<String>>], seconds: &str) -> String {
    let mut out = table(columns, rows);
    out.push_str(&rows_in_set(rows.len(), 0, seconds));
    out
}

/// The frame with names and values; nothing where there is no row.
pub fn table(columns: &[ColumnText], rows: &[Vec<Option<String>>]) -> String {
    let mut out = String::new();
    if rows.is_empty() {
        return out;
    }
    let widths: Vec<usize> =
        columns.iter().enumerate().map(|(i, column)| column_width(column, i, rows)).collect();
    rule(&mut out, &widths);
    out.push('|');
    for (column, width) in columns.iter().zip(&widths) {
        write_cell(&mut out, column.name, *width, Align::Left);
    }
    out.push('\n');
    rule(&mut out, &widths);
    for row in rows {
        out.push('|');
        for (i, (column, width)) in columns.iter().zip(&widths).enumerate() {
            let align = if column.numeric { Align::Right } else { Align::Left };
            write_cell(&mut out, value(row, i), *width, align);
        }
        out.push('\n');
    }
    rule(&mut out, &widths);
    out
}

/// What `\G` prints: a line a value, under a line of stars a row.
pub fn vertical(columns: &[ColumnText], rows: &[Vec<Option<String>>]) -> String {
    let stars = "*".repeat(27);
    let widest = columns.iter().map(|column| width(column.name)).max().unwrap_or(0);
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        let _ = writeln!(out, "{stars} {}. row {stars}", number + 1);
        for (i, column) in columns.iter().enumerate() {
            let indent = " ".repeat(widest - width(column.name));
            let _ = writeln!(out, "{indent}{}: {}", column.name, value(row, i));
        }
    }
    out
}

/// `5 rows in set (0.01 sec)`, `1 row in set, 1 warning (0.00 sec)`, `Empty set (0.00 sec)`.
pub fn rows_in_set(rows: usize, warnings: usize, seconds: &str) -> String {
    let count = match rows {
        0 => "Empty set".to_string(),
        rows => format!("{} in set", counted(rows as u64, "row")),
    };
    closing_line(count, warnings, seconds)
}

/// `Query OK, 1 row affected (0.01 sec)`.
pub fn query_ok(affected: u64, warnings: usize, seconds: &str) -> String {
    closing_line(format!("Query OK, {} affected", counted(affected, "row")), warnings, seconds)
}

/// What follows `use`.
pub const DATABASE_CHANGED: &str = "Database changed\n";

/// `ERROR 1062 (23000): Duplicate entry '1' for key 't.PRIMARY'`.
pub fn error(error: &SqlError) -> String {
    format!("ERROR {} ({}): {}\n", error.errno, error.state, error.message)
}

/// The time before the word `sec`: `0.01`, `1 min 5.00`, `2 hours 0 min 3.10`.
pub fn seconds(elapsed: Duration) -> String {
    const UNITS: [(u64, &str, &str); 3] =
        [(86_400, " day ", " days "), (3_600, " hour ", " hours "), (60, " min ", " min ")];
    let mut whole = elapsed.as_secs();
    let mut text = String::new();
    for (length, one, many) in UNITS {
        // As the client does, which leaves out a unit that is zero.
        if let count @ 1.. = whole / length {
            text.push_str(&count.to_string());
            text.push_str(if count == 1 { one } else { many });
            whole %= length;
        }
    }
    let rest = Duration::new(whole, elapsed.subsec_nanos()).as_secs_f64();
    text.push_str(&format!("{rest:.2}"));
    text
}

fn closing_line(mut line: String, warnings: usize, seconds: &str) -> String {
    if warnings != 0 {
        line.push_str(", ");
        line.push_str(&counted(warnings as u64, "warning"));
    }
    if !seconds.is_empty() {
        // Writing to a String doesn't fail.
        let _ = write!(line, " ({seconds} sec)");
    }
    line.push('\n');
    line
}

fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

fn column_width(column: &ColumnText, i: usize, rows: &[Vec<Option<String>>]) -> usize {
    let longest = rows.iter().map(|row| width(value(row, i))).max().unwrap_or(0);
    let least = if column.nullable { 4 } else { 0 };
    longest.max(width(column.name)).max(least)
}

/// A row that is too short reads as NULL.
fn value(row: &[Option<String>], i: usize) -> &str {
    row.get(i).and_then(Option::as_deref).unwrap_or("NULL")
}

#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
}

fn write_cell(out: &mut String, text: &str, width: usize, align: Align) {
    // The client prints a zero byte as a blank.
    let text = text.replace('\0', " ");
    // Writing to a String doesn't fail.
    let _ = match align {
        Align::Left => write!(out, " {text:<width$} |"),
        Align::Right => write!(out, " {text:>width$} |"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, numeric: bool, nullable: bool) -> ColumnText<'_> {
        ColumnText { name, numeric, nullable }
    }

    fn row(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|value| (*value != "NULL").then(|| value.to_string())).collect()
    }

    #[test]
    fn a_table_has_a_column_for_the_word_null() {
        let columns =
            [column("id", true, false), column("n", true, true), column("s", false, true)];
        let rows = [row(&["1", "NULL", "a"]), row(&["10", "2", "NULL"])];
        let expected = "\
+----+------+------+
| id | n    | s    |
+----+------+------+
|  1 | NULL | a    |
| 10 |    2 | NULL |
+----+------+------+
2 rows in set (0.00 sec)
";
        assert_eq!(mysql_table(&columns, &rows, "0.00"), expected);
    }

    #[test]
    fn names_stand_left_and_characters_count() {
        let columns = [column("count(*)", true, false), column("name", false, false)];
        let expected = "\
+----------+--------+
| count(*) | name   |
+----------+--------+
|        3 | Zoë éè |
+----------+--------+
1 row in set
";
        assert_eq!(mysql_table(&columns, &[row(&["3", "Zoë éè"])], ""), expected);
    }

    #[test]
    fn closing_lines() {
        assert_eq!(mysql_table(&[column("a", true, true)], &[], "0.01"), "Empty set (0.01 sec)\n");
        assert_eq!(rows_in_set(1, 2, "0.00"), "1 row in set, 2 warnings (0.00 sec)\n");
        assert_eq!(query_ok(1, 0, "0.03"), "Query OK, 1 row affected (0.03 sec)\n");
        assert_eq!(query_ok(0, 1, ""), "Query OK, 0 rows affected, 1 warning\n");
        let duplicate = SqlError::new(1062, "23000", "Duplicate entry '1' for key 't.PRIMARY'");
        assert_eq!(
            error(&duplicate),
            "ERROR 1062 (23000): Duplicate entry '1' for key 't.PRIMARY'\n"
        );
    }

    #[test]
    fn seconds_as_the_client_says_them() {
        let check = |millis: u64, expected: &str| {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        };
        check(0, "0.00");
        check(12, "0.01");
        check(59_990, "59.99");
        check(65_000, "1 min 5.00");
        check(3_600_000, "1 hour 0.00");
        check(2 * 86_400_000 + 7_260_500, "2 days 2 hours 1 min 0.50");
    }
}
