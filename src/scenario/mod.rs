//! Scenarios: what must hold, as text.
//!
//! A scenario is a goldenscript file: commands, `---`, the output that they gave. Running one gives
//! the file's new text; where it is the old text, the scenario holds.
//!
//! It knows nothing of files beside the scenario but what its commands name, and prints nothing.

use std::path::PathBuf;

use sim::clock::Nanos;
use sim::decide::Tape;
use sim::host::HostKind;
use sim::seed::Seed;
use sim::trace::Trace;

use crate::mutant::Mutant;

/// How a scenario is run.
#[derive(Clone, Debug)]
pub struct Options {
    pub host: HostKind,
    /// None is the calm run, whose output the file holds; a seed jitters, and only the judge looks.
    pub seed: Option<Seed>,
    pub tape: Tape,
    /// Keeps the trace's lines and the tape.
    pub record: bool,
    pub mutants: Vec<Mutant>,
    /// Where files that the scenario names are found.
    pub folder: PathBuf,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// The file's new text.
    pub output: String,
    pub verdict: Verdict,
    pub digest: u64,
    pub events: u64,
    pub virtual_time: Nanos,
    /// Empty unless recorded.
    pub trace: Trace,
    pub tape: Tape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Held,
    /// Violations that the scenario does not declare, each as a story.
    Violated(Vec<String>),
    /// Who waits for what.
    Stuck(Vec<String>),
    /// Panics of processes.
    Panicked(Vec<String>),
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
