//! Which fault may be why something did not go well.
//!
//! Without any fault a statement is told of a duplicate, of a deadlock, of a lock that others held
//! for too long, and of what follows from these in its transaction: such errors are ordinary. Any
//! other, and an answer that does not come, is a fault's doing. Suspected are all kinds that have
//! struck so far in the run, also where they are over: what they did may be felt late. A fault that
//! names another session, or another vtgate, is not suspected; it can be felt through locks only.
//!
//! Only a sole suspect is said to have changed the outcome. So where kinds come together nothing is
//! claimed, and too little is counted rather than too much.
//!
//! It knows nothing of what a fault does.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::reach::Reach;

/// The faults of a run, and which sessions have waited.
#[derive(Default)]
pub struct Blame {
    faults: Vec<(&'static str, Reach)>,
    sessions: BTreeMap<Rc<str>, Session>,
}

#[derive(Default)]
struct Session {
    /// A transaction that BEGIN began has not ended, as far as is known.
    is_open: bool,
    /// It has waited for a lock in it, or in its statement.
    has_waited: bool,
}

/// Faults that take something from a server's disk, or end it before that is written.
const LOSING: [&str; 6] =
    ["crash", "bounce", "power-off", "failing-disk", "fail-sync", "lying-disk"];

/// Errors that a statement gets by its own rows, by others' locks, or since a deadlock has ended
/// its transaction: there is no such savepoint then.
pub const ORDINARY: [u16; 11] = [1048, 1054, 1062, 1064, 1146, 1205, 1213, 1305, 1364, 1451, 1452];

/// What is told of a transaction that has met an ordinary error, or may not go to two shards.
const FOLLOWING: [&str; 3] =
    ["VT15001", "previous transaction failed", "multi-db transaction attempted"];

/// What is told of a lock that is waited for too long, and of the transaction afterwards.
const TIMEOUTS: [&str; 3] =
    ["maximum statement execution time exceeded", "exceeded timeout", "unlocked closed connection"];

impl Blame {
    pub fn struck(&mut self, kind: &'static str, reach: Reach) {
        self.faults.push((kind, reach));
    }

    pub fn asked(&mut self, session: &Rc<str>, sql: &str) {
        let session = self.sessions.entry(Rc::clone(session)).or_default();
        session.has_waited &= session.is_open;
        let word = sql.split_whitespace().next().unwrap_or_default();
        session.is_open |= ["begin", "start"].iter().any(|own| word.eq_ignore_ascii_case(own));
    }

    pub fn waits(&mut self, session: &str) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.has_waited = true;
        }
    }

    pub fn ended(&mut self, session: &str) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.is_open = false;
        }
    }

    /// Whether a session is told this without any fault.
    pub fn is_ordinary(&self, session: &str, error: &str) -> bool {
        let says = |texts: &[&str]| texts.iter().any(|text| error.contains(text));
        let has_waited = self.sessions.get(session).is_some_and(|session| session.has_waited);
        says(&FOLLOWING) || has_waited && says(&TIMEOUTS)
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
