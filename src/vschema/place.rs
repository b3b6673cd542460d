//! Where in a JSON text a pointer leads.
//!
//! It knows nothing of what the JSON says.

use super::json::JsonError;

/// A place in a text. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub offset: usize,
    /// How many bytes the value there has.
    pub len: usize,
    pub line: usize,
    pub column: usize,
}

/// Finds the value that a JSON pointer names, or else the innermost that is there. Names in camel
/// case count as their snake case.
pub fn locate(text: &str, pointer: &str) -> Place {
    let mut scanner = Scanner { text: text.as_bytes(), at: 0 };
    scanner.skip_space();
    let (mut start, mut end) = (scanner.at, text.len());
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    for step in steps {
        let mut inner = Scanner { text: text.as_bytes(), at: start };
        match inner.enter(&step) {
            Some(found) => (start, end) = found,
            None => break,
        }
    }
    let trimmed = text[start..end].trim_end();
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    Place {
        offset: start,
        len: trimmed.len(),
        line: 1 + text[..start].matches('\n').count(),
        column: 1 + text[line_start..start].chars().count(),
    }
}

/// Where the text is wrong: the value that is not what its field takes, or where it stops being
/// JSON.
pub fn place_of(text: &str, error: &JsonError) -> Place {
    match error {
        JsonError::Field { pointer, .. } => locate(text, pointer),
        JsonError::Syntax { line, column, .. } => {
            let before: usize =
                text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
            let offset = text.len().min(before + column.saturating_sub(1));
            Place { offset, len: 0, line: *line, column: *column }
        }
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// The extent of one member or element of the value here. Of equal names the last counts.
    fn enter(&mut self, step: &str) -> Option<(usize, usize)> {
        let is_object = match self.peek()? {
            b'{' => true,
            b'[' => false,
            _ => return None,
        };
        self.at += 1;
        let mut found = None;
        for index in 0usize.. {
            self.skip_space();
            if matches!(self.peek()?, b'}' | b']') {
                break;
            }
            let matches = match is_object {
                true => {
                    let (start, end) = self.skip_value()?;
                    self.skip_space();
                    self.at += 1; // The colon.
                    let name: String = serde_json::from_slice(&self.text[start..end]).ok()?;
                    name == step || snake_case(&name) == step
                }
                false => index.to_string() == step,
            };
            self.skip_space();
            let extent = self.skip_value()?;
            if matches {
                found = Some(extent);
            }
            self.skip_space();
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Passes one value, counting brackets outside of strings.
    fn skip_value(&mut self) -> Option<(usize, usize)> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => self.skip_string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            let ends = self.peek().is_none_or(|byte| {
                matches!(byte, b',' | b'}' | b']' | b':') || byte.is_ascii_whitespace()
            });
            if depth == 0 && ends {
                return Some((start, self.at));
            }
        }
    }

    fn skip_string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }
}

fn snake_case(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_to_lines_and_columns() {
        let text =
            "{\n  \"é\": 1, \"a/b\": {\"columnVindexes\": [1, {\"x\": \"}\"}]},\n  \"a\": []\n}\n";
        let check = |pointer: &str, line: usize, column: usize, expected: &str| {
            let place = locate(text, pointer);
            assert_eq!((place.line, place.column), (line, column), "{pointer}");
            assert_eq!(&text[place.offset..place.offset + place.len], expected, "{pointer}");
        };
        check("/é", 2, 8, "1");
        check("/a~1b/column_vindexes/0", 2, 38, "1");
        check("/a~1b/column_vindexes/1/x", 2, 47, "\"}\"");
        check("/a/7", 3, 8, "[]");
        assert_eq!(locate(text, "").line, 1);
    }
}
