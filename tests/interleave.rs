//! Every order of two statements: what is planted is found, what is found stays found and is small,
//! and orders that were left out come to nothing that the others don't.

use std::collections::BTreeSet;
use std::path::Path;

use sim::decide::Tape;
use sim::host::HostKind;
use sim::order::explore::{Explorer, Reduction};
use sim::order::pct::Pct;
use sim::seed::Seed;
use vindicate::fuzz::interleave::{Explored, explore, scenario};
use vindicate::mutant::Mutant;
use vindicate::scenario::interleave::{By, Outcome, Script};
use vindicate::scenario::{self, Options, Verdict};

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).expect("a scenario of this name")
}

fn path(name: &str) -> String {
    format!("scenarios/interleave/{name}")
}

fn script(name: &str, mutants: &[Mutant]) -> Script {
    let options = Options {
        host: HostKind::Plain,
        mutants: mutants.to_vec(),
        ..Options::beside(Path::new(&path(name)))
    };
    Script::read(&text(name), options).expect("a scenario with a `concurrently`")
}

fn all(script: &Script, lines: &[String]) -> Explored {
    explore(script, Reduction::Commuting, lines, || false).expect("a script that runs")
}

#[test]
fn planted_bugs_are_found_and_their_schedules_are_minimal() {
    let planted =
        [("insert_insert", Mutant::NoOwnerLock), ("two_healers", Mutant::TakeoverForgotten)];
    for (name, mutant) in planted {
        let script = script(name, &[mutant]);
        let explored = all(&script, &[]);
        let finding = explored.finding.expect("a finding");
        assert_eq!(finding.sort, "no_missing", "{mutant}");
        let shows = |tape: &Tape| {
            let played = script.play(&By::Tape(tape.clone()), &[], false).unwrap();
            played.verdict.news().any(|story| story.invariant == finding.sort)
        };
        assert!(shows(&finding.tape), "{mutant}: not again");
        for at in 0..finding.tape.len() {
            assert!(!shows(&finding.tape.without(at, 1)), "{mutant}: not needed: {at}");
        }
        // As a file it fails with the mutant, and holds without, on the other host.
        let file = scenario(&text(name), &finding, "settle\ncheck\n");
        let run = |mutants: &[Mutant]| {
            let options =
                Options { mutants: mutants.to_vec(), ..Options::beside(Path::new(&path(name))) };
            scenario::run(&file, &options).expect("a scenario").verdict
        };
        assert!(matches!(run(&[mutant]), Verdict::Violated(_)), "{mutant}:\n{file}");
        assert_eq!(run(&[]), Verdict::Held, "{mutant}:\n{file}");
    }
}

/// What commutes is told by a rule; that it is true is seen from orders that were not picked by it.
#[test]
fn other_orders_come_to_the_same_outcomes() {
    for name in ["insert_delete", "update_delete"] {
        let script = script(name, &[]);
        let outcomes: BTreeSet<Outcome> = all(&script, &[]).outcomes.into_keys().collect();
        let mut met = BTreeSet::new();
        for seed in 0..150 {
            let mut by_chance = script.clone();
            by_chance.options.priorities = Some(Pct::new(Seed(seed), 5, 60));
            let played = by_chance.play(&By::Tape(Tape::default()), &[], false).unwrap();
            assert!(outcomes.contains(&played.outcome), "{name}: {:#?}", played.outcome);
            met.insert(played.outcome);
        }
        assert!(1 < met.len(), "{name}: {met:#?}");
    }
}

#[test]
fn a_path_is_the_same_run_again_and_its_tape_makes_it_too() {
    let script = script("insert_delete", &[]);
    let explorer = Explorer::new(Reduction::Commuting);
    let by = By::Explorer(explorer.clone());
    let mut count = 0;
    loop {
        let first = script.play(&by, &[], false).unwrap();
        let again = script.play(&by, &[], true).unwrap();
        let tape = script.play(&By::Tape(again.tape.clone()), &[], false).unwrap();
        assert_eq!((again.digest, &again.outcome), (first.digest, &first.outcome), "{count}");
        assert_eq!((tape.digest, &tape.outcome), (first.digest, &first.outcome), "{count}");
        count += 1;
        if !explorer.advance() {
            break;
        }
    }
    assert!(10 < count, "{count} orders");
}

/// A program that dies while two statements run, in every order.
#[test]
fn a_crash_in_every_order_holds() {
    let server = "mysqld-zone1-0000000400";
    let line = format!("at program={server} point='synced 5' do='bounce {server} 1s'");
    let script = script("insert_delete", &[]);
    let explored = all(&script, &[line]);
    assert!(explored.finding.is_none(), "{:#?}", explored.finding);
    let calm = all(&script, &[]);
    assert!(calm.outcomes.len() < explored.outcomes.len(), "{:#?}", explored.outcomes);
}
