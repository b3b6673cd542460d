//! No owner row without its lookup row: after every commit, on the primaries.
//!
//! The counterexample that it exists for. The post list commits before the normal one:
//!
//! ```text
//!   a: delete order 5      post    product/0     lookup 'Product_5' -> 166B   went
//!                          normal  customer/-80  failed: the tablet restarts
//! ```
//!
//! Order 5 is still there, and nobody who asks by sku finds it. The client saw an error and will
//! never look; the row stays unreachable until somebody deletes it by its primary key. It is lost
//! the moment the entry goes, not when the normal commit fails, so that is when it is judged.
//!
//! A lookup row counts wherever it stands on a primary, but it must stand on the shard where its
//! own primary vindex leads: no lookup goes anywhere else.

use crate::checker::entry::{Entry, OwnerRow};

/// The owner rows that no lookup row leads to.
pub fn missing(entry: &Entry) -> impl Iterator<Item = &OwnerRow> {
    let leads = entry.lookup_ids();
    entry.placed_owners().filter_map(move |(owner, id)| (!leads.contains(id)).then_some(owner))
}
