//! Reading protocol-buffer JSON, and saying where it is wrong.
//!
//! A vschema is a protobuf message in JSON: a field may be written in snake case or camel case,
//! `null` is absent, a number may stand in quotes, an enum is a name or a number, and unknown
//! fields mean nothing. A place in the text is a JSON pointer (RFC 6901); [`crate::vschema::place`]
//! finds its line and column. It knows nothing of vschemas.

use serde_json::Value as Json;

/// What is wrong with a JSON text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is no JSON.
    #[error("line: {line}, position {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
    /// The value at the pointer is not what the field takes.
    #[error("{pointer}: {message}")]
    Field { pointer: String, message: String },
}

/// A value in a JSON text, with the way to it.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub value: &'a Json,
    pub pointer: String,
}

/// Parses a text.
pub(super) fn parse(text: &str) -> Result<Json, JsonError> {
    serde_json::from_str(text).map_err(|error| JsonError::Syntax {
        line: error.line(),
        column: error.column(),
        message: syntax_message(&error),
    })
}

/// The message without serde_json's own place at its end.
fn syntax_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(message, _)| message.to_string())
}

/// Extends a pointer by a name or an index.
pub fn join(pointer: &str, step: impl std::fmt::Display) -> String {
    format!("{pointer}/{}", step.to_string().replace('~', "~0").replace('/', "~1"))
}

impl<'a> Node<'a> {
    pub fn root(value: &'a Json) -> Node<'a> {
        Node { value, pointer: String::new() }
    }

    pub fn error<T>(&self, expected: &str) -> Result<T, JsonError> {
        let message = format!("expected {expected}, found {}", describe(self.value));
        Err(JsonError::Field { pointer: self.pointer.clone(), message })
    }

    /// A field by its name in snake case, or in camel case; null counts as absent.
    pub fn field(&self, snake: &str) -> Result<Option<Node<'a>>, JsonError> {
        let Json::Object(map) = self.value else {
            return self.error("an object");
        };
        let camel = camel_case(snake);
        let name = match (map.get(snake), map.get(&camel)) {
            (Some(_), Some(_)) if camel != snake => {
                let message = format!("field {snake} is given twice, also as {camel}");
                return Err(JsonError::Field { pointer: self.pointer.clone(), message });
            }
            (Some(_), _) => snake,
            _ => &camel,
        };
        Ok(map.get(name).filter(|value| !value.is_null()).map(|value| self.child(name, value)))
    }

    fn child(&self, step: impl std::fmt::Display, value: &'a Json) -> Node<'a> {
        Node { value, pointer: join(&self.pointer, step) }
    }

    pub fn elements(&self) -> Result<Vec<Node<'a>>, JsonError> {
        match self.value {
            Json::Array(items) => {
                Ok(items.iter().enumerate().map(|(i, item)| self.child(i, item)).collect())
            }
            _ => self.error("an array"),
        }
    }

    pub fn entries(&self) -> Result<Vec<(&'a str, Node<'a>)>, JsonError> {
        match self.value {
            Json::Object(map) => Ok(map
                .iter()
                .map(|(name, value)| (name.as_str(), self.child(name, value)))
                .collect()),
            _ => self.error("an object"),
        }
    }

    pub fn string(&self) -> Result<String, JsonError> {
        match self.value {
            Json::String(text) => Ok(text.clone()),
            _ => self.error("a string"),
        }
    }

    pub fn boolean(&self) -> Result<bool, JsonError> {
        match self.value {
            Json::Bool(flag) => Ok(*flag),
            _ => self.error("true or false"),
        }
    }

    pub fn integer(&self) -> Result<i32, JsonError> {
        let number = match self.value {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        match number.and_then(|number| i32::try_from(number).ok()) {
            Some(number) => Ok(number),
            None => self.error("a 32-bit number"),
        }
    }

    pub fn float(&self) -> Result<f64, JsonError> {
        let number = match self.value {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        match number.filter(|number: &f64| number.is_finite()) {
            Some(number) => Ok(number),
            None => self.error("a number"),
        }
    }

    pub fn string_field(&self, snake: &str) -> Result<String, JsonError> {
        self.field(snake)?.map_or(Ok(String::new()), |node| node.string())
    }

    pub fn boolean_field(&self, snake: &str) -> Result<bool, JsonError> {
        self.field(snake)?.map_or(Ok(false), |node| node.boolean())
    }

    pub fn integer_field(&self, snake: &str) -> Result<i32, JsonError> {
        self.field(snake)?.map_or(Ok(0), |node| node.integer())
    }

    /// The elements of a field, each read; none where it is absent.
    pub fn list_field<T>(
        &self,
        snake: &str,
        read: impl Fn(&Node<'a>) -> Result<T, JsonError>,
    ) -> Result<Vec<T>, JsonError> {
        let elements = self.field(snake)?.map_or(Ok(Vec::new()), |node| node.elements())?;
        elements.iter().map(read).collect()
    }

    /// The entries of a field, each read; none where it is absent.
    pub fn map_field<T>(
        &self,
        snake: &str,
        read: impl Fn(&Node<'a>) -> Result<T, JsonError>,
    ) -> Result<std::collections::BTreeMap<String, T>, JsonError> {
        let entries = self.field(snake)?.map_or(Ok(Vec::new()), |node| node.entries())?;
        entries.iter().map(|(name, node)| Ok((name.to_string(), read(node)?))).collect()
    }
}

fn describe(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "another number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut upper = false;
    for c in snake.chars() {
        match c {
            '_' => upper = true,
            c if std::mem::take(&mut upper) => camel.push(c.to_ascii_uppercase()),
            c => camel.push(c),
        }
    }
    camel
}
