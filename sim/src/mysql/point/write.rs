//! INSERT of a new row, and UPDATE of a row's columns that no index has.

use std::sync::Arc;

use super::{Action, Assigned, Given, Point, Ran, Tried};
use crate::eval::{Env, store};
use crate::mysql::binlog::RowChange;
use crate::mysql::engine::{Engine, Wanted};
use crate::mysql::key::{IndexId, Key, Place};
use crate::mysql::lock::mode::{Mode, Span};
use crate::mysql::lock::queue::Answer;
use crate::mysql::metadata::{Duration, MetadataMode};
use crate::mysql::outcome::Outcome;
use crate::mysql::pages::Slot;
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
        let mut fits = true;
        let value = |given: &Given| {
            let value = given.value_or_null(binds);
            fits &= value
                .as_ref()
                .is_some_and(|value| !value.is_null() || !schema.columns[given.column].not_null);
            value.unwrap_or(Value::Null)
        };
        let row: Row = self.table.values.iter().map(value).collect();
        if !fits {
            return None;
        }
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
        set: &[Assigned],
    ) -> Option<Ran> {
        self.may_write(engine, connection)?;
        let change = self.changed(engine, binds, set)?;
        let (trx, own) = self.begin(engine, connection, now)?;
        match self.make(engine, connection, trx, change) {
            Some(outcome) => ran(own, outcome),
            None => Some(Ran::Blocked),
        }
    }

    /// One more try of an UPDATE that has waited.
    pub fn update_again(
        &self,
        engine: &mut Engine,
        connection: ConnectionId,
        trx: TrxId,
        binds: &Arc<Binds>,
    ) -> Tried {
        let Action::Update { set } = &self.action else { return Tried::Other };
        let Some(change) = self.changed(engine, binds, set) else { return Tried::Other };
        self.make(engine, connection, trx, change).map_or(Tried::Wait, Tried::Done)
    }

    /// Locks the row and puts its new version in; none where the lock is waited for.
    fn make(
        &self,
        engine: &mut Engine,
        connection: ConnectionId,
        trx: TrxId,
        change: Change,
    ) -> Option<Outcome> {
        let Change { wanted, slot, owner, old, new } = change;
        let transaction = engine.transaction_mut(trx);
        transaction.entered_engine = true;
        transaction.intend(self.table.id, Mode::X);
        if engine.acquire_from(trx, &wanted, owner) == Answer::Waiting {
            return None;
        }
        let mut outcome = Outcome { matched: 1, ..Outcome::default() };
        if old != new {
            engine.update_record_at(trx, self.table.id, slot, &wanted.place, new.clone());
            let change = RowChange { before: Some(old), after: Some(new) };
            engine.log(connection, trx, &self.table.schema, &mut None, change);
            outcome.affected = 1;
        }
        Some(outcome)
    }

    /// What the assignments make of the row, each of which sees those before it; none where there
    /// is no row, or one of them fails or warns.
    fn changed(&self, engine: &Engine, binds: &Arc<Binds>, set: &[Assigned]) -> Option<Change> {
        let key = self.key(binds)?;
        let (slot, record) = engine.table(self.table.id).find(&key)?;
        let newest = record.newest();
        if newest.deleted {
            return None;
        }
        let old = newest.row.clone();
        let mut new: Row = old.iter().cloned().collect();
        let row = Arc::get_mut(&mut new)?;
        for assigned in set {
            let quick = assigned.program.quick(row);
            let accepted = quick.zip(assigned.accepts.as_ref());
            row[assigned.column] = match accepted.and_then(|(value, to)| to.take(&value)) {
                Some(value) => value,
                None => self.evaluated(row, assigned, binds)?,
            };
        }
        let wanted = Wanted {
            index: IndexId { table: self.table.id, index: 0 },
            place: Place::Record(key),
            mode: Mode::X,
            span: Span::Record,
            duplicate_check: false,
        };
        let owner = engine.transactions.contains_key(&newest.trx).then_some(newest.trx);
        Some(Change { wanted, slot, owner, old, new })
    }

    /// What the column makes of the assignment's value; none where one fails or warns.
    fn evaluated(&self, row: &[Value], assigned: &Assigned, binds: &Arc<Binds>) -> Option<Value> {
        let column = &self.table.schema.columns[assigned.column];
        // The plan takes no expression that asks for the time.
        let mut env = Env::with_binds(jiff::civil::DateTime::ZERO, binds.clone());
        env.strict_change = true;
        let value = assigned.program.run(row, &mut env).ok()?;
        let (value, warning) = store(&value, &column.ty, &column.name, 1, true).ok()?;
        let warns = !warning.is_empty() || !env.warnings.is_empty();
        let missing = value.is_null() && column.not_null;
        (!warns && !missing).then_some(value)
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
        let table = self.table.metadata;
        engine.request_metadata(connection, table, MetadataMode::Write, Duration::Transaction);
        Some((trx, !engine.transaction(trx).explicit))
    }
}

/// A row that is to be changed, and the lock that this takes.
struct Change {
    wanted: Wanted,
    slot: Slot,
    /// Who holds the row implicitly.
    owner: Option<TrxId>,
    old: Row,
    new: Row,
}

fn ran(own: bool, outcome: Outcome) -> Option<Ran> {
    Some(if own { Ran::Commit(outcome) } else { Ran::Done(outcome) })
}
