//! Many shrinks of violations of all mutants, each proved by what it came to.
//!
//! A violation is a seed's, as the search meets it. What its shrink must have kept is
//! [`crate::fuzz::proof`]'s to say. As many of each mutant are made as of every other; where one
//! has no more in its time, the others have more.
//!
//! It knows nothing of how a shrink is done.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZeroUsize;
use std::time::Duration;

use comfy_table::{CellAlignment, Table as Grid, presets};
use serde_json::json;
use sim::seed::Seed;

use super::{Arguments, campaign};
use crate::cli::fuzz::finding::page;
use crate::cli::many::{Clock, progress_bar, threads, timed};
use crate::cli::order::in_order;
use crate::cli::{CommandError, Format, Verdict};
use crate::fuzz::campaign::{BadCase, Campaign, Chance, Finding};
use crate::fuzz::proof::{Failure, failures};
use crate::fuzz::shape::Shape;
use crate::fuzz::shrink::shrink;
use crate::mutant::Mutant;

/// What was done of one mutant.
struct Searched {
    mutant: Mutant,
    shrinks: Vec<Shrink>,
    /// Violations that are there without the mutant too.
    others: usize,
    next: Seed,
    /// Of the search alone.
    time: Duration,
}

/// One shrink.
struct Shrink {
    seed: Seed,
    lines_before: usize,
    lines_after: usize,
    runs: u64,
    failures: BTreeSet<Failure>,
}

pub(super) fn run(
    arguments: &Arguments,
    mutants: &[Mutant],
    count: NonZeroUsize,
    out: &mut dyn Write,
) -> Result<Verdict, CommandError> {
    let first = Seed::parse(&arguments.seed);
    let mut all: Vec<Searched> =
        mutants.iter().map(|mutant| Searched::new(*mutant, first)).collect();
    let clock = Clock::start(None);
    let bar = progress_bar(count.get() as u64);
    loop {
        let done: usize = all.iter().map(|one| one.shrinks.len()).sum();
        let shares = shares(arguments, &all, count.get().saturating_sub(done));
        if shares.is_empty() {
            break;
        }
        let mut more = Vec::new();
        let searched = &all;
        in_order(
            shares.into_iter(),
            threads(arguments.jobs),
            |(at, share)| searched[*at].more(arguments, *share),
            |(at, _), found| {
                let found = found?;
                bar.inc(found.shrinks.len() as u64);
                more.push((at, found));
                Ok::<(), CommandError>(())
            },
        )?;
        more.into_iter().for_each(|(at, found)| all[at].take(found));
    }
    bar.finish_and_clear();
    tell(arguments, &all, (count, clock.elapsed()), out)
}

/// Whose turn it is, and how many each is to make: as many as there are left for all who have time.
fn shares(arguments: &Arguments, all: &[Searched], left: usize) -> Vec<(usize, usize)> {
    let has_time = |one: &(usize, &Searched)| one.1.time < arguments.time;
    let able: Vec<usize> = all.iter().enumerate().filter(has_time).map(|(at, _)| at).collect();
    let count = able.len().max(1);
    let share = |nth: usize| left / count + usize::from(nth < left % count);
    let shares = able.into_iter().enumerate().map(|(nth, at)| (at, share(nth)));
    shares.filter(|(_, share)| 0 < *share).collect()
}

impl Searched {
    fn new(mutant: Mutant, next: Seed) -> Searched {
        Searched { mutant, shrinks: Vec::new(), others: 0, next, time: Duration::ZERO }
    }

    /// So many shrinks more, or as many as there is time for.
    fn more(&self, arguments: &Arguments, count: usize) -> Result<Searched, CommandError> {
        let campaign = campaign(arguments, self.mutant, arguments.search.search());
        let mut more = Searched::new(self.mutant, self.next);
        let bad = |error: BadCase| CommandError::usage(error.to_string());
        while more.shrinks.len() < count && self.time + more.time < arguments.time {
            let seed = more.next;
            more.next = Seed(seed.0.wrapping_add(1));
            let (done, time) = timed(|| campaign.seed(seed));
            more.time += time;
            let Some(finding) = done.map_err(bad)?.1 else { continue };
            match one(&campaign, &finding)? {
                Some(shrink) => more.shrinks.push(shrink),
                None => more.others += 1,
            }
        }
        Ok(more)
    }

    fn take(&mut self, more: Searched) {
        self.shrinks.extend(more.shrinks);
        self.others += more.others;
        self.next = more.next;
        self.time += more.time;
    }

    fn failed(&self) -> usize {
        self.shrinks.iter().filter(|shrink| !shrink.failures.is_empty()).count()
    }
}

/// Shrinks a violation and proves what came of it; none where it is not the mutant's.
fn one(campaign: &Campaign, finding: &Finding) -> Result<Option<Shrink>, CommandError> {
    let bad = |error: BadCase| CommandError::usage(error.to_string());
    let Finding { seed, case, tape, story } = finding;
    let lines = case.lines(tape);
    let Some(small) = shrink(campaign, finding).map_err(bad)? else {
        let again = campaign.run(case, Chance::Tape(tape.clone()), false).map_err(bad)?;
        let shape = Shape::of(story);
        let is_there = again.verdict.news().any(|story| shape.has(story));
        let failures = BTreeSet::from([Failure::Lost]);
        let lost =
            Shrink { seed: *seed, lines_before: lines, lines_after: lines, runs: 1, failures };
        return Ok((!is_there).then_some(lost));
    };
    let page = page(campaign, finding, &small, "")?;
    let failures =
        failures(campaign, finding, &small, &page.explanation, &page.text).map_err(bad)?;
    Ok(Some(Shrink {
        seed: *seed,
        lines_before: lines,
        lines_after: small.case.lines(&small.tape),
        runs: small.runs,
        failures,
    }))
}

fn tell(
    arguments: &Arguments,
    all: &[Searched],
    (wanted, time): (NonZeroUsize, Duration),
    out: &mut dyn Write,
) -> Result<Verdict, CommandError> {
    let shrinks = || all.iter().flat_map(|one| &one.shrinks);
    let done = shrinks().count();
    let failed: usize = all.iter().map(Searched::failed).sum();
    let verdict = if failed == 0 && done == wanted.get() { Verdict::Held } else { Verdict::Failed };
    let seconds = time.as_secs_f64();
    match arguments.format {
        Format::Json => {
            for one in all {
                writeln!(out, "{}", json(one))?;
            }
        }
        Format::Text => {
            writeln!(out, "{}", grid(all))?;
            for one in all {
                for shrink in &one.shrinks {
                    for failure in &shrink.failures {
                        writeln!(out, "FAIL {} seed {}: {failure}", one.mutant, shrink.seed.0)?;
                    }
                }
            }
            let mutants = all.iter().filter(|one| !one.shrinks.is_empty()).count();
            let runs: u64 = shrinks().map(|shrink| shrink.runs).sum();
            let before = spread(shrinks().map(|shrink| shrink.lines_before as u64));
            let after = spread(shrinks().map(|shrink| shrink.lines_after as u64));
            writeln!(
                out,
                "{}: {done} of {wanted} shrinks of {mutants} mutants, {failed} failed; median and most lines {} {} before, {} {} after; {runs} runs, {seconds:.1} s",
                verdict.word(),
                before.0,
                before.1,
                after.0,
                after.1
            )?;
        }
    }
    Ok(verdict)
}

fn grid(all: &[Searched]) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING);
    grid.set_header([
        "mutant",
        "shrinks",
        "lines",
        "most",
        "small",
        "most",
        "runs each",
        "most",
        "failed",
    ]);
    for one in all {
        let before = spread(one.shrinks.iter().map(|shrink| shrink.lines_before as u64));
        let after = spread(one.shrinks.iter().map(|shrink| shrink.lines_after as u64));
        let runs = spread(one.shrinks.iter().map(|shrink| shrink.runs));
        let numbers = [before, after, runs].into_iter().flat_map(|(median, most)| [median, most]);
        let mut row = vec![one.mutant.name().to_owned(), one.shrinks.len().to_string()];
        match one.shrinks.is_empty() {
            true => row.extend(std::iter::repeat_n(String::new(), 6)),
            false => row.extend(numbers.map(|number| number.to_string())),
        }
        row.push(one.failed().to_string());
        grid.add_row(row);
    }
    for column in grid.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    grid
}

fn json(one: &Searched) -> serde_json::Value {
    let each = one.shrinks.iter().map(|shrink| {
        let failures: Vec<String> = shrink.failures.iter().map(ToString::to_string).collect();
        json!({ "seed": shrink.seed.0, "lines_before": shrink.lines_before,
                "lines_after": shrink.lines_after, "runs": shrink.runs, "failures": failures })
    });
    json!({ "mutant": one.mutant.name(), "shrinks": each.collect::<Vec<_>>(),
            "not_the_mutants": one.others, "seconds": one.time.as_secs_f64() })
}

/// The median, the lower of two, and the greatest; zeros of nothing.
fn spread(numbers: impl Iterator<Item = u64>) -> (u64, u64) {
    let mut sorted: Vec<u64> = numbers.collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0);
    (median, sorted.last().copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_lower_of_two() {
        for (numbers, expected) in [
            (vec![], (0, 0)),
            (vec![3], (3, 3)),
            (vec![9, 1, 4, 2], (2, 9)),
            (vec![5, 1, 2], (2, 5)),
        ] {
            assert_eq!(spread(numbers.into_iter()), expected);
        }
    }
}
