//! The shard transactions that sessions have open, as the history tells.
//!
//! It knows nothing of what a transaction does.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use sim::clock::Nanos;

use crate::history::{Event, List, Outcome, client_of};

/// See the [module](self).
#[derive(Default)]
pub struct Open {
    /// By session, list and shard (`customer/80-`).
    transactions: BTreeMap<(Rc<str>, List, Rc<str>), Transaction>,
}

struct Transaction {
    id: u64,
    began: Nanos,
}

impl Open {
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::ShardBegin { session, list, shard, transaction } => {
                let key = (Rc::clone(session), *list, Rc::clone(shard));
                let began = sim::world::now();
                self.transactions.insert(key, Transaction { id: *transaction, began });
            }
            Event::ShardCommit { session, list, shard, outcome: Outcome::Ok, .. }
            | Event::ShardRollback { session, list, shard, .. } => {
                self.transactions.remove(&(Rc::clone(session), *list, Rc::clone(shard)));
            }
            Event::Ended { session, .. } => {
                self.transactions.retain(|(own, ..), _| own != session);
            }
            _ => {}
        }
    }

    pub fn began(&self, session: &str, list: List, shard: &str) -> Option<Duration> {
        let open = self.transactions.get(&(session.into(), list, shard.into()))?;
        Some(Duration::from_nanos(open.began))
    }

    /// Whether a client has one in a list, over any connection.
    pub fn has(&self, client: &str, list: List) -> bool {
        let mut all = self.transactions.keys();
        all.any(|(session, in_list, _)| *in_list == list && client_of(session) == client)
    }

    /// Those of a session, in the order of their commits: shard and transaction.
    pub fn of<'a>(
        &'a self,
        session: &'a str,
        list: Option<List>,
        shard: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a str, u64)> {
        let is_meant = move |(own, in_list, on): &(Rc<str>, List, Rc<str>)| {
            **own == *session
                && list.is_none_or(|list| list == *in_list)
                && shard.is_none_or(|shard| *shard == **on)
        };
        let all = self.transactions.iter();
        all.filter(move |(key, _)| is_meant(key)).map(|((.., shard), open)| (&**shard, open.id))
    }
}
