//! Random schedules of a few sessions over a few rows, compared step by step: what a statement
//! gives, who waits for whom, whom a step wakes, and on MySQL the row locks of everybody.
//!
//! The real server plays first and is written down; then the model plays against the record. Where
//! several sessions are woken at once, threads race on a real server: any order of waking that
//! gives the record is accepted.

mod generate;
mod locks;
mod model_play;
mod real_play;
mod record;

use crate::answer::Count;
use crate::differences;
use crate::server::RealServer;
use crate::shrink::shrink;
use crate::{Kind, Verdict};

use generate::Case;
use real_play::Stage;

pub struct Schedules<'a> {
    stage: Stage<'a>,
}

/// How often a case that differs is played again.
const RERUNS: usize = 5;

impl<'a> Schedules<'a> {
    pub fn new(server: &'a RealServer) -> Result<Schedules<'a>, mysql::Error> {
        Ok(Schedules { stage: Stage::open(server, Count::Matched)? })
    }

    /// Plays a case that was printed: every step with every lock, and whether the model agrees.
    pub fn replay(&mut self, text: &str) -> Result<(String, bool), mysql::Error> {
        let case = Case::parse(text);
        let record = self.stage.play(&case)?;
        let mut told = case.describe();
        for (step, observed) in &record.steps {
            told.push_str(&format!("{step}   -> {}\n", observed.describe(step.session)));
            for lock in observed.locks.iter().flatten() {
                told.push_str(&format!("        {lock}\n"));
            }
        }
        told.push_str(&format!("{:?}\n", record.contents));
        let compared = model_play::compare(&case, &record, self.stage.product());
        let verdict = compared.as_ref().err().map_or("the model agrees", |told| told);
        told.push_str(verdict);
        Ok((told, compared.is_ok()))
    }

    /// What differs, if anything does.
    fn difference(&mut self, case: &Case) -> Result<Option<String>, mysql::Error> {
        let record = self.stage.play(case)?;
        Ok(model_play::compare(case, &record, self.stage.product()).err())
    }

    /// The real server itself does now this and now that, and the model agrees with one of them.
    fn is_race(&mut self, case: &Case) -> Result<bool, mysql::Error> {
        for _ in 0..RERUNS {
            if self.difference(case)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Kind for Schedules<'_> {
    fn run(&mut self, seed: u64) -> Result<Verdict, mysql::Error> {
        let case = generate::case(seed, self.stage.product());
        let Some(first) = self.difference(&case)? else {
            return Ok(Verdict::Agrees(Vec::new()));
        };
        if self.is_race(&case)? {
            return Ok(Verdict::Agrees(vec![differences::RACE.to_string()]));
        }
        let steps = shrink(&case.steps, |steps| {
            let smaller = Case { steps: steps.to_vec(), ..case.clone() };
            matches!(self.difference(&smaller), Ok(Some(_)))
        });
        let small = Case { steps, ..case };
        let told = match self.difference(&small)? {
            Some(told) => told,
            None => format!("{first}\n(it differs only sometimes: this is the whole case)"),
        };
        let told = format!("{}{told}", small.describe());
        Ok(match differences::known(self.stage.product(), &told) {
            Some(name) => Verdict::Agrees(vec![name.to_string()]),
            None => Verdict::Differs(told),
        })
    }
}
