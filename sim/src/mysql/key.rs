//! Index keys whose bytes sort as the values do.
//!
//! A key is the concatenation of its columns, each self-delimiting, so that a prefix of the columns
//! is a prefix of the bytes and one ordered map serves points, prefixes and ranges. Texts are
//! encoded by their collation's weights: two texts that are equal for the collation are one key,
//! which is why a unique index on them collides.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::Sign;
use smallvec::SmallVec;

use crate::collation::Collation;
use crate::value::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

/// An index of a table; 0 is the clustered one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexId {
    pub table: TableId,
    pub index: u32,
}

/// Compares as its bytes do. The first sixteen stand in front as numbers, so that keys of integers
/// are compared without a look behind a pointer; a key of few bytes needs no memory of its own.
#[derive(Clone)]
pub struct Key {
    head: [u64; 2],
    bytes: Bytes,
}

const HEAD: usize = 16;

/// As many bytes as fit beside a length where a pointer would stand.
const INLINE: usize = 22;

#[derive(Clone)]
enum Bytes {
    Inline { length: u8, bytes: [u8; INLINE] },
    Shared(Arc<[u8]>),
}

/// Where a lock can stand: on a record, or behind the last one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Record(Key),
    Supremum,
}

impl Place {
    pub fn is_supremum(&self) -> bool {
        *self == Place::Supremum
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.bytes() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Default for Key {
    fn default() -> Key {
        Key::new(&[])
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Key) -> Ordering {
        // A shorter key's head ends in zeros: it never comes behind what it is a prefix of.
        match self.head().cmp(&other.head()) {
            Ordering::Equal => self.cmp_behind_head(other),
            order => order,
        }
    }
}

impl Key {
    fn new(bytes: &[u8]) -> Key {
        let mut start = [0; HEAD];
        let length = bytes.len().min(HEAD);
        start[..length].copy_from_slice(&bytes[..length]);
        let whole = u128::from_be_bytes(start);
        let head = [(whole >> 64) as u64, whole as u64];
        let bytes = match u8::try_from(bytes.len()) {
            Ok(length) if bytes.len() <= INLINE => {
                let mut inline = [0; INLINE];
                inline[..bytes.len()].copy_from_slice(bytes);
                Bytes::Inline { length, bytes: inline }
            }
            _ => Bytes::Shared(bytes.into()),
        };
        Key { head, bytes }
    }

    #[inline]
    fn head(&self) -> u128 {
        u128::from(self.head[0]) << 64 | u128::from(self.head[1])
    }

    /// Does it come before the other, as a search asks?
    #[inline]
    pub fn is_before(&self, other: &Key) -> bool {
        let (own, head) = (self.head(), other.head());
        own < head || own == head && self.cmp_behind_head(other).is_lt()
    }

    /// The order of two keys with the same head.
    #[cold]
    fn cmp_behind_head(&self, other: &Key) -> Ordering {
        match self.len().max(other.len()) <= HEAD {
            true => self.len().cmp(&other.len()),
            false => self.bytes().cmp(other.bytes()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Bytes::Shared(bytes) => bytes,
        }
    }

    pub fn starts_with(&self, prefix: &Key) -> bool {
        self.bytes().starts_with(prefix.bytes())
    }

    pub fn then(&self, rest: &Key) -> Key {
        let mut bytes: SmallVec<[u8; STACK]> = SmallVec::from_slice(self.bytes());
        bytes.extend_from_slice(rest.bytes());
        Key::new(&bytes)
    }

    /// The hidden row id that the key is; 0 for any other key.
    pub fn row_id(&self) -> u64 {
        <[u8; 8]>::try_from(self.bytes()).map_or(0, u64::from_be_bytes)
    }

    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// The first key behind all keys with this prefix; none where there is no such key.
    pub fn successor_of_prefix(&self) -> Option<Key> {
        let own = self.bytes();
        let end = own.iter().rposition(|byte| *byte != 0xff)?;
        let mut bytes: SmallVec<[u8; STACK]> = SmallVec::from_slice(&own[..=end]);
        bytes[end] += 1;
        Some(Key::new(&bytes))
    }

    /// All keys with this prefix, as bounds of a map.
    pub fn prefix_bounds(&self) -> (Bound<Key>, Bound<Key>) {
        let end = self.successor_of_prefix().map_or(Bound::Unbounded, Bound::Excluded);
        (Bound::Included(self.clone()), end)
    }
}

/// Keys up to this length are built without memory of their own.
const STACK: usize = 64;

/// Builds a key column by column.
#[derive(Default)]
pub struct KeyBuilder(SmallVec<[u8; STACK]>);

impl KeyBuilder {
    pub fn new() -> KeyBuilder {
        KeyBuilder::default()
    }

    /// Appends a value as its column stores it (one type a column, so types need no order among
    /// each other). NULL sorts first.
    pub fn push(&mut self, value: &Value, collation: Collation, descending: bool) {
        let start = self.0.len();
        self.push_ascending(value, collation);
        if descending {
            for byte in &mut self.0[start..] {
                *byte = !*byte;
            }
        }
    }

    pub fn push_row_id(&mut self, row_id: u64) {
        self.0.extend_from_slice(&row_id.to_be_bytes());
    }

    pub fn finish(self) -> Key {
        Key::new(&self.0)
    }

    fn push_ascending(&mut self, value: &Value, collation: Collation) {
        if value.is_null() {
            self.0.push(0);
            return;
        }
        self.0.push(1);
        match value {
            Value::Null => {}
            Value::Int(int) => self.push_signed(*int),
            Value::Uint(uint) => self.0.extend_from_slice(&uint.to_be_bytes()),
            Value::Decimal(decimal) => self.push_decimal(decimal),
            Value::Float(float) => {
                // IEEE 754 sorts as its bits once negatives are turned round; -0 is 0.
                let bits = if *float == 0.0 { 0 } else { float.to_bits() };
                let sign = 1 << 63;
                let ordered = if bits & sign == 0 { bits | sign } else { !bits };
                self.0.extend(ordered.to_be_bytes());
            }
            Value::Text(text) => {
                self.push_bytes(&collation.sort_key(text.as_bytes()));
            }
            Value::Bytes(bytes) => self.push_bytes(bytes),
            Value::Date(date) => {
                self.push_signed(i64::from(date.year()));
                self.0.extend([date.month() as u8, date.day() as u8]);
            }
            Value::DateTime(time) => {
                self.push_signed(i64::from(time.year()));
                self.0.extend([time.month() as u8, time.day() as u8, time.hour() as u8]);
                self.0.extend([time.minute() as u8, time.second() as u8]);
                self.0.extend(((time.subsec_nanosecond() / 1000) as u32).to_be_bytes());
            }
            Value::Time(micros) => self.push_signed(*micros),
        }
    }

    fn push_signed(&mut self, int: i64) {
        self.0.extend_from_slice(&((int as u64) ^ (1 << 63)).to_be_bytes());
    }

    /// Sign, exponent, digits; negatives turned round. 1.50 and 1.5 are one key.
    fn push_decimal(&mut self, decimal: &BigDecimal) {
        let (digits, scale) = decimal.normalized().into_bigint_and_exponent();
        let (sign, digits) = (digits.sign(), digits.magnitude().to_string());
        let exponent = digits.len() as i64 - scale;
        let start = self.0.len();
        match sign {
            Sign::NoSign => return self.0.push(1),
            Sign::Plus => self.0.push(2),
            Sign::Minus => self.0.push(0),
        }
        let body = self.0.len();
        self.push_signed(exponent);
        self.0.extend(digits.bytes());
        self.0.push(0);
        if sign == Sign::Minus {
            for byte in &mut self.0[body..] {
                *byte = !*byte;
            }
        }
        debug_assert!(start < body, "a decimal has a sign");
    }

    /// 0 becomes 0 ff, the end is 0 0: no string's key is a prefix of another's.
    fn push_bytes(&mut self, bytes: &[u8]) {
        if !bytes.contains(&0) {
            self.0.extend_from_slice(bytes);
            self.0.extend_from_slice(&[0, 0]);
            return;
        }
        for byte in bytes {
            self.0.push(*byte);
            if *byte == 0 {
                self.0.push(0xff);
            }
        }
        self.0.extend([0, 0]);
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proptest::prelude::*;

    use super::*;

    fn key(values: &[Value]) -> Key {
        let mut builder = KeyBuilder::new();
        for value in values {
            builder.push(value, Collation::Utf8mb4Bin, false);
        }
        builder.finish()
    }

    #[test]
    fn null_sorts_first_and_prefixes_nest() {
        assert!(key(&[Value::Null]) < key(&[Value::Int(i64::MIN)]));
        let (a, b) = (Value::text("a"), Value::text("b"));
        assert!(key(&[a.clone(), b.clone()]).starts_with(&key(std::slice::from_ref(&a))));
        assert!(!key(&[Value::text("aa")]).starts_with(&key(&[a])));
        assert!(key(&[Value::text("a"), b]) < key(&[Value::text("a!"), Value::Null]));
    }

    #[test]
    fn decimals_sort_by_value() {
        let texts =
            ["-100", "-2.5", "-2.41", "-0.03", "0", "0.001", "0.02", "1.5", "2", "10.2", "99999"];
        let decimal = |text: &str| Value::Decimal(BigDecimal::from_str(text).unwrap());
        let keys: Vec<Key> = texts.iter().map(|text| key(&[decimal(text)])).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(key(&[decimal("1.50")]), key(&[decimal("1.5")]));
    }

    proptest! {
        #[test]
        fn keys_sort_as_values(a: (i64, Vec<u8>), b: (i64, Vec<u8>)) {
            let row = |pair: &(i64, Vec<u8>)| key(&[Value::bytes(&pair.1), Value::Int(pair.0)]);
            prop_assert_eq!(row(&a).cmp(&row(&b)), (&a.1, a.0).cmp(&(&b.1, b.0)));
        }

        #[test]
        fn floats_sort_as_floats(a in -1e9..1e9f64, b in -1e9..1e9f64) {
            let order = key(&[Value::Float(a)]).cmp(&key(&[Value::Float(b)]));
            prop_assert_eq!(Some(order), a.partial_cmp(&b));
        }
    }
}
