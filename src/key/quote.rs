//! Text as Go's `%q`, `%#U` and `%v` of a byte list print it: Vitess's error texts hold such text.
//!
//! It knows nothing of what is quoted.

use std::fmt::Write;

/// Quotes bytes as `strconv.Quote` does (`%q`).
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_escaped(&mut out, c));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

/// Prints a code point as `%#U`: `U+0078 'x'`, without the character where it is not printable.
pub fn quoted_code_point(c: char) -> String {
    match is_print(c) {
        true => format!("U+{:04X} '{c}'", u32::from(c)),
        false => format!("U+{:04X}", u32::from(c)),
    }
}

/// Prints a byte slice as Go's `%v`: `[120 39]`.
pub fn byte_list(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    format!("[{}]", numbers.join(" "))
}

fn push_escaped(out: &mut String, c: char) {
    let _ = match c {
        '"' => write!(out, "\\\""),
        '\\' => write!(out, "\\\\"),
        '\x07' => write!(out, "\\a"),
        '\x08' => write!(out, "\\b"),
        '\x0c' => write!(out, "\\f"),
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        '\x0b' => write!(out, "\\v"),
        c if is_print(c) => write!(out, "{c}"),
        c if c < ' ' || c == '\x7f' => write!(out, "\\x{:02x}", u32::from(c)),
        c if u32::from(c) < 0x10000 => write!(out, "\\u{:04x}", u32::from(c)),
        c => write!(out, "\\U{:08x}", u32::from(c)),
    };
}

/// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
///
/// Rust's own notion is private, and shows only in what `escape_debug` leaves alone; a combining
/// mark is left alone only after another character. Characters that are newer than Unicode 15.0
/// count as printable here and not in Go.
fn is_print(c: char) -> bool {
    match c {
        '"' | '\'' | '\\' => true,
        c => ['a', c].iter().collect::<String>().escape_debug().nth(1) == Some(c) && c != '\\',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_like_go() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(quote(bytes), expected);
        check(b"abc", "\"abc\"");
        check(b"a\"\\'\n\x00\x7f", r#""a\"\\'\n\x00\x7f""#);
        check(b"\xff\xc3\xa9", "\"\\xffé\"");
        check("e\u{301}\u{200d}\u{10ffff}".as_bytes(), "\"e\u{301}\\u200d\\U0010ffff\"");
        check("\u{a0}\u{3000}".as_bytes(), r#""\u00a0\u3000""#);
        assert_eq!(quoted_code_point('x'), "U+0078 'x'");
        assert_eq!(byte_list(b"x'"), "[120 39]");
    }
}
