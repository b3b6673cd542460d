//! A row that a transaction has read FOR UPDATE is its own until it ends: meanwhile nobody else
//! changes it, and nobody else is told that he has it.
//!
//! The counterexample that it exists for. FOR UPDATE takes the lock of a mere reader:
//!
//! ```text
//!   a: begin; select * from corder where order_id = 5 for update    5, 'Product_5'
//!   b: begin; select * from corder where order_id = 5 for update    5, 'Product_5'
//! ```
//!
//! Both now think that nobody changes order 5. Each is judged only while it waits for its client's
//! next statement, since a statement under way may have lost the transaction already; and only
//! where no fault but a client's has come, nothing was killed or promoted, and no savepoint was
//! gone back to, with which InnoDB may free what it has locked since.
//!
//! Which row it was, the answer says: of an owner table, all columns, as exactly one committed row
//! has them.
//!
//! It knows nothing of locks.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::binlog::{BinlogTransaction, Event};
use sim::mysql::key::Key;

use crate::checker::clients::Answered;
use crate::checker::entry::ShardId;
use crate::checker::judge::Judge;
use crate::checker::live;
use crate::checker::statement::{Form, Listed};
use crate::checker::value::show;
use crate::checker::verdict::{At, Invariant};
use crate::history::Answer;

/// A row that a session's transaction has.
#[derive(Clone, Debug)]
pub(super) struct Held {
    session: Rc<str>,
    /// When that transaction began.
    since: At,
    keyspace: Rc<str>,
    table: Rc<str>,
    shard: ShardId,
    key: Key,
    sql: Rc<str>,
}

impl Judge {
    /// Takes note of what a session has now, and has no more.
    pub(super) fn take_held(&mut self, answered: &Answered, listed: Option<&Listed>) {
        let keeps = matches!(*answered.ask.form, Form::Select(_) | Form::Write(_) | Form::Other);
        if !keeps || matches!(answered.answer, Answer::Error(_)) {
            return self.held.retain(|held| held.session != answered.session);
        }
        let work = answered.work.as_ref().filter(|work| work.is_explicit && !work.went_back);
        let (Some(work), Some(listed)) = (work, listed) else { return };
        let is_plain = listed.for_update && listed.columns.is_none() && !answered.has_settings;
        let Answer::Ok(outcome) = answered.answer else { return };
        let found = self.versions.table(listed.keyspace.as_deref(), &listed.table);
        let Some((keyspace, table)) = found.filter(|_| is_plain) else { return };
        let mut rows: Vec<Held> = Vec::new();
        for row in &outcome.rows {
            let mut same = table.live().filter(|version| version.row == *row);
            let (Some(only), None) = (same.next(), same.next()) else { continue };
            rows.push(Held {
                session: Rc::clone(&answered.session),
                since: work.since,
                keyspace: Rc::clone(keyspace),
                table: Rc::clone(&listed.table),
                shard: only.shard,
                key: only.key.clone(),
                sql: Rc::clone(&answered.ask.sql),
            });
        }
        let taken: Vec<String> = rows.iter().filter_map(|row| self.taken(row)).collect();
        self.held.extend(rows);
        self.told_wrongly(Invariant::SoundReads, answered, taken, None);
    }

    /// Who has a row that another session has as well.
    fn taken(&self, row: &Held) -> Option<String> {
        let is_same = |held: &&Held| {
            held.session != row.session
                && (held.shard, &held.key) == (row.shard, &row.key)
                && held.table.eq_ignore_ascii_case(&row.table)
                && held.keyspace == row.keyspace
        };
        let other = self.held.iter().filter(is_same).find(|held| self.is_sure(held))?;
        Some(format!("has a row that {} has by `{}`, and has not ended", other.session, other.sql))
    }

    /// A session's commit on a primary: the rows that it changes are nobody else's.
    pub(super) fn judge_held(
        &mut self,
        shard: ShardId,
        session: &str,
        transaction: &Arc<BinlogTransaction>,
    ) {
        if self.held.is_empty() {
            return;
        }
        let (database, keyspace) = (&self.shards[shard].database, &self.shards[shard].keyspace);
        let primary = self.shards[shard].primary.as_ref();
        let Some(tablet) = primary.and_then(|alias| self.tablets.get(alias)) else { return };
        let mut broken: Vec<(Held, String)> = Vec::new();
        for event in &transaction.events {
            let Event::Rows(event) = event else { continue };
            let Some(rows) = tablet.copy.table(database, &event.table.name) else { continue };
            for row in event.changes.iter().filter_map(|change| change.before.as_ref()) {
                let key = rows.key(row);
                let is_it = |held: &&Held| {
                    live::session(&format!("{} normal", held.session)) != Some(session)
                        && held.shard == shard
                        && held.key == key
                        && held.keyspace == *keyspace
                        && held.table.eq_ignore_ascii_case(&event.table.name)
                };
                let held = self.held.iter().filter(is_it).find(|held| self.is_sure(held));
                broken.extend(held.map(|held| (held.clone(), show(row))));
            }
        }
        for (held, row) in broken {
            let text = format!("{session} has changed {row} meanwhile");
            let subject = format!("session {}", held.session);
            self.violate(Invariant::SoundReads, subject, held.sql.to_string(), vec![text], None);
        }
    }

    fn is_sure(&self, held: &Held) -> bool {
        self.clients.idles_in(&held.session, held.since)
            && self.faults.iter().all(|(_, fault)| live::is_of_client(fault))
    }
}
