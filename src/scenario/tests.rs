//! Every fault, done and healed.

use std::path::PathBuf;

use sim::decide::Tape;
use sim::host::HostKind;

use super::fault::kinds::KINDS;
use super::{Options, Run, Verdict, run};

const HEAD: &str = "\
# Faults on the smallest cluster with a lookup.
cluster tablets='primary,replica,replica' durability_policy=semi_sync semi_sync_timeout=10s
keyspace customer shards='-80,80-'
vschema customer customer.vschema.json
schema customer customer.schema.sql
---

";

fn play(text: &str) -> Run {
    let options = Options {
        host: HostKind::Plain,
        seed: None,
        tape: Tape::default(),
        record: true,
        mutants: Vec::new(),
        folder: PathBuf::from("scenarios/lookup"),
    };
    let text = format!("{HEAD}{text}---\n");
    run(&text, &options).unwrap_or_else(|error| panic!("{}\n{text}", error.message))
}

const INSERT: &str = "insert into corder (order_id, customer_id, sku, price) values";

/// A fault strikes while a transaction is open; `recover` puts everything right that it has done.
#[test]
fn recover_heals_every_fault() {
    for kind in KINDS {
        let example = kind.example.replace(" -", " '-").replace('+', "'+");
        let example = match example.contains(" '") {
            true => format!("{example}'"),
            false => example,
        };
        let run = play(&format!(
            "a:> begin\na:> {INSERT} (1, 1, 'Product_1', 100)\n{example}\nsend a commit\n\
             advance 3s\nrecover\nadvance 90s\nsettle\nb:> {INSERT} (2, 5, 'Product_2', 101)\n\
             b:> select sku from corder where order_id = 2\ncheck\n"
        ));
        let name = kind.word;
        match name {
            // What it does is what the invariant forbids.
            "errant" => assert!(run.output.contains("violated replica_prefix"), "{}", run.output),
            _ => assert_eq!(run.verdict, Verdict::Held, "{name}\n{}", run.output),
        }
        assert!(run.output.contains("Query OK, 1 row affected"), "{name}\n{}", run.output);
        assert!(run.output.contains("| Product_2 |"), "{name}\n{}", run.output);
    }
}
