//! `vindicate fuzz`: random workloads under random faults, as many as there is time for.
//!
//! Each run is a seed's. A violation is shrunk and written as a scenario before the next run's
//! result is taken, so that nothing is lost when somebody ends the campaign. Of each invariant a
//! few findings are shrunk, the others counted.
//!
//! It knows nothing of what a case is.

mod card;
pub(in crate::cli) mod finding;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use sim::clock::Nanos;
use sim::host::HostKind;
use sim::order::{Counted, pct};
use sim::seed::Seed;

pub(in crate::cli) use self::schema::SchemaArguments;
use crate::cli::many::{Clock, progress_bar, threads};
use crate::cli::order::in_order;
use crate::cli::run::show::Mebibytes;
use crate::cli::run::{SeedRange, mutant_parser};
use crate::cli::{CommandError, Format, Verdict};
use crate::fuzz::campaign::{BadCase, Campaign, Finding, Ran, Search};
use crate::fuzz::card::Card;
use crate::fuzz::profile::{PROFILES, Profile};
use crate::fuzz::shrink::{Shrunk, shrink};
use crate::mutant::Mutant;
use crate::scenario;
use card::Bound;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Run each of these seeds, the last left out
    #[arg(long, value_name = "A..B", value_parser = SeedRange::parse, conflicts_with = "time")]
    seeds: Option<SeedRange>,
    /// Run seeds from --seed on for so long: 60s, 10m, 2h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// The first seed of --for; text that is no number is hashed
    #[arg(long, value_name = "N", default_value = "0")]
    seed: String,
    /// How big the runs are, and what they have
    #[arg(long, value_name = "P", value_parser = profile_parser(), default_value = "small")]
    profile: &'static Profile,
    /// Put a bug in; may be repeated
    #[arg(long = "mutant", value_name = "M", value_parser = mutant_parser())]
    mutants: Vec<Mutant>,
    #[command(flatten)]
    schema: SchemaArguments,
    #[command(flatten)]
    search: SearchArguments,
    /// Where findings are written, a scenario each
    #[arg(long, value_name = "DIR", default_value = "findings")]
    out: PathBuf,
    /// How many runs at a time; as many as there are processors if not said
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Print a name and a digest for each run
    #[arg(long)]
    digest: bool,
    /// Print the speed, virtual per real time, and the memory that a run takes
    #[arg(long)]
    stats: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// How the order of messages is searched.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(in crate::cli) struct SearchArguments {
    /// How the order of messages is searched: each late by chance, or chains of them by priorities
    #[arg(long, value_enum, default_value = "random")]
    search: Strategy,
    /// How many orderings of messages a bug needs, for --search pct
    #[arg(long, value_name = "D", default_value = "3",
          value_parser = clap::value_parser!(u64).range(1..=16))]
    pub depth: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Strategy {
    /// Each message takes a time of its own
    Random,
    /// Probabilistic concurrency testing
    Pct,
}

impl SearchArguments {
    pub fn search(self) -> Search {
        match self.search {
            Strategy::Random => Search::Random,
            Strategy::Pct => Search::Pct { depth: self.depth },
        }
    }
}

pub(in crate::cli) fn profile_parser() -> impl TypedValueParser<Value = &'static Profile> {
    PossibleValuesParser::new(PROFILES.each_ref().map(|profile| profile.name))
        .try_map(|name| Profile::named(&name).ok_or("no such profile"))
}

pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    scenario::duration(text).ok_or_else(|| format!("`{text}` is no time: 60s, 10m, 2h"))
}

/// Seeds of a run without a number or a time.
const SEEDS: u64 = 1_000;
/// Findings of one invariant that are shrunk and written.
const SHRUNK: usize = 3;

pub(super) fn run(arguments: Arguments) -> Result<Verdict, CommandError> {
    let campaign = Campaign {
        profile: arguments.profile,
        source: arguments.schema.source()?,
        mutants: arguments.mutants.clone(),
        search: arguments.search.search(),
        host: HostKind::default(),
    };
    let first = Seed::parse(&arguments.seed).0;
    let (first, last) = match (arguments.seeds, arguments.time) {
        (Some(range), _) => (range.start, range.end),
        (None, Some(_)) => (first, u64::MAX),
        (None, None) => (first, first.saturating_add(SEEDS)),
    };
    campaign
        .try_out(Seed(first))
        .map_err(|message| CommandError::usage(format!("the cluster cannot be made: {message}")))?;
    let bar = progress_bar(last - first);
    let mut out = io::stdout();
    let mut tally = Tally::new(&arguments, &campaign);
    let clock = Clock::start(arguments.time);
    let result = in_order(
        (first..last).map(Seed).take_while(|_| !clock.is_over()),
        threads(arguments.jobs),
        |seed| match arguments.stats {
            true => peak::measure(|| campaign.seed(*seed)),
            false => (campaign.seed(*seed), None),
        },
        |seed, (done, bytes)| {
            tally.memory.take(bytes);
            bar.suspend(|| tally.take(seed, done, &mut out))?;
            bar.inc(1);
            Ok::<(), CommandError>(())
        },
    );
    bar.finish_and_clear();
    result?;
    tally.end(clock.elapsed(), &mut out)
}

/// What was seen so far.
struct Tally<'a> {
    arguments: &'a Arguments,
    campaign: &'a Campaign,
    runs: u64,
    events: u64,
    virtual_time: Nanos,
    stuck: u64,
    faults: u64,
    /// Runs in which Vitess itself breaks a promise as it is known to, by departure.
    departures: BTreeMap<&'static str, usize>,
    /// Violating runs by invariant.
    violated: BTreeMap<&'static str, usize>,
    first: Option<u64>,
    /// The most of any run.
    counted: Counted,
    card: Card,
    memory: Memory,
}

impl<'a> Tally<'a> {
    fn new(arguments: &'a Arguments, campaign: &'a Campaign) -> Tally<'a> {
        Tally {
            arguments,
            campaign,
            runs: 0,
            events: 0,
            virtual_time: 0,
            stuck: 0,
            faults: 0,
            departures: BTreeMap::new(),
            violated: BTreeMap::new(),
            first: None,
            counted: Counted::default(),
            card: Card::default(),
            memory: Memory::default(),
        }
    }

    fn take(
        &mut self,
        Seed(seed): Seed,
        done: Result<(Ran, Option<Finding>), BadCase>,
        out: &mut dyn Write,
    ) -> Result<(), CommandError> {
        self.runs += 1;
        let (ran, finding) = match done {
            Ok(done) => done,
            Err(error) => {
                self.faults += 1;
                writeln!(out, "FAULT seed {seed}: {error}")?;
                return Ok(());
            }
        };
        self.events += ran.events;
        self.card.take(&ran.seen);
        self.virtual_time = self.virtual_time.saturating_add(ran.virtual_time);
        self.counted.steps = self.counted.steps.max(ran.counted.steps);
        self.counted.chains = self.counted.chains.max(ran.counted.chains);
        if self.arguments.digest {
            writeln!(out, "{seed} {:016x}", ran.digest)?;
        }
        match &ran.verdict {
            scenario::Verdict::Held => {}
            scenario::Verdict::Violated(stories) => {
                let known: BTreeSet<&'static str> =
                    stories.iter().filter_map(|story| story.departure).collect();
                for departure in known {
                    *self.departures.entry(departure).or_default() += 1;
                }
            }
            scenario::Verdict::Stuck(waits) => {
                self.stuck += 1;
                writeln!(out, "STUCK seed {seed}: {}", waits.join("; "))?;
            }
            scenario::Verdict::Panicked(panics) => {
                self.faults += 1;
                writeln!(out, "FAULT seed {seed}: {}", panics.join("; "))?;
            }
        }
        let Some(finding) = finding else { return Ok(()) };
        self.first.get_or_insert(self.runs);
        let count = self.violated.entry(finding.story.invariant).or_default();
        *count += 1;
        if *count <= SHRUNK {
            self.tell(&finding, out)?;
        }
        Ok(())
    }

    /// Shrinks a finding, writes it, and says so.
    fn tell(&self, finding: &Finding, out: &mut dyn Write) -> Result<(), CommandError> {
        let small = shrink(self.campaign, finding);
        let small = small.map_err(|error| CommandError::usage(error.to_string()))?;
        let Some(mut small) = small else {
            writeln!(
                out,
                "seed {}: {} (there without the mutant too, or not again from its tape)",
                finding.seed.0,
                finding.story.text.lines().next().unwrap_or_default()
            )?;
            return Ok(());
        };
        small.story = finding::with_locks(self.campaign, &small);
        let Arguments { out: folder, schema, .. } = self.arguments;
        let page = finding::page(self.campaign, finding, &small, &schema.words())?;
        let path = finding::write(self.campaign, finding, small.story.invariant, &page, folder)?;
        let Shrunk { case, tape, story, runs } = &small;
        match self.arguments.format {
            Format::Json => writeln!(
                out,
                "{}",
                json!({ "seed": finding.seed.0, "invariant": story.invariant,
                        "lines": case.lines(tape), "shrinking_runs": runs,
                        "file": path.display().to_string(), "story": story.text,
                        "without": page.json(), "minimal": page.is_minimal() })
            )?,
            Format::Text => {
                write!(out, "{}", story.text)?;
                for text in page.texts() {
                    writeln!(out, "  {text}")?;
                }
                writeln!(
                    out,
                    "seed {}, {} lines after {runs} runs: {}",
                    finding.seed.0,
                    case.lines(tape),
                    path.display()
                )?;
            }
        }
        out.flush()?;
        Ok(())
    }

    /// What a search by priorities promises.
    fn bound(&self) -> Option<Bound> {
        let Search::Pct { depth } = self.campaign.search else { return None };
        let counted = self.counted;
        let probability = pct::bound(counted.chains, counted.steps, depth);
        Some(Bound { depth, counted, probability })
    }

    fn end(self, wall: Duration, out: &mut dyn Write) -> Result<Verdict, CommandError> {
        let found: usize = self.violated.values().sum();
        let verdict = match (self.faults, self.stuck, found) {
            (1.., _, _) => Verdict::OurFault,
            (_, 1.., _) => Verdict::Stuck,
            (_, _, 1..) => Verdict::Failed,
            _ => Verdict::Held,
        };
        let seconds = wall.as_secs_f64();
        let rate = self.runs as f64 / seconds.max(1e-9);
        let virtual_seconds = self.virtual_time as f64 / 1e9;
        match self.arguments.format {
            Format::Json => writeln!(
                out,
                "{}",
                json!({ "runs": self.runs, "violated": self.violated,
                        "departures": self.departures, "stuck": self.stuck,
                        "faults": self.faults, "first": self.first, "events": self.events,
                        "virtual_seconds": virtual_seconds, "seconds": seconds,
                        "bytes_at_most": self.memory.most, "bytes_mean": self.memory.mean(),
                        "pct": self.bound().map(|bound| json!({
                            "depth": bound.depth, "chains": bound.counted.chains,
                            "steps": bound.counted.steps, "bound": bound.probability })),
                        "card": card::json(&self.card) })
            )?,
            Format::Text => {
                write!(out, "{}", card::text(&self.card, self.bound()))?;
                let word = verdict.word();
                let (by, known) = (counts(&self.violated), counts(&self.departures));
                let departed: usize = self.departures.values().sum();
                writeln!(
                    out,
                    "{word}: {} runs, {found} violated{by}, {departed} as Vitess departs{known}, {} stuck, {} faults, profile {}, {virtual_seconds:.0} s virtual, {seconds:.1} s real, {rate:.0} runs/s",
                    self.runs, self.stuck, self.faults, self.arguments.profile.name
                )?;
                if self.arguments.stats {
                    let events = self.events as f64 / seconds.max(1e-9) / 1e6;
                    let faster = virtual_seconds / seconds.max(1e-9);
                    let Memory { most, .. } = self.memory;
                    let (most, mean) = (Mebibytes(most), Mebibytes(self.memory.mean()));
                    writeln!(
                        out,
                        "stats: {rate:.0} runs/s, {events:.2} M events/s, {faster:.0} s virtual a real second, a run takes {mean}, {most} at most"
                    )?;
                }
            }
        }
        Ok(verdict)
    }
}

/// What runs had of memory, in bytes.
#[derive(Default)]
struct Memory {
    most: usize,
    sum: usize,
    runs: usize,
}

impl Memory {
    fn take(&mut self, bytes: Option<usize>) {
        let Some(bytes) = bytes else { return };
        self.most = self.most.max(bytes);
        self.sum += bytes;
        self.runs += 1;
    }

    fn mean(&self) -> usize {
        self.sum.checked_div(self.runs).unwrap_or(0)
    }
}

/// ` (no_missing 3, unique 1)`, or nothing.
fn counts(counts: &BTreeMap<&'static str, usize>) -> String {
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) }
}
