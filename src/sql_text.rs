//! Several statements in one text, and the places of a statement that wait for a value.
//!
//! It knows nothing of what a statement means: only strings, comments, `;`, `?` and `:name`.

use std::ops::Range;

/// The statements of a text, without their semicolons; blank ones are left out.
pub fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match skip(bytes, at) {
            Some(end) => at = end,
            None => {
                if bytes[at] == b';' {
                    found.push(text[start..at].trim());
                    start = at + 1;
                }
                at += 1;
            }
        }
    }
    found.push(text[start..].trim());
    found.retain(|statement| !statement.is_empty());
    found
}

/// Where `?`, `:name` and `::name` stand in a statement.
pub fn placeholders(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        if let Some(end) = skip(bytes, at) {
            at = end;
            continue;
        }
        let start = at;
        at += 1;
        match bytes[start] {
            b'?' => found.push(start..at),
            b':' => {
                at += usize::from(bytes.get(at) == Some(&b':'));
                let name = bytes[at..].iter().take_while(|byte| is_of_name(**byte)).count();
                at += name;
                if 0 < name {
                    found.push(start..at);
                }
            }
            _ => {}
        }
    }
    found
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where a string or a comment ends that begins here.
fn skip(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at] {
        quote @ (b'\'' | b'"' | b'`') => Some(skip_string(bytes, at, quote)),
        b'-' if bytes[at..].starts_with(b"-- ") => Some(skip_to(bytes, at, b"\n")),
        b'#' => Some(skip_to(bytes, at, b"\n")),
        b'/' if bytes[at..].starts_with(b"/*") => Some(skip_to(bytes, at + 2, b"*/")),
        _ => None,
    }
}

fn skip_string(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

fn skip_to(bytes: &[u8], start: usize, end: &[u8]) -> usize {
    let from = start.min(bytes.len());
    let found = bytes[from..].windows(end.len()).position(|window| window == end);
    found.map_or(bytes.len(), |at| from + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_in_a_string_or_comment_ends_nothing() {
        let check = |text: &str, expected: &[&str]| assert_eq!(statements(text), expected);
        check("select 1; select ';' ;", &["select 1", "select ';'"]);
        check("a /* ; */ b; -- ; x\nc", &["a /* ; */ b", "-- ; x\nc"]);
        check("'it\\'s;' ; `;`", &["'it\\'s;'", "`;`"]);
        check("", &[]);
        check("'open", &["'open"]);
    }

    #[test]
    fn placeholders_stand_outside_of_strings() {
        let text = "a = ? and b = :b1 and c in ::c and d = ':x ?' /* ? */ and @e := 1 -- :f";
        let found: Vec<&str> = placeholders(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["?", ":b1", "::c"]);
    }
}
