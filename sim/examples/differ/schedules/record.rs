//! What both sides write down of a step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A statement of a session, or something done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub session: usize,
    pub act: Act,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Run(String),
    /// Runs with innodb_lock_wait_timeout at its least; where it waits, it waits until 1205.
    RunOut(String),
    /// KILL QUERY, from outside.
    Kill,
}

/// What a step made of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The session waited already, or (a kill) did not wait: nothing was done.
    pub skipped: bool,
    /// Answers by session: the step's own, and of those whom it woke.
    pub answers: BTreeMap<usize, String>,
    /// Who waits, and for whom.
    pub waiting: BTreeMap<usize, BTreeSet<usize>>,
    /// Row locks, one text each, sorted; none where the server does not tell.
    pub locks: Option<Vec<String>>,
}

/// A played case: its steps, with the commits at its end, and the final contents.
#[derive(Clone, Debug)]
pub struct Record {
    pub steps: Vec<(Step, Observed)>,
    pub contents: Vec<String>,
}

const KILLED: &str = "(is killed)";
const RUNS_OUT: &str = "   # until it times out";

impl Step {
    /// Reads what it prints.
    pub fn parse(line: &str) -> Option<Step> {
        let (session, text) = line.strip_prefix('S')?.split_once("> ")?;
        let session = session.parse::<usize>().ok()?.checked_sub(1)?;
        let act = match text.strip_suffix(RUNS_OUT) {
            _ if text == KILLED => Act::Kill,
            Some(text) => Act::RunOut(text.to_string()),
            None => Act::Run(text.to_string()),
        };
        Some(Step { session, act })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}> ", self.session + 1)?;
        match &self.act {
            Act::Run(text) => f.write_str(text),
            Act::RunOut(text) => write!(f, "{text}{RUNS_OUT}"),
            Act::Kill => f.write_str(KILLED),
        }
    }
}

/// `ok(1); S2< ERROR 1062; S3 waits for S1`
impl Observed {
    pub fn describe(&self, own: usize) -> String {
        if self.skipped {
            return "(not run)".to_string();
        }
        let mut parts = Vec::new();
        if let Some(answer) = self.answers.get(&own) {
            parts.push(answer.clone());
        }
        for (session, answer) in self.answers.iter().filter(|(session, _)| **session != own) {
            parts.push(format!("S{}< {answer}", session + 1));
        }
        for (session, blockers) in &self.waiting {
            let blockers: Vec<String> =
                blockers.iter().map(|blocker| format!("S{}", blocker + 1)).collect();
            let whom = if blockers.is_empty() { "somebody" } else { &blockers.join(",") };
            parts.push(format!("S{} waits for {whom}", session + 1));
        }
        parts.join("; ")
    }
}
