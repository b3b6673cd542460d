//! A shard's share of a transaction, and what came of it.
//!
//! Two follow the same shard transactions: [`attempt`](super::attempt), by what vtgate and servers
//! do, for who has written a row; [`clients`](super::clients), by what a client says and is told. A
//! transaction is not the same for both: an attempt lasts from its first shard transaction until
//! its vtgate has ended it or died, a work of a client from its first statement, and only as long
//! as its client can be judged. What they have in common is here.
//!
//! It knows nothing of statements.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::binlog::BinlogTransaction;

use crate::checker::verdict::At;
use crate::history::{List, Outcome};

/// A shard's share of a transaction.
#[derive(Clone, Debug)]
pub struct Part {
    pub list: List,
    /// `keyspace/shard`
    pub shard: Rc<str>,
    pub transaction: u64,
    pub began: At,
    pub fate: Fate,
    /// What its server has committed, whatever vtgate was told.
    pub commit: Option<Arc<BinlogTransaction>>,
}

/// The first that vtgate knew of a part's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Open,
    Committed(At),
    Failed(At, Rc<str>),
    /// No answer.
    Unknown(At, Rc<str>),
    RolledBack(At),
    /// By the tablet's transaction killer, or with its connection.
    Killed(At),
}

/// The parts of a transaction, in the order of their begin.
#[derive(Clone, Debug, Default)]
pub struct Parts(Vec<Part>);

impl Fate {
    /// What a commit's answer says.
    pub fn of_commit(at: At, outcome: &Outcome) -> Fate {
        match outcome {
            Outcome::Ok => Fate::Committed(at),
            Outcome::Failed(error) => Fate::Failed(at, error.as_str().into()),
            Outcome::Unknown(error) => Fate::Unknown(at, error.as_str().into()),
        }
    }

    pub fn is_committed(&self) -> bool {
        matches!(self, Fate::Committed(_))
    }

    pub fn is_rolled_back(&self) -> bool {
        matches!(self, Fate::RolledBack(_))
    }
}

impl Parts {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Part> {
        self.0.iter()
    }

    pub fn of(&self, list: List) -> impl Iterator<Item = &Part> {
        self.iter().filter(move |part| part.list == list)
    }

    pub fn has(&self, list: List, shard: &str) -> bool {
        self.of(list).any(|part| *part.shard == *shard)
    }

    pub fn is_open(&self) -> bool {
        self.iter().any(|part| part.fate == Fate::Open)
    }

    /// Whether a server may commit a part of which vtgate knows no good end.
    pub fn may_commit_late(&self) -> bool {
        self.iter().any(|part| {
            part.commit.is_none() && matches!(part.fate, Fate::Failed(..) | Fate::Unknown(..))
        })
    }

    pub fn begin(&mut self, at: At, list: List, shard: &Rc<str>, transaction: u64) {
        let (shard, fate) = (Rc::clone(shard), Fate::Open);
        self.0.push(Part { list, shard, transaction, began: at, fate, commit: None });
    }

    pub fn get_mut(&mut self, shard: &str, transaction: u64) -> Option<&mut Part> {
        let is = |part: &&mut Part| part.transaction == transaction && *part.shard == *shard;
        self.0.iter_mut().rev().find(is)
    }

    /// Says what came of a part. Says whether it is one of these.
    pub fn settle(&mut self, shard: &str, transaction: u64, fate: Fate) -> bool {
        let Some(part) = self.get_mut(shard, transaction) else { return false };
        // The rollback that follows a failed commit is not the part's fate.
        if matches!(part.fate, Fate::Open | Fate::Killed(_)) {
            part.fate = fate;
        }
        true
    }

    /// Gives a server's commit of a shard transaction to its part. Says whether there is one.
    pub fn commit(&mut self, shard: &str, transaction: u64, by: &Arc<BinlogTransaction>) -> bool {
        let part = self.get_mut(shard, transaction);
        part.map(|part| part.commit = Some(Arc::clone(by))).is_some()
    }
}

/// Whose connection has this tag, and of which of a session's lists it is.
pub fn of_tag(tag: &str) -> Option<(&str, List)> {
    let (session, list) = tag.rsplit_once(' ')?;
    Some((session, List::parse(list)?))
}
