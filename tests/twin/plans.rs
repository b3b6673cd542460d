//! The plans of drawn statements, beside those of Vitess's own planner.
//!
//! `tools/vitess-plans` is a program of a few lines around it; `VITESS_PLANS` names the built one.
//! Without it there is nothing to compare with, and the test says so.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};
use vindicate::planner::environment::Environment;
use vindicate::planner::{self, Context, json};
use vindicate::vindex::Registry;
use vindicate::vschema::{SrvVSchema, VSchema};

use crate::drawn;

/// In a thousand statements so many have Vitess's plan, or its error. The others are the departures
/// of the README, and shapes that are not built yet.
const FLOOR: usize = 925;

/// Vitess's planner, asked line by line.
struct Vitess {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Vitess {
    fn start(path: &str) -> Vitess {
        let child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{path}: {error}"));
        let requests = child.stdin.take().expect("a pipe");
        let replies = BufReader::new(child.stdout.take().expect("a pipe"));
        Vitess { child, requests, replies }
    }

    fn ask(&mut self, vschema: &Json, query: &str) -> Json {
        let request = json!({"vschema": vschema, "keyspace": "sharded", "query": query});
        writeln!(self.requests, "{request}").expect("a program that reads");
        let mut line = String::new();
        self.replies.read_line(&mut line).expect("a program that answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

fn ours(vschema: &VSchema, environment: &Environment, query: &str) -> Json {
    let context = Context {
        vschema,
        keyspace: Some("sharded"),
        shard: None,
        tablet_type: "primary",
        tables_header: "",
        environment,
        trace: None,
    };
    match planner::build(query, &context) {
        Ok(plan) => json!({"plan": json::plan(&plan)}),
        Err(error) => json!({"error": error.message}),
    }
}

/// What is no plan of a statement over tables.
fn is_of_session(query: &str) -> bool {
    let words = ["begin", "start ", "commit", "rollback", "savepoint"];
    words.iter().any(|word| query.starts_with(word))
}

pub fn compare(path: &str, first: u64, cases: u64) {
    let mut vitess = Vitess::start(path);
    let environment = Environment::default();
    let (mut same, mut all) = (0, 0);
    for seed in first..first + cases {
        let case = drawn::case(seed);
        let written: Json = serde_json::from_str(&case.vschema).expect("a vschema");
        let source = SrvVSchema::parse(&case.vschema).expect("a vschema");
        let vschema = VSchema::build(&source, &Registry::standard());
        for query in case.program.iter().filter(|query| !is_of_session(query)) {
            let (theirs, ours) = (vitess.ask(&written, query), ours(&vschema, &environment, query));
            all += 1;
            match theirs == ours {
                true => same += 1,
                false => println!("seed {seed}\n{query}\nVitess: {theirs}\nours:   {ours}\n"),
            }
        }
    }
    println!("{same} of {all} statements have the plan that Vitess gives them");
    assert!(FLOOR * all <= 1000 * same, "{same} of {all} are the same");
    drop(vitess.requests);
    vitess.child.wait().expect("an end");
}
