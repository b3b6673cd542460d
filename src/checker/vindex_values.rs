//! A watched vindex with all its values: kept up to date row by row, or made anew from tables.
//!
//! It knows nothing of verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use sim::collation::Collation;
use sim::mysql::gtid::Gtid;
use sim::mysql::key::Key;
use sim::mysql::schema::Table;
use sim::value::{Row, Value};

use crate::checker::entry::{Change, Entry, LookupRow, Note, Origin, OwnerRow, ShardId, TableKind};
use crate::checker::rows::Rows;
use crate::checker::value::{self, ValueKey};
use crate::checker::verdict::At;
use crate::checker::watched::Watched;
use crate::key::KeyRange;

/// A vindex that is judged, and its values.
#[derive(Debug)]
pub struct VindexValues {
    pub watched: Watched,
    pub values: BTreeMap<ValueKey, Entry>,
}

/// Where rows stand.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub shard: ShardId,
    pub range: &'a KeyRange,
    pub table: &'a Table,
}

/// A commit, as far as a note tells of it.
#[derive(Clone, Copy)]
pub struct Commit<'a> {
    pub at: At,
    pub origin: &'a Origin,
    pub gtid: Option<Gtid>,
}

/// A row of a table with its key there.
pub type Keyed<'a> = (Key, &'a Row);

struct Found<T> {
    key: ValueKey,
    values: Vec<Value>,
    row: T,
}

impl VindexValues {
    pub fn new(watched: Watched) -> VindexValues {
        VindexValues { watched, values: BTreeMap::new() }
    }

    /// Takes a changed row over; adds the values whose rows are other ones now.
    pub fn change(
        &mut self,
        kind: TableKind,
        place: Place,
        before: Option<Keyed>,
        after: Option<Keyed>,
        commit: Commit,
        touched: &mut BTreeSet<ValueKey>,
    ) {
        match kind {
            TableKind::Owner => {
                let old = before.and_then(|row| self.owner_row(place, row));
                let new = after.and_then(|row| self.owner_row(place, row));
                self.change_owner(place, old, new, commit, touched);
            }
            TableKind::Lookup => {
                let old = before.and_then(|row| self.lookup_row(place, row.1));
                let new = after.and_then(|row| self.lookup_row(place, row.1));
                self.change_lookup(place, old, new, commit, touched);
            }
        }
    }

    fn change_owner(
        &mut self,
        place: Place,
        old: Option<Found<OwnerRow>>,
        new: Option<Found<OwnerRow>>,
        commit: Commit,
        touched: &mut BTreeSet<ValueKey>,
    ) {
        let moved = old.is_some() && new.is_some();
        let silent = match (&old, &new) {
            (Some(old), Some(new)) => {
                old.key == new.key && old.row.keyspace_id == new.row.keyspace_id
            }
            _ => false,
        };
        if let Some(old) = old {
            let entry = self.entry(&old.key, old.values);
            entry.remove_owner(place.shard, &old.row.key);
            if let Some(id) = old.row.keyspace_id.filter(|_| !silent) {
                let change = if moved { Change::MovedFrom(id) } else { Change::Went(id) };
                note(entry, place.shard, TableKind::Owner, change, commit);
                touched.insert(old.key);
            }
        }
        if let Some(new) = new {
            let id = new.row.keyspace_id.clone().filter(|_| !silent);
            let entry = self.entry(&new.key, new.values);
            entry.owners.push(new.row);
            if let Some(id) = id {
                let change = if moved { Change::MovedTo(id) } else { Change::Came(id) };
                note(entry, place.shard, TableKind::Owner, change, commit);
                touched.insert(new.key);
            }
        }
    }

    fn change_lookup(
        &mut self,
        place: Place,
        old: Option<Found<LookupRow>>,
        new: Option<Found<LookupRow>>,
        commit: Commit,
        touched: &mut BTreeSet<ValueKey>,
    ) {
        let same = |old: &Found<LookupRow>, new: &Found<LookupRow>| {
            old.key == new.key && old.row == new.row
        };
        if old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| same(old, new)) {
            return;
        }
        let moved = old.is_some() && new.is_some();
        if let Some(old) = old {
            let entry = self.entry(&old.key, old.values);
            entry.remove_lookup(place.shard, &old.row.keyspace_id);
            let id = old.row.keyspace_id;
            let change = if moved { Change::MovedFrom(id) } else { Change::Went(id) };
            note(entry, place.shard, TableKind::Lookup, change, commit);
            touched.insert(old.key);
        }
        if let Some(new) = new {
            let id = new.row.keyspace_id.clone();
            let entry = self.entry(&new.key, new.values);
            entry.lookups.push(new.row);
            let change = if moved { Change::MovedTo(id) } else { Change::Came(id) };
            note(entry, place.shard, TableKind::Lookup, change, commit);
            touched.insert(new.key);
        }
    }

    /// The values that a row has on each side, for marks.
    pub fn value_of(&self, kind: TableKind, table: &Table, row: &[Value]) -> Option<ValueKey> {
        self.key_and_values(kind, table, row).map(|(key, _)| key)
    }

    /// Empties all values and takes the rows of these tables. Notes and marks stay.
    pub fn rebuild<'a>(
        &mut self,
        tables: impl Iterator<Item = (TableKind, ShardId, &'a KeyRange, &'a Rows)>,
    ) {
        let emptied = std::mem::take(&mut self.values);
        for mut entry in emptied.into_values() {
            entry.owners.clear();
            entry.lookups.clear();
            if let Some(key) = ValueKey::new(&entry.values, self.collations()) {
                self.values.entry(key).or_insert(entry);
            }
        }
        for (kind, shard, range, rows) in tables {
            let place = Place { shard, range, table: &rows.schema };
            for (key, row) in rows.iter() {
                match kind {
                    TableKind::Owner => {
                        if let Some(found) = self.owner_row(place, (key.clone(), row)) {
                            self.entry(&found.key, found.values).owners.push(found.row);
                        }
                    }
                    TableKind::Lookup => {
                        if let Some(found) = self.lookup_row(place, row) {
                            self.entry(&found.key, found.values).lookups.push(found.row);
                        }
                    }
                }
            }
        }
    }

    /// Compares values as this table does from now on; says whether that is new.
    pub fn take_collations(&mut self, kind: TableKind, table: &Arc<Table>) -> bool {
        let known = self.watched.collations.is_some();
        let side = match kind {
            TableKind::Lookup => &self.watched.lookup,
            TableKind::Owner if !known => &self.watched.owner,
            TableKind::Owner => return false,
        };
        let Some(places) = value::places(table, &side.columns) else { return false };
        let collations: Vec<Collation> =
            places.iter().map(|place| table.columns[*place].collation).collect();
        if self.watched.collations.as_ref() == Some(&collations) {
            return false;
        }
        self.watched.collations = Some(collations);
        true
    }

    fn collations(&self) -> &[Collation] {
        self.watched.collations.as_deref().unwrap_or_default()
    }

    fn entry(&mut self, key: &ValueKey, values: Vec<Value>) -> &mut Entry {
        if !self.values.contains_key(key) {
            self.values.insert(key.clone(), Entry { values, ..Entry::default() });
        }
        self.values.get_mut(key).expect("it was just made")
    }

    fn key_and_values(
        &self,
        kind: TableKind,
        table: &Table,
        row: &[Value],
    ) -> Option<(ValueKey, Vec<Value>)> {
        let side = match kind {
            TableKind::Owner => &self.watched.owner,
            TableKind::Lookup => &self.watched.lookup,
        };
        let values = value::pick(row, &value::places(table, &side.columns)?)?;
        Some((ValueKey::new(&values, self.collations())?, values))
    }

    fn owner_row(&self, place: Place, (key, row): Keyed) -> Option<Found<OwnerRow>> {
        let (value, values) = self.key_and_values(TableKind::Owner, place.table, row)?;
        let placed = self.watched.owner.placed_by.as_ref();
        let keyspace_id = placed
            .and_then(|placement| placement.keyspace_id(place.table, row))
            .filter(|id| place.range.contains(id));
        let row = OwnerRow { shard: place.shard, key, keyspace_id, row: Row::clone(row) };
        Some(Found { key: value, values, row })
    }

    fn lookup_row(&self, place: Place, row: &Row) -> Option<Found<LookupRow>> {
        let (key, values) = self.key_and_values(TableKind::Lookup, place.table, row)?;
        let to = row.get(place.table.column(&self.watched.to)?)?;
        let keyspace_id = value::stored_keyspace_id(to)?;
        // Where the vschema doesn't say how the lookup table is placed, nothing is held against it.
        let placed = self.watched.lookup.placed_by.as_ref();
        let reachable = placed
            .and_then(|placement| placement.keyspace_id(place.table, row))
            .is_none_or(|id| place.range.contains(&id));
        Some(Found { key, values, row: LookupRow { shard: place.shard, keyspace_id, reachable } })
    }
}

fn note(entry: &mut Entry, shard: ShardId, table: TableKind, change: Change, commit: Commit) {
    let Commit { at, origin, gtid } = commit;
    entry.note(&Rc::new(Note { at, shard, table, origin: origin.clone(), change, gtid }));
}
