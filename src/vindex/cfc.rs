//! `cfc`: a concatenation of fixed-width components, each hashed to at most its own width.
//!
//! Because a component's hash is as long as the component or shorter, and components keep their
//! order, rows with a common prefix of components share a prefix of the keyspace id, and
//! `like 'prefix%'` goes to a range of shards:
//!
//! ```text
//!   offsets [3,5]    0cea02 0701 06  ──md5, cut──>  c3fd2d f689 06
//! ```
//!
//! Without a hash the value is the keyspace id. See `go/vt/vtgate/vindexes/cfc.go`.

use std::sync::Arc;

use crate::key::{Destination, KeyspaceId};
use crate::vindex::binary_md5::md5;
use crate::vindex::contract::first_column;
use crate::vindex::params::{Params, text, unknown_params};
use crate::vindex::xxhash::xxhash64;
use crate::vindex::{Functional, Properties, Value, Vindex, VindexError};

/// A `cfc` vindex.
#[derive(Debug)]
pub struct Cfc {
    unknown_params: Vec<String>,
    computation: Arc<Computation>,
}

/// What the vindex and its variant for LIKE share.
#[derive(Debug)]
struct Computation {
    name: String,
    hash: Option<ComponentHash>,
    offsets: Vec<usize>,
}

/// How a component is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentHash {
    Md5,
    Xxhash64,
}

impl Cfc {
    pub fn new(name: &str, params: &Params) -> Result<Cfc, VindexError> {
        let hash = match text(params, "hash") {
            "" => None,
            "md5" => Some(ComponentHash::Md5),
            "xxhash64" => Some(ComponentHash::Xxhash64),
            other => {
                let message = format!("invalid hash {other} to CFC vindex {name}");
                return Err(VindexError::unknown(message));
            }
        };
        let offsets = match hash {
            // Offsets mean nothing then, and are not looked at.
            None => Vec::new(),
            Some(_) => parse_offsets(name, text(params, "offsets"))?,
        };
        let computation = Computation { name: name.to_string(), hash, offsets };
        let unknown_params = unknown_params(params, &["hash", "offsets"]);
        Ok(Cfc { unknown_params, computation: Arc::new(computation) })
    }

    /// The keyspace id of a whole value.
    pub fn compute_ksid(&self, value: &[u8]) -> Result<KeyspaceId, VindexError> {
        self.computation.whole(value)
    }

    /// What the keyspace ids of all values with this prefix begin with.
    pub fn compute_prefix(&self, prefix: &[u8]) -> KeyspaceId {
        self.computation.concatenate(prefix)
    }
}

fn parse_offsets(name: &str, text: &str) -> Result<Vec<usize>, VindexError> {
    if text.is_empty() {
        return Err(VindexError::unknown("CFC vindex requires offsets when hash is defined"));
    }
    let offsets: Vec<Option<i64>> = serde_json::from_str(text).unwrap_or_default();
    let offsets: Vec<i64> = offsets.into_iter().map(Option::unwrap_or_default).collect();
    let is_sorted = offsets.windows(2).all(|pair| pair[0] < pair[1]);
    match offsets.first() {
        Some(first) if 0 < *first && is_sorted => {
            Ok(offsets.into_iter().map(|offset| offset as usize).collect())
        }
        _ => Err(VindexError::unknown(format!(
            "invalid offsets {text} to CFC vindex {name}. expected sorted positive ints in brackets"
        ))),
    }
}

impl ComponentHash {
    /// The hash of a component, cut to the component's length.
    pub fn hash(self, component: &[u8]) -> Vec<u8> {
        let mut digest = match self {
            ComponentHash::Md5 => md5(component).to_vec(),
            ComponentHash::Xxhash64 => xxhash64(component).to_vec(),
        };
        digest.truncate(component.len());
        digest
    }
}

impl Computation {
    fn whole(&self, value: &[u8]) -> Result<KeyspaceId, VindexError> {
        let need = self.offsets.last().copied().unwrap_or(0);
        if value.len() < need {
            return Err(VindexError::unknown(format!(
                "insufficient size for cfc vindex {}. need {need}, got {}",
                self.name,
                value.len()
            )));
        }
        Ok(self.concatenate(value))
    }

    /// Hashes the components that are whole; what follows the last offset is one, too.
    fn concatenate(&self, value: &[u8]) -> KeyspaceId {
        let Some(hash) = self.hash else {
            return KeyspaceId::new(value);
        };
        let mut ksid = Vec::with_capacity(value.len());
        let mut start = 0;
        for end in &self.offsets {
            let Some(component) = value.get(start..*end) else {
                return KeyspaceId::from(ksid);
            };
            ksid.extend(hash.hash(component));
            start = *end;
        }
        ksid.extend(hash.hash(&value[start..]));
        KeyspaceId::from(ksid)
    }

    fn verify(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        Ok(self.whole(&first_column(row).to_bytes()?)? == *ksid)
    }
}

impl Vindex for Cfc {
    fn name(&self) -> &str {
        &self.computation.name
    }

    fn properties(&self) -> Properties {
        Properties { prefixable: true, ..Properties::FUNCTIONAL }
    }

    fn unknown_params(&self) -> &[String] {
        &self.unknown_params
    }

    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for Cfc {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        let ksid = self.computation.whole(&first_column(row).to_bytes()?)?;
        Ok(Destination::KeyspaceId(ksid))
    }

    fn verify_one(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        self.computation.verify(row, ksid)
    }

    fn prefix_vindex(&self) -> Option<Arc<dyn Vindex>> {
        Some(Arc::new(PrefixCfc { computation: self.computation.clone() }))
    }
}

/// The variant that maps LIKE patterns.
#[derive(Debug)]
struct PrefixCfc {
    computation: Arc<Computation>,
}

impl Vindex for PrefixCfc {
    fn name(&self) -> &str {
        &self.computation.name
    }

    fn properties(&self) -> Properties {
        let cost = match self.computation.offsets.len() {
            0 => 2,
            offsets => i64::try_from(offsets).unwrap_or(i64::MAX),
        };
        Properties { cost, unique: false, ..Properties::FUNCTIONAL }
    }

    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for PrefixCfc {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        let prefix = find_prefix(&first_column(row).to_bytes()?);
        Ok(Destination::from_prefix(&self.computation.concatenate(&prefix)))
    }

    fn verify_one(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        self.computation.verify(row, ksid)
    }
}

/// What every text that a LIKE pattern matches begins with.
pub fn find_prefix(pattern: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' | b'_' => break,
            b'\\' => prefix.push(bytes.next().map_or(b'\\', |escaped| unescape(*escaped))),
            byte => prefix.push(*byte),
        }
    }
    prefix
}

/// MySQL's escapes in strings; any other character stands for itself.
fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'0' => 0,
        b'b' => 0x08,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'Z' => 0x1a,
        other => other,
    }
}
