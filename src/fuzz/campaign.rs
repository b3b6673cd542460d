//! A campaign: runs of many seeds under one profile, with or without mutants.
//!
//! How a run's messages are ordered is the search's: at random each is a little late, or much; by
//! priorities ([`sim::order::pct`]) none is, and whole chains of them come before others. A run by
//! priorities needs to know how many steps there are to choose from: its seed runs twice, first
//! with priorities that never change.
//!
//! Runs are done in the caller's thread; each begins with an empty world and an empty history, and
//! leaves nothing that the next would feel.

use std::time::Duration;

use sim::clock::Nanos;
use sim::decide::Tape;
use sim::host::HostKind;
use sim::network::Noise;
use sim::order::Counted;
use sim::order::pct::Pct;
use sim::seed::{Draw, Seed};

use super::case::{Case, Source};
use super::profile::Profile;
use super::shape::Shape;
use crate::checker::coverage::Seen;
use crate::mutant::Mutant;
use crate::scenario::{self, JITTER, Options, Story, Verdict};

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Campaign {
    pub profile: &'static Profile,
    pub source: Source,
    pub mutants: Vec<Mutant>,
    pub search: Search,
    pub host: HostKind,
}

/// How the order of messages is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Search {
    /// Each message has a latency of its own.
    #[default]
    Random,
    /// By priorities that change so often, less one.
    Pct { depth: u64 },
}

/// What one run came to.
#[derive(Clone, Debug)]
pub struct Ran {
    pub verdict: Verdict,
    pub digest: u64,
    pub events: u64,
    pub virtual_time: Nanos,
    pub counted: Counted,
    /// Its deviations, where recorded.
    pub tape: Tape,
    /// What it has come to see.
    pub seen: Seen,
}

/// Which chance a run has.
#[derive(Clone, Debug)]
pub enum Chance {
    Seed(Seed),
    /// A seed's, its messages by priorities that change within so many steps.
    Priorities {
        seed: Seed,
        depth: u64,
        steps: u64,
    },
    /// As the tape says, and calm where it says nothing.
    Tape(Tape),
}

/// A violation, with all that makes it again.
#[derive(Clone, Debug)]
pub struct Finding {
    pub seed: Seed,
    pub case: Case,
    pub tape: Tape,
    pub story: Story,
}

/// How late a seed's messages are: all a little, or few of them much, or both.
pub fn noise(seed: Seed) -> Noise {
    let mut draw = Draw::new(seed, "fuzz/noise");
    Noise {
        jitter: *draw.pick(&[2, 4, 16]),
        late_per_mille: *draw.pick(&[0, 0, 20, 60]),
        late_max: Duration::from_millis(*draw.pick(&[2, 10, 50])),
        ..JITTER
    }
}

/// A case that could not be run: a fault of the generator's.
#[derive(Clone, Debug, thiserror::Error)]
#[error("line {line} of a drawn case: {message}\n{text}")]
pub struct BadCase {
    pub line: usize,
    pub message: String,
    pub text: String,
}

impl Campaign {
    pub fn case(&self, seed: Seed) -> Case {
        Case::draw(self.profile, seed, &self.source)
    }

    /// Whether a seed's cluster and tables can be made: a given schema's may not. What is wrong, if
    /// not.
    pub fn try_out(&self, seed: Seed) -> Result<(), String> {
        let empty = Case { steps: Vec::new(), ..self.case(seed) };
        let run = scenario::run(&empty.text("", &Tape::default()), &Options::default());
        run.map(|_| ()).map_err(|error| error.message)
    }

    /// Runs a case.
    pub fn run(&self, case: &Case, chance: Chance, record: bool) -> Result<Ran, BadCase> {
        self.run_with(case, chance, record, &self.mutants)
    }

    /// Runs a case with these mutants, whatever the campaign's are.
    pub fn run_with(
        &self,
        case: &Case,
        chance: Chance,
        record: bool,
        mutants: &[Mutant],
    ) -> Result<Ran, BadCase> {
        let text = case.text("", &Tape::default());
        let options =
            Options { judge_only: true, record, mutants: mutants.to_vec(), ..self.options(chance) };
        let run = scenario::run(&text, &options);
        let run =
            run.map_err(|error| BadCase { line: error.line, message: error.message, text })?;
        Ok(Ran {
            verdict: run.verdict,
            digest: run.digest,
            events: run.events,
            virtual_time: run.virtual_time,
            counted: run.counted,
            tape: run.tape,
            seen: run.seen,
        })
    }

    /// How a scenario is run that has this chance.
    pub fn options(&self, chance: Chance) -> Options {
        let mut options = Options { host: self.host, ..Options::default() };
        match chance {
            Chance::Seed(seed) => (options.seed, options.noise) = (Some(seed), noise(seed)),
            Chance::Priorities { seed, depth, steps } => {
                (options.seed, options.noise) = (Some(seed), Noise::default());
                options.priorities = Some(Pct::new(seed, depth, steps));
            }
            Chance::Tape(tape) => options.tape = tape,
        }
        options
    }

    /// Runs a seed's case; a violation is run again, recorded.
    pub fn seed(&self, seed: Seed) -> Result<(Ran, Option<Finding>), BadCase> {
        let case = self.case(seed);
        let chance = self.chance(&case, seed)?;
        let ran = self.run(&case, chance.clone(), false)?;
        if ran.verdict.news().next().is_none() {
            return Ok((ran, None));
        }
        let again = self.run(&case, chance, true)?;
        let story = again.verdict.news().next().cloned();
        let finding = story.map(|story| Finding { seed, case, tape: again.tape, story });
        Ok((ran, finding))
    }

    /// The chance that a seed's case has in this campaign.
    pub fn chance(&self, case: &Case, seed: Seed) -> Result<Chance, BadCase> {
        let depth = match self.search {
            Search::Random => return Ok(Chance::Seed(seed)),
            Search::Pct { depth } => depth,
        };
        let calm = Chance::Priorities { seed, depth: 1, steps: 0 };
        if depth == 1 {
            return Ok(calm);
        }
        let first = self.run(case, calm, false)?;
        Ok(Chance::Priorities { seed, depth, steps: first.counted.steps })
    }

    /// The story of this shape, where a case with a tape gives one, and holds without the
    /// campaign's mutants.
    pub fn violates(
        &self,
        case: &Case,
        tape: &Tape,
        shape: &Shape,
    ) -> Result<Option<Story>, BadCase> {
        let ran = self.run(case, Chance::Tape(tape.clone()), false)?;
        let mut stories = ran.verdict.news();
        let Some(story) = stories.find(|story| shape.has(story)).cloned() else {
            return Ok(None);
        };
        if !self.mutants.is_empty() {
            let without = self.run_with(case, Chance::Tape(tape.clone()), false, &[])?;
            if !without.verdict.is_as_vitess() {
                return Ok(None);
            }
        }
        Ok(Some(story))
    }
}
