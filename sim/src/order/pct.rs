//! Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010), over chains of messages.
//!
//! Each chain of events has a priority, drawn when it begins, and the highest comes first. At d - 1
//! steps, drawn among those that there are, the chain that comes falls below all others. A bug that
//! d orderings of events make is then found by one run with a probability of at least
//! 1 / (n * k^(d-1)), with n chains and k steps. The threads of the paper are chains here, as in
//! its version for messages (Ozkan et al., OOPSLA 2018). Processes that are ready at the same time
//! have priorities of their own, which never change.
//!
//! The bound is that of the paper for orders that its scheduler can make. Here no event is earlier
//! than a millisecond or later than 50 ms, and a deadline keeps its time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::seed::{Draw, Seed, mix};

/// The priorities of a run. See the [module](self).
#[derive(Clone, Debug)]
pub struct Pct {
    seed: u64,
    /// By step: how low the chain falls that comes then.
    changes: BTreeMap<u64, u64>,
    /// Chains that have fallen, and how low.
    fallen: BTreeMap<u32, u64>,
}

impl Pct {
    /// Depth 1 has priorities and no change; a greater one changes at as many of these steps.
    pub fn new(seed: Seed, depth: u64, steps: u64) -> Pct {
        let mut draw = Draw::new(seed, "order/pct");
        let seed = draw.below(u64::MAX);
        let changes = (1..depth).map(|level| (draw.between(1, steps.max(1)), level)).collect();
        Pct { seed, changes, fallen: BTreeMap::new() }
    }

    /// The place of the chain that comes next, of chains in the order of their events' times.
    pub(super) fn pick(&self, chains: impl Iterator<Item = u32>) -> usize {
        let best = chains.enumerate().min_by_key(|(_, chain)| self.rank(*chain));
        best.map_or(0, |(at, _)| at)
    }

    /// What has fallen comes after all others.
    fn rank(&self, chain: u32) -> (u64, u64) {
        match self.fallen.get(&chain) {
            Some(level) => (*level, 0),
            None => (0, mix(self.seed, chain.into())),
        }
    }

    /// A step's event was taken.
    pub(super) fn taken(&mut self, step: u64, chain: u32) {
        if let Some(level) = self.changes.get(&step) {
            self.fallen.insert(chain, *level);
        }
    }

    pub(super) fn pick_ready(&self, pids: impl Iterator<Item = u32>) -> usize {
        let rank = |pid: u32| mix(self.seed, 1 << 32 | u64::from(pid));
        pids.enumerate().max_by_key(|(at, pid)| (rank(*pid), Reverse(*at))).map_or(0, |(at, _)| at)
    }
}

/// How likely one run finds a bug of this depth, at least, with so many chains and steps.
pub fn bound(chains: u64, steps: u64, depth: u64) -> f64 {
    let changes = i32::try_from(depth.saturating_sub(1)).unwrap_or(i32::MAX);
    1.0 / (chains.max(1) as f64 * (steps.max(1) as f64).powi(changes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_that_of_the_paper() {
        for (chains, steps, depth, expected) in
            [(2, 10, 1, 0.5), (2, 10, 2, 0.05), (4, 10, 3, 0.0025), (0, 0, 3, 1.0)]
        {
            assert_eq!(bound(chains, steps, depth), expected);
        }
    }

    #[test]
    fn a_chain_falls_below_all_others() {
        let mut pct = Pct::new(Seed(1), 3, 2);
        let order = |pct: &Pct| {
            let mut left: Vec<u32> = (0..4).collect();
            let next = |left: &mut Vec<u32>| left.remove(pct.pick(left.clone().into_iter()));
            (0..4).map(|_| next(&mut left)).collect::<Vec<u32>>()
        };
        let before = order(&pct);
        pct.taken(1, before[0]);
        pct.taken(2, before[0]);
        let after = order(&pct);
        assert_eq!(after, [before[1], before[2], before[3], before[0]]);
    }
}
