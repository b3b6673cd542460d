//! What a run did, as numbers that leave out times, values and names.
//!
//! A run's behaviour is a hash of the ordered list of what happened: the first word of each
//! statement that a client asks, each message of a session to a shard and its answer (statement,
//! savepoint, commit or rollback; its list; how a commit came out), a duplicate that is settled,
//! what clients are told (well, an error's number, nothing), faults by their kinds, promotions,
//! kills and losses. Sessions are numbered as they come; which shard it was is left out.
//!
//! A way is the same of one statement alone, from its question to its answer. There are few of them
//! beside the runs, so they show when a search finds nothing new any more.
//!
//! It knows nothing of what is right.

use std::collections::BTreeSet;
use std::rc::Rc;

use sim::seed::{hash, mix};

use super::fault;
use crate::history::{Answer, Event, LookupStep, Outcome};

/// What a run has done so far.
#[derive(Default)]
pub struct Behaviour {
    hash: u64,
    ways: BTreeSet<u64>,
    /// By their first appearance.
    sessions: Vec<Session>,
}

struct Session {
    name: Rc<str>,
    /// Of its statement that is under way.
    way: u64,
}

/// Something that happened: what sort of thing, and what of it counts.
struct Word(u64, u64);

impl Behaviour {
    pub fn observe(&mut self, event: &Event) {
        let Some((session, Word(sort, what))) = word(event) else { return };
        let word = mix(sort, what);
        let Some(session) = session else {
            self.hash = mix(self.hash, word);
            return;
        };
        let number = self.number(session);
        self.hash = mix(mix(self.hash, number as u64), word);
        let Some(session) = self.sessions.get_mut(number) else { return };
        let before = if matches!(event, Event::Asked { .. }) { 0 } else { session.way };
        session.way = mix(before, word);
        if matches!(event, Event::Answered { .. }) {
            self.ways.insert(session.way);
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn ways(&self) -> &BTreeSet<u64> {
        &self.ways
    }

    fn number(&mut self, name: &Rc<str>) -> usize {
        let known = self.sessions.iter().position(|session| session.name == *name);
        known.unwrap_or_else(|| {
            self.sessions.push(Session { name: Rc::clone(name), way: 0 });
            self.sessions.len() - 1
        })
    }
}

fn word(event: &Event) -> Option<(Option<&Rc<str>>, Word)> {
    Some(match event {
        Event::Asked { session, sql, .. } => {
            let first = sql.split_whitespace().next().unwrap_or_default();
            (Some(session), Word(1, hash(first.to_ascii_lowercase().as_bytes())))
        }
        Event::Answered { session, answer, .. } => {
            let told = match answer {
                Answer::Ok(_) => 0,
                Answer::Unknown(_) => 1,
                Answer::Error(error) => 2 + u64::from(error.errno),
            };
            (Some(session), Word(2, told))
        }
        Event::ShardSend { session, list, what, .. } => {
            (Some(session), Word(3, mix(*list as u64, *what as u64)))
        }
        Event::ShardAnswer { session, list, .. } => (Some(session), Word(4, *list as u64)),
        Event::AnswerLost { session, list, .. } => (Some(session), Word(15, *list as u64)),
        Event::ShardBegin { session, list, .. } => (Some(session), Word(5, *list as u64)),
        Event::ShardCommit { session, list, outcome, .. } => {
            let outcome = match outcome {
                Outcome::Ok => 0,
                Outcome::Failed(_) => 1,
                Outcome::Unknown(_) => 2,
            };
            (Some(session), Word(6, mix(*list as u64, outcome)))
        }
        Event::ShardRollback { session, list, .. } => (Some(session), Word(7, *list as u64)),
        Event::Lookup { session, step: LookupStep::DuplicateFound } => (Some(session), Word(8, 0)),
        Event::Lookup { session, step: LookupStep::OwnerChecked } => (Some(session), Word(8, 1)),
        Event::Reverted { session } => (Some(session), Word(9, 0)),
        Event::RevertFailed { session } => (Some(session), Word(9, 1)),
        Event::Ended { session, what } => (Some(session), Word(10, hash(what.as_bytes()))),
        Event::Killed { .. } => (None, Word(11, 0)),
        Event::Lost { .. } => (None, Word(12, 0)),
        Event::Promoted { .. } => (None, Word(13, 0)),
        Event::Fault(text) => (None, Word(14, hash(fault::kind(text)?.as_bytes()))),
        // A client's end is told as a fault, too.
        Event::Opened { .. }
        | Event::Disconnected { .. }
        | Event::Statement { .. }
        | Event::Plan(_)
        | Event::ShardStatement(_)
        | Event::PlanEnded { .. }
        | Event::Stream { .. }
        | Event::Connection { .. }
        | Event::Commit { .. }
        | Event::Operator(_)
        | Event::Commanded { .. } => return None,
    })
}
