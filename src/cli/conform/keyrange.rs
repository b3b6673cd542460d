//! Vectors of keyspace ids, key ranges, shards and destinations.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::case::{Case, expect};
use crate::key::destination::destinations_string;
use crate::key::key_range::is_valid_key_range;
use crate::key::keyspace_id::normalize;
use crate::key::sharding_spec::{
    even_shards_key_range, generate_shard_ranges, parse_sharding_spec,
};
use crate::key::{Destination, KeyRange, KeyspaceId, Shard, hex};

/// Runs a vector.
pub(super) fn run(case: &Case) -> Result<(), String> {
    let ids = || Ok::<_, String>((case.ksid("a_hex")?, case.ksid("b_hex")?));
    let ranges = || Ok::<_, String>((range_field(case, "a")?, range_field(case, "b")?));
    match case.op() {
        "normalize" => expect(case.text("out_hex")?, &hex::encode(normalize(&case.hex("in_hex")?))),
        "compare" => {
            let (a, b) = ids()?;
            expect(case.integer("want")?, sign(a.compare(&b)))
        }
        "less" => {
            let (a, b) = ids()?;
            expect(case.flag("want")?, a.compare(&b).is_lt())
        }
        "equal" => {
            let (a, b) = ids()?;
            expect(case.flag("want")?, a.compare(&b).is_eq())
        }
        "empty" => expect(case.flag("want")?, case.ksid("in_hex")?.is_empty()),
        "uint64_key" => {
            let number = case.text("value")?.parse().map_err(|error| format!("{error}"))?;
            expect(case.text("out_hex")?, &KeyspaceId::from_u64(number).to_string())
        }
        "even_shards_key_range" => even(case),
        "add" => add(case),
        "start_equal" => {
            let (a, b) = ranges()?;
            expect(case.flag("want")?, a.compare_start(&b).is_eq())
        }
        "end_equal" => {
            let (a, b) = ranges()?;
            expect(case.flag("want")?, a.compare_end(&b).is_eq())
        }
        "range_equal" => {
            let (a, b) = ranges()?;
            expect(case.flag("want")?, a.equal(&b))
        }
        "contiguous" => {
            let (a, b) = ranges()?;
            expect(case.flag("want")?, a.contiguous(&b))
        }
        "intersects" => {
            let (a, b) = ranges()?;
            expect(case.flag("want")?, a.intersects(&b))
        }
        "contains_range" => {
            let (a, b) = ranges()?;
            expect(case.flag("want")?, a.contains_range(&b))
        }
        "key_range_compare" => compare(case),
        "contains_id" => expect(case.flag("want")?, range(case)?.contains(&case.ksid("id_hex")?)),
        "is_partial" => expect(case.flag("want")?, !range(case)?.is_complete()),
        "is_valid_key_range" => is_valid(case),
        "parse_sharding_spec" => spec(case),
        "generate_shard_ranges" => generate(case),
        "validate_shard_name" | "shard_name" => shard_name(case),
        "resolve" => resolve(case),
        "destinations_string" => strings(case),
        "sort" => sort(case),
        other => Err(format!("unknown op {other}")),
    }
}

fn sign(ordering: Ordering) -> i64 {
    ordering as i64
}

/// A range by its text; null is the complete one.
fn range_field(case: &Case, name: &str) -> Result<KeyRange, String> {
    read_range(case.required(name)?)
}

fn read_range(json: &Json) -> Result<KeyRange, String> {
    match json {
        Json::Null => Ok(KeyRange::COMPLETE),
        Json::String(text) => text.parse().map_err(|error| format!("{text}: {error}")),
        _ => Err("a range is no text".to_string()),
    }
}

/// A range by its two ends, or by its text in `range`.
fn range(case: &Case) -> Result<KeyRange, String> {
    match case.field("range") {
        Some(range) => read_range(range),
        None => case.ends(),
    }
}

fn even(case: &Case) -> Result<(), String> {
    let Some(range) =
        case.outcome(even_shards_key_range(case.integer("i")?, case.integer("n")?))?
    else {
        return Ok(());
    };
    if case.has("name") {
        expect(case.text("name")?, &range.to_string())?;
    }
    expect(case.text("start_hex")?, &range.start.to_string())?;
    expect(case.text("end_hex")?, &range.end.to_string())
}

fn add(case: &Case) -> Result<(), String> {
    let sum = range_field(case, "a")?.add(&range_field(case, "b")?);
    expect(case.flag("ok")?, sum.is_some())?;
    match (case.required("out")?, sum) {
        (Json::Null, None) => Ok(()),
        (expected, Some(sum)) => expect(read_range(expected)?, sum),
        (expected, None) => Err(format!("expected {expected}, got nothing")),
    }
}

fn compare(case: &Case) -> Result<(), String> {
    let (a, b) = (range_field(case, "a")?, range_field(case, "b")?);
    let results = [
        ("compare", "equal", a.compare(&b)),
        ("start_compare", "start_equal", a.compare_start(&b)),
        ("end_compare", "end_equal", a.compare_end(&b)),
    ];
    for (compare, equal, got) in results {
        expect(case.integer(compare)?, sign(got)).map_err(|why| format!("{compare}: {why}"))?;
        expect(case.flag(equal)?, got.is_eq()).map_err(|why| format!("{equal}: {why}"))?;
    }
    Ok(())
}

fn is_valid(case: &Case) -> Result<(), String> {
    let name = case.text("name")?;
    expect(case.flag("want")?, is_valid_key_range(name))?;
    if case.has("start_hex") {
        let range: KeyRange = name.parse().map_err(|error| format!("{error}"))?;
        expect(case.ends()?, range)?;
    }
    Ok(())
}

fn spec(case: &Case) -> Result<(), String> {
    match case.outcome(parse_sharding_spec(case.text("spec")?))? {
        Some(ranges) => {
            let ranges: Vec<String> = ranges.iter().map(KeyRange::to_string).collect();
            expect_texts(case.list("ranges")?, &ranges)
        }
        None => Ok(()),
    }
}

fn generate(case: &Case) -> Result<(), String> {
    let width = u8::try_from(case.integer("hex_width")?).map_err(|error| error.to_string())?;
    match case.outcome(generate_shard_ranges(case.integer("shards")?, width))? {
        Some(names) => expect_texts(case.list("ranges")?, &names),
        None => Ok(()),
    }
}

fn shard_name(case: &Case) -> Result<(), String> {
    let Some(shard) = case.outcome(Shard::parse(case.text("name")?))? else {
        return Ok(());
    };
    if case.has("out") {
        expect(case.text("out")?, &shard.name)?;
    }
    match case.has("start_hex") {
        true => expect(case.ends()?, shard.range),
        false => Ok(()),
    }
}

fn resolve(case: &Case) -> Result<(), String> {
    let shards: Vec<Shard> =
        case.list("all_shards")?.iter().map(shard).collect::<Result<_, _>>()?;
    let destination = destination(case)?;
    let outcome = destination.resolve(&shards, &mut |count| count - 1);
    let Some(names) = case.outcome(outcome)? else {
        return Ok(());
    };
    if case.has("one_of") {
        let is_any = case.list("one_of")?.iter().any(|one| names == [one.as_str().unwrap_or("")]);
        return match is_any {
            true => Ok(()),
            false => Err(format!("expected one of {:?}, got {names:?}", case.list("one_of")?)),
        };
    }
    let names: Vec<String> = names.into_iter().map(str::to_string).collect();
    expect_texts(case.list("shards")?, &names)
}

fn shard(json: &Json) -> Result<Shard, String> {
    let case = Case::new(json);
    // A shard without a range is one of a keyspace that isn't sharded by ranges.
    let range = if case.has("start_hex") { case.ends()? } else { KeyRange::COMPLETE };
    Ok(Shard { name: case.text("name")?.to_string(), range })
}

fn destination(case: &Case) -> Result<Destination, String> {
    let texts = |name: &str| -> Result<Vec<String>, String> {
        let text = |json: &Json| json.as_str().map(str::to_string).ok_or("no text".to_string());
        case.list(name)?.iter().map(text).collect()
    };
    Ok(match case.text("dest")? {
        "Shard" => Destination::Shard(case.text("shard")?.to_string()),
        "Shards" => Destination::Shards(texts("shard_list")?),
        "ExactKeyRange" => Destination::ExactKeyRange(range(case)?),
        "KeyRange" => Destination::KeyRange(range(case)?),
        "KeyspaceID" => Destination::KeyspaceId(case.ksid("ksid_hex")?),
        "KeyspaceIDs" => Destination::KeyspaceIds(case.ksids("ksids_hex")?),
        "AnyShard" => Destination::AnyShard,
        "AllShards" => Destination::AllShards,
        "None" => Destination::None,
        other => return Err(format!("unknown destination {other}")),
    })
}

/// One destination, or a list of them, as text.
fn strings(case: &Case) -> Result<(), String> {
    let expected = case.text(if case.has("string") { "string" } else { "out" })?;
    let read = |json: &Json| destination(&Case::new(json));
    let got = match case.field("destinations").or(case.field("in")) {
        Some(Json::Array(list)) => {
            destinations_string(&list.iter().map(read).collect::<Result<Vec<_>, _>>()?)
        }
        Some(one) => read(one)?.to_string(),
        None => destination(case)?.to_string(),
    };
    expect(expected, &got)
}

fn sort(case: &Case) -> Result<(), String> {
    let mut ranges: Vec<(KeyRange, String)> = Vec::new();
    for json in case.list("in")? {
        ranges.push((read_range(json)?, json.as_str().unwrap_or("-").to_string()));
    }
    ranges.sort_by(|(a, _), (b, _)| a.compare(b));
    let names: Vec<String> = ranges.into_iter().map(|(_, name)| name).collect();
    expect_texts(case.list("out")?, &names)
}

fn expect_texts(expected: &[Json], got: &[String]) -> Result<(), String> {
    let got: Vec<Json> = got.iter().map(|text| Json::from(text.as_str())).collect();
    expect(&Json::from(expected), &Json::from(got))
}
