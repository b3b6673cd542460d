//! The unsharded twin: every statement that runs on a sharded cluster gives the same rows and
//! counts on one unsharded MySQL with the same data.
//!
//! A case is a random program over tables with a hash vindex, an owned consistent lookup and a
//! multi-column vindex. A sequence stands for what is AUTO_INCREMENT on the one server; its numbers
//! are others, so only what they are for is compared. It runs once on the sharded keyspace alone, which says what the planner
//! refuses (1235); what is left runs on both keyspaces, statement by statement. Where no ORDER BY
//! settles the order of rows, they are compared as a set. `TWIN_CASES=n` sets how many cases run.

mod generate;

use std::path::PathBuf;

use sim::host::HostKind;
use vindicate::scenario::{Options, Verdict, run};

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

fn options() -> Options {
    Options {
        host: HostKind::default(),
        seed: None,
        tape: Default::default(),
        record: false,
        mutants: Vec::new(),
        folder: PathBuf::from("tests/twin"),
    }
}

/// The answer to each statement, by session.
fn play(program: &[(char, String)]) -> Vec<Vec<String>> {
    let mut text = format!("{SETUP}---\n\n");
    for (session, statement) in program {
        text.push_str(&format!("{session}:> {statement}\n---\n\n"));
    }
    let played = run(&text, &options()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(played.verdict, Verdict::Held, "{}", played.output);
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

fn check(seed: u64) -> (usize, usize) {
    let program = generate::program(seed);
    let alone: Vec<(char, String)> = program.iter().map(|text| ('s', text.clone())).collect();
    let answers = play(&alone);
    let kept: Vec<String> = program
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| !is_refused(answer))
        .map(|(text, _)| text.clone())
        .collect();
    let both: Vec<(char, String)> =
        kept.iter().flat_map(|text| [('s', text.clone()), ('u', text.clone())]).collect();
    let answers = play(&both);
    for (at, text) in kept.iter().enumerate() {
        let (sharded, single) = (&answers[2 * at], &answers[2 * at + 1]);
        let agree = comparable(text, sharded) == comparable(text, single);
        assert!(
            agree,
            "seed {seed}\n{}\n\nsharded:\n{}\nsingle:\n{}",
            kept[..=at].join(";\n"),
            sharded.join("\n"),
            single.join("\n")
        );
    }
    (kept.len(), program.len())
}

#[test]
fn a_sharded_cluster_answers_like_one_server() {
    let cases = std::env::var("TWIN_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let first = std::env::var("TWIN_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let (mut kept, mut all) = (0, 0);
    for seed in first..first + cases {
        let (own, of) = check(seed);
        kept += own;
        all += of;
    }
    println!("{kept} of {all} statements ran on both and agreed");
    assert!(all / 2 < kept, "more than half of the statements were refused: {kept} of {all}");
}
