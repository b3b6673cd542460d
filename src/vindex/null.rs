//! `null`: every row has the keyspace id 00, so that all rows are in the first shard.
//!
//! See `go/vt/vtgate/vindexes/null.go`.

use crate::key::Destination;
use crate::key::KeyspaceId;
use crate::vindex::params::{Params, unknown_params};
use crate::vindex::{Functional, Properties, Value, Vindex, VindexError};

/// A `null` vindex.
#[derive(Debug)]
pub struct Null {
    name: String,
    unknown_params: Vec<String>,
}

impl Null {
    pub fn new(name: &str, params: &Params) -> Null {
        Null { name: name.to_string(), unknown_params: unknown_params(params, &[]) }
    }
}

impl Vindex for Null {
    fn name(&self) -> &str {
        &self.name
    }

    fn properties(&self) -> Properties {
        Properties { cost: 100, ..Properties::FUNCTIONAL }
    }

    fn unknown_params(&self) -> &[String] {
        &self.unknown_params
    }

    fn functional(&self) -> Option<&dyn Functional> {
        Some(self)
    }
}

impl Functional for Null {
    fn map_one(&self, _: &[Value]) -> Result<Destination, VindexError> {
        Ok(Destination::KeyspaceId(KeyspaceId::new(&[0])))
    }
}
