//! A row that a SELECT returns was there and matched, at some time between question and answer.
//!
//! The counterexample that it exists for. A lookup leads to a row that no longer has the value,
//! and the shard's query does not ask again:
//!
//! ```text
//!   lookup table     'Product_5' -> 166B, dangling
//!   a: select * from corder where sku = 'Product_5'
//!      customer/-80  select * from corder where order_id = 5       the predicate is gone
//!   a is told        order 5, sku 'Product_7'
//! ```
//!
//! Judged against the versions of the owner tables' rows, for statements that the judge reads
//! itself; see [`reads`](super::reads) for which. In a transaction the time begins with BEGIN,
//! since it may read an old snapshot.

use crate::checker::reads::Read;
use crate::checker::value::show;

/// Rows that no version explains.
pub fn unsound(read: &Read) -> Vec<String> {
    let explained = |given: &[sim::value::Value]| {
        let mut versions = read.table.since(read.since);
        versions.any(|version| read.matches(&version.row) && read.shows(&version.row, given))
    };
    let strange = read.given.iter().filter(|row| !explained(row));
    strange.map(|row| format!("returned {}, which no row was then", show(row))).collect()
}
