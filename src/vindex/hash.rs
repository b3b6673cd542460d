//! `hash`: a number, encrypted with DES under an all-zero key.
//!
//! See `go/vt/vtgate/vindexes/hash.go`. Map and Verify disagree upstream on negative numbers: Map
//! takes a signed type's two's complement, Verify refuses the minus sign. Both are kept.

use crate::key::{Destination, KeyspaceId};
use crate::vindex::contract::{first_column, or_none};
use crate::vindex::des::NullKeyDes;
use crate::vindex::params::{Params, unknown_params};
use crate::vindex::{Functional, Properties, Value, Vindex, VindexError};

/// A `hash` vindex.
#[derive(Debug)]
pub struct Hash {
    name: String,
    unknown_params: Vec<String>,
    des: NullKeyDes,
}

impl Hash {
    pub fn new(name: &str, params: &Params) -> Hash {
        let unknown_params = unknown_params(params, &[]);
        Hash { name: name.to_string(), unknown_params, des: NullKeyDes::new() }
    }
}

impl Vindex for Hash {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> Properties {
        Properties { hashing: true, reversible: true, ..Properties::FUNCTIONAL }
    }

    fn unknown_params(&self) -> &[String] {
        &self.unknown_params
    }

    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for Hash {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        Ok(or_none(self.hash(first_column(row))))
    }

    fn verify_one(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        let number = first_column(row).to_cast_uint64()?;
        Ok(self.des.hash(number) == ksid.as_bytes())
    }

    fn hash(&self, value: &Value) -> Result<KeyspaceId, VindexError> {
        let number = match value.kind.is_signed() {
            true => parse_int64(&value.bytes)? as u64,
            false => value.to_cast_uint64()?,
        };
        Ok(KeyspaceId::new(&self.des.hash(number)))
    }

    fn reverse_map(&self, ksid: Option<&KeyspaceId>) -> Result<Value, VindexError> {
        Ok(Value::uint64(self.des.unhash(ksid.unwrap_or(&KeyspaceId::EMPTY))?))
    }
}

fn parse_int64(bytes: &[u8]) -> Result<i64, VindexError> {
    let text = str::from_utf8(bytes).ok();
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        let quoted = crate::key::quote::quote(bytes);
        VindexError::unknown(format!("strconv.ParseInt: parsing {quoted}: invalid syntax"))
    })
}
