//! One owner row a value, for a unique lookup: after every commit, on the primaries.
//!
//! The counterexample that it exists for. The check of a duplicate's owner row takes no lock:
//!
//! ```text
//!   a: insert order 5 'Product_5'   pre     lookup -> 166B   came
//!   b: insert order 9 'Product_5'   1062; the owner row of 166B is not committed, so not seen
//!   a                               normal  order 5 came
//!   b                               pre     lookup -> 166B went, -> 4EB1 came
//!   b                               normal  order 9 came
//! ```
//!
//! Two orders have the value; one of them is no longer found by it, so `no_missing` breaks first,
//! when b's pre list commits. Where both orders have one keyspace id only this promise breaks.

use crate::checker::entry::Entry;

/// The number of owner rows, where a second one is too many.
pub fn owners(entry: &Entry) -> usize {
    entry.placed_owners().count()
}
