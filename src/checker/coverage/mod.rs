//! What a run has come to see, for who asks how hard a search has searched.
//!
//! ```text
//!   history ──┐   ┌─> goals      what should happen sometimes
//!   waits ────┼───┼─> blame      which fault changed an outcome
//!   strikes ──┘   ├─> grid       which fault struck in which phase of the protocol
//!                 └─> behaviour  what was done, as numbers that can be counted
//! ```
//!
//! Nothing here judges: a run that reaches no goal holds as well as any other. But a campaign that
//! never sees a deadlock says nothing about deadlocks. The questions that the judge asks at the end
//! of a run are no part of what is counted.
//!
//! It knows nothing of promises.

pub mod behaviour;
pub mod blame;
pub mod cycle;
pub mod fault;
pub mod goal;
pub mod grid;
pub mod phase;
pub mod reach;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::checker::judge::Judge;
use crate::checker::live::{self, Waiting};
use crate::history::{Answer, Event, List, LookupStep, Outcome};
use crate::topo::Alias;
use behaviour::Behaviour;
use blame::Blame;
use fault::Struck;
use goal::{Goal, Goals};
use grid::Grid;
use phase::UnderWay;
use reach::Reach;

/// What a run has seen so far.
#[derive(Default)]
pub struct Coverage {
    goals: Goals,
    blame: Blame,
    grid: Grid,
    under_way: UnderWay,
    behaviour: Behaviour,
    /// Sessions that have met an entry, and do not know yet whether its owner's row is there.
    settling: BTreeSet<Rc<str>>,
    /// Who waited in a cycle when this was last looked at.
    in_cycles: BTreeSet<String>,
    unexplained: Vec<String>,
    /// What follows is not the run's own.
    is_over: bool,
}

/// What a run has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub goals: Goals,
    pub grid: Grid,
    /// What it did, and how each of its statements went: see [`behaviour`].
    pub behaviour: u64,
    pub ways: BTreeSet<u64>,
    /// Errors of statements that are not ordinary, where no fault has struck: see [`blame`].
    pub unexplained: Vec<String>,
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
        let Coverage { goals, grid, behaviour, unexplained, .. } = &self.coverage;
        Seen {
            goals: goals.clone(),
            grid: grid.clone(),
            behaviour: behaviour.hash(),
            ways: behaviour.ways().clone(),
            unexplained: unexplained.clone(),
        }
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
        self.coverage.under_way.observe(event);
        self.coverage.behaviour.observe(event);
        match event {
            Event::Answered { session, answer, .. } => self.cover_answer(session, answer),
            Event::Lookup { session, step: LookupStep::DuplicateFound } => {
                self.coverage.settling.insert(Rc::clone(session));
            }
            Event::Lookup { session, step: LookupStep::OwnerChecked } => {
                self.coverage.settling.remove(session);
            }
            Event::ShardCommit { session, list: List::Post, outcome, .. } => {
                self.cover_post_commit(session, outcome);
            }
            Event::Lost { tablet, gtids, .. } if !gtids.is_empty() => {
                let shard = self.tablets.get(tablet).map(|tablet| tablet.shard);
                let shard = shard.map(|shard| &self.shards[shard].full_name);
                let kind = shard.and_then(|shard| self.coverage.blame.of_loss(shard));
                kind.into_iter().for_each(|kind| self.coverage.reached(Goal::Changed(kind)));
            }
            Event::Fault(text) => self.cover_fault(text),
            Event::Operator(text) if fault::reparents(text) => {
                self.struck(fault::REPARENT, Reach::default());
            }
            _ => {}
        }
    }

    fn cover_answer(&mut self, session: &Rc<str>, answer: &Answer) {
        self.coverage.settling.remove(session);
        match answer {
            Answer::Ok(_) => {}
            Answer::Error(error) if error.errno == DEADLOCK => {
                self.coverage.reached(Goal::Deadlock)
            }
            Answer::Error(error) if blame::ORDINARY.contains(&error.errno) => {}
            Answer::Error(error) if self.coverage.blame.is_ordinary(session, &error.message) => {}
            Answer::Error(error) if !self.coverage.blame.has_faults() => {
                self.coverage.unexplained.push(format!("{}: {}", error.errno, error.message));
            }
            Answer::Error(_) | Answer::Unknown(_) => self.blame_for(session),
        }
    }

    /// The client is told of a warning, and of no error.
    fn cover_post_commit(&mut self, session: &str, outcome: &Outcome) {
        let is_ordinary = match outcome {
            Outcome::Ok => return,
            Outcome::Failed(error) => self.coverage.blame.is_ordinary(session, error),
            Outcome::Unknown(_) => false,
        };
        self.coverage.reached(Goal::PostCommitFailed);
        if !is_ordinary {
            self.blame_for(session);
        }
    }

    fn cover_fault(&mut self, text: &str) {
        if let Some(kind) = fault::kind(text).filter(|kind| !fault::strikes_later(kind)) {
            self.struck(kind, self.reach(text));
        }
    }

    fn struck(&mut self, kind: &'static str, reach: Reach) {
        let vtgate_of = |session: &str| self.sessions.vtgate(session);
        let phase = self.coverage.under_way.furthest(&reach, vtgate_of);
        self.coverage.grid.strike(kind, phase);
        self.coverage.blame.struck(kind, reach);
    }

    /// A rule of the network has struck a message.
    pub fn rule_struck(&mut self, struck: &Struck) {
        if !self.coverage.is_over {
            self.struck(struck.kind, self.reach(&struck.text()));
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
        let Some(waiting) = live::session(waiter) else { return };
        self.coverage.blame.waits(waiting);
        if !self.coverage.settling.contains(waiting) {
            return;
        }
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
        self.coverage.in_cycles = found;
    }

    /// What a fault can reach, by the names in its text.
    fn reach(&self, text: &str) -> Reach {
        Reach::of(text, |alias: &Alias| {
            let tablet = self.tablets.get(alias)?;
            Some(Rc::clone(&self.shards[tablet.shard].full_name))
        })
    }
}
