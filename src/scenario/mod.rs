//! Scenarios: what must hold, as text.
//!
//! A scenario is a goldenscript file: commands, `---`, the output that they gave. Running one gives
//! the file's new text; where it is the old text, the scenario holds.
//!
//! It knows nothing of files beside the scenario but what its commands name, and prints nothing.

mod action;
mod armed;
mod client;
mod fault;
mod inject;
pub mod interleave;
mod judge;
mod locks;
mod moment;
mod open;
pub mod planted;
mod recover;
mod result;
mod runner;
mod shell;
mod show;
pub mod steps;
mod verify;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sim::clock::Nanos;
use sim::decide::Tape;
use sim::host::HostKind;
use sim::network::Noise;
use sim::order::Counted;
use sim::order::pct::Pct;
use sim::seed::Seed;
use sim::trace::Trace;

use crate::checker::Cause;
use crate::checker::coverage::Seen;
use crate::history;
use crate::mutant::{self, Mutant};
use action::Action;
use planted::Planted;
use runner::Runner;
use steps::Extra;

/// How a scenario is run.
#[derive(Clone, Debug)]
pub struct Options {
    pub host: HostKind,
    /// None is the calm run, whose output the file holds; a seed jitters, and only the judge looks.
    pub seed: Option<Seed>,
    pub tape: Tape,
    /// Trouble on all links, under a seed.
    pub noise: Noise,
    /// The order in which messages come, where not by time.
    pub priorities: Option<Pct>,
    /// Only the judge looks, as under a seed.
    pub judge_only: bool,
    /// Keeps the trace's lines and the tape.
    pub record: bool,
    /// Notes what is locked at each commit, which stories then tell: a slow run.
    pub notes_locks: bool,
    pub mutants: Vec<Mutant>,
    /// Where files that the scenario names are found.
    pub folder: PathBuf,
}

/// The calm run of a scenario that names no files.
impl Default for Options {
    fn default() -> Options {
        Options {
            host: HostKind::default(),
            seed: None,
            tape: Tape::default(),
            noise: JITTER,
            priorities: None,
            judge_only: false,
            notes_locks: false,
            record: false,
            mutants: Vec::new(),
            folder: PathBuf::new(),
        }
    }
}

impl Options {
    /// The calm run of a scenario in this file: what it names lies beside it.
    pub fn beside(file: &Path) -> Options {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        Options { folder: folder.unwrap_or(Path::new(".")).to_path_buf(), ..Options::default() }
    }
}

/// What a seed does to messages, where nothing else is said: each takes up to four times as long.
pub const JITTER: Noise = Noise {
    jitter: 4,
    late_per_mille: 0,
    late_max: Duration::ZERO,
    broken_before_per_mille: 0,
    broken_after_per_mille: 0,
    silent_per_mille: 0,
    lost_per_mille: 0,
    doubled_per_mille: 0,
};

/// What a tape may say of messages: no run's noise goes beyond it.
pub const WIDEST: Noise = Noise { jitter: 16, late_max: Duration::from_millis(50), ..JITTER };

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// The file's new text; empty where only the judge was to look.
    pub output: String,
    pub verdict: Verdict,
    pub digest: u64,
    pub events: u64,
    pub virtual_time: Nanos,
    /// Empty unless there was an order.
    pub counted: Counted,
    /// Empty unless recorded.
    pub trace: Trace,
    pub tape: Tape,
    /// What the scenario says of mutants.
    pub planted: Vec<Planted>,
    /// What it has come to see.
    pub seen: Seen,
    /// What `verify` found left behind, before it inserted that.
    pub left: Residue,
}

/// Entries without a row, counted by what left them.
pub type Residue = BTreeMap<Cause, usize>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Held,
    /// Violations that the scenario does not declare.
    Violated(Vec<Story>),
    /// Who waits for what.
    Stuck(Vec<String>),
    /// Panics of processes.
    Panicked(Vec<String>),
}

impl Verdict {
    /// The violations that are no known departures of Vitess's.
    pub fn news(&self) -> impl Iterator<Item = &Story> {
        self.stories().iter().filter(|story| story.departure.is_none())
    }

    /// The departures of Vitess's that the others are.
    pub fn departures(&self) -> impl Iterator<Item = &'static str> {
        self.stories().iter().filter_map(|story| story.departure)
    }

    fn stories(&self) -> &[Story] {
        match self {
            Verdict::Violated(stories) => stories,
            Verdict::Held | Verdict::Stuck(_) | Verdict::Panicked(_) => &[],
        }
    }

    /// Nothing is wrong that Vitess does not do itself.
    pub fn is_as_vitess(&self) -> bool {
        match self {
            Verdict::Held => true,
            Verdict::Violated(_) => self.news().next().is_none(),
            Verdict::Stuck(_) | Verdict::Panicked(_) => false,
        }
    }
}

/// A violation, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Its invariant's name; `declared` where one was declared and did not come.
    pub invariant: &'static str,
    /// The known departure of Vitess's that it is.
    pub departure: Option<&'static str>,
    /// The rows that disagree, and what is wrong with them.
    pub rows: Vec<String>,
    pub text: String,
}

/// Bad input, found before anything ran or at the command that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScenarioError {
    pub message: String,
    /// Counted from 1.
    pub line: usize,
    /// The part of the line that is wrong, as written; the whole line where empty.
    pub part: String,
    pub hint: Option<String>,
}

/// Runs a scenario's text. Bad input is found before anything runs.
pub fn run(text: &str, options: &Options) -> Result<Run, ScenarioError> {
    play(text, options, Extra::default(), || ()).map(|(run, ())| run)
}

/// The same, and again where a promise is broken: a story tells what was locked, which is not asked
/// of every run.
pub fn tell(text: &str, options: &Options) -> Result<Run, ScenarioError> {
    let run = run(text, options)?;
    retell(run, options, |options| self::run(text, options))
}

/// The run as it was, with the stories of another that is the same.
fn retell(
    run: Run,
    options: &Options,
    again: impl FnOnce(&Options) -> Result<Run, ScenarioError>,
) -> Result<Run, ScenarioError> {
    if options.notes_locks || !matches!(run.verdict, Verdict::Violated(_)) {
        return Ok(run);
    }
    let noted = again(&Options { notes_locks: true, ..options.clone() })?;
    let is_same = noted.digest == run.digest && matches!(noted.verdict, Verdict::Violated(_));
    Ok(if is_same { Run { verdict: noted.verdict, ..run } } else { run })
}

/// The same with something beside the scenario; `tell` is asked while the world is still there.
fn play<T>(
    text: &str,
    options: &Options,
    extra: Extra,
    tell: impl FnOnce() -> T,
) -> Result<(Run, T), ScenarioError> {
    let mut check = Checker { options, read: Vec::new(), found: None };
    let checked = goldenscript::generate(&mut check, text);
    if let Some(error) = check.found {
        return Err(error.at(&checked.err().map(|error| error.to_string()).unwrap_or_default()));
    }
    checked.map_err(|error| ScenarioError::of_script(&error.to_string()))?;
    let _mutants = mutant::switch_on(&options.mutants);
    let mut runner = Runner::new(options.clone(), extra);
    let output = match options.judge_only {
        // What is printed nobody reads: the commands that were read are done.
        true => {
            check.read.iter().for_each(|part| runner.follow(part));
            Ok(String::new())
        }
        false => goldenscript::generate(&mut runner, text),
    };
    let output =
        output.map_err(|error| ScenarioError::of_script(&error.to_string())).and_then(|output| {
            runner.end();
            runner.finish().map(|()| output).map_err(|error| ScenarioError::of_script(&error))
        });
    history::end();
    sim::step::observe(None);
    sim::mysqld::lock_wait::observe(None);
    sim::mysqld::before_commit::observe(None);
    let output = output?;
    let Some(cluster) = runner.cluster() else {
        return Err(ScenarioError::of_script("the scenario starts no cluster"));
    };
    let told = tell();
    let run = Run {
        output,
        verdict: runner.verdict.clone(),
        digest: cluster.world.digest(),
        events: cluster.world.events(),
        virtual_time: cluster.world.now(),
        counted: cluster.world.counted(),
        trace: if options.record { cluster.world.trace() } else { Trace::default() },
        tape: cluster.world.tape(),
        planted: runner.planted.clone(),
        seen: runner.watch.borrow().judge().seen(),
        left: std::mem::take(&mut runner.left),
    };
    Ok((run, told))
}

/// A time as scenarios write it: `10us`, `10ms`, `5s`, `2m`, `1h`.
pub fn duration(text: &str) -> Option<std::time::Duration> {
    words::duration(text).ok()
}

/// Reads every command, and does none.
struct Checker<'a> {
    options: &'a Options,
    read: Vec<Part>,
    found: Option<ScenarioError>,
}

/// A part of a scenario that is done.
enum Part {
    Action(Action),
    BlockEnd,
}

impl goldenscript::Runner for Checker<'_> {
    type Command = goldenscript::Command;

    fn run(
        &mut self,
        command: &goldenscript::Command,
        context: &goldenscript::Context,
    ) -> Result<String, Box<dyn std::error::Error>> {
        match Action::read(command, context, &self.options.folder) {
            Ok(action) => {
                self.read.push(Part::Action(action));
                Ok(String::new())
            }
            Err(bad) => {
                let message = bad.message.clone();
                self.found = Some(ScenarioError {
                    message: bad.message,
                    line: 1,
                    part: bad.part,
                    hint: bad.hint,
                });
                Err(message.into())
            }
        }
    }

    fn end_block(&mut self, _: &goldenscript::Block) -> Result<String, Box<dyn std::error::Error>> {
        self.read.push(Part::BlockEnd);
        Ok(String::new())
    }
}

impl ScenarioError {
    /// An error as goldenscript words it: `.. at line N ..`.
    fn of_script(text: &str) -> ScenarioError {
        let error =
            ScenarioError { message: text.to_owned(), line: 1, part: String::new(), hint: None };
        error.at(text)
    }

    fn at(mut self, text: &str) -> ScenarioError {
        let number = text
            .split(" at line ")
            .nth(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        if let Some(line) = number.and_then(|number| number.parse().ok()) {
            self.line = line;
        }
        self
    }
}
