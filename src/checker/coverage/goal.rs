//! Goals: what a search must see sometimes, or it has not searched there.
//!
//! The "sometimes" assertions of a simulator: no run needs to reach one, a campaign should reach
//! all. Each is defined here, and counted where the judge knows of it.
//!
//! It knows nothing of how a goal is reached.

use std::collections::BTreeMap;
use std::fmt;

use super::fault;

/// Something that should happen sometimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// A lookup row without an owner row, whose cause is over, became another transaction's: its
    /// pre commit pointed the row elsewhere, or its normal commit brought the row that it led to.
    DanglingReused,
    /// A statement had met an entry, and the lock on the owner's row waited for another session.
    OwnerWaitedFor,
    /// A post commit failed or had no answer; the client is told of a warning.
    PostCommitFailed,
    /// A client was told of a deadlock: of locks of one server.
    Deadlock,
    /// Sessions waited for each other through locks of two servers, which no server sees; a timeout
    /// ends that.
    WaitCycle,
    /// A statement failed or its outcome was unknown, a post commit failed, or a commit was lost,
    /// and this kind of fault alone can have been why: see [`blame`](super::blame).
    Changed(&'static str),
}

impl Goal {
    /// Those that are no fault's.
    pub const OWN: [Goal; 5] = [
        Goal::DanglingReused,
        Goal::OwnerWaitedFor,
        Goal::PostCommitFailed,
        Goal::Deadlock,
        Goal::WaitCycle,
    ];

    pub fn all() -> impl Iterator<Item = Goal> {
        Goal::OWN.into_iter().chain(fault::KINDS.into_iter().map(Goal::Changed))
    }

    /// As programs read it.
    pub fn name(self) -> String {
        match self {
            Goal::DanglingReused => "dangling_reused".to_owned(),
            Goal::OwnerWaitedFor => "owner_waited_for".to_owned(),
            Goal::PostCommitFailed => "post_commit_failed".to_owned(),
            Goal::Deadlock => "deadlock".to_owned(),
            Goal::WaitCycle => "wait_cycle".to_owned(),
            Goal::Changed(kind) => format!("changed_by {kind}"),
        }
    }
}

impl fmt::Display for Goal {
    /// As people read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::DanglingReused => f.write_str("a dangling lookup row was reused"),
            Goal::OwnerWaitedFor => f.write_str("a duplicate waited for an uncommitted owner"),
            Goal::PostCommitFailed => f.write_str("a post commit failed"),
            Goal::Deadlock => f.write_str("a deadlock inside one server"),
            Goal::WaitCycle => f.write_str("a wait cycle across two servers"),
            Goal::Changed(kind) => write!(f, "{kind} changed an outcome"),
        }
    }
}

/// How often each goal was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Goals(BTreeMap<Goal, u64>);

impl Goals {
    pub fn reach(&mut self, goal: Goal) {
        *self.0.entry(goal).or_default() += 1;
    }

    pub fn add(&mut self, other: &Goals) {
        for (goal, count) in &other.0 {
            *self.0.entry(*goal).or_default() += count;
        }
    }

    pub fn count(&self, goal: Goal) -> u64 {
        self.0.get(&goal).copied().unwrap_or(0)
    }

    /// Those that were reached.
    pub fn reached(&self) -> impl Iterator<Item = (Goal, u64)> + '_ {
        self.0.iter().map(|(goal, count)| (*goal, *count))
    }
}
