//! How hard a campaign has searched: what its runs have come to see, together.
//!
//! It knows nothing of how that is shown.

use std::collections::BTreeSet;

use crate::checker::coverage::Seen;
use crate::checker::coverage::goal::{Goal, Goals};
use crate::checker::coverage::grid::Grid;

/// See the [module](self).
#[derive(Default)]
pub struct Card {
    pub runs: u64,
    pub goals: Goals,
    pub grid: Grid,
    behaviours: BTreeSet<u64>,
    ways: BTreeSet<u64>,
    /// For each way the run that was the first to go it, in the order of runs.
    firsts: Vec<u64>,
}

/// As many are told apart; a campaign of days has more, and must not fill the memory.
const TOLD_APART: usize = 1_000_000;

impl Card {
    pub fn take(&mut self, seen: &Seen) {
        self.runs += 1;
        self.goals.add(&seen.goals);
        self.grid.add(&seen.grid);
        if self.behaviours.len() < TOLD_APART {
            self.behaviours.insert(seen.behaviour);
        }
        for way in &seen.ways {
            if self.ways.len() < TOLD_APART && self.ways.insert(*way) {
                self.firsts.push(self.runs);
            }
        }
    }

    /// How many runs did different things: [`Seen::behaviour`].
    pub fn behaviours(&self) -> usize {
        self.behaviours.len()
    }

    /// How many ways statements went: [`Seen::ways`].
    pub fn ways(&self) -> usize {
        self.ways.len()
    }

    /// How many of them no run went before the last tenth of the runs.
    pub fn late_ways(&self) -> usize {
        let late = self.runs - self.runs / 10;
        self.firsts.iter().filter(|first| late < **first).count()
    }

    /// The goals that no run has reached.
    pub fn missed(&self) -> impl Iterator<Item = Goal> + '_ {
        Goal::all().filter(|goal| self.goals.count(*goal) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_late_is_counted() {
        let mut card = Card::default();
        for run in 0..20_u64 {
            let ways = BTreeSet::from([run / 2, 100]);
            card.take(&Seen { behaviour: run % 3, ways, ..Seen::default() });
        }
        assert_eq!((card.runs, card.behaviours(), card.ways()), (20, 3, 11));
        // The last two runs went one way that no other did.
        assert_eq!(card.late_ways(), 1);
        assert_eq!(card.missed().count(), Goal::all().count());
        let mut seen = Seen::default();
        seen.goals.reach(Goal::Deadlock);
        card.take(&seen);
        assert!(!card.missed().any(|goal| goal == Goal::Deadlock));
    }
}
