//! `vindicate sweep`: a scenario with a failure at every step where one can make a difference.
//!
//! The scenario runs calm once and its steps are counted; then it runs again, once for each
//! [deviation], to a common end: everything recovers, all timeouts pass, the judge looks, and what
//! dangles is inserted. What a failure may leave is counted by its cause; without one it is none.
//!
//! It knows nothing of how a run is judged.

pub(in crate::cli) mod deviation;
pub(in crate::cli) mod show;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use sim::host::HostKind;

use crate::checker::Cause;
use crate::cli::many::{progress_bar, threads, timed};
use crate::cli::order::in_order;
use crate::cli::run::bad::BadScenario;
use crate::cli::run::files::{Scenario, find};
use crate::cli::run::mutant_parser;
use crate::cli::run::once::in_fresh_thread;
use crate::cli::{CommandError, Format, Verdict};
use crate::mutant::Mutant;
use crate::scenario::steps::{Deeds, deviate};
use crate::scenario::{self, Options, Residue};
use deviation::Deviation;
use show::Table;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Scenarios; a folder means all below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run with this line behind the head, and nothing else: what the sweep prints of a failure
    #[arg(long, value_name = "LINE")]
    only: Vec<String>,
    /// How many runs at a time; as many as there are processors if not said
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Put a bug in; may be repeated
    #[arg(long = "mutant", value_name = "M", value_parser = mutant_parser())]
    mutants: Vec<Mutant>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What a run came to, and what it left that no promise forbids.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Played {
    came: Came,
    /// Entries without a row.
    left: Residue,
    /// Where it broke a promise as Vitess does.
    departures: BTreeSet<&'static str>,
}

/// The verdict on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Came {
    Held,
    /// Entries without a row, and nothing in the history has left them.
    Unexplained(String),
    Violated {
        invariant: &'static str,
        story: String,
    },
    Stuck(String),
    Panicked(String),
    Bad(String),
}

pub(super) fn run(arguments: Arguments) -> Result<Verdict, CommandError> {
    let scenarios = find(&arguments.paths)?;
    let sweep = Sweep { arguments: &arguments, threads: threads(arguments.jobs) };
    let mut out = io::stdout();
    let mut worst = Verdict::Held;
    let (mut points, mut held, mut failed) = (0, 0, 0);
    let (done, wall) = timed(|| {
        for scenario in &scenarios {
            let table = sweep.one(scenario)?;
            (points, held) = (points + table.points(), held + table.held());
            failed += usize::from(table.points() != table.held());
            worst = worst.max(table.verdict());
            match arguments.format {
                Format::Text => out.write_all(table.text().as_bytes())?,
                Format::Json => writeln!(out, "{}", table.json())?,
            }
            out.flush()?;
        }
        Ok::<(), CommandError>(())
    });
    done?;
    let summary = show::Summary { scenarios: scenarios.len(), failed, points, held, wall };
    match arguments.format {
        Format::Text => writeln!(out, "{summary}")?,
        Format::Json => writeln!(out, "{}", summary.json())?,
    }
    Ok(worst)
}

struct Sweep<'a> {
    arguments: &'a Arguments,
    threads: NonZeroUsize,
}

/// Runs that one thread makes, one after the other.
const CHUNK: usize = 16;

impl Sweep<'_> {
    fn one(&self, scenario: &Scenario) -> Result<Table, CommandError> {
        let mut table = Table::new(&scenario.name, &scenario.path);
        let only = self.arguments.only.as_slice();
        let (played, deeds) = self.play_alone(scenario, only)?;
        table.calm(played);
        let deviations = if only.is_empty() { deviation::all(&deeds) } else { Vec::new() };
        let bar = progress_bar(deviations.len() as u64);
        in_order(
            deviations.chunks(CHUNK),
            self.threads,
            |chunk| self.chunk(scenario, chunk),
            |chunk, played| {
                for (deviation, played) in chunk.iter().zip(played) {
                    table.take(deviation, played);
                }
                bar.inc(chunk.len() as u64);
                Ok::<(), CommandError>(())
            },
        )?;
        bar.finish_and_clear();
        Ok(table)
    }

    fn play_alone(
        &self,
        scenario: &Scenario,
        lines: &[String],
    ) -> Result<(Played, Deeds), CommandError> {
        match in_fresh_thread(scenario, || self.play(scenario, lines)) {
            Ok(Ok(played)) => Ok(played),
            Ok(Err(error)) => Err(bad(scenario, error)),
            Err(panic) => Ok((Played::of(Came::Panicked(panic)), Default::default())),
        }
    }

    fn chunk(&self, scenario: &Scenario, chunk: &[Deviation]) -> Vec<Played> {
        let played = in_fresh_thread(scenario, || {
            let one = |deviation: &Deviation| match self
                .play(scenario, std::slice::from_ref(&deviation.line))
            {
                Ok((played, _)) => played,
                Err(error) => Played::of(Came::Bad(error.message)),
            };
            chunk.iter().map(one).collect::<Vec<Played>>()
        });
        // A panic of the harness itself ends the thread: all of its runs are suspect.
        played.unwrap_or_else(|panic| vec![Played::of(Came::Panicked(panic)); chunk.len()])
    }

    fn play(
        &self,
        scenario: &Scenario,
        lines: &[String],
    ) -> Result<(Played, Deeds), scenario::ScenarioError> {
        let options = Options {
            host: HostKind::Plain,
            judge_only: true,
            mutants: self.arguments.mutants.clone(),
            ..Options::beside(&scenario.path)
        };
        let (run, deeds) = deviate(&scenario.text, &options, lines)?;
        let first = |texts: &[String], otherwise: &str| {
            texts.first().cloned().unwrap_or_else(|| otherwise.to_owned())
        };
        let came = match &run.verdict {
            scenario::Verdict::Held => Came::of_left(&run.left),
            scenario::Verdict::Violated(_) => match run.verdict.news().next() {
                // Vitess does that too, and the judge knows why.
                None => Came::of_left(&run.left),
                Some(story) => {
                    Came::Violated { invariant: story.invariant, story: story.text.clone() }
                }
            },
            scenario::Verdict::Stuck(waits) => Came::Stuck(first(waits, "nothing can go on")),
            scenario::Verdict::Panicked(panics) => Came::Panicked(first(panics, "a process")),
        };
        let departures = run.verdict.departures().collect();
        Ok((Played { came, left: run.left, departures }, deeds))
    }
}

impl Played {
    fn of(came: Came) -> Played {
        Played { came, left: Residue::new(), departures: BTreeSet::new() }
    }
}

impl Came {
    fn of_left(left: &Residue) -> Came {
        match left.get(&Cause::Unknown) {
            None => Came::Held,
            Some(count) => Came::Unexplained(format!("{count} entries without a row")),
        }
    }
}

fn bad(scenario: &Scenario, error: scenario::ScenarioError) -> CommandError {
    CommandError::Scenario(Box::new(BadScenario::new(&scenario.path, &scenario.text, error)))
}
