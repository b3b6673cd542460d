//! The outside of scenarios, with a runner that does what the scenario's last line says.

use std::path::{Path, PathBuf};

use clap::Parser;
use sim::decide::Tape;
use sim::host::HostKind;
use sim::trace::Trace;

use super::*;
use crate::scenario::{Options, Run, ScenarioError};

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    arguments: Arguments,
}

fn story() -> crate::scenario::Story {
    crate::scenario::Story {
        invariant: "no_missing",
        departure: None,
        rows: Vec::new(),
        text: "no_missing: 5".into(),
    }
}

/// Gives the text back with the line after `---` replaced by what the line before it asks for.
fn runner(text: &str, options: &Options) -> Result<Run, ScenarioError> {
    let command = text.lines().find(|line| !line.starts_with('#')).unwrap_or("").to_string();
    let seed = options.seed.map_or(0, |seed| seed.0);
    let mut verdict = crate::scenario::Verdict::Held;
    let mut digest = 0xd1 + seed;
    match command.as_str() {
        "violate" => verdict = crate::scenario::Verdict::Violated(vec![story()]),
        "violate seed 7" if seed == 7 => {
            verdict = crate::scenario::Verdict::Violated(vec![story()]);
        }
        "hang" => verdict = crate::scenario::Verdict::Stuck(vec!["a waits for b".into()]),
        "panic" => panic!("boo"),
        "panic inside" => verdict = crate::scenario::Verdict::Panicked(vec!["vtgate-1".into()]),
        "differ on hosts" if options.host == HostKind::Plain => digest = 0,
        "differ when recorded" if options.record => digest = 0,
        "fly" => {
            return Err(ScenarioError {
                message: "no such command".into(),
                line: 2,
                part: "fly".into(),
                hint: None,
            });
        }
        _ => {}
    }
    let output = match command.as_str() {
        "seed" => format!("seed {seed}\n"),
        _ => "ok\n".to_string(),
    };
    let head = text.split_once("---\n").map_or(text, |(head, _)| head);
    Ok(Run {
        output: format!("{head}---\n{output}"),
        verdict,
        digest,
        counted: Default::default(),
        events: 10,
        virtual_time: 1_500_000_000,
        trace: Trace::default(),
        tape: Tape::default(),
        planted: Vec::new(),
        left: Default::default(),
        seen: Default::default(),
    })
}

/// A folder of its own with these scenarios in it.
fn folder(test: &str, scenarios: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("vindicate-{}-run-{test}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in scenarios {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder
}

fn plan(folder: &Path, options: &[&str]) -> Result<Plan, CommandError> {
    let folder = folder.to_str().unwrap();
    let line = ["run", folder].into_iter().chain(options.iter().copied());
    Plan::new(CommandLine::try_parse_from(line).unwrap().arguments)
}

/// The worst status, and what was printed without the times of this machine.
fn run_plan(folder: &Path, options: &[&str]) -> (Status, String) {
    let mut out = Vec::new();
    let status = plan(folder, options).unwrap().run(runner, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let text = text.replace(&format!("{}/", folder.display()), "");
    let masked = text.lines().map(|line| {
        let is_timed = line.ends_with(" ms") || line.ends_with(" s") && line.contains(" virtual");
        match line.rsplit_once(", ") {
            Some((rest, _)) if is_timed => format!("{rest}\n"),
            _ => match line.split_once(" virtual, ") {
                Some((rest, real)) => {
                    let host = real.split_once(", ").map_or("", |(_, host)| host);
                    format!("{rest} virtual, {host}\n")
                }
                None => format!("{line}\n"),
            },
        }
    });
    (status, masked.collect())
}

fn check(test: &str, scenarios: &[(&str, &str)], options: &[&str], status: Status, text: &str) {
    let folder = folder(test, scenarios);
    let expected = text.replace("HOST", &HostKind::default().to_string());
    assert_eq!(run_plan(&folder, options), (status, expected), "{test}");
}

const HOLDS: &str = "# A claim.\nhold\n---\nok\n";

#[test]
fn what_holds_takes_a_line() {
    check(
        "holds",
        &[("b", HOLDS), ("a", HOLDS), ("a.sql", "")],
        &[],
        Status::Held,
        "ok   a  1.5 s virtual\n\
         ok   b  1.5 s virtual\n\
         held: 2 scenarios, 0 failed, seed calm, 3.0 s virtual, host HOST\n",
    );
}

#[test]
fn a_difference_is_shown_where_it_is() {
    check(
        "differs",
        &[("a", "# A claim.\nhold\n---\nold\n"), ("b", HOLDS)],
        &["--jobs", "2"],
        Status::Failed,
        "FAIL a  1.5 s virtual\n\
         a:4: the output differs\n\
         --- a\n\
         +++ this run\n\
         @@ -1,4 +1,4 @@\n \
         # A claim.\n \
         hold\n \
         ---\n\
         -old\n\
         +ok\n\
         seed calm; to see it again: cargo run --release -- run a\n\
         ok   b  1.5 s virtual\n\
         failed: 2 scenarios, 1 failed, seed calm, 3.0 s virtual, host HOST\n",
    );
}

#[test]
fn the_worst_is_the_exit_code() {
    let check = |command: &str, status: Status, line: &str| {
        let folder = folder("worst", &[("a", &format!("# A claim.\n{command}\n---\nok\n"))]);
        let (found, text) = run_plan(&folder, &[]);
        assert_eq!(found, status, "{text}");
        assert!(text.lines().any(|found| found == line), "{text}");
        // What never ran cannot be seen again.
        assert_eq!(text.contains("to see it again"), status != Status::Bad, "{text}");
    };
    check("violate", Status::Failed, "violated: no_missing: 5");
    check("hang", Status::Stuck, "stuck: a waits for b");
    check("fly", Status::Bad, "a:2: no such command");
    check("panic inside", Status::Fault, "a fault of vindicate: vtgate-1");
    check("panic", Status::Fault, "a fault of vindicate: panicked: boo");
    assert!(Status::Held < Status::Failed && Status::Stuck < Status::Fault);
}

#[test]
fn seeds_look_at_verdicts_only() {
    check(
        "seeds",
        &[
            ("a", "# seed: any\nviolate seed 7\n---\nan old output\n"),
            ("b", "# seed: 3\nseed\n---\n"),
            ("c", "# seed: varies\nhang\n---\n"),
        ],
        &["--seeds", "6..9"],
        Status::Failed,
        "FAIL a@7\n\
         violated: no_missing: 5\n\
         seed 7; to see it again: cargo run --release -- run a --seed 7\n\
         FAIL a  3 runs, 4.5 s virtual\n\
         ok   b  1.5 s virtual\n\
         failed: 2 scenarios, 1 failed, 1 skipped, 4 runs, seeds 6..9, 6.0 s virtual, host HOST\n",
    );
}

#[test]
fn a_seed_of_its_own_is_compared() {
    let text = "# seed: 3\nseed\n---\nseed 3\n";
    let calm = "ok   a  1.5 s virtual\n\
                held: 1 scenarios, 0 failed, seed calm, 1.5 s virtual, host HOST\n";
    check("own", &[("a", text)], &[], Status::Held, calm);
    let given = "ok   a  1.5 s virtual\n\
                 held: 1 scenarios, 0 failed, seed 4, 1.5 s virtual, host HOST\n";
    check("given", &[("a", text)], &["--seed", "4"], Status::Held, given);
}

#[test]
fn a_digest_has_a_name() {
    check(
        "digest",
        &[("a", HOLDS)],
        &["--digest", "--seeds", "1..3"],
        Status::Held,
        "a@1 00000000000000d2\n\
         a@2 00000000000000d3\n\
         held: 1 scenarios, 0 failed, 2 runs, seeds 1..3, 3.0 s virtual, host HOST\n",
    );
}

#[test]
fn twice_finds_what_differs_between_runs() {
    let check = |command: &str, fault: Option<&str>| {
        let folder = folder("twice", &[("a", &format!("# A claim.\n{command}\n---\nok\n"))]);
        let (status, text) = run_plan(&folder, &["--twice"]);
        let found = text.lines().find_map(|line| line.strip_prefix("a fault of vindicate: run "));
        match fault {
            None => assert_eq!((status, found), (Status::Held, None), "{text}"),
            Some(fault) => {
                assert_eq!(status, Status::Fault, "{text}");
                assert!(found.is_some_and(|found| found.starts_with(fault)), "{text}");
            }
        }
    };
    check("hold", None);
    check("differ when recorded", Some("recorded and not, the digests differ (0000000000000000"));
    if HostKind::default() == HostKind::Nodes {
        check("differ on hosts", Some("on hosts nodes and plain, the digests differ"));
    }
}

#[test]
fn blessing_rewrites_only_what_came_to_its_end() {
    let old = |command: &str| format!("# A claim.\n{command}\n---\nold\n");
    let scenarios = [("a", old("hold")), ("b", old("hang")), ("c", old("fly"))];
    let scenarios: Vec<(&str, &str)> =
        scenarios.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let folder = folder("bless", &scenarios);
    let (status, text) = run_plan(&folder, &["--bless"]);
    assert_eq!(status, Status::Stuck);
    assert!(text.contains("ok   a  1.5 s virtual\na:4: the output differs\n"), "{text}");
    assert!(text.contains("-old\n+ok\nthe file now holds this output\n"), "{text}");
    assert!(text.contains("stuck: 3 scenarios, 2 failed, 1 blessed, "), "{text}");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("a"), HOLDS);
    assert_eq!((read("b"), read("c")), (old("hang"), old("fly")));
    assert_eq!(run_plan(&folder, &[]).0, Status::Stuck);
}

#[test]
fn json_has_an_object_a_run_and_one_for_all() {
    let folder = folder("json", &[("a", "# A claim.\nhold\n---\nold\n")]);
    let (status, text) = run_plan(&folder, &["--format", "json"]);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((status, lines.len()), (Status::Failed, 2));
    assert_eq!(lines[0]["problems"][0]["line"], 4);
    assert_eq!(lines[0]["digest"], "00000000000000d1");
    assert_eq!(lines[1]["summary"]["failed"], 1);
}

#[test]
fn bad_usage_is_found_before_anything_runs() {
    let check = |scenarios: &[(&str, &str)], options: &[&str], message: &str| {
        let folder = folder("usage", scenarios);
        let error = plan(&folder, options).err().unwrap().to_string();
        assert!(error.ends_with(message), "{error}");
    };
    check(&[("a.sql", "")], &[], "no scenario below this folder");
    check(&[("a", "# seed: often\n")], &[], "`often` is no seed");
    let two = [("a", HOLDS), ("b", HOLDS)];
    check(&two, &["--trace", "t"], "--trace takes one scenario; here are 2");
    for line in [
        &["run"] as &[&str],
        &["run", "x", "--seeds", "3..3"],
        &["run", "x", "--seeds", "3"],
        &["run", "x", "--seed", "3", "--bless"],
        &["run", "x", "--mutant", "none"],
        &["run", "x", "--jobs", "0"],
    ] {
        assert!(CommandLine::try_parse_from(line).is_err(), "{line:?}");
    }
}

#[test]
fn seeds_that_are_the_last_there_are() {
    let range = SeedRange::parse(&format!("0..{}", u64::MAX)).unwrap();
    assert_eq!(range, SeedRange { start: 0, end: u64::MAX });
    let own = format!("# seed: {}\nhold\n---\nok\n", u64::MAX);
    let folder = folder("last", &[("a", &own)]);
    assert_eq!(plan(&folder, &["--seeds", "0..2"]).unwrap().jobs().count(), 1);
}
