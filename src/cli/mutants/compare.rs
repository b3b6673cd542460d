//! Strategies beside each other: how many runs and how long each needs for a mutant.
//!
//! By chance and by priorities each search is made a few times, from other seeds, and the median
//! counts; a search that finds nothing in its time counts as endless. Every order of two statements
//! is one search, of the statements of a few scenarios: what it does not find is not in them.
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
use crate::fuzz::campaign::Search;
use crate::fuzz::interleave::explore;
use crate::mutant::Mutant;
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
    let mut found = [0; 3];
    for mutant in mutants {
        let random = median(arguments, *mutant, Search::Random)?;
        let pct = median(arguments, *mutant, Search::Pct { depth })?;
        let orders = interleave(arguments, *mutant)?;
        let all = [random, pct, orders];
        all.iter().zip(&mut found).for_each(|(took, count)| *count += usize::from(took.is_some()));
        if arguments.format == Format::Json {
            let of = |took: Took| took.map(|(runs, time)| json!([runs, time.as_secs_f64()]));
            let line = json!({ "mutant": mutant.name(), "random": of(random), "pct": of(pct),
                               "interleave": of(orders) });
            writeln!(out, "{line}")?;
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
        let [random, pct, orders] = found;
        writeln!(out, "{grid}")?;
        writeln!(
            out,
            "held: {} mutants; found by chance {random}, by priorities {pct}, in every order of two statements {orders}; medians of {} searches of {:?}",
            mutants.len(),
            arguments.repeat,
            arguments.time
        )?;
    }
    Ok(Verdict::Held)
}

fn median(arguments: &Arguments, mutant: Mutant, by: Search) -> Result<Took, CommandError> {
    let first = Seed::parse(&arguments.seed).0;
    let mut all: Vec<Took> = Vec::new();
    for nth in 0..arguments.repeat.get() as u64 {
        let seed = Seed(first.wrapping_add(nth * APART));
        let outcome = search(arguments, mutant, by, seed)?;
        all.push(outcome.found.map(|_| (outcome.runs, outcome.time)));
    }
    // Those that found nothing come last.
    all.sort_by_key(|took| (took.is_none(), *took));
    Ok(all.get((all.len() - 1) / 2).copied().flatten())
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
