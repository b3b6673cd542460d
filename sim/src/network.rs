//! Links, latency, and the fate of a message.
//!
//! The mechanism is here: a message on a link is delivered after a while, or not. The policy is in
//! the [`Rule`]s, asked in the order of their installation, the first [`Verdict`] that is not
//! `Pass` wins; then in the [`Noise`] of a random run. Calls are connections (gRPC, MySQL): what is
//! sent on one is late, or the connection breaks before or after the request ran, or it is silent.
//! Single messages can be lost or doubled.
//!
//! It knows nothing of what is in a message but its label, and nothing of processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::clock::{Nanos, nanos};
use crate::decide::{Choice, Decider};
use crate::order::WAITS;

/// The number of a machine, in the order of creation.
pub(crate) type MachineIndex = u32;

/// What travels on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    Request,
    Reply,
    /// A message of its own, without a connection.
    Single,
}

/// One message as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub leg: Leg,
    /// The request's name.
    pub name: &'static str,
}

/// What a rule says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask the next rule.
    Pass,
    /// Deliver this much later than the link would.
    Delay(Duration),
    /// Keep it until [`World::release`](crate::world::World::release).
    Hold,
    /// Lose it. The caller of a call hears nothing until its deadline.
    Drop,
    /// Break the connection: a request never runs, a reply is lost; the caller learns that the
    /// connection is gone, not which of the two it was.
    Break,
}

/// A rule of the network, data so that it prints and can stand in a scenario. Matches by machine
/// names (None is any), leg and message name; `skip` lets that many matches pass, `times` ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub from: Option<String>,
    pub to: Option<String>,
    pub leg: Option<Leg>,
    pub name: Option<String>,
    pub skip: u32,
    /// None is for ever.
    pub times: Option<u32>,
    pub verdict: Verdict,
}

impl Rule {
    fn matches(&self, passing: Passing<'_>) -> bool {
        self.from.as_deref().is_none_or(|from| from == passing.from)
            && self.to.as_deref().is_none_or(|to| to == passing.to)
            && self.leg.is_none_or(|leg| leg == passing.leg)
            && self.name.as_deref().is_none_or(|name| name == passing.name)
    }
}

/// A rule with a message's name has struck, for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    pub from: String,
    pub to: String,
    pub leg: Leg,
    pub name: &'static str,
    pub verdict: Verdict,
}

/// Handle of an installed rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(u32);

/// Random trouble on every link between two machines, in thousandths of the messages; nothing by
/// default. Drawn through the Decider under the names `from>to/late`, `from>to/broken-before` ..
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noise {
    /// A message takes up to this many times its latency.
    pub jitter: u32,
    pub late_per_mille: u32,
    /// How late a late message is, at most.
    pub late_max: Duration,
    pub broken_before_per_mille: u32,
    pub broken_after_per_mille: u32,
    pub silent_per_mille: u32,
    /// Single messages only.
    pub lost_per_mille: u32,
    /// Single messages only.
    pub doubled_per_mille: u32,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Deliver(Nanos),
    /// A single message that arrives twice.
    Twice(Nanos, Nanos),
    Hold,
    Drop,
    Break(Nanos),
}

struct Link {
    latency: Nanos,
    /// Named when first asked: a calm run asks for none.
    points: Option<[Choice; 7]>,
    waits: Option<Choice>,
}

/// What is chosen of a link's messages, beside how often they wait.
const PURPOSES: [&str; 7] =
    ["jitter", "late", "broken-before", "broken-after", "silent", "lost", "doubled"];

/// The links between machines. See the [module](self).
pub struct Network {
    names: Vec<String>,
    /// By (from, to); made when first used.
    links: BTreeMap<(MachineIndex, MachineIndex), Link>,
    /// The link used last: most traffic comes in pairs.
    latency: Nanos,
    loopback: Nanos,
    latencies: BTreeMap<(MachineIndex, MachineIndex), Nanos>,
    cut: BTreeSet<(MachineIndex, MachineIndex)>,
    rules: BTreeMap<RuleId, Rule>,
    next_rule: u32,
    /// A rule has counted a message, since this was last asked.
    has_counted: bool,
    /// Rules that have struck, and those of them that nobody was told of yet.
    met: BTreeSet<RuleId>,
    struck: Vec<Strike>,
    pub noise: Noise,
}

impl Network {
    /// 0.5 ms between two machines, 0.05 ms inside one.
    pub(crate) fn new() -> Network {
        Network {
            names: Vec::new(),
            links: BTreeMap::new(),
            latency: 500_000,
            loopback: 50_000,
            latencies: BTreeMap::new(),
            cut: BTreeSet::new(),
            rules: BTreeMap::new(),
            next_rule: 0,
            has_counted: false,
            met: BTreeSet::new(),
            struck: Vec::new(),
            noise: Noise::default(),
        }
    }

    pub(crate) fn add_machine(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    /// Latency of every link between two machines that has none of its own.
    pub fn set_latency(&mut self, latency: Duration) {
        self.latency = nanos(latency);
        self.links.clear();
    }

    pub(crate) fn set_link_latency(
        &mut self,
        from: MachineIndex,
        to: MachineIndex,
        latency: Duration,
    ) {
        self.latencies.insert((from, to), nanos(latency));
        self.links.remove(&(from, to));
    }

    /// All links have the latency that they were made with.
    pub(crate) fn forget_link_latencies(&mut self) {
        self.latencies.clear();
        self.links.clear();
    }

    /// Cuts one direction; what is in flight still arrives.
    pub(crate) fn cut(&mut self, from: MachineIndex, to: MachineIndex) {
        self.cut.insert((from, to));
    }

    pub(crate) fn mend(&mut self, from: MachineIndex, to: MachineIndex) {
        self.cut.remove(&(from, to));
    }

    /// Mends all cuts, removes all rules and all noise; held messages stay held.
    pub(crate) fn heal(&mut self) {
        self.cut.clear();
        self.rules.clear();
        self.noise = Noise::default();
    }

    pub fn install(&mut self, rule: Rule) -> RuleId {
        let id = RuleId(self.next_rule);
        self.next_rule += 1;
        self.rules.insert(id, rule);
        id
    }

    /// Removes a rule; false if it is gone (used up, healed) already.
    pub fn remove(&mut self, rule: RuleId) -> bool {
        self.rules.remove(&rule).is_some()
    }

    /// Whether a rule is still waiting for its message.
    pub fn is_installed(&self, rule: RuleId) -> bool {
        self.rules.contains_key(&rule)
    }

    pub(crate) fn latency(&mut self, from: MachineIndex, to: MachineIndex) -> Nanos {
        self.link(from, to).0.latency
    }

    /// A link, with the names of its ends.
    fn link(&mut self, from: MachineIndex, to: MachineIndex) -> (&mut Link, [&str; 2]) {
        let (names, latencies) = (&self.names, &self.latencies);
        let base = if from == to { self.loopback } else { self.latency };
        let link = self.links.entry((from, to)).or_insert_with(|| {
            let latency = latencies.get(&(from, to)).copied().unwrap_or(base);
            Link { latency, points: None, waits: None }
        });
        (link, [&names[from as usize], &names[to as usize]])
    }

    /// The point that says how often others come before a message of this link.
    pub(crate) fn waits(
        &mut self,
        from: MachineIndex,
        to: MachineIndex,
        decider: &mut Decider,
    ) -> Choice {
        let (link, [a, b]) = self.link(from, to);
        *link.waits.get_or_insert_with(|| decider.point(&format!("{a}>{b}{WAITS}")))
    }

    /// Whether a rule has counted a message since this was last asked.
    pub(crate) fn take_counted(&mut self) -> bool {
        std::mem::take(&mut self.has_counted)
    }

    /// The rules that have struck since this was last asked.
    pub(crate) fn take_struck(&mut self) -> Vec<Strike> {
        std::mem::take(&mut self.struck)
    }

    /// Decides what becomes of one message.
    pub(crate) fn fate(
        &mut self,
        from: MachineIndex,
        to: MachineIndex,
        leg: Leg,
        name: &'static str,
        decider: &mut Decider,
    ) -> Fate {
        if !self.cut.is_empty() && self.cut.contains(&(from, to)) {
            return Fate::Drop;
        }
        let extra = match self.ask_rules(from, to, leg, name) {
            Verdict::Pass => 0,
            Verdict::Delay(late) => nanos(late),
            Verdict::Hold => return Fate::Hold,
            Verdict::Drop => return Fate::Drop,
            Verdict::Break => return Fate::Break(self.latency(from, to)),
        };
        let noise = self.noise;
        let (link, [a, b]) = self.link(from, to);
        if noise == Noise::default() || from == to {
            return Fate::Deliver(link.latency + extra);
        }
        let point = |purpose| decider.point(&format!("{a}>{b}/{purpose}"));
        let points = *link.points.get_or_insert_with(|| PURPOSES.map(point));
        noisy_fate(noise, (link.latency, points), leg, extra, decider)
    }

    fn ask_rules(
        &mut self,
        from: MachineIndex,
        to: MachineIndex,
        leg: Leg,
        name: &'static str,
    ) -> Verdict {
        if self.rules.is_empty() {
            return Verdict::Pass;
        }
        let (from, to) = (&self.names[from as usize], &self.names[to as usize]);
        let passing = Passing { from, to, leg, name };
        for (id, rule) in &mut self.rules {
            if !rule.matches(passing) {
                continue;
            }
            self.has_counted = true;
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            let (id, verdict) = (*id, rule.verdict);
            if rule.name.is_some() && self.met.insert(id) {
                let (from, to) = (from.clone(), to.clone());
                self.struck.push(Strike { from, to, leg, name, verdict });
            }
            if let Some(times) = &mut rule.times {
                *times = times.saturating_sub(1);
                if *times == 0 {
                    self.rules.remove(&id);
                }
            }
            return verdict;
        }
        Verdict::Pass
    }
}

fn noisy_fate(
    noise: Noise,
    (latency, points): (Nanos, [Choice; 7]),
    leg: Leg,
    extra: Nanos,
    decider: &mut Decider,
) -> Fate {
    let [jitter, late, before, after, silent, lost, doubled] = points;
    let mut transit = latency + extra;
    if noise.jitter > 1 {
        let longest = latency.saturating_mul(u64::from(noise.jitter));
        transit = extra + decider.choose(jitter, latency, latency..=longest);
    }
    if decider.happens(late, noise.late_per_mille.into()) {
        transit += decider.choose(late, 0, 0..=nanos(noise.late_max));
    }
    match leg {
        Leg::Request if decider.happens(before, noise.broken_before_per_mille.into()) => {
            Fate::Break(transit)
        }
        Leg::Reply if decider.happens(after, noise.broken_after_per_mille.into()) => {
            Fate::Break(transit)
        }
        Leg::Request | Leg::Reply if decider.happens(silent, noise.silent_per_mille.into()) => {
            Fate::Drop
        }
        Leg::Single if decider.happens(lost, noise.lost_per_mille.into()) => Fate::Drop,
        Leg::Single if decider.happens(doubled, noise.doubled_per_mille.into()) => {
            Fate::Twice(transit, decider.choose(jitter, transit, transit..=transit * 3))
        }
        _ => Fate::Deliver(transit),
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Pass => write!(f, "pass"),
            Verdict::Delay(late) => write!(f, "delay {late:?}"),
            Verdict::Hold => write!(f, "hold"),
            Verdict::Drop => write!(f, "drop"),
            Verdict::Break => write!(f, "break"),
        }
    }
}
