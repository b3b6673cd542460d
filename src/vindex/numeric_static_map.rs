//! `numeric_static_map`: some numbers have keyspace ids of their own; the others are themselves, or
//! go to another vindex.
//!
//! The map is in the vschema (`json`) or in a file (`json_path`), which is read when the vindex is
//! made. See `go/vt/vtgate/vindexes/numeric_static_map.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key::quote::quote;
use crate::key::{Destination, KeyspaceId};
use crate::vindex::contract::{first_column, or_none};
use crate::vindex::params::{Params, read_file, text, unknown_params};
use crate::vindex::{Functional, Properties, Registry, Value, Vindex, VindexError, number_map};

/// A `numeric_static_map` vindex.
#[derive(Debug)]
pub struct NumericStaticMap {
    name: String,
    unknown_params: Vec<String>,
    numbers: BTreeMap<u64, u64>,
    fallback: Option<Arc<dyn Vindex>>,
}

impl NumericStaticMap {
    /// Makes a vindex; `registry` has the types that it may fall back to.
    pub fn new(
        name: &str,
        params: &Params,
        registry: &Registry,
    ) -> Result<NumericStaticMap, VindexError> {
        let (json, json_path) = (text(params, "json"), text(params, "json_path"));
        let json = match (json, json_path) {
            ("", "") => {
                return Err(VindexError::unknown(
                    "NumericStaticMap: Could not find either `json_path` or `json` params in vschema",
                ));
            }
            (json, "") => json.to_string(),
            ("", path) => read_file(path)?,
            _ => {
                return Err(VindexError::unknown(
                    "NumericStaticMap: Found both `json` and `json_path` params in vschema",
                ));
            }
        };
        let numbers = number_map::parse(&json)?
            .into_iter()
            .map(|(key, value)| Ok((parse_key(&key)?, value)))
            .collect::<Result<_, VindexError>>()?;
        let fallback = match text(params, "fallback_type") {
            "" => None,
            fallback => {
                let fallback =
                    registry.create(fallback, &format!("{name}_hash"), &Params::new())?;
                // Upstream ignores a type that cannot hash.
                Some(fallback).filter(|fallback| fallback.properties().hashing)
            }
        };
        let unknown_params = unknown_params(params, &["json", "json_path", "fallback_type"]);
        Ok(NumericStaticMap { name: name.to_string(), unknown_params, numbers, fallback })
    }
}

fn parse_key(key: &str) -> Result<u64, VindexError> {
    let is_number = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    let why = match (is_number, key.parse()) {
        (true, Ok(number)) => return Ok(number),
        (true, Err(_)) => "value out of range",
        (false, _) => "invalid syntax",
    };
    let quoted = quote(key.as_bytes());
    Err(VindexError::unknown(format!("strconv.ParseUint: parsing {quoted}: {why}")))
}

impl Vindex for NumericStaticMap {
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

impl Functional for NumericStaticMap {
    fn map_one(&self, row: &[Value]) -> Result<Destination, VindexError> {
        Ok(or_none(self.hash(first_column(row))))
    }

    fn verify_one(&self, row: &[Value], ksid: &KeyspaceId) -> Result<bool, VindexError> {
        Ok(self.hash(first_column(row))? == *ksid)
    }

    /// The value must be a number even where the fallback could hash any text.
    fn hash(&self, value: &Value) -> Result<KeyspaceId, VindexError> {
        let number = value.to_cast_uint64()?;
        if let Some(mapped) = self.numbers.get(&number) {
            return Ok(KeyspaceId::from_u64(*mapped));
        }
        match self.fallback.as_ref().and_then(|fallback| fallback.functional()) {
            Some(fallback) => fallback.hash(value),
            None => Ok(KeyspaceId::from_u64(number)),
        }
    }
}
