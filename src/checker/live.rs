//! Every wait ends, and at rest nothing is left: no open transaction, no row lock, nobody who
//! waits, no statement without its answer.
//!
//! The counterexample that it exists for. The owner's row is looked for in the pre connection,
//! where its own lookup row is not locked by it:
//!
//! ```text
//!   a: insert order 5     pre     product/0   insert 'Product_5'
//!                         normal  product/0   waits for 'Product_5', held by a pre
//! ```
//!
//! No server sees a deadlock, since vtgate is the one who waits; it ends by timeout. A session may
//! wait for itself where a transaction comes to one value twice (a DELETE and then an INSERT of it;
//! an UPDATE that gives one row another's value), and for what an earlier work has left locked
//! until a timeout, since its commit failed. So a wait for oneself is judged in a work with a
//! single statement that changes data: an INSERT, a DELETE, or an UPDATE that does not come to an
//! entry of its own: it sets no column of a lookup vindex, or only to values other than the one
//! that it finds its rows by. With more the judge cannot tell.
//!
//! A transaction that its vtgate has ended, or whose client is gone, is open on no shard: the
//! tablet's killer has nothing to do there. Judged where no fault but a client's has come. A
//! statement that runs when its client goes is run to its end, and nothing is rolled back before:
//! if that waits on one shard for somebody, the killer may come to another.
//!
//! What is left is judged when every timeout is past and every fault undone. Left out: reserved
//! connections without a transaction, which look like those of the pool; clients that have
//! settings, which may have asked for no timeout.
//!
//! It knows nothing of how locks are taken.

use crate::checker::clients::Work;
use crate::checker::part::of_tag;
use crate::checker::statement::{Form, Kind, Write};
use crate::history::{List, session_of};
use crate::topo::Alias;

/// A connection that waits for a lock.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub tablet: Alias,
    /// Tags.
    pub waiter: String,
    pub holders: Vec<String>,
    /// `corder.PRIMARY(5)`
    pub what: String,
}

/// What a connection of a session has.
#[derive(Clone, Debug)]
pub struct Held {
    pub tablet: Alias,
    /// The connection's tag.
    pub tag: String,
    pub what: String,
}

impl Waiting {
    /// The session, where it waits for itself, and the lists that it waits for.
    pub fn oneself(&self) -> Option<(&str, Vec<List>)> {
        let waiter = session(&self.waiter)?;
        let own = self.holders.iter().filter(|tag| **tag != self.waiter);
        let lists: Vec<List> = own
            .filter(|tag| session(tag) == Some(waiter))
            .filter_map(|tag| of_tag(tag).map(|(_, list)| list))
            .collect();
        (!lists.is_empty()).then_some((waiter, lists))
    }
}

/// The session of a connection of one of its lists, or of its copy's.
pub fn session(tag: &str) -> Option<&str> {
    of_tag(tag).map(|(session, _)| session_of(session))
}

/// Whether a work cannot come to one value twice. `meets_itself` says whether an UPDATE may, by
/// what it sets and what it finds its rows by.
pub fn must_not_wait(work: &Work, meets_itself: impl Fn(&Write) -> bool) -> bool {
    let mut writes = Vec::new();
    for said in &work.statements {
        match &*said.form {
            Form::Write(write) => writes.push(write),
            Form::Other | Form::Use(_) | Form::Set => return false,
            _ => {}
        }
    }
    match writes.as_slice() {
        [only] => match only.kind {
            Kind::Insert | Kind::Delete => true,
            Kind::Update => !meets_itself(only),
            Kind::LooseInsert => false,
        },
        _ => false,
    }
}

/// How long vtgate may take to end what nobody wants any more.
pub const AT_ONCE: u64 = 1_000_000_000;

/// Whether a fault leaves vtgate able to end every transaction: one of a client, or of a statement.
pub fn is_of_client(fault: &str) -> bool {
    first(fault).is_some_and(|word| ["disconnect", "client-timeout", "kill-query"].contains(&word))
        || fault.contains(" is primary of ")
        || fault == "recover"
}

fn first(target: &str) -> Option<&str> {
    target.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_waits_for_itself_through_two_connections() {
        let wait = |waiter: &str, holders: &[&str]| Waiting {
            tablet: Alias::new("zone1", 1),
            waiter: waiter.into(),
            holders: holders.iter().map(ToString::to_string).collect(),
            what: String::new(),
        };
        assert_eq!(wait("a pre", &["a post"]).oneself(), Some(("a", vec![List::Post])));
        let both = wait("a pre", &["b post", "a normal"]);
        assert_eq!(both.oneself(), Some(("a", vec![List::Normal])));
        assert_eq!(wait("a pre", &["b post"]).oneself(), None);
        assert_eq!(wait("vreplication 1", &["vreplication 2"]).oneself(), None);
    }
}
