//! Tables as people know them from their terminals, byte for byte.
//!
//! - [`mysql_table`]: the mysql client: result sets, `Query OK`, `ERROR`.
//! - [`vtctl_table`]: the table of `vtctlclient VReplicationExec`.
//!
//! Both take names and texts. This module knows nothing of values, servers and sessions: whoever
//! has a result says how its values print.

pub mod mysql_table;
pub mod vtctl_table;

/// Appends one line of a frame: `+`, then for each width that many and two `-`, and `+`.
fn rule(out: &mut String, widths: &[usize]) {
    out.push('+');
    for width in widths {
        out.extend(std::iter::repeat_n('-', width + 2));
        out.push('+');
    }
    out.push('\n');
}

/// How many columns of a terminal a text takes: one a character.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod guide_tests;
