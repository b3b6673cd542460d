//! The rows of a table: versions in the clustered index, entries in the others.
//!
//! A record of the clustered index keeps its versions, oldest first; the newest says by its
//! transaction who may hold the record implicitly. Deleting marks; a record leaves its place when
//! its insert is undone or when it is purged. A secondary entry exists as long as some version has
//! its key. Its mark says whether it is live; a statement changes the clustered record first and
//! comes to the entry later, perhaps after a wait, so for a while the two may differ.
//!
//! It knows nothing of locks and transactions' ends.

use std::fmt::Write;
use std::ops::Bound;
use std::sync::Arc;

use super::key::{Key, KeyBuilder, Place};
use super::pages::{Pages, Slot};
use super::schema;
use super::transaction::TrxId;
use crate::value::{Row, Value};

#[derive(Clone, Debug)]
pub struct Table {
    pub schema: Arc<schema::Table>,
    records: Pages<Record>,
    /// Those of the indexes behind the clustered one.
    secondaries: Vec<Pages<Entry>>,
    /// The next value that AUTO_INCREMENT gives.
    pub auto_increment: u64,
    next_row_id: u64,
    /// Who built it as it is: older read views have no use for it.
    pub since: TrxId,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub trx: TrxId,
    pub deleted: bool,
    pub row: Row,
}

#[derive(Clone, Debug)]
pub struct Record {
    newest: Version,
    /// Those before it, oldest first; mostly none.
    older: Vec<Version>,
}

/// An entry of a secondary index: the clustered key that it points to.
#[derive(Clone, Debug)]
pub struct Entry {
    pub clustered: Key,
    /// Not marked as deleted.
    pub live: bool,
    /// What a report shows of it: the columns of the index.
    values: Arc<[Value]>,
}

impl Record {
    fn new(version: Version) -> Record {
        Record { newest: version, older: Vec::new() }
    }

    pub fn newest(&self) -> &Version {
        &self.newest
    }

    /// The last version of which a test holds that holds for a beginning of the history.
    pub fn last_that(&self, holds: impl Fn(&Version) -> bool) -> Option<&Version> {
        if holds(&self.newest) {
            return Some(&self.newest);
        }
        let end = self.older.partition_point(holds);
        self.older[..end].last()
    }

    /// Newest first.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.newest).chain(self.older.iter().rev())
    }

    pub fn push(&mut self, version: Version) {
        self.older.push(std::mem::replace(&mut self.newest, version));
    }

    /// Is there a version that only an old reader needs, or nothing but a mark of deletion?
    pub fn has_garbage(&self) -> bool {
        !self.older.is_empty() || self.newest.deleted
    }
}

impl Table {
    pub fn new(schema: Arc<schema::Table>) -> Table {
        let secondaries = vec![Pages::default(); schema.indexes.len() - 1];
        Table {
            schema,
            records: Pages::default(),
            secondaries,
            auto_increment: 1,
            next_row_id: 1,
            since: TrxId(0),
        }
    }

    pub fn records(&self) -> impl Iterator<Item = (&Key, &Record)> {
        self.records.iter()
    }

    pub fn record(&self, key: &Key) -> Option<&Record> {
        self.records.get(key)
    }

    /// A record with its slot, which is good until a record comes or goes.
    pub fn find(&self, key: &Key) -> Option<(Slot, &Record)> {
        let slot = self.records.find(key).ok()?;
        Some((slot, self.records.value(slot)?))
    }

    pub fn entry(&self, index: usize, key: &Key) -> Option<&Entry> {
        self.secondaries[index - 1].get(key)
    }

    pub fn entries(&self, index: usize) -> impl Iterator<Item = (&Key, &Entry)> {
        self.secondaries[index - 1].iter()
    }

    /// The place of a new row: its key, or the next hidden row id.
    pub fn clustered_key(&mut self, row: &[Value]) -> Key {
        if !self.schema.has_hidden_row_id() {
            return self.schema.key_of_row(0, row);
        }
        let mut builder = KeyBuilder::new();
        builder.push_row_id(self.next_row_id);
        self.next_row_id += 1;
        builder.finish()
    }

    /// A replayed row with a hidden id: new ones come behind it.
    pub fn note_row_id(&mut self, key: &Key) {
        if self.schema.has_hidden_row_id() {
            self.next_row_id = self.next_row_id.max(key.row_id() + 1);
        }
    }

    /// The full key of a row's entry in a secondary index.
    pub fn entry_key(&self, index: usize, row: &[Value], clustered: &Key) -> Key {
        self.schema.key_of_row(index, row).then(clustered)
    }

    /// The first key at or behind a bound.
    pub fn first_from(&self, index: usize, from: Bound<&Key>) -> Option<&Key> {
        match index {
            0 => self.records.first_from(from).map(|(key, _)| key),
            _ => self.secondaries[index - 1].first_from(from).map(|(key, _)| key),
        }
    }

    /// The last key at or before a bound.
    pub fn last_to(&self, index: usize, to: Bound<&Key>) -> Option<&Key> {
        match index {
            0 => self.records.last_to(to).map(|(key, _)| key),
            _ => self.secondaries[index - 1].last_to(to).map(|(key, _)| key),
        }
    }

    pub fn place_from(&self, index: usize, from: Bound<&Key>) -> Place {
        self.first_from(index, from).map_or(Place::Supremum, |key| Place::Record(key.clone()))
    }

    pub fn successor(&self, index: usize, key: &Key) -> Place {
        self.place_from(index, Bound::Excluded(key))
    }

    /// Does this version put the entry into the index?
    pub fn version_has(&self, index: usize, key: &Key, entry: &Entry, version: &Version) -> bool {
        !version.deleted && *key == self.entry_key(index, &version.row, &entry.clustered)
    }

    /// Puts a version on top of a record, or makes the record. Gives the version before it.
    pub fn push_version(&mut self, key: &Key, version: Version) -> Option<&Version> {
        match self.records.find(key) {
            Ok(slot) => self.push_version_at(slot, version),
            Err(slot) => {
                self.records.insert_at(slot, key.clone(), Record::new(version));
                None
            }
        }
    }

    /// The same for a record that was found.
    pub fn push_version_at(&mut self, slot: Slot, version: Version) -> Option<&Version> {
        let record = self.records.value_mut(slot)?;
        record.push(version);
        record.older.last()
    }

    pub fn insert_entry(&mut self, index: usize, key: Key, row: &[Value], clustered: &Key) {
        let values = self.schema.entry_values(index, row).into();
        let entry = Entry { clustered: clustered.clone(), live: true, values };
        self.secondaries[index - 1].insert(key, entry);
    }

    /// Marks an entry as deleted, or takes the mark away.
    pub fn mark_entry(&mut self, index: usize, key: &Key, live: bool) {
        if let Some(entry) = self.secondaries[index - 1].get_mut(key) {
            entry.live = live;
        }
    }

    /// Undoes the newest change of a record; tells the entries that no version has any more and
    /// whether the record is to go.
    pub fn pop_version(&mut self, key: &Key) -> Leftovers {
        let Some(record) = self.records.get_mut(key) else { return Leftovers::default() };
        let (popped, newest) = match record.older.pop() {
            Some(older) => {
                (std::mem::replace(&mut record.newest, older), Some(record.newest.clone()))
            }
            None => (record.newest.clone(), None),
        };
        let record_gone = newest.is_none();
        let mut unmarked = Vec::new();
        for index in 1..self.schema.indexes.len() {
            let own = self.entry_key(index, &popped.row, key);
            if !popped.deleted && self.entry(index, &own).is_some_and(|entry| entry.live) {
                unmarked.push((index, own.clone()));
            }
            self.mark_entry(index, &own, false);
            if let Some(newest) = newest.as_ref().filter(|newest| !newest.deleted) {
                let restored = self.entry_key(index, &newest.row, key);
                self.mark_entry(index, &restored, true);
            }
        }
        let entries = self.unused_entries(key, std::slice::from_ref(&popped), record_gone);
        unmarked.retain(|(at, entry)| {
            let gone = entries.iter().any(|(index, gone)| index == at && gone == entry);
            !gone && self.entry(*at, entry).is_some_and(|entry| !entry.live)
        });
        Leftovers { entries, unmarked, record_gone, has_garbage: false }
    }

    /// Drops versions that no reader can need: all that are older than the newest one that
    /// everybody sees. Tells what can leave its place.
    pub fn trim(&mut self, key: &Key, everybody_sees: impl Fn(TrxId) -> bool) -> Leftovers {
        let Some(record) = self.records.get_mut(key) else { return Leftovers::default() };
        let settled = everybody_sees(record.newest.trx);
        let keep = match settled {
            true => record.older.len(),
            false => {
                let seen = |version: &Version| everybody_sees(version.trx);
                record.older.iter().rposition(seen).unwrap_or(0)
            }
        };
        let mut dropped = Vec::new();
        match self.secondaries.is_empty() {
            true => drop(record.older.drain(..keep)),
            false => dropped.extend(record.older.drain(..keep)),
        }
        let record_gone = settled && record.newest.deleted;
        let has_garbage = !record_gone && record.has_garbage();
        let entries = self.unused_entries(key, &dropped, record_gone);
        Leftovers { entries, unmarked: Vec::new(), record_gone, has_garbage }
    }

    pub fn remove_entry(&mut self, index: usize, key: &Key) {
        self.secondaries[index - 1].remove(key);
    }

    pub fn remove_record(&mut self, key: &Key) {
        self.records.remove(key);
    }

    /// A record as reports show it: `20`, `20-5` parts joined by a comma; secondary entries end in
    /// the clustered key.
    pub fn describe(&self, index: usize, place: &Place) -> String {
        let Place::Record(key) = place else { return "supremum".to_string() };
        let parts = self.parts_of(index, key).unwrap_or_default();
        let mut text = String::new();
        for (at, (_, value)) in parts.iter().enumerate() {
            let comma = if 0 < at { "," } else { "" };
            let _ = write!(text, "{comma}{value}");
        }
        let comma = if parts.is_empty() { "" } else { "," };
        if index == 0 && parts.is_empty() {
            let _ = write!(text, "0x{:012X}", key.row_id());
        } else if let Some(id) = self.row_id_of(index, key) {
            let _ = write!(text, "{comma}0x{id:012X}");
        }
        text
    }

    /// A record's key, part by part, the clustered key behind a secondary one; none where there is
    /// no such record.
    pub fn parts_of(&self, index: usize, key: &Key) -> Option<Vec<(&schema::Part, Value)>> {
        let parts = |index: usize| self.schema.indexes[index].parts.iter();
        if index == 0 {
            return Some(parts(0).zip(self.clustered_values(key)?).collect());
        }
        let entry = self.entry(index, key)?;
        let mut found: Vec<_> = parts(index).zip(entry.values.iter().cloned()).collect();
        // InnoDB repeats no column that the secondary key has as a whole.
        let whole = |part: &schema::Part| {
            part.length.is_none()
                && parts(index).any(|own| own.length.is_none() && own.column == part.column)
        };
        let clustered = parts(0).zip(self.clustered_values(&entry.clustered)?);
        found.extend(clustered.filter(|(part, _)| !whole(part)));
        Some(found)
    }

    /// The hidden row id that a key of a table without a primary key ends in.
    pub fn row_id_of(&self, index: usize, key: &Key) -> Option<u64> {
        match index {
            _ if !self.schema.has_hidden_row_id() => None,
            0 => Some(key.row_id()),
            _ => Some(self.entry(index, key)?.clustered.row_id()),
        }
    }

    /// Secondary entries that no version has, and entries of newest versions that are not there. A
    /// row whose statement is under way may lack some yet.
    pub fn check(&self, committed: impl Fn(TrxId) -> bool) -> Vec<String> {
        let mut complaints = Vec::new();
        for index in 1..self.schema.indexes.len() {
            let name = &self.schema.indexes[index].name;
            for (key, entry) in self.entries(index) {
                let has = |version: &Version| self.version_has(index, key, entry, version);
                let record = self.records.get(&entry.clustered);
                let settled = record.is_some_and(|record| committed(record.newest().trx));
                if settled && entry.live != record.is_some_and(|record| has(record.newest())) {
                    complaints.push(format!("{name} has a wrong mark: {key:?}"));
                }
                if !record.is_some_and(|record| record.versions().any(has)) {
                    complaints.push(format!("{name} has an entry that no version has: {key:?}"));
                }
            }
            for (clustered, record) in self.records.iter() {
                let newest = record.newest();
                let key = self.entry_key(index, &newest.row, clustered);
                let whole = !newest.deleted && committed(newest.trx);
                if whole && self.entry(index, &key).is_none() {
                    complaints.push(format!("{name} lacks the entry of {clustered:?}"));
                }
            }
        }
        complaints
    }

    fn clustered_values(&self, key: &Key) -> Option<Vec<Value>> {
        let row = &self.records.get(key)?.newest().row;
        Some(self.schema.columns_of(0).map(|column| row[column].clone()).collect())
    }

    /// Entries of these versions that no remaining version needs; none remains of a record that is
    /// about to go.
    fn unused_entries(
        &self,
        clustered: &Key,
        versions: &[Version],
        record_gone: bool,
    ) -> Vec<(usize, Key)> {
        let mut unused = Vec::new();
        if versions.is_empty() || self.secondaries.is_empty() {
            return unused;
        }
        let record = self.records.get(clustered).filter(|_| !record_gone);
        for index in 1..self.schema.indexes.len() {
            for version in versions.iter().filter(|version| !version.deleted) {
                let key = self.entry_key(index, &version.row, clustered);
                let has = |left: &Version| {
                    !left.deleted && self.entry_key(index, &left.row, clustered) == key
                };
                let present = self.secondaries[index - 1].contains_key(&key);
                let left = record.is_some_and(|record| record.versions().any(has));
                if present && !left && !unused.contains(&(index, key.clone())) {
                    unused.push((index, key));
                }
            }
        }
        unused
    }
}

/// What an undo or a purge leaves without a purpose; the caller moves locks before it removes them.
#[derive(Debug, Default)]
pub struct Leftovers {
    pub entries: Vec<(usize, Key)>,
    /// Entries that an undone change had made live and that go back to being deleted.
    pub unmarked: Vec<(usize, Key)>,
    /// The record is to leave its place.
    pub record_gone: bool,
    /// There will be something to purge of it again.
    pub has_garbage: bool,
}
