//! A JSON object of numbers, read with the error texts of Go's `encoding/json`.
//!
//! Vindex parameters hold such objects, and their errors reach the user, so the texts count. The
//! whole text is checked before anything in it is converted. It knows nothing of what the numbers
//! mean.

use std::collections::BTreeMap;

use crate::key::quote::quote;
use crate::vindex::VindexError;

/// Reads an object as Go reads a `map[string]uint64`.
pub fn parse(text: &str) -> Result<BTreeMap<String, u64>, VindexError> {
    let top = Scanner { bytes: text.as_bytes(), at: 0 }.scan().map_err(VindexError::unknown)?;
    let members = match top {
        Top::Object(members) => members,
        Top::Null => return Ok(BTreeMap::new()),
        Top::Other(kind) => {
            // Only as a member does a number show itself.
            let kind = match kind {
                Kind::Number(_) => "number".to_string(),
                kind => kind.to_string(),
            };
            return Err(VindexError::unknown(format!(
                "json: cannot unmarshal {kind} into Go value of type map[string]uint64"
            )));
        }
    };
    let mut numbers = BTreeMap::new();
    let mut error = None;
    for (name, kind) in members {
        let number = match &kind {
            Kind::Number(number) => number.parse().ok(),
            Kind::Null => Some(0),
            _ => None,
        };
        match number {
            Some(number) => {
                numbers.insert(name, number);
            }
            None => {
                let message = format!("json: cannot unmarshal {kind} into Go value of type uint64");
                error.get_or_insert(VindexError::unknown(message));
            }
        }
    }
    error.map_or(Ok(numbers), Err)
}

/// What stands at the top of a text.
enum Top {
    Object(Vec<(String, Kind)>),
    Null,
    Other(Kind),
}

/// A value, as Go names it when it does not fit.
enum Kind {
    Null,
    Bool,
    String,
    Number(String),
    Array,
    Object,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Kind::Null => f.write_str("null"),
            Kind::Bool => f.write_str("bool"),
            Kind::String => f.write_str("string"),
            Kind::Number(number) => write!(f, "number {number}"),
            Kind::Array => f.write_str("array"),
            Kind::Object => f.write_str("object"),
        }
    }
}

/// How deep Go lets values nest.
const DEPTH_MAX: usize = 10_000;

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// Checks the whole text, and keeps the members of the top object. Nesting has its own stack.
    fn scan(mut self) -> Result<Top, String> {
        let mut open: Vec<u8> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut kinds: Vec<Kind> = Vec::new();
        let mut top = Kind::Null;
        loop {
            let depth = open.len();
            let kind = self.value(&mut open, &mut names)?;
            match depth {
                0 => top = kind,
                1 => kinds.push(kind),
                _ => {}
            }
            let opened = depth < open.len();
            if !opened && self.close(&mut open, &mut names)? {
                break;
            }
        }
        if let Some(byte) = self.next_token() {
            return Err(invalid(byte, "after top-level value"));
        }
        Ok(match top {
            Kind::Object => Top::Object(names.into_iter().zip(kinds).collect()),
            Kind::Null => Top::Null,
            other => Top::Other(other),
        })
    }

    /// Reads a value, or the opening of one; an object's opening includes its first name.
    fn value(&mut self, open: &mut Vec<u8>, names: &mut Vec<String>) -> Result<Kind, String> {
        let byte = self.next_token().ok_or_else(end_of_input)?;
        match byte {
            b'{' | b'[' => self.opening(byte, open, names),
            b'"' => self.string().map(|_| Kind::String),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true").map(|()| Kind::Bool),
            b'f' => self.literal("false").map(|()| Kind::Bool),
            b'n' => self.literal("null").map(|()| Kind::Null),
            _ => Err(invalid(byte, "looking for beginning of value")),
        }
    }

    fn opening(
        &mut self,
        byte: u8,
        open: &mut Vec<u8>,
        names: &mut Vec<String>,
    ) -> Result<Kind, String> {
        self.at += 1;
        if open.len() == DEPTH_MAX {
            return Err("exceeded max depth".to_string());
        }
        let (close, kind) = if byte == b'{' { (b'}', Kind::Object) } else { (b']', Kind::Array) };
        if self.next_token().ok_or_else(end_of_input)? == close {
            self.at += 1;
            return Ok(kind);
        }
        open.push(close);
        if byte == b'{' {
            self.name(open.len(), names)?;
        }
        Ok(kind)
    }

    /// Reads a member's name and colon.
    fn name(&mut self, depth: usize, names: &mut Vec<String>) -> Result<(), String> {
        match self.next_token().ok_or_else(end_of_input)? {
            b'"' => {}
            byte => return Err(invalid(byte, "looking for beginning of object key string")),
        }
        let name = self.string()?;
        if depth == 1 {
            names.push(name);
        }
        match self.next_token().ok_or_else(end_of_input)? {
            b':' => self.at += 1,
            byte => return Err(invalid(byte, "after object key")),
        }
        Ok(())
    }

    /// After a value: closes what ends, and goes on to the next value. True at the end of the top.
    fn close(&mut self, open: &mut Vec<u8>, names: &mut Vec<String>) -> Result<bool, String> {
        while let Some(close) = open.last().copied() {
            match self.next_token().ok_or_else(end_of_input)? {
                b',' => {
                    self.at += 1;
                    if close == b'}' {
                        self.name(open.len(), names)?;
                    }
                    return Ok(false);
                }
                byte if byte == close => {
                    self.at += 1;
                    open.pop();
                }
                byte if close == b'}' => return Err(invalid(byte, "after object key:value pair")),
                byte => return Err(invalid(byte, "after array element")),
            }
        }
        Ok(true)
    }

    fn string(&mut self) -> Result<String, String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.take().ok_or_else(end_of_input)? {
                b'"' => break,
                b'\\' => self.escape()?,
                byte if byte < b' ' => return Err(invalid(byte, "in string literal")),
                _ => {}
            }
        }
        let literal = String::from_utf8_lossy(&self.bytes[start..self.at]);
        let decoded = serde_json::from_str(&literal);
        Ok(decoded.unwrap_or_else(|_| literal.trim_matches('"').to_string()))
    }

    fn escape(&mut self) -> Result<(), String> {
        match self.take_or_blank() {
            b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => Ok(()),
            b'u' => {
                for _ in 0..4 {
                    let byte = self.take_or_blank();
                    if !byte.is_ascii_hexdigit() {
                        return Err(invalid(byte, "in \\u hexadecimal character escape"));
                    }
                }
                Ok(())
            }
            byte => Err(invalid(byte, "in string escape code")),
        }
    }

    fn number(&mut self) -> Result<Kind, String> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.take_or_blank() {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            byte => return Err(invalid(byte, "in numeric literal")),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(Kind::Number(String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()))
    }

    fn digits(&mut self, place: &str) -> Result<(), String> {
        match self.take_or_blank() {
            byte if byte.is_ascii_digit() => {
                self.skip_digits();
                Ok(())
            }
            byte => Err(invalid(byte, place)),
        }
    }

    fn skip_digits(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        for expected in word.bytes() {
            let byte = self.take_or_blank();
            if byte != expected {
                let expected = char::from(expected);
                return Err(invalid(byte, &format!("in literal {word} (expecting '{expected}')")));
            }
        }
        Ok(())
    }

    /// Inside of a number, a word or an escape Go meets the end of the text as a blank.
    fn take_or_blank(&mut self) -> u8 {
        self.take().unwrap_or(b' ')
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    /// The next byte that is no blank, which is not taken.
    fn next_token(&mut self) -> Option<u8> {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }
}

fn end_of_input() -> String {
    "unexpected end of JSON input".to_string()
}

fn invalid(byte: u8, place: &str) -> String {
    let quoted = match byte {
        b'\'' => "'\\''".to_string(),
        b'"' => "'\"'".to_string(),
        _ => {
            let text = quote(char::from(byte).to_string().as_bytes());
            format!("'{}'", text.trim_matches('"'))
        }
    };
    format!("invalid character {quoted} {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_parse_or_say_why_not() {
        let check = |text: &str, expected: &str| {
            let got = match parse(text) {
                Ok(numbers) => format!("{numbers:?}"),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{text}");
        };
        check(
            r#" {"1": 2, "a" : null, "1":18446744073709551615} "#,
            r#"{"1": 18446744073709551615, "a": 0}"#,
        );
        check("null", "{}");
        check("{}", "{}");
        check("{]", "invalid character ']' looking for beginning of object key string");
        check(r#"{"1":a}"#, "invalid character 'a' looking for beginning of value");
        check(r#"{"1":2:"3":4}"#, "invalid character ':' after object key:value pair");
        check(r#"{"1"x"#, "invalid character 'x' after object key");
        check(r#"{"1":2,}"#, "invalid character '}' looking for beginning of object key string");
        check(r#"{"1":2"#, "unexpected end of JSON input");
        check("", "unexpected end of JSON input");
        check("{\"1\":nul", "invalid character ' ' in literal null (expecting 'l')");
        check("{\"1\":1.", "invalid character ' ' after decimal point in numeric literal");
        check("{\"\\u1", "invalid character ' ' in \\u hexadecimal character escape");
        check("7", "json: cannot unmarshal number into Go value of type map[string]uint64");
        check("{} x", "invalid character 'x' after top-level value");
        check(r#"{"1":[1 2]}"#, "invalid character '2' after array element");
        check(r#"{"1":01}"#, "invalid character '1' after object key:value pair");
        check(r#"{"1":tru}"#, "invalid character '}' in literal true (expecting 'e')");
        check(r#"{"1":"2"}"#, "json: cannot unmarshal string into Go value of type uint64");
        check(r#"{"1":-1}"#, "json: cannot unmarshal number -1 into Go value of type uint64");
        check(
            r#"{"1":{"a":[1,{}]},"2":[]}"#,
            "json: cannot unmarshal object into Go value of type uint64",
        );
        check("[1]", "json: cannot unmarshal array into Go value of type map[string]uint64");
        check(&"[".repeat(20_000), "exceeded max depth");
    }
}
