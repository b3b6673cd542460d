//! Changing one row: in every index, with the locks and duplicate checks of each.
//!
//! A row is really inserted index by index, PRIMARY first. Where a later index finds a duplicate,
//! the row has existed for a moment, and others may have queued on it; undoing it leaves their
//! locks, and at REPEATABLE READ the inserter's own, on the gap.

use crate::mysql::durable::RedoRecord;
use crate::mysql::engine::{Engine, Wanted};
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::key::{IndexId, Key, Place};
use crate::mysql::lock::mode::{Mode, Span};
use crate::mysql::lock::queue::Answer;
use crate::mysql::schema;
use crate::mysql::transaction::TrxId;
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

use super::tables::Opened;

/// How a duplicate check locks: shared where a duplicate is an error, exclusive where the row that
/// is in the way will be changed (ON DUPLICATE KEY UPDATE, REPLACE).
pub type CheckMode = Mode;

#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Done,
    /// This row is in the way, in this index.
    Duplicate {
        index: usize,
        key: Key,
    },
}

enum Attempt {
    Done,
    Duplicate(Key),
    Wait,
}

impl Run {
    pub async fn insert_row(
        &self,
        trx: TrxId,
        table: &Opened,
        row: &Row,
        check: CheckMode,
    ) -> Result<Written, SqlError> {
        let key = self.engine(|engine| {
            engine.transaction_mut(trx).entered_engine = true;
            engine.transaction_mut(trx).intend(table.id, Mode::X);
            engine.table_mut(table.id).clustered_key(row)
        });
        self.insert_with_key(trx, table, &key, row, check).await
    }

    async fn insert_with_key(
        &self,
        trx: TrxId,
        table: &Opened,
        key: &Key,
        row: &Row,
        check: CheckMode,
    ) -> Result<Written, SqlError> {
        loop {
            match self.engine(|engine| engine.try_insert(trx, table, key, row, check)) {
                Attempt::Done => break,
                Attempt::Duplicate(key) => return Ok(Written::Duplicate { index: 0, key }),
                Attempt::Wait => self.wait_for_lock(trx).await?,
            }
        }
        for index in 1..table.schema.indexes.len() {
            let written = self.insert_entry(trx, table, index, key, row, check).await?;
            if written != Written::Done {
                return Ok(written);
            }
        }
        Ok(Written::Done)
    }

    async fn insert_entry(
        &self,
        trx: TrxId,
        table: &Opened,
        index: usize,
        key: &Key,
        row: &Row,
        check: CheckMode,
    ) -> Result<Written, SqlError> {
        loop {
            match self.engine(|engine| engine.try_insert_entry(trx, table, index, key, row, check))
            {
                Attempt::Done => return Ok(Written::Done),
                Attempt::Duplicate(key) => return Ok(Written::Duplicate { index, key }),
                Attempt::Wait => self.wait_for_lock(trx).await?,
            }
        }
    }

    /// Changes a row that is locked already; a new clustered key moves it. A larger AUTO_INCREMENT
    /// value pushes the counter, for good.
    pub async fn update_row(
        &self,
        trx: TrxId,
        table: &Opened,
        key: &Key,
        old: &Row,
        new: &Row,
        check: CheckMode,
    ) -> Result<Written, SqlError> {
        let written = self.change_row(trx, table, key, old, new, check).await?;
        if let (Some(column), Written::Done) = (table.schema.auto_increment(), &written)
            && old[column] != new[column]
        {
            self.push_automatic(table, &new[column]);
        }
        Ok(written)
    }

    /// An explicit larger value pushes the counter.
    pub fn push_automatic(&self, table: &Opened, value: &Value) {
        let value = match value {
            Value::Int(value) => u64::try_from(*value).unwrap_or(0),
            Value::Uint(value) => *value,
            _ => return,
        };
        let table = table.id;
        self.engine(|engine| {
            if engine.table(table).auto_increment <= value {
                let next = value.saturating_add(1);
                engine.table_mut(table).auto_increment = next;
                engine.durable.redo.push(RedoRecord::AutoIncrement { table, next });
            }
        });
    }

    async fn change_row(
        &self,
        trx: TrxId,
        table: &Opened,
        key: &Key,
        old: &Row,
        new: &Row,
        check: CheckMode,
    ) -> Result<Written, SqlError> {
        let schema = &table.schema;
        let moved = !schema.has_hidden_row_id() && schema.key_of_row(0, new) != *key;
        self.lock_to_change(trx, table, 0, key).await?;
        if moved {
            let target = schema.key_of_row(0, new);
            self.engine(|engine| engine.delete_record(trx, table.id, key));
            loop {
                match self.engine(|engine| engine.try_insert(trx, table, &target, new, check)) {
                    Attempt::Done => break,
                    Attempt::Duplicate(key) => return Ok(Written::Duplicate { index: 0, key }),
                    Attempt::Wait => self.wait_for_lock(trx).await?,
                }
            }
            return self.replace_entries(trx, table, (key, old), (&target, new), check).await;
        }
        self.engine(|engine| engine.update_record(trx, table.id, key, new.clone()));
        self.replace_entries(trx, table, (key, old), (key, new), check).await
    }

    async fn replace_entries(
        &self,
        trx: TrxId,
        table: &Opened,
        old: (&Key, &Row),
        new: (&Key, &Row),
        check: CheckMode,
    ) -> Result<Written, SqlError> {
        let schema = &table.schema;
        for index in 1..schema.indexes.len() {
            let old_entry = schema.key_of_row(index, old.1).then(old.0);
            if old_entry == schema.key_of_row(index, new.1).then(new.0) {
                continue;
            }
            self.lock_to_change(trx, table, index, &old_entry).await?;
            self.engine(|engine| engine.table_mut(table.id).mark_entry(index, &old_entry, false));
            let written = self.insert_entry(trx, table, index, new.0, new.1, check).await?;
            if written != Written::Done {
                return Ok(written);
            }
        }
        Ok(Written::Done)
    }

    /// Deletes a row that is locked already.
    pub async fn delete_row(
        &self,
        trx: TrxId,
        table: &Opened,
        key: &Key,
        row: &Row,
    ) -> Result<(), SqlError> {
        self.lock_to_change(trx, table, 0, key).await?;
        self.engine(|engine| engine.delete_record(trx, table.id, key));
        for index in 1..table.schema.indexes.len() {
            let entry = table.schema.key_of_row(index, row).then(key);
            self.lock_to_change(trx, table, index, &entry).await?;
            self.engine(|engine| engine.table_mut(table.id).mark_entry(index, &entry, false));
        }
        Ok(())
    }

    /// Locks a row by its clustered key and returns its newest version; none where it has gone.
    pub async fn lock_row(
        &self,
        trx: TrxId,
        table: &Opened,
        key: &Key,
    ) -> Result<Option<Row>, SqlError> {
        let wanted = Wanted {
            index: IndexId { table: table.id, index: 0 },
            place: Place::Record(key.clone()),
            mode: Mode::X,
            span: Span::Record,
            duplicate_check: false,
        };
        loop {
            let found = self.engine(|engine| {
                engine.table(table.id).record(key)?;
                let answer = engine.acquire(trx, &wanted);
                let newest = engine.table(table.id).record(key).map(|record| record.newest());
                let row = newest.filter(|newest| !newest.deleted).map(|newest| newest.row.clone());
                Some((answer, row))
            });
            match found {
                None => return Ok(None),
                Some((Answer::Waiting, _)) => self.wait_for_lock(trx).await?,
                Some((_, row)) => return Ok(row),
            }
        }
    }

    async fn lock_to_change(
        &self,
        trx: TrxId,
        table: &Opened,
        index: usize,
        key: &Key,
    ) -> Result<(), SqlError> {
        let index = IndexId { table: table.id, index: index as u32 };
        while self.engine(|engine| engine.acquire_to_change(trx, index, key)) == Answer::Waiting {
            self.wait_for_lock(trx).await?;
        }
        Ok(())
    }

    /// 1062, with the values that the new row has in the index.
    pub fn duplicate_error(&self, table: &Opened, index: usize, row: &Row) -> SqlError {
        let values = key_texts(&table.schema, index, row);
        let key = &table.schema.indexes[index].name;
        error::duplicate_entry(&joined(&values), &table.schema.name, key)
    }
}

/// The values of a key as an error shows them.
pub fn key_texts(schema: &schema::Table, index: usize, row: &[Value]) -> Vec<String> {
    let text = |part: &schema::Part| {
        let column = &schema.columns[part.column];
        let value = match part.length {
            Some(length) => schema::cut(&row[part.column], length),
            None => row[part.column].clone(),
        };
        let mut shown = super::session::text_column("");
        shown.kind = super::scope::kind_of(schema, part.column);
        shown.ty = Some(column.ty.clone());
        match shown.wire(&value) {
            None => "NULL".to_string(),
            // What pads a BINARY is not shown.
            Some(bytes) if &*column.ty.name == "binary" => {
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |at| at + 1);
                printable(&bytes[..end.min(bytes.len())])
            }
            Some(bytes) => printable(&bytes),
        }
    };
    schema.indexes[index].parts.iter().map(text).collect()
}

/// The values of a key in 1062; nothing stands between an empty beginning and what follows.
pub fn joined(values: &[String]) -> String {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push('-');
        }
        text.push_str(value);
    }
    text
}

/// Bytes that are no text as `\\x00`.
fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_string(),
        _ => bytes
            .iter()
            .map(|byte| match byte {
                0x20..=0x7e => char::from(*byte).to_string(),
                other => format!("\\x{other:02X}"),
            })
            .collect(),
    }
}

impl Engine {
    /// One try to put a row into the clustered index.
    fn try_insert(
        &mut self,
        trx: TrxId,
        table: &Opened,
        key: &Key,
        row: &Row,
        check: CheckMode,
    ) -> Attempt {
        let index = IndexId { table: table.id, index: 0 };
        let place = Place::Record(key.clone());
        if self.table(table.id).record(key).is_none() {
            if self.intend(trx, index, key) == Answer::Waiting {
                return Attempt::Wait;
            }
            self.insert_record(trx, table.id, key, row.clone());
            return Attempt::Done;
        }
        let wanted =
            Wanted { index, place, mode: check, span: Span::Record, duplicate_check: true };
        if self.acquire(trx, &wanted) == Answer::Waiting {
            return Attempt::Wait;
        }
        let live = self.table(table.id).record(key).is_some_and(|record| !record.newest().deleted);
        if live {
            return Attempt::Duplicate(key.clone());
        }
        // A deleted record's place is taken over: a change, whose lock stays implicit.
        if self.acquire_to_change(trx, index, key) == Answer::Waiting {
            return Attempt::Wait;
        }
        self.insert_record(trx, table.id, key, row.clone());
        Attempt::Done
    }

    /// One try to put a row's entry into a secondary index.
    fn try_insert_entry(
        &mut self,
        trx: TrxId,
        table: &Opened,
        at: usize,
        clustered: &Key,
        row: &Row,
        check: CheckMode,
    ) -> Attempt {
        let index = IndexId { table: table.id, index: at as u32 };
        let schema = &table.schema;
        if schema.indexes[at].unique && !schema.key_has_null(at, row) {
            let prefix = schema.key_of_row(at, row);
            match self.check_unique(trx, index, &prefix, clustered, check) {
                Attempt::Done => {}
                other => return other,
            }
        }
        let key = schema.key_of_row(at, row).then(clustered);
        let answer = if self.table(table.id).entry(at, &key).is_some() {
            self.acquire_to_change(trx, index, &key)
        } else {
            self.intend(trx, index, &key)
        };
        if answer == Answer::Waiting {
            return Attempt::Wait;
        }
        self.insert_entry(index, key, row, clustered);
        Attempt::Done
    }

    /// Walks all entries of an equal key, live or not, and the one behind them.
    fn check_unique(
        &mut self,
        trx: TrxId,
        index: IndexId,
        prefix: &Key,
        clustered: &Key,
        check: CheckMode,
    ) -> Attempt {
        let at = index.index as usize;
        let (from, to) = prefix.prefix_bounds();
        let wanted = |place: Place, span: Span| Wanted {
            index,
            place,
            mode: check,
            span,
            duplicate_check: true,
        };
        let mut next = self.table(index.table).first_from(at, from.as_ref()).cloned();
        let mut any = false;
        while let Some(key) = next.filter(|key| key.starts_with(prefix)) {
            any = true;
            let place = Place::Record(key.clone());
            if self.acquire(trx, &wanted(place, Span::NextKey)) == Answer::Waiting {
                return Attempt::Wait;
            }
            let table = self.table(index.table);
            let entry = table.entry(at, &key);
            let live = entry.filter(|entry| entry.live);
            if let Some(entry) = live.filter(|entry| entry.clustered != *clustered) {
                return Attempt::Duplicate(entry.clustered.clone());
            }
            next = table.first_from(at, std::ops::Bound::Excluded(&key)).cloned();
        }
        if any {
            // Shared checks close the gap behind; exclusive ones take the successor whole.
            let from = match to {
                std::ops::Bound::Excluded(end) => {
                    self.table(index.table).place_from(at, std::ops::Bound::Included(&end))
                }
                _ => Place::Supremum,
            };
            let gap = check == Mode::S && !from.is_supremum();
            let span = if gap { Span::Gap } else { Span::NextKey };
            if self.acquire(trx, &wanted(from, span)) == Answer::Waiting {
                return Attempt::Wait;
            }
        }
        Attempt::Done
    }

    /// Asks for the gap that a new key falls into.
    fn intend(&mut self, trx: TrxId, index: IndexId, key: &Key) -> Answer {
        let place = self.table(index.table).successor(index.index as usize, key);
        let wanted = Wanted {
            index,
            place,
            mode: Mode::X,
            span: Span::InsertIntention,
            duplicate_check: false,
        };
        self.acquire(trx, &wanted)
    }
}

/// Are all values of two rows the same to a user? An UPDATE to the same values changes nothing.
pub fn same(old: &[Value], new: &[Value]) -> bool {
    old == new
}
