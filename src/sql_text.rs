//! Several statements in one text.
//!
//! It knows nothing of what a statement means: only strings, comments and `;`.

/// The statements of a text, without their semicolons; blank ones are left out.
pub fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => at = skip_string(bytes, at, quote),
            b'-' if bytes[at..].starts_with(b"-- ") => at = skip_to(bytes, at, b"\n"),
            b'#' => at = skip_to(bytes, at, b"\n"),
            b'/' if bytes[at..].starts_with(b"/*") => at = skip_to(bytes, at + 2, b"*/"),
            b';' => {
                found.push(text[start..at].trim());
                at += 1;
                start = at;
            }
            _ => at += 1,
        }
    }
    found.push(text[start..].trim());
    found.retain(|statement| !statement.is_empty());
    found
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
}
