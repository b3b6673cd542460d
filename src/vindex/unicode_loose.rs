//! `unicode_loose_md5` and `unicode_loose_xxhash`: hashes of texts in which case and accents do not
//! count.
//!
//! What is hashed is the text's collation key ([`crate::vindex::collation`]), after spaces at its
//! end are dropped. See `go/vt/vtgate/vindexes/unicodeloosemd5.go` and `unicode.go`.

use crate::key::quote::quote;
use crate::key::{Destination, KeyspaceId};
use crate::vindex::binary_md5::md5;
use crate::vindex::contract::first_column;
use crate::vindex::params::{Params, unknown_params};
use crate::vindex::xxhash::xxhash64;
use crate::vindex::{Functional, Properties, Value, Vindex, VindexError, collation};

/// A `unicode_loose_md5` or `unicode_loose_xxhash` vindex.
#[derive(Debug)]
pub struct UnicodeLoose {
    name: String,
    unknown_params: Vec<String>,
    hash: KeyHash,
}

/// What a collation key is hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHash {
    Md5,
    Xxhash,
}

impl UnicodeLoose {
    pub fn new(name: &str, params: &Params, hash: KeyHash) -> UnicodeLoose {
        let unknown_params = unknown_params(params, &[]);
        UnicodeLoose { name: name.to_string(), unknown_params, hash }
    }
}

/// The bytes that are hashed for a value.
pub fn collation_key(value: &Value) -> Result<Vec<u8>, VindexError> {
    let bytes = value.to_bytes()?;
    let Ok(text) = str::from_utf8(&bytes) else {
        return Err(VindexError::unknown(format!(
            "cannot normalize string containing invalid UTF-8: {}",
            quote(&bytes)
        )));
    };
    Ok(collation::key(text.trim_end_matches(' ')))
}

impl KeyHash {
    pub fn hash(self, value: &Value) -> Result<KeyspaceId, VindexError> {
        let key = collation_key(value)?;
        Ok(match self {
            KeyHash::Md5 => KeyspaceId::new(&md5(&key)),
            KeyHash::Xxhash => KeyspaceId::new(&xxhash64(&key)),
        })
    }

    fn type_name(self) -> &'static str {
        match self {
            KeyHash::Md5 => "UnicodeLooseMD5",
            KeyHash::Xxhash => "UnicodeLooseXXHash",
        }
    }
}

impl Vindex for UnicodeLoose {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> Properties {
        Properties { hashing: true, ..Properties::FUNCTIONAL }
    }

    fn unknown_params(&self) -> &[String] {
        &self.unknown_params
    }

    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for UnicodeLoose {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        match self.hash.hash(first_column(row)) {
            Ok(ksid) => Ok(Destination::KeyspaceId(ksid)),
            Err(error) => Err(error.wrap(&format!("{}.Map", self.hash.type_name()))),
        }
    }

    fn verify_one(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        match self.hash.hash(first_column(row)) {
            Ok(hash) => Ok(hash == *ksid),
            Err(error) => Err(error.wrap(&format!("{}.Verify", self.hash.type_name()))),
        }
    }

    fn hash(&self, value: &Value) -> Result<KeyspaceId, VindexError> {
        self.hash.hash(value)
    }
}
