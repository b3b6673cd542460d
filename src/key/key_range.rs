//! A key range: a half-open interval of keyspace ids.
//!
//! An empty start is the least id, an empty end is unbounded, and "empty" is meant as the keyspace
//! orders ids: `00` counts too. Vitess's nil range and the range without bounds behave alike, so
//! one value stands for both: [`KeyRange::COMPLETE`].
//!
//! A range may be inverted (`80-40`): the syntax check lets it through and BETWEEN can produce it.
//! It contains nothing. It knows nothing of shards.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::key::KeyspaceId;
use crate::key::hex::HexError;

/// The ids from `start` up to, and not including, `end`. `==` is byte for byte; [`KeyRange::equal`]
/// is Vitess's equality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyRange {
    pub start: KeyspaceId,
    pub end: KeyspaceId,
}

/// Why a text is not a key range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRangeError {
    /// Vitess never parses such text; it matches [`is_valid_key_range`] first.
    #[error("malformed spec: doesn't define a range: {}", crate::key::quote::quote(.0.as_bytes()))]
    NoRange(String),
    #[error(transparent)]
    Hex(#[from] HexError),
}

impl KeyRange {
    /// The whole keyspace.
    pub const COMPLETE: KeyRange = KeyRange { start: KeyspaceId::EMPTY, end: KeyspaceId::EMPTY };

    pub fn new(start: &[u8], end: &[u8]) -> KeyRange {
        KeyRange { start: KeyspaceId::new(start), end: KeyspaceId::new(end) }
    }

    pub fn is_complete(&self) -> bool {
        self.start.is_empty() && self.end.is_empty()
    }

    pub fn contains(&self, id: &KeyspaceId) -> bool {
        let from_start = self.start.is_empty() || self.start.compare(id) != Ordering::Greater;
        let before_end = self.end.is_empty() || id.compare(&self.end) == Ordering::Less;
        from_start && before_end
    }

    /// Orders by start.
    pub fn compare_start(&self, other: &KeyRange) -> Ordering {
        self.start.compare(&other.start)
    }

    /// Orders by end, where an empty end is the greatest.
    pub fn compare_end(&self, other: &KeyRange) -> Ordering {
        match (self.end.is_empty(), other.end.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.end.compare(&other.end),
        }
    }

    /// Orders by start, then by end: the order in which Vitess sorts shards.
    pub fn compare(&self, other: &KeyRange) -> Ordering {
        self.compare_start(other).then_with(|| self.compare_end(other))
    }

    pub fn equal(&self, other: &KeyRange) -> bool {
        self.compare(other) == Ordering::Equal
    }

    /// Merges two adjacent ranges, given in either order.
    pub fn add(&self, other: &KeyRange) -> Option<KeyRange> {
        let meets = |end: &KeyspaceId, start: &KeyspaceId| {
            !end.is_empty() && end.compare(start) == Ordering::Equal
        };
        if meets(&self.end, &other.start) {
            return Some(KeyRange { start: self.start.clone(), end: other.end.clone() });
        }
        if meets(&other.end, &self.start) {
            return Some(KeyRange { start: other.start.clone(), end: self.end.clone() });
        }
        None
    }

    /// Whether `other` begins where this range ends. As in Vitess an unbounded end meets an
    /// unbounded start: `80-` and `-40` count as contiguous.
    pub fn contiguous(&self, other: &KeyRange) -> bool {
        !self.is_complete()
            && !other.is_complete()
            && self.end.compare(&other.start) == Ordering::Equal
    }

    pub fn intersects(&self, other: &KeyRange) -> bool {
        let starts_before_end =
            |a: &KeyRange, b: &KeyRange| b.end.is_empty() || a.start.compare(&b.end).is_lt();
        starts_before_end(self, other) && starts_before_end(other, self)
    }

    pub fn contains_range(&self, other: &KeyRange) -> bool {
        if self.is_complete() {
            return true;
        }
        if other.is_complete() {
            return false;
        }
        other.compare_start(self).is_ge() && other.compare_end(self).is_le()
    }

    /// Decodes the two sides of a range, the start first.
    pub fn from_parts(start: &str, end: &str) -> Result<KeyRange, HexError> {
        Ok(KeyRange { start: KeyspaceId::from_hex(start)?, end: KeyspaceId::from_hex(end)? })
    }
}

/// Whether a text has the syntax of a key range. Syntax only: `80-40` passes.
pub fn is_valid_key_range(text: &str) -> bool {
    let is_hex = |side: &str| {
        side.len().is_multiple_of(2) && side.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    text == "0" || text.split_once('-').is_some_and(|(start, end)| is_hex(start) && is_hex(end))
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.is_complete() {
            true => f.write_str("-"),
            false => write!(f, "{}-{}", self.start, self.end),
        }
    }
}

impl FromStr for KeyRange {
    type Err = KeyRangeError;

    fn from_str(text: &str) -> Result<KeyRange, KeyRangeError> {
        if text == "0" {
            return Ok(KeyRange::COMPLETE);
        }
        let Some((start, end)) = text.split_once('-') else {
            return Err(KeyRangeError::NoRange(text.to_string()));
        };
        Ok(KeyRange::from_parts(start, end)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_bounds_that_bind_nothing() {
        let contains = |range: &str, id: &str, expected: bool| {
            let range: KeyRange = range.parse().unwrap();
            let id = KeyspaceId::from_hex(id).unwrap();
            assert_eq!(range.contains(&id), expected, "{range} {id}");
        };
        contains("00-", "", true);
        contains("40-00", "ff", true);
        contains("-8000", "80", false);
        contains("80-8000", "80", false);
        contains("80-40", "60", false);
        assert_eq!("00-".parse::<KeyRange>().unwrap().to_string(), "-");
        assert_eq!("4000-8000".parse::<KeyRange>().unwrap().to_string(), "4000-8000");
    }
}
