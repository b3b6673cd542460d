//! SQL values.
//!
//! One type for what a column holds, an expression gives, a bind variable carries and a row event
//! shows. It knows nothing of columns (lengths, NOT NULL) and nothing of collations: equality and
//! order of texts are [`crate::collation`]'s, coercions are [`crate::eval`]'s.

use std::collections::BTreeMap;
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
}

impl From<Value> for Bind {
    fn from(value: Value) -> Bind {
        Bind::Value(value)
    }
}
