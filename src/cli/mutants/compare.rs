//! Strategies beside each other: how many runs and how long each needs for a mutant.
//!
//! By chance and by priorities each search is made a few times, from other seeds, and the median
//! counts; a search that finds nothing in its time counts as endless. Every order of two statements
//! is one search, of the statements of a few scenarios: what it does not find is not in them. A
//! line for each mutant, then one for each strategy over all of them, and over those that all three
//! find.
//!
//! It knows nothing of how a strategy searches.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use comfy_table::{CellAlignment, Table as Grid, presets};
use serde_json::json;
use sim::order::explore::Reduction;
use sim::seed::Seed;

use super::{Arguments, search};
use crate::cli::interleave::{bad, read};
use crate::cli::many::{Clock, threads};
use crate::cli::order::in_order;
use crate::cli::run::files::find;
use crate::cli::{CommandError, Format, Verdict};
use crate::fuzz::campaign::{BadCase, Campaign, Finding, Search};
use crate::fuzz::interleave::explore;
use crate::fuzz::shape::Shape;
use crate::mutant::Mutant;
use crate::scenario::Story;
use crate::scenario::interleave::Script;

/// How far apart the first seeds of searches are.
const APART: u64 = 1_000_000_000;

/// What it took to find a mutant; none where it is alive.
type Took = Option<(u64, Duration)>;

pub(super) fn run(
    arguments: &Arguments,
    mutants: &[Mutant],
    out: &mut dyn Write,
) -> Result<Verdict, CommandError> {
    let depth = arguments.search.depth;
    let pct = format!("pct {depth}");
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header(["mutant", "random runs", "s", &pct, "s", "interleave orders", "s"]);
    let mut rows = Vec::new();
    for mutant in mutants {
        let random = median(arguments, *mutant, Search::Random)?;
        let pct = median(arguments, *mutant, Search::Pct { depth })?;
        let orders = interleave(arguments, *mutant)?;
        let all = [random, pct, orders];
        rows.push(all);
        if arguments.format == Format::Json {
            let of = |took: Took| took.map(|(runs, time)| json!([runs, time.as_secs_f64()]));
            let line = json!({ "mutant": mutant.name(), "random": of(random), "pct": of(pct),
                               "interleave": of(orders) });
            writeln!(out, "{line}")?;
            out.flush()?;
        }
        let cells = all.into_iter().flat_map(|took| match took {
            Some((runs, time)) => [runs.to_string(), format!("{:.2}", time.as_secs_f64())],
            None => ["alive".to_owned(), String::new()],
        });
        grid.add_row(std::iter::once(mutant.name().to_owned()).chain(cells));
    }
    if arguments.format == Format::Text {
        for column in grid.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(out, "{grid}")?;
    }
    let strategies = ["random", &pct, "interleave"];
    let common: Vec<Row> =
        rows.iter().filter(|row| row.iter().all(Option::is_some)).copied().collect();
    match arguments.format {
        Format::Text => {
            writeln!(out, "{}", overall(&strategies, &rows, &common))?;
            writeln!(
                out,
                "held: {} mutants, {} of them found by all three; medians of {} searches of {:?}",
                mutants.len(),
                common.len(),
                arguments.repeat,
                arguments.time
            )?;
        }
        Format::Json => {
            for (at, strategy) in strategies.iter().enumerate() {
                let (all, of_common) = (Overall::of(&rows, at), Overall::of(&common, at));
                let line = json!({ "strategy": strategy, "found": all.found, "runs": all.runs,
                                   "seconds": all.time.as_secs_f64(), "fewest": all.fewest,
                                   "common": { "found": of_common.found, "runs": of_common.runs,
                                               "seconds": of_common.time.as_secs_f64() } });
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(Verdict::Held)
}

/// What each strategy took for a mutant.
type Row = [Took; 3];

/// One strategy over some mutants.
struct Overall {
    found: usize,
    /// Medians of those that it finds.
    runs: u64,
    time: Duration,
    /// Mutants for which no other strategy needs fewer runs.
    fewest: usize,
}

impl Overall {
    fn of(rows: &[Row], strategy: usize) -> Overall {
        let took = |row: &Row| row.get(strategy).copied().flatten();
        let mut runs: Vec<u64> = rows.iter().filter_map(took).map(|(runs, _)| runs).collect();
        let mut times: Vec<Duration> = rows.iter().filter_map(took).map(|(_, time)| time).collect();
        runs.sort_unstable();
        times.sort_unstable();
        let middle = runs.len().saturating_sub(1) / 2;
        let is_fewest = |row: &&Row| {
            let fewest = row.iter().flatten().map(|(runs, _)| *runs).min();
            took(row).is_some_and(|(runs, _)| Some(runs) == fewest)
        };
        Overall {
            found: runs.len(),
            runs: runs.get(middle).copied().unwrap_or_default(),
            time: times.get(middle).copied().unwrap_or_default(),
            fewest: rows.iter().filter(is_fewest).count(),
        }
    }
}

fn overall(strategies: &[&str; 3], rows: &[Row], common: &[Row]) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    let header = ["search", "found", "median runs", "s", "fewest runs of all", "common: runs", "s"];
    grid.set_header(header);
    for (at, strategy) in strategies.iter().enumerate() {
        let (all, of_common) = (Overall::of(rows, at), Overall::of(common, at));
        grid.add_row([
            (*strategy).to_owned(),
            all.found.to_string(),
            all.runs.to_string(),
            format!("{:.2}", all.time.as_secs_f64()),
            all.fewest.to_string(),
            of_common.runs.to_string(),
            format!("{:.2}", of_common.time.as_secs_f64()),
        ]);
    }
    for column in grid.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    grid
}

fn median(arguments: &Arguments, mutant: Mutant, by: Search) -> Result<Took, CommandError> {
    let first = Seed::parse(&arguments.seed).0;
    let mut all: Vec<Took> = Vec::new();
    for nth in 0..arguments.repeat.get() as u64 {
        let seed = Seed(first.wrapping_add(nth * APART));
        let outcome = search(arguments, mutant, by, seed, shows)?;
        all.push(outcome.found.map(|_| (outcome.runs, outcome.time)));
    }
    // Those that found nothing come last.
    all.sort_by_key(|took| (took.is_none(), *took));
    Ok(all.get((all.len() - 1) / 2).copied().flatten())
}

/// The finding's story again, where it is the mutant's.
fn shows(campaign: &Campaign, finding: &Finding) -> Result<Option<Story>, BadCase> {
    campaign.violates(&finding.case, &finding.tape, &Shape::of(&finding.story))
}

fn interleave(arguments: &Arguments, mutant: Mutant) -> Result<Took, CommandError> {
    let clock = Clock::start(Some(arguments.time));
    let scenarios = find(std::slice::from_ref(&arguments.interleave))?;
    let scripts: Vec<Script> =
        scenarios.iter().map(|one| read(one, &[mutant])).collect::<Result<_, _>>()?;
    // Who has found it ends the others, too.
    let is_found = AtomicBool::new(false);
    let (mut runs, mut took) = (0, None);
    let ended = in_order(
        scenarios.iter().zip(&scripts),
        threads(arguments.jobs),
        |(_, script)| {
            let is_over = || clock.is_over() || is_found.load(Ordering::Relaxed);
            let explored = explore(script, Reduction::Commuting, &[], is_over);
            let finds = explored.as_ref().is_ok_and(|explored| explored.finding.is_some());
            is_found.fetch_or(finds, Ordering::Relaxed);
            (explored, clock.elapsed())
        },
        |(scenario, _), (explored, time)| {
            let explored = explored.map_err(|error| bad(scenario, error))?;
            runs += explored.complete + explored.pruned;
            if explored.finding.is_some() {
                took = Some(took.map_or(time, |earlier: Duration| earlier.min(time)));
            }
            Ok::<(), CommandError>(())
        },
    );
    ended.map(|()| took.map(|time| (runs, time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_told_by_what_it_finds() {
        let took = |runs: u64| Some((runs, Duration::from_millis(runs)));
        let rows = [[took(4), took(2), None], [took(9), None, took(1)], [took(3), took(3), None]];
        let of = |strategy| {
            let Overall { found, runs, time, fewest } = Overall::of(&rows, strategy);
            (found, runs, time.as_millis(), fewest)
        };
        assert_eq!(of(0), (3, 4, 4, 1));
        assert_eq!(of(1), (2, 2, 2, 2));
        assert_eq!(of(2), (1, 1, 1, 1));
        assert_eq!(Overall::of(&[], 0).found, 0);
    }
}
