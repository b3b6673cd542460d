//! What a client is told, and how it is judged.
//!
//! Each answer is held against what its session's transactions came to ([`honest`]), a transaction
//! that it ended against the statements in it ([`atomic`]), its rows against what the tables held
//! ([`sound_reads`], [`stable_reads`]), against the order that was asked for ([`sorted`]), against
//! what its transaction had seen or locked before, and its numbers against those that a sequence
//! has given ([`numbers`](super::numbers)).
//!
//! It knows nothing of how values are kept.

use std::rc::Rc;

use crate::checker::clients::{Answered, Said, Told};
use crate::checker::departure::Departure;
use crate::checker::entry::{NOTES, TableKind};
use crate::checker::judge::Judge;
use crate::checker::reads::{self, Read};
use crate::checker::statement::{self, Form, Given, Kind, Listed, Write};
use crate::checker::verdict::Invariant;
use crate::checker::versions::{TableVersions, Version};
use crate::checker::{atomic, honest, live, sorted, sound_reads, stable_reads};
use crate::history::{Answer, AskId};

/// After a change of the vschema every vtgate has heard of it by then.
const HEARD: u64 = 10_000_000_000;

impl Judge {
    pub(super) fn answered(&mut self, session: &Rc<str>, ask: AskId, answer: &Answer) {
        let Some(answered) = self.clients.answered(session, ask, answer) else {
            return self.twin_disturbed("a client that is not judged");
        };
        let lies = honest::lies(
            &answered,
            |write| self.is_owner(write),
            |write| self.is_owner(write) && self.is_consistent(write),
            |write, error| self.numbers.may_tell(write, &answered.target, error),
        );
        let lies = lies.into_iter().chain(self.refused_for_nothing(&answered)).collect();
        let went_on = honest::departure(&answered);
        self.told_wrongly(Invariant::Honest, &answered, lies, went_on);
        for work in &answered.ask.ended {
            let broken = atomic::broken(work, |write| self.is_owner(write));
            self.told_wrongly(Invariant::Atomic, &answered, broken, atomic::departure(work));
        }
        let scattered = atomic::scattered(&answered, |write| self.borrows(write));
        self.told_wrongly(Invariant::Atomic, &answered, scattered, went_on);
        if let (Form::Select(_), Answer::Ok(_)) = (&*answered.ask.form, answer) {
            self.judge_read(&answered);
            self.judge_own(&answered);
        }
        let listed = statement::listed_of(&answered.ask.sql);
        if let Some(listed) = &listed {
            self.judge_order(&answered, listed);
        }
        self.take_held(&answered, listed.as_ref());
        self.judge_snapshot(&answered);
        self.judge_numbers(&answered);
        self.twin_answered(&answered);
    }

    /// Whether it writes a table that is judged: an owner, which no rule renames and no foreign key
    /// of vtgate's writes.
    fn is_owner(&self, write: &Write) -> bool {
        self.owners.iter().any(|(keyspace, table)| {
            table.eq_ignore_ascii_case(&write.table)
                && write.keyspace.as_ref().is_none_or(|named| named == keyspace)
        })
    }

    /// Whether it writes a table that may have a lookup of another table's.
    pub(super) fn borrows(&self, write: &Write) -> bool {
        let mut declared = self.declared.iter();
        !declared.any(|declared| {
            declared.table.eq_ignore_ascii_case(&write.table)
                && write.keyspace.as_ref().is_none_or(|named| *named == declared.keyspace)
                && declared.borrowed.is_empty()
        })
    }

    /// Whether no lookup of a table is without promises.
    pub(super) fn is_consistent(&self, write: &Write) -> bool {
        let mut unpromised = self.versions.unpromised.iter();
        !unpromised.any(|(_, table, _)| table.eq_ignore_ascii_case(&write.table))
    }

    fn judge_read(&mut self, answered: &Answered) {
        match self.read_findings(answered) {
            Some((unsound, incomplete)) => {
                self.reads_judged += 1;
                self.told_wrongly(Invariant::SoundReads, answered, unsound, None);
                self.told_wrongly(Invariant::StableReads, answered, incomplete, None);
            }
            None => self.reads_not_judged += 1,
        }
    }

    fn judge_order(&mut self, answered: &Answered, listed: &Listed) {
        let Answer::Ok(outcome) = answered.answer else { return };
        let found = self.versions.table(listed.keyspace.as_deref(), &listed.table);
        let schema = found.and_then(|(_, table)| table.schema.as_deref());
        let wrong = schema.and_then(|schema| sorted::unsorted(listed, schema, &outcome.rows));
        self.told_wrongly(Invariant::SoundReads, answered, wrong.into_iter().collect(), None);
    }

    /// A transaction finds the row that it has inserted last, where nothing has come between.
    fn judge_own(&mut self, answered: &Answered) {
        let Some(work) = answered.work.as_ref().filter(|work| work.is_explicit) else { return };
        let (Form::Select(select), Answer::Ok(outcome)) = (&*answered.ask.form, answered.answer)
        else {
            return;
        };
        let calm = self.faults.iter().all(|(_, fault)| live::is_of_client(fault));
        let is_plain = calm && !answered.has_settings && !work.went_back;
        let in_doubt = |said: &Said| {
            said.reverted || matches!(said.told, Some(Told::Error(_))) || atomic::is_opaque(said)
        };
        if !is_plain || work.statements.iter().any(in_doubt) {
            return;
        }
        let mut said = work.statements.iter().rev();
        let last = said.find_map(|said| Some((said, said.form.write()?)));
        let Some((said, write)) = last.filter(|(_, write)| self.is_owner(write)) else { return };
        let same = write.table == select.table && write.keyspace == select.keyspace;
        let one = said.told == Some(Told::Ok { affected: 1 }) && write.kind == Kind::Insert;
        if !same || !one || self.borrows(write) || self.has_no_entry(write) {
            return;
        }
        let found = self.versions.table(select.keyspace.as_deref(), &select.table);
        let Some((keyspace, table)) = found else { return };
        // Another one may take the entry of a lookup that promises nothing.
        let column = &select.filter.column;
        if self.is_unpromised(keyspace, &select.table, column) && !self.clients.has_one() {
            return;
        }
        let lacks = stable_reads::lacks_own(select, write, table, &outcome.rows);
        self.told_wrongly(Invariant::StableReads, answered, lacks.into_iter().collect(), None);
    }

    /// Whether a row has a NULL in a column of a lookup of several: by the others nobody finds it.
    fn has_no_entry(&self, write: &Write) -> bool {
        let rows = write.rows.iter().flatten();
        let is_null = |row: &Vec<Given>, name: &String| {
            let at = write.columns.iter().position(|own| own.eq_ignore_ascii_case(name));
            at.is_none_or(|at| row.get(at) == Some(&Given::Null))
        };
        let owned = self.vindexes.iter().map(|vindex| &vindex.watched.owner);
        let mut several = owned.filter(|owner| {
            1 < owner.columns.len() && owner.table.eq_ignore_ascii_case(&write.table)
        });
        several.any(|owner| {
            rows.clone().any(|row| owner.columns.iter().any(|name| is_null(row, name)))
        })
    }

    fn read_findings(&self, answered: &Answered) -> Option<(Vec<String>, Vec<String>)> {
        let (Form::Select(select), Answer::Ok(outcome)) = (&*answered.ask.form, answered.answer)
        else {
            return None;
        };
        let since = reads::since(answered).filter(|_| !answered.has_settings)?;
        let changed = self.versions.vschema_changed;
        if changed.is_some_and(|changed| since.time < changed.time + HEARD) {
            return None;
        }
        let (keyspace, table) = self.versions.table(select.keyspace.as_deref(), &select.table)?;
        let read = Read::new(select, table, since, &outcome.rows)?;
        let column = &read.schema.columns.get(read.column)?.name;
        if self.is_unpromised(keyspace, &select.table, column) {
            return None;
        }
        let unsound = sound_reads::unsound(&read);
        let reachable =
            |version: &Version| self.is_reachable(keyspace, table, version, column, &read);
        Some((unsound, stable_reads::incomplete(&read, reachable)))
    }

    /// Whether a lookup without promises may route by a column.
    fn is_unpromised(&self, keyspace: &str, table: &str, column: &str) -> bool {
        self.versions.unpromised.iter().any(|(of, name, unpromised)| {
            **of == *keyspace
                && name.eq_ignore_ascii_case(table)
                && unpromised.eq_ignore_ascii_case(column)
        })
    }

    /// Whether a row can have been found by this column ever since the read began.
    fn is_reachable(
        &self,
        keyspace: &Rc<str>,
        table: &TableVersions,
        version: &Version,
        column: &str,
        read: &Read,
    ) -> bool {
        let Some(schema) = &table.schema else { return false };
        let over = self.vindexes_over(version.shard, &schema.database, &schema.name);
        let mut owned = over.iter().filter(|(_, kind)| *kind == TableKind::Owner).peekable();
        owned.peek().is_some()
            && owned.all(|(index, _)| {
                let vindex = &self.vindexes[*index];
                let watched = &vindex.watched;
                let range = &self.shards[version.shard].range;
                let placed = watched.owner.placed_by.as_ref();
                let id = placed.and_then(|placed| placed.keyspace_id(schema, &version.row));
                let Some(id) = id.filter(|id| range.contains(id)) else { return false };
                let routes = watched.keyspace == *keyspace
                    && !watched.write_only
                    && watched.owner.columns.iter().any(|own| own.eq_ignore_ascii_case(column));
                if !routes {
                    return true;
                }
                let key = vindex.value_of(TableKind::Owner, schema, &version.row);
                let entry = key.and_then(|key| vindex.values.get(&key));
                entry.is_some_and(|entry| {
                    // Of a value with many changes the oldest are forgotten.
                    let moved = NOTES <= entry.notes.len()
                        || entry.notes.iter().any(|note| {
                            note.table == TableKind::Lookup && read.since.seq <= note.at.seq
                        });
                    watched.owner.columns.len() == 1 && !moved && entry.lookup_ids().contains(&id)
                })
            })
    }

    pub(super) fn told_wrongly(
        &mut self,
        invariant: Invariant,
        answered: &Answered,
        rows: Vec<String>,
        departure: Option<Departure>,
    ) {
        if rows.is_empty() {
            return;
        }
        let subject = format!("session {}", answered.session);
        self.violate(invariant, subject, answered.ask.sql.to_string(), rows, departure);
    }
}
