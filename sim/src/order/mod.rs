//! Which of the events that are open comes next.
//!
//! An event is open from when it is made: a message in flight, a sleep. The earliest comes first,
//! unless something lets it wait: an [`Order`] that picks another, or a tape that says so. Who
//! waits is only late: no event comes before a deadline that is earlier, and none of them moves
//! the clock back.
//!
//! ```text
//!   open, by (time, seq)     picked      waits
//!   a  b  c                  c           a#0: 1, b#0: 1
//!   a  b  d                  a
//!   b  d                     d           b#0: 2
//!   b                        b
//! ```
//!
//! What a tape holds is how often each event was passed over, `from>to/waits#ordinal = count`, by
//! the link of a message or the program of a sleep. That is enough to make the order again: the
//! first one is picked that has been passed over often enough.
//!
//! It knows nothing of what an event brings.

pub mod explore;
pub mod pct;

use std::collections::BTreeMap;

use crate::clock::Nanos;
use crate::decide::Choice;
use crate::wait::Token;
use crate::world::{Program, What};
use explore::Explorer;
use pct::Pct;

/// Who picks.
#[derive(Clone, Debug)]
pub enum Order {
    /// The earliest, but for what the tape lets wait.
    Time,
    Pct(Pct),
    Explore(Explorer),
}

/// What there was to pick, in a run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Picks among several.
    pub steps: u64,
    /// Sequences of events each of which made the next.
    pub chains: u64,
}

/// An event as who picks sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The same in every run that was the same up to here.
    pub seq: u64,
    /// The statement that it is under way for.
    pub token: Option<Token>,
    /// Where it comes to pass.
    pub at: Program,
    pub chain: u32,
    /// The event during which it was made.
    pub cause: Option<u64>,
    /// It touches nothing that an event of another statement touches.
    pub is_own: bool,
}

/// An open event.
pub(crate) struct Open {
    pub time: Nanos,
    pub what: What,
    pub event: Candidate,
    pub point: Choice,
    pub ordinal: u64,
    /// How often it must be passed over before it is picked, where the tape says so.
    pub due_after: u64,
    pub passed: u64,
}

/// All open events, and what is known of how they hang together.
pub(crate) struct Line {
    pub order: Order,
    /// By (time, seq).
    pub open: Vec<Open>,
    /// How many chains there are.
    chains: u32,
    /// Chains of statements whose last event has come, and has made none so far.
    idle: BTreeMap<Token, Vec<u32>>,
    /// The event that everything comes from which happens now.
    now: Option<Now>,
    steps: u64,
}

#[derive(Clone, Copy)]
struct Now {
    seq: u64,
    /// Its chain, until an event that it makes goes on with it.
    chain: Option<(Option<Token>, u32)>,
}

/// How points of the tape end that say how often an event is passed over.
pub const WAITS: &str = "/waits";
/// The point that says which of several ready processes is polled.
pub const READY: &str = "world/ready";

/// How much earlier than its time an event may come, beside those that wait.
const EARLY: Nanos = 1_000_000;
/// How late an event may be.
const LATE: Nanos = 50_000_000;

impl Line {
    pub fn new(order: Order) -> Line {
        Line { order, open: Vec::new(), chains: 0, idle: BTreeMap::new(), now: None, steps: 0 }
    }

    pub fn counted(&self) -> Counted {
        Counted { steps: self.steps, chains: self.chains.into() }
    }

    pub fn add(&mut self, open: Open) {
        let key = (open.time, open.event.seq);
        let at = self.open.partition_point(|other| (other.time, other.event.seq) < key);
        self.open.insert(at, open);
    }

    /// The event that a new one comes from, and its chain: that of the event which makes it, if it
    /// is the first and of the same statement; else one of the statement's that has ended; else a
    /// new one.
    pub fn place(&mut self, token: Option<Token>) -> (Option<u64>, u32) {
        let cause = self.now.map(|now| now.seq);
        if let Some(Now { chain, .. }) = &mut self.now
            && chain.is_some_and(|(of, _)| of == token)
            && let Some((_, own)) = chain.take()
        {
            return (cause, own);
        }
        let ended = token.and_then(|token| self.idle.get_mut(&token)?.pop());
        let chain = ended.unwrap_or_else(|| {
            self.chains += 1;
            self.chains - 1
        });
        (cause, chain)
    }

    /// What happened last has made all that it makes.
    fn end_event(&mut self) {
        if let Some(Now { chain: Some((Some(token), chain)), .. }) = self.now.take() {
            self.idle.entry(token).or_default().push(chain);
        }
    }

    /// What happens from now on comes from outside.
    pub fn begin(&mut self) {
        self.end_event();
    }

    /// An event comes that can't be made to wait.
    pub fn take_barrier(&mut self, seq: u64) {
        self.end_event();
        self.now = Some(Now { seq, chain: None });
        if let Order::Explore(explorer) = &self.order {
            explorer.came(None);
        }
    }

    /// A rule of the network has counted a message that leaves now.
    pub fn counted_message(&self) {
        if let Order::Explore(explorer) = &self.order {
            explorer.counted();
        }
    }

    /// Which open event is next; none where a search has seen all that can follow. `barrier` is the
    /// time and number of what can't be made to wait.
    pub fn pick(&self, now: Nanos, barrier: Option<(Nanos, u64)>) -> Option<usize> {
        let is_before =
            |open: &&Open| barrier.is_none_or(|barrier| (open.time, open.event.seq) < barrier);
        let movable = self.open.iter().take_while(is_before);
        match &self.order {
            Order::Time => Some(movable.clone().position(Open::is_due).unwrap_or(0)),
            Order::Pct(pct) => {
                Some(pct.pick(movable.take(self.near(now)).map(|open| open.event.chain)))
            }
            Order::Explore(explorer) => {
                let first = self.open.first();
                let is_foreground = first.is_some_and(|open| open.event.token.is_some());
                if !explorer.is_active() || !is_foreground {
                    return Some(0);
                }
                let events = movable.map(|open| open.event);
                let candidates: Vec<Candidate> =
                    events.filter(|event| event.token.is_some()).collect();
                let picked = explorer.pick(&candidates)?;
                self.open.iter().position(|open| open.event.seq == picked)
            }
        }
    }

    /// How many events may come now.
    fn near(&self, now: Nanos) -> usize {
        let Some(first) = self.open.first() else { return 0 };
        if first.time.saturating_add(LATE) <= now {
            return 1;
        }
        let end = first.time.max(now).saturating_add(EARLY);
        self.open.iter().take_while(|open| open.time <= end).count()
    }

    /// Takes what was picked off the line; those before it were passed over.
    pub fn take(&mut self, at: usize, now: Nanos) -> Open {
        let is_step = 1 < self.near(now);
        self.steps += u64::from(is_step);
        self.open[..at].iter_mut().for_each(|open| open.passed += 1);
        let taken = self.open.remove(at);
        let Candidate { seq, chain, token, .. } = taken.event;
        match &mut self.order {
            Order::Pct(pct) if is_step => pct.taken(self.steps, chain),
            Order::Explore(explorer) if token.is_none() => explorer.came(Some(taken.event)),
            Order::Time | Order::Pct(_) | Order::Explore(_) => {}
        }
        self.end_event();
        self.now = Some(Now { seq, chain: Some((token, chain)) });
        taken
    }

    /// Which of so many processes that are ready is polled next.
    pub fn pick_ready(&self, pids: impl Iterator<Item = u32>) -> usize {
        match &self.order {
            Order::Pct(pct) => pct.pick_ready(pids),
            Order::Time | Order::Explore(_) => 0,
        }
    }
}

impl Open {
    fn is_due(&self) -> bool {
        self.due_after <= self.passed
    }
}
