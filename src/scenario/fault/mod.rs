//! A fault: what is done to the world, as data.
//!
//! It prints as a scenario writes it, and is read from that; [`kinds`] lists all kinds. Targets are
//! names (`zone1-0000000300` is a vttablet, `mysqld-zone1-0000000300` its server) or symbols
//! (`primary(customer/80-)`, `mysqld(customer/80-)`) until it is done.
//!
//! It knows nothing of how it is done.

pub mod kinds;
mod read;

use std::fmt;
use std::time::Duration;

use sim::clock::ClockChange;

use crate::history::List;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Crash(String),
    /// A crash, and a start so much later, as a supervisor does it.
    Bounce {
        target: String,
        down: Duration,
    },
    Restart(String),
    Pause(String),
    Resume(String),
    /// Of what was written and not synced, so many records stay; none where not said.
    PowerOff {
        target: String,
        torn: Option<u64>,
    },
    PowerOn(String),
    /// One way.
    Cut {
        from: String,
        to: String,
    },
    Mend {
        from: String,
        to: String,
    },
    /// Both ways.
    Partition {
        one: String,
        other: String,
    },
    /// From every other machine, both ways.
    Isolate(String),
    Latency {
        from: String,
        to: String,
        latency: Duration,
    },
    /// The connection of a call breaks: before it runs, or after.
    Break {
        calls: Calls,
        when: When,
    },
    /// A call is not answered until its deadline: it never arrives, or its answer doesn't.
    Silent {
        calls: Calls,
        when: When,
    },
    /// Messages are so much later, until `heal`.
    Delay {
        calls: Calls,
        by: Duration,
    },
    /// A message of its own, without a connection, is lost: a semi-sync acknowledgment.
    Lose(Calls),
    Heal,
    /// A machine whose messages and syncs take so much longer.
    SlowNode {
        target: String,
        by: Duration,
    },
    /// What a program hears of the topology.
    Topo {
        reader: String,
        how: Hearing,
    },
    Disk {
        target: String,
        state: Disk,
    },
    Clock {
        target: String,
        change: ClockChange,
    },
    StopReplication {
        target: String,
        threads: Threads,
    },
    StartReplication {
        target: String,
        threads: Threads,
    },
    /// A replica applies a transaction so long after its commit.
    Lag {
        target: String,
        by: Duration,
    },
    /// A transaction that a replica has for itself.
    Errant(String),
    /// Somebody sets read_only and super_read_only.
    ReadOnly(String),
    ReadWrite(String),
    /// Others have all the places of a tablet's transaction pool.
    FillPool(String),
    FreePool(String),
    /// KILL on a server, or the tablet's killer; where there is nothing to end, nothing happens.
    Kill {
        what: Kill,
        whose: Whose,
    },
    /// A client's connection is gone, also in the middle of a statement.
    Disconnect(String),
    /// A client waits for an answer no longer than this, and closes its connection then.
    ClientTimeout {
        session: String,
        limit: Option<Duration>,
    },
}

/// Which messages: of this name, from one machine to another. So many pass first, and so many are
/// struck.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    pub name: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub skip: u32,
    /// None is one, or all until `heal` where it is a delay.
    pub times: Option<u32>,
}

/// Whether the request is struck, or the answer of one that has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// Its connections to the topology break.
    Down,
    Slow(Duration),
    /// It hears of no change, until `heal`.
    Stale,
    /// It does not hear of the next change.
    LostEvent,
}

/// What becomes of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// A sync takes so much longer.
    Slow(Duration),
    Silent,
    Full,
    Failing,
    FailsOnce,
    Lying,
    Sound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    Both,
    Io,
    Sql,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    Query,
    Connection,
    /// What the tablet's killer does to a transaction that is too old.
    Transaction,
}

/// Whose connection is killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A session's: in one list or all, on one shard (`customer/80-`) or all.
    Session { name: String, list: Option<List>, shard: Option<String> },
    /// A server's, by its number.
    Server { name: String, connection: u64 },
}

impl fmt::Display for Fault {
    /// As `do='..'` holds it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self {
            Fault::Heal => write!(f, "{word}"),
            Fault::Crash(name)
            | Fault::Restart(name)
            | Fault::Pause(name)
            | Fault::Resume(name)
            | Fault::PowerOn(name)
            | Fault::Isolate(name)
            | Fault::Errant(name)
            | Fault::ReadOnly(name)
            | Fault::ReadWrite(name)
            | Fault::FillPool(name)
            | Fault::FreePool(name)
            | Fault::Disconnect(name) => write!(f, "{word} {name}"),
            Fault::PowerOff { target, torn } => {
                write!(f, "{word} {target}{}", key("torn", torn.as_ref()))
            }
            Fault::Cut { from, to } | Fault::Mend { from, to } => write!(f, "{word} {from} {to}"),
            Fault::Partition { one, other } => write!(f, "{word} {one} {other}"),
            Fault::Latency { from, to, latency } => {
                write!(f, "{word} {from} {to} {}", Span(*latency))
            }
            Fault::Break { calls, when } | Fault::Silent { calls, when } => {
                write!(f, "{word} {} {when}{calls}", calls.name)
            }
            Fault::Delay { calls, by } => write!(f, "{word} {} {}{calls}", calls.name, Span(*by)),
            Fault::Lose(calls) => write!(f, "{word} {}{calls}", calls.name),
            Fault::Bounce { target, down: by }
            | Fault::SlowNode { target, by }
            | Fault::Lag { target, by }
            | Fault::Topo { reader: target, how: Hearing::Slow(by) }
            | Fault::Disk { target, state: Disk::Slow(by) } => {
                write!(f, "{word} {target} {}", Span(*by))
            }
            Fault::Topo { reader: target, .. } | Fault::Disk { target, .. } => {
                write!(f, "{word} {target}")
            }
            Fault::Clock { target, change } => match change {
                ClockChange::Offset(by) | ClockChange::Step(by) => {
                    write!(f, "{word} {target} {}", Signed(*by))
                }
                ClockChange::Drift(ppm) => write!(f, "{word} {target} {ppm}ppm"),
                ClockChange::Freeze | ClockChange::Right => write!(f, "{word} {target}"),
            },
            Fault::StopReplication { target, threads }
            | Fault::StartReplication { target, threads } => {
                let thread = match threads {
                    Threads::Both => "",
                    Threads::Io => " thread=io",
                    Threads::Sql => " thread=sql",
                };
                write!(f, "{word} {target}{thread}")
            }
            Fault::Kill { whose, .. } => match whose {
                Whose::Session { name, list, shard } => {
                    let (list, shard) = (key("list", list.as_ref()), key("shard", shard.as_ref()));
                    write!(f, "{word} {name}{list}{shard}")
                }
                Whose::Server { name, connection } => {
                    write!(f, "{word} {name} connection={connection}")
                }
            },
            Fault::ClientTimeout { session, limit } => match limit {
                Some(limit) => write!(f, "{word} {session} {}", Span(*limit)),
                None => write!(f, "{word} {session} none"),
            },
        }
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key("from", self.from.as_ref()))?;
        f.write_str(&key("to", self.to.as_ref()))?;
        f.write_str(&key("skip", Some(self.skip).filter(|skip| *skip != 0).as_ref()))?;
        f.write_str(&key("times", self.times.as_ref()))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            When::Before => "before",
            When::After => "after",
        })
    }
}

fn key<T: fmt::Display>(name: &str, value: Option<&T>) -> String {
    value.map(|value| format!(" {name}={value}")).unwrap_or_default()
}

/// A duration as a scenario writes it.
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match (micros % 1_000_000, micros % 1000) {
            (0, _) => write!(f, "{}s", micros / 1_000_000),
            (_, 0) => write!(f, "{}ms", micros / 1000),
            _ => write!(f, "{micros}us"),
        }
    }
}

struct Signed(i64);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "+" };
        write!(f, "{sign}{}", Span(Duration::from_nanos(self.0.unsigned_abs())))
    }
}

impl Fault {
    /// Whether it takes a call to be done.
    pub fn asks(&self) -> bool {
        matches!(
            self,
            Fault::StopReplication { .. }
                | Fault::StartReplication { .. }
                | Fault::Lag { .. }
                | Fault::Errant(_)
                | Fault::ReadOnly(_)
                | Fault::ReadWrite(_)
                | Fault::FillPool(_)
                | Fault::FreePool(_)
                | Fault::Kill { .. }
        )
    }

    /// The word that a scenario begins it with.
    pub fn word(&self) -> &'static str {
        match self {
            Fault::Crash(_) => "crash",
            Fault::Bounce { .. } => "bounce",
            Fault::Restart(_) => "restart",
            Fault::Pause(_) => "pause",
            Fault::Resume(_) => "resume",
            Fault::PowerOff { .. } => "power-off",
            Fault::PowerOn(_) => "power-on",
            Fault::Cut { .. } => "cut",
            Fault::Mend { .. } => "mend",
            Fault::Partition { .. } => "partition",
            Fault::Isolate(_) => "isolate",
            Fault::Latency { .. } => "latency",
            Fault::Break { .. } => "break",
            Fault::Silent { .. } => "silent",
            Fault::Delay { .. } => "delay",
            Fault::Lose(_) => "lose",
            Fault::Heal => "heal",
            Fault::SlowNode { .. } => "slow-node",
            Fault::Topo { how: Hearing::Down, .. } => "topo-down",
            Fault::Topo { how: Hearing::Slow(_), .. } => "topo-slow",
            Fault::Topo { how: Hearing::Stale, .. } => "topo-stale",
            Fault::Topo { how: Hearing::LostEvent, .. } => "topo-lost-event",
            Fault::Disk { state: Disk::Slow(_), .. } => "slow-disk",
            Fault::Disk { state: Disk::Silent, .. } => "silent-disk",
            Fault::Disk { state: Disk::Full, .. } => "full-disk",
            Fault::Disk { state: Disk::Failing, .. } => "failing-disk",
            Fault::Disk { state: Disk::FailsOnce, .. } => "fail-sync",
            Fault::Disk { state: Disk::Lying, .. } => "lying-disk",
            Fault::Disk { state: Disk::Sound, .. } => "mend-disk",
            Fault::Clock { change: ClockChange::Offset(_), .. } => "clock-offset",
            Fault::Clock { change: ClockChange::Step(_), .. } => "clock-step",
            Fault::Clock { change: ClockChange::Drift(_), .. } => "clock-drift",
            Fault::Clock { change: ClockChange::Freeze, .. } => "clock-freeze",
            Fault::Clock { change: ClockChange::Right, .. } => "clock-right",
            Fault::StopReplication { .. } => "stop-replication",
            Fault::StartReplication { .. } => "start-replication",
            Fault::Lag { .. } => "lag",
            Fault::Errant(_) => "errant",
            Fault::ReadOnly(_) => "read-only",
            Fault::ReadWrite(_) => "read-write",
            Fault::FillPool(_) => "fill-pool",
            Fault::FreePool(_) => "free-pool",
            Fault::Kill { what: Kill::Query, .. } => "kill-query",
            Fault::Kill { what: Kill::Connection, .. } => "kill-connection",
            Fault::Kill { what: Kill::Transaction, .. } => "kill-transaction",
            Fault::Disconnect(_) => "disconnect",
            Fault::ClientTimeout { .. } => "client-timeout",
        }
    }
}
