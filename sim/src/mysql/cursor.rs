//! A scan over intervals of one index: what it reads, and what it locks on the way.
//!
//! A locking scan at REPEATABLE READ takes every record that it visits with the gap before it
//! (next-key), with these exceptions of InnoDB's `row_search_mvcc`:
//!
//! - a full unique key hits its record alone, a record equal to an inclusive lower bound of one
//!   too;
//! - the first record behind an equality closes the gap only;
//! - the end of a range of the clustered index closes the gap only, or nothing where the upper
//!   bound was an existing key. On a secondary index the end record is taken whole.
//!
//! At READ COMMITTED it takes records alone and gives back what was rejected. After a wait it
//! seeks again by key: the world may have changed.
//!
//! It knows nothing of expressions; who uses it says which rows it rejects.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use super::engine::{Engine, Wanted};
use super::error;
use super::key::{IndexId, Key, Place};
use super::lock::mode::{Mode, Span};
use super::lock::queue::Answer;
use super::transaction::TrxId;
use super::view::ReadView;
use crate::sql::ast::Wait;
use crate::sql_error::SqlError;
use crate::value::{Row, Value};

/// A piece of an index: keys from `low` to before `high`.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    pub low: Option<Key>,
    pub high: Option<Key>,
    pub shape: Shape,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// One full key of a unique index without NULL.
    Unique,
    /// Equality on a prefix, or on a key that is not unique.
    Equal,
    /// The inclusive bounds that are full unique keys.
    Range { starts_at: Option<Key>, ends_at: Option<Key> },
}

#[derive(Clone, Debug)]
pub enum Reading {
    Consistent(Arc<ReadView>),
    /// READ UNCOMMITTED.
    Newest,
    Locking(Locking),
}

#[derive(Clone, Copy, Debug)]
pub struct Locking {
    pub mode: Mode,
    pub wait: Wait,
    /// The index alone answers a shared read: the clustered record stays free.
    pub covering: bool,
    /// UPDATE at READ COMMITTED looks at the committed version of a locked record first.
    pub semi_consistent: bool,
    /// The row behind the end of a secondary range is fetched before it is seen to be behind; only
    /// with a pushed condition the end is checked in the index.
    pub fetches_range_end: bool,
}

#[derive(Clone, Debug)]
pub struct Found {
    pub key: Key,
    pub row: Row,
    /// Only a look at the last committed version of a locked record: see
    /// [`Cursor::insist`].
    pub tentative: bool,
}

pub enum Next {
    Found(Found),
    End,
    /// The statement waits for a lock; call again when it is woken.
    Wait,
}

/// A condition that the index alone can decide: it is tested before the clustered record is locked
/// (index condition pushdown).
pub type Pushed = Box<dyn FnMut(&[Value]) -> bool>;

pub struct Cursor {
    pub index: IndexId,
    intervals: VecDeque<Interval>,
    descending: bool,
    reading: Reading,
    trx: TrxId,
    /// The last key that was dealt with in this interval.
    passed: Option<Key>,
    /// Where the scan waited: it goes on here, whatever was inserted behind its back.
    resumes_at: Option<Key>,
    /// The interval has given a row.
    gave: bool,
    /// A deleted record behind the interval was passed.
    beyond: bool,
    /// The gap behind a descending interval is locked.
    entered: bool,
    /// Locks that the last row brought, to be given back if it is rejected.
    fresh: Vec<(IndexId, Place, Mode, Span)>,
    /// The last answer was `Wait`: the row is still the same.
    waited: bool,
    /// A tentative row matched: this key is waited for.
    insisted: Option<Key>,
    pushed: Option<Pushed>,
}

impl Cursor {
    pub fn new(
        index: IndexId,
        mut intervals: Vec<Interval>,
        descending: bool,
        reading: Reading,
        trx: TrxId,
    ) -> Cursor {
        if descending {
            intervals.reverse();
        }
        Cursor {
            index,
            intervals: intervals.into(),
            descending,
            reading,
            trx,
            passed: None,
            resumes_at: None,
            gave: false,
            beyond: false,
            entered: false,
            fresh: Vec::new(),
            waited: false,
            insisted: None,
            pushed: None,
        }
    }

    pub fn push_condition(&mut self, pushed: Pushed) {
        self.pushed = Some(pushed);
    }

    /// The next row that the index has for this reader.
    pub fn next(&mut self, engine: &mut Engine) -> Result<Next, SqlError> {
        while let Some(interval) = self.intervals.front().cloned() {
            let step = match self.reading.clone() {
                Reading::Consistent(view) => self.look(engine, &interval, Some(&view)),
                Reading::Newest => self.look(engine, &interval, None),
                Reading::Locking(locking) => {
                    let table = self.index.table;
                    engine.transaction_mut(self.trx).intend(table, locking.mode);
                    self.lock_next(engine, &interval, locking)?
                }
            };
            match step {
                Next::End => {
                    self.intervals.pop_front();
                    self.passed = None;
                    self.entered = false;
                    self.beyond = false;
                    self.gave = false;
                }
                step => {
                    self.gave |= matches!(step, Next::Found(_));
                    return Ok(step);
                }
            }
        }
        Ok(Next::End)
    }

    /// The row does not match: at READ COMMITTED the locks that it brought go.
    pub fn reject(&mut self, engine: &mut Engine) {
        let keeps = engine.transaction(self.trx).isolation.locks_gaps();
        for (index, place, mode, span) in std::mem::take(&mut self.fresh) {
            if !keeps {
                engine.locks.release(self.trx, index, &place, mode, span);
            }
        }
    }

    /// A tentative row matched: go back to it and wait for its lock.
    pub fn insist(&mut self, found: &Found) {
        self.insisted = Some(found.key.clone());
        self.passed = None;
        if let Some(interval) = self.intervals.front_mut() {
            match self.descending {
                false => interval.low = Some(found.key.clone()),
                true => interval.high = None,
            }
        }
    }

    // ------------------------------------------------------------ without locks

    fn look(&mut self, engine: &Engine, interval: &Interval, view: Option<&ReadView>) -> Next {
        let table = engine.table(self.index.table);
        let at = self.index.index as usize;
        while let Some(key) = self.candidate(engine, interval).filter(|key| inside(interval, key)) {
            self.passed = Some(key.clone());
            let clustered = match at {
                0 => Some(key.clone()),
                _ => table.entry(at, &key).map(|entry| entry.clustered.clone()),
            };
            let Some(clustered) = clustered else { continue };
            let Some(record) = table.record(&clustered) else { continue };
            let version = match view {
                Some(view) => view.version(record),
                None => Some(record.newest()).filter(|version| !version.deleted),
            };
            let Some(version) = version else { continue };
            let same = at == 0 || table.entry_key(at, &version.row, &clustered) == key;
            if same {
                let row = version.row.clone();
                return Next::Found(Found { key: clustered, row, tentative: false });
            }
        }
        Next::End
    }

    // ------------------------------------------------------------ with locks

    fn lock_next(
        &mut self,
        engine: &mut Engine,
        interval: &Interval,
        locking: Locking,
    ) -> Result<Next, SqlError> {
        if !std::mem::take(&mut self.waited) {
            self.fresh.clear();
        }
        let gaps = engine.transaction(self.trx).isolation.locks_gaps();
        let at = self.index.index as usize;
        if self.descends(interval) && !self.entered {
            self.entered = true;
            if gaps {
                self.lock_gap_behind(engine, interval, locking);
            }
        }
        loop {
            let candidate = self.candidate(engine, interval);
            self.resumes_at = None;
            let Some(key) = candidate else {
                // A scan that looks at every row by itself knows here that its end lies behind it.
                let ended = self.beyond && locking.fetches_range_end;
                if gaps && !self.descends(interval) && !ended {
                    // The supremum is never waited for: nobody holds a record there.
                    self.acquire(engine, Place::Supremum, locking.mode, Span::NextKey);
                }
                return Ok(Next::End);
            };
            let within = inside(interval, &key);
            let semi = locking.semi_consistent && at == 0 && interval.shape != Shape::Unique;
            // Behind an equality nothing is locked, hence nothing looked at.
            let looked_at = within || matches!(interval.shape, Shape::Range { .. });
            if semi && looked_at && self.insisted.as_ref() != Some(&key) {
                let wanted = self.wanted(Place::Record(key.clone()), locking.mode, Span::Record);
                if engine.would_wait(self.trx, &wanted) {
                    self.passed = Some(key.clone());
                    match committed_row(engine, self.trx, self.index, &key) {
                        Some(_) if !within => return Ok(Next::End),
                        Some(row) => return Ok(Next::Found(Found { key, row, tentative: true })),
                        None => continue,
                    }
                }
            }
            if !within {
                match self.lock_end(engine, interval, &key, locking, gaps)? {
                    End::Wait => {
                        self.resumes_at = Some(key);
                        return Ok(Next::Wait);
                    }
                    End::Reached => return Ok(Next::End),
                    End::Deleted => {
                        self.beyond = true;
                        self.passed = Some(key);
                        self.reject(engine);
                        continue;
                    }
                }
            }
            let place = Place::Record(key.clone());
            let live = self.is_live(engine, &key);
            let span = match &interval.shape {
                _ if !gaps => Span::Record,
                // In the clustered index a deleted record keeps its key from others just as well.
                Shape::Unique if at == 0 || live => Span::Record,
                Shape::Range { starts_at: Some(start), .. }
                    if at == 0 && *start == key && !self.descends(interval) =>
                {
                    Span::Record
                }
                _ => Span::NextKey,
            };
            match self.lock(engine, self.index, place, locking, span)? {
                Locked::Yes => {}
                Locked::Skip => {
                    self.passed = Some(key);
                    self.reject(engine);
                    continue;
                }
                Locked::Wait => {
                    self.resumes_at = Some(key);
                    return Ok(Next::Wait);
                }
            }
            if !self.is_live(engine, &key) {
                self.passed = Some(key);
                self.reject(engine);
                if at == 0 && interval.shape == Shape::Unique {
                    return Ok(Next::End);
                }
                continue;
            }
            let Some(clustered) = self.clustered_of(engine, &key) else {
                self.passed = Some(key);
                continue;
            };
            if at != 0 && !self.passes_pushed(engine, &key, &clustered) {
                self.passed = Some(key);
                self.reject(engine);
                continue;
            }
            if at != 0 && !locking.covering {
                let index = IndexId { index: 0, ..self.index };
                let place = Place::Record(clustered.clone());
                match self.lock(engine, index, place, locking, Span::Record)? {
                    Locked::Yes => {}
                    Locked::Skip => {
                        // The entry stays locked.
                        self.passed = Some(key);
                        self.fresh.clear();
                        continue;
                    }
                    Locked::Wait => {
                        self.resumes_at = Some(key);
                        return Ok(Next::Wait);
                    }
                }
            }
            self.insisted = None;
            let row = self.row_of(engine, &key, &clustered, locking.covering);
            self.passed = Some(key);
            let Some(row) = row else { continue };
            if interval.shape == Shape::Unique {
                // One row at most, and nothing behind it is looked at.
                self.intervals.pop_front();
                self.passed = None;
                self.entered = false;
            }
            return Ok(Next::Found(Found { key: clustered, row, tentative: false }));
        }
    }

    /// The first record behind the interval (or before it, descending). A deleted one is locked and
    /// passed before anybody compares it with the end of a range.
    fn lock_end(
        &mut self,
        engine: &mut Engine,
        interval: &Interval,
        key: &Key,
        locking: Locking,
        gaps: bool,
    ) -> Result<End, SqlError> {
        let place = Place::Record(key.clone());
        let secondary = self.index.index != 0;
        let whole = match interval.shape {
            Shape::Unique => false,
            // Going down, only the first row is looked for by its key.
            Shape::Equal => self.descends(interval) && self.gave,
            Shape::Range { .. } => secondary || self.descends(interval) || !gaps,
        };
        if !whole {
            let closes = !self.descends(interval) || interval.shape == Shape::Equal;
            if gaps && closes && !self.stops_before_end(interval) {
                self.acquire(engine, place, locking.mode, Span::Gap);
            }
            return Ok(End::Reached);
        }
        let span = if gaps { Span::NextKey } else { Span::Record };
        match self.lock(engine, self.index, place, locking, span)? {
            Locked::Yes => {}
            Locked::Skip => return Ok(End::Deleted),
            Locked::Wait => return Ok(End::Wait),
        }
        if !self.is_live(engine, key) {
            return Ok(End::Deleted);
        }
        if secondary
            && locking.fetches_range_end
            && !locking.covering
            && let Some(clustered) = self.clustered_of(engine, key)
        {
            let index = IndexId { index: 0, ..self.index };
            let place = Place::Record(clustered);
            match self.lock(engine, index, place, locking, Span::Record)? {
                Locked::Yes => {}
                Locked::Skip => {
                    self.fresh.clear();
                    return Ok(End::Deleted);
                }
                Locked::Wait => return Ok(End::Wait),
            }
        }
        // A descending scan finds its end by itself and does not give it back.
        if !self.descends(interval) {
            self.reject(engine);
        }
        Ok(End::Reached)
    }

    fn passes_pushed(&mut self, engine: &Engine, key: &Key, clustered: &Key) -> bool {
        let Some(mut pushed) = self.pushed.take() else { return true };
        let row = self.row_of(engine, key, clustered, true);
        let passes = row.is_none_or(|row| pushed(&row));
        self.pushed = Some(pushed);
        passes
    }

    /// A descending scan closes the gap that it starts in.
    fn lock_gap_behind(&mut self, engine: &mut Engine, interval: &Interval, locking: Locking) {
        let from = interval.high.as_ref().map(Bound::Included);
        let place = match from {
            Some(from) => {
                engine.table(self.index.table).place_from(self.index.index as usize, from)
            }
            None => Place::Supremum,
        };
        let span = if place.is_supremum() { Span::NextKey } else { Span::Gap };
        self.acquire(engine, place, locking.mode, span);
    }

    /// The upper bound was an existing key of a unique clustered index: nothing behind it matters.
    fn stops_before_end(&self, interval: &Interval) -> bool {
        match &interval.shape {
            Shape::Range { ends_at: Some(end), .. } => {
                self.index.index == 0 && self.passed.as_ref() == Some(end)
            }
            _ => false,
        }
    }

    /// A single row has no direction.
    fn descends(&self, interval: &Interval) -> bool {
        self.descending && interval.shape != Shape::Unique
    }

    fn candidate(&self, engine: &Engine, interval: &Interval) -> Option<Key> {
        let table = engine.table(self.index.table);
        let at = self.index.index as usize;
        if self.descends(interval) {
            let to = match (&self.resumes_at, &self.passed, &interval.high) {
                (Some(here), _, _) => Bound::Included(here),
                (_, Some(passed), _) => Bound::Excluded(passed),
                (_, _, Some(high)) => Bound::Excluded(high),
                _ => Bound::Unbounded,
            };
            return table.last_to(at, to).cloned();
        }
        let from = match (&self.resumes_at, &self.passed, &interval.low) {
            (Some(here), _, _) => Bound::Included(here),
            (_, Some(passed), _) => Bound::Excluded(passed),
            (_, _, Some(low)) => Bound::Included(low),
            _ => Bound::Unbounded,
        };
        table.first_from(at, from).cloned()
    }

    fn is_live(&self, engine: &Engine, key: &Key) -> bool {
        let table = engine.table(self.index.table);
        match self.index.index as usize {
            0 => table.record(key).is_some_and(|record| !record.newest().deleted),
            at => table.entry(at, key).is_some_and(|entry| entry.live),
        }
    }

    /// The newest version's row; an index that answers alone says what its entry says, while the
    /// clustered record may be ahead of it.
    fn row_of(&self, engine: &Engine, key: &Key, clustered: &Key, covering: bool) -> Option<Row> {
        let table = engine.table(self.index.table);
        let record = table.record(clustered)?;
        let at = self.index.index as usize;
        if !covering || at == 0 {
            return Some(record.newest().row.clone());
        }
        let entry = table.entry(at, key)?;
        let version = record.versions().find(|version| table.version_has(at, key, entry, version));
        version.map(|version| version.row.clone())
    }

    fn clustered_of(&self, engine: &Engine, key: &Key) -> Option<Key> {
        match self.index.index as usize {
            0 => Some(key.clone()),
            at => {
                engine.table(self.index.table).entry(at, key).map(|entry| entry.clustered.clone())
            }
        }
    }

    fn wanted(&self, place: Place, mode: Mode, span: Span) -> Wanted {
        Wanted { index: self.index, place, mode, span, duplicate_check: false }
    }

    fn acquire(&self, engine: &mut Engine, place: Place, mode: Mode, span: Span) -> Answer {
        engine.acquire(self.trx, &self.wanted(place, mode, span))
    }

    fn lock(
        &mut self,
        engine: &mut Engine,
        index: IndexId,
        place: Place,
        locking: Locking,
        span: Span,
    ) -> Result<Locked, SqlError> {
        let mode = locking.mode;
        let wanted = Wanted { index, place: place.clone(), mode, span, duplicate_check: false };
        if locking.wait != Wait::Block && engine.would_wait(self.trx, &wanted) {
            return match locking.wait {
                Wait::SkipLocked => Ok(Locked::Skip),
                _ => Err(error::lock_nowait()),
            };
        }
        match engine.acquire(self.trx, &wanted) {
            Answer::Waiting => {
                self.waited = true;
                return Ok(Locked::Wait);
            }
            // What it had, or has waited for, is not given back with the row.
            Answer::Held => {}
            Answer::Granted => self.fresh.push((index, place, mode, span)),
        }
        Ok(Locked::Yes)
    }
}

enum Locked {
    Yes,
    Skip,
    Wait,
}

/// What became of the record behind an interval.
enum End {
    Reached,
    Deleted,
    Wait,
}

fn inside(interval: &Interval, key: &Key) -> bool {
    interval.low.as_ref().is_none_or(|low| low <= key)
        && interval.high.as_ref().is_none_or(|high| key < high)
}

/// The last committed version of a record, or the reader's own.
fn committed_row(engine: &Engine, trx: TrxId, index: IndexId, key: &Key) -> Option<Row> {
    let record = engine.table(index.table).record(key)?;
    let committed = |other: TrxId| other == trx || !engine.transactions.contains_key(&other);
    let version = record.versions().find(|version| committed(version.trx))?;
    (!version.deleted).then(|| version.row.clone())
}
