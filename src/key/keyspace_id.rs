//! A keyspace id: bytes of any length that say where in the keyspace a row lives.
//!
//! The bytes are left-justified: conceptually an infinite run of zeros follows. Ordering along the
//! keyspace ([`KeyspaceId::compare`]) therefore ignores trailing zeros, while `==` is exact, as a
//! vindex's Verify is. It knows nothing of the vindex that made it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::key::hex;

/// A keyspace id. `==` and `Ord` are byte for byte.
#[derive(Clone)]
pub struct KeyspaceId(Repr);

/// Ids of vindexes are 1 to 16 bytes long nearly always; those live without an allocation.
#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE_MAX] },
    Heap(Box<[u8]>),
}

const INLINE_MAX: usize = 22;

impl KeyspaceId {
    /// The least keyspace id, which as the end of a range means "unbounded".
    pub const EMPTY: KeyspaceId = KeyspaceId(Repr::Inline { len: 0, bytes: [0; INLINE_MAX] });

    pub fn new(bytes: &[u8]) -> KeyspaceId {
        if INLINE_MAX < bytes.len() {
            return KeyspaceId(Repr::Heap(bytes.into()));
        }
        let mut inline = [0; INLINE_MAX];
        inline[..bytes.len()].copy_from_slice(bytes);
        KeyspaceId(Repr::Inline { len: bytes.len() as u8, bytes: inline })
    }

    /// Eight bytes, most significant first.
    pub fn from_u64(number: u64) -> KeyspaceId {
        KeyspaceId::new(&number.to_be_bytes())
    }

    /// Reads hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<KeyspaceId, hex::HexError> {
        Ok(KeyspaceId::new(&hex::decode(text.as_bytes())?))
    }

    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Heap(bytes) => bytes,
        }
    }

    /// The bytes without trailing zeros.
    pub fn normalized(&self) -> &[u8] {
        normalize(self.as_bytes())
    }

    /// Whether this is the least keyspace id, however many zeros it is written with.
    pub fn is_empty(&self) -> bool {
        self.normalized().is_empty()
    }

    /// Orders along the keyspace, where trailing zeros mean nothing.
    pub fn compare(&self, other: &KeyspaceId) -> Ordering {
        self.normalized().cmp(other.normalized())
    }

    /// The next id of the same length, or none after all ones.
    pub fn add_one(&self) -> Option<KeyspaceId> {
        let mut bytes = self.as_bytes().to_vec();
        for byte in bytes.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                return Some(KeyspaceId::from(bytes));
            }
        }
        None
    }
}

/// Drops trailing zero bytes.
pub fn normalize(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..len]
}

impl From<Vec<u8>> for KeyspaceId {
    fn from(bytes: Vec<u8>) -> KeyspaceId {
        match INLINE_MAX < bytes.len() {
            true => KeyspaceId(Repr::Heap(bytes.into_boxed_slice())),
            false => KeyspaceId::new(&bytes),
        }
    }
}

impl PartialEq for KeyspaceId {
    fn eq(&self, other: &KeyspaceId) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for KeyspaceId {}

impl PartialOrd for KeyspaceId {
    fn partial_cmp(&self, other: &KeyspaceId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeyspaceId {
    fn cmp(&self, other: &KeyspaceId) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for KeyspaceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl Default for KeyspaceId {
    fn default() -> KeyspaceId {
        KeyspaceId::EMPTY
    }
}

impl fmt::Display for KeyspaceId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&hex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for KeyspaceId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "KeyspaceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_zeros_order_alike_and_differ() {
        let check = |a: &str, b: &str, expected: Ordering| {
            let [a, b] = [a, b].map(|text| KeyspaceId::from_hex(text).unwrap());
            assert_eq!(a.compare(&b), expected, "{a} {b}");
            assert_eq!(b.compare(&a), expected.reverse(), "{b} {a}");
        };
        check("", "0000", Ordering::Equal);
        check("11", "1100", Ordering::Equal);
        check("11", "1101", Ordering::Less);
        check("ff", "1101", Ordering::Greater);
        assert_ne!(KeyspaceId::new(b"\x11"), KeyspaceId::new(b"\x11\x00"));
    }

    #[test]
    fn short_and_long_ids_keep_their_bytes() {
        for len in [0, 1, 21, 22, 23, 100] {
            let bytes = vec![7; len];
            assert_eq!(KeyspaceId::new(&bytes).as_bytes(), bytes);
            assert_eq!(KeyspaceId::from(bytes.clone()).as_bytes(), bytes);
        }
    }
}
