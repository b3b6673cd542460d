//! Reading a fault from a scenario's words.

use sim::clock::ClockChange;

use super::{Calls, Disk, Fault, Hearing, Kill, Threads, When, Whose};
use crate::history::List;
use crate::scenario::words::{Bad, Read, Words, duration};

impl Fault {
    /// Reads what [`fmt::Display`] prints.
    pub fn parse(text: &str) -> Read<Fault> {
        let mut words = Words::of_text(text);
        let word = words.next("the fault")?;
        let fault = Fault::read(&mut words, &word)?;
        words.finish(fault)
    }

    /// Reads what follows a fault's word.
    pub fn read(words: &mut Words, word: &str) -> Read<Fault> {
        let target = |words: &mut Words| words.next("the target");
        Ok(match word {
            "crash" => Fault::Crash(target(words)?),
            "bounce" => Fault::Bounce { target: target(words)?, down: words.span("how long")? },
            "restart" => Fault::Restart(target(words)?),
            "pause" => Fault::Pause(target(words)?),
            "resume" => Fault::Resume(target(words)?),
            "power-off" => Fault::PowerOff { target: target(words)?, torn: words.number("torn")? },
            "power-on" => Fault::PowerOn(target(words)?),
            "cut" => {
                let (from, to) = two(words)?;
                Fault::Cut { from, to }
            }
            "mend" => {
                let (from, to) = two(words)?;
                Fault::Mend { from, to }
            }
            "partition" => {
                let (one, other) = two(words)?;
                Fault::Partition { one, other }
            }
            "isolate" => Fault::Isolate(target(words)?),
            "latency" => {
                let (from, to) = two(words)?;
                Fault::Latency { from, to, latency: words.span("the latency")? }
            }
            "break" | "silent" => {
                let name = words.next("the message's name")?;
                let when = when(&words.next("before or after")?)?;
                let calls = calls(words, name)?;
                match word {
                    "break" => Fault::Break { calls, when },
                    _ => Fault::Silent { calls, when },
                }
            }
            "delay" => {
                let name = words.next("the message's name")?;
                let by = words.span("the delay")?;
                Fault::Delay { calls: calls(words, name)?, by }
            }
            "lose" => {
                let name = words.next("the message's name")?;
                Fault::Lose(calls(words, name)?)
            }
            "heal" => Fault::Heal,
            "slow-node" => Fault::SlowNode { target: target(words)?, by: words.span("how slow")? },
            "topo-down" => Fault::Topo { reader: target(words)?, how: Hearing::Down },
            "topo-slow" => {
                let reader = target(words)?;
                Fault::Topo { reader, how: Hearing::Slow(words.span("how slow")?) }
            }
            "topo-stale" => Fault::Topo { reader: target(words)?, how: Hearing::Stale },
            "topo-lost-event" => Fault::Topo { reader: target(words)?, how: Hearing::LostEvent },
            "slow-disk" => {
                let target = target(words)?;
                let by = words.span("the time that a sync takes longer")?;
                Fault::Disk { target, state: Disk::Slow(by) }
            }
            "silent-disk" => Fault::Disk { target: target(words)?, state: Disk::Silent },
            "full-disk" => Fault::Disk { target: target(words)?, state: Disk::Full },
            "failing-disk" => Fault::Disk { target: target(words)?, state: Disk::Failing },
            "fail-sync" => Fault::Disk { target: target(words)?, state: Disk::FailsOnce },
            "lying-disk" => Fault::Disk { target: target(words)?, state: Disk::Lying },
            "mend-disk" => Fault::Disk { target: target(words)?, state: Disk::Sound },
            "clock-offset" | "clock-step" | "clock-drift" | "clock-freeze" | "clock-right" => {
                Fault::Clock { target: target(words)?, change: clock_change(words, word)? }
            }
            "stop-replication" => {
                Fault::StopReplication { target: target(words)?, threads: threads(words)? }
            }
            "start-replication" => {
                Fault::StartReplication { target: target(words)?, threads: threads(words)? }
            }
            "lag" => Fault::Lag { target: target(words)?, by: words.span("the lag")? },
            "errant" => Fault::Errant(target(words)?),
            "read-only" => Fault::ReadOnly(target(words)?),
            "read-write" => Fault::ReadWrite(target(words)?),
            "fill-pool" => Fault::FillPool(target(words)?),
            "free-pool" => Fault::FreePool(target(words)?),
            "kill-query" => Fault::Kill { what: Kill::Query, whose: whose(words)? },
            "kill-connection" => Fault::Kill { what: Kill::Connection, whose: whose(words)? },
            "kill-transaction" => Fault::Kill { what: Kill::Transaction, whose: whose(words)? },
            "disconnect" => Fault::Disconnect(words.next("the session")?),
            "client-timeout" => {
                let session = words.next("the session")?;
                let text = words.next("the time, or none")?;
                let limit = if text == "none" { None } else { Some(duration(&text)?) };
                Fault::ClientTimeout { session, limit }
            }
            other => return Err(crate::scenario::action::unknown(other)),
        })
    }
}

fn two(words: &mut Words) -> Read<(String, String)> {
    Ok((words.next("the sender")?, words.next("the receiver")?))
}

fn when(text: &str) -> Read<When> {
    match text {
        "before" => Ok(When::Before),
        "after" => Ok(When::After),
        other => Err(Bad::new(format!("expected before or after, found `{other}`"), other)),
    }
}

fn calls(words: &mut Words, name: String) -> Read<Calls> {
    Ok(Calls {
        name,
        from: words.key("from"),
        to: words.key("to"),
        skip: words.number("skip")?.unwrap_or(0),
        times: words.number("times")?,
    })
}

fn clock_change(words: &mut Words, word: &str) -> Read<ClockChange> {
    Ok(match word {
        "clock-offset" => ClockChange::Offset(signed(&words.next("how far")?)?),
        "clock-step" => ClockChange::Step(signed(&words.next("how far")?)?),
        "clock-drift" => {
            let text = words.next("how fast")?;
            let number = text.strip_suffix("ppm").and_then(|number| number.parse().ok());
            ClockChange::Drift(number.ok_or_else(|| {
                Bad::new(format!("not a drift: {text}"), &text).hint("a drift is 500ppm or -500ppm")
            })?)
        }
        "clock-freeze" => ClockChange::Freeze,
        _ => ClockChange::Right,
    })
}

fn threads(words: &mut Words) -> Read<Threads> {
    match words.key("thread").as_deref() {
        None => Ok(Threads::Both),
        Some("io") => Ok(Threads::Io),
        Some("sql") => Ok(Threads::Sql),
        Some(other) => Err(Bad::new(format!("expected io or sql, found `{other}`"), other)),
    }
}

fn whose(words: &mut Words) -> Read<Whose> {
    let name = words.next("the session, or the server")?;
    if let Some(connection) = words.number("connection")? {
        return Ok(Whose::Server { name, connection });
    }
    let list = match words.key("list") {
        Some(text) => Some(List::parse(&text).ok_or_else(|| {
            Bad::new(format!("unknown list `{text}`"), &text).hint("lists are pre, normal and post")
        })?),
        None => None,
    };
    Ok(Whose::Session { name, list, shard: words.key("shard") })
}

fn signed(text: &str) -> Read<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let nanos = i64::try_from(duration(rest)?.as_nanos()).unwrap_or(i64::MAX);
    Ok(sign * nanos)
}
