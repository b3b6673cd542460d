//! What was locked when a commit began, for the story of a violation.
//!
//! ```text
//!   after 0.115400s (>) nothing could save it
//!   when that commit began
//!     corder_lookup.PRIMARY(x) on product/0: b pre holds X, nobody waits
//!     corder.PRIMARY(5) on customer/-80: a normal holds X, nobody waits
//! ```
//!
//! Two that meet at a value are kept apart by a lock on one of its rows, or by nothing: this says
//! by which, and who did not wait. Kept only where a run is made again for its story.
//!
//! It knows nothing of what ought to be locked.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::lock::mode::Mode;
use sim::mysql::schema::Table;
use sim::value::Row;

use crate::checker::entry::Entry;
use crate::checker::value::{self, ValueKey};
use crate::checker::verdict::At;
use crate::checker::watched::{Side, Watched};
use crate::topo::Alias;

/// All row locks when a commit began.
#[derive(Clone, Debug)]
pub struct Moment {
    pub at: At,
    pub tablet: Alias,
    /// Of the connection that commits.
    pub tag: Rc<str>,
    pub locks: Vec<RowLock>,
}

/// A connection that has a row of a primary's, or waits for it.
#[derive(Clone, Debug)]
pub struct RowLock {
    pub tablet: Alias,
    pub tag: Rc<str>,
    pub table: Arc<Table>,
    /// `corder.PRIMARY(5)`
    pub row: String,
    pub mode: Mode,
    pub waiting: bool,
    /// The row's versions, the newest first.
    pub versions: Vec<Row>,
}

/// Rows of a value that a story has lines for: its entry and its owner's.
const ROWS: usize = 3;

/// The locks on a value's rows, a line a row. `shard` is whose primary a tablet is.
pub fn lines(
    moment: &Moment,
    entry: &Entry,
    watched: &Watched,
    shard: impl Fn(&Alias) -> Option<Rc<str>>,
) -> Vec<String> {
    let of_value = |lock: &&RowLock| {
        is_of(lock, &watched.lookup, entry, watched) || is_of(lock, &watched.owner, entry, watched)
    };
    let mut rows: Vec<(Rc<str>, &str, Vec<&RowLock>)> = Vec::new();
    for lock in moment.locks.iter().filter(of_value) {
        let Some(shard) = shard(&lock.tablet) else { continue };
        match rows.iter_mut().find(|(of, row, _)| *of == shard && *row == lock.row) {
            Some((.., locks)) => locks.push(lock),
            None => rows.push((shard, &lock.row, vec![lock])),
        }
    }
    if rows.is_empty() {
        return vec!["nobody had locked a row of the value".to_owned()];
    }
    let line = |(shard, row, locks): (Rc<str>, &str, Vec<&RowLock>)| {
        // X covers S.
        let is_covered = |lock: &RowLock| {
            let same = |other: &RowLock| other.tag == lock.tag && other.waiting == lock.waiting;
            lock.mode == Mode::S && locks.iter().any(|own| same(own) && own.mode == Mode::X)
        };
        let each = |waiting: bool, says: &str| {
            let own = locks.iter().filter(|own| own.waiting == waiting && !is_covered(own));
            let mut each: Vec<String> =
                own.map(|lock| format!("{} {says} {}", lock.tag, lock.mode)).collect();
            // In one index and in another.
            each.dedup();
            each
        };
        let mut waiters = each(true, "waits for");
        if waiters.is_empty() {
            waiters.push("nobody waits".to_owned());
        }
        format!("{row} on {shard}: {}", [each(false, "holds"), waiters].concat().join(", "))
    };
    rows.into_iter().take(ROWS).map(line).collect()
}

/// Whether a locked row is of this side, and has the value or had it before its transaction.
fn is_of(lock: &RowLock, side: &Side, entry: &Entry, watched: &Watched) -> bool {
    let database = format!("vt_{}", side.keyspace);
    if *lock.table.database != *database || !lock.table.name.eq_ignore_ascii_case(&side.table) {
        return false;
    }
    let collations = watched.collations.as_deref().unwrap_or_default();
    let own = ValueKey::new(&entry.values, collations);
    let Some(places) = value::places(&lock.table, &side.columns) else { return false };
    let picked = |row: &Row| ValueKey::new(&value::pick(row, &places)?, collations);
    own.is_some() && lock.versions.iter().any(|row| picked(row) == own)
}
