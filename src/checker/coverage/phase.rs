//! The protocol's phases, and how far each session is.
//!
//! ```text
//!   asks   insert ..                 statement
//!   sends  commit to a pre shard     pre commit       until the next list's first commit leaves
//!   sends  commit to a normal shard  normal commit
//!   sends  commit to a post shard    post commit
//!   sends  rollback                  rolled back      whether its client or an error asked for it
//!   is told                          idle             its transaction may be open
//! ```
//!
//! It knows nothing of faults but what they reach.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::reach::Reach;
use crate::history::{Event, List, Sent};

/// How far a session is. Of two, the later is the further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    #[default]
    Idle,
    Statement,
    RolledBack,
    Pre,
    Normal,
    Post,
}

impl Phase {
    pub const ALL: [Phase; 6] =
        [Phase::Idle, Phase::Statement, Phase::Pre, Phase::Normal, Phase::Post, Phase::RolledBack];

    pub fn name(self) -> &'static str {
        match self {
            Phase::Idle => "idle",
            Phase::Statement => "statement",
            Phase::RolledBack => "rolled back",
            Phase::Pre => "pre commit",
            Phase::Normal => "normal commit",
            Phase::Post => "post commit",
        }
    }
}

/// What every session has under way.
#[derive(Default)]
pub struct UnderWay(BTreeMap<Rc<str>, Doing>);

#[derive(Default)]
struct Doing {
    phase: Phase,
    is_asking: bool,
    /// Where its transaction has sent something.
    shards: BTreeSet<Rc<str>>,
}

impl UnderWay {
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Asked { session, .. } => {
                let doing = self.of(session);
                (doing.phase, doing.is_asking) = (Phase::Statement, true);
            }
            Event::Answered { session, .. } | Event::Disconnected { session } => {
                let doing = self.of(session);
                (doing.phase, doing.is_asking) = (Phase::Idle, false);
            }
            Event::ShardSend { session, list, shard, what } => {
                let doing = self.of(session);
                if !doing.shards.contains(shard) {
                    doing.shards.insert(Rc::clone(shard));
                }
                match what {
                    Sent::Commit => doing.phase = committing(*list),
                    Sent::Rollback => doing.phase = Phase::RolledBack,
                    Sent::Statement | Sent::Savepoint => {}
                }
            }
            Event::Ended { session, .. } => {
                let doing = self.of(session);
                doing.shards.clear();
                // A BEGIN may have ended it, and goes on; a client that is gone does not.
                doing.phase = if doing.is_asking { Phase::Statement } else { Phase::Idle };
            }
            _ => {}
        }
    }

    /// The furthest phase of a session that is reached. `vtgate_of` says where one is.
    pub fn furthest<'a>(
        &self,
        reach: &Reach,
        vtgate_of: impl Fn(&str) -> Option<&'a str>,
    ) -> Phase {
        let reached = self.0.iter().filter(|(session, doing)| {
            reach.has(session, vtgate_of(session))
                && reach.shard.as_ref().is_none_or(|shard| doing.shards.contains(shard))
        });
        reached.map(|(_, doing)| doing.phase).max().unwrap_or_default()
    }

    fn of(&mut self, session: &Rc<str>) -> &mut Doing {
        self.0.entry(Rc::clone(session)).or_default()
    }
}

fn committing(list: List) -> Phase {
    match list {
        List::Pre => Phase::Pre,
        List::Normal => Phase::Normal,
        List::Post => Phase::Post,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(list: List, shard: &str, what: Sent) -> Event {
        Event::ShardSend { session: "a".into(), list, shard: shard.into(), what }
    }

    #[test]
    fn a_session_goes_through_its_phases() {
        let mut under_way = UnderWay::default();
        let here = Reach { shard: Some("customer/-80".into()), ..Reach::default() };
        let mut check = |event: &Event, everywhere: Phase, there: Phase| {
            under_way.observe(event);
            let of = |reach: &Reach| under_way.furthest(reach, |_| Some("vtgate-1"));
            assert_eq!((of(&Reach::default()), of(&here)), (everywhere, there), "{event:?}");
            let elsewhere = Reach { vtgate: Some("vtgate-2".into()), ..Reach::default() };
            assert_eq!(of(&elsewhere), Phase::Idle);
        };
        let sql = "insert into corder (order_id) values (1)".into();
        let asked = Event::Asked { session: "a".into(), ask: 1, sql };
        check(&asked, Phase::Statement, Phase::Idle);
        let (product, customer) = ("product/0", "customer/-80");
        check(&send(List::Pre, product, Sent::Statement), Phase::Statement, Phase::Idle);
        check(&send(List::Normal, customer, Sent::Statement), Phase::Statement, Phase::Statement);
        check(&send(List::Pre, product, Sent::Commit), Phase::Pre, Phase::Pre);
        check(&send(List::Normal, customer, Sent::Commit), Phase::Normal, Phase::Normal);
        check(&send(List::Post, product, Sent::Commit), Phase::Post, Phase::Post);
        let rollback = send(List::Post, product, Sent::Rollback);
        check(&rollback, Phase::RolledBack, Phase::RolledBack);
        let ended = Event::Ended { session: "a".into(), what: "rollback" };
        check(&ended, Phase::Statement, Phase::Idle);
        let answer = crate::history::Answer::Unknown("connection lost".into());
        let answered = Event::Answered { session: "a".into(), ask: 1, answer };
        check(&answered, Phase::Idle, Phase::Idle);
        // Its vtgate goes on without it.
        let commit = send(List::Normal, customer, Sent::Commit);
        check(&commit, Phase::Normal, Phase::Normal);
        check(&ended, Phase::Idle, Phase::Idle);
    }
}
