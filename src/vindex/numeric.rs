//! `numeric`: the number itself, in eight bytes.
//!
//! See `go/vt/vtgate/vindexes/numeric.go`.

use crate::key::{Destination, KeyRange, KeyspaceId};
use crate::vindex::contract::{first_column, or_none};
use crate::vindex::params::{Params, unknown_params};
use crate::vindex::{Functional, Properties, Value, Vindex, VindexError};

/// A `numeric` vindex.
#[derive(Debug)]
pub struct Numeric {
    name: String,
    unknown_params: Vec<String>,
}

impl Numeric {
    pub fn new(name: &str, params: &Params) -> Numeric {
        Numeric { name: name.to_string(), unknown_params: unknown_params(params, &[]) }
    }
}

impl Vindex for Numeric {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> Properties {
        Properties {
            cost: 0,
            hashing: true,
            reversible: true,
            sequential: true,
            ..Properties::FUNCTIONAL
        }
    }

    fn unknown_params(&self) -> &[String] {
        &self.unknown_params
    }

    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for Numeric {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        Ok(or_none(self.hash(first_column(row))))
    }

    fn verify_one(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        Ok(self.hash(first_column(row))? == *ksid)
    }

    fn hash(&self, value: &Value) -> Result<KeyspaceId, VindexError> {
        Ok(KeyspaceId::from_u64(value.to_cast_uint64()?))
    }

    fn reverse_map(&self, ksid: Option<&KeyspaceId>) -> Result<Value, VindexError> {
        let bytes = ksid.map_or(&[][..], KeyspaceId::as_bytes);
        match bytes.try_into() {
            Ok(bytes) => Ok(Value::uint64(u64::from_be_bytes(bytes))),
            Err(_) => Err(VindexError::unknown(format!(
                "Numeric.ReverseMap: length of keyspaceId is not 8: {}",
                bytes.len()
            ))),
        }
    }

    /// The end is exclusive although BETWEEN includes it, as upstream.
    fn range_map(&self, start: &Value, end: &Value) -> Result<KeyRange, VindexError> {
        Ok(KeyRange { start: self.hash(start)?, end: self.hash(end)? })
    }
}
