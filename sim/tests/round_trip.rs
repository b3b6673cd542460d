//! The printer against Vitess's: every text of the expected plans is a fixed point of parsing and
//! printing, and every query of the cases keeps its tree over both.
//!
//! The data is not part of this repository. `VINDICATE_CONFORMANCE` names its folder.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use sim::sql::parse;

/// Texts that are no fixed points, with the reason.
const KNOWN: &[(&str, &str)] = &[
    ("create /* test */ table t1(id bigint, primary key(id)) /* comments */", "sent as it came"),
    ("alter vitess_migration 'abc' retry", "the router's statement"),
    ("alter vitess_migration 'abc' complete", "the router's statement"),
    ("alter vitess_migration 'abc' cleanup", "the router's statement"),
    ("show vitess_migrations from `user` where id = 5", "the router's statement"),
    (
        "select 'main' as db_name, @@global.gtid_executed as gtid_executed, :__vt_shard as shard",
        "written by hand in vtgate: the keyword stands unquoted",
    ),
    (
        "select 'user' as db_name, @@global.gtid_executed as gtid_executed, :__vt_shard as shard",
        "written by hand in vtgate: the keyword stands unquoted",
    ),
    (
        "select CAST(:__sq1 AS DECIMAL(0, 0)) as `(select sum(col) from ``user``)` from user_extra",
        "a typed argument, which reads back as a cast",
    ),
    (
        "select CAST(:__sq1 AS DECIMAL(0, 0)) as `(select sum(col) from ``user``)` from user_extra \
         where 1 != 1",
        "a typed argument, which reads back as a cast",
    ),
];

/// Texts that differ from ours in parentheses alone. A tree that the planner built has them where
/// no text does: tuples of one column (foreign keys), and arms of a union whose LIMIT a field
/// query leaves out.
const ONLY_PARENTHESES: usize = 75;

fn cases() -> Option<PathBuf> {
    let named = std::env::var_os("VINDICATE_CONFORMANCE").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let folder = match named {
        Some(folder) => {
            assert!(folder.is_dir(), "VINDICATE_CONFORMANCE is set and absent");
            folder
        }
        None if beside.is_dir() => beside,
        None => {
            println!("skipped: no conformance data");
            return None;
        }
    };
    Some(folder.join("plans/cases"))
}

fn each_case(mut visit: impl FnMut(&str, &Value)) {
    let Some(folder) = cases() else { return };
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ext| ext == "json")) {
        let text = std::fs::read_to_string(file).unwrap();
        let cases: Value = serde_json::from_str(&text).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        cases.as_array().unwrap().iter().for_each(|case| visit(&name, case));
    }
}

/// Texts under `Query` and `FieldQuery`, wherever they stand.
fn texts<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if key == "Query" || key == "FieldQuery" => {
                        found.insert(text);
                    }
                    other => texts(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        _ => {}
    }
}

fn without_parentheses(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '(' | ')')).collect()
}

#[test]
fn texts_of_plans_are_fixed_points() {
    let (mut total, mut parentheses, mut failed) = (0, 0, Vec::new());
    each_case(|file, case| {
        let mut found = BTreeSet::new();
        texts(&case["plan"], &mut found);
        for text in found {
            total += 1;
            let printed = match parse(text) {
                Ok(statement) => statement.to_string(),
                Err(error) => format!("<{error}>"),
            };
            if printed != text && without_parentheses(&printed) == without_parentheses(text) {
                parentheses += 1;
            } else if printed != text && !KNOWN.iter().any(|(known, _)| *known == text) {
                failed.push(format!("{file}\n  {text}\n  {printed}"));
            }
        }
    });
    if total == 0 {
        return;
    }
    println!("{total} texts, {parentheses} differ in parentheses, {} otherwise", failed.len());
    assert_eq!(parentheses, ONLY_PARENTHESES);
    assert!(failed.is_empty(), "{} of {total}:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn queries_keep_their_tree() {
    let (mut total, mut parsed, mut failed, mut refused) = (0, 0, Vec::new(), Vec::new());
    each_case(|file, case| {
        let Some(query) = case["query"].as_str() else { return };
        total += 1;
        let statement = match parse(query) {
            Ok(statement) => statement,
            Err(error) => return refused.push(format!("{file}: {error}: {query}")),
        };
        parsed += 1;
        let printed = statement.to_string();
        match parse(&printed) {
            Ok(again) if again == statement => {}
            Ok(again) => failed.push(format!("{file}\n  {query}\n  {printed}\n  {again}")),
            Err(error) => failed.push(format!("{file}\n  {query}\n  {printed}\n  <{error}>")),
        }
    });
    println!("{parsed} of {total} queries parse; refused:\n{}", refused.join("\n"));
    assert!(failed.is_empty(), "{} of {parsed}:\n{}", failed.len(), failed.join("\n"));
}
