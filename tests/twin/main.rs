//! The unsharded twin: every statement that runs on a sharded cluster gives the same rows and
//! counts on one unsharded MySQL with the same data.
//!
//! A case is a random program over tables with a hash vindex, an owned consistent lookup and a
//! multi-column vindex. A sequence stands for what is AUTO_INCREMENT on the one server; its numbers
//! are others, so only what they are for is compared. It runs once on the sharded keyspace alone,
//! which says what the planner refuses (1235); what is left runs on both keyspaces, statement by
//! statement. Where no ORDER BY settles the order of rows, they are compared as a set.
//! `TWIN_CASES=n` sets how many cases run.

mod draw;
mod drawn;
mod generate;
mod hash;
mod keys;
mod plans;
mod reads;

use std::path::PathBuf;

use vindicate::scenario::{Options, Story, Verdict, run};

const SETUP: &str = "cluster
keyspace sharded shards='-40,40-80,80-c0,c0-'
keyspace single shards='0' uid=900
keyspace main shards='0' uid=1900
vschema main main.vschema.json
schema main main.schema.sql
vschema sharded twin.vschema.json
schema sharded twin.schema.sql
schema single twin.schema.sql
session s target=sharded
session u target=single
session m target=main
m:> insert into s_seq (id, next_id, cache) values (0, 1, 5)
";

/// The same tables over two shards, with lookups that are written and not read, and without
/// lookups: a shard that is split, a lookup that is being backfilled, a vindex that is not there
/// yet.
const CHANGES: &str = "cluster
keyspace sharded shards='-40,40-80,80-c0,c0-'
keyspace halves shards='-80,80-' uid=3000
keyspace written shards='-40,40-80,80-c0,c0-' uid=5000
keyspace plain shards='-40,40-80,80-c0,c0-' uid=7000
keyspace single shards='0' uid=900
keyspace main shards='0' uid=1900
vschema main main.vschema.json
schema main main.schema.sql
vschema sharded twin.vschema.json
vschema halves halves.vschema.json
vschema written written.vschema.json
vschema plain plain.vschema.json
schema sharded twin.schema.sql
schema halves twin.schema.sql
schema written twin.schema.sql
schema plain twin.schema.sql
schema single twin.schema.sql
session s target=sharded
session h target=halves
session w target=written
session p target=plain
session u target=single
session m target=main
m:> insert into s_seq (id, next_id, cache) values (0, 1, 5)
";

/// Foreign keys: vtgate manages them over shards and on one server, MySQL by itself on another.
const KEYS: &str = "cluster
keyspace sharded shards='-80,80-'
keyspace managed shards='0' uid=900
keyspace single shards='0' uid=1900
vschema sharded keys.vschema.json
vschema managed managed.vschema.json
schema sharded keys.schema.sql
schema managed keys.schema.sql
schema single keys.schema.sql
session s target=sharded
session g target=managed
session u target=single
";

fn options() -> Options {
    Options { folder: PathBuf::from("tests/twin"), ..Options::default() }
}

/// The answer to each statement, by session.
fn play(setup: &str, program: &[(char, String)]) -> Vec<Vec<String>> {
    let mut text = format!("{setup}---\n\n");
    for (session, statement) in program {
        text.push_str(&format!("{session}:> {statement}\n---\n\n"));
    }
    let played = run(&text, &options()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    if let Verdict::Violated(stories) = &played.verdict {
        // What MySQL's own keys do to children is in no binlog, on the server that has them alone:
        // that is why vtgate manages keys.
        let own = |story: &Story| {
            story.invariant == "row_images" && story.text.contains(" zone1-00000019")
        };
        assert!(setup == KEYS && stories.iter().all(own), "{}\n{stories:#?}", played.output);
    } else {
        assert_eq!(played.verdict, Verdict::Held, "{}", played.output);
    }
    let blocks = played.output.split("\n---\n").skip(2);
    let answer = |block: &str| {
        let own = block.lines().take_while(|line| !line.is_empty());
        own.map(|line| line.split_once(": ").map_or(line, |(_, rest)| rest).to_string()).collect()
    };
    blocks.map(answer).collect()
}

/// What of an answer must agree.
fn comparable(statement: &str, answer: &[String]) -> Vec<String> {
    if let Some(error) = answer.iter().find(|line| line.starts_with("ERROR ")) {
        let number = error.split_whitespace().nth(1).unwrap_or("");
        return vec![format!("ERROR {number}")];
    }
    let rows = answer.iter().filter(|line| !line.starts_with('+'));
    // An empty side of a join says less of its columns' types: a cell may stand left or right.
    let mut lines: Vec<String> =
        rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>().join("|")).collect();
    // A derived table's own ORDER BY orders nothing outside.
    if !statement.rsplit(')').next().unwrap_or("").contains("order by") {
        lines.sort();
    }
    lines
}

fn is_refused(answer: &[String]) -> bool {
    answer.iter().any(|line| line.starts_with("ERROR 1235"))
}

/// Plays a program in each session; what `routed` sessions cannot plan is left out. Returns how
/// many statements were played, of how many.
fn check(setup: &str, routed: &[char], program: &[String], seed: u64) -> (usize, usize) {
    let mut kept = program.to_vec();
    for session in routed {
        let alone: Vec<(char, String)> = kept.iter().map(|text| (*session, text.clone())).collect();
        let answers = play(setup, &alone);
        let planned = kept.iter().zip(&answers).filter(|(_, answer)| !is_refused(answer));
        kept = planned.map(|(text, _)| text.clone()).collect();
    }
    if difference(setup, routed, &kept).is_some() {
        let (program, text) = shrunk(setup, routed, kept);
        panic!("seed {seed}\n{setup}\n{}\n\n{text}", program.join(";\n"));
    }
    (kept.len(), program.len())
}

/// The first statement that the sessions do not answer alike: its place, and the answers.
fn difference(setup: &str, routed: &[char], program: &[String]) -> Option<(usize, String)> {
    let sessions: Vec<char> = routed.iter().copied().chain(['u']).collect();
    let all: Vec<(char, String)> = program
        .iter()
        .flat_map(|text| sessions.iter().map(move |session| (*session, text.clone())))
        .collect();
    let answers = play(setup, &all);
    for (at, text) in program.iter().enumerate() {
        let own = &answers[sessions.len() * at..][..sessions.len()];
        let single = &own[sessions.len() - 1];
        for (session, answer) in routed.iter().zip(own) {
            if comparable(text, answer) != comparable(text, single) {
                let (answer, single) = (answer.join("\n"), single.join("\n"));
                return Some((at, format!("{session}:\n{answer}\nsingle:\n{single}")));
            }
        }
    }
    None
}

/// As few statements as still differ, and how they do.
fn shrunk(setup: &str, routed: &[char], mut program: Vec<String>) -> (Vec<String>, String) {
    let mut text = String::new();
    let mut keep = |program: &mut Vec<String>| match difference(setup, routed, program) {
        Some((last, found)) => {
            program.truncate(last + 1);
            text = found;
            true
        }
        None => false,
    };
    keep(&mut program);
    let mut size = program.len().div_ceil(2);
    while 0 < size {
        let mut at = 0;
        while at < program.len() {
            let mut fewer = program.clone();
            fewer.drain(at..program.len().min(at + size));
            match keep(&mut fewer) {
                true => program = fewer,
                false => at += size,
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    (program, text)
}

/// A number of the environment.
fn number(name: &str, other: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(other)
}

fn check_all(cases: u64, check: impl Fn(u64) -> (usize, usize)) {
    let (cases, first) = (number("TWIN_CASES", cases), number("TWIN_FIRST", 0));
    let (mut kept, mut all) = (0, 0);
    for seed in first..first + cases {
        let (own, of) = check(seed);
        kept += own;
        all += of;
    }
    println!("{kept} of {all} statements ran on both and agreed");
    assert!(all / 2 < kept, "more than half of the statements were refused: {kept} of {all}");
}

#[test]
fn a_sharded_cluster_answers_like_one_server() {
    check_all(40, |seed| check(SETUP, &['s'], &generate::program(seed), seed));
}

/// More shards and a lookup that is not read change no answer.
#[test]
fn a_split_and_a_lookup_that_is_only_written_change_nothing() {
    check_all(15, |seed| check(CHANGES, &['s', 'h', 'w'], &generate::program(seed), seed));
}

/// A vindex that is added changes no answer.
#[test]
fn a_vindex_that_is_added_changes_nothing() {
    check_all(15, |seed| check(CHANGES, &['s', 'p', 'w'], &reads::by_vindex(seed), seed));
}

#[test]
fn reads_over_shards_are_those_of_one_server() {
    check_all(40, |seed| check(SETUP, &['s'], &reads::program(seed), seed));
}

#[test]
fn a_drawn_schema_answers_like_one_server() {
    check_all(40, |seed| {
        let case = drawn::case(seed);
        check(&case.setup, &case.routed, &case.program, seed)
    });
}

#[test]
fn drawn_statements_have_the_plans_of_vitess() {
    match std::env::var("VITESS_PLANS") {
        Ok(path) => plans::compare(&path, number("TWIN_FIRST", 0), number("TWIN_CASES", 60)),
        Err(_) => println!("skipped: VITESS_PLANS names no program (tools/vitess-plans)"),
    }
}

#[test]
fn joins_that_read_both_sides_are_those_of_one_server() {
    check_all(40, |seed| check(SETUP, &['s'], &hash::program(seed), seed));
}

#[test]
fn keys_that_vtgate_manages_hold_like_those_of_one_server() {
    check_all(40, |seed| check(KEYS, &['s', 'g'], &keys::program(seed), seed));
}
