//! A lookup table is complete when reads begin to use it.
//!
//! The counterexample that it exists for. A row comes after the backfill's snapshot and before the
//! vtgate that writes it has heard of the vindex:
//!
//! ```text
//!   vreplication   snapshot of customer/-80
//!   a              insert order 6 'Product_6', by the old vschema: no entry
//!   vtctl          externalize: write_only goes
//! ```
//!
//! From here on nobody finds order 6 by its sku. Also found: two rows of one value, of which the
//! backfill kept the entry of one (a [`Departure`](super::departure::Departure), as are values that
//! changed hands meanwhile). What is told of here is not told of again as missing.
//!
//! Nor does a stream take an entry away, whatever its source has deleted; or bring one whose value
//! no row has had, except for NULLs that nobody ignores: INSERT IGNORE makes '' or 0 of them
//! (vreplication.md 5.3). Of a lookup that no table owns it brings all, and takes away what goes:
//! see `followed`.

use crate::checker::entry::Entry;
use crate::checker::value::{show, show_id};
use crate::checker::{no_missing, unique};

/// What a full check of a vindex found.
#[derive(Debug, Default)]
pub struct Shortfall {
    pub missing: usize,
    pub duplicates: usize,
    /// The first few, in words.
    pub examples: Vec<String>,
}

/// Examples that a report shows.
const EXAMPLES: usize = 8;

impl Shortfall {
    /// Adds a value, unless it is as it should be.
    pub fn add(&mut self, entry: &Entry, is_unique: bool) -> bool {
        let missing: Vec<String> = no_missing::missing(entry)
            .filter_map(|owner| owner.keyspace_id.as_ref())
            .map(|id| format!("{} at {} has no lookup row", show(&entry.values), show_id(id)))
            .collect();
        let owners = unique::owners(entry);
        let duplicate = is_unique && 1 < owners;
        self.missing += missing.len();
        self.duplicates += usize::from(duplicate);
        let found = duplicate || !missing.is_empty();
        self.examples.extend(missing);
        if duplicate {
            self.examples.push(format!("{} has {owners} owner rows", show(&entry.values)));
        }
        self.examples.truncate(EXAMPLES);
        found
    }

    pub fn is_none(&self) -> bool {
        self.missing == 0 && self.duplicates == 0
    }
}
