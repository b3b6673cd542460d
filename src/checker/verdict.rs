//! What the judge says of a value, and the words that it uses.
//!
//! It knows nothing of how a verdict is reached.

use std::fmt;
use std::rc::Rc;

use sim::clock::Nanos;

use crate::checker::violation::Violation;

/// What became of a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Held,
    /// A lookup row without an owner row, which the protocol allows, and why it is there.
    Dangling {
        cause: Cause,
    },
    /// The promise is broken, and so was an assumption that it rests on.
    Excused {
        assumption: Assumption,
    },
    Violated {
        invariant: Invariant,
    },
}

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    NoMissing,
    Unique,
    Filled,
    ReplicaPrefix,
    RowImages,
    PlannedShards,
    Honest,
    Atomic,
    Live,
    Kept,
    Explained,
    Reusable,
    SoundReads,
    StableReads,
    RoutingEqual,
    Numbers,
}

impl Invariant {
    pub const ALL: [Invariant; 16] = [
        Invariant::NoMissing,
        Invariant::Unique,
        Invariant::Filled,
        Invariant::ReplicaPrefix,
        Invariant::RowImages,
        Invariant::PlannedShards,
        Invariant::Honest,
        Invariant::Atomic,
        Invariant::Live,
        Invariant::Kept,
        Invariant::Explained,
        Invariant::Reusable,
        Invariant::SoundReads,
        Invariant::StableReads,
        Invariant::RoutingEqual,
        Invariant::Numbers,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Invariant::NoMissing => "no_missing",
            Invariant::Unique => "unique",
            Invariant::Filled => "filled",
            Invariant::ReplicaPrefix => "replica_prefix",
            Invariant::RowImages => "row_images",
            Invariant::PlannedShards => "planned_shards",
            Invariant::Honest => "honest",
            Invariant::Atomic => "atomic",
            Invariant::Live => "live",
            Invariant::Kept => "kept",
            Invariant::Explained => "explained",
            Invariant::Reusable => "reusable",
            Invariant::SoundReads => "sound_reads",
            Invariant::StableReads => "stable_reads",
            Invariant::RoutingEqual => "routing_equal",
            Invariant::Numbers => "numbers",
        }
    }

    pub fn parse(name: &str) -> Option<Invariant> {
        Invariant::ALL.into_iter().find(|invariant| invariant.name() == name)
    }

    /// The promise in words.
    pub fn promise(self) -> &'static str {
        match self {
            Invariant::NoMissing => {
                "after every commit, each owner row has a lookup row with its keyspace id"
            }
            Invariant::Unique => "after every commit, a value of a unique lookup has one owner row",
            Invariant::Filled => {
                "what fills a lookup takes no entry away and makes none up; when write_only goes none is missing, and a unique value has one owner"
            }
            Invariant::ReplicaPrefix => {
                "a replica holds a prefix of its primary's transactions, and the rows that they give"
            }
            Invariant::RowImages => "a server holds the rows that its binlog tells of",
            Invariant::PlannedShards => {
                "a statement reaches the shards that its plan names, all of them and no other"
            }
            Invariant::Honest => "a client's answer is what happened",
            Invariant::Atomic => {
                "a failed statement leaves no row in its transaction, and one that succeeded leaves all"
            }
            Invariant::Live => {
                "at rest nothing is open, locked or waiting, and no session waits for itself"
            }
            Invariant::Kept => "a commit that a client was told of is there at the end",
            Invariant::Explained => {
                "an entry without a row was left by a failure, a fault or a statement that does so"
            }
            Invariant::Reusable => "a value whose lookup row has no owner row can be inserted",
            Invariant::SoundReads => "a row that a read returns was there and matched",
            Invariant::StableReads => "a row that matched all the time is in the answer",
            Invariant::RoutingEqual => {
                "by a lookup, by a scatter and on one server the answers are the same"
            }
            Invariant::Numbers => "a sequence gives a number once, and none that it has not taken",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the promises rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assumption {
    /// A commit that a primary has acknowledged survives a failover.
    DurableCommits,
    /// All writes go through vtgates that know the vindex.
    AwareWrites,
    /// No INSERT IGNORE and no ON DUPLICATE KEY UPDATE on the owner.
    PlainInserts,
    /// The from columns of a lookup that is not unique identify the owner row.
    IdentifyingValues,
    /// No TRUNCATE, DROP or other change of a whole table.
    NoWholeTables,
}

impl Assumption {
    pub fn name(self) -> &'static str {
        match self {
            Assumption::DurableCommits => "durable_commits",
            Assumption::AwareWrites => "aware_writes",
            Assumption::PlainInserts => "plain_inserts",
            Assumption::IdentifyingValues => "identifying_values",
            Assumption::NoWholeTables => "no_whole_tables",
        }
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a lookup row has no owner row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    FailedPreCommit,
    FailedNormalCommit,
    FailedPostCommit,
    /// A commit's answer was lost.
    UnknownCommit,
    /// vtgate died between the commits of a transaction.
    LostSession,
    /// An UPDATE moved the owner row to another value and left the old entry.
    UpdateWithoutDelete,
    /// A duplicate undid what a statement of a transaction had done, and the statement went on: a
    /// delete that is not done again, or an entry that nothing undoes any more.
    NestedRevert,
    /// A ROLLBACK TO did not succeed on all shards, and the transaction was committed.
    HalfRolledBack,
    /// A statement was done and its answer lost; nothing of it was undone, and the transaction was
    /// committed.
    UnansweredStatement,
    /// vtgate had rolled the transaction back in the middle of a statement, and it went on outside
    /// of one.
    WentOnAlone,
    /// INSERT IGNORE wrote the entry and left its row out, for another lookup's or MySQL's sake.
    IgnoredRow,
    /// INSERT .. ON DUPLICATE KEY UPDATE wrote the entry of a row that did not come, or moved the
    /// row that was there to its own value.
    UpdatedInstead,
    /// VReplication brought an entry whose owner row is gone.
    Backfill,
    /// A write that no list of a session did: to one shard, or to the lookup table itself.
    ShardTargeted,
    /// A failover lost the owner row.
    LostByFailover,
    /// An owner row went while the vindex was write_only, by a vtgate that did not know of it.
    UnawareVtgate,
    /// An owner table was emptied as a whole.
    WholeTable,
    /// It was there when the history began.
    Inherited,
    /// Nothing in the history explains it: a candidate for a violation.
    Unknown,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Cause::FailedPreCommit => "failed-pre-commit",
            Cause::FailedNormalCommit => "failed-normal-commit",
            Cause::FailedPostCommit => "failed-post-commit",
            Cause::UnknownCommit => "unknown-commit",
            Cause::LostSession => "lost-session",
            Cause::UpdateWithoutDelete => "update-without-delete",
            Cause::NestedRevert => "nested-revert",
            Cause::HalfRolledBack => "half-rolled-back",
            Cause::UnansweredStatement => "unanswered-statement",
            Cause::WentOnAlone => "went-on-alone",
            Cause::IgnoredRow => "ignored-row",
            Cause::UpdatedInstead => "updated-instead",
            Cause::Backfill => "backfill",
            Cause::ShardTargeted => "shard-targeted",
            Cause::LostByFailover => "lost-by-failover",
            Cause::UnawareVtgate => "unaware-vtgate",
            Cause::WholeTable => "whole-table",
            Cause::Inherited => "inherited",
            Cause::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A moment: true time, and the place in the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub time: Nanos,
    pub seq: u64,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.time / 1_000_000_000, self.time / 1000 % 1_000_000)
    }
}

/// A broken promise that an assumption excuses.
#[derive(Clone, Debug)]
pub struct Excuse {
    pub assumption: Assumption,
    /// What broke the assumption.
    pub because: Rc<str>,
    pub violation: Violation,
}
