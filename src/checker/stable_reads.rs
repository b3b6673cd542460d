//! A row that was committed and matched before a SELECT, and did not change until its answer, is in
//! the answer.
//!
//! The counterexample that it exists for. Of several values in an IN list a lookup is asked for one
//! batch, and the answers are put together wrongly:
//!
//! ```text
//!   orders 5 'a' and 9 'b', committed long ago
//!   a: select order_id from corder where sku in ('a', 'b')
//!   a is told    5
//! ```
//!
//! Counted by what the answer shows of a row. Left alone: rows whose lookup row came, went or
//! changed meanwhile (a value that moves may be seen nowhere), rows without one (that is
//! `no_missing`'s), rows on a shard that is not theirs; reads that are not of the primaries.

use std::collections::BTreeMap;

use sim::value::Value;

use crate::checker::reads::Read;
use crate::checker::value::show;
use crate::checker::versions::Version;

/// Rows that are missing in the answer. `reachable` says that a row could be found all the time.
pub fn incomplete(read: &Read, reachable: impl Fn(&Version) -> bool) -> Vec<String> {
    // By what is shown: how many must be there.
    let mut due: BTreeMap<String, (usize, Vec<Value>)> = BTreeMap::new();
    for version in read.table.throughout(read.since) {
        if !read.matches(&version.row) || !reachable(version) {
            continue;
        }
        let Some(shown) = read.shown(&version.row) else { continue };
        due.entry(show(&shown)).or_insert_with(|| (0, shown)).0 += 1;
    }
    let mut missing = Vec::new();
    for (text, (count, shown)) in due {
        let found = read.given.iter().filter(|row| Read::same(row, &shown)).count();
        if found < count {
            missing.push(format!("did not return {text}, which was there all the time"));
        }
    }
    missing
}
