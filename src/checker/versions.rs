//! What the owner tables held, and when: each committed row of the primaries with the time from its
//! commit to its end.
//!
//! Kept for reads: a version that has ended is forgotten when no statement under way can have seen
//! it. All is given up when a shard's rows become other ones by no commit (a failover, a table that
//! is altered): then nobody knows any more what a read may have found.
//!
//! It knows nothing of statements.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::key::Key;
use sim::mysql::schema::Table;
use sim::value::Row;

use crate::checker::entry::ShardId;
use crate::checker::verdict::At;

/// See the [module](self).
#[derive(Default)]
pub struct Versions {
    /// By keyspace and table.
    tables: BTreeMap<(Rc<str>, Rc<str>), TableVersions>,
    /// Columns of them that a lookup vindex without promises may route by.
    pub unpromised: BTreeSet<(Rc<str>, Rc<str>, Rc<str>)>,
    /// Since then all vtgates may route by what they do now; none at the beginning.
    pub vschema_changed: Option<At>,
    is_given_up: bool,
}

/// A table's rows on all shards.
#[derive(Default)]
pub struct TableVersions {
    pub schema: Option<Arc<Table>>,
    live: BTreeMap<(ShardId, Key), Version>,
    /// In the order of their ends.
    ended: VecDeque<Version>,
}

/// A committed row.
#[derive(Clone, Debug)]
pub struct Version {
    pub shard: ShardId,
    pub key: Key,
    pub row: Row,
    pub from: At,
    pub to: Option<At>,
}

impl Versions {
    /// The columns of an owner table that are a lookup's without promises.
    pub fn unpromised_of(&self, keyspace: &str, table: &str) -> impl Iterator<Item = String> {
        let of = self.unpromised.iter().filter(move |(k, t, _)| **k == *keyspace && **t == *table);
        of.map(|(_, _, column)| column.to_string())
    }

    /// Begins to keep a table, with the rows that it has; says whether it is new.
    pub fn keep(
        &mut self,
        keyspace: &Rc<str>,
        table: &Rc<str>,
        rows: impl Iterator<Item = (ShardId, Arc<Table>, Key, Row)>,
        at: At,
    ) {
        let name = (Rc::clone(keyspace), Rc::clone(table));
        if self.is_given_up || self.tables.contains_key(&name) {
            return;
        }
        let mut kept = TableVersions::default();
        for (shard, schema, key, row) in rows {
            kept.schema = Some(schema);
            let version = Version { shard, key: key.clone(), row, from: at, to: None };
            kept.live.insert((shard, key), version);
        }
        self.tables.insert(name, kept);
    }

    pub fn give_up(&mut self) {
        self.is_given_up |= !self.tables.is_empty();
        self.tables.clear();
    }

    /// Takes a change; `oldest` is the oldest moment that a read under way looks back to.
    pub fn change(
        &mut self,
        name: (&Rc<str>, &str),
        schema: &Arc<Table>,
        shard: ShardId,
        (before, after): (Option<Key>, Option<(Key, &Row)>),
        at: At,
        oldest: Option<At>,
    ) {
        let name = (Rc::clone(name.0), Rc::from(name.1));
        let Some(table) = self.tables.get_mut(&name) else { return };
        if table.schema.as_ref().is_none_or(|known| !Arc::ptr_eq(known, schema)) {
            table.schema = Some(Arc::clone(schema));
        }
        if let Some(mut version) = before.and_then(|key| table.live.remove(&(shard, key))) {
            version.to = Some(at);
            table.ended.push_back(version);
        }
        if let Some((key, row)) = after {
            let version =
                Version { shard, key: key.clone(), row: Row::clone(row), from: at, to: None };
            table.live.insert((shard, key), version);
        }
        let is_over = |version: &Version| oldest.is_none_or(|oldest| version.to < Some(oldest));
        while table.ended.front().is_some_and(is_over) {
            table.ended.pop_front();
        }
    }

    /// The one kept table of this name, with its keyspace.
    pub fn table(&self, keyspace: Option<&str>, name: &str) -> Option<(&Rc<str>, &TableVersions)> {
        let mut found = self.tables.iter().filter(|((of, table), _)| {
            table.eq_ignore_ascii_case(name) && keyspace.is_none_or(|wanted| wanted == &**of)
        });
        let ((keyspace, _), only) = found.next()?;
        found.next().is_none().then_some((keyspace, only))
    }
}

impl TableVersions {
    /// Versions that were there at some time since then.
    pub fn since(&self, at: At) -> impl Iterator<Item = &Version> {
        let ended = self.ended.iter().filter(move |version| Some(at) <= version.to);
        self.live.values().chain(ended)
    }

    pub fn live(&self) -> impl Iterator<Item = &Version> {
        self.live.values()
    }

    /// Versions that were there then, and still are.
    pub fn throughout(&self, since: At) -> impl Iterator<Item = &Version> {
        self.live.values().filter(move |version| version.from <= since)
    }
}
