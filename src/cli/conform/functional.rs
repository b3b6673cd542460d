//! Vectors of functional vindexes.

use std::sync::Arc;

use serde_json::Value as Json;

use super::case::{Case, expect, read_destination};
use crate::key::{Destination, KeyspaceId, hex};
use crate::vindex::cfc::{Cfc, ComponentHash, find_prefix};
use crate::vindex::unicode_loose::collation_key;
use crate::vindex::{Functional, Registry, Value, Vindex, VindexError};

/// Runs a vector of a type.
pub(super) fn run(type_name: &str, case: &Case) -> Result<(), String> {
    match case.op() {
        "create_vindex" => create_vindex(type_name, case),
        "collation_key" => collation(case),
        "compute_ksid" => compute_ksid(type_name, case),
        "find_prefix" => {
            expect(case.text("prefix_hex")?, &hex::encode(&find_prefix(&case.hex("like_hex")?)))
        }
        "key_range_from_prefix" => {
            let destination = Destination::from_prefix(&case.ksid("prefix_hex")?);
            expect(read_destination(case)?, destination)
        }
        "add_one" => add_one(case),
        "hash_len" => hash_len(case),
        "map" => map(&create(type_name, case)?, case),
        "verify" => verify(&create(type_name, case)?, case),
        "reverse_map" => reverse_map(&create(type_name, case)?, case),
        "range_map" => range_map(&create(type_name, case)?, case),
        "prefix_map" => map(&prefix(&create(type_name, case)?)?, case),
        "prefix_properties" => properties(&*prefix(&create(type_name, case)?)?, case),
        other => Err(format!("unknown op {other}")),
    }
}

fn create(type_name: &str, case: &Case) -> Result<Arc<dyn Vindex>, String> {
    let vindex = Registry::standard().create(type_name, type_name, &case.params()?);
    vindex.map_err(|error| format!("cannot be made: {error}"))
}

fn functional(vindex: &Arc<dyn Vindex>) -> Result<&dyn Functional, String> {
    vindex.functional().ok_or("is not functional".to_string())
}

fn prefix(vindex: &Arc<dyn Vindex>) -> Result<Arc<dyn Vindex>, String> {
    functional(vindex)?.prefix_vindex().ok_or("has no prefix variant".to_string())
}

/// Makes a vindex of any type, and compares its properties and its unknown parameters.
pub(super) fn create_vindex(type_name: &str, case: &Case) -> Result<(), String> {
    let vindex = Registry::standard().create(type_name, type_name, &case.params()?);
    let unknown = vindex.as_ref().map_or(&[][..], |vindex| vindex.unknown_params());
    if let Some(expected) = case.field("unknown_params") {
        let got: Json = unknown.iter().map(String::as_str).collect();
        expect(expected, &got)?;
    }
    match case.outcome(vindex)? {
        Some(vindex) => properties(&*vindex, case),
        None => Ok(()),
    }
}

fn properties(vindex: &dyn Vindex, case: &Case) -> Result<(), String> {
    let properties = vindex.properties();
    expect(case.integer("cost")?, properties.cost)?;
    expect(case.flag("is_unique")?, properties.unique)?;
    expect(case.flag("needs_vcursor")?, properties.needs_vcursor)
}

fn map(vindex: &Arc<dyn Vindex>, case: &Case) -> Result<(), String> {
    let row = case.row("in")?;
    let outcome = functional(vindex)?.map(std::slice::from_ref(&row));
    let Some(mapped) = case.outcome(outcome)? else {
        return Ok(());
    };
    let [mapped] = &mapped[..] else {
        return Err(format!("expected one destination, got {}", mapped.len()));
    };
    match (case.has("out_hex"), case.has("dest"), mapped) {
        (true, _, Destination::KeyspaceId(ksid)) => {
            expect(case.text("out_hex")?, &ksid.to_string())
        }
        (true, _, other) => Err(format!("expected {}, got {other}", case.text("out_hex")?)),
        (_, true, mapped) => expect(&read_destination(case)?, mapped),
        _ => Err("expects nothing".to_string()),
    }
}

fn verify(vindex: &Arc<dyn Vindex>, case: &Case) -> Result<(), String> {
    let is_prefix = case.field("prefix_vindex") == Some(&Json::Bool(true));
    let vindex = if is_prefix { prefix(vindex)? } else { vindex.clone() };
    let (row, ksid) = (case.row("in")?, case.ksid("ksid_hex")?);
    let outcome = functional(&vindex)?.verify(&[row], &[ksid]);
    match case.outcome(outcome)? {
        Some(verified) => expect(case.flag("ok")?, verified == [true]),
        None => Ok(()),
    }
}

fn reverse_map(vindex: &Arc<dyn Vindex>, case: &Case) -> Result<(), String> {
    let ksid = match case.required("ksid_hex")? {
        Json::Null => None,
        _ => Some(case.ksid("ksid_hex")?),
    };
    match case.outcome(functional(vindex)?.reverse_map(ksid.as_ref()))? {
        Some(value) => expect(case.value("out")?, value),
        None => Ok(()),
    }
}

fn range_map(vindex: &Arc<dyn Vindex>, case: &Case) -> Result<(), String> {
    let (start, end) = (case.value("start")?, case.value("end")?);
    let Some(range) = case.outcome(functional(vindex)?.range_map(&start, &end))? else {
        return Ok(());
    };
    let destination = Destination::KeyRange(range);
    if case.has("string") {
        expect(case.text("string")?, &destination.to_string())?;
    }
    expect(read_destination(case)?, destination)
}

fn collation(case: &Case) -> Result<(), String> {
    match case.outcome(collation_key(&case.value("in")?))? {
        Some(key) => expect(case.text("key_hex")?, &hex::encode(&key)),
        None => Ok(()),
    }
}

fn compute_ksid(type_name: &str, case: &Case) -> Result<(), String> {
    let cfc = Cfc::new(type_name, &case.params()?).map_err(|error| error.to_string())?;
    let value: Value = case.value("in")?;
    let compute = || -> Result<KeyspaceId, VindexError> {
        let bytes = value.to_bytes()?;
        match case.field("prefix") == Some(&Json::Bool(true)) {
            true => Ok(cfc.compute_prefix(&bytes)),
            false => cfc.compute_ksid(&bytes),
        }
    };
    match case.outcome(compute())? {
        Some(ksid) => expect(case.text("out_hex")?, &ksid.to_string()),
        None => Ok(()),
    }
}

fn add_one(case: &Case) -> Result<(), String> {
    let next = case.ksid("in_hex")?.add_one().map(|ksid| ksid.to_string());
    let expected = case.required("out_hex")?.as_str();
    match expected == next.as_deref() {
        true => Ok(()),
        false => Err(format!("expected {expected:?}, got {next:?}")),
    }
}

fn hash_len(case: &Case) -> Result<(), String> {
    let source = case.text("src")?.as_bytes();
    let len = |hash: ComponentHash| i64::try_from(hash.hash(source).len()).unwrap_or(i64::MAX);
    expect(case.integer("md5_len")?, len(ComponentHash::Md5))?;
    expect(case.integer("xxhash64_len")?, len(ComponentHash::Xxhash64))
}
