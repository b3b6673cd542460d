//! Transcripts: what happened on a real server, statement by statement, as text files.
//!
//! ```text
//! # What is at stake.
//! isolation RC RR
//! fixture L
//! begin S1 S2
//! interchangeable S2 S3
//! grants fifo
//!
//! S1> insert into lk values(15,'x')   -> ok(1)
//! S2> insert into lk values(15,'y')   -> blocked by S1
//! S1> commit   -> ok; S2< ERROR 1062
//! locks S2   -> PRIMARY S,REC[15]
//! purge
//! timeout S2   -> S2< rows (0)
//! ```
//!
//! Each isolation level is a run of its own on fresh tables; a second `isolation` begins another
//! part with its own steps. Behind `;` stands what the step made of waiting sessions.
//! `S2< ERROR 1205` of a session that still waits is its timeout, 1317 a KILL QUERY; where the end
//! of a wait is no error, it is a step of its own. `grants fifo` is the order of MariaDB. Sessions
//! that are interchangeable may have swapped their parts.

use std::fs;
use std::path::Path;

use sim::mysql::execution::Cancel;
use sim::mysql::lock::queue::GrantOrder;

use crate::lock_table::locks_of;
use crate::session::Sessions;

#[derive(Clone, Default)]
struct Transcript {
    isolations: Vec<String>,
    fixture: String,
    begin: Vec<String>,
    interchangeable: Vec<String>,
    /// Waiters are granted as on MariaDB.
    fifo: bool,
    steps: Vec<String>,
}

#[test]
fn transcripts_hold() {
    hold("transcripts");
}

/// Hermitage (`mysql.md` of ept/hermitage): each anomaly at each level. Who blocks, who fails and
/// what is seen was recorded on MySQL 9.7; the page's own runs are of 5.6. Where they part, it is
/// an upgrade from S to X past a waiting X: a deadlock in 5.6, granted since 8.0.
#[test]
fn hermitage_holds() {
    hold("hermitage");
}

fn hold(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mysql").join(folder);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut failures = Vec::new();
    for path in &paths {
        let name = path.file_stem().unwrap().to_string_lossy();
        for transcript in parse(&fs::read_to_string(path).unwrap()) {
            assert!(!transcript.steps.is_empty(), "{name} has steps");
            for isolation in &transcript.isolations {
                if let Err(failure) = check(&transcript, isolation) {
                    failures.push(format!("{name} [{isolation}]\n{failure}"));
                }
            }
        }
    }
    assert!(!paths.is_empty(), "there are transcripts");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn parse(text: &str) -> Vec<Transcript> {
    let mut done = Vec::new();
    let mut transcript = Transcript::default();
    for line in text.lines().map(str::trim) {
        let words = || line.split_whitespace().skip(1).map(String::from).collect();
        match line.split_whitespace().next() {
            None => {}
            Some(comment) if comment.starts_with('#') => {}
            Some("isolation") => {
                if !transcript.steps.is_empty() {
                    done.push(transcript.clone());
                    transcript.steps.clear();
                }
                transcript.isolations = words();
            }
            Some("grants") => transcript.fifo = line.ends_with(" fifo"),
            Some("fixture") => transcript.fixture = line[7..].trim().to_string(),
            Some("begin") => transcript.begin = words(),
            Some("interchangeable") => transcript.interchangeable = words(),
            Some(_) => transcript.steps.push(line.to_string()),
        }
    }
    done.push(transcript);
    done
}

/// Holds as it stands, or with the interchangeable sessions swapped from some step on: that
/// step's outcome, and everything behind it.
fn check(transcript: &Transcript, isolation: &str) -> Result<(), String> {
    let straight = play(transcript, isolation, &transcript.steps);
    let [a, b] = &transcript.interchangeable[..] else { return straight };
    let swapped = |from: usize| {
        let step = |(at, step): (usize, &String)| match step.split_once("   -> ") {
            _ if at < from => step.clone(),
            Some((command, result)) if at == from => {
                format!("{command}   -> {}", swap(result, a, b))
            }
            _ => swap(step, a, b),
        };
        transcript.steps.iter().enumerate().map(step).collect::<Vec<_>>()
    };
    let mut turns = 0..transcript.steps.len();
    match straight {
        Err(_) if turns.any(|from| play(transcript, isolation, &swapped(from)).is_ok()) => Ok(()),
        straight => straight,
    }
}

fn swap(step: &str, a: &str, b: &str) -> String {
    step.replace(a, "\0").replace(b, a).replace('\0', b)
}

fn play(transcript: &Transcript, isolation: &str, steps: &[String]) -> Result<(), String> {
    let order = if transcript.fifo { GrantOrder::Fifo } else { GrantOrder::Cats };
    let mut sessions = Sessions::with(&transcript.fixture, order);
    let level = match isolation {
        "RC" => "read committed",
        "RU" => "read uncommitted",
        "SER" => "serializable",
        _ => "repeatable read",
    };
    let mut told = String::new();
    let mut prepared: Vec<String> = Vec::new();
    for step in steps {
        let names = step.split_once("> ").map(|(name, _)| name.to_string());
        for name in names.into_iter().filter(|name| !name.contains(' ')) {
            if !prepared.contains(&name) {
                sessions.run(&name, &format!("set session transaction isolation level {level}"));
                if transcript.begin.contains(&name) {
                    sessions.run(&name, "begin");
                }
                prepared.push(name);
            }
        }
        let (command, expected) = match step.split_once("   -> ") {
            Some((command, expected)) => (command.trim(), expected.trim()),
            None => (step.as_str(), ""),
        };
        let got = act(&mut sessions, command, expected);
        told.push_str(&format!("{command}   -> {got}\n"));
        if parts(&got) != parts(expected) {
            return Err(format!("{told}    expected: {expected}"));
        }
    }
    Ok(())
}

fn act(sessions: &mut Sessions, command: &str, expected: &str) -> String {
    if command == "purge" {
        sessions.server.purge();
        return String::new();
    }
    if let Some(session) = command.strip_prefix("timeout ") {
        return sessions.cancel(session, Cancel::Timeout);
    }
    if let Some(session) = command.strip_prefix("locks ") {
        return locks_of(sessions, session);
    }
    let (session, text) = command.split_once("> ").expect("a step is `session> statement`");
    let mut got = sessions.run(session, text);
    // What nobody grants ends by the clock, or by a hand from outside.
    for part in expected.split("; ") {
        let Some((waiter, error)) = part.split_once("< ") else { continue };
        let reason = match error {
            "ERROR 1205" => Cancel::Timeout,
            "ERROR 1317" => Cancel::Killed,
            _ => continue,
        };
        if sessions.is_waiting(waiter) {
            got = format!("{got}; {}", sessions.cancel(waiter, reason));
        }
    }
    got
}

/// The step's own result first, what it woke in any order.
fn parts(result: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = result.split("; ").map(str::trim).collect();
    if let Some((_, woken)) = parts.split_first_mut() {
        woken.sort_unstable();
    }
    parts
}
