//! `xxhash`: XXH64 with seed 0 over the value's bytes, stored least significant byte first.
//!
//! The bytes are the decimal text of a number, not the number. See
//! `go/vt/vtgate/vindexes/xxhash.go`.

use twox_hash::XxHash64;

use crate::key::{Destination, KeyspaceId};
use crate::vindex::contract::first_column;
use crate::vindex::params::{Params, unknown_params};
use crate::vindex::{Functional, Properties, Value, Vindex, VindexError};

/// An `xxhash` vindex.
#[derive(Debug)]
pub struct Xxhash {
    name: String,
    unknown_params: Vec<String>,
}

/// XXH64 of bytes, as the keyspace id has it.
pub fn xxhash64(bytes: &[u8]) -> [u8; 8] {
    XxHash64::oneshot(0, bytes).to_le_bytes()
}

impl Xxhash {
    pub fn new(name: &str, params: &Params) -> Xxhash {
        Xxhash { name: name.to_string(), unknown_params: unknown_params(params, &[]) }
    }
}

impl Vindex for Xxhash {
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

impl Functional for Xxhash {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        Ok(Destination::KeyspaceId(self.hash(first_column(row))?))
    }

    fn hash(&self, value: &Value) -> Result<KeyspaceId, VindexError> {
        Ok(KeyspaceId::new(&xxhash64(&value.to_bytes()?)))
    }
}
