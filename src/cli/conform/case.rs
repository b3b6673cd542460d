//! One test vector: reading its fields.
//!
//! It knows nothing of what an op does.

use serde_json::{Map, Value as Json};

use crate::key::{Destination, KeyRange, KeyspaceId, hex};
use crate::vindex::{Kind, Params, Row, Value};

/// A vector.
pub(super) struct Case<'a>(&'a Json);

impl<'a> Case<'a> {
    pub fn new(json: &'a Json) -> Case<'a> {
        Case(json)
    }

    pub fn op(&self) -> &'a str {
        self.0.get("op").and_then(Json::as_str).unwrap_or("")
    }

    /// The op, with the case's own name where it has one.
    pub fn name(&self) -> String {
        match self.0.get("case").and_then(Json::as_str) {
            Some(case) => format!("{} ({case})", self.op()),
            None => self.op().to_string(),
        }
    }

    /// A field, where it is given, even as null.
    pub fn field(&self, name: &str) -> Option<&'a Json> {
        self.0.get(name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    pub fn required(&self, name: &str) -> Result<&'a Json, String> {
        self.field(name).ok_or(format!("has no field {name}"))
    }

    pub fn text(&self, name: &str) -> Result<&'a str, String> {
        self.required(name)?.as_str().ok_or(format!("field {name} is no text"))
    }

    pub fn flag(&self, name: &str) -> Result<bool, String> {
        self.required(name)?.as_bool().ok_or(format!("field {name} is no boolean"))
    }

    pub fn integer(&self, name: &str) -> Result<i64, String> {
        self.required(name)?.as_i64().ok_or(format!("field {name} is no integer"))
    }

    pub fn hex(&self, name: &str) -> Result<Vec<u8>, String> {
        read_hex(self.required(name)?)
    }

    pub fn ksid(&self, name: &str) -> Result<KeyspaceId, String> {
        self.hex(name).map(KeyspaceId::from)
    }

    pub fn list(&self, name: &str) -> Result<&'a [Json], String> {
        self.required(name)?
            .as_array()
            .map(Vec::as_slice)
            .ok_or(format!("field {name} is no array"))
    }

    pub fn params(&self) -> Result<Params, String> {
        let empty = Map::new();
        let map = match self.field("params") {
            None | Some(Json::Null) => &empty,
            Some(params) => params.as_object().ok_or("params are no object")?,
        };
        let text = |text: &Json| text.as_str().map(str::to_string).ok_or("a parameter is no text");
        map.iter().map(|(name, value)| Ok((name.clone(), text(value)?))).collect()
    }

    pub fn value(&self, name: &str) -> Result<Value, String> {
        read_value(self.required(name)?)
    }

    /// The values of a row; a value alone is a row of one.
    pub fn row(&self, name: &str) -> Result<Row, String> {
        match self.required(name)? {
            Json::Array(values) => values.iter().map(read_value).collect(),
            value => Ok(vec![read_value(value)?]),
        }
    }

    pub fn rows(&self, name: &str) -> Result<Vec<Row>, String> {
        read_rows(self.required(name)?)
    }

    pub fn ksids(&self, name: &str) -> Result<Vec<KeyspaceId>, String> {
        self.list(name)?.iter().map(|ksid| read_hex(ksid).map(KeyspaceId::from)).collect()
    }

    /// A range by its two ends.
    pub fn ends(&self) -> Result<KeyRange, String> {
        Ok(KeyRange { start: self.ksid("start_hex")?, end: self.ksid("end_hex")? })
    }

    /// Compares an outcome with the error that is expected, if one is; gives the value if none is.
    pub fn outcome<T, E: std::fmt::Display>(
        &self,
        outcome: Result<T, E>,
    ) -> Result<Option<T>, String> {
        let exact = self.field("error").and_then(Json::as_str);
        let part = self.field("error_contains").and_then(Json::as_str);
        let error = match (outcome, exact.or(part)) {
            (Ok(value), None) => return Ok(Some(value)),
            (Ok(_), Some(expected)) => {
                return Err(format!("expected error {expected:?}, got none"));
            }
            (Err(error), None) => {
                return Err(format!("expected no error, got {:?}", error.to_string()));
            }
            (Err(error), Some(_)) => error.to_string(),
        };
        if let Some(expected) = exact.filter(|expected| *expected != error) {
            return Err(format!("expected error {expected:?}, got {error:?}"));
        }
        if let Some(expected) = part.filter(|expected| !error.contains(expected)) {
            return Err(format!("expected an error with {expected:?}, got {error:?}"));
        }
        Ok(None)
    }
}

/// Fails unless the two are equal.
pub(super) fn expect<T: PartialEq + std::fmt::Display>(expected: T, got: T) -> Result<(), String> {
    match expected == got {
        true => Ok(()),
        false => Err(format!("expected {expected}, got {got}")),
    }
}

pub(super) fn read_hex(json: &Json) -> Result<Vec<u8>, String> {
    let text = json.as_str().ok_or("bytes are no text")?;
    hex::decode(text.as_bytes()).map_err(|error| error.to_string())
}

pub(super) fn read_value(json: &Json) -> Result<Value, String> {
    let name = json.get("type").and_then(Json::as_str).ok_or("a value has no type")?;
    let kind = Kind::from_name(name).ok_or(format!("unknown type {name}"))?;
    match (json.get("value"), json.get("value_hex")) {
        (_, Some(bytes)) => Ok(Value::new(kind, read_hex(bytes)?)),
        (Some(Json::String(text)), None) => Ok(Value::new(kind, text.as_str())),
        (Some(Json::Null), None) if kind == Kind::Null => Ok(Value::NULL),
        _ => Err(format!("a value of type {name} has no text")),
    }
}

pub(super) fn read_rows(json: &Json) -> Result<Vec<Row>, String> {
    let rows = json.as_array().ok_or("rows are no array")?;
    let row = |row: &Json| {
        let values = row.as_array().ok_or("a row is no array")?;
        values.iter().map(read_value).collect()
    };
    rows.iter().map(row).collect()
}

/// Reads a destination: `dest` names it, other fields hold what is in it.
pub(super) fn read_destination(case: &Case) -> Result<Destination, String> {
    Ok(match case.text("dest")? {
        "None" => Destination::None,
        "AllShards" => Destination::AllShards,
        "KeyRange" => Destination::KeyRange(case.ends()?),
        "KeyspaceID" => Destination::KeyspaceId(case.ksid("hex")?),
        "KeyspaceIDs" => Destination::KeyspaceIds(case.ksids("hex")?),
        other => return Err(format!("unknown destination {other}")),
    })
}
