//! Holds the simulated MySQL against real servers: the same statements on both, compared answer by
//! answer.
//!
//! ```text
//! differ --seeds A..B [--for SECONDS] [--server mysql|mariadb] [--kind KIND]
//! differ --case FILE [--server mysql|mariadb] [--kind KIND]
//! ```
//!
//! A kind is `schedules` (several sessions, locks), `programs` (one session, all it is told) or
//! `events` (the binlog of such a program). Each seed makes one case. A case that differs is cut down to the statements that it needs and
//! printed; `--case` plays what was printed again and shows every lock. Where the servers are
//! known to part ([`differences`]), the case counts as agreeing and the difference is named in the
//! summary. Exit: 0 all agree, 1 some differ, 2 bad usage or no server.
//!
//! This is a laboratory, not a part of the world: it starts processes and threads and waits by the
//! wall clock, because real servers live there. What it says of the model depends on neither.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "real servers run by the wall clock, and a statement that blocks needs a thread"
)]

mod answer;
mod arguments;
mod differences;
mod events;
mod model;
mod programs;
mod real;
mod schedules;
mod server;
mod shrink;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use arguments::{Arguments, KindName};
use events::Events;
use programs::Programs;
use schedules::Schedules;
use server::RealServer;

/// A way to make a case of a seed and to compare it.
pub trait Kind {
    fn run(&mut self, seed: u64) -> Result<Verdict, mysql::Error>;
}

pub enum Verdict {
    /// The names of the known differences that it took.
    Agrees(Vec<String>),
    /// The smallest case that still differs, for a reader.
    Differs(String),
}

fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error.to_string()),
    };
    let server = match RealServer::start(arguments.product) {
        Ok(server) => server,
        Err(error) => return usage(&error.to_string()),
    };
    match compare(&arguments, &server) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => usage(&error.to_string()),
    }
}

fn usage(error: &str) -> ExitCode {
    eprintln!("differ: {error}");
    ExitCode::from(2)
}

/// How many cases differ.
fn compare(arguments: &Arguments, server: &RealServer) -> Result<u64, mysql::Error> {
    if let Some(path) = &arguments.case {
        let text = std::fs::read_to_string(path)?;
        let (told, agrees) = match arguments.kind {
            KindName::Schedules => Schedules::new(server)?.replay(&text)?,
            KindName::Programs => Programs::new(server)?.replay(&text),
            KindName::Events => Events::new(server)?.replay(&text)?,
        };
        println!("{told}");
        return Ok(u64::from(!agrees));
    }
    let mut kind: Box<dyn Kind + '_> = match arguments.kind {
        KindName::Schedules => Box::new(Schedules::new(server)?),
        KindName::Programs => Box::new(Programs::new(server)?),
        KindName::Events => Box::new(Events::new(server)?),
    };
    let start = Instant::now();
    let (mut cases, mut differ) = (0, 0);
    let mut allowed: BTreeMap<String, u64> = BTreeMap::new();
    for seed in arguments.seeds.clone() {
        if arguments.time.is_some_and(|time| time < start.elapsed()) {
            break;
        }
        cases += 1;
        match kind.run(seed)? {
            Verdict::Agrees(names) => {
                for name in names {
                    *allowed.entry(name).or_default() += 1;
                }
            }
            Verdict::Differs(case) => {
                differ += 1;
                println!("seed {seed} differs\n{case}\n");
            }
        }
    }
    for (name, count) in allowed {
        println!("{count} took a known difference: {name} ({})", differences::reason(&name));
    }
    println!("{cases} cases, {} agree, {differ} differ", cases - differ);
    Ok(differ)
}
