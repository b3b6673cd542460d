//! Commits that a shard had and has no more, and commits that only a server beside it has.
//!
//! A failover without semi-sync loses what no replica had received, a server without synced logs
//! what its machine's crash took. That is no violation by itself: durability is an assumption that
//! the settings may break. But each is named, with who did it and whether its client was told that
//! it had happened. The other way round, a former primary comes back with a commit that the
//! shard goes on without: it is errant.
//!
//! It knows nothing of rows.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::gtid::Gtid;

use crate::checker::attempt::SharedAttempt;
use crate::checker::part::Fate;
use crate::history::List;
use crate::topo::Alias;

/// A commit that a shard's primary had made visible, and the shard lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostCommit {
    /// `keyspace/shard`
    pub shard: Rc<str>,
    pub gtid: Gtid,
    pub tag: Arc<str>,
    pub told: Told,
}

/// A commit that a tablet has and its shard's primary lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrantCommit {
    pub shard: Rc<str>,
    pub tablet: Alias,
    pub gtid: Gtid,
    pub tag: Arc<str>,
}

/// What a commit's client knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Committed,
    Failed,
    /// No answer, or none yet.
    Nothing,
    /// No session of a vtgate did it.
    NoClient,
}

/// The share of a session's transaction that became a commit.
#[derive(Clone)]
pub struct Committer {
    pub attempt: SharedAttempt,
    pub list: List,
}

impl Committer {
    pub fn told(&self, shard: &str) -> Told {
        let attempt = self.attempt.borrow();
        let part = attempt.parts.of(self.list).find(|part| *part.shard == *shard);
        match part.map(|part| &part.fate) {
            Some(Fate::Committed(_)) => Told::Committed,
            Some(Fate::Failed(..) | Fate::RolledBack(_) | Fate::Killed(_)) => Told::Failed,
            Some(Fate::Unknown(..) | Fate::Open) | None => Told::Nothing,
        }
    }
}

impl fmt::Display for LostCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LostCommit { shard, gtid, tag, told } = self;
        let told = match told {
            Told::Committed => ", acknowledged to its client",
            Told::Failed => ", of which its client knows that it failed",
            Told::Nothing => ", of which its client knows nothing",
            Told::NoClient => "",
        };
        write!(f, "lost {gtid} of {tag} on {shard}{told}")
    }
}

impl fmt::Display for ErrantCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrantCommit { shard, tablet, gtid, tag } = self;
        write!(f, "errant {gtid} of {tag} on {tablet}, which {shard} goes on without")
    }
}
