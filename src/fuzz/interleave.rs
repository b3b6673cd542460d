//! Every order of two statements' messages, and what is found made small.
//!
//! A search ends with its orders, or with its first finding: an order in which the judge finds an
//! invariant broken, or in which nothing goes on. With mutants, the same order must hold without
//! them. What is left of its tape are the messages that have to wait.
//!
//! It knows nothing of how an order is made.

use std::collections::{BTreeMap, BTreeSet};

use sim::decide::Tape;
use sim::order::explore::{Explorer, Reduction};

use crate::scenario::interleave::{By, Outcome, Played, Script};
use crate::scenario::{ScenarioError, Verdict};

/// What a search came to.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// Orders that were run to their end.
    pub complete: u64,
    /// Runs that ended early: what would have followed had been run.
    pub pruned: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Orders in which Vitess itself breaks a promise as it is known to, by departure.
    pub departures: BTreeMap<&'static str, u64>,
    pub finding: Option<Finding>,
    /// Time was over before the orders were.
    pub is_cut: bool,
}

/// Runs the order of times with these lines behind the head, and nothing else.
pub fn in_time(script: &Script, lines: &[String]) -> Result<Explored, ScenarioError> {
    let mut explored = Explored::default();
    let played = script.play(&By::Tape(Tape::default()), lines, false)?;
    if let Some((sort, _)) = explored.take(&played) {
        let shrinker = Shrinker { script, lines, sort, runs: 0 };
        explored.finding = shrinker.shrink(Tape::default(), 1)?;
    }
    Ok(explored)
}

/// An order that is wrong.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What goes otherwise in the scenario, a line each.
    pub lines: Vec<String>,
    /// The invariant's name; `stuck` and `panicked` are none.
    pub sort: &'static str,
    pub story: String,
    pub tape: Tape,
    /// Runs until it was found, and those that made it small.
    pub runs: u64,
    pub shrinking_runs: u64,
}

/// Runs every order, with these lines behind the head, as long as there is time.
pub fn explore(
    script: &Script,
    reduction: Reduction,
    lines: &[String],
    mut is_over: impl FnMut() -> bool,
) -> Result<Explored, ScenarioError> {
    let by = Explorer::new(reduction);
    let mut explored = Explored::default();
    loop {
        let played = script.play(&By::Explorer(by.clone()), lines, false)?;
        let story = explored.take(&played);
        if let Some((sort, _)) = story {
            let runs = explored.complete + explored.pruned;
            let again = script.play(&By::Explorer(by.clone()), lines, true)?;
            let shrinker = Shrinker { script, lines, sort, runs: 0 };
            if let Some(finding) = shrinker.shrink(again.tape, runs)? {
                explored.finding = Some(finding);
                return Ok(explored);
            }
        }
        if !by.advance() {
            return Ok(explored);
        }
        if is_over() {
            explored.is_cut = true;
            return Ok(explored);
        }
    }
}

impl Explored {
    /// Counts a run; what is wrong with it.
    fn take(&mut self, played: &Played) -> Option<(&'static str, String)> {
        if played.is_pruned {
            self.pruned += 1;
            return None;
        }
        self.complete += 1;
        *self.outcomes.entry(played.outcome.clone()).or_default() += 1;
        if let Verdict::Violated(stories) = &played.verdict {
            let known: BTreeSet<&'static str> =
                stories.iter().filter_map(|story| story.departure).collect();
            for departure in known {
                *self.departures.entry(departure).or_default() += 1;
            }
        }
        wrong(&played.verdict)
    }

    /// What another search of the same statements came to is added.
    pub fn add(&mut self, other: Explored) {
        self.complete += other.complete;
        self.pruned += other.pruned;
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        for (departure, count) in other.departures {
            *self.departures.entry(departure).or_default() += count;
        }
        self.is_cut |= other.is_cut;
        if self.finding.is_none() {
            self.finding = other.finding;
        }
    }
}

/// What a verdict has that is wrong and no departure of Vitess's: its sort, and its story.
fn wrong(verdict: &Verdict) -> Option<(&'static str, String)> {
    match verdict {
        Verdict::Held => None,
        Verdict::Violated(_) => {
            verdict.news().next().map(|story| (story.invariant, story.text.clone()))
        }
        Verdict::Stuck(waits) => Some(("stuck", waits.join("\n"))),
        Verdict::Panicked(panics) => Some(("panicked", panics.join("\n"))),
    }
}

struct Shrinker<'a> {
    script: &'a Script,
    lines: &'a [String],
    sort: &'static str,
    runs: u64,
}

impl Shrinker<'_> {
    /// A tape that still shows it, none of whose deviations can go; none where it is there without
    /// the mutants too.
    fn shrink(mut self, tape: Tape, runs: u64) -> Result<Option<Finding>, ScenarioError> {
        let Some(mut story) = self.shows(&tape)? else { return Ok(None) };
        let mut best = tape;
        let mut size = best.len().div_ceil(2);
        while 0 < size {
            let (mut at, before) = (0, best.len());
            while at < best.len() {
                let tape = best.without(at, size);
                match self.shows(&tape)? {
                    Some(other) => (best, story) = (tape, other),
                    None => at += size,
                }
            }
            // What one needs another may have needed.
            size = match (size, best.len() == before) {
                (1, true) => 0,
                (1, false) => 1,
                _ => size.div_ceil(2),
            };
        }
        let Shrinker { lines, sort, runs: shrinking_runs, .. } = self;
        let lines = lines.to_vec();
        Ok(Some(Finding { lines, sort, story, tape: best, runs, shrinking_runs }))
    }

    fn shows(&mut self, tape: &Tape) -> Result<Option<String>, ScenarioError> {
        self.runs += 1;
        let lines = self.lines;
        let played = self.script.play(&By::Tape(tape.clone()), lines, false)?;
        let Some((_, story)) = wrong(&played.verdict).filter(|(sort, _)| *sort == self.sort) else {
            return Ok(None);
        };
        if self.script.options.mutants.is_empty() {
            return Ok(Some(story));
        }
        self.runs += 1;
        let mut faithful = self.script.clone();
        faithful.options.mutants.clear();
        let without = faithful.play(&By::Tape(tape.clone()), lines, false)?;
        Ok(without.verdict.is_as_vitess().then_some(story))
    }
}

/// The finding as a scenario: its schedule as `decide` lines, what goes otherwise behind the head.
pub fn scenario(text: &str, finding: &Finding, end: &str) -> String {
    let (head, rest) = text.split_once("\n---\n").unwrap_or((text, ""));
    let mut found = String::new();
    for line in finding.story.trim_end().lines() {
        found.push_str(format!("# {line}").trim_end());
        found.push('\n');
    }
    found.push_str("#\n");
    found.push_str(head);
    found.push('\n');
    for line in finding.tape.to_string().lines() {
        found.push_str(&format!("decide '{line}'\n"));
    }
    found.push_str("---\n");
    let (output, commands) = rest.split_once("\n\n").unwrap_or(("", rest));
    found.push_str(output);
    found.push_str("\n\n");
    for line in &finding.lines {
        found.push_str(line);
        found.push('\n');
    }
    found.push_str(commands.trim_end());
    found.push_str("\n\n");
    found.push_str(end);
    found.push_str("---\n");
    found
}
