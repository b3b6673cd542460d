//! SQL values.
//!
//! One type for what a column holds, an expression gives, a bind variable carries and a row event
//! shows. It knows nothing of columns (lengths, NOT NULL) and nothing of collations: equality and
//! order of texts are [`crate::collation`]'s, coercions are [`crate::eval`]'s.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bigdecimal::BigDecimal;

/// A value as MySQL's expressions and columns know it. `PartialEq` is identity (same type, same
/// content), as tests and row images need it; SQL's `=` is [`crate::eval`]'s.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Uint(u64),
    /// Keeps its scale: 1.50 is not 1.5.
    Decimal(BigDecimal),
    Float(f64),
    /// Character string, utf8mb4 (the one character set that travels).
    Text(Arc<str>),
    /// Binary string.
    Bytes(Arc<[u8]>),
    Date(jiff::civil::Date),
    /// DATETIME and TIMESTAMP; fraction in microseconds. Always UTC.
    DateTime(jiff::civil::DateTime),
    /// TIME in microseconds, -838:59:59 to 838:59:59.
    Time(i64),
}

/// A row; cheap to share between versions, images and results.
pub type Row = Arc<[Value]>;

/// Bind variables of one execution, by name without the colon.
pub type Binds = BTreeMap<Arc<str>, Bind>;

/// `:x` takes a value, `::x` a list; the items of a list may be tuples.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    Value(Value),
    List(Vec<Bind>),
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    pub fn bytes(bytes: &[u8]) -> Value {
        Value::Bytes(bytes.into())
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The bytes that the text protocol carries; none for NULL.
    pub fn to_wire(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Value::Null => None,
            Value::Text(text) => Some(Cow::Borrowed(text.as_bytes())),
            Value::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            other => Some(Cow::Owned(other.to_string().into_bytes())),
        }
    }
}

/// As a client shows it: no quotes, `NULL`; bytes that are not UTF-8 are replaced. A fraction of
/// a second shows six digits or none, since a value does not know its declared precision.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Int(number) => write!(f, "{number}"),
            Value::Uint(number) => write!(f, "{number}"),
            Value::Decimal(number) => f.write_str(&number.to_plain_string()),
            Value::Float(number) => f.write_str(&float_text(*number)),
            Value::Text(text) => f.write_str(text),
            Value::Bytes(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Value::Date(date) => {
                write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
            }
            Value::DateTime(at) => {
                write!(f, "{:04}-{:02}-{:02} ", at.year(), at.month(), at.day())?;
                write!(f, "{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())?;
                write_micros(f, i64::from(at.subsec_nanosecond()) / 1000)
            }
            Value::Time(micros) => {
                let seconds = micros.unsigned_abs() / 1_000_000;
                let sign = if *micros < 0 { "-" } else { "" };
                write!(f, "{sign}{:02}:", seconds / 3600)?;
                write!(f, "{:02}:{:02}", seconds / 60 % 60, seconds % 60)?;
                write_micros(f, (micros % 1_000_000).abs())
            }
        }
    }
}

fn write_micros(f: &mut fmt::Formatter<'_>, micros: i64) -> fmt::Result {
    if micros == 0 { Ok(()) } else { write!(f, ".{micros:06}") }
}

/// The shortest digits that read back as the same number; an exponent from 1e15 on and below
/// 1e-15, as MySQL's my_gcvt has it.
fn float_text(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return if number.is_sign_negative() && number == 0.0 {
            "-0".to_owned()
        } else {
            number.to_string()
        };
    }
    let magnitude = number.abs();
    if (1e-15..1e15).contains(&magnitude) { format!("{number}") } else { format!("{number:e}") }
}

impl From<Value> for Bind {
    fn from(value: Value) -> Bind {
        Bind::Value(value)
    }
}
