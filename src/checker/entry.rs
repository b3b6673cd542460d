//! All that is known of one value of one lookup vindex: its rows on the primaries of all shards.
//!
//! ```text
//!   'Product_5'   owner rows   -80: order 5 at 166B..
//!                 lookup rows  product/0: -> 166B..
//!                 notes        who made each come and go
//! ```
//!
//! It knows nothing of what the rows must be.

use std::rc::Rc;

use sim::mysql::gtid::Gtid;
use sim::mysql::key::Key;
use sim::value::{Row, Value};

use crate::checker::attempt::SharedAttempt;
use crate::checker::ledger::Residue;
use crate::checker::part;
use crate::checker::verdict::{Assumption, At};
use crate::history::List;
use crate::key::KeyspaceId;

/// A shard, by its place in the judge's list.
pub type ShardId = usize;

/// A value of a vindex.
#[derive(Debug, Default)]
pub struct Entry {
    pub values: Vec<Value>,
    pub owners: Vec<OwnerRow>,
    pub lookups: Vec<LookupRow>,
    /// The last changes, the newest last.
    pub notes: Vec<Rc<Note>>,
    /// The lookup rows that have no owner row, sorted as `lookups`.
    pub residues: Vec<Residue>,
    /// An assumption that something broke for this value.
    pub mark: Option<Mark>,
    /// Before this nothing matters any more: rows and entries agreed after an owner row had come.
    pub sound_since: u64,
    /// Owner rows that are known to be missing, so that each is told of once.
    pub missing: Vec<(ShardId, Key)>,
    /// As many owner rows are known.
    pub owners_known: usize,
    /// The first owner that it had while its vindex was write_only.
    pub first_owner: Option<KeyspaceId>,
    /// It had another row beside that one, or one of another keyspace id after it, if only for a
    /// moment inside of a transaction; when it was filled it was not as it should be, and has not
    /// been since.
    pub contested: bool,
}

#[derive(Clone, Debug)]
pub struct OwnerRow {
    pub shard: ShardId,
    pub key: Key,
    /// None where the primary vindex gives none, or none of this shard: such a row is nobody's.
    pub keyspace_id: Option<KeyspaceId>,
    pub row: Row,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupRow {
    pub shard: ShardId,
    pub keyspace_id: KeyspaceId,
    /// It stands on the shard where its own keyspace id leads.
    pub reachable: bool,
}

/// An assumption is broken, for one value.
#[derive(Clone, Debug)]
pub struct Mark {
    pub assumption: Assumption,
    pub because: Rc<str>,
}

/// A committed change of a value's rows.
#[derive(Debug)]
pub struct Note {
    pub at: At,
    pub shard: ShardId,
    pub table: TableKind,
    pub origin: Origin,
    pub change: Change,
    /// None where no transaction did it (a failover, a table dropped).
    pub gtid: Option<Gtid>,
}

/// A statement of a session that its shard has committed at once, or a late commit.
#[derive(Clone, Debug)]
pub struct Stray {
    pub tag: Rc<str>,
    pub version: Version,
    /// The session's transaction was rolled back in the middle of it.
    pub goes_on: bool,
    /// What the session has sent last, where no transaction of its own is open.
    pub sql: Option<Rc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableKind {
    Owner,
    Lookup,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Came(KeyspaceId),
    Went(KeyspaceId),
    /// The owner row moved to another value; or the lookup row to another keyspace id.
    MovedFrom(KeyspaceId),
    MovedTo(KeyspaceId),
}

/// By which version of the SrvVSchema vtgate plans for a session, if it has planned.
pub type Version = Option<u64>;

/// Who did it, by the connection's tag.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A shard transaction of a session's list.
    Session {
        attempt: SharedAttempt,
        list: List,
    },
    /// A session's tag, and no transaction of it that is known.
    Stray(Stray),
    /// A write of a session outside of its lists, or of somebody with a MySQL client.
    Direct(Rc<str>),
    Backfill(Rc<str>),
    /// A failover took the transaction away.
    Failover,
    /// A table was dropped or emptied.
    WholeTable,
}

/// Changes of a value that a story can look back on.
pub const NOTES: usize = 32;

impl Entry {
    pub fn note(&mut self, note: &Rc<Note>) {
        if self.notes.len() == NOTES {
            self.notes.remove(0);
        }
        self.notes.push(Rc::clone(note));
    }

    /// Remembers whose it is while its vindex is being filled, and whose it was for a moment in the
    /// transaction that has just committed: a stream copies that too. A session's entry counts as
    /// its row does, which may never come.
    pub fn remember_owners(&mut self, gtid: Option<Gtid>) {
        let own = self.notes.iter().rev().take_while(|note| gtid.is_some() && note.gtid == gtid);
        let counts = |note: &&Rc<Note>| {
            note.table == TableKind::Owner || matches!(note.origin, Origin::Session { .. })
        };
        let passed: Vec<KeyspaceId> =
            own.filter(counts).filter_map(|note| note.change.arrived()).cloned().collect();
        let ids = || self.placed_owners().map(|(_, id)| id).chain(&passed);
        let first = self.first_owner.clone().or_else(|| ids().next().cloned());
        let has_other = ids().any(|id| first.as_ref() != Some(id));
        self.contested |= has_other || 1 < self.owners.len();
        self.first_owner = first;
    }

    /// The keyspace ids of all owner rows.
    pub fn owner_ids(&self) -> Ids<'_> {
        Ids::new(self.placed_owners().map(|(_, id)| id))
    }

    /// The keyspace ids that a lookup of the value gives.
    pub fn lookup_ids(&self) -> Ids<'_> {
        let reachable = self.lookups.iter().filter(|row| row.reachable);
        Ids::new(reachable.map(|row| &row.keyspace_id))
    }

    pub fn has_owner(&self, id: &KeyspaceId) -> bool {
        self.owners.iter().any(|owner| owner.keyspace_id.as_ref() == Some(id))
    }

    /// Owner rows that count: those of a keyspace id that is their shard's.
    pub fn placed_owners(&self) -> impl Iterator<Item = (&OwnerRow, &KeyspaceId)> {
        self.owners.iter().filter_map(|owner| Some((owner, owner.keyspace_id.as_ref()?)))
    }

    pub fn remove_owner(&mut self, shard: ShardId, key: &Key) {
        let is = |owner: &OwnerRow| owner.shard == shard && owner.key == *key;
        if let Some(place) = self.owners.iter().position(is) {
            self.owners.remove(place);
        }
    }

    pub fn remove_lookup(&mut self, shard: ShardId, id: &KeyspaceId) {
        let is = |row: &LookupRow| row.shard == shard && row.keyspace_id == *id;
        if let Some(place) = self.lookups.iter().position(is) {
            self.lookups.remove(place);
        }
    }
}

/// Keyspace ids, sorted: a value of a lookup that is not unique may have thousands.
pub struct Ids<'a>(Vec<&'a KeyspaceId>);

impl<'a> Ids<'a> {
    fn new(ids: impl Iterator<Item = &'a KeyspaceId>) -> Ids<'a> {
        let mut ids: Vec<&KeyspaceId> = ids.collect();
        ids.sort_unstable();
        Ids(ids)
    }

    pub fn contains(&self, id: &KeyspaceId) -> bool {
        self.0.binary_search(&id).is_ok()
    }

    pub fn has_twins(&self) -> bool {
        self.0.windows(2).any(|pair| pair[0] == pair[1])
    }
}

impl Change {
    pub fn arrived(&self) -> Option<&KeyspaceId> {
        match self {
            Change::Came(id) | Change::MovedTo(id) => Some(id),
            Change::Went(_) | Change::MovedFrom(_) => None,
        }
    }

    pub fn left(&self) -> Option<&KeyspaceId> {
        match self {
            Change::Went(id) | Change::MovedFrom(id) => Some(id),
            Change::Came(_) | Change::MovedTo(_) => None,
        }
    }
}

impl Origin {
    pub fn attempt(&self) -> Option<&SharedAttempt> {
        match self {
            Origin::Session { attempt, .. } => Some(attempt),
            _ => None,
        }
    }

    /// Whether a connection of this tag did it.
    pub fn is_tagged(&self, tag: &str) -> bool {
        match self {
            Origin::Session { attempt, list } => {
                part::of_tag(tag) == Some((&attempt.borrow().session, *list))
            }
            Origin::Stray(Stray { tag: own, .. }) | Origin::Direct(own) | Origin::Backfill(own) => {
                **own == *tag
            }
            Origin::Failover | Origin::WholeTable => false,
        }
    }

    pub fn list(&self) -> Option<List> {
        match self {
            Origin::Session { list, .. } => Some(*list),
            _ => None,
        }
    }
}
