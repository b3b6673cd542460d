//! Who has which rows, for a report.
//!
//! By row, whatever index a lock stands in, with the implicit locks, which are in nobody's list: a
//! row whose newest version is an active transaction's. Locks of gaps are on no row.
//!
//! It costs as much as reading all tables: nobody asks while a run goes on for its own sake.

use std::sync::Arc;

use super::engine::Engine;
use super::key::{IndexId, Key, Place, TableId};
use super::lock::mode::{Mode, Span};
use super::schema;
use super::session::ConnectionId;
use crate::value::Row;

/// A connection that has a row, or waits for it.
#[derive(Clone, Debug)]
pub struct RowLock {
    pub connection: ConnectionId,
    pub table: Arc<schema::Table>,
    /// `corder.PRIMARY(5)`
    pub row: String,
    pub mode: Mode,
    pub waiting: bool,
    /// The row's versions, the newest first.
    pub versions: Vec<Row>,
}

pub(super) fn row_locks(engine: &Engine) -> Vec<RowLock> {
    let explicit = engine.locks.report().filter_map(|entry| {
        if !matches!(entry.lock.span, Span::NextKey | Span::Record) {
            return None;
        }
        let Place::Record(key) = entry.place else { return None };
        let connection = engine.transactions.get(&entry.lock.trx)?.connection;
        let key = match entry.index.index {
            0 => key,
            at => &engine.tables.get(&entry.index.table)?.entry(at as usize, key)?.clustered,
        };
        let lock = of_row(engine, entry.index.table, key, connection)?;
        Some(RowLock { mode: entry.lock.mode, waiting: entry.lock.waiting, ..lock })
    });
    let mut locks: Vec<RowLock> = explicit.collect();
    for (id, table) in &engine.tables {
        for (key, _) in table.records() {
            let index = IndexId { table: *id, index: 0 };
            let owner = engine.implicit_owner(index, key);
            let owner = owner.and_then(|owner| engine.transactions.get(&owner));
            let lock = owner.and_then(|owner| of_row(engine, *id, key, owner.connection));
            let is_new = |lock: &RowLock| {
                !locks.iter().any(|known| {
                    known.connection == lock.connection
                        && known.row == lock.row
                        && !known.waiting
                        && known.mode == lock.mode
                        && known.table.database == lock.table.database
                })
            };
            if let Some(lock) = lock.filter(is_new) {
                locks.push(lock);
            }
        }
    }
    locks
}

/// X, held.
fn of_row(engine: &Engine, id: TableId, key: &Key, connection: ConnectionId) -> Option<RowLock> {
    let table = engine.tables.get(&id)?;
    let record = table.record(key)?;
    let primary = table.schema.indexes.first()?;
    let place = Place::Record(key.clone());
    let row = format!("{}.{}({})", table.schema.name, primary.name, table.describe(0, &place));
    let versions = record.versions().map(|version| version.row.clone()).collect();
    let schema = Arc::clone(&table.schema);
    Some(RowLock { connection, table: schema, row, mode: Mode::X, waiting: false, versions })
}
