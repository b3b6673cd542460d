//! A value as vindexes see it: a MySQL type and raw bytes (`sqltypes.Value`).
//!
//! Numbers are held as canonical decimal text, so a hash of bytes gives INT64 1, UINT64 1 and
//! VARCHAR "1" one keyspace id. NULL has its own type and no bytes. It knows nothing of SQL
//! evaluation, collations or columns.

use std::fmt;

use crate::key::hex;
use crate::key::quote::{byte_list, quote};
use crate::vindex::VindexError;

/// A value: its type and its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    pub kind: Kind,
    pub bytes: Vec<u8>,
}

/// The values of one row, in the order of the vindex's columns.
pub type Row = Vec<Value>;

const INTEGER: u32 = 256;
const UNSIGNED: u32 = 512;
const QUOTED: u32 = 2048;
const TEXT: u32 = 4096;
const BINARY: u32 = 8192;

/// A type of Vitess's `query.Type`. The numbers are the protocol's; their high bits say what a type
/// is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    #[default]
    Null = 0,
    Int8 = 257,
    Uint8 = 770,
    Int16 = 259,
    Uint16 = 772,
    Int24 = 261,
    Uint24 = 774,
    Int32 = 263,
    Uint32 = 776,
    Int64 = 265,
    Uint64 = 778,
    Float32 = 1035,
    Float64 = 1036,
    Timestamp = 2061,
    Date = 2062,
    Time = 2063,
    Datetime = 2064,
    Year = 785,
    Decimal = 18,
    Text = 6163,
    Blob = 10260,
    Varchar = 6165,
    Varbinary = 10262,
    Char = 6167,
    Binary = 10264,
    Bit = 2073,
    Enum = 2074,
    Set = 2075,
    Tuple = 28,
    Geometry = 2077,
    Json = 2078,
    Expression = 31,
    Hexnum = 4128,
    Hexval = 4129,
    Bitnum = 4130,
    Vector = 2083,
    Raw = 2084,
    RowTuple = 2085,
}

/// Every type with the name that the protocol gives it.
pub const KINDS: [(Kind, &str); 38] = [
    (Kind::Null, "NULL_TYPE"),
    (Kind::Int8, "INT8"),
    (Kind::Uint8, "UINT8"),
    (Kind::Int16, "INT16"),
    (Kind::Uint16, "UINT16"),
    (Kind::Int24, "INT24"),
    (Kind::Uint24, "UINT24"),
    (Kind::Int32, "INT32"),
    (Kind::Uint32, "UINT32"),
    (Kind::Int64, "INT64"),
    (Kind::Uint64, "UINT64"),
    (Kind::Float32, "FLOAT32"),
    (Kind::Float64, "FLOAT64"),
    (Kind::Timestamp, "TIMESTAMP"),
    (Kind::Date, "DATE"),
    (Kind::Time, "TIME"),
    (Kind::Datetime, "DATETIME"),
    (Kind::Year, "YEAR"),
    (Kind::Decimal, "DECIMAL"),
    (Kind::Text, "TEXT"),
    (Kind::Blob, "BLOB"),
    (Kind::Varchar, "VARCHAR"),
    (Kind::Varbinary, "VARBINARY"),
    (Kind::Char, "CHAR"),
    (Kind::Binary, "BINARY"),
    (Kind::Bit, "BIT"),
    (Kind::Enum, "ENUM"),
    (Kind::Set, "SET"),
    (Kind::Tuple, "TUPLE"),
    (Kind::Geometry, "GEOMETRY"),
    (Kind::Json, "JSON"),
    (Kind::Expression, "EXPRESSION"),
    (Kind::Hexnum, "HEXNUM"),
    (Kind::Hexval, "HEXVAL"),
    (Kind::Bitnum, "BITNUM"),
    (Kind::Vector, "VECTOR"),
    (Kind::Raw, "RAW"),
    (Kind::RowTuple, "ROW_TUPLE"),
];

impl Kind {
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Finds a type by its exact name.
    pub fn from_name(name: &str) -> Option<Kind> {
        KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Finds a type by its number in the protocol.
    pub fn from_number(number: u32) -> Option<Kind> {
        KINDS.iter().find(|(kind, _)| *kind as u32 == number).map(|(kind, _)| *kind)
    }

    /// Whether this is an integer type; YEAR is one.
    pub fn is_integral(self) -> bool {
        self as u32 & INTEGER != 0
    }

    pub fn is_signed(self) -> bool {
        self as u32 & (INTEGER | UNSIGNED) == INTEGER
    }

    pub fn is_quoted(self) -> bool {
        self as u32 & QUOTED != 0 && self != Kind::Bit
    }

    /// Whether this is a character type, as opposed to a literal in hexadecimal or bits.
    pub fn is_text(self) -> bool {
        self as u32 & (QUOTED | TEXT) == QUOTED | TEXT
    }

    pub fn is_binary(self) -> bool {
        self as u32 & BINARY != 0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Value {
    pub const NULL: Value = Value { kind: Kind::Null, bytes: Vec::new() };

    pub fn new(kind: Kind, bytes: impl Into<Vec<u8>>) -> Value {
        Value { kind, bytes: bytes.into() }
    }

    pub fn int64(number: i64) -> Value {
        Value::new(Kind::Int64, number.to_string())
    }

    pub fn uint64(number: u64) -> Value {
        Value::new(Kind::Uint64, number.to_string())
    }

    pub fn varchar(text: &str) -> Value {
        Value::new(Kind::Varchar, text)
    }

    pub fn varbinary(bytes: &[u8]) -> Value {
        Value::new(Kind::Varbinary, bytes)
    }

    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// The bytes that the value stands for: literals in hexadecimal and bits are decoded.
    pub fn to_bytes(&self) -> Result<std::borrow::Cow<'_, [u8]>, VindexError> {
        match self.kind {
            Kind::Hexval => decode_hexval(&self.bytes).map(Into::into),
            Kind::Hexnum => decode_hexnum(&self.bytes).map(Into::into),
            Kind::Bitnum => decode_bitnum(&self.bytes).map(Into::into),
            Kind::Expression => {
                Err(VindexError::invalid_argument("expression cannot be converted to bytes"))
            }
            _ => Ok(self.bytes.as_slice().into()),
        }
    }

    /// The unsigned number that the text says, whatever the type.
    pub fn to_cast_uint64(&self) -> Result<u64, VindexError> {
        parse_uint64(&self.bytes)
    }
}

fn decode_hexval(raw: &[u8]) -> Result<Vec<u8>, VindexError> {
    match raw {
        [b'x' | b'X', b'\'', digits @ .., b'\''] => decode_hex(digits),
        _ => Err(VindexError::unknown(format!("invalid hex value: {}", byte_list(raw)))),
    }
}

fn decode_hexnum(raw: &[u8]) -> Result<Vec<u8>, VindexError> {
    match raw {
        [b'0', b'x', digits @ ..] if !digits.is_empty() => decode_hex(digits),
        _ => Err(VindexError::unknown(format!("invalid hex number: {}", byte_list(raw)))),
    }
}

fn decode_hex(digits: &[u8]) -> Result<Vec<u8>, VindexError> {
    hex::decode(digits).map_err(|error| VindexError::unknown(error.to_string()))
}

/// Bits become as few bytes as hold them.
fn decode_bitnum(raw: &[u8]) -> Result<Vec<u8>, VindexError> {
    let digits = match raw {
        [b'0', b'b', digits @ ..] if !digits.is_empty() => digits,
        _ => return Err(invalid_bitnum(raw)),
    };
    if digits.iter().any(|digit| !matches!(digit, b'0' | b'1')) {
        return Err(invalid_bitnum(raw));
    }
    let start = digits.iter().position(|digit| *digit == b'1').unwrap_or(digits.len());
    let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
    let mut bytes: Vec<u8> = digits[start..].rchunks(8).map(byte).collect();
    bytes.reverse();
    Ok(bytes)
}

fn invalid_bitnum(raw: &[u8]) -> VindexError {
    VindexError::unknown(format!("invalid bit number: {}", byte_list(raw)))
}

/// Vitess's fast parse: blanks around are fine, signs are not.
fn parse_uint64(text: &[u8]) -> Result<u64, VindexError> {
    let error = |tail: String| VindexError::unknown(tail);
    if text.is_empty() {
        return Err(error("cannot parse uint64 from empty string".to_string()));
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let cannot_parse = || format!("cannot parse uint64 from {}", quote(text));
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return Err(error(cannot_parse()));
    }
    let (digits, tail) = text[start..].split_at(digits);
    let mut number: u64 = 0;
    for digit in digits {
        let next = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0')));
        number = next.ok_or_else(|| error(format!("{}: overflow", cannot_parse())))?;
    }
    if !tail.iter().all(is_blank) {
        return Err(error(format!(
            "unparsed tail left after parsing uint64 from {}: {}",
            quote(text),
            quote(tail)
        )));
    }
    Ok(number)
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.kind {
            Kind::Null => f.write_str("NULL"),
            kind if kind.is_quoted() || kind == Kind::Bit => {
                write!(f, "{kind}({})", quote(&self.bytes))
            }
            kind => write!(f, "{kind}({})", String::from_utf8_lossy(&self.bytes)),
        }
    }
}

/// Prints a row as Go prints a list of values: `[INT64(1) VARCHAR("a")]`.
pub fn row_string(row: &[Value]) -> String {
    let values: Vec<String> = row.iter().map(Value::to_string).collect();
    format!("[{}]", values.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_literals() {
        let check = |kind: Kind, raw: &str, expected: &str| {
            let got = match Value::new(kind, raw).to_bytes() {
                Ok(bytes) => hex::encode(&bytes),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{kind} {raw}");
        };
        check(Kind::Int64, "1", "31");
        check(Kind::Hexval, "X'8a1E'", "8a1e");
        check(Kind::Hexval, "x''", "");
        check(Kind::Hexval, "x'", "invalid hex value: [120 39]");
        check(Kind::Hexval, "x'8'", "encoding/hex: odd length hex string");
        check(Kind::Hexnum, "0x8a1e", "8a1e");
        check(Kind::Hexnum, "0x", "invalid hex number: [48 120]");
        check(Kind::Hexnum, "0X8a", "invalid hex number: [48 88 56 97]");
        check(Kind::Bitnum, "0b0", "");
        check(Kind::Bitnum, "0b00100000001", "0101");
        check(Kind::Bitnum, "0b2", "invalid bit number: [48 98 50]");
        check(Kind::Expression, "a", "expression cannot be converted to bytes");
    }

    #[test]
    fn numbers_from_text() {
        let check = |text: &str, expected: &str| {
            let got = match Value::varchar(text).to_cast_uint64() {
                Ok(number) => number.to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{text}");
        };
        check(" \t12 ", "12");
        check("18446744073709551615", "18446744073709551615");
        check("", "cannot parse uint64 from empty string");
        check("  ", "cannot parse uint64 from \"  \"");
        check("-1", "cannot parse uint64 from \"-1\"");
        check("+1", "cannot parse uint64 from \"+1\"");
        check(
            "18446744073709551616",
            "cannot parse uint64 from \"18446744073709551616\": overflow",
        );
        check("1.1", "unparsed tail left after parsing uint64 from \"1.1\": \".1\"");
    }

    #[test]
    fn values_print_as_in_vitess() {
        let row = [
            Value::int64(1),
            Value::varchar("a\"b"),
            Value::NULL,
            Value::new(Kind::Bit, "\x01"),
            Value::new(Kind::Decimal, "1.5"),
            Value::new(Kind::Hexnum, "0x01"),
        ];
        assert_eq!(
            row_string(&row),
            r#"[INT64(1) VARCHAR("a\"b") NULL BIT("\x01") DECIMAL(1.5) HEXNUM(0x01)]"#
        );
        assert!(Kind::Year.is_integral() && !Kind::Year.is_signed());
        assert!(Kind::Int24.is_signed() && !Kind::Decimal.is_integral());
    }
}
