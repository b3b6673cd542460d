//! `verify`: what can be asked of a run that is at its end.
//!
//! Every timeout passes where something is still open, then nothing may be left. Each value of
//! each lookup is read by it, and its rows compared with those that there are. Each value that
//! dangles is inserted: in a transaction that is rolled back, then for good, which is why a run
//! ends here.
//!
//! It knows nothing of what the answers must be.

use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use sim::world::{self, Goal};

use super::runner::Runner;
use crate::checker::reusable::Way;
use crate::history::Answer;

/// Who asks.
const SESSION: &str = "probe";
/// More probes than a round has.
const ROUND: usize = 10_000;
/// `innodb_lock_wait_timeout` is 50 s.
const LOCKS: Duration = Duration::from_secs(60);

impl Runner {
    pub(super) fn verify(&mut self) -> Result<String, String> {
        self.run_until(Goal::Declared)?;
        let before = self.watch.borrow().told();
        self.rest()?;
        self.left = self.watch.borrow().left();
        self.watch.borrow_mut().judge_mut().explain_what_is_left();
        self.watch.borrow_mut().judge_mut().stop_counting();
        let values = self.ask_for_values()?;
        let probes = self.insert_what_dangles()?;
        let mut text = String::new();
        let _ = writeln!(text, "verify: {values} values read, {probes} dangling values inserted");
        for headline in self.watch.borrow().headlines(before) {
            let _ = writeln!(text, "{headline}");
        }
        Ok(text)
    }

    /// Lets what is open come to its end.
    fn rest(&mut self) -> Result<(), String> {
        let tablet = self.ready()?.options.tablet.clone();
        let watch = Rc::clone(&self.watch);
        if watch.borrow().is_open(self.ready()?) {
            self.pass(tablet.transaction_timeout + tablet.query_timeout + LOCKS)?;
        }
        watch.borrow_mut().at_rest(self.ready()?);
        Ok(())
    }

    fn ask_for_values(&mut self) -> Result<usize, String> {
        let questions = self.watch.borrow().judge().questions();
        let mut asked = 0;
        for question in &questions {
            let Some(answer) = self.answer(&question.sql)? else { break };
            self.watch.borrow_mut().judge_mut().judge_question(question, &answer);
            asked += 1;
        }
        Ok(asked)
    }

    fn insert_what_dangles(&mut self) -> Result<usize, String> {
        let mut inserted = 0;
        // A lookup that commits by itself keeps what was rolled back: each way has rows of its own.
        for (way, first) in [(Way::InTransaction, 0), (Way::Alone, ROUND)] {
            let probes = self.watch.borrow().judge().probes(first);
            for probe in &probes {
                if self.watch.borrow().judge().is_taken(probe) {
                    continue;
                }
                let is_in_transaction = way == Way::InTransaction;
                if is_in_transaction && self.answer("begin")?.is_none() {
                    return Ok(inserted);
                }
                let Some(answer) = self.answer(&probe.sql)? else { return Ok(inserted) };
                self.watch.borrow_mut().judge_mut().judge_probe(probe, way, &answer);
                if is_in_transaction && self.answer("rollback")?.is_none() {
                    return Ok(inserted);
                }
                inserted += usize::from(way == Way::Alone);
            }
        }
        Ok(inserted)
    }

    /// The answer to a question of the judge's; none where there is none in time.
    fn answer(&mut self, sql: &str) -> Result<Option<Answer>, String> {
        let asked = self.ask(SESSION, sql)?;
        let end = self.ready()?.world.now().saturating_add(2 * LOCKS.as_nanos() as u64);
        let cell = Rc::clone(&asked);
        let done = move || cell.borrow().is_some() || end <= world::now();
        self.run_until(Goal::When(Rc::new(done)))?;
        let answer = asked.borrow().clone();
        Ok(answer.filter(|answer| !matches!(answer, Answer::Unknown(_))))
    }
}
