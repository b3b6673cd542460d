//! What a shrink must have kept: proved by running what it came to.
//!
//! The same invariant in the same shape, from the same tape and from the file that was written,
//! each time with the same digest; nothing wrong without the mutants; nothing more than there was;
//! and no line that could still go.
//!
//! It knows nothing of how a shrink is done.

use std::collections::BTreeSet;
use std::fmt;

use sim::decide::Tape;

use super::campaign::{BadCase, Campaign, Chance, Finding};
use super::case::Case;
use super::explain::Explanation;
use super::shape::Shape;
use super::shrink::Shrunk;
use crate::mutant::Mutant;
use crate::scenario::{self, Options, Run};

/// What a shrink did not keep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// It is no violation of the finding's shape, or is one without the mutants.
    Lost,
    /// There is more of this than before.
    Grew(&'static str),
    /// Its file does not violate what it does, or not twice with the same digest.
    NotReplayed,
    /// Without the mutants its file is not what it says, or not as Vitess is.
    NotFaithful,
    /// A line can still go.
    NotMinimal,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Lost => f.write_str("it is not the finding's violation any more"),
            Failure::Grew(what) => write!(f, "it has more {what}"),
            Failure::NotReplayed => f.write_str("its file is not the same run again"),
            Failure::NotFaithful => f.write_str("its file does not hold without the mutant"),
            Failure::NotMinimal => f.write_str("a line can still be taken away"),
        }
    }
}

/// How much there is of a case and its tape.
fn amounts(case: &Case, tape: &Tape) -> [(&'static str, usize); 7] {
    let keyspaces = case.schema.keyspaces.iter();
    let vindexes = keyspaces.clone().map(|keyspace| keyspace.vschema.vindexes.len());
    [
        ("lines", case.lines(tape)),
        ("steps", case.steps.len()),
        ("sessions", case.sessions.len()),
        ("vtgates", case.vtgates as usize),
        ("tablets", case.tablets as usize),
        ("shards", keyspaces.map(|keyspace| keyspace.shards().count()).sum()),
        ("vindexes", vindexes.sum()),
    ]
}

/// What of a shrink does not hold: nothing where all is well. `text` is the file that was written.
pub fn failures(
    campaign: &Campaign,
    finding: &Finding,
    small: &Shrunk,
    explanation: &Explanation,
    text: &str,
) -> Result<BTreeSet<Failure>, BadCase> {
    let Shrunk { case, tape, story, .. } = small;
    let shape = Shape::of(&finding.story);
    let mut failures = BTreeSet::new();
    let mut must = |holds: bool, failure| {
        if !holds {
            failures.extend([failure])
        }
    };
    let again = campaign.violates(case, tape, &shape)?;
    must(again.is_some_and(|again| again.text == story.text), Failure::Lost);
    let before = amounts(&finding.case, &finding.tape);
    for ((what, before), (_, after)) in before.into_iter().zip(amounts(case, tape)) {
        must(after <= before, Failure::Grew(what));
    }
    let digest = campaign.run(case, Chance::Tape(tape.clone()), false)?.digest;
    for _ in 0..2 {
        let run = play(campaign, text, &campaign.mutants)?;
        let shows = run.verdict.news().any(|other| other.text == story.text);
        must(shows && run.digest == digest, Failure::NotReplayed);
    }
    let faithful = play(campaign, text, &[])?;
    must(faithful.output == text && faithful.verdict.is_as_vitess(), Failure::NotFaithful);
    must(explanation.is_minimal(), Failure::NotMinimal);
    Ok(failures)
}

/// Runs a file's text as `vindicate run` does.
fn play(campaign: &Campaign, text: &str, mutants: &[Mutant]) -> Result<Run, BadCase> {
    let options = Options { host: campaign.host, mutants: mutants.to_vec(), ..Options::default() };
    scenario::run(text, &options).map_err(|error| BadCase {
        line: error.line,
        message: error.message,
        text: text.to_owned(),
    })
}
