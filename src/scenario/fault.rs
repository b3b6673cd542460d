//! A fault: what is done to the world, as data.
//!
//! It prints as a scenario writes it, and is read from that. It knows nothing of how it is done.

use std::fmt;
use std::time::Duration;

use super::words::{Bad, Read, Words, duration};

/// What is done to the world; targets are symbols until it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Crash(String),
    Restart(String),
    Pause(String),
    Resume(String),
    PowerOff(String),
    PowerOn(String),
    Cut {
        from: String,
        to: String,
    },
    Mend {
        from: String,
        to: String,
    },
    Latency {
        from: String,
        to: String,
        latency: Duration,
    },
    /// The next message of this name from one to the other breaks its connection: before it runs,
    /// or after.
    Break {
        name: String,
        from: Option<String>,
        to: Option<String>,
        after: bool,
    },
    /// Messages of this name that travel from one to the other are so much later, until `heal`.
    Delay {
        name: String,
        by: Duration,
        from: Option<String>,
        to: Option<String>,
    },
    Heal,
    /// A disk is slow, silent, full, failing, or sound again.
    Disk {
        target: String,
        state: Disk,
    },
    /// A replica applies a transaction so long after its commit.
    Lag {
        target: String,
        by: Duration,
    },
}

/// What becomes of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// A sync takes so much longer.
    Slow(Duration),
    Silent,
    Full,
    Failing,
    Sound,
}

impl fmt::Display for Fault {
    /// As a scenario writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |key: &str, name: &Option<String>| {
            name.as_ref().map(|name| format!(" {key}={name}")).unwrap_or_default()
        };
        match self {
            Fault::Crash(name) => write!(f, "crash {name}"),
            Fault::Restart(name) => write!(f, "restart {name}"),
            Fault::Pause(name) => write!(f, "pause {name}"),
            Fault::Resume(name) => write!(f, "resume {name}"),
            Fault::PowerOff(name) => write!(f, "power-off {name}"),
            Fault::PowerOn(name) => write!(f, "power-on {name}"),
            Fault::Cut { from, to } => write!(f, "cut {from} {to}"),
            Fault::Mend { from, to } => write!(f, "mend {from} {to}"),
            Fault::Latency { from, to, latency } => write!(f, "latency {from} {to} {latency:?}"),
            Fault::Break { name, from, to, after } => {
                let when = if *after { "after" } else { "before" };
                write!(f, "break {name} {when}{}{}", end("from", from), end("to", to))
            }
            Fault::Delay { name, by, from, to } => {
                write!(f, "delay {name} {by:?}{}{}", end("from", from), end("to", to))
            }
            Fault::Heal => write!(f, "heal"),
            Fault::Disk { target, state } => match state {
                Disk::Slow(by) => write!(f, "slow-disk {target} {by:?}"),
                Disk::Silent => write!(f, "silent-disk {target}"),
                Disk::Full => write!(f, "full-disk {target}"),
                Disk::Failing => write!(f, "failing-disk {target}"),
                Disk::Sound => write!(f, "mend-disk {target}"),
            },
            Fault::Lag { target, by } => write!(f, "lag {target} {by:?}"),
        }
    }
}

impl Fault {
    /// Reads what follows a fault's name.
    pub fn read(words: &mut Words, name: &str) -> Read<Fault> {
        let two = |words: &mut Words| {
            Ok::<_, Bad>((words.next("the sender")?, words.next("the receiver")?))
        };
        Ok(match name {
            "crash" => Fault::Crash(words.next("the target")?),
            "restart" => Fault::Restart(words.next("the target")?),
            "pause" => Fault::Pause(words.next("the target")?),
            "resume" => Fault::Resume(words.next("the target")?),
            "power-off" => Fault::PowerOff(words.next("the target")?),
            "power-on" => Fault::PowerOn(words.next("the target")?),
            "cut" => {
                let (from, to) = two(words)?;
                Fault::Cut { from, to }
            }
            "mend" => {
                let (from, to) = two(words)?;
                Fault::Mend { from, to }
            }
            "latency" => {
                let (from, to) = two(words)?;
                let text = words.next("the latency")?;
                Fault::Latency { from, to, latency: duration(&text)? }
            }
            "break" => {
                let name = words.next("the message's name")?;
                let after = match words.next("before or after")?.as_str() {
                    "before" => false,
                    "after" => true,
                    other => {
                        let text = format!("expected before or after, found `{other}`");
                        return Err(Bad::new(text, other));
                    }
                };
                Fault::Break { name, from: words.key("from"), to: words.key("to"), after }
            }
            "delay" => {
                let name = words.next("the message's name")?;
                let by = words.next("the delay")?;
                let by = duration(&by)?;
                Fault::Delay { name, by, from: words.key("from"), to: words.key("to") }
            }
            "heal" => Fault::Heal,
            "slow-disk" => {
                let target = words.next("the target")?;
                let by = words.next("the time that a sync takes longer")?;
                Fault::Disk { target, state: Disk::Slow(duration(&by)?) }
            }
            "silent-disk" | "full-disk" | "failing-disk" | "mend-disk" => {
                let state = match name {
                    "silent-disk" => Disk::Silent,
                    "full-disk" => Disk::Full,
                    "failing-disk" => Disk::Failing,
                    _ => Disk::Sound,
                };
                Fault::Disk { target: words.next("the target")?, state }
            }
            "lag" => {
                let target = words.next("the target")?;
                let by = words.next("the lag")?;
                Fault::Lag { target, by: duration(&by)? }
            }
            other => return Err(super::action::unknown(other)),
        })
    }
}
