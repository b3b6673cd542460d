//! `vindicate interleave`: every order of the messages of two statements.
//!
//! A scenario with `concurrently a='..' b='..'` is run again for each order that differs in
//! anything that can be seen, and with `--faults 1` for each again with one thing that goes
//! otherwise: a call of the statements breaks before or after it ran, a program crashes before or
//! after one that lasts, or a sync. With `--faults 2` pairs of those follow, each in the order of
//! times: one of what can go otherwise, and one of what can after that. What clients were told and
//! which rows are there is counted; of what is wrong the first is made small and written as a
//! scenario.
//!
//! It knows nothing of which orders there are.

mod show;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sim::decide::Tape;
use sim::host::HostKind;
use sim::order::explore::Reduction;

use crate::cli::fuzz::duration;
use crate::cli::many::{Clock, threads};
use crate::cli::order::in_order;
use crate::cli::run::bad::BadScenario;
use crate::cli::run::files::{Scenario, find};
use crate::cli::run::mutant_parser;
use crate::cli::run::replace::replace;
use crate::cli::sweep::deviation::{self, Kind};
use crate::cli::{CommandError, Format, Verdict};
use crate::fuzz::interleave::{self, Explored, Finding};
use crate::mutant::Mutant;
use crate::scenario::interleave::{By, Script};
use crate::scenario::{self, Options, ScenarioError, steps};
use show::{Searched, Summary};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Scenarios with a `concurrently`; a folder means all below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How many things go otherwise in a run, at most: breaks of calls, crashes at durable steps;
    /// pairs are run in one order each
    #[arg(long, value_name = "N", default_value = "0",
          value_parser = clap::value_parser!(u8).range(0..=2))]
    faults: u8,
    /// Run every order, also those that differ in nothing that can be seen
    #[arg(long)]
    all: bool,
    /// End a search after so long: 60s, 10m
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Put a bug in; may be repeated
    #[arg(long = "mutant", value_name = "M", value_parser = mutant_parser())]
    mutants: Vec<Mutant>,
    /// Where findings are written, a scenario each
    #[arg(long, value_name = "DIR", default_value = "findings")]
    out: PathBuf,
    /// How many searches at a time; as many as there are processors if not said
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs of a scenario.
struct Job<'a> {
    scenario: usize,
    script: &'a Script,
    what: What,
}

enum What {
    /// Every order, with these things going otherwise.
    Orders(Vec<String>),
    /// Of what goes otherwise this one, by its place, and each that can follow it.
    Pairs(Arc<[String]>, usize),
}

pub(super) fn run(arguments: Arguments) -> Result<Verdict, CommandError> {
    let scenarios = find(&arguments.paths)?;
    let clock = Clock::start(None);
    let scripts: Vec<Script> =
        scenarios.iter().map(|one| read(one, &arguments.mutants)).collect::<Result<_, _>>()?;
    let mut jobs = Vec::new();
    for (scenario, script) in scripts.iter().enumerate() {
        let lines: Arc<[String]> = match arguments.faults {
            0 => Arc::default(),
            _ => lines(script, &[]).map_err(|error| bad(&scenarios[scenario], error))?.into(),
        };
        let alone = lines.iter().map(|line| vec![line.clone()]);
        let searches = std::iter::once(Vec::new()).chain(alone).map(What::Orders);
        let firsts = if arguments.faults < 2 { 0 } else { lines.len() };
        let pairs = (0..firsts).map(|first| What::Pairs(Arc::clone(&lines), first));
        jobs.extend(searches.chain(pairs).map(|what| Job { scenario, script, what }));
    }
    let mut searched: Vec<Searched> =
        scenarios.iter().map(|one| Searched::new(&one.name)).collect();
    in_order(
        jobs.iter(),
        threads(arguments.jobs),
        |job| arguments.search(job),
        |job, (done, time)| {
            let explored = done.map_err(|error| bad(&scenarios[job.scenario], error))?;
            match job.what {
                What::Orders(_) => searched[job.scenario].take(explored, time),
                What::Pairs(..) => searched[job.scenario].take_pairs(explored, time),
            }
            Ok::<(), CommandError>(())
        },
    )?;
    let mut out = io::stdout();
    let mut worst = Verdict::Held;
    let mut summary = Summary::default();
    for (searched, scenario) in searched.iter_mut().zip(&scenarios) {
        if let Some(finding) = searched.finding() {
            searched.file = Some(arguments.write(scenario, finding)?);
        }
        worst = worst.max(searched.verdict());
        summary.take(searched);
        match arguments.format {
            Format::Text => out.write_all(searched.text(&arguments.mutants).as_bytes())?,
            Format::Json => writeln!(out, "{}", searched.json())?,
        }
    }
    summary.seconds = clock.elapsed().as_secs_f64();
    match arguments.format {
        Format::Text => writeln!(out, "{}: {summary}", worst.word())?,
        Format::Json => writeln!(out, "{}", summary.json())?,
    }
    Ok(worst)
}

/// A scenario whose orders are searched, with these bugs in.
pub(in crate::cli) fn read(
    scenario: &Scenario,
    mutants: &[Mutant],
) -> Result<Script, CommandError> {
    let options = Options {
        host: HostKind::Plain,
        mutants: mutants.to_vec(),
        ..Options::beside(&scenario.path)
    };
    Script::read(&scenario.text, options).map_err(|error| bad(scenario, error))
}

/// What else may go otherwise while the statements run, where these things do.
fn lines(script: &Script, otherwise: &[String]) -> Result<Vec<String>, ScenarioError> {
    let calm = By::Tape(Tape::default());
    let before = script.prelude().play(&calm, &[], true)?.deeds;
    let all = script.play(&calm, otherwise, true)?.deeds;
    let before: BTreeSet<String> =
        deviation::all(&before).into_iter().map(|deviation| deviation.line).collect();
    let is_chosen = |kind: Kind| {
        let silent = [Kind::SilentBefore, Kind::SilentAfter, Kind::Lost];
        !silent.contains(&kind)
    };
    let new = deviation::all(&all).into_iter();
    let new = new.filter(|one| is_chosen(one.kind) && !before.contains(&one.line));
    Ok(new.map(|deviation| deviation.line).collect())
}

/// One of these things, and each that may go otherwise after it: a pair of two of them once.
fn pairs(script: &Script, all: &[String], first: usize) -> Result<Explored, ScenarioError> {
    let mut explored = Explored::default();
    let Some(line) = all.get(first) else { return Ok(explored) };
    for second in lines(script, std::slice::from_ref(line))? {
        let place = all.iter().position(|line| *line == second);
        if place.is_none_or(|place| first < place) {
            explored.add(interleave::in_time(script, &[line.clone(), second])?);
        }
    }
    Ok(explored)
}

impl Arguments {
    fn search(&self, job: &Job<'_>) -> (Result<Explored, ScenarioError>, Duration) {
        let clock = Clock::start(self.time);
        let reduction = if self.all { Reduction::Nothing } else { Reduction::Commuting };
        let explored = match &job.what {
            What::Orders(lines) => {
                interleave::explore(job.script, reduction, lines, || clock.is_over())
            }
            What::Pairs(all, first) => pairs(job.script, all, *first),
        };
        (explored, clock.elapsed())
    }

    /// Writes a finding; gives its path.
    fn write(&self, scenario: &Scenario, finding: &Finding) -> Result<PathBuf, CommandError> {
        let end = if !finding.lines.is_empty() { steps::END } else { "settle\ncheck\n" };
        let text = interleave::scenario(&scenario.text, finding, end);
        let options = Options::beside(&scenario.path);
        // What it prints where the protocol is as it should be.
        let run = scenario::run(&text, &options).map_err(|error| bad(scenario, error))?;
        let name = Path::new(&scenario.name).file_name().unwrap_or_default().to_string_lossy();
        let of: String = self.mutants.iter().map(|mutant| format!("-{mutant}")).collect();
        // Beside it lies what it names.
        let folder = scenario.path.parent().unwrap_or(Path::new("."));
        let to_out = |source| CommandError::Replace { path: self.out.clone(), source };
        std::fs::create_dir_all(&self.out).map_err(to_out)?;
        for file in std::fs::read_dir(folder).map_err(to_out)? {
            let file = file.map_err(to_out)?.path();
            let is_input = file.extension().is_some_and(|end| end == "json" || end == "sql");
            if let (true, Some(name)) = (is_input, file.file_name()) {
                std::fs::copy(&file, self.out.join(name)).map_err(to_out)?;
            }
        }
        let path = self.out.join(format!("{name}{of}-{}", finding.sort.replace('_', "-")));
        replace(&path, &run.output)
            .map_err(|source| CommandError::Replace { path: path.clone(), source })?;
        Ok(path)
    }
}

pub(in crate::cli) fn bad(scenario: &Scenario, error: ScenarioError) -> CommandError {
    CommandError::Scenario(Box::new(BadScenario::new(&scenario.path, &scenario.text, error)))
}
