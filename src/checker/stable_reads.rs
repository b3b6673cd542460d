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
//! So is the row that a transaction has inserted last itself, whatever its snapshot: the
//! counterexample is a lookup that is read in the snapshot, and was written beside it.
//!
//! Counted by what the answer shows of a row. Left alone: rows whose lookup row came, went or
//! changed meanwhile (a value that moves may be seen nowhere), rows without one (that is
//! `no_missing`'s), rows on a shard that is not theirs; reads that are not of the primaries.

use std::collections::BTreeMap;

use sim::value::{Row, Value};

use crate::checker::reads::Read;
use crate::checker::statement::{self, Given, Select, Write};
use crate::checker::value::show;
use crate::checker::versions::{TableVersions, Version};

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

/// The row that an INSERT of the same transaction has brought, where the answer should have it and
/// has not: all columns are shown, and it is found by the value that was given.
pub fn lacks_own(
    select: &Select,
    write: &Write,
    table: &TableVersions,
    answer: &[Row],
) -> Option<String> {
    let schema = table.schema.as_deref().filter(|_| select.columns.is_none())?;
    let [row] = write.rows.as_deref()? else { return None };
    let place = |name: &str| schema.column(name);
    let given = |name: &str| {
        let at = write.columns.iter().position(|own| own.eq_ignore_ascii_case(name))?;
        row.get(at)
    };
    let column = schema.columns.get(place(&select.filter.column)?)?;
    let own = given(&select.filter.column)?.sorted(column)?;
    if !select.filter.sorted(column)?.contains(&own) {
        return None;
    }
    let key: Vec<usize> = schema.columns_of(0).collect();
    let wanted = |at: &usize| {
        let column = schema.columns.get(*at)?;
        // A sequence may give a number instead.
        given(&column.name).filter(|given| **given != Given::Number(0))?.sorted(column)
    };
    let wanted = key.iter().map(wanted).collect::<Option<Vec<_>>>()?;
    let is_it = |row: &Row| statement::key_of(schema, row).is_some_and(|key| key == wanted);
    let found = answer.iter().any(is_it);
    (!found).then(|| "did not return the row that its transaction has inserted last".to_owned())
}
