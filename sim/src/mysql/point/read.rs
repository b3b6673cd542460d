//! SELECT of one row.

use std::sync::Arc;

use super::{Point, Ran};
use crate::mysql::engine::{Engine, Wanted};
use crate::mysql::key::{IndexId, Place};
use crate::mysql::lock::mode::{Mode, Span};
use crate::mysql::metadata::{Duration, MetadataMode};
use crate::mysql::outcome::{Column, Outcome};
use crate::mysql::session::ConnectionId;
use crate::mysql::transaction::{Isolation, Stage};
use crate::value::{Binds, Row};

type Output<'a> = (&'a Arc<[Column]>, &'a Option<Vec<usize>>);

impl Point {
    /// A consistent read.
    pub(super) fn read(
        &self,
        engine: &mut Engine,
        connection: ConnectionId,
        binds: &Binds,
        output: Output<'_>,
    ) -> Option<Ran> {
        let key = self.key(binds)?;
        let table = self.table.id;
        if !self.may_lock_metadata(engine, connection, MetadataMode::Read) {
            return None;
        }
        let session = engine.sessions.get(&connection)?;
        let (own, isolation) = (session.transaction, session.isolation);
        let Some(trx) = own else {
            // Nobody sees a transaction that begins and ends in one step.
            let trx = engine.next_trx_id();
            let row = match isolation {
                Isolation::ReadUncommitted => engine.newest(table, &key),
                _ if engine.transactions.is_empty() => engine.newest(table, &key),
                _ => {
                    let view = engine.new_view(trx);
                    let record = engine.table(table).record(&key);
                    record.and_then(|record| view.version(record)).map(|v| v.row.clone())
                }
            };
            return Some(Ran::Done(shown(row, output)));
        };
        let transaction = engine.transaction(trx);
        if transaction.stage != Stage::Active || transaction.isolation == Isolation::Serializable {
            return None;
        }
        let isolation = transaction.isolation;
        let metadata = self.table.metadata;
        engine.request_metadata(connection, metadata, MetadataMode::Read, Duration::Transaction);
        let view = match (isolation, &engine.transaction(trx).view) {
            (Isolation::ReadUncommitted, _) => None,
            (Isolation::RepeatableRead, Some(view)) => Some(view.clone()),
            _ => Some(Arc::new(engine.new_view(trx))),
        };
        let transaction = engine.transaction_mut(trx);
        transaction.entered_engine = true;
        if let Some(view) = &view {
            transaction.view = Some(view.clone());
        }
        let row = match view {
            None => engine.newest(table, &key),
            Some(view) => {
                let record = engine.table(table).record(&key);
                record.and_then(|record| view.version(record)).map(|v| v.row.clone())
            }
        };
        Some(Ran::Done(shown(row, output)))
    }

    /// FOR UPDATE of a row that is there and free, inside a transaction.
    pub(super) fn read_for_update(
        &self,
        engine: &mut Engine,
        connection: ConnectionId,
        binds: &Binds,
        output: Output<'_>,
    ) -> Option<Ran> {
        let key = self.key(binds)?;
        let trx = engine.sessions.get(&connection)?.transaction?;
        if engine.transaction(trx).stage != Stage::Active
            || engine.options.read_only
            || engine.options.super_read_only
            || !self.may_lock_metadata(engine, connection, MetadataMode::Write)
        {
            return None;
        }
        let row = engine.newest(self.table.id, &key)?;
        let wanted = Wanted {
            index: IndexId { table: self.table.id, index: 0 },
            place: Place::Record(key),
            mode: Mode::X,
            span: Span::Record,
            duplicate_check: false,
        };
        if engine.would_wait(trx, &wanted) {
            return None;
        }
        let table = self.table.metadata;
        engine.request_metadata(connection, table, MetadataMode::Write, Duration::Transaction);
        let transaction = engine.transaction_mut(trx);
        transaction.entered_engine = true;
        transaction.intend(self.table.id, Mode::X);
        engine.acquire(trx, &wanted);
        Some(Ran::Done(shown(Some(row), output)))
    }
}

fn shown(row: Option<Row>, (columns, items): Output<'_>) -> Outcome {
    let rows = row.into_iter().map(|row| match items {
        None => row,
        Some(items) => items.iter().map(|at| row[*at].clone()).collect(),
    });
    Outcome { columns: columns.clone(), rows: rows.collect(), ..Outcome::default() }
}
