//! The kinds of faults that strike, by the words that a history tells them with.
//!
//! What only undoes another (`restart`, `heal`) is none. A rule of the network (`break`, `silent`,
//! `delay`, `lose`) strikes when its message comes, which may be never.
//!
//! It knows nothing of what a fault does.

use sim::network::{Leg, Strike, Verdict};

/// All kinds.
pub const KINDS: [&str; 38] = [
    "disconnect",
    "client-timeout",
    "kill-query",
    "kill-connection",
    "kill-transaction",
    "crash",
    "bounce",
    "pause",
    "power-off",
    "slow-node",
    "cut",
    "partition",
    "isolate",
    "latency",
    "break",
    "silent",
    "delay",
    "lose",
    "topo-down",
    "topo-slow",
    "topo-stale",
    "topo-lost-event",
    "slow-disk",
    "silent-disk",
    "full-disk",
    "failing-disk",
    "fail-sync",
    "lying-disk",
    "clock-offset",
    "clock-step",
    "clock-drift",
    "clock-freeze",
    "stop-replication",
    "lag",
    "errant",
    "read-only",
    "fill-pool",
    REPARENT,
];

/// An operator's reparent of a shard, planned or not.
pub const REPARENT: &str = "reparent";

/// Whether an operator's step says that a reparent begins.
pub fn reparents(step: &str) -> bool {
    ["PlannedReparentShard begins", "EmergencyReparentShard begins"].contains(&step)
}

/// The kind that a history's text tells of; none where it did nothing, or undid another.
pub fn kind(text: &str) -> Option<&'static str> {
    let word = text.split_whitespace().next()?;
    // A limit that is taken away, a delay of nothing.
    let is_undone = text.contains("(did nothing")
        || word == "client-timeout" && text.ends_with(" none")
        || word == "lag" && text.ends_with(" 0s");
    KINDS.into_iter().find(|kind| *kind == word && !is_undone)
}

/// Whether a fault of this kind is a rule that waits for its message.
pub fn strikes_later(kind: &str) -> bool {
    ["break", "silent", "delay", "lose"].contains(&kind)
}

/// A rule that has struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck {
    pub kind: &'static str,
    pub from: String,
    pub to: String,
}

impl Struck {
    /// The fault of which a strike tells. What a reader of the topology does not hear is a fault of
    /// its own, and no rule's.
    pub fn of(strike: &Strike) -> Option<Struck> {
        let kind = match (strike.verdict, strike.leg) {
            _ if strike.name == "topo.Watch" => return None,
            (Verdict::Break, _) => "break",
            (Verdict::Drop, Leg::Single) => "lose",
            (Verdict::Drop, _) => "silent",
            (Verdict::Delay(_), _) => "delay",
            (Verdict::Pass | Verdict::Hold, _) => return None,
        };
        Some(Struck { kind, from: strike.from.clone(), to: strike.to.clone() })
    }

    /// As a history would tell it.
    pub fn text(&self) -> String {
        format!("{} {} {}", self.kind, self.from, self.to)
    }
}
