//! Which faults struck in which phase of the protocol.
//!
//! A strike counts once: in the furthest phase of the sessions that it can reach, by the names in
//! its text. A fault that lasts counts where it began, a rule of the network where its first
//! message was struck, an operator's reparent where it began.
//!
//! It knows nothing of what a strike led to.

use std::collections::{BTreeMap, BTreeSet};

use super::phase::Phase;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid(BTreeMap<(&'static str, Phase), u64>);

impl Grid {
    pub fn strike(&mut self, kind: &'static str, phase: Phase) {
        *self.0.entry((kind, phase)).or_default() += 1;
    }

    pub fn add(&mut self, other: &Grid) {
        for (cell, count) in &other.0 {
            *self.0.entry(*cell).or_default() += count;
        }
    }

    pub fn count(&self, kind: &'static str, phase: Phase) -> u64 {
        self.0.get(&(kind, phase)).copied().unwrap_or(0)
    }

    /// The kinds that have struck.
    pub fn kinds(&self) -> BTreeSet<&'static str> {
        self.0.keys().map(|(kind, _)| *kind).collect()
    }
}
