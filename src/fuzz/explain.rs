//! What each thing that is left of a finding is for: what happens without it.
//!
//! ```text
//!   without line 14 (send a "insert into corder .."): held
//!   without line 9 (a message from vtgate-1 to topo is 12.3 ms late): violates unique instead
//!   with one vtgate: held
//! ```
//!
//! Each is tried: the same case with the same tape, and one line less. So where the tool says that
//! a counterexample is minimal, it has seen that of every line. The lines of the head, and of the
//! end that every case has, are not counted; of the cluster's size it is tried whether less does.
//!
//! It knows nothing of why something is needed.

use std::collections::BTreeSet;
use std::fmt;

use sim::decide::Tape;

use super::campaign::{BadCase, Campaign, Chance};
use super::case::{Case, Step};
use super::shape::Shape;
use super::shrink::Shrunk;
use crate::scenario::Verdict;

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The invariant that the finding breaks.
    pub invariant: &'static str,
    pub without: Vec<Without>,
}

/// What happens without one thing.
#[derive(Clone, Debug)]
pub struct Without {
    pub thing: Thing,
    pub then: Then,
}

/// What can be taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    Line(Line),
    /// All vtgates but the first.
    Vtgates,
    Replicas,
    Buffer,
}

/// A line of the scenario that is the finding's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub sort: Sort,
    /// As the scenario has it.
    pub text: String,
    /// What it does, where its text does not say that.
    pub words: Option<String>,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A `decide` line: a choice that is not as by default.
    Deviation,
    Statement,
    Pause,
    /// A fault, or an operator's step.
    Fault,
}

/// What became of a run with less in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    Held,
    /// It breaks only what Vitess itself breaks, by these departures.
    Departs(BTreeSet<&'static str>),
    /// It breaks these, and not the finding's.
    Other(BTreeSet<&'static str>),
    /// It breaks the finding's, and in another way.
    OtherShape,
    /// It breaks the finding's, and does so without the campaign's mutants.
    WithoutMutants,
    /// It is the same finding.
    Same,
    Stuck,
    Panicked,
}

/// Runs a finding once without each thing that is left of it.
pub fn explain(campaign: &Campaign, small: &Shrunk) -> Result<Explanation, BadCase> {
    let Shrunk { case, tape, story, .. } = small;
    let (invariant, shape) = (story.invariant, Shape::of(story));
    let mut without = Vec::new();
    let mut attempt = |thing: Thing, case: &Case, tape: &Tape| {
        let then = then(campaign, case, tape, &shape)?;
        without.push(Without { thing, then });
        Ok::<(), BadCase>(())
    };
    for (at, (name, ordinal, value)) in tape.entries().enumerate() {
        let text = format!("decide '{name}#{ordinal} = {value}'");
        let line = Line { sort: Sort::Deviation, words: deviation(name, value), text };
        attempt(Thing::Line(line), case, &tape.without(at, 1))?;
    }
    for at in 0..case.steps.len() {
        let mut less = case.clone();
        let step = less.steps.remove(at);
        let line = Line { sort: Sort::of(&step), text: step.line(), words: None };
        attempt(Thing::Line(line), &less, tape)?;
    }
    if 1 < case.vtgates {
        let mut less = Case { vtgates: 1, ..case.clone() };
        less.sessions.iter_mut().for_each(|(_, vtgate)| *vtgate = 1);
        attempt(Thing::Vtgates, &less, tape)?;
    }
    if 1 < case.tablets {
        attempt(Thing::Replicas, &Case { tablets: 1, ..case.clone() }, tape)?;
    }
    if case.is_buffered {
        attempt(Thing::Buffer, &Case { is_buffered: false, ..case.clone() }, tape)?;
    }
    Ok(Explanation { invariant, without })
}

fn then(campaign: &Campaign, case: &Case, tape: &Tape, shape: &Shape) -> Result<Then, BadCase> {
    let ran = campaign.run(case, Chance::Tape(tape.clone()), false)?;
    let stories = match &ran.verdict {
        Verdict::Held => return Ok(Then::Held),
        Verdict::Stuck(_) => return Ok(Then::Stuck),
        Verdict::Panicked(_) => return Ok(Then::Panicked),
        Verdict::Violated(stories) => stories,
    };
    let broken: BTreeSet<&'static str> = ran.verdict.news().map(|story| story.invariant).collect();
    if broken.is_empty() {
        return Ok(Then::Departs(stories.iter().filter_map(|story| story.departure).collect()));
    }
    if !broken.contains(shape.invariant) {
        return Ok(Then::Other(broken));
    }
    if !ran.verdict.news().any(|story| shape.has(story)) {
        return Ok(Then::OtherShape);
    }
    Ok(match campaign.violates(case, tape, shape)? {
        Some(_) => Then::Same,
        None => Then::WithoutMutants,
    })
}

impl Explanation {
    /// The lines that were tried, in the scenario's order.
    pub fn lines(&self) -> impl Iterator<Item = (&Line, &Then)> {
        self.without.iter().filter_map(|without| match &without.thing {
            Thing::Line(line) => Some((line, &without.then)),
            Thing::Vtgates | Thing::Replicas | Thing::Buffer => None,
        })
    }

    /// Without any one of its lines it is another run's finding, or none.
    pub fn is_minimal(&self) -> bool {
        self.lines().all(|(_, then)| *then != Then::Same)
    }

    /// What was seen of all lines together.
    pub fn summary(&self) -> String {
        let count = self.lines().count();
        let spare = self.lines().filter(|(_, then)| **then == Then::Same).count();
        if 0 < spare {
            return format!("Not minimal: {spare} of these {count} lines can be taken away.");
        }
        let lines = match count {
            1 => "this line".to_owned(),
            _ => format!("any one of these {count} lines"),
        };
        let otherwise = match self.lines().all(|(_, then)| then.holds()) {
            true => "",
            false => ", or another finding",
        };
        format!("Minimal: taking away {lines} makes it hold{otherwise}.")
    }

    /// A line for each thing. `numbers` are those of its lines in the file, in their order.
    pub fn texts(&self, numbers: &[usize]) -> Vec<String> {
        let mut numbers = numbers.iter();
        let text = |Without { thing, then }: &Without| {
            let what = match thing {
                Thing::Line(line) => {
                    let number = numbers.next().copied().unwrap_or_default();
                    format!("without line {number} ({})", line.shown())
                }
                Thing::Vtgates => "with one vtgate".to_owned(),
                Thing::Replicas => "with primaries only".to_owned(),
                Thing::Buffer => "without buffering".to_owned(),
            };
            format!("{what}: {}", then.words(self.invariant))
        };
        self.without.iter().map(text).collect()
    }
}

/// How much of a line is shown; the rest stands where the line is.
const SHOWN: usize = 72;

impl Line {
    fn shown(&self) -> String {
        let text = self.words.as_ref().unwrap_or(&self.text);
        let mut chars = text.chars();
        let start: String = chars.by_ref().take(SHOWN).collect();
        if chars.next().is_none() { start } else { format!("{start}..") }
    }
}

/// What a choice that is not as by default makes of a message, or of a sleep.
fn deviation(name: &str, value: u64) -> Option<String> {
    let (of, purpose) = name.rsplit_once('/')?;
    let what = match of.split_once('>') {
        Some((from, to)) => format!("a message from {from} to {to}"),
        None => format!("a sleep of {of}"),
    };
    let millis = value as f64 / 1e6;
    match (purpose, value) {
        ("jitter", _) => Some(format!("{what} takes {millis:.1} ms")),
        ("late", 1) => Some(format!("{what} is late")),
        ("late", _) => Some(format!("{what} is {millis:.1} ms late")),
        ("waits", 1) => Some(format!("{what} waits for one event that is later")),
        ("waits", _) => Some(format!("{what} waits for {value} events that are later")),
        _ => None,
    }
}

impl Sort {
    fn of(step: &Step) -> Sort {
        match step {
            Step::Send { session, .. } if session == "vtctl" => Sort::Fault,
            Step::Send { .. } | Step::Ask { .. } => Sort::Statement,
            Step::Advance(_) => Sort::Pause,
            Step::Command(_) => Sort::Fault,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Sort::Deviation => "deviation",
            Sort::Statement => "statement",
            Sort::Pause => "pause",
            Sort::Fault => "fault",
        }
    }
}

impl Then {
    /// Nothing is wrong that Vitess does not do itself.
    fn holds(&self) -> bool {
        matches!(self, Then::Held | Then::Departs(_))
    }

    /// In words; `invariant` is the finding's.
    pub fn words(&self, invariant: &str) -> String {
        match self {
            Then::Held => "held".to_owned(),
            Then::Departs(by) => format!("held, but for what Vitess departs from ({})", List(by)),
            Then::Other(broken) => format!("violates {} instead", List(broken)),
            Then::OtherShape => format!("violates {invariant} in another way"),
            Then::WithoutMutants => format!("violates {invariant} without the mutant as well"),
            Then::Same => format!("violates {invariant} all the same"),
            Then::Stuck => "stuck".to_owned(),
            Then::Panicked => "panicked".to_owned(),
        }
    }
}

struct List<'a>(&'a BTreeSet<&'static str>);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().copied().collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation(thens: &[Then]) -> Explanation {
        let without = thens.iter().enumerate().map(|(at, then)| {
            let text = format!("a:> delete {at}");
            let line = Line { sort: Sort::Statement, text, words: None };
            Without { thing: Thing::Line(line), then: then.clone() }
        });
        Explanation { invariant: "no_missing", without: without.collect() }
    }

    #[test]
    fn minimal_is_said_of_what_was_seen_only() {
        let other = Then::Other(BTreeSet::from(["unique"]));
        for (thens, minimal, summary) in [
            (vec![Then::Held], true, "taking away this line makes it hold."),
            (
                vec![Then::Held, Then::Departs(BTreeSet::from(["nested_revert"]))],
                true,
                "taking away any one of these 2 lines makes it hold.",
            ),
            (
                vec![Then::Held, other],
                true,
                "taking away any one of these 2 lines makes it hold, or another finding.",
            ),
            (
                vec![Then::Held, Then::Same],
                false,
                "Not minimal: 1 of these 2 lines can be taken away.",
            ),
        ] {
            let explanation = explanation(&thens);
            assert_eq!(explanation.is_minimal(), minimal, "{thens:?}");
            assert!(explanation.summary().ends_with(summary), "{}", explanation.summary());
        }
    }

    #[test]
    fn a_line_says_what_happens_without_it() {
        let broken = Then::Other(BTreeSet::from(["atomic", "unique"]));
        let mut explanation = explanation(&[Then::Held, broken, Then::WithoutMutants]);
        explanation.without.push(Without { thing: Thing::Replicas, then: Then::Stuck });
        assert_eq!(
            explanation.texts(&[12, 13, 15]),
            [
                "without line 12 (a:> delete 0): held",
                "without line 13 (a:> delete 1): violates atomic, unique instead",
                "without line 15 (a:> delete 2): violates no_missing without the mutant as well",
                "with primaries only: stuck",
            ]
        );
        let text = "x".repeat(SHOWN + 1);
        let long = Line { sort: Sort::Statement, text, words: None };
        assert_eq!(long.shown(), format!("{}..", "x".repeat(SHOWN)));
    }

    #[test]
    fn a_deviation_is_told_in_words() {
        for (name, value, expected) in [
            ("a>b/jitter", 3_210_000, Some("a message from a to b takes 3.2 ms")),
            ("a>b/late", 1, Some("a message from a to b is late")),
            ("a>b/late", 12_345_678, Some("a message from a to b is 12.3 ms late")),
            ("vtgate-1/waits", 2, Some("a sleep of vtgate-1 waits for 2 events that are later")),
            ("world/ready", 1, None),
        ] {
            assert_eq!(deviation(name, value).as_deref(), expected, "{name} = {value}");
        }
    }
}
