//! Read views: which versions a consistent read sees.

use std::collections::BTreeSet;

use super::table::{Record, Version};
use super::transaction::TrxId;

/// The transactions that were committed when the view was made, and its owner.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadView {
    owner: TrxId,
    next: TrxId,
    active: BTreeSet<TrxId>,
}

impl ReadView {
    /// `active` are the transactions that are not committed, `next` the first that is not begun.
    pub fn new(owner: TrxId, next: TrxId, active: impl IntoIterator<Item = TrxId>) -> ReadView {
        ReadView { owner, next, active: active.into_iter().collect() }
    }

    pub fn sees(&self, trx: TrxId) -> bool {
        trx == self.owner || self.committed_before(trx)
    }

    /// Committed when the view was made: what purge may not take away is behind it.
    pub fn committed_before(&self, trx: TrxId) -> bool {
        trx < self.next && !self.active.contains(&trx)
    }

    /// The version that the view shows of a record; a deleted one is none.
    pub fn version<'a>(&self, record: &'a Record) -> Option<&'a Version> {
        let newest = record.newest();
        let version = if self.sees(newest.trx) {
            newest
        } else {
            // Row locks order the writers of a record: who wrote later committed later, so what
            // a view sees of a history is its beginning. (The owner's own version is the newest.)
            record.last_that(|version| self.sees(version.trx))?
        };
        (!version.deleted).then_some(version)
    }
}
