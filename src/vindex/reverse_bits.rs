//! `reverse_bits`: a number with its 64 bits in reverse order.
//!
//! See `go/vt/vtgate/vindexes/reverse_bits.go`.

use crate::key::{Destination, KeyspaceId};
use crate::vindex::contract::{first_column, or_none};
use crate::vindex::params::{Params, unknown_params};
use crate::vindex::{Functional, Properties, Value, Vindex, VindexError};

/// A `reverse_bits` vindex.
#[derive(Debug)]
pub struct ReverseBits {
    name: String,
    unknown_params: Vec<String>,
}

impl ReverseBits {
    pub fn new(name: &str, params: &Params) -> ReverseBits {
        ReverseBits { name: name.to_string(), unknown_params: unknown_params(params, &[]) }
    }
}

impl Vindex for ReverseBits {
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

impl Functional for ReverseBits {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        Ok(or_none(self.hash(first_column(row))))
    }

    fn verify_one(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        Ok(self.hash(first_column(row))? == *ksid)
    }

    fn hash(&self, value: &Value) -> Result<KeyspaceId, VindexError> {
        Ok(KeyspaceId::from_u64(value.to_cast_uint64()?.reverse_bits()))
    }

    fn reverse_map(&self, ksid: Option<&KeyspaceId>) -> Result<Value, VindexError> {
        let ksid = ksid.unwrap_or(&KeyspaceId::EMPTY);
        match ksid.as_bytes().try_into() {
            Ok(bytes) => Ok(Value::uint64(u64::from_be_bytes(bytes).reverse_bits())),
            Err(_) => Err(VindexError::unknown(format!("invalid keyspace id: {ksid}"))),
        }
    }
}
