//! What a sweep came to: a table of what was covered, and the first failure of each sort.
//!
//! It knows nothing of runs.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use comfy_table::{CellAlignment, Table as Grid, presets};
use serde_json::{Value, json};

use super::deviation::{Deviation, Kind};
use super::{Came, Played};
use crate::cli::Verdict;

/// Of one scenario.
pub struct Table {
    name: String,
    path: PathBuf,
    /// The run without a deviation, or with those that were asked for.
    calm: Came,
    /// By program and step.
    rows: BTreeMap<(&'static str, &'static str), Row>,
    failures: BTreeMap<String, Failure>,
    /// At how many points entries without a row were left, by cause.
    left: BTreeMap<&'static str, usize>,
    /// At how many points Vitess itself breaks a promise, by departure.
    departures: BTreeMap<&'static str, usize>,
}

/// For each kind how many runs there were, and how many held.
type Row = BTreeMap<Kind, (usize, usize)>;

/// Runs that failed alike.
struct Failure {
    first: Deviation,
    came: Came,
    count: usize,
}

impl Table {
    pub fn new(name: &str, path: &Path) -> Table {
        Table {
            name: name.to_owned(),
            path: path.to_path_buf(),
            calm: Came::Held,
            rows: BTreeMap::new(),
            failures: BTreeMap::new(),
            left: BTreeMap::new(),
            departures: BTreeMap::new(),
        }
    }

    pub fn calm(&mut self, played: Played) {
        self.count(&played);
        self.calm = played.came;
    }

    fn count(&mut self, played: &Played) {
        for cause in played.left.keys() {
            *self.left.entry(cause.name()).or_default() += 1;
        }
        for departure in &played.departures {
            *self.departures.entry(departure).or_default() += 1;
        }
    }

    pub fn take(&mut self, deviation: &Deviation, played: Played) {
        self.count(&played);
        let came = played.came;
        let row = self.rows.entry((deviation.program, deviation.step)).or_default();
        let (runs, held) = row.entry(deviation.kind).or_default();
        *runs += 1;
        if came == Came::Held {
            *held += 1;
            return;
        }
        let sort = came.sort();
        let first = || Failure { first: deviation.clone(), came, count: 0 };
        self.failures.entry(sort).or_insert_with(first).count += 1;
    }

    pub fn points(&self) -> usize {
        self.counts().map(|(runs, _)| runs).sum::<usize>() + 1
    }

    pub fn held(&self) -> usize {
        let calm = usize::from(self.calm == Came::Held);
        self.counts().map(|(_, held)| held).sum::<usize>() + calm
    }

    fn counts(&self) -> impl Iterator<Item = (usize, usize)> {
        self.rows.values().flat_map(|row| row.values().copied())
    }

    pub fn verdict(&self) -> Verdict {
        let all = self.failures.values().map(|failure| &failure.came).chain([&self.calm]);
        all.map(Came::verdict).max().unwrap_or(Verdict::Held)
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        let (points, held) = (self.points(), self.held());
        let _ = match points == held {
            true => writeln!(text, "{}: held at all {} points", self.name, grouped(points)),
            false => {
                let (held, points) = (grouped(held), grouped(points));
                writeln!(text, "{}: held at {held} of {points} points", self.name)
            }
        };
        if !self.rows.is_empty() {
            let _ = writeln!(text, "{}", self.grid());
        }
        for (what, counts) in [
            ("entries without a row are left at", &self.left),
            ("as Vitess departs at", &self.departures),
        ] {
            let each = counts.iter().map(|(name, count)| format!("{} {name}", grouped(*count)));
            if !counts.is_empty() {
                let _ = writeln!(text, "  {what} {}", each.collect::<Vec<_>>().join(", "));
            }
        }
        if self.calm != Came::Held {
            let _ = writeln!(text, "  {}: {}", self.calm.sort(), indented(self.calm.story()));
        }
        for (sort, failure) in &self.failures {
            let Failure { first, came, count } = failure;
            let _ = writeln!(text, "  {sort} at {count} points; the first:");
            let _ = writeln!(text, "    {}", indented(came.story()));
            let _ = writeln!(text, "    {}", self.again(first));
        }
        text
    }

    /// The command that runs it alone.
    fn again(&self, deviation: &Deviation) -> String {
        format!("vindicate sweep {} --only \"{}\"", self.path.display(), deviation.line)
    }

    fn grid(&self) -> Grid {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        let kinds: Vec<Kind> = Kind::ALL
            .into_iter()
            .filter(|kind| self.rows.values().any(|r| r.contains_key(kind)))
            .collect();
        let head = ["program", "step"].into_iter().chain(kinds.iter().map(|kind| kind.name()));
        grid.set_header(head.collect::<Vec<_>>());
        for ((program, step), row) in &self.rows {
            let mut cells = vec![(*program).to_owned(), (*step).to_owned()];
            cells.extend(kinds.iter().map(|kind| match row.get(kind) {
                None => String::new(),
                Some((runs, held)) if runs == held => runs.to_string(),
                Some((runs, held)) => format!("{held}/{runs}"),
            }));
            grid.add_row(cells);
        }
        for column in grid.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        grid
    }

    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .flat_map(|((program, step), row)| {
                row.iter().map(move |(kind, (runs, held))| {
                    json!({
                        "program": program, "step": step, "kind": kind.name(),
                        "points": runs, "held": held,
                    })
                })
            })
            .collect();
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|(sort, failure)| {
                json!({
                    "what": sort, "points": failure.count, "story": failure.came.story(),
                    "line": failure.first.line, "again": self.again(&failure.first),
                })
            })
            .collect();
        json!({
            "scenario": self.name, "points": self.points(), "held": self.held(),
            "rows": rows, "failures": failures,
            "left": self.left, "departures": self.departures,
        })
    }
}

impl Came {
    /// What failures are counted by.
    fn sort(&self) -> String {
        match self {
            Came::Held => "held".to_owned(),
            Came::Violated { invariant, .. } => format!("violated {invariant}"),
            Came::Unexplained(_) => "unexplained residue".to_owned(),
            Came::Stuck(_) => "stuck".to_owned(),
            Came::Panicked(_) => "panicked".to_owned(),
            Came::Bad(_) => "bad input".to_owned(),
        }
    }

    fn story(&self) -> &str {
        match self {
            Came::Held => "",
            Came::Violated { story: text, .. }
            | Came::Unexplained(text)
            | Came::Stuck(text)
            | Came::Panicked(text)
            | Came::Bad(text) => text,
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Came::Held => Verdict::Held,
            Came::Violated { .. } | Came::Unexplained(_) => Verdict::Failed,
            Came::Stuck(_) => Verdict::Stuck,
            Came::Panicked(_) => Verdict::OurFault,
            Came::Bad(_) => Verdict::BadInput,
        }
    }
}

/// The last line.
pub struct Summary {
    pub scenarios: usize,
    pub failed: usize,
    pub points: usize,
    pub held: usize,
    pub wall: Duration,
}

impl Summary {
    pub fn json(&self) -> Value {
        json!({
            "scenarios": self.scenarios, "failed": self.failed, "points": self.points,
            "held": self.held, "seconds": self.wall.as_secs_f64(),
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { scenarios, failed, points, held, wall } = self;
        let (points, held) = (grouped(*points), grouped(*held));
        write!(
            f,
            "{scenarios} scenarios, {failed} failed; held at {held} of {points} points in {:.1} s",
            wall.as_secs_f64()
        )
    }
}

/// `1,842`
pub(in crate::cli) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(in crate::cli) fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1842, "1,842"), (1234567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
