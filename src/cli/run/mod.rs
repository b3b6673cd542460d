//! `vindicate run`: replays scenarios and says whether what they hold still holds.
//!
//! Each run has a thread of its own. Without a seed a scenario is run calm (or with the seed of its
//! head) and its output compared with its file; with seeds from outside only the verdict counts.
//! The exit code is the worst of all runs: see [`once::Status`].
//!
//! It knows nothing of what happens inside of a run.

pub mod bad;
pub mod difference;
pub mod files;
pub mod head;
pub mod once;
pub mod replace;
pub mod show;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use sim::host::HostKind;
use sim::seed::Seed;

use crate::cli::many::{progress_bar, threads, timed};
use crate::cli::order::in_order;
use crate::cli::{CommandError, Format, Verdict, report};
use crate::mutant::Mutant;
use bad::BadScenario;
use files::{FindError, Scenario, find};
use head::Seeds;
use once::{Chance, Finished, Problem, Runner, Settings, Status, once};
use show::{Style, Summary, Totals};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Scenarios; a folder means all below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run with this seed, and look at the verdict only; text that is no number is hashed
    #[arg(long, value_name = "N")]
    seed: Option<String>,
    /// Run with each of these seeds, the last left out, and look at the verdicts only
    #[arg(long, value_name = "A..B", value_parser = SeedRange::parse, conflicts_with = "seed")]
    seeds: Option<SeedRange>,
    /// Rewrite outputs that differ, and show how they did
    #[arg(long, conflicts_with_all = ["seed", "seeds", "mutants"])]
    bless: bool,
    /// How many runs at a time; as many as there are processors if not said
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Write the trace of the run to a file; for one scenario and one seed
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    trace: Option<PathBuf>,
    /// Print a name and a digest for each run
    #[arg(long)]
    digest: bool,
    /// Print numbers of events, and the memory that a run takes at most
    #[arg(long)]
    stats: bool,
    /// Who polls: nodes needs a build with --cfg madsim
    #[arg(long, value_enum)]
    host: Option<HostName>,
    /// Put a bug in; may be repeated
    #[arg(long = "mutant", value_name = "M", value_parser = mutant_parser())]
    mutants: Vec<Mutant>,
    /// Run everything again, recorded and not, and on the other host: all must be equal
    #[arg(long)]
    twice: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HostName {
    Nodes,
    Plain,
}

pub(in crate::cli) fn mutant_parser() -> impl TypedValueParser<Value = Mutant> {
    PossibleValuesParser::new(Mutant::ALL.map(Mutant::name))
        .try_map(|name| Mutant::parse(&name).ok_or("no such mutant"))
}

/// Seeds from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct SeedRange {
    pub(in crate::cli) start: u64,
    pub(in crate::cli) end: u64,
}

impl SeedRange {
    pub(in crate::cli) fn parse(text: &str) -> Result<SeedRange, String> {
        let (start, end) =
            text.split_once("..").ok_or("two numbers with `..` between, as 0..100")?;
        let number = |text: &str| {
            text.parse().map_err(|_| format!("`{text}` is no number from 0 to {}", u64::MAX))
        };
        let range = SeedRange { start: number(start)?, end: number(end)? };
        match range.start < range.end {
            true => Ok(range),
            false => Err(format!("no seed in {text}: the last is left out")),
        }
    }
}

impl Scenario {
    /// The seed that its file's output belongs to; none is the calm run.
    pub fn own_seed(&self) -> Option<Seed> {
        match self.seeds {
            Seeds::Only(seed) => Some(Seed(seed)),
            Seeds::Any | Seeds::Varies => None,
        }
    }
}

pub(super) fn run(arguments: Arguments, runner: Runner) -> Result<Verdict, CommandError> {
    let plan = Plan::new(arguments)?;
    plan.run(runner, &mut io::stdout()).map(Verdict::from)
}

impl From<Status> for Verdict {
    fn from(status: Status) -> Verdict {
        match status {
            Status::Held => Verdict::Held,
            Status::Failed => Verdict::Failed,
            Status::Bad => Verdict::BadInput,
            Status::Stuck => Verdict::Stuck,
            Status::Fault => Verdict::OurFault,
        }
    }
}

/// Which chances the scenarios are given.
#[derive(Clone, Copy, Debug)]
enum Chances {
    Own,
    One(Seed),
    Range(SeedRange),
}

/// Everything that was asked for, read and checked.
struct Plan {
    scenarios: Vec<Scenario>,
    chances: Chances,
    settings: Settings,
    style: Style,
    threads: NonZeroUsize,
    trace: Option<PathBuf>,
    bless: bool,
}

/// One run to make.
struct Job<'a> {
    scenario: &'a Scenario,
    chance: Chance,
    /// No more runs of this scenario follow.
    is_last: bool,
}

impl Plan {
    fn new(arguments: Arguments) -> Result<Plan, CommandError> {
        let host = host(arguments.host)?;
        let scenarios = find(&arguments.paths).map_err(CommandError::from)?;
        if arguments.trace.is_some() && scenarios.len() != 1 {
            let message = format!("--trace takes one scenario; here are {}", scenarios.len());
            return Err(CommandError::usage(message));
        }
        let chances = match (&arguments.seed, arguments.seeds) {
            (Some(seed), _) => Chances::One(Seed::parse(seed)),
            (None, Some(range)) => Chances::Range(range),
            (None, None) => Chances::Own,
        };
        let Arguments { digest, stats, format, .. } = arguments;
        Ok(Plan {
            scenarios,
            chances,
            settings: Settings {
                host,
                record: arguments.trace.is_some(),
                mutants: arguments.mutants,
                twice: arguments.twice,
                memory: stats,
            },
            style: Style { format, digest, stats },
            threads: threads(arguments.jobs),
            trace: arguments.trace,
            bless: arguments.bless,
        })
    }

    fn jobs(&self) -> impl Iterator<Item = Job<'_>> + Send {
        self.scenarios.iter().flat_map(move |scenario| {
            let (first, count) = self.seeds_of(scenario);
            (0..count).map(move |i| Job {
                scenario,
                chance: match self.chances {
                    Chances::Own => Chance::Own,
                    Chances::One(seed) => Chance::Seed(seed),
                    Chances::Range(_) => Chance::Seed(Seed(first + i)),
                },
                is_last: i + 1 == count,
            })
        })
    }

    /// The first seed, and how many.
    fn seeds_of(&self, scenario: &Scenario) -> (u64, u64) {
        match (self.chances, scenario.seeds) {
            (Chances::Own | Chances::One(_), _) => (0, 1),
            (Chances::Range(range), Seeds::Any) => (range.start, range.end - range.start),
            (Chances::Range(_), Seeds::Only(seed)) => (seed, 1),
            (Chances::Range(_), Seeds::Varies) => (0, 0),
        }
    }

    fn count(&self) -> u64 {
        let counts = self.scenarios.iter().map(|scenario| self.seeds_of(scenario));
        counts.fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    fn seeds(&self) -> String {
        match self.chances {
            Chances::Own => "seed calm".to_string(),
            Chances::One(seed) => format!("seed {}", seed.0),
            Chances::Range(range) => format!("seeds {}..{}", range.start, range.end),
        }
    }

    fn run(&self, runner: Runner, out: &mut dyn Write) -> Result<Status, CommandError> {
        let bar = progress_bar(self.count());
        let mut tally = Tally::new(self);
        let (done, wall) = timed(|| {
            in_order(
                self.jobs(),
                self.threads,
                |job| once(job.scenario, job.chance, &self.settings, runner),
                |job, finished| {
                    bar.suspend(|| tally.take(&job, &finished, out))?;
                    bar.inc(1);
                    Ok::<(), CommandError>(())
                },
            )
        });
        bar.finish_and_clear();
        done?;
        let summary = tally.summary(wall);
        match self.style.format {
            Format::Text => writeln!(out, "{summary}")?,
            Format::Json => writeln!(out, "{}", summary.json())?,
        }
        Ok(summary.totals.status())
    }
}

/// What was seen so far.
struct Tally<'a> {
    plan: &'a Plan,
    /// The scenario whose runs come in.
    scenario: Totals,
    all: Totals,
    ran: usize,
    failed: usize,
    blessed: usize,
}

impl<'a> Tally<'a> {
    fn new(plan: &'a Plan) -> Tally<'a> {
        let (scenario, all) = (Totals::default(), Totals::default());
        Tally { plan, scenario, all, ran: 0, failed: 0, blessed: 0 }
    }

    fn take(
        &mut self,
        job: &Job,
        finished: &Finished,
        out: &mut dyn Write,
    ) -> Result<(), CommandError> {
        self.write_trace(finished)?;
        let is_blessed = self.bless(job, finished)?;
        let status = if is_blessed { Status::Held } else { finished.status() };
        self.scenario.add(finished, status);
        self.all.add(finished, status);
        match self.plan.style.format {
            Format::Json => writeln!(out, "{}", show::run_json(job.scenario, finished, status))?,
            Format::Text => self.print(job, finished, status, out)?,
        }
        if job.is_last {
            let totals = std::mem::take(&mut self.scenario);
            self.ran += 1;
            self.failed += usize::from(totals.status() != Status::Held);
        }
        // Whoever reads along sees what happened before the next run ends.
        out.flush()?;
        Ok(())
    }

    fn print(
        &self,
        job: &Job,
        finished: &Finished,
        status: Status,
        out: &mut dyn Write,
    ) -> Result<(), CommandError> {
        let Job { scenario, chance, is_last } = job;
        let Plan { style, settings, chances, .. } = self.plan;
        let is_range = matches!(chances, Chances::Range(_));
        if let (true, Some(run)) = (style.digest, &finished.run) {
            writeln!(out, "{} {:016x}", show::run_name(scenario, *chance), run.digest)?;
        }
        if !style.digest && !is_range {
            show::scenario_line(out, &scenario.name, &self.scenario, *style)?;
        }
        if !finished.problems.is_empty() {
            if style.digest || is_range {
                writeln!(out, "{status:<4} {}", show::run_name(scenario, *chance))?;
            }
            out.write_all(show::problems(scenario, finished).as_bytes())?;
            match status {
                Status::Held => writeln!(out, "the file now holds this output")?,
                // It never ran: there is nothing to see again.
                Status::Bad => {}
                _ => writeln!(out, "{}", show::again(scenario, *chance, finished, settings))?,
            }
        }
        for problem in &finished.problems {
            if let Problem::Bad(error) = problem {
                report(BadScenario::new(&scenario.path, &scenario.text, error.clone()));
            }
        }
        if *is_last && !style.digest && is_range {
            show::scenario_line(out, &scenario.name, &self.scenario, *style)?;
        }
        Ok(())
    }

    fn write_trace(&self, finished: &Finished) -> Result<(), CommandError> {
        let (Some(path), Some(run)) = (&self.plan.trace, &finished.run) else {
            return Ok(());
        };
        let lines: String = run.trace.lines().iter().map(|line| format!("{line}\n")).collect();
        write(path, &lines)
    }

    /// Gives the file its new text, where that is wanted and the only thing that is wrong.
    fn bless(&mut self, job: &Job, finished: &Finished) -> Result<bool, CommandError> {
        let (true, Some(text)) = (self.plan.bless, finished.new_text()) else {
            return Ok(false);
        };
        bless(job.scenario, text)?;
        self.blessed += 1;
        Ok(finished.problems.len() == 1)
    }

    fn summary(self, wall: Duration) -> Summary {
        let plan = self.plan;
        Summary {
            scenarios: self.ran,
            failed: self.failed,
            skipped: plan.scenarios.len() - self.ran,
            blessed: self.blessed,
            seeds: plan.seeds(),
            totals: self.all,
            wall,
            host: plan.settings.host,
        }
    }
}

fn bless(scenario: &Scenario, text: &str) -> Result<(), CommandError> {
    let path = &scenario.path;
    match std::fs::read_to_string(path) {
        Ok(now) if now == scenario.text => write(path, text),
        Ok(_) => {
            let message = format!("{}: changed while it ran", path.display());
            Err(CommandError::usage(message).hint("run it again; the file is as you left it"))
        }
        Err(source) => Err(CommandError::Read { path: path.clone(), source }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    replace::replace(path, text)
        .map_err(|source| CommandError::Replace { path: path.to_path_buf(), source })
}

fn host(name: Option<HostName>) -> Result<HostKind, CommandError> {
    match name {
        None => Ok(HostKind::default()),
        Some(HostName::Plain) => Ok(HostKind::Plain),
        // It is the default of every build that has it.
        Some(HostName::Nodes) => match HostKind::default() {
            HostKind::Nodes => Ok(HostKind::Nodes),
            HostKind::Plain => Err(CommandError::usage("this build has no host nodes")
                .hint("build with the flag `--cfg madsim`, as .cargo/config.toml does")),
        },
    }
}

impl From<FindError> for CommandError {
    fn from(error: FindError) -> CommandError {
        match error {
            FindError::Read { path, source } => CommandError::Read { path, source },
            FindError::Head(bad) => CommandError::Scenario(bad),
            FindError::Empty { .. } | FindError::Extension { .. } => {
                CommandError::usage(error.to_string())
                    .hint("a scenario is a file without an extension; others are its input")
            }
        }
    }
}
