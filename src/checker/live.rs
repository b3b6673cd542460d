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
//! tablet's killer has nothing to do there. Judged where no fault but a client's has come.
//!
//! What is left is judged when every timeout is past and every fault undone. Left out: reserved
//! connections without a transaction, which look like those of the pool; clients that have
//! settings, which may have asked for no timeout.
//!
//! It knows nothing of how locks are taken.

use crate::checker::clients::Work;
use crate::checker::statement::{Form, Kind, Write};
use crate::history::List;
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
            .filter_map(|tag| list(tag.rsplit_once(' ')?.1))
            .collect();
        (!lists.is_empty()).then_some((waiter, lists))
    }
}

/// The session of a connection of one of its lists.
pub fn session(tag: &str) -> Option<&str> {
    let (session, list) = tag.rsplit_once(' ')?;
    self::list(list).map(|_| session)
}

fn list(word: &str) -> Option<List> {
    [List::Pre, List::Normal, List::Post].into_iter().find(|list| list.to_string() == word)
}

/// Whether a work cannot come to one value twice. `meets_itself` says whether an UPDATE may, by what
/// it sets and what it finds its rows by.
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

/// Faults that last, and the word that undoes each; `recover` undoes all.
const LASTING: [(&str, &[&str]); 28] = [
    ("crash", &["restart", "power-on"]),
    ("power-off", &["power-on"]),
    ("pause", &["resume"]),
    ("cut", &["mend", "heal"]),
    ("partition", &["heal"]),
    ("isolate", &["heal"]),
    ("latency", &[]),
    ("silent", &["heal"]),
    ("delay", &["heal"]),
    ("slow-node", &["heal"]),
    ("topo-down", &["heal"]),
    ("topo-slow", &["heal"]),
    ("topo-stale", &["heal"]),
    ("topo-lost-event", &[]),
    ("slow-disk", &["mend-disk"]),
    ("silent-disk", &["mend-disk"]),
    ("full-disk", &["mend-disk"]),
    ("failing-disk", &["mend-disk"]),
    ("lying-disk", &["mend-disk"]),
    ("fail-sync", &["restart"]),
    ("clock-offset", &["clock-right"]),
    ("clock-step", &["clock-right"]),
    ("clock-drift", &["clock-right"]),
    ("clock-freeze", &["clock-right"]),
    ("stop-replication", &["start-replication"]),
    ("lag", &["lag"]),
    ("read-only", &["read-write"]),
    ("fill-pool", &["free-pool"]),
];

/// Whether faults are not undone, by what a history says of them.
pub fn is_faulty<'a>(faults: impl Iterator<Item = &'a str>) -> bool {
    let mut open: Vec<(&[&str], &str)> = Vec::new();
    for fault in faults {
        let (what, target) = fault.split_once(' ').unwrap_or((fault, ""));
        if what == "recover" {
            open.clear();
        }
        // `heal` is of the whole network, the others of their target.
        open.retain(|(undone, of)| {
            !(undone.contains(&what) && (what == "heal" || first(of) == first(target)))
        });
        if let Some((_, undone)) = LASTING.iter().find(|(word, _)| *word == what) {
            open.push((undone, target));
        }
    }
    !open.is_empty()
}

fn first(target: &str) -> Option<&str> {
    target.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_undone_by_its_counterpart() {
        let check = |faults: &[&str], expected: bool| {
            assert_eq!(is_faulty(faults.iter().copied()), expected, "{faults:?}");
        };
        check(&[], false);
        check(&["crash vtgate-1"], true);
        check(&["crash vtgate-1", "restart vtgate-1"], false);
        check(&["crash vtgate-1", "restart vtgate-2"], true);
        check(&["cut a b", "delay Commit 1s", "heal"], false);
        check(&["break Commit before", "zone1-0000000301 is primary of customer/-80"], false);
        check(&["power-off a torn=1", "latency a b 5ms", "recover"], false);
        check(&["silent-disk a", "mend-disk a"], false);
    }

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
