//! JSON as MySQL's EXPLAIN prints it: two blanks a level.
//!
//! It knows nothing of what is explained.

use std::fmt;

/// A value; objects keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    Bool(bool),
    Number(u64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub fn text(text: &str) -> Json {
        Json::Text(text.to_owned())
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, level: usize) -> fmt::Result {
        match self {
            Json::Bool(on) => write!(f, "{on}"),
            Json::Number(number) => write!(f, "{number}"),
            Json::Text(text) => quoted(f, text),
            Json::List(items) => {
                lines(f, level, ['[', ']'], items, |f, item| item.print(f, level + 1))
            }
            Json::Object(keys) => lines(f, level, ['{', '}'], keys, |f, (key, value)| {
                quoted(f, key)?;
                f.write_str(": ")?;
                value.print(f, level + 1)
            }),
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, 0)
    }
}

fn lines<T>(
    f: &mut fmt::Formatter<'_>,
    level: usize,
    brackets: [char; 2],
    items: &[T],
    print: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    let indent = |level: usize| "  ".repeat(level);
    write!(f, "{}", brackets[0])?;
    for (at, item) in items.iter().enumerate() {
        write!(f, "{}\n{}", if at == 0 { "" } else { "," }, indent(level + 1))?;
        print(f, item)?;
    }
    write!(f, "\n{}{}", indent(level), brackets[1])
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_indented() {
        let json = Json::Object(vec![
            ("a", Json::Number(1)),
            ("b", Json::List(vec![Json::text("x\"y"), Json::Bool(true)])),
        ]);
        let expected = "{\n  \"a\": 1,\n  \"b\": [\n    \"x\\\"y\",\n    true\n  ]\n}";
        assert_eq!(json.to_string(), expected);
    }
}
