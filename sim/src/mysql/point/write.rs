//! INSERT of a new row, and UPDATE of a row's columns that no index has.

use std::sync::Arc;

use super::{Point, Ran};
use crate::eval::{Env, Program, store};
use crate::mysql::binlog::RowChange;
use crate::mysql::engine::{Engine, Wanted};
use crate::mysql::key::{IndexId, Key, Place};
use crate::mysql::lock::mode::{Mode, Span};
use crate::mysql::metadata::{Duration, MetadataMode};
use crate::mysql::outcome::Outcome;
use crate::mysql::session::ConnectionId;
use crate::mysql::transaction::{Stage, TrxId};
use crate::value::{Binds, Row, Value};

impl Point {
    pub(super) fn insert(
        &self,
        engine: &mut Engine,
        connection: ConnectionId,
        binds: &Binds,
        now: jiff::Timestamp,
    ) -> Option<Ran> {
        self.may_write(engine, connection)?;
        let schema = &self.table.schema;
        let mut row = Vec::with_capacity(schema.columns.len());
        for given in &self.table.values {
            let value = given.value_or_null(binds)?;
            if value.is_null() && schema.columns[given.column].not_null {
                return None;
            }
            row.push(value);
        }
        let row = Row::from(row);
        let key = schema.key_of_row(0, &row);
        let mut entries: Vec<Key> = Vec::with_capacity(schema.indexes.len() - 1);
        let table = engine.table(self.table.id);
        if table.record(&key).is_some() {
            return None;
        }
        for index in 1..schema.indexes.len() {
            let own = schema.key_of_row(index, &row);
            let (from, _) = own.prefix_bounds();
            let next = table.first_from(index, from.as_ref());
            if schema.indexes[index].unique
                && !schema.key_has_null(index, &row)
                && next.is_some_and(|next| next.starts_with(&own))
            {
                return None;
            }
            let entry = own.then(&key);
            if table.entry(index, &entry).is_some() {
                return None;
            }
            entries.push(entry);
        }
        let places = std::iter::once(&key).chain(&entries);
        if !engine.locks.is_empty()
            && places.enumerate().any(|(at, key)| self.is_closed(engine, at, key))
        {
            return None;
        }
        let (trx, own) = self.begin(engine, connection, now)?;
        let id = self.table.id;
        engine.transaction_mut(trx).entered_engine = true;
        engine.insert_record(trx, id, &key, row.clone());
        for (at, entry) in entries.into_iter().enumerate() {
            let index = IndexId { table: id, index: at as u32 + 1 };
            engine.insert_entry(index, entry, &row, &key);
        }
        let change = RowChange { before: None, after: Some(row) };
        engine.log(connection, trx, schema, &mut None, change);
        ran(own, Outcome { affected: 1, matched: 1, ..Outcome::default() })
    }

    pub(super) fn update(
        &self,
        engine: &mut Engine,
        connection: ConnectionId,
        binds: &Arc<Binds>,
        now: jiff::Timestamp,
        set: &[(usize, Program)],
    ) -> Option<Ran> {
        self.may_write(engine, connection)?;
        let key = self.key(binds)?;
        let old = engine.newest(self.table.id, &key)?;
        let new: Row = self.changed(&old, binds, now, set)?.into();
        let wanted = Wanted {
            index: IndexId { table: self.table.id, index: 0 },
            place: Place::Record(key.clone()),
            mode: Mode::X,
            span: Span::Record,
            duplicate_check: false,
        };
        if engine.would_block(connection, &wanted) {
            return None;
        }
        let (trx, own) = self.begin(engine, connection, now)?;
        let transaction = engine.transaction_mut(trx);
        transaction.entered_engine = true;
        transaction.intend(self.table.id, Mode::X);
        engine.acquire(trx, &wanted);
        let mut outcome = Outcome { matched: 1, ..Outcome::default() };
        if old != new {
            engine.update_record(trx, self.table.id, &key, new.clone());
            let change = RowChange { before: Some(old), after: Some(new) };
            engine.log(connection, trx, &self.table.schema, &mut None, change);
            outcome.affected = 1;
        }
        ran(own, outcome)
    }

    /// The row after the assignments, each of which sees those before it; none where one fails or
    /// warns.
    fn changed(
        &self,
        old: &Row,
        binds: &Arc<Binds>,
        now: jiff::Timestamp,
        set: &[(usize, Program)],
    ) -> Option<Vec<Value>> {
        let now = jiff::tz::TimeZone::UTC.to_datetime(now);
        let mut env = Env::with_binds(now, binds.clone());
        env.strict_change = true;
        let mut new = old.to_vec();
        for (at, program) in set {
            let column = &self.table.schema.columns[*at];
            let value = program.run(&new, &mut env).ok()?;
            let (value, warning) = store(&value, &column.ty, &column.name, 1, true).ok()?;
            if !warning.is_empty() || value.is_null() && column.not_null {
                return None;
            }
            new[*at] = value;
        }
        env.warnings.is_empty().then_some(new)
    }

    /// Is somebody's lock on the gap that a new key falls into?
    fn is_closed(&self, engine: &mut Engine, index: usize, key: &Key) -> bool {
        let place = engine.table(self.table.id).successor(index, key);
        engine.locks.is_locked(IndexId { table: self.table.id, index: index as u32 }, &place)
    }

    /// Nothing that the general path would refuse or ask about is set.
    fn may_write(&self, engine: &Engine, connection: ConnectionId) -> Option<()> {
        let session = engine.sessions.get(&connection)?;
        let open = session.transaction.and_then(|trx| engine.transactions.get(&trx));
        let free = open.is_none_or(|open| !open.read_only && open.stage == Stage::Active);
        let options = &engine.options;
        let writable = !options.read_only && !options.super_read_only;
        // The default mode is strict; another may take values that are refused here, or warn.
        let strict = !session.variables.contains_key("sql_mode");
        (free
            && writable
            && strict
            && self.may_lock_metadata(engine, connection, MetadataMode::Write))
        .then_some(())
    }

    /// The session's transaction with its metadata lock, and whether it is the statement's own.
    fn begin(
        &self,
        engine: &mut Engine,
        connection: ConnectionId,
        now: jiff::Timestamp,
    ) -> Option<(TrxId, bool)> {
        let trx = engine.session_transaction(connection, now)?;
        let path = &self.table.path;
        engine.request_metadata(connection, path, MetadataMode::Write, Duration::Transaction);
        Some((trx, !engine.transaction(trx).explicit))
    }
}

fn ran(own: bool, outcome: Outcome) -> Option<Ran> {
    Some(if own { Ran::Commit(outcome) } else { Ran::Done(outcome) })
}
