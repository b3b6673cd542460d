//! `binary`: the value's bytes themselves.
//!
//! NULL is the empty keyspace id. See `go/vt/vtgate/vindexes/binary.go`.

use crate::key::{Destination, KeyRange, KeyspaceId};
use crate::vindex::contract::first_column;
use crate::vindex::params::{Params, unknown_params};
use crate::vindex::{Functional, Properties, Value, Vindex, VindexError};

/// A `binary` vindex.
#[derive(Debug)]
pub struct Binary {
    name: String,
    unknown_params: Vec<String>,
}

impl Binary {
    pub fn new(name: &str, params: &Params) -> Binary {
        Binary { name: name.to_string(), unknown_params: unknown_params(params, &[]) }
    }
}

impl Vindex for Binary {
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

impl Functional for Binary {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        Ok(Destination::KeyspaceId(self.hash(first_column(row))?))
    }

    fn hash(&self, value: &Value) -> Result<KeyspaceId, VindexError> {
        Ok(KeyspaceId::new(&value.to_bytes()?))
    }

    fn reverse_map(&self, ksid: Option<&KeyspaceId>) -> Result<Value, VindexError> {
        match ksid {
            Some(ksid) => Ok(Value::varbinary(ksid.as_bytes())),
            None => Err(VindexError::unknown("Binary.ReverseMap: keyspaceId is nil")),
        }
    }

    /// The end is exclusive although BETWEEN includes it, as upstream.
    fn range_map(&self, start: &Value, end: &Value) -> Result<KeyRange, VindexError> {
        Ok(KeyRange { start: self.hash(start)?, end: self.hash(end)? })
    }
}
