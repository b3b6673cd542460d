//! Which deviations a scenario is run with: one at every step where a failure can matter.
//!
//! ```text
//!   a sync                    its server crashes before, after; a second later it is back
//!   a call that makes last    its caller crashes before, after; a second later it is back
//!   a call                    breaks before it ran, after; is silent before, after
//!   a message                 is lost
//! ```
//!
//! It knows nothing of runs.

use std::fmt;

use crate::scenario::steps::{Deed, Deeds, What};

/// What goes otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    CrashBefore,
    CrashAfter,
    BrokenBefore,
    BrokenAfter,
    SilentBefore,
    SilentAfter,
    Lost,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::CrashBefore,
        Kind::CrashAfter,
        Kind::BrokenBefore,
        Kind::BrokenAfter,
        Kind::SilentBefore,
        Kind::SilentAfter,
        Kind::Lost,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::CrashBefore => "crash before",
            Kind::CrashAfter => "crash after",
            Kind::BrokenBefore => "broken before",
            Kind::BrokenAfter => "broken after",
            Kind::SilentBefore => "silent before",
            Kind::SilentAfter => "silent after",
            Kind::Lost => "lost",
        }
    }
}

/// One step, one thing that goes otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Whose step, as tables show it: programs of one kind together.
    pub program: &'static str,
    /// `sync`, or a message's name.
    pub step: &'static str,
    pub kind: Kind,
    /// As a scenario has it, behind its head.
    pub line: String,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// Calls after which something lasts: who makes one may die around it.
const LASTING: [&str; 11] = [
    "Commit",
    "mysql.Query",
    "topo.Write",
    "ExecuteFetchAsDba",
    "VReplicationExec",
    "DemotePrimary",
    "UndoDemotePrimary",
    "PromoteReplica",
    "PopulateReparentJournal",
    "SetReplicationSource",
    "StopReplicationAndGetStatus",
];

/// Calls that wait for something to happen, again and again: an idle cluster makes them.
const POLLS: [&str; 3] = ["StreamHealth", "topo.Watch", "mysql.Dump"];
const POLLS_COVERED: u64 = 2;

/// A connection's end on one machine: that it is told in a message is the model's, and nobody can
/// lose it.
const CLOSING: &str = "mysql.Quit";

/// All deviations of a run that did this.
pub fn all(deeds: &Deeds) -> Vec<Deviation> {
    let mut all = Vec::new();
    for (deed, count) in deeds {
        let Some(program) = kind_of(&deed.program) else { continue };
        match &deed.what {
            What::Sync => crashes(&mut all, program, deed, *count, "sync", "syncing", "synced"),
            What::Call { name, to } => {
                let covered = if POLLS.contains(name) { POLLS_COVERED } else { u64::MAX };
                calls(&mut all, program, deed, (*count).min(covered), name, to);
            }
            What::Message { name, .. } if *name == CLOSING => {}
            What::Message { name, to } => {
                for at in 0..*count {
                    let line = format!("lose {name} from={} to={to}{}", deed.program, skip(at));
                    all.push(Deviation { program, step: name, kind: Kind::Lost, line });
                }
            }
        }
    }
    let lasting = LASTING.into_iter().flat_map(|name| callers(deeds, name));
    for (deed, name, count) in lasting {
        let Some(program) = kind_of(&deed.program) else { continue };
        let (before, after) = (format!("calling {name}"), format!("called {name}"));
        crashes(&mut all, program, deed, count, name, &before, &after);
    }
    all
}

/// Programs that make calls of a name, to whomever.
fn callers<'a>(deeds: &'a Deeds, name: &'static str) -> Vec<(&'a Deed, &'static str, u64)> {
    let mut callers: Vec<(&Deed, &'static str, u64)> = Vec::new();
    for (deed, count) in deeds {
        if !matches!(&deed.what, What::Call { name: own, .. } if *own == name) {
            continue;
        }
        match callers.last_mut() {
            Some((last, _, sum)) if last.program == deed.program => *sum += count,
            _ => callers.push((deed, name, *count)),
        }
    }
    callers
}

fn crashes(
    all: &mut Vec<Deviation>,
    program: &'static str,
    deed: &Deed,
    count: u64,
    step: &'static str,
    before: &str,
    after: &str,
) {
    let who = &deed.program;
    for at in 1..=count {
        for (kind, point) in [(Kind::CrashBefore, before), (Kind::CrashAfter, after)] {
            let line = format!("at program={who} point='{point} {at}' do='bounce {who} 1s'");
            all.push(Deviation { program, step, kind, line });
        }
    }
}

fn calls(
    all: &mut Vec<Deviation>,
    program: &'static str,
    deed: &Deed,
    count: u64,
    name: &'static str,
    to: &str,
) {
    let who = &deed.program;
    // A client, and an operator, wait for an answer as long as it takes.
    let has_deadline = program != "client";
    for at in 0..count {
        for (kind, word, when) in [
            (Kind::BrokenBefore, "break", "before"),
            (Kind::BrokenAfter, "break", "after"),
            (Kind::SilentBefore, "silent", "before"),
            (Kind::SilentAfter, "silent", "after"),
        ] {
            if word == "silent" && !has_deadline {
                continue;
            }
            let line = format!("{word} {name} {when} from={who} to={to}{}", skip(at));
            all.push(Deviation { program, step: name, kind, line });
        }
    }
}

fn skip(at: u64) -> String {
    if at == 0 { String::new() } else { format!(" skip={at}") }
}

/// What kind of program this is; none for those that are no part of a cluster.
fn kind_of(program: &str) -> Option<&'static str> {
    let kinds = [
        ("mysqld-", "mysqld"),
        ("vtgate-", "vtgate"),
        ("vtctld", "vtctld"),
        ("topo", "topo"),
        ("client-", "client"),
    ];
    let found = kinds.into_iter().find(|(prefix, _)| program.starts_with(prefix));
    match found {
        Some((_, kind)) => Some(kind),
        None => crate::topo::Alias::parse(program).map(|_| "vttablet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_deviations() {
        let deed = |program: &str, what| Deed { program: program.to_owned(), what };
        let call = |name, to: &str| What::Call { name, to: to.to_owned() };
        let message = |name| What::Message { name, to: "mysqld-zone1-0000000300".to_owned() };
        let deeds = Deeds::from([
            (deed("mysqld-zone1-0000000300", What::Sync), 2),
            (deed("vtgate-1", call("Commit", "zone1-0000000300")), 1),
            (deed("vtgate-1", call("Commit", "zone1-0000000400")), 2),
            (deed("client-a", call("Query", "vtgate-1")), 1),
            (deed("vtgate-1", call("topo.Watch", "topo")), 9),
            (deed("zone1-0000000300", message("mysql.Quit")), 3),
            (deed("zone1-0000000300", message("ack")), 1),
        ]);
        let all = all(&deeds);
        let count = |kind| all.iter().filter(|one| one.kind == kind).count();
        assert_eq!(count(Kind::CrashBefore), 2 + 3);
        assert_eq!(count(Kind::BrokenAfter), 3 + 1 + 2);
        assert_eq!(count(Kind::SilentBefore), 3 + 2);
        assert_eq!(count(Kind::Lost), 1);
        let lines: Vec<&str> = all.iter().map(|one| one.line.as_str()).collect();
        for line in [
            "at program=mysqld-zone1-0000000300 point='synced 2' do='bounce mysqld-zone1-0000000300 1s'",
            "at program=vtgate-1 point='calling Commit 3' do='bounce vtgate-1 1s'",
            "break Commit after from=vtgate-1 to=zone1-0000000400 skip=1",
            "break Query before from=client-a to=vtgate-1",
        ] {
            assert!(lines.contains(&line), "{line}");
        }
    }
}
