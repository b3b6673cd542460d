//! Which fault may be why something did not go well.
//!
//! Without any fault a statement is told of a duplicate, of a value that leads nowhere, of a
//! deadlock, of a lock that others held for too long, and of what follows from these in its
//! transaction: such errors are ordinary. Any other, and an answer that does not come, is a fault's
//! doing. Suspected are all kinds that have struck so far in the run, also where they are over:
//! what they did may be felt late. A fault that names another client, or another vtgate, is not
//! suspected; it can be felt through locks only.
//!
//! Only a sole suspect is said to have changed the outcome. So where kinds come together nothing is
//! claimed, and too little is counted rather than too much.
//!
//! It knows nothing of what a fault does.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::reach::Reach;

/// The faults of a run, and the sessions that have waited for a lock in it.
#[derive(Default)]
pub struct Blame {
    faults: Vec<(&'static str, Reach)>,
    waited: BTreeSet<Rc<str>>,
}

/// Faults that take something from a server's disk, or end it before that is written.
const LOSING: [&str; 6] =
    ["crash", "bounce", "power-off", "failing-disk", "fail-sync", "lying-disk"];

/// Errors that a statement gets by its own rows, by others' locks, or since a deadlock has ended
/// its transaction: there is no such savepoint then.
pub const ORDINARY: [u16; 11] = [1048, 1054, 1062, 1064, 1146, 1205, 1213, 1305, 1364, 1451, 1452];

/// What is told of a transaction that has met an ordinary error, or may not go to two shards; of a
/// value that no lookup knows; of what Vitess does not support.
const ALWAYS: [&str; 6] = [
    "VT15001",
    "previous transaction failed",
    "multi-db transaction attempted",
    "does not map to keyspace ids",
    "to a keyspace id",
    "VT12001",
];

/// What is told of a lock that is waited for too long, and of the transaction afterwards; a
/// transaction may end long after its wait.
const TIMEOUTS: [&str; 3] =
    ["maximum statement execution time exceeded", "exceeded timeout", "unlocked closed connection"];

impl Blame {
    pub fn struck(&mut self, kind: &'static str, reach: Reach) {
        self.faults.push((kind, reach));
    }

    pub fn waits(&mut self, session: &str) {
        if !self.waited.contains(session) {
            self.waited.insert(session.into());
        }
    }

    /// Whether a session is told this without any fault.
    pub fn is_ordinary(&self, session: &str, error: &str) -> bool {
        let says = |texts: &[&str]| texts.iter().any(|text| error.contains(text));
        says(&ALWAYS) || self.waited.contains(session) && says(&TIMEOUTS)
    }

    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// The one kind that may be why something of a session on this vtgate did not go well.
    pub fn suspect(&self, session: &str, vtgate: Option<&str>) -> Option<&'static str> {
        let suspects = self.faults.iter().filter(|(_, reach)| reach.has(session, vtgate));
        let kinds: BTreeSet<&'static str> = suspects.map(|(kind, _)| *kind).collect();
        kinds.first().copied().filter(|_| kinds.len() == 1)
    }

    /// The kind that took commits from a server of this shard: the last that can have.
    pub fn of_loss(&self, shard: &str) -> Option<&'static str> {
        let hit = self.faults.iter().filter(|(kind, _)| LOSING.contains(kind));
        let last = hit.rev().find(|(_, reach)| reach.shard.as_deref() == Some(shard));
        last.map(|(kind, _)| *kind)
    }
}
