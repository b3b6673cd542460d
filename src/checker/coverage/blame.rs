//! Which fault may be why something did not go well.
//!
//! A fault is suspected of a session's trouble if it was in force at some time since the last
//! answer before the session's transaction: what struck before that has been felt before. One that
//! names another session, or another vtgate, is not. Only where all suspects are of one kind is
//! that kind said to have changed the outcome: so of two faults at once nothing is claimed, and too
//! little is counted rather than too much.
//!
//! What a statement may be told without any fault is ordinary, and nobody's doing: a duplicate, a
//! deadlock, a lock that others hold for too long, and what follows from these in a transaction.
//!
//! It knows nothing of what a fault does.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sim::sql_error::SqlError;

use super::reach::Reach;
use crate::checker::clients::UNDONE;
use crate::checker::live::LASTING;
use crate::checker::verdict::At;
use crate::history::Answer;

/// The faults of a run, and since when each session may feel them.
#[derive(Default)]
pub struct Blame {
    faults: Vec<Fault>,
    sessions: BTreeMap<Rc<str>, Session>,
}

struct Fault {
    kind: &'static str,
    /// None while it is in force.
    over: Option<At>,
    reach: Reach,
    /// The first name in its text.
    target: Rc<str>,
}

#[derive(Default)]
struct Session {
    /// The last answer.
    answered: At,
    /// The last answer before its transaction.
    since: At,
    is_open: bool,
}

/// Faults that take something from a server's disk, or end it before that is written.
const LOSING: [&str; 6] =
    ["crash", "bounce", "power-off", "failing-disk", "fail-sync", "lying-disk"];

/// Whether a statement is told this without any fault; `has_waited` says whether somebody waited
/// for what only a timeout ends.
pub fn is_ordinary(error: &SqlError, has_waited: bool) -> bool {
    let timeouts = [
        "maximum statement execution time exceeded",
        "exceeded timeout",
        "unlocked closed connection",
    ];
    UNDONE.contains(&error.errno)
        || error.message.contains("VT15001")
        || has_waited && timeouts.iter().any(|text| error.message.contains(text))
}

/// Whether a fault of this kind is in force until something undoes it. A call that is not answered
/// is one call; its caller waits.
fn lasts(kind: &str) -> bool {
    kind != "silent" && LASTING.iter().any(|(word, _)| *word == kind)
}

impl Blame {
    /// `target` is what stands behind the fault's word.
    pub fn struck(&mut self, at: At, kind: &'static str, reach: Reach, target: &str) {
        let over = (!lasts(kind)).then_some(at);
        self.faults.push(Fault { kind, over, reach, target: first(target).into() });
    }

    /// A fault's text may say that others are over.
    pub fn undo(&mut self, at: At, text: &str) {
        let (what, target) = text.split_once(' ').unwrap_or((text, ""));
        let target = first(target);
        for fault in self.faults.iter_mut().filter(|fault| fault.over.is_none()) {
            let by = LASTING.iter().find(|(word, _)| *word == fault.kind);
            let undone = by.is_some_and(|(_, by)| by.contains(&what));
            if what == "recover" || undone && (what == "heal" || *fault.target == *target) {
                fault.over = Some(at);
            }
        }
    }

    pub fn asked(&mut self, session: &Rc<str>, sql: &str) {
        let session = self.sessions.entry(Rc::clone(session)).or_default();
        if !session.is_open {
            session.since = session.answered;
        }
        let word = first(sql);
        session.is_open |= ["begin", "start"].iter().any(|own| word.eq_ignore_ascii_case(own));
    }

    pub fn answered(&mut self, at: At, session: &str, answer: &Answer) {
        let Some(session) = self.sessions.get_mut(session) else { return };
        session.answered = at;
        if matches!(answer, Answer::Unknown(_)) {
            session.is_open = false;
        }
    }

    pub fn ended(&mut self, session: &str) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.is_open = false;
        }
    }

    /// The one kind that may be why something of this session did not go well, now.
    pub fn suspect(&self, session: &str, vtgate: Option<&str>) -> Option<&'static str> {
        let since = self.sessions.get(session)?.since;
        let suspects = self.faults.iter().filter(|fault| {
            fault.over.is_none_or(|over| since <= over) && fault.reach.has(session, vtgate)
        });
        let kinds: BTreeSet<&'static str> = suspects.map(|fault| fault.kind).collect();
        if kinds.len() == 1 { kinds.into_iter().next() } else { None }
    }

    /// The kind that took commits from a server of this shard: the last that can have.
    pub fn of_loss(&self, shard: &str) -> Option<&'static str> {
        let hit = self.faults.iter().filter(|fault| LOSING.contains(&fault.kind));
        let last = hit.rev().find(|fault| fault.reach.shard.as_deref() == Some(shard));
        last.map(|fault| fault.kind)
    }
}

fn first(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}
