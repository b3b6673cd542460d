//! What the judge makes anew: values whose rows have changed by no commit.
//!
//! A promotion, a restart that lost commits, a change of vschema or of a whole table leave other
//! rows than those that the last commit left. The values of the vindexes over them are then made
//! from the primaries' tables, and all are judged.
//!
//! It knows nothing of how a value is judged.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::clock::Nanos;
use sim::mysql::binlog::{self, BinlogTransaction};
use sim::mysql::gtid::{GtidSet, ServerUuid};
use sim::mysql::schema::Table;
use sim::mysql::server::TableImage;
use sim::value::Value;

use crate::checker::departure::{Departure, departure};
use crate::checker::entry::{Change, Mark, Note, Origin, ShardId, TableKind};
use crate::checker::excuse;
use crate::checker::filled::Shortfall;
use crate::checker::judge::{Judge, newly_broken};
use crate::checker::ledger;
use crate::checker::rows::{Copy, Rows};
use crate::checker::twin::tables;
use crate::checker::value::{self, ValueKey};
use crate::checker::verdict::{Assumption, Excuse, Invariant};
use crate::checker::vindex_values::{Commit, VindexValues};
use crate::checker::violation::Violation;
use crate::checker::watched::{self, Watched};
use crate::key::KeyRange;
use crate::topo::Alias;
use crate::vschema::VSchema;
use crate::vschema::source::ForeignKeyMode;

impl Judge {
    /// Takes the vschema that topo serves now. What is newly judged is judged as a whole.
    pub fn vschema_changed(&mut self, version: u64, vschema: &VSchema, now: Nanos) {
        self.advance(now);
        let mut before = std::mem::take(&mut self.vindexes);
        let mut newly_judged = Vec::new();
        for mut watched in watched::of_vschema(vschema) {
            let known = before.iter().position(|old| old.watched.is(&watched));
            watched.since = known.map_or(version, |place| before[place].watched.since);
            let was_judged = known.is_some_and(|place| !before[place].watched.write_only);
            if !was_judged && !watched.write_only {
                newly_judged.push(self.vindexes.len());
            }
            self.vindexes.push(match known {
                Some(place) => take_over(before.swap_remove(place), watched),
                None => VindexValues::new(watched),
            });
        }
        self.index_tables();
        for index in 0..self.vindexes.len() {
            self.learn_collations(index);
            self.rebuild(index);
            self.settle_all(index);
            let vindex = &mut self.vindexes[index];
            // One that is read from now on was filled up to here, also where nothing served that.
            if vindex.watched.write_only || newly_judged.contains(&index) {
                vindex.values.values_mut().for_each(|entry| entry.remember_owners(None));
            }
        }
        for index in newly_judged {
            self.judge_filled(index);
        }
        self.learn_owners(vschema);
        self.unowned = watched::unowned(vschema);
        self.numbers.take_vschema(vschema);
        self.declared = tables::declared(vschema);
        self.twin_disturbed("another vschema");
    }

    /// The owner tables whose rows are those that statements name, and the columns of them by which
    /// a lookup vindex without promises routes.
    fn learn_owners(&mut self, vschema: &VSchema) {
        let source = &vschema.source;
        let is_first = self.owners.is_empty();
        self.owners.clear();
        self.versions.unpromised.clear();
        self.versions.vschema_changed = (!is_first).then_some(self.at);
        let is_renamed = !source.routing_rules.is_empty()
            || !source.keyspace_routing_rules.is_empty()
            || !source.shard_routing_rules.is_empty();
        for index in 0..self.vindexes.len() {
            let (keyspace, table) = {
                let owner = &self.vindexes[index].watched.owner;
                (Rc::clone(&owner.keyspace), Rc::clone(&owner.table))
            };
            let Some(of) = source.keyspaces.get(&*keyspace).filter(|_| !is_renamed) else {
                continue;
            };
            if of.foreign_key_mode == ForeignKeyMode::Managed {
                continue;
            }
            let vindexes = of.tables.get(&*table).into_iter().flat_map(|t| &t.column_vindexes);
            for column_vindex in vindexes {
                let is_watched = self.vindexes.iter().any(|vindex| {
                    *vindex.watched.name == *column_vindex.name
                        && vindex.watched.keyspace == keyspace
                });
                let kind = of.vindexes.get(&column_vindex.name);
                if !is_watched && kind.is_none_or(|kind| kind.type_name.contains("lookup")) {
                    let single = [&column_vindex.column].into_iter();
                    for column in single.chain(&column_vindex.columns) {
                        let column =
                            (Rc::clone(&keyspace), Rc::clone(&table), column.as_str().into());
                        self.versions.unpromised.insert(column);
                    }
                }
            }
            let side = &self.vindexes[index].watched;
            let mut rows = Vec::new();
            for (_, shard, _, held) in self.tables_of(side, TableKind::Owner) {
                let each = held
                    .iter()
                    .map(|(key, row)| (shard, Arc::clone(&held.schema), key.clone(), row.clone()));
                rows.extend(each);
            }
            let at = self.at;
            self.versions.keep(&keyspace, &table, rows.into_iter(), at);
            self.owners.insert((keyspace, table));
        }
    }

    /// Says by which uuid a tablet's server commits.
    pub fn server_is(&mut self, alias: &Alias, uuid: ServerUuid) {
        if let Some(tablet) = self.tablets.get_mut(alias) {
            tablet.uuid = Some(uuid);
        }
    }

    /// A server holds this and has executed that: it was filled before the history began, or has
    /// come back without some of its commits.
    pub fn take_server(
        &mut self,
        alias: &Alias,
        executed: &GtidSet,
        images: impl Iterator<Item = TableImage>,
        now: Nanos,
    ) {
        self.advance(now);
        self.server_lost(alias, &GtidSet::new(), executed, images);
    }

    pub(super) fn server_lost(
        &mut self,
        alias: &Alias,
        gone: &GtidSet,
        executed: &GtidSet,
        images: impl Iterator<Item = TableImage>,
    ) {
        let Some(tablet) = self.tablets.get_mut(alias) else { return };
        let mut lost = tablet.copy.executed.subtract(executed);
        lost.union(gone);
        let mut copy = Copy {
            executed: executed.clone(),
            log: std::mem::take(&mut tablet.copy.log),
            ..Copy::default()
        };
        copy.log.retain(|gtid| executed.contains(*gtid));
        for image in images {
            let tables = copy.databases.entry(image.schema.database.clone()).or_default();
            tables.insert(image.schema.name.clone(), Rows::of_image(&image));
        }
        tablet.copy = copy;
        let shard = tablet.shard;
        if self.shards[shard].primary.as_ref() == Some(alias) {
            if !lost.is_empty() {
                self.beheaded.insert(shard);
            }
            self.primary_is_another(shard, &lost);
        }
    }

    pub(super) fn promoted(&mut self, keyspace: &Rc<str>, name: &Rc<str>, alias: &Alias) {
        let shard = self.shard_id(keyspace, name);
        self.tablet(alias, shard);
        self.faults.push((self.at, format!("{alias} is primary of {keyspace}/{name}").into()));
        let before = self.shards[shard].primary.replace(alias.clone());
        if before.as_ref() == Some(alias) {
            return;
        }
        self.shards[shard].former.remove(alias);
        let executed = |alias: &Alias| self.tablets.get(alias).map(|t| t.copy.executed.clone());
        let held = executed(alias).unwrap_or_default();
        let lost = before.as_ref().and_then(executed).unwrap_or_default().subtract(&held);
        self.shards[shard].former.extend(before);
        self.primary_is_another(shard, &lost);
    }

    /// A shard's rows are other ones now, by the loss of these transactions.
    fn primary_is_another(&mut self, shard: ShardId, lost: &GtidSet) {
        self.versions.give_up();
        let lost: Vec<Arc<BinlogTransaction>> = match lost.is_empty() {
            true => Vec::new(),
            false => {
                let all = self.transactions.values();
                all.filter(|transaction| lost.contains(transaction.gtid)).cloned().collect()
            }
        };
        self.lost.extend(lost.iter().map(|transaction| (shard, Arc::clone(transaction))));
        for index in 0..self.vindexes.len() {
            let watched = &self.vindexes[index].watched;
            let keyspace = &self.shards[shard].keyspace;
            if watched.owner.keyspace == *keyspace || watched.lookup.keyspace == *keyspace {
                self.rebuild(index);
            }
        }
        for transaction in lost {
            self.numbers.lost(&self.shards[shard].keyspace, &transaction);
            self.note_lost(shard, &transaction);
        }
        for index in 0..self.vindexes.len() {
            self.judge_all(index);
        }
    }

    /// Marks the values of a lost transaction, and notes that its rows are as before.
    fn note_lost(&mut self, shard: ShardId, transaction: &BinlogTransaction) {
        let at = self.at;
        self.each_value(shard, transaction, |vindex, kind, table, row, is_after| {
            let Some(key) = vindex.value_of(kind, table, row) else { return };
            let id = match kind {
                TableKind::Owner => {
                    let placed = vindex.watched.owner.placed_by.as_ref();
                    placed.and_then(|placement| placement.keyspace_id(table, row))
                }
                TableKind::Lookup => {
                    let to = table.column(&vindex.watched.to).and_then(|to| row.get(to));
                    to.and_then(value::stored_keyspace_id)
                }
            };
            let (Some(entry), Some(id)) = (vindex.values.get_mut(&key), id) else { return };
            let change = if is_after { Change::Went(id) } else { Change::Came(id) };
            entry.mark = Some(lost_commit(transaction));
            let (origin, gtid) = (Origin::Failover, Some(transaction.gtid));
            entry.note(&Rc::new(Note { at, shard, table: kind, origin, change, gtid }));
        });
    }

    /// A former primary that still commits what its shard will never have.
    pub(super) fn mark_stray(
        &mut self,
        alias: &Alias,
        shard: ShardId,
        transaction: &BinlogTransaction,
    ) {
        let own = self.tablets.get(alias).and_then(|tablet| tablet.uuid);
        if own != Some(transaction.gtid.server) || !self.shards[shard].former.contains(alias) {
            return;
        }
        let primary = self.shards[shard].primary.as_ref().and_then(|p| self.tablets.get(p));
        if primary.is_some_and(|primary| primary.copy.executed.contains(transaction.gtid)) {
            return;
        }
        self.each_value(shard, transaction, |vindex, kind, table, row, _| {
            let key = vindex.value_of(kind, table, row);
            if let Some(entry) = key.and_then(|key| vindex.values.get_mut(&key)) {
                entry.mark = Some(lost_commit(transaction));
            }
        });
    }

    fn each_value(
        &mut self,
        shard: ShardId,
        transaction: &BinlogTransaction,
        mut visit: impl FnMut(&mut VindexValues, TableKind, &Table, &[Value], bool),
    ) {
        for event in &transaction.events {
            let binlog::Event::Rows(event) = event else { continue };
            for (index, kind) in self.vindexes_over(shard, &event.table.database, &event.table.name)
            {
                for change in &event.changes {
                    for (row, is_after) in [(&change.before, false), (&change.after, true)] {
                        if let Some(row) = row {
                            visit(&mut self.vindexes[index], kind, &event.table, row, is_after);
                        }
                    }
                }
            }
        }
    }

    /// A table of a shard was emptied, or has come as a whole.
    pub(super) fn whole_table(&mut self, shard: ShardId, database: &str, table: &str) {
        for (index, kind) in self.vindexes_over(shard, database, table) {
            let at = self.at;
            for entry in self.vindexes[index].values.values_mut() {
                let gone: Vec<Change> = match kind {
                    TableKind::Owner => {
                        let here = entry.owners.iter().filter(|owner| owner.shard == shard);
                        here.filter_map(|o| o.keyspace_id.clone().map(Change::Went)).collect()
                    }
                    TableKind::Lookup => {
                        let here = entry.lookups.iter().filter(|row| row.shard == shard);
                        here.map(|row| Change::Went(row.keyspace_id.clone())).collect()
                    }
                };
                for change in gone {
                    let origin = Origin::WholeTable;
                    entry.mark = excuse::mark_of(&origin);
                    entry.note(&Rc::new(Note {
                        at,
                        shard,
                        table: kind,
                        origin,
                        change,
                        gtid: None,
                    }));
                }
            }
            self.rebuild(index);
            self.judge_all(index);
        }
    }

    /// Judges all values, after a change that no session's commit made; its marks stand already.
    pub(super) fn judge_all(&mut self, index: usize) {
        let values: Vec<ValueKey> = self.vindexes[index].values.keys().cloned().collect();
        let commit = Commit { at: self.at, origin: &Origin::Failover, gtid: None };
        for value in values {
            self.judge(index, &value, commit);
        }
    }

    fn settle_all(&mut self, index: usize) {
        self.vindexes[index].values.values_mut().for_each(ledger::settle);
    }

    fn judge_filled(&mut self, index: usize) {
        let vindex = &mut self.vindexes[index];
        let is_unique = vindex.watched.unique;
        let mut excused = Shortfall::default();
        let mut shortfalls: BTreeMap<Option<Departure>, Shortfall> = BTreeMap::new();
        let mut mark = None;
        for entry in vindex.values.values_mut() {
            newly_broken(entry, is_unique);
            match excuse::excuse(entry, &vindex.watched) {
                Some(found) => {
                    if excused.add(entry, is_unique) {
                        mark.get_or_insert(found);
                    }
                }
                None => {
                    let departs = departure(entry, &vindex.watched, Invariant::Filled);
                    let is_short = shortfalls.entry(departs).or_default().add(entry, is_unique);
                    entry.contested &= is_short;
                }
            }
        }
        let subject: Rc<str> = vindex.watched.full_name().into();
        let at = self.at;
        let violation = |shortfall: Shortfall, departure: Option<Departure>| {
            let counts = format!(
                "{} owner rows without a lookup row, {} values with several owner rows",
                shortfall.missing, shortfall.duplicates
            );
            Violation {
                invariant: Invariant::Filled,
                at,
                subject: Rc::clone(&subject),
                value: String::new(),
                rows: [counts].into_iter().chain(shortfall.examples).collect(),
                timeline: Vec::new(),
                lost_at: None,
                locks: Vec::new(),
                departure,
            }
        };
        if let (Some(mark), false) = (mark, excused.is_none()) {
            let Mark { assumption, because } = mark;
            let violation = violation(excused, None);
            self.excuses.push(Excuse { assumption, because, violation });
        }
        let shortfalls = shortfalls.into_iter().filter(|(_, shortfall)| !shortfall.is_none());
        self.violations
            .extend(shortfalls.map(|(departs, shortfall)| violation(shortfall, departs)));
    }

    /// Makes a vindex's values anew from the primaries' tables.
    pub(super) fn rebuild(&mut self, index: usize) {
        let watched = self.vindexes[index].watched.clone();
        let mut vindex =
            std::mem::replace(&mut self.vindexes[index], VindexValues::new(watched.clone()));
        let owners = self.tables_of(&watched, TableKind::Owner);
        let lookups = self.tables_of(&watched, TableKind::Lookup);
        vindex.rebuild(owners.into_iter().chain(lookups));
        self.vindexes[index] = vindex;
    }

    pub(super) fn tables_of(
        &self,
        watched: &Watched,
        kind: TableKind,
    ) -> Vec<(TableKind, ShardId, &KeyRange, &Rows)> {
        let side = match kind {
            TableKind::Owner => &watched.owner,
            TableKind::Lookup => &watched.lookup,
        };
        let shards = self.shards.iter().enumerate();
        shards
            .filter(|(_, shard)| shard.keyspace == side.keyspace)
            .filter_map(|(id, shard)| {
                let primary = self.tablets.get(shard.primary.as_ref()?)?;
                let rows = primary.copy.table(&shard.database, &side.table)?;
                Some((kind, id, &shard.range, rows))
            })
            .collect()
    }

    /// Takes the collations of the lookup table, or before there is one those of the owner.
    fn learn_collations(&mut self, index: usize) {
        for kind in [TableKind::Owner, TableKind::Lookup] {
            let schemas: Vec<_> = self.tables_of(&self.vindexes[index].watched, kind);
            let schema = schemas.first().map(|(_, _, _, rows)| rows.schema.clone());
            if let Some(schema) = schema {
                self.vindexes[index].take_collations(kind, &schema);
            }
        }
    }

    fn index_tables(&mut self) {
        self.by_table.clear();
        for (index, vindex) in self.vindexes.iter().enumerate() {
            let Watched { owner, lookup, .. } = &vindex.watched;
            for (side, kind) in [(owner, TableKind::Owner), (lookup, TableKind::Lookup)] {
                let tables = self.by_table.entry(Rc::clone(&side.keyspace)).or_default();
                tables.entry(Rc::clone(&side.table)).or_default().push((index, kind));
            }
        }
    }

    pub(super) fn vindex_count(&self) -> usize {
        self.vindexes.len()
    }
}

/// A known vindex under a new declaration.
fn take_over(mut known: VindexValues, watched: Watched) -> VindexValues {
    let collations = known.watched.collations.take();
    if watched.write_only && !known.watched.write_only {
        for entry in known.values.values_mut() {
            entry.missing.clear();
            entry.owners_known = 0;
        }
    }
    known.watched = Watched { collations, ..watched };
    known
}

fn lost_commit(transaction: &BinlogTransaction) -> Mark {
    let because = format!("a failover lost {} of {}", transaction.gtid, transaction.tag).into();
    Mark { assumption: Assumption::DurableCommits, because }
}
