//! SQL values as vindexes see them, and back.

use sim::value::Value as SqlValue;

use super::{Kind, Value};

impl From<&SqlValue> for Value {
    fn from(value: &SqlValue) -> Value {
        let kind = match value {
            SqlValue::Null => return Value::NULL,
            SqlValue::Int(_) => Kind::Int64,
            SqlValue::Uint(_) => Kind::Uint64,
            SqlValue::Decimal(_) => Kind::Decimal,
            SqlValue::Float(_) => Kind::Float64,
            SqlValue::Text(_) => Kind::Varchar,
            SqlValue::Bytes(_) => Kind::Varbinary,
            SqlValue::Date(_) => Kind::Date,
            SqlValue::DateTime(_) => Kind::Datetime,
            SqlValue::Time(_) => Kind::Time,
        };
        let bytes = value.to_wire().map(|wire| wire.into_owned()).unwrap_or_default();
        Value { kind, bytes }
    }
}

impl From<&Value> for SqlValue {
    /// Binary strings stay binary, integers become numbers, all else is text.
    fn from(value: &Value) -> SqlValue {
        let text = || String::from_utf8_lossy(&value.bytes);
        match value.kind {
            Kind::Null => SqlValue::Null,
            kind if kind.is_signed() => match text().parse() {
                Ok(number) => SqlValue::Int(number),
                Err(_) => SqlValue::text(&text()),
            },
            kind if kind.is_integral() => match text().parse() {
                Ok(number) => SqlValue::Uint(number),
                Err(_) => SqlValue::text(&text()),
            },
            Kind::Varbinary | Kind::Binary | Kind::Blob | Kind::Bit => {
                SqlValue::bytes(&value.bytes)
            }
            _ => match std::str::from_utf8(&value.bytes) {
                Ok(string) => SqlValue::text(string),
                Err(_) => SqlValue::bytes(&value.bytes),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_travel_as_decimal_text_and_come_back_as_numbers() {
        for value in [SqlValue::Int(-7), SqlValue::Uint(u64::MAX), SqlValue::bytes(b"\x16\xff")] {
            assert_eq!(SqlValue::from(&Value::from(&value)), value);
        }
        assert_eq!(Value::from(&SqlValue::Int(1)).bytes, b"1");
    }
}
