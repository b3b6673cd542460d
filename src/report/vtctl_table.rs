//! The table that `vtctlclient VReplicationExec` prints.
//!
//! Vitess up to v7 prints through olekukonko/tablewriter with its defaults: a cell wraps at 30
//! columns, or at its longest word, into lines of the least raggedness; each line by itself stands
//! to the right if it looks like a number, else to the left; names stand in the middle; no line
//! between rows, no count of rows. A table without rows is two rules below its names.
//!
//! Modelled: that writer. Left out: the later one, which prints nothing for no rows and draws a
//! rule between rows.
//!
//! It knows nothing of types: a number is what reads as one.

use std::fmt::Write;

use crate::report::{rule, width};

/// What a cell may take before it wraps.
const WRAP: usize = 30;

/// What a line that is too long costs beside its raggedness.
const PENALTY: u64 = 100_000;

/// The table of these names and values. NULL prints as the empty text.
pub fn vtctl_table(names: &[&str], rows: &[Vec<Option<String>>]) -> String {
    let names: Vec<Cell> = names.iter().map(|name| Cell::new(name)).collect();
    let rows: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| (0..names.len()).map(|i| Cell::new(value(row, i))).collect())
        .collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|i| rows.iter().map(|row| row[i].width).fold(names[i].width, usize::max))
        .collect();
    let mut out = String::new();
    rule(&mut out, &widths);
    write_names(&mut out, &names, &widths);
    rule(&mut out, &widths);
    for row in &rows {
        write_row(&mut out, row, &widths);
    }
    rule(&mut out, &widths);
    out
}

struct Cell {
    lines: Vec<String>,
    /// What its column needs for it.
    width: usize,
}

impl Cell {
    fn new(text: &str) -> Cell {
        let lines = wrap(text);
        let longest = lines.iter().map(|line| width(line)).max().unwrap_or(0);
        Cell { lines, width: longest.max(width(text).min(WRAP)) }
    }
}

/// A row that is too short reads as NULL.
fn value(row: &[Option<String>], i: usize) -> &str {
    row.get(i).and_then(Option::as_deref).unwrap_or("")
}

fn write_names(out: &mut String, names: &[Cell], widths: &[usize]) {
    let height = names.iter().map(|name| name.lines.len()).max().unwrap_or(0);
    for line in 0..height {
        out.push('|');
        for (name, full) in names.iter().zip(widths) {
            let text = name.lines.get(line).map_or("", String::as_str);
            let gap = full.saturating_sub(width(text));
            // Writing to a String doesn't fail.
            let _ = write!(out, " {0:1$}{text}{0:2$} |", "", gap / 2, gap - gap / 2);
        }
        out.push('\n');
    }
}

fn write_row(out: &mut String, row: &[Cell], widths: &[usize]) {
    let height = row.iter().map(|cell| cell.lines.len()).max().unwrap_or(0);
    for line in 0..height {
        for (cell, full) in row.iter().zip(widths) {
            // A cell that is shorter than its row goes on as two blanks, even in a column of one.
            let text = cell.lines.get(line).map_or("  ", String::as_str);
            // Writing to a String doesn't fail.
            let _ = match is_number(text.trim()) {
                true => write!(out, "| {text:>full$} "),
                false => write!(out, "| {text:<full$} "),
            };
        }
        out.push_str("|\n");
    }
}

/// `^-?(\d{1,3}(,\d{3})*|\d+)(\.\d+)?$`
fn is_number(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or("");
    let is_whole = match whole.contains(',') {
        false => is_digits(first),
        true => {
            is_digits(first)
                && first.len() <= 3
                && groups.all(|group| is_digits(group) && group.len() == 3)
        }
    };
    is_whole && fraction.is_none_or(is_digits)
}

/// Breaks a text at blanks so that the squares of what its lines leave free add up to the least.
/// The last line is free; of equal breaks the earliest is taken.
fn wrap(text: &str) -> Vec<String> {
    // Every blank parts two words, so that two of them have an empty word between.
    let text = text.replace('\n', " ");
    let words: Vec<&str> = text.split(' ').collect();
    let longest = words.iter().map(|word| width(word)).max().unwrap_or(0);
    let limit = width(&text).min(WRAP).max(longest);

    // starts[i]: where word i stands, were all of them one line.
    let mut starts = vec![0];
    for word in &words {
        starts.push(starts[starts.len() - 1] + width(word) + 1);
    }
    let length = |from: usize, to: usize| starts[to] - starts[from] - 1;

    let count = words.len();
    let mut costs = vec![0u64; count];
    let mut breaks = vec![count; count];
    for i in (0..count).rev() {
        if length(i, count) <= limit {
            continue;
        }
        costs[i] = u64::MAX;
        for j in i + 1..count {
            let length = length(i, j);
            let free = limit.abs_diff(length) as u64;
            let penalty = if length > limit { PENALTY } else { 0 };
            let line = free.saturating_mul(free).saturating_add(penalty);
            // Longer lines only cost more from here on.
            if length > limit && line >= costs[i] {
                break;
            }
            let cost = line.saturating_add(costs[j]);
            if cost < costs[i] {
                (costs[i], breaks[i]) = (cost, j);
            }
        }
    }

    let mut lines = Vec::new();
    let mut i = 0;
    while i < count {
        lines.push(words[i..breaks[i]].join(" "));
        i = breaks[i];
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rows_are_two_rules() {
        let expected = "\
+----------+------------+--------+
| vrepl_id | table_name | lastpk |
+----------+------------+--------+
+----------+------------+--------+
";
        assert_eq!(vtctl_table(&["vrepl_id", "table_name", "lastpk"], &[]), expected);
    }

    #[test]
    fn each_line_of_a_cell_stands_by_itself() {
        let rows = [vec![
            Some("7".to_string()),
            Some("the error was retried about aaaaaaaaaaaaaaaaaaaaaaaaaaaa 1,024 bbbbbbbbbbbbbbbbbbbbbbbbbbbbb".to_string()),
            None,
        ]];
        // The column stays as wide as 30 where all its lines turn out shorter.
        let expected = "\
+----+--------------------------------+-----+
| id |            message             | pos |
+----+--------------------------------+-----+
|  7 | the error was retried about    |     |
|    | aaaaaaaaaaaaaaaaaaaaaaaaaaaa   |     |
|    |                          1,024 |     |
|    | bbbbbbbbbbbbbbbbbbbbbbbbbbbbb  |     |
+----+--------------------------------+-----+
";
        assert_eq!(vtctl_table(&["id", "message", "pos"], &rows), expected);
    }

    #[test]
    fn wrapping_is_not_greedy() {
        let check = |text: &str, expected: &[&str]| assert_eq!(wrap(text), expected, "{text}");
        check("", &[""]);
        check("Stopped after copy.", &["Stopped after copy."]);
        check("two  blanks\nand a line", &["two  blanks and a line"]);
        // Greedy would fill the first line to 29 and leave the second at 15.
        check(
            "aaaaaaaa bbbbbbbbbb cccccccccc dddddddddddddddddddd eeeeeeeee",
            &["aaaaaaaa bbbbbbbbbb cccccccccc", "dddddddddddddddddddd eeeeeeeee"],
        );
        let word = "x".repeat(40);
        check(&format!("a {word} b"), &["a", &word, "b"]);
    }

    #[test]
    fn numbers_are_what_reads_as_one() {
        for text in ["0", "-1", "1234567", "1,234,567", "12.5", "-1,000.25"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", "1,23", "1234,567", "1.", ".5", "1e5", "+1", "1,234,", "0x1", "1 2"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
