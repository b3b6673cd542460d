//! `vindicate mutants`: whether the search finds each mutant, how soon, and how small what it finds
//! becomes.
//!
//! With `--compare` the strategies stand beside each other ([`compare`]), with `--shrinks N` so
//! many findings are made small and what became of them is proved ([`shrinks`]).
//!
//! Found means: a run of the campaign is violated, and the same case with the same tape holds
//! without the mutant. A mutant that is alive at the end of its time makes the command fail.
//!
//! It knows nothing of what a mutant does.

mod compare;
mod shrinks;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use sim::host::HostKind;
use sim::seed::Seed;

use crate::cli::fuzz::{SearchArguments, duration, profile_parser};
use crate::cli::many::{Clock, threads};
use crate::cli::order::in_order;
use crate::cli::run::mutant_parser;
use crate::cli::{CommandError, Format, Verdict};
use crate::fuzz::campaign::{BadCase, Campaign, Finding, Search};
use crate::fuzz::case::Source;
use crate::fuzz::profile::Profile;
use crate::fuzz::shrink::{Shrunk, shrink};
use crate::mutant::Mutant;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// These only; all if none is named
    #[arg(value_name = "NAME", value_parser = mutant_parser())]
    mutants: Vec<Mutant>,
    /// How long each is searched for: 60s, 10m
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "60s")]
    time: Duration,
    /// The first seed; text that is no number is hashed
    #[arg(long, value_name = "N", default_value = "0")]
    seed: String,
    /// How big the runs are, and what they have
    #[arg(long, value_name = "P", value_parser = profile_parser(), default_value = "small")]
    profile: &'static Profile,
    #[command(flatten)]
    search: SearchArguments,
    /// Search for each by chance, by priorities and in every order of two statements, and show a
    /// table of medians
    #[arg(long)]
    compare: bool,
    /// How often each search is made for --compare, from other seeds
    #[arg(long, value_name = "N", default_value = "5")]
    repeat: NonZeroUsize,
    /// Make so many violations small, spread over the mutants, and prove of each that it is the
    /// same one, on a file that replays, and no larger
    #[arg(long, value_name = "N", conflicts_with = "compare")]
    shrinks: Option<NonZeroUsize>,
    /// The scenarios whose orders are run for --compare
    #[arg(long, value_name = "PATH", default_value = "scenarios/interleave")]
    interleave: PathBuf,
    /// How many runs at a time; as many as there are processors if not said
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What became of a mutant.
struct Outcome<T = Shrunk> {
    mutant: Mutant,
    /// The finding, and what was made of it.
    found: Option<Box<(Finding, T)>>,
    runs: u64,
    /// Until it was found, without shrinking.
    time: Duration,
    /// Until that was made.
    shrunk: Duration,
}

pub(super) fn run(arguments: Arguments) -> Result<Verdict, CommandError> {
    let mutants = match arguments.mutants.is_empty() {
        true => Mutant::ALL.to_vec(),
        false => arguments.mutants.clone(),
    };
    let mut out = io::stdout();
    if arguments.compare {
        return compare::run(&arguments, &mutants, &mut out);
    }
    if let Some(count) = arguments.shrinks {
        return shrinks::run(&arguments, &mutants, count, &mut out);
    }
    let (search_by, first) = (arguments.search.search(), Seed::parse(&arguments.seed));
    let mut outcomes = Vec::new();
    for mutant in mutants {
        let outcome = search(&arguments, mutant, search_by, first, shrink)?;
        tell(&outcome, arguments.format, &mut out)?;
        out.flush()?;
        outcomes.push(outcome);
    }
    let alive = outcomes.iter().filter(|outcome| outcome.found.is_none()).count();
    let verdict = if alive == 0 { Verdict::Held } else { Verdict::Failed };
    if arguments.format == Format::Text {
        summary(&outcomes, alive, verdict, &mut out)?;
    }
    Ok(verdict)
}

/// Searches for a mutant until there is a finding of which something can be made: of one that is
/// there without the mutant too, nothing can.
fn search<T>(
    arguments: &Arguments,
    mutant: Mutant,
    search: Search,
    Seed(first): Seed,
    make: impl Fn(&Campaign, &Finding) -> Result<Option<T>, BadCase>,
) -> Result<Outcome<T>, CommandError> {
    let campaign = campaign(arguments, mutant, search);
    let clock = Clock::start(Some(arguments.time));
    let mut outcome =
        Outcome { mutant, found: None, runs: 0, time: Duration::ZERO, shrunk: Duration::ZERO };
    let bad = |error: BadCase| CommandError::usage(error.to_string());
    // The error that ends the search early is that there is nothing left to search for.
    let ended: Result<(), Option<CommandError>> = in_order(
        (first..=u64::MAX).map(Seed).take_while(|_| !clock.is_over()),
        threads(arguments.jobs),
        |seed| campaign.seed(*seed),
        |_, done| {
            outcome.runs += 1;
            outcome.time = clock.elapsed();
            let (_, finding) = done.map_err(|error| Some(bad(error)))?;
            let Some(finding) = finding else { return Ok(()) };
            let made = make(&campaign, &finding).map_err(|error| Some(bad(error)))?;
            let Some(made) = made else { return Ok(()) };
            outcome.shrunk = clock.elapsed();
            outcome.found = Some(Box::new((finding, made)));
            Err(None)
        },
    );
    match ended {
        Err(Some(error)) => Err(error),
        Ok(()) | Err(None) => Ok(outcome),
    }
}

fn campaign(arguments: &Arguments, mutant: Mutant, search: Search) -> Campaign {
    Campaign {
        profile: arguments.profile,
        source: Source::Drawn,
        mutants: vec![mutant],
        search,
        host: HostKind::default(),
    }
}

fn tell(outcome: &Outcome, format: Format, out: &mut dyn Write) -> Result<(), CommandError> {
    let Outcome { mutant, found, runs, time, shrunk } = outcome;
    let (seconds, shrunk) = (time.as_secs_f64(), shrunk.as_secs_f64());
    match (format, found.as_deref()) {
        (Format::Json, found) => {
            let found = found.map(|(finding, small)| {
                json!({ "seed": finding.seed.0, "invariant": small.story.invariant,
                        "lines": small.case.lines(&small.tape), "shrinking_runs": small.runs,
                        "seconds_with_shrinking": shrunk })
            });
            writeln!(
                out,
                "{}",
                json!({ "mutant": mutant.name(), "found": found, "runs": runs, "seconds": seconds })
            )?;
        }
        (Format::Text, Some((finding, small))) => writeln!(
            out,
            "found {:<34} {:<14} {runs:>6} runs {seconds:>7.2} s  {:>2} lines  seed {}",
            mutant.name(),
            small.story.invariant,
            small.case.lines(&small.tape),
            finding.seed.0
        )?,
        (Format::Text, None) => {
            writeln!(out, "ALIVE {:<49} {runs:>6} runs {seconds:>7.2} s", mutant.name())?;
        }
    }
    Ok(())
}

fn summary(
    outcomes: &[Outcome],
    alive: usize,
    verdict: Verdict,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let found: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.found.is_some()).collect();
    let quick = found.iter().filter(|outcome| outcome.time < Duration::from_secs(1)).count();
    let logs: f64 = found.iter().map(|outcome| (outcome.runs.max(1) as f64).ln()).sum();
    let mean = (logs / found.len().max(1) as f64).exp();
    let longest = found.iter().filter_map(|outcome| outcome.found.as_deref());
    let longest = longest.map(|(_, small)| small.case.lines(&small.tape)).max().unwrap_or(0);
    writeln!(
        out,
        "{}: {} of {} mutants found, {alive} alive; {quick} within 1 s; geometric mean {mean:.0} runs; longest counterexample {longest} lines",
        verdict.word(),
        found.len(),
        outcomes.len()
    )?;
    Ok(())
}
