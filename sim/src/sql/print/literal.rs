//! Literals and values as SQL text.

use super::Printer;
use crate::sql::ast::Literal;
use crate::value::{Bind, Value};

/// A text in single quotes, with a backslash before what MySQL would read otherwise. The pairs
/// `\%` and `\_` stay as they are: that is how the parser leaves them.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\0' => quoted.push_str("\\0"),
            '\'' => quoted.push_str("\\'"),
            '\u{8}' => quoted.push_str("\\b"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{1a}' => quoted.push_str("\\Z"),
            '\\' if matches!(chars.peek(), Some('%' | '_')) => quoted.push('\\'),
            '\\' => quoted.push_str("\\\\"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// A value as SQL text that reads back as the same value (a date as a text, as clients send it).
pub fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => quoted(text),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(char::is_control) => {
                format!("_binary {}", quoted(text))
            }
            _ => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                format!("X'{digits}'")
            }
        },
        Value::Float(number) => {
            let text = value.to_string();
            // Without an exponent it would read back as a decimal.
            if text.contains('e') || !number.is_finite() { text } else { format!("{text}e0") }
        }
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => quoted(&value.to_string()),
        Value::Int(_) | Value::Uint(_) | Value::Decimal(_) => value.to_string(),
    }
}

impl Printer<'_> {
    pub fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Null => self.push("null"),
            Literal::Bool(true) => self.push("true"),
            Literal::Bool(false) => self.push("false"),
            Literal::Integer(text) | Literal::Decimal(text) | Literal::Float(text) => {
                self.push(text);
            }
            Literal::HexNumber(text) => self.push(text),
            Literal::String(text) => self.push(&quoted(text)),
            Literal::Hex(digits) => self.push(&format!("X'{digits}'")),
            Literal::Bit(digits) => self.push(&format!("0b{digits}")),
            Literal::Date(text) => self.push(&format!("date{}", quoted(text))),
            Literal::Time(text) => self.push(&format!("time{}", quoted(text))),
            Literal::Timestamp(text) => self.push(&format!("timestamp{}", quoted(text))),
            Literal::Introduced { charset, literal } => {
                self.push(&format!("{} ", charset.as_str()));
                self.literal(literal);
            }
        }
    }

    pub fn bind(&mut self, bind: &Bind) {
        match bind {
            Bind::Value(value) => self.push(&literal(value)),
            Bind::List(items) => {
                self.push("(");
                self.list(items, |printer, item| printer.bind(item));
                self.push(")");
            }
        }
    }
}
