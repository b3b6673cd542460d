//! What a scenario says of a mutant: that it breaks an invariant, or that it shows.
//!
//! `mutant NAME violates INVARIANT` or `mutant NAME differs`. The file holds without the mutant;
//! whoever runs it runs it again with the mutant on and looks whether that comes true. It knows
//! nothing of running.

use std::fmt;

use super::words::{Bad, Read, Words};
use super::{Run, Verdict};
use crate::checker::verdict::Invariant;
use crate::mutant::Mutant;

/// A mutant, and what the scenario does with it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planted {
    pub mutant: Mutant,
    pub shows: Shows,
}

/// How a mutant is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// The judge finds this broken.
    Violates(Invariant),
    /// Clients are told something else, or messages are others.
    Differs,
}

impl Planted {
    pub(super) fn read(words: &mut Words) -> Read<Planted> {
        let name = words.next("the mutant")?;
        let mutant = Mutant::parse(&name).ok_or_else(|| {
            Bad::new(format!("unknown mutant `{name}`"), &name)
                .hint("`vindicate run --help` lists them")
        })?;
        let shows = match words.next("what it does")?.as_str() {
            "differs" => Shows::Differs,
            "violates" => {
                let name = words.next("the invariant")?;
                let known = Invariant::ALL.map(Invariant::name).join(", ");
                Shows::Violates(Invariant::parse(&name).ok_or_else(|| {
                    Bad::new(format!("unknown invariant `{name}`"), &name)
                        .hint(format!("invariants are {known}"))
                })?)
            }
            other => {
                return Err(Bad::new(format!("a mutant cannot `{other}`"), other)
                    .hint("mutant NAME violates INVARIANT, or mutant NAME differs"));
            }
        };
        Ok(Planted { mutant, shows })
    }

    /// What is wrong with the run with the mutant on, beside the one without; none if it came true.
    pub fn missed(&self, faithful: &Run, ran: &Run) -> Option<String> {
        let Planted { mutant, shows } = self;
        let happened = match &ran.verdict {
            Verdict::Held => "holds".to_owned(),
            Verdict::Violated(stories) => {
                let names: Vec<&str> = stories.iter().map(|story| story.invariant).collect();
                format!("violates {}", names.join(", "))
            }
            Verdict::Stuck(_) => "is stuck".to_owned(),
            Verdict::Panicked(panics) => format!("panics ({})", panics.join("; ")),
        };
        let is_true = match (shows, &ran.verdict) {
            (_, Verdict::Panicked(_)) => false,
            (Shows::Violates(invariant), Verdict::Violated(stories)) => {
                stories.iter().any(|story| story.invariant == invariant.name())
            }
            (Shows::Violates(_), _) => false,
            (Shows::Differs, _) => ran.output != faithful.output,
        };
        let same = if ran.output == faithful.output { "with the same output" } else { "" };
        (!is_true).then(|| {
            format!("mutant {mutant} {shows}: with it the scenario {happened} {same}")
                .trim_end()
                .to_owned()
        })
    }
}

impl fmt::Display for Shows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shows::Violates(invariant) => write!(f, "violates {invariant}"),
            Shows::Differs => f.write_str("differs"),
        }
    }
}
