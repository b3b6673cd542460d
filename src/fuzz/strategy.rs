//! Cases as a proptest strategy, for properties in `cargo test`.
//!
//! A case is drawn from a seed that proptest draws, with the seed's schedule; it becomes simpler by
//! losing steps, one after the other, from the end.

use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sim::seed::Seed;

use super::case::{Case, Source};
use super::profile::Profile;

/// All cases of a profile.
#[derive(Clone, Copy, Debug)]
pub struct Cases(pub &'static Profile);

/// A case and the seed of its schedule.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub seed: Seed,
    pub case: Case,
}

/// See [`Cases`].
pub struct Tree {
    seed: Seed,
    whole: Case,
    /// The steps that are left, by their place in the whole.
    kept: Vec<usize>,
    /// Where in `kept` the last step was taken from, and which it was.
    taken: Option<(usize, usize)>,
    /// The next to be tried, counted from the end.
    next: usize,
}

impl Strategy for Cases {
    type Tree = Tree;
    type Value = Drawn;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = Seed(proptest::num::u64::ANY.new_tree(runner)?.current());
        let whole = Case::draw(self.0, seed, &Source::Drawn);
        let kept = (0..whole.steps.len()).collect();
        Ok(Tree { seed, whole, kept, taken: None, next: 0 })
    }
}

impl ValueTree for Tree {
    type Value = Drawn;

    fn current(&self) -> Drawn {
        let steps = self.kept.iter().map(|at| self.whole.steps[*at].clone()).collect();
        Drawn { seed: self.seed, case: Case { steps, ..self.whole.clone() } }
    }

    fn simplify(&mut self) -> bool {
        let Some(place) = self.kept.len().checked_sub(1 + self.next) else { return false };
        self.taken = Some((place, self.kept.remove(place)));
        true
    }

    fn complicate(&mut self) -> bool {
        let Some((place, step)) = self.taken.take() else { return false };
        self.kept.insert(place, step);
        self.next += 1;
        true
    }
}
