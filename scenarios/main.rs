//! One test a scenario file below `scenarios/`, named by its path.
//!
//! Each is run as its file says and its output compared; then again in the same thread, unrecorded,
//! and on the other host, whose digests must be the same. `UPDATE_GOLDENFILES=1` rewrites what
//! differs, as `vindicate run --bless` does.
//!
//! And one test a mutant: a scenario says what it does (`mutant NAME violates INVARIANT`), which
//! its own test checks, or the judge finds it in one of the others, in the calm run.
//! And one that the guide's scenario fails as soon as any one cell of its tables is another.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use sim::host::HostKind;
use vindicate::cli::run::files::{Scenario, find};
use vindicate::cli::run::once::{Chance, Settings, Status, once};
use vindicate::cli::run::replace::replace;
use vindicate::cli::run::show;
use vindicate::mutant::Mutant;
use vindicate::scenario::Verdict;

const GUIDE: &str = "guide/create_lookup_vindex";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // Relative, as cargo runs tests in the package's folder: so the lines that replay are short.
    let root = Path::new("scenarios");
    let scenarios = match find(&[PathBuf::from(root)]) {
        Ok(scenarios) => scenarios,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let is_update = std::env::var_os("UPDATE_GOLDENFILES").is_some_and(|value| value == "1");
    let mutants = Mutant::ALL.into_iter().map(|mutant| {
        let scenarios = scenarios.clone();
        Trial::test(format!("mutant/{mutant}"), move || found(&scenarios, mutant))
    });
    let mut trials: Vec<Trial> = mutants.collect();
    let guide = scenarios.iter().find(|scenario| scenario.name == GUIDE).cloned();
    trials.push(Trial::test("every_cell_of_the_guide_counts", move || {
        every_cell_counts(guide.as_ref().ok_or(format!("there is no {GUIDE}"))?)
    }));
    trials.extend(
        scenarios.into_iter().map(|scenario| {
            Trial::test(scenario.name.clone(), move || check(&scenario, is_update))
        }),
    );
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn settings(mutants: Vec<Mutant>, twice: bool) -> Settings {
    Settings { host: HostKind::default(), mutants, record: false, twice, memory: false }
}

fn found(scenarios: &[Scenario], mutant: Mutant) -> Result<(), Failed> {
    // Where a scenario speaks of it, its own test looks whether that is true.
    let line = format!("mutant {mutant} ");
    if scenarios.iter().any(|scenario| scenario.text.lines().any(|text| text.starts_with(&line))) {
        return Ok(());
    }
    let settings = settings(vec![mutant], false);
    let is_violated = |scenario: &Scenario| {
        let finished = once(scenario, Chance::Own, &settings, vindicate::scenario::run);
        finished.run.is_some_and(|run| matches!(run.verdict, Verdict::Violated(_)))
    };
    match scenarios.iter().any(is_violated) {
        true => Ok(()),
        false => Err(Failed::from(format!("no scenario finds {mutant}"))),
    }
}

fn every_cell_counts(scenario: &Scenario) -> Result<(), Failed> {
    let settings = settings(Vec::new(), false);
    let cells = cells(&scenario.text);
    // The guide has 70 rows, of one to 14 cells.
    if cells.len() < 300 {
        return Err(Failed::from(format!("only {} cells found", cells.len())));
    }
    for cell in cells {
        let mut text = scenario.text.clone();
        text.replace_range(cell.clone(), &other(&scenario.text[cell.clone()]));
        let changed = Scenario { text, ..scenario.clone() };
        let finished = once(&changed, Chance::Own, &settings, vindicate::scenario::run);
        if finished.status() != Status::Failed {
            let line = scenario.text[..cell.start].lines().count();
            return Err(Failed::from(format!(
                "{}:{line}: {:?} is not compared",
                scenario.path.display(),
                &scenario.text[cell]
            )));
        }
    }
    Ok(())
}

/// Where the cells are in the rows of the tables that a scenario expects, without the blanks
/// around them. A cell with nothing in it is one blank.
fn cells(text: &str) -> Vec<Range<usize>> {
    let mut cells = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let row = line.strip_prefix("vtctl: ").unwrap_or(line);
        if row.starts_with('|') {
            let mut start = line_start + (line.len() - row.len()) + 1;
            for cell in row.trim_end().trim_matches('|').split('|') {
                let content = cell.trim();
                let before = cell.len() - cell.trim_start().len();
                cells.push(match content.is_empty() {
                    true => start..start + 1,
                    false => start + before..start + before + content.len(),
                });
                start += cell.len() + 1;
            }
        }
        line_start += line.len();
    }
    cells
}

/// Another content of the same width.
fn other(cell: &str) -> String {
    let last = if cell.ends_with('x') { 'y' } else { 'x' };
    let mut other: String = cell.chars().take(cell.chars().count() - 1).collect();
    other.push(last);
    other
}

fn check(scenario: &Scenario, is_update: bool) -> Result<(), Failed> {
    let settings = settings(Vec::new(), true);
    let finished = once(scenario, Chance::Own, &settings, vindicate::scenario::run);
    if finished.status() == Status::Held {
        return Ok(());
    }
    let problems = show::problems(scenario, &finished);
    if let (true, Some(text)) = (is_update, finished.new_text()) {
        replace(&scenario.path, text)?;
        eprintln!("{problems}the file now holds this output");
        if finished.problems.len() == 1 {
            return Ok(());
        }
    }
    let again = show::again(scenario, Chance::Own, &finished, &settings);
    Err(Failed::from(format!("{problems}{again}")))
}
