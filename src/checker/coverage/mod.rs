//! What a run has come to see, for who asks how hard a search has searched.
//!
//! ```text
//!   history ──┐                     ┌─> goals      what should happen sometimes
//!   waits ────┼─> what is under way ┤
//!   strikes ──┘                     └─> blame      which fault changed an outcome
//! ```
//!
//! Nothing here judges: a run that reaches no goal holds as well as any other. But a campaign that
//! never sees a deadlock says nothing about deadlocks. The questions that the judge asks at the end
//! of a run are no part of what is counted.
//!
//! It knows nothing of promises.

pub mod blame;
pub mod cycle;
pub mod fault;
pub mod goal;
pub mod reach;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::rc::Rc;

use sim::clock::Nanos;

use crate::checker::judge::Judge;
use crate::checker::live::{self, Waiting};
use crate::checker::verdict::At;
use crate::history::{Answer, Event, List, LookupStep, Outcome};
use crate::topo::Alias;
use blame::Blame;
use fault::Struck;
use goal::{Goal, Goals};

/// What a run has seen so far.
#[derive(Default)]
pub struct Coverage {
    goals: Goals,
    blame: Blame,
    /// Sessions that have met an entry, and do not know yet whether its owner's row is there.
    settling: BTreeSet<Rc<str>>,
    /// Who waited in a cycle when this was last looked at.
    in_cycles: BTreeSet<String>,
    /// Somebody waited for what only a timeout ends.
    has_waited: bool,
    /// What follows is not the run's own.
    is_over: bool,
}

/// What a run has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub goals: Goals,
}

impl Coverage {
    pub(super) fn reached(&mut self, goal: Goal) {
        if !self.is_over {
            self.goals.reach(goal);
        }
    }
}

/// MySQL's ER_LOCK_DEADLOCK.
const DEADLOCK: u16 = 1213;

impl Judge {
    /// What the run has seen so far.
    pub fn seen(&self) -> Seen {
        Seen { goals: self.coverage.goals.clone() }
    }

    /// The run is over but for questions.
    pub fn stop_counting(&mut self) {
        self.coverage.is_over = true;
    }

    /// Counts what an event shows.
    pub(in crate::checker) fn cover(&mut self, event: &Event) {
        if self.coverage.is_over {
            return;
        }
        let at = self.at;
        match event {
            Event::Asked { session, sql, .. } => self.coverage.blame.asked(session, sql),
            Event::Answered { session, answer, .. } => self.cover_answer(at, session, answer),
            Event::Lookup { session, step: LookupStep::DuplicateFound } => {
                self.coverage.settling.insert(Rc::clone(session));
            }
            Event::Lookup { session, step: LookupStep::OwnerChecked } => {
                self.coverage.settling.remove(session);
            }
            Event::ShardCommit { session, list: List::Post, outcome, .. } => {
                if *outcome != Outcome::Ok {
                    self.coverage.reached(Goal::PostCommitFailed);
                    // The client is told of no error.
                    self.blame_for(session);
                }
            }
            Event::Ended { session, .. } => self.coverage.blame.ended(session),
            Event::Lost { tablet, gtids, .. } if !gtids.is_empty() => {
                let shard = self.tablets.get(tablet).map(|tablet| tablet.shard);
                let shard = shard.map(|shard| &self.shards[shard].full_name);
                let kind = shard.and_then(|shard| self.coverage.blame.of_loss(shard));
                kind.into_iter().for_each(|kind| self.coverage.reached(Goal::Changed(kind)));
            }
            Event::Fault(text) => self.cover_fault(at, text),
            _ => {}
        }
    }

    fn cover_answer(&mut self, at: At, session: &Rc<str>, answer: &Answer) {
        self.coverage.settling.remove(session);
        match answer {
            Answer::Ok(_) => {}
            Answer::Error(error) if error.errno == DEADLOCK => {
                self.coverage.reached(Goal::Deadlock)
            }
            Answer::Error(error) if blame::is_ordinary(error, self.coverage.has_waited) => {}
            Answer::Error(_) | Answer::Unknown(_) => self.blame_for(session),
        }
        self.coverage.blame.answered(at, session, answer);
    }

    fn cover_fault(&mut self, at: At, text: &str) {
        self.coverage.blame.undo(at, text);
        if let Some(kind) = fault::kind(text).filter(|kind| !fault::strikes_later(kind)) {
            let (_, target) = text.split_once(' ').unwrap_or_default();
            self.coverage.blame.struck(at, kind, self.reach(text), target);
        }
    }

    /// A rule of the network has struck a message.
    pub fn rule_struck(&mut self, struck: &Struck, now: Nanos) {
        if !self.coverage.is_over {
            let at = At { time: now, ..self.at };
            self.coverage.blame.struck(at, struck.kind, self.reach(&struck.text()), "");
        }
    }

    /// Something of a session did not go well: the one fault that may be why.
    fn blame_for(&mut self, session: &str) {
        let vtgate = self.sessions.vtgate(session);
        if let Some(kind) = self.coverage.blame.suspect(session, vtgate) {
            self.coverage.reached(Goal::Changed(kind));
        }
    }

    /// A statement of `waiter` begins to wait on a table for who holds it; both are tags.
    pub fn lock_wait_began(&mut self, waiter: &str, holders: &[String], table: &str) {
        let settling = &self.coverage.settling;
        let Some(waiting) = live::session(waiter).filter(|of| settling.contains(*of)) else {
            return;
        };
        let mut vindexes = self.vindexes.iter();
        let is_owner = vindexes.any(|vindex| *vindex.watched.owner.table == *table);
        let mut others = holders.iter().filter_map(|holder| live::session(holder));
        if is_owner && others.any(|other| other != waiting) {
            self.coverage.reached(Goal::OwnerWaitedFor);
        }
    }

    /// Looks for cycles among who waits for whom.
    pub(in crate::checker) fn cover_waits(&mut self, waits: &[Waiting]) {
        let found = cycle::across_servers(waits);
        if !found.is_subset(&self.coverage.in_cycles) {
            self.coverage.reached(Goal::WaitCycle);
        }
        self.coverage.has_waited |=
            !found.is_empty() || waits.iter().any(|wait| wait.oneself().is_some());
        self.coverage.in_cycles = found;
    }

    /// What a fault can reach, by the names in its text.
    fn reach(&self, text: &str) -> reach::Reach {
        reach::Reach::of(text, |alias: &Alias| {
            let tablet = self.tablets.get(alias)?;
            Some(Rc::clone(&self.shards[tablet.shard].full_name))
        })
    }
}
