//! A campaign: runs of many seeds under one profile, with or without mutants.
//!
//! Runs are done in the caller's thread; each begins with an empty world and an empty history, and
//! leaves nothing that the next would feel.

use std::time::Duration;

use sim::clock::Nanos;
use sim::decide::Tape;
use sim::host::HostKind;
use sim::network::Noise;
use sim::seed::{Draw, Seed};

use super::case::Case;
use super::profile::Profile;
use crate::mutant::Mutant;
use crate::scenario::{self, JITTER, Options, Story, Verdict};

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Campaign {
    pub profile: &'static Profile,
    pub mutants: Vec<Mutant>,
    pub host: HostKind,
}

/// What one run came to.
#[derive(Clone, Debug)]
pub struct Ran {
    pub verdict: Verdict,
    pub digest: u64,
    pub events: u64,
    pub virtual_time: Nanos,
    /// Its deviations, where recorded.
    pub tape: Tape,
}

/// Which chance a run has.
#[derive(Clone, Debug)]
pub enum Chance {
    Seed(Seed),
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
        Case::draw(self.profile, seed)
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
        let (seed, tape) = match chance {
            Chance::Seed(seed) => (Some(seed), Tape::default()),
            Chance::Tape(tape) => (None, tape),
        };
        let text = case.text("", &Tape::default());
        let options = Options {
            host: self.host,
            seed,
            tape,
            noise: seed.map_or(JITTER, noise),
            judge_only: true,
            record,
            mutants: mutants.to_vec(),
            ..Options::default()
        };
        let run = scenario::run(&text, &options);
        let run =
            run.map_err(|error| BadCase { line: error.line, message: error.message, text })?;
        Ok(Ran {
            verdict: run.verdict,
            digest: run.digest,
            events: run.events,
            virtual_time: run.virtual_time,
            tape: run.tape,
        })
    }

    /// Runs a seed's case; a violation is run again, recorded.
    pub fn seed(&self, seed: Seed) -> Result<(Ran, Option<Finding>), BadCase> {
        let case = self.case(seed);
        let ran = self.run(&case, Chance::Seed(seed), false)?;
        if ran.verdict.news().next().is_none() {
            return Ok((ran, None));
        }
        let again = self.run(&case, Chance::Seed(seed), true)?;
        let story = again.verdict.news().next().cloned();
        let finding = story.map(|story| Finding { seed, case, tape: again.tape, story });
        Ok((ran, finding))
    }

    /// The story of this invariant, where a case with a tape gives one, and holds without the
    /// campaign's mutants.
    pub fn violates(
        &self,
        case: &Case,
        tape: &Tape,
        invariant: &str,
    ) -> Result<Option<Story>, BadCase> {
        let ran = self.run(case, Chance::Tape(tape.clone()), false)?;
        let mut stories = ran.verdict.news();
        let Some(story) = stories.find(|story| story.invariant == invariant).cloned() else {
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
