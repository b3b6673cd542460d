//! The lines that `vindicate run` prints: one a scenario, more where it failed, a summary.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value as Json, json};
use sim::clock::Nanos;
use sim::host::HostKind;

use crate::cli::many::with_mutants;
use crate::cli::run::files::Scenario;
use crate::cli::run::once::{Chance, Finished, Problem, Settings, Status};
use crate::cli::{Format, Verdict};

/// What is printed, beside a line a scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) format: Format,
    pub(super) digest: bool,
    pub(super) stats: bool,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Status::Held => "ok",
            Status::Failed => "FAIL",
            Status::Bad => "BAD",
            Status::Stuck => "STUCK",
            Status::Fault => "FAULT",
        })
    }
}

/// What the runs of a scenario, or of all, came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) runs: u64,
    pub(super) status: Option<Status>,
    pub(super) virtual_time: Nanos,
    pub(super) real: Duration,
    pub(super) events: u64,
    /// The most that a run had, in bytes; 0 where nobody counts.
    pub(super) memory: usize,
}

impl Totals {
    pub(super) fn add(&mut self, finished: &Finished, status: Status) {
        self.runs += 1;
        self.status = self.status.max(Some(status));
        self.real += finished.real;
        self.memory = self.memory.max(finished.memory.unwrap_or(0));
        if let Some(run) = &finished.run {
            self.virtual_time = self.virtual_time.saturating_add(run.virtual_time);
            self.events = self.events.saturating_add(run.events);
        }
    }

    pub(super) fn status(&self) -> Status {
        self.status.unwrap_or(Status::Held)
    }
}

/// The one line that makes this run again.
fn replay(scenario: &Scenario, chance: Chance, settings: &Settings) -> String {
    let mut line = format!("cargo run --release -- run {}", shell_word(&scenario.path.display()));
    if let Chance::Seed(seed) = chance {
        line.push_str(&format!(" --seed {}", seed.0));
    }
    line.push_str(&with_mutants(&settings.mutants));
    if settings.host != HostKind::default() {
        line.push_str(&format!(" --host {}", settings.host));
    }
    if settings.twice {
        line.push_str(" --twice");
    }
    line
}

fn shell_word(text: &impl fmt::Display) -> String {
    let text = text.to_string();
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '@' | '+' | ',');
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// Everything that is wrong with a run.
pub fn problems(scenario: &Scenario, finished: &Finished) -> String {
    let mut text = String::new();
    for problem in &finished.problems {
        match problem {
            Problem::Violation(story) => {
                text.push_str(&format!("violated: {}\n", story.trim_end()));
            }
            Problem::Stuck(wait) => text.push_str(&format!("stuck: {}\n", wait.trim_end())),
            Problem::Survived(what) => text.push_str(&format!("not so: {what}\n")),
            Problem::Fault(fault) => {
                text.push_str(&format!("a fault of vindicate: {}\n", fault.trim_end()));
            }
            Problem::Bad(error) => {
                text.push_str(&format!("{}:{}: {error}\n", scenario.path.display(), error.line));
            }
            Problem::Differs(difference) => {
                let (path, line) = (scenario.path.display(), difference.line);
                text.push_str(&format!("{path}:{line}: the output differs\n"));
                text.push_str(&difference.unified);
            }
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

/// The seed of a run and the line that makes it again.
pub fn again(
    scenario: &Scenario,
    chance: Chance,
    finished: &Finished,
    settings: &Settings,
) -> String {
    let seed = finished.seed.map_or("calm".to_string(), |seed| seed.0.to_string());
    format!("seed {seed}; to see it again: {}", replay(scenario, chance, settings))
}

/// `guide/create_lookup_vindex`, with a seed from outside `guide/create_lookup_vindex@7`.
pub(super) fn run_name(scenario: &Scenario, chance: Chance) -> String {
    match chance {
        Chance::Own => scenario.name.clone(),
        Chance::Seed(seed) => format!("{}@{}", scenario.name, seed.0),
    }
}

/// One run for programs.
pub(super) fn run_json(scenario: &Scenario, finished: &Finished, status: Status) -> Json {
    let run = finished.run.as_ref();
    json!({
        "name": scenario.name,
        "path": scenario.path.display().to_string(),
        "seed": finished.seed.map(|seed| seed.0),
        "status": Verdict::from(status).word(),
        "digest": run.map(|run| format!("{:016x}", run.digest)),
        "events": run.map(|run| run.events),
        "virtual_ns": run.map(|run| run.virtual_time),
        "real_ms": finished.real.as_millis() as u64,
        "bytes_at_most": finished.memory,
        "problems": finished.problems.iter().map(problem_json).collect::<Vec<Json>>(),
    })
}

fn problem_json(problem: &Problem) -> Json {
    match problem {
        Problem::Violation(text) => json!({ "kind": "violated", "text": text }),
        Problem::Stuck(text) => json!({ "kind": "stuck", "text": text }),
        Problem::Survived(text) => json!({ "kind": "survived", "text": text }),
        Problem::Fault(text) => json!({ "kind": "fault", "text": text }),
        Problem::Differs(difference) => json!({
            "kind": "differs",
            "line": difference.line,
            "text": difference.unified,
        }),
        Problem::Bad(error) => json!({
            "kind": "bad",
            "line": error.line,
            "part": error.part,
            "text": error.message,
            "hint": error.hint,
        }),
    }
}

/// `ok   guide/create_lookup_vindex  12.4 s virtual, 31 ms`
pub(super) fn scenario_line(
    out: &mut dyn Write,
    name: &str,
    totals: &Totals,
    style: Style,
) -> io::Result<()> {
    write!(out, "{:<4} {name}  ", totals.status())?;
    if totals.runs != 1 {
        write!(out, "{} runs, ", totals.runs)?;
    }
    write!(out, "{} virtual, {}", Seconds(totals.virtual_time), Short(totals.real))?;
    if style.stats {
        let rate = totals.events as f64 / totals.real.as_secs_f64().max(1e-9);
        write!(out, ", {} events, {:.2} M events/s", totals.events, rate / 1e6)?;
        if 0 < totals.memory {
            write!(out, ", {}", Mebibytes(totals.memory))?;
        }
    }
    writeln!(out)
}

/// What the summary says beside the totals.
pub(super) struct Summary {
    pub(super) scenarios: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
    pub(super) blessed: usize,
    /// `seed calm`, `seed 7`, `seeds 0..100`.
    pub(super) seeds: String,
    pub(super) totals: Totals,
    pub(super) wall: Duration,
    pub(super) host: HostKind,
}

impl fmt::Display for Summary {
    /// `held: 12 scenarios, 0 failed, seed calm, 34.1 s virtual, 0.2 s real, host nodes`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Verdict::from(self.totals.status()).word();
        write!(f, "{word}: {} scenarios, {} failed", self.scenarios, self.failed)?;
        for (count, what) in [(self.skipped, "skipped"), (self.blessed, "blessed")] {
            if count != 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if self.totals.runs != self.scenarios as u64 {
            write!(f, ", {} runs", self.totals.runs)?;
        }
        write!(f, ", {}, {} virtual", self.seeds, Seconds(self.totals.virtual_time))?;
        write!(f, ", {:.1} s real, host {}", self.wall.as_secs_f64(), self.host)
    }
}

impl Summary {
    pub(super) fn json(&self) -> Json {
        json!({ "summary": {
            "status": Verdict::from(self.totals.status()).word(),
            "scenarios": self.scenarios,
            "failed": self.failed,
            "skipped": self.skipped,
            "blessed": self.blessed,
            "runs": self.totals.runs,
            "seeds": self.seeds,
            "events": self.totals.events,
            "virtual_ns": self.totals.virtual_time,
            "real_ms": self.wall.as_millis() as u64,
            "host": self.host.to_string(),
        }})
    }
}

/// `1.3 MiB`
pub(in crate::cli) struct Mebibytes(pub usize);

impl fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}

/// Nanoseconds in seconds with one decimal.
struct Seconds(Nanos);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0 as f64 / 1e9)
    }
}

/// `31 ms`, from one second on `1.2 s`.
struct Short(Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            millis @ 0..1000 => write!(f, "{millis} ms"),
            _ => write!(f, "{:.1} s", self.0.as_secs_f64()),
        }
    }
}
