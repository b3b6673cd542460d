//! Making a finding smaller: what it can live without goes.
//!
//! Steps first (in halves, then quarters, down to single ones), then the cluster, then the tape's
//! deviations, again and again until nothing more can go. What is left is minimal: taking away any
//! one step or deviation makes it hold, or break something else. Each attempt is a run of its own
//! under the same tape, whose entries are named, so that they keep their meaning when others go.

use std::time::Duration;

use sim::decide::Tape;
use sim::seed::Seed;

use super::backfill::Streams;
use super::campaign::{BadCase, Campaign, Chance, Finding};
use super::case::{Case, Step};
use super::schema::Schema;
use super::shape::Shape;
use crate::scenario::Story;

/// A finding that is as small as it gets.
#[derive(Clone, Debug)]
pub struct Shrunk {
    pub case: Case,
    pub tape: Tape,
    pub story: Story,
    /// How many runs it took.
    pub runs: u64,
}

/// Shrinks a finding; none where its tape does not give the violation again, or it is there without
/// the campaign's mutants too.
pub fn shrink(campaign: &Campaign, finding: &Finding) -> Result<Option<Shrunk>, BadCase> {
    let shape = Shape::of(&finding.story);
    let Some(story) = campaign.violates(&finding.case, &finding.tape, &shape)? else {
        return Ok(None);
    };
    let best = Shrunk { case: finding.case.clone(), tape: finding.tape.clone(), story, runs: 1 };
    let mut shrinker = Shrinker { campaign, shape, best };
    // A schedule that needs nothing special is the best of all.
    shrinker.attempt(shrinker.best.case.clone(), Tape::default())?;
    loop {
        let before = (shrinker.best.case.clone(), shrinker.best.tape.clone());
        shrinker.steps()?;
        shrinker.cluster()?;
        shrinker.schema()?;
        shrinker.deviations()?;
        shrinker.words()?;
        shrinker.readable()?;
        let is_same = before == (shrinker.best.case.clone(), shrinker.best.tape.clone());
        if is_same && !shrinker.other_schedule()? {
            break;
        }
    }
    Ok(Some(shrinker.best))
}

/// Schedules that are tried for a smaller case which the tape does not fit.
const OTHER_SCHEDULES: u64 = 6;
/// With so many deviations another schedule of the same steps may need fewer.
const MANY: usize = 6;

struct Shrinker<'a> {
    campaign: &'a Campaign,
    shape: Shape,
    best: Shrunk,
}

impl Shrinker<'_> {
    /// Takes a smaller case where it still shows the violation.
    fn attempt(&mut self, case: Case, tape: Tape) -> Result<bool, BadCase> {
        self.best.runs += 1;
        let story = self.campaign.violates(&case, &tape, &self.shape)?;
        let Some(story) = story else { return Ok(false) };
        self.best = Shrunk { case, tape, story, runs: self.best.runs };
        Ok(true)
    }

    /// As [`Self::attempt`] with the tape that there is; where that fails, with other schedules:
    /// what goes shifts the rest, and another order of messages may show the same.
    fn attempt_anew(&mut self, case: Case) -> Result<bool, BadCase> {
        if self.attempt(case.clone(), self.best.tape.clone())? {
            return Ok(true);
        }
        if self.best.tape.is_empty() {
            return Ok(false);
        }
        for seed in 0..OTHER_SCHEDULES {
            self.best.runs += 1;
            let ran = self.campaign.run(&case, Chance::Seed(Seed(seed)), true)?;
            let shows = ran.verdict.news().any(|story| self.shape.has(story));
            if shows && self.attempt(case.clone(), ran.tape)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn steps(&mut self) -> Result<(), BadCase> {
        let mut size = self.best.case.steps.len().div_ceil(2);
        while 0 < size {
            let mut at = 0;
            while at < self.best.case.steps.len() {
                let mut case = self.best.case.clone();
                let end = (at + size).min(case.steps.len());
                case.steps.drain(at..end);
                if !self.attempt_anew(case)? {
                    at = end;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        Ok(())
    }

    fn cluster(&mut self) -> Result<(), BadCase> {
        if 1 < self.best.case.tablets {
            let case = Case { tablets: 1, ..self.best.case.clone() };
            self.attempt(case, self.best.tape.clone())?;
        }
        if self.best.case.is_semi_sync {
            let case = Case { is_semi_sync: false, ..self.best.case.clone() };
            self.attempt(case, self.best.tape.clone())?;
        }
        if self.best.case.is_buffered {
            let case = Case { is_buffered: false, ..self.best.case.clone() };
            self.attempt(case, self.best.tape.clone())?;
        }
        if self.best.case.streams != Streams::default() {
            let case = Case { streams: Streams::default(), ..self.best.case.clone() };
            self.attempt(case, self.best.tape.clone())?;
        }
        if 1 < self.best.case.vtgates {
            let mut case = Case { vtgates: 1, ..self.best.case.clone() };
            case.sessions.iter_mut().for_each(|(_, vtgate)| *vtgate = 1);
            self.attempt(case, self.best.tape.clone())?;
        }
        let mut at = 0;
        while at < self.best.case.sessions.len() {
            let mut case = self.best.case.clone();
            let (name, _) = case.sessions.remove(at);
            let is_used = case.steps.iter().any(|step| match step {
                Step::Send { session, .. } | Step::Ask { session, .. } => *session == name,
                Step::Command(line) => line.contains(&format!("session={name} ")),
                Step::Advance(_) => false,
            });
            if is_used || !self.attempt(case, self.best.tape.clone())? {
                at += 1;
            }
        }
        Ok(())
    }

    /// Lookups and their flags, and all shards but two, where nothing needs them.
    fn schema(&mut self) -> Result<(), BadCase> {
        let fewer = self.best.case.schema.with_fewer_shards();
        if fewer != self.best.case.schema {
            self.attempt_schema(fewer)?;
        }
        let mut at = 0;
        while let Some(schema) = self.best.case.schema.simpler().into_iter().nth(at) {
            if !self.attempt_schema(schema)? {
                at += 1;
            }
        }
        Ok(())
    }

    /// A step may name a shard that is no more; a vschema may be none without what was taken away.
    fn attempt_schema(&mut self, schema: Schema) -> Result<bool, BadCase> {
        let case = Case { schema, ..self.best.case.clone() };
        let shown = self.attempt_anew(case);
        Ok(shown.unwrap_or(false))
    }

    fn deviations(&mut self) -> Result<(), BadCase> {
        let mut size = self.best.tape.len().div_ceil(2);
        while 0 < size {
            let mut at = 0;
            while at < self.best.tape.len() {
                let tape = self.best.tape.without(at, size);
                if !self.attempt(self.best.case.clone(), tape)? {
                    at += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        Ok(())
    }

    /// Which schedule showed it first was chance. Where that needs much, others are made small too,
    /// and one with fewer deviations is taken.
    fn other_schedule(&mut self) -> Result<bool, BadCase> {
        if self.best.tape.len() < MANY {
            return Ok(false);
        }
        let before = self.best.clone();
        for seed in 0..2 * OTHER_SCHEDULES {
            self.best.runs += 1;
            let ran = self.campaign.run(&before.case, Chance::Seed(Seed(seed)), true)?;
            let shows = ran.verdict.news().any(|story| self.shape.has(story));
            if !shows || !self.attempt(before.case.clone(), ran.tape)? {
                continue;
            }
            self.deviations()?;
            if self.best.tape.len() < before.tape.len() {
                return Ok(true);
            }
            self.best = Shrunk { runs: self.best.runs, ..before.clone() };
        }
        Ok(false)
    }

    /// Statements of several rows lose some; pauses become short and round.
    fn words(&mut self) -> Result<(), BadCase> {
        for at in 0..self.best.case.steps.len() {
            let mut simpler = match &self.best.case.steps[at] {
                Step::Send { session, sql } => simpler_statements(sql)
                    .into_iter()
                    .map(|sql| Step::Send { session: session.clone(), sql })
                    .collect(),
                Step::Advance(time) => [1, 10, 1_000]
                    .into_iter()
                    .map(Duration::from_millis)
                    .filter(|rounder| rounder < time)
                    .map(Step::Advance)
                    .collect(),
                Step::Ask { .. } | Step::Command(_) => Vec::new(),
            };
            for step in simpler.drain(..) {
                let mut case = self.best.case.clone();
                case.steps[at] = step;
                if self.attempt(case, self.best.tape.clone())? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// A statement that can be waited for is, as a reader would write it.
    fn readable(&mut self) -> Result<(), BadCase> {
        for at in (0..self.best.case.steps.len()).rev() {
            let mut case = self.best.case.clone();
            let Step::Send { session, sql } = &case.steps[at] else { continue };
            if session == "vtctl" {
                continue;
            }
            case.steps[at] = Step::Ask { session: session.clone(), sql: sql.clone() };
            self.attempt(case, self.best.tape.clone())?;
        }
        Ok(())
    }
}

/// An INSERT of several rows without one of them.
fn simpler_statements(sql: &str) -> Vec<String> {
    let Some((start, rows)) = sql.split_once(" values (") else { return Vec::new() };
    let (rows, end) = match rows.rfind(')') {
        Some(at) if rows[at + 1..].is_empty() => (&rows[..at], &rows[at + 1..]),
        _ => return Vec::new(),
    };
    let rows: Vec<&str> = rows.split("), (").collect();
    if rows.len() < 2 {
        return Vec::new();
    }
    let without = |left_out: usize| {
        let kept = rows.iter().enumerate().filter(|(at, _)| *at != left_out);
        let kept: Vec<&str> = kept.map(|(_, row)| *row).collect();
        format!("{start} values ({}){end}", kept.join("), ("))
    };
    (0..rows.len()).map(without).collect()
}
