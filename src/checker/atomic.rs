//! A failed statement leaves none of its rows in its transaction, and one that succeeded leaves
//! all.
//!
//! The counterexample that it exists for. A statement fails on its second shard, and what it did
//! on the first is not undone:
//!
//! ```text
//!   a: begin
//!   a: insert orders 5 and 9    normal  customer/-80  order 5 is in
//!                               normal  customer/80-  1062
//!   a is told an error
//!   a: commit                   normal  customer/-80  commits order 5
//! ```
//!
//! Judged from the row images of the normal list's commits, after BEGIN .. COMMIT, against the
//! statements that the client sent. A row that is committed must be one that a successful
//! statement can have changed: decided by primary key, where each successful statement on the
//! table names its keys as literals. A row that an INSERT was said to have brought must be among
//! those that came: decided where the INSERT names its key, every row was counted, and no
//! savepoint was gone back to.
//!
//! A statement outside of a transaction that changes several shards does so in one of its own; in
//! mode SINGLE none does.
//!
//! Not decided: tables whose rows other tables' foreign keys change, statements whose keys must be
//! computed, lookup rows (the ledger has those). A statement that failed in a work where another
//! one may have changed the same row is in doubt, and is not told of.
//!
//! vtgate departs from it where a nested statement was already undone: what follows in the same
//! client statement is then not protected, and a bare error leaves it in the transaction: a
//! [`Departure::NestedRevert`].

use std::collections::{BTreeMap, BTreeSet};

use sim::mysql::binlog::{BinlogTransaction, Event, RowsEvent, RowsKind};
use sim::mysql::schema::Table;
use sim::value::Row;

use crate::checker::clients::{Answered, Said, Told, Work};
use crate::checker::departure::Departure;
use crate::checker::statement::{self, Form, Kind, Sorted, Write};
use crate::checker::value::show;
use crate::history::List;

type Key = Vec<Sorted>;

/// What is in the commits and should not be, or the other way round. `judged` says of which tables
/// that can be told.
pub fn broken(work: &Work, judged: impl Fn(&Write) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    if !work.is_explicit || !work.is_committed() || work.statements.iter().any(is_opaque) {
        return broken;
    }
    let tables = tables(work);
    for (name, rows) in &tables {
        let writes: Vec<(&Said, &Write)> = work
            .statements
            .iter()
            .filter_map(|said| Some((said, said.form.write()?)))
            .filter(|(_, write)| write.table.eq_ignore_ascii_case(name))
            .collect();
        if writes.is_empty() || !writes.iter().all(|(_, write)| judged(write)) {
            continue;
        }
        broken.extend(strays(rows, &writes));
        if !work.went_back {
            broken.extend(absent(work, rows, &writes));
        }
    }
    broken.extend(vanished(work, &tables, judged));
    broken
}

/// Shards that a statement outside of a transaction changed each by itself, and those that a
/// transaction of INSERTs changed in mode SINGLE. A shard that a read has opened is not counted
/// there, nor what follows a lookup's read in the same statement, so others may change more
/// (vtgate.md 1.4): `reads_lookup` says whose INSERTs ask a lookup that another table owns.
pub fn scattered(answered: &Answered, reads_lookup: impl Fn(&Write) -> bool) -> Vec<String> {
    let mut scattered = Vec::new();
    let ask = &answered.ask;
    // Of a table's definition each shard has its own.
    let alone = ask.direct.iter().filter(|commit| has_rows(commit)).count();
    if 1 < alone && !ask.sql.to_ascii_lowercase().contains("multi_shard_autocommit") {
        scattered.push(format!("{alone} shards have committed it each by itself"));
    }
    let only_writes = |work: &Work| {
        let mut forms = work.statements.iter().map(|said| &*said.form);
        forms.all(|form| match form {
            Form::Write(write) => write.kind == Kind::Insert && !reads_lookup(write),
            other => !matches!(other, Form::Select(_) | Form::Other),
        })
    };
    for work in ask.ended.iter().filter(|work| answered.is_single && only_writes(work)) {
        let changed = work.commits().filter(|commit| has_rows(commit)).count();
        if 1 < changed {
            scattered.push(format!("in mode SINGLE {changed} shards were changed"));
        }
    }
    scattered
}

fn has_rows(commit: &BinlogTransaction) -> bool {
    commit.events.iter().any(|event| matches!(event, Event::Rows(_)))
}

/// The departure that explains rows of a failed statement: it was undone on the way, went on, and
/// its error is not the one that says that it was undone.
pub fn departure(work: &Work) -> Option<Departure> {
    let went_on = |said: &Said| {
        let told = said.told.as_ref();
        said.reverted
            && matches!(told, Some(Told::Error(error)) if !error.starts_with("reverted partial"))
    };
    work.statements.iter().any(went_on).then_some(Departure::NestedRevert)
}

/// It may have changed any table.
pub fn is_opaque(said: &Said) -> bool {
    matches!(*said.form, statement::Form::Other) && {
        let sql = said.sql.trim_start().to_ascii_lowercase();
        !["select", "show", "explain", "describe"].iter().any(|word| sql.starts_with(word))
    }
}

/// The rows of the normal list's commits, by table.
fn tables(work: &Work) -> BTreeMap<String, Vec<&RowsEvent>> {
    let mut tables: BTreeMap<String, Vec<&RowsEvent>> = BTreeMap::new();
    for event in
        work.commits().flat_map(|commit: &std::sync::Arc<BinlogTransaction>| &commit.events)
    {
        if let Event::Rows(rows) = event {
            tables.entry(rows.table.name.to_ascii_lowercase()).or_default().push(rows);
        }
    }
    tables
}

fn is_ok(said: &Said) -> bool {
    matches!(said.told, Some(Told::Ok { .. }))
}

/// Rows that no successful statement can have changed.
fn strays(events: &[&RowsEvent], writes: &[(&Said, &Write)]) -> Vec<String> {
    let mut strays = Vec::new();
    let failed: Vec<&(&Said, &Write)> = writes.iter().filter(|(said, _)| !is_ok(said)).collect();
    for rows in events {
        let table = &rows.table;
        let Some(allowed) = keys_of(table, writes.iter().filter(|(said, _)| is_ok(said))) else {
            continue;
        };
        for change in &rows.changes {
            let images = [&change.before, &change.after].into_iter().flatten();
            for row in images {
                let Some(key) = statement::key_of(table, row) else { continue };
                if allowed.contains(&key) {
                    continue;
                }
                strays.push(stray(table, row, &key, &failed));
            }
        }
    }
    strays
}

/// The keys that statements can have changed; none where one doesn't say.
fn keys_of<'a>(
    table: &Table,
    writes: impl Iterator<Item = &'a (&'a Said, &'a Write)>,
) -> Option<BTreeSet<Key>> {
    let mut keys = BTreeSet::new();
    for (_, write) in writes {
        keys.extend(write.keys(table)?);
    }
    Some(keys)
}

fn stray(table: &Table, row: &Row, key: &Key, failed: &[&(&Said, &Write)]) -> String {
    let names = |write: &Write| write.keys(table).is_none_or(|keys| keys.contains(key));
    let by = failed.iter().rev().find(|(_, write)| names(write));
    let by = match by {
        Some((Said { sql, told: Some(Told::Error(error)), .. }, _)) => {
            format!("`{sql}` failed ({error})")
        }
        _ => "no statement that succeeded names it".to_owned(),
    };
    format!("committed a change of {} {}: {by}", table.name, show(row))
}

/// Rows that an INSERT was said to have brought, and that never came.
fn absent(work: &Work, events: &[&RowsEvent], writes: &[(&Said, &Write)]) -> Vec<String> {
    let all_done = work.binding().all(|part| part.fate.is_committed());
    let Some(table) = events.first().map(|rows| &rows.table).filter(|_| all_done) else {
        return Vec::new();
    };
    let writes_rows = |rows: &&&RowsEvent| {
        rows.changes.first().is_some_and(|change| change.kind() == RowsKind::Write)
    };
    let came: BTreeSet<Key> = events
        .iter()
        .filter(writes_rows)
        .flat_map(|rows| &rows.changes)
        .filter_map(|change| statement::key_of(table, change.after.as_ref()?))
        .collect();
    let mut absent = Vec::new();
    for (said, write) in writes {
        let Some(keys) = brought(said, write, table) else { continue };
        if keys.iter().any(|key| !came.contains(key)) {
            absent.push(format!("`{}` succeeded; its rows are not committed", said.sql));
        }
    }
    absent
}

/// The keys of an INSERT whose every row was counted.
fn brought(said: &Said, write: &Write, table: &Table) -> Option<BTreeSet<Key>> {
    let Some(Told::Ok { affected }) = said.told else { return None };
    let keys = write.keys(table).filter(|_| write.kind == Kind::Insert)?;
    (keys.len() as u64 == affected).then_some(keys)
}

/// INSERTs into tables of which nothing at all is committed.
fn vanished(
    work: &Work,
    tables: &BTreeMap<String, Vec<&RowsEvent>>,
    judged: impl Fn(&Write) -> bool,
) -> Vec<String> {
    if work.went_back || work.parts.of(List::Normal).any(|part| !part.fate.is_committed()) {
        return Vec::new();
    }
    let only_inserts = |table: &str| {
        let writes = work.statements.iter().filter_map(|said| said.form.write());
        writes
            .filter(|write| write.table.eq_ignore_ascii_case(table))
            .all(|write| write.kind == Kind::Insert)
    };
    let lost = work.statements.iter().filter_map(|said| {
        let write = said.form.write().filter(|write| judged(write))?;
        let is_sure = matches!(said.told, Some(Told::Ok { affected }) if 0 < affected)
            && write.kind == Kind::Insert
            && only_inserts(&write.table)
            && !tables.contains_key(&write.table.to_ascii_lowercase());
        is_sure.then(|| format!("`{}` succeeded; its rows are not committed", said.sql))
    });
    lost.collect()
}
