//! `binary_md5`: MD5 of the value's bytes, all 16 of it.
//!
//! See `go/vt/vtgate/vindexes/binarymd5.go`.

use md5::{Digest, Md5};

use crate::key::{Destination, KeyspaceId};
use crate::vindex::contract::first_column;
use crate::vindex::params::{Params, unknown_params};
use crate::vindex::{Functional, Properties, Value, Vindex, VindexError};

/// A `binary_md5` vindex.
#[derive(Debug)]
pub struct BinaryMd5 {
    name: String,
    unknown_params: Vec<String>,
}

/// MD5 of bytes.
pub fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

impl BinaryMd5 {
    pub fn new(name: &str, params: &Params) -> BinaryMd5 {
        BinaryMd5 { name: name.to_string(), unknown_params: unknown_params(params, &[]) }
    }
}

impl Vindex for BinaryMd5 {
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

impl Functional for BinaryMd5 {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        Ok(Destination::KeyspaceId(self.hash(first_column(row))?))
    }

    fn hash(&self, value: &Value) -> Result<KeyspaceId, VindexError> {
        Ok(KeyspaceId::new(&md5(&value.to_bytes()?)))
    }
}
