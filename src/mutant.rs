//! Mutants: named, one-line departures from the protocol.
//!
//! A mutant puts a bug in, to see whether the judge finds it. Each is asked for at exactly one spot
//! of the code, by `mutant::is(Mutant::X)`; a tidy test counts. Which are on is a thread-local of
//! the run, set before it and cleared after it.
//!
//! It knows nothing of the spots.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

/// A departure from the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// A commit commits the post sessions before the normal ones: a lookup row goes while its
    /// owner row may stay.
    PostBeforeNormal,
    /// The check of a duplicate's owner row reads without a lock: it doesn't wait for an owner
    /// whose insert is under way.
    NoOwnerLock,
    /// A lookup row is deleted in the pre session: it is gone before its owner row.
    DeleteInPre,
    /// A statement also goes to a shard that its plan does not name.
    StrayShard,
    /// A statement of several shards leaves out the last of them.
    ForgottenShard,
}

impl Mutant {
    pub const ALL: [Mutant; 5] = [
        Mutant::PostBeforeNormal,
        Mutant::NoOwnerLock,
        Mutant::DeleteInPre,
        Mutant::StrayShard,
        Mutant::ForgottenShard,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Mutant::PostBeforeNormal => "post-before-normal",
            Mutant::NoOwnerLock => "no-owner-lock",
            Mutant::DeleteInPre => "delete-in-pre",
            Mutant::StrayShard => "stray-shard",
            Mutant::ForgottenShard => "forgotten-shard",
        }
    }

    pub fn parse(name: &str) -> Option<Mutant> {
        Mutant::ALL.into_iter().find(|mutant| mutant.name() == name)
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

thread_local! {
    static ON: RefCell<BTreeSet<Mutant>> = const { RefCell::new(BTreeSet::new()) };
}

/// Whether a mutant is on in this thread's run.
pub fn is(mutant: Mutant) -> bool {
    ON.with(|on| on.borrow().contains(&mutant))
}

/// Switches these mutants on, and all others off, until the guard is dropped.
pub fn switch_on(mutants: &[Mutant]) -> Guard {
    ON.with(|on| *on.borrow_mut() = mutants.iter().copied().collect());
    Guard(())
}

/// See [`switch_on`].
pub struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = ON.try_with(|on| on.borrow_mut().clear());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_on_while_its_guard_lives() {
        assert!(!is(Mutant::DeleteInPre));
        {
            let _guard = switch_on(&[Mutant::DeleteInPre]);
            assert!(is(Mutant::DeleteInPre) && !is(Mutant::NoOwnerLock));
        }
        assert!(!is(Mutant::DeleteInPre));
        assert!(Mutant::ALL.iter().all(|mutant| Mutant::parse(mutant.name()) == Some(*mutant)));
    }
}
