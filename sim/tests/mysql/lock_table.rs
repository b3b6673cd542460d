//! The locks that a statement leaves inside of an open transaction, by access path and isolation.
//!
//! A line of `locks.txt` is `statement | locks at READ COMMITTED | locks at REPEATABLE READ`;
//! `same` repeats the first, `nothing` is an empty list. A line `fixture A` stands for those below
//! it. `X,REC[20]` is a lock of PRIMARY, `kk X[20,20]` one of a secondary index with its clustered
//! key.

use crate::session::Sessions;

#[test]
fn statements_leave_their_locks() {
    let text = include_str!("locks.txt");
    let mut fixture = "";
    let mut failures = Vec::new();
    let mut count = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("fixture ") {
            fixture = name;
            continue;
        }
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [statement, committed, repeatable] = cells[..] else { panic!("three cells: {line}") };
        let repeatable = if repeatable == "same" { committed } else { repeatable };
        for (level, expected) in [("read committed", committed), ("repeatable read", repeatable)] {
            count += 1;
            let got = leaves(fixture, level, statement);
            if got != sorted(expected) {
                failures.push(format!(
                    "{statement} at {level}\n  got      {got}\n  expected {}",
                    sorted(expected)
                ));
            }
        }
    }
    assert!(50 < count, "the table was read");
    assert!(failures.is_empty(), "{} of {count}\n{}", failures.len(), failures.join("\n"));
}

fn leaves(fixture: &str, level: &str, statement: &str) -> String {
    let mut sessions = Sessions::new(fixture);
    sessions.run("S1", &format!("set session transaction isolation level {level}"));
    sessions.run("S1", "begin");
    // A line may have several statements; the last one's locks are what counts.
    let mut error = String::new();
    for statement in statement.split("; ") {
        error = sessions.run("S1", statement);
    }
    let locks = locks_of(&mut sessions, "S1");
    match error.strip_prefix("ERROR ") {
        Some(errno) => format!("{errno}: {locks}"),
        None => locks,
    }
}

/// A session's locks: `X,REC[20]; kk X[20,20]`, sorted; waiting ones are marked.
pub fn locks_of(sessions: &mut Sessions, session: &str) -> String {
    let connection = sessions.connection(session);
    let report = sessions.server.lock_report();
    let own = report.iter().filter(|row| row.connection == connection);
    let show = |row: &sim::mysql::server::LockRow| {
        let index = if row.index == "PRIMARY" { String::new() } else { format!("{} ", row.index) };
        let record = if row.record == "supremum" { "sup" } else { &row.record };
        let waiting = if row.waiting { " waiting" } else { "" };
        format!("{index}{}[{record}]{waiting}", row.mode)
    };
    let locks: Vec<String> = own.map(show).collect();
    if locks.is_empty() { "nothing".to_string() } else { sorted(&locks.join("; ")) }
}

fn sorted(locks: &str) -> String {
    let (prefix, locks) = match locks.split_once(": ") {
        Some((errno, locks)) => (format!("{errno}: "), locks),
        None => (String::new(), locks),
    };
    let mut locks: Vec<&str> = locks.split("; ").map(str::trim).collect();
    locks.sort_unstable();
    format!("{prefix}{}", locks.join("; "))
}
