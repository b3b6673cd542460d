//! Every order of the events of some statements, run after run.
//!
//! A search without a state of its own but the path that the last run took: each run is made again
//! from the beginning, up to the last pick that can be another, and on from there. Depth first, so
//! the path is all that is kept.
//!
//! Most orders differ in nothing that anybody can see. Two events *commute* if neither makes the
//! other and they touch nothing in common: then both orders lead to the same state. Orders that
//! come from each other by swapping neighbours that commute are one trace, and one of each is
//! enough: all runs of a trace end in the same state. What is run is found by source sets and sleep
//! sets (Abdulla, Aronis, Jonsson, Sagonas: Optimal dynamic partial order reduction, POPL 2014,
//! algorithm 1):
//!
//! - after each event, every earlier one that it does not commute with and that did not lead to it
//!   is a race: at the state before that one, an event is added that leads to the other order;
//! - what has been picked at a state sleeps there, and on in all states behind events that commute
//!   with it: whatever would begin with it has been run. Where all events sleep, the run ends.
//!
//! What is looked at from outside while a run goes on is more than its end: an event that is *seen*
//! ([`Explorer::seen`]), a commit or an answer that a judge looks at, commutes with no other that
//! is, wherever they are. So whoever looks at each of them sees all states that there are.
//!
//! Nor does an event commute that counts towards a fault ([`Explorer::counted`]: the n-th call, the
//! n-th sync) with another that does, wherever they are; and one during which a fault strikes
//! ([`Explorer::struck`]) commutes with none, for a crash reaches other programs at once.
//!
//! That is sound if what commutes is told truly. Otherwise events at two programs commute, as a
//! program's state is its own, and all that passes between two is events. Events at one program do
//! not, unless they are of different statements and either says that it is its sender's own affair
//! ([`crate::call::Request::is_own`]), or the program is one where statements do not meet, as who
//! begins the search says. Numbers that a program gives in order, of connections or transactions,
//! may then be given in another one: whoever says that statements do not meet says that no number
//! decides anything.
//!
//! Events that bear no statement's token, and deadlines, are not picked: they come in their time,
//! and in order with all that they don't commute with. The order of ready processes is that of
//! their wakes.
//!
//! It knows nothing of what an event brings, and nothing of outcomes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use super::Candidate;
use crate::world::Program;

/// Which orders are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// None: every order is run.
    Nothing,
    /// Those that differ only in the order of events that commute.
    Commuting,
}

/// A search, shared between who runs and the World. See the [module](self).
#[derive(Clone)]
pub struct Explorer(Rc<RefCell<Explore>>);

impl fmt::Debug for Explorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Explorer")
    }
}

struct Explore {
    reduction: Reduction,
    /// Programs where statements do not meet.
    apart: BTreeSet<Program>,
    is_active: bool,
    is_pruned: bool,
    /// The picks of the path.
    nodes: Vec<Node>,
    /// What has come, picked or not.
    done: Vec<Done>,
    /// How many of the path's events have come in this run, and how many of them were picked.
    came: usize,
    picked: usize,
}

/// A state in which something was picked.
struct Node {
    candidates: Vec<Candidate>,
    /// What is to be picked here, in turn.
    wanted: Vec<u64>,
    /// What need not be picked: what was picked, and what slept already.
    asleep: Vec<Sleeper>,
    picked: Candidate,
    /// How many events came before it.
    depth: usize,
}

/// An event that has been run from this state.
#[derive(Clone, Copy)]
struct Sleeper {
    event: Candidate,
    marks: Marks,
}

/// What an event did that reaches beyond its program.
#[derive(Clone, Copy, Default)]
struct Marks {
    is_seen: bool,
    is_counted: bool,
    is_struck: bool,
}

impl Marks {
    fn commute(self, other: Marks) -> bool {
        let both = self.is_seen && other.is_seen || self.is_counted && other.is_counted;
        !both && !self.is_struck && !other.is_struck
    }
}

/// An event that has come.
struct Done {
    event: Event,
    marks: Marks,
    /// What it comes after has been told.
    is_ordered: bool,
    /// The node that picked it, if one did.
    node: Option<usize>,
    /// The events that it comes after in every order of the trace.
    after: Bits,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Of(Candidate),
    /// What comes in its time, and with nothing before or after that may be moved over it.
    Deadline,
}

impl Explorer {
    pub fn new(reduction: Reduction) -> Explorer {
        Explorer(Rc::new(RefCell::new(Explore {
            reduction,
            apart: BTreeSet::new(),
            is_active: false,
            is_pruned: false,
            nodes: Vec::new(),
            done: Vec::new(),
            came: 0,
            picked: 0,
        })))
    }

    /// From now on, in this run, it picks. Statements do not meet at these programs.
    pub fn begin(&self, apart: BTreeSet<Program>) {
        let mut explore = self.0.borrow_mut();
        explore.apart = apart;
        explore.is_active = true;
        explore.is_pruned = false;
        (explore.came, explore.picked) = (0, 0);
    }

    /// What follows comes in its time.
    pub fn end(&self) {
        let mut explore = self.0.borrow_mut();
        explore.order_last();
        explore.is_active = false;
    }

    /// What happens now is looked at from outside.
    pub fn seen(&self) {
        self.mark(|marks| marks.is_seen = true);
    }

    /// What happens now counts towards a fault.
    pub fn counted(&self) {
        self.mark(|marks| marks.is_counted = true);
    }

    /// A fault strikes now.
    pub fn struck(&self) {
        self.mark(|marks| marks.is_struck = true);
    }

    fn mark(&self, mark: impl FnOnce(&mut Marks)) {
        let mut explore = self.0.borrow_mut();
        if let (true, Some(last)) = (explore.is_active, explore.came.checked_sub(1))
            && let Some(done) = explore.done.get_mut(last)
        {
            mark(&mut done.marks);
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.0.borrow().is_active
    }

    /// Whether the run ended because all that could come had been run.
    pub fn is_pruned(&self) -> bool {
        self.0.borrow().is_pruned
    }

    /// The number of picks of the last run.
    pub fn picks(&self) -> usize {
        self.0.borrow().nodes.len()
    }

    /// Goes on to the next run; false if there is none.
    pub fn advance(&self) -> bool {
        self.0.borrow_mut().advance()
    }

    pub(super) fn pick(&self, candidates: &[Candidate]) -> Option<u64> {
        self.0.borrow_mut().pick(candidates)
    }

    /// An event came that was not picked.
    pub(super) fn came(&self, event: Option<Candidate>) {
        let mut explore = self.0.borrow_mut();
        if explore.is_active {
            explore.came(event.map_or(Event::Deadline, Event::Of), None);
        }
    }
}

impl Explore {
    fn pick(&mut self, candidates: &[Candidate]) -> Option<u64> {
        self.order_last();
        if self.picked == self.nodes.len() {
            let asleep = self.asleep_now();
            let is_awake =
                |one: &&Candidate| !asleep.iter().any(|sleeper| sleeper.event.seq == one.seq);
            let Some(picked) = candidates.iter().find(is_awake).copied() else {
                self.is_pruned = true;
                return None;
            };
            let wanted = match self.reduction {
                Reduction::Nothing => candidates.iter().map(|candidate| candidate.seq).collect(),
                Reduction::Commuting => vec![picked.seq],
            };
            let (candidates, depth) = (candidates.to_vec(), self.came);
            self.nodes.push(Node { candidates, wanted, asleep, picked, depth });
        }
        let node = self.picked;
        let picked = self.nodes[node].picked;
        self.picked += 1;
        self.came(Event::Of(picked), Some(node));
        Some(picked.seq)
    }

    /// What sleeps at a new state: what did at the last one, or was picked there before, and
    /// commutes with all that has come since.
    fn asleep_now(&self) -> Vec<Sleeper> {
        let Some(last) = self.nodes.last() else { return Vec::new() };
        let since = &self.done[last.depth..self.came];
        let sleeps_on = |sleeper: &&Sleeper| {
            let event = Event::Of(sleeper.event);
            let commutes = |done: &Done| self.commute(event, sleeper.marks, done);
            since.iter().all(commutes)
        };
        last.asleep.iter().filter(sleeps_on).copied().collect()
    }

    fn came(&mut self, event: Event, node: Option<usize>) {
        self.order_last();
        self.came += 1;
        if self.done.len() < self.came {
            let (marks, after) = (Marks::default(), Bits::default());
            self.done.push(Done { event, marks, is_ordered: false, node, after });
        }
    }

    /// The last event that came has done all that it does: what it comes after can be told.
    fn order_last(&mut self) {
        let Some(at) = self.came.checked_sub(1) else { return };
        if self.done.get(at).is_none_or(|done| done.is_ordered) {
            return;
        }
        self.done[at].after = self.comes_after(at);
        self.done[at].is_ordered = true;
        if self.reduction == Reduction::Commuting {
            self.find_races(at);
        }
    }

    /// Whether it makes no difference which of two events comes first, if neither made the other.
    fn commute(&self, left: Event, marks: Marks, right: &Done) -> bool {
        let (Event::Of(left), Event::Of(other)) = (left, right.event) else { return false };
        if self.reduction == Reduction::Nothing || !marks.commute(right.marks) {
            return false;
        }
        let is_of_another = left.token != other.token;
        left.at != other.at
            || is_of_another && (left.is_own || other.is_own || self.apart.contains(&left.at))
    }

    fn do_commute(&self, left: usize, right: usize) -> bool {
        let left = &self.done[left];
        self.commute(left.event, left.marks, &self.done[right])
    }

    fn makes(&self, maker: usize, made: usize) -> bool {
        match (self.done[maker].event, self.done[made].event) {
            (Event::Of(maker), Event::Of(made)) => made.cause == Some(maker.seq),
            _ => false,
        }
    }

    fn comes_after(&self, at: usize) -> Bits {
        let mut after = Bits::default();
        for earlier in 0..at {
            if self.makes(earlier, at) || !self.do_commute(earlier, at) {
                after.insert(earlier);
                after.unite(&self.done[earlier].after);
            }
        }
        after
    }

    /// What could have come before an earlier event, and would then have led to another trace, is
    /// wanted there.
    fn find_races(&mut self, at: usize) {
        for earlier in 0..at {
            let Some(node) = self.done[earlier].node else { continue };
            if self.done[at].node.is_some() && self.is_race(earlier, at) {
                let first = self.firsts(earlier, at);
                self.want(node, &first);
            }
        }
    }

    /// Whether two events are in order only because they don't commute.
    fn is_race(&self, earlier: usize, at: usize) -> bool {
        if self.do_commute(earlier, at) || self.makes(earlier, at) {
            return false;
        }
        let after = &self.done[at].after;
        let is_between =
            |middle: usize| after.contains(middle) && self.done[middle].after.contains(earlier);
        !(earlier + 1..at).any(is_between)
    }

    /// Of what came after `earlier` and not because of it, up to `at`: what nothing else of that
    /// had to come before.
    fn firsts(&self, earlier: usize, at: usize) -> Vec<u64> {
        let free: Vec<usize> = (earlier + 1..=at)
            .filter(|&one| one == at || !self.done[one].after.contains(earlier))
            .collect();
        let is_first = |&&one: &&usize| {
            !free.iter().any(|&other| other < one && self.done[one].after.contains(other))
        };
        let seq = |&one: &usize| match self.done[one].event {
            Event::Of(event) => Some(event.seq),
            Event::Deadline => None,
        };
        free.iter().filter(is_first).filter_map(seq).collect()
    }

    fn want(&mut self, node: usize, firsts: &[u64]) {
        let node = &mut self.nodes[node];
        if firsts.iter().any(|first| node.wanted.contains(first)) {
            return;
        }
        let is_there = |first: &u64| node.candidates.iter().any(|one| one.seq == *first);
        match firsts.iter().copied().find(is_there) {
            Some(first) => node.wanted.push(first),
            // What would lead there can't be told: everything may.
            None => node.wanted = node.candidates.iter().map(|one| one.seq).collect(),
        }
    }

    fn advance(&mut self) -> bool {
        self.order_last();
        while let Some(node) = self.nodes.last_mut() {
            let marks = self.done.get(node.depth).map(|done| done.marks).unwrap_or_default();
            node.asleep.push(Sleeper { event: node.picked, marks });
            let is_next = |one: &&Candidate| {
                let sleeps = node.asleep.iter().any(|sleeper| sleeper.event.seq == one.seq);
                node.wanted.contains(&one.seq) && !sleeps
            };
            if let Some(next) = node.candidates.iter().find(is_next).copied() {
                node.picked = next;
                self.done.truncate(node.depth);
                self.came = 0;
                return true;
            }
            self.nodes.pop();
        }
        false
    }
}

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, bit: usize) {
        if self.0.len() <= bit / 64 {
            self.0.resize(bit / 64 + 1, 0);
        }
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    fn contains(&self, bit: usize) -> bool {
        self.0.get(bit / 64).is_some_and(|word| word & 1 << (bit % 64) != 0)
    }

    fn unite(&mut self, other: &Bits) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (own, word) in self.0.iter_mut().zip(&other.0) {
            *own |= word;
        }
    }
}
