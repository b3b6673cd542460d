//! What a search of all orders came to, as a table.
//!
//! It knows nothing of runs.

use std::fmt::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use comfy_table::{CellAlignment, Table as Grid, presets};
use serde_json::{Value, json};

use crate::cli::Verdict;
use crate::cli::many::with_mutants;
use crate::cli::sweep::show::{grouped, indented};
use crate::fuzz::interleave::{Explored, Finding};
use crate::mutant::Mutant;

/// Of one scenario.
pub struct Searched {
    name: String,
    explored: Explored,
    /// Searches: one without, and one with each thing that went otherwise.
    searches: usize,
    /// Those that had no time for all orders.
    cut: usize,
    /// Runs with two things that went otherwise.
    pairs: Explored,
    /// Of all searches, whichever ran side by side.
    time: Duration,
    /// Where the finding was written.
    pub file: Option<PathBuf>,
}

impl Searched {
    pub fn new(name: &str) -> Searched {
        Searched {
            name: name.to_owned(),
            explored: Explored::default(),
            searches: 0,
            cut: 0,
            pairs: Explored::default(),
            time: Duration::ZERO,
            file: None,
        }
    }

    pub fn take(&mut self, explored: Explored, time: Duration) {
        self.searches += 1;
        self.cut += usize::from(explored.is_cut);
        self.time += time;
        self.explored.add(explored);
    }

    pub fn take_pairs(&mut self, explored: Explored, time: Duration) {
        self.time += time;
        self.pairs.add(explored);
    }

    pub fn finding(&self) -> Option<&Finding> {
        self.explored.finding.as_ref().or(self.pairs.finding.as_ref())
    }

    pub fn verdict(&self) -> Verdict {
        match self.finding().map(|finding| finding.sort) {
            None => Verdict::Held,
            Some("stuck") => Verdict::Stuck,
            Some("panicked") => Verdict::OurFault,
            Some(_) => Verdict::Failed,
        }
    }

    fn runs(&self) -> u64 {
        self.explored.complete + self.explored.pruned + self.pairs.complete
    }

    pub fn text(&self, mutants: &[Mutant]) -> String {
        let Explored { complete, pruned, outcomes, departures, .. } = &self.explored;
        let finding = self.finding();
        let mut text = String::new();
        let word = match (finding, self.cut) {
            (Some(finding), _) => format!("{} in one of", finding.sort),
            (None, 0) => "held in all".to_owned(),
            (None, 1..) => "held in".to_owned(),
        };
        let cut = match self.cut {
            0 => String::new(),
            cut => format!(" ({cut} of them without time for all)"),
        };
        let seconds = self.time.as_secs_f64();
        let rate = self.runs() as f64 / seconds.max(1e-9);
        let _ = writeln!(
            text,
            "{}: {word} {} orders, {} runs ended early, {} outcomes, {} searches{cut}, {seconds:.1} s, {rate:.0} runs/s",
            self.name,
            grouped(*complete as usize),
            grouped(*pruned as usize),
            outcomes.len(),
            self.searches,
        );
        for (departure, count) in departures {
            let _ = writeln!(text, "  {count} orders as Vitess departs: {departure}");
        }
        if 0 < self.pairs.complete {
            let pairs = grouped(self.pairs.complete as usize);
            let outcomes = self.pairs.outcomes.len();
            let _ = writeln!(text, "  and in {pairs} pairs of faults, {outcomes} outcomes");
        }
        for (departure, count) in &self.pairs.departures {
            let _ = writeln!(text, "  {count} pairs as Vitess departs: {departure}");
        }
        let _ = writeln!(text, "{}", self.grid());
        if let Some(finding) = finding {
            let _ = writeln!(
                text,
                "  {} after {} runs; made small in {} runs, to {} messages that wait:",
                finding.sort,
                finding.runs,
                finding.shrinking_runs,
                finding.tape.len()
            );
            let _ = writeln!(text, "    {}", indented(&finding.story));
            for line in &finding.lines {
                let _ = writeln!(text, "    {line}");
            }
            for line in finding.tape.to_string().lines() {
                let _ = writeln!(text, "    decide '{line}'");
            }
            if let Some(file) = &self.file {
                let with = with_mutants(mutants);
                let _ = writeln!(text, "    vindicate run {}{with}", file.display());
            }
        }
        text
    }

    fn grid(&self) -> Grid {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        grid.set_header(["orders", "clients were told", "rows"]);
        let mut outcomes: Vec<_> = self.explored.outcomes.iter().collect();
        outcomes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (outcome, count) in outcomes {
            grid.add_row([
                grouped(*count as usize),
                outcome.told.join("\n"),
                outcome.rows.join("\n"),
            ]);
        }
        if let Some(column) = grid.column_mut(0) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        grid
    }

    pub fn json(&self) -> Value {
        let outcomes = self.explored.outcomes.iter().map(|(outcome, count)| {
            json!({ "orders": count, "told": outcome.told, "rows": outcome.rows })
        });
        let finding = self.finding().map(|finding| {
            let tape: Vec<String> = finding.tape.to_string().lines().map(str::to_owned).collect();
            json!({
                "sort": finding.sort, "story": finding.story, "lines": finding.lines,
                "decide": tape, "runs": finding.runs, "shrinking_runs": finding.shrinking_runs,
                "file": self.file.as_ref().map(|file| file.display().to_string()),
            })
        });
        json!({
            "scenario": self.name, "orders": self.explored.complete,
            "pruned": self.explored.pruned, "searches": self.searches,
            "cut": self.cut, "pairs": self.pairs.complete,
            "pair_departures": self.pairs.departures, "departures": self.explored.departures,
            "outcomes": outcomes.collect::<Vec<_>>(), "finding": finding,
            "seconds": self.time.as_secs_f64(),
        })
    }
}

/// The last line.
#[derive(Default)]
pub struct Summary {
    scenarios: usize,
    failed: usize,
    complete: u64,
    pruned: u64,
    pairs: u64,
    pub seconds: f64,
}

impl Summary {
    pub fn take(&mut self, searched: &Searched) {
        self.scenarios += 1;
        self.failed += usize::from(searched.verdict() != Verdict::Held);
        self.complete += searched.explored.complete;
        self.pruned += searched.explored.pruned;
        self.pairs += searched.pairs.complete;
    }

    pub fn json(&self) -> Value {
        json!({
            "scenarios": self.scenarios, "failed": self.failed, "orders": self.complete,
            "pruned": self.pruned, "pairs": self.pairs, "seconds": self.seconds,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { scenarios, failed, complete, pruned, pairs, seconds } = self;
        let rate = (complete + pruned + pairs) as f64 / seconds.max(1e-9);
        let pairs = match pairs {
            0 => String::new(),
            pairs => format!("{} pairs of faults, ", grouped(*pairs as usize)),
        };
        let (complete, pruned) = (grouped(*complete as usize), grouped(*pruned as usize));
        write!(
            f,
            "{scenarios} scenarios, {failed} failed; {complete} orders, {pruned} runs ended early, {pairs}{seconds:.1} s, {rate:.0} runs/s"
        )
    }
}
