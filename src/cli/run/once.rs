//! One run of one scenario, in a fresh thread, and what came of it.
//!
//! A fresh thread, so that whatever a run leaves in thread-locals reaches no other. With
//! [`Settings::twice`] it is run again: in the same thread with the trace recorded differently, and
//! on the other host; whatever then differs is our own fault.

use std::any::Any;
use std::time::Duration;

use sim::host::HostKind;
use sim::seed::Seed;
use sim::trace::first_divergence;

use crate::cli::many::timed;
use crate::cli::run::difference::Difference;
use crate::cli::run::files::Scenario;
use crate::mutant::Mutant;
use crate::scenario::planted::Planted;
use crate::scenario::{Options, Run, ScenarioError, Verdict};

/// Runs a scenario's text: [`crate::scenario`]'s own, or a test's.
pub type Runner = fn(&str, &Options) -> Result<Run, ScenarioError>;

/// What all runs of a command share.
#[derive(Clone, Debug)]
pub struct Settings {
    pub host: HostKind,
    pub mutants: Vec<Mutant>,
    pub record: bool,
    pub twice: bool,
    /// Counts what a run takes of memory.
    pub memory: bool,
}

/// Which chance a run has, and whether its output is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chance {
    /// As the file says: calm, or its own seed. Its output is compared.
    Own,
    /// A seed from outside: only the verdict counts.
    Seed(Seed),
}

/// How bad it is; its number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Held = 0,
    Failed = 1,
    Bad = 2,
    Stuck = 3,
    Fault = 4,
}

/// Something that is wrong with a run.
#[derive(Clone, Debug)]
pub enum Problem {
    Violation(String),
    Differs(Difference),
    Bad(ScenarioError),
    Stuck(String),
    Fault(String),
    /// What the scenario says of a mutant did not come true.
    Survived(String),
}

impl Problem {
    fn status(&self) -> Status {
        match self {
            Problem::Violation(_) | Problem::Differs(_) | Problem::Survived(_) => Status::Failed,
            Problem::Bad(_) => Status::Bad,
            Problem::Stuck(_) => Status::Stuck,
            Problem::Fault(_) => Status::Fault,
        }
    }
}

/// A run with what is wrong with it.
#[derive(Clone, Debug)]
pub struct Finished {
    pub seed: Option<Seed>,
    pub real: Duration,
    /// Bytes that it had at most; none where nobody counts.
    pub memory: Option<usize>,
    /// None where it did not come to an end.
    pub run: Option<Run>,
    pub problems: Vec<Problem>,
}

impl Finished {
    /// The worst of its problems.
    pub fn status(&self) -> Status {
        self.problems.iter().map(Problem::status).max().unwrap_or(Status::Held)
    }

    /// The new text of the file, where it differs and the run came to its end.
    pub fn new_text(&self) -> Option<&str> {
        let differs = self.problems.iter().any(|problem| matches!(problem, Problem::Differs(_)));
        let run = self.run.as_ref()?;
        (differs && self.status() == Status::Failed).then_some(run.output.as_str())
    }
}

/// Runs a scenario and judges what it gave.
pub fn once(scenario: &Scenario, chance: Chance, settings: &Settings, runner: Runner) -> Finished {
    let seed = match chance {
        Chance::Own => scenario.own_seed(),
        Chance::Seed(seed) => Some(seed),
    };
    let options = options(scenario, seed, settings);
    let mut memory = None;
    let ((ran, mut problems), real) = timed(|| match settings.twice {
        false => {
            let ran = in_fresh_thread(scenario, || match settings.memory {
                true => peak::measure(|| runner(&scenario.text, &options)),
                false => (runner(&scenario.text, &options), None),
            });
            let ran = ran.map(|(ran, most)| {
                memory = most;
                ran
            });
            (ran, Vec::new())
        }
        true => run_again(scenario, &options, runner),
    });
    let run = match ran {
        Err(panic) => {
            problems.push(Problem::Fault(panic));
            None
        }
        Ok(Err(error)) => {
            problems.push(Problem::Bad(error));
            None
        }
        Ok(Ok(run)) => {
            problems.extend(judge(scenario, chance, settings, &run));
            if chance == Chance::Own && settings.mutants.is_empty() {
                problems.extend(plant(scenario, &options, runner, &run));
            }
            Some(run)
        }
    };
    Finished { seed, real, memory, run, problems }
}

/// Runs it again with each mutant that the scenario speaks of.
fn plant(scenario: &Scenario, options: &Options, runner: Runner, faithful: &Run) -> Vec<Problem> {
    let one = |planted: &Planted| {
        let mutants = vec![planted.mutant];
        let options = Options { mutants, record: false, ..options.clone() };
        match in_fresh_thread(scenario, || runner(&scenario.text, &options)) {
            Err(panic) => Some(Problem::Fault(format!("with mutant {}: {panic}", planted.mutant))),
            Ok(Err(error)) => Some(Problem::Bad(error)),
            Ok(Ok(run)) => planted.missed(faithful, &run).map(Problem::Survived),
        }
    };
    faithful.planted.iter().filter_map(one).collect()
}

fn options(scenario: &Scenario, seed: Option<Seed>, settings: &Settings) -> Options {
    Options {
        host: settings.host,
        seed,
        record: settings.record,
        mutants: settings.mutants.clone(),
        ..Options::beside(&scenario.path)
    }
}

fn judge(scenario: &Scenario, chance: Chance, settings: &Settings, run: &Run) -> Vec<Problem> {
    let mut problems: Vec<Problem> = match &run.verdict {
        Verdict::Held => Vec::new(),
        Verdict::Violated(stories) => {
            stories.iter().map(|story| Problem::Violation(story.text.clone())).collect()
        }
        Verdict::Stuck(waits) => waits.iter().cloned().map(Problem::Stuck).collect(),
        Verdict::Panicked(panics) => panics.iter().cloned().map(Problem::Fault).collect(),
    };
    // A verdict that is not "held" stands also where it has no words.
    match &run.verdict {
        Verdict::Violated(stories) if stories.is_empty() => {
            problems.push(Problem::Violation("an invariant".to_string()));
        }
        Verdict::Stuck(waits) if waits.is_empty() => {
            problems.push(Problem::Stuck("nothing is left to run".to_string()));
        }
        Verdict::Panicked(panics) if panics.is_empty() => {
            problems.push(Problem::Fault("a process panicked".to_string()));
        }
        _ => {}
    }
    // A mutant changes what is said; whether it is found is the judge's alone to say.
    if chance == Chance::Own && settings.mutants.is_empty() {
        let difference = Difference::between(&scenario.path, &scenario.text, &run.output);
        problems.extend(difference.map(Problem::Differs));
    }
    problems
}

/// A run or bad input; or the text of a panic.
type Ran = Result<Result<Run, ScenarioError>, String>;

/// Runs recorded and unrecorded in one thread, then on the other host, and compares.
fn run_again(scenario: &Scenario, options: &Options, runner: Runner) -> (Ran, Vec<Problem>) {
    let run = |host: HostKind, record: bool| {
        runner(&scenario.text, &Options { host, record, ..options.clone() })
    };
    let host = options.host;
    let pair = in_fresh_thread(scenario, || {
        let recorded = run(host, true);
        let plain = run(host, false);
        // What differs is found in the lines of two that were recorded.
        let third = (!same(&recorded, &plain)).then(|| run(host, true));
        (recorded, plain, third)
    });
    let (first, second, third) = match pair {
        Ok(runs) => runs,
        Err(panic) => return (Err(panic), Vec::new()),
    };
    let mut faults = Vec::new();
    match &third {
        Some(third) if same(&first, third) => {
            faults.push(fault("recorded and not", &first, &second));
        }
        Some(third) => faults.push(fault("twice in one thread", &first, third)),
        None => {}
    }
    if let Some(other) = other_host(host) {
        match in_fresh_thread(scenario, || run(other, true)) {
            Err(panic) => faults.push(Problem::Fault(format!("on host {other}: {panic}"))),
            Ok(second) if same(&first, &second) => {}
            Ok(second) => {
                faults.push(fault(&format!("on hosts {host} and {other}"), &first, &second));
            }
        }
    }
    (Ok(first), faults)
}

/// The host that this build has beside this one. `nodes` is the default of every build that has it.
fn other_host(host: HostKind) -> Option<HostKind> {
    match host {
        HostKind::Nodes => Some(HostKind::Plain),
        HostKind::Plain => Some(HostKind::default()).filter(|other| *other != host),
    }
}

fn same(left: &Result<Run, ScenarioError>, right: &Result<Run, ScenarioError>) -> bool {
    match (left, right) {
        (Ok(left), Ok(right)) => {
            (left.digest, left.events, left.virtual_time, &left.output, &left.verdict)
                == (right.digest, right.events, right.virtual_time, &right.output, &right.verdict)
        }
        (Err(left), Err(right)) => left == right,
        _ => false,
    }
}

/// Says how two runs that should be one differ.
fn fault(
    how: &str,
    left: &Result<Run, ScenarioError>,
    right: &Result<Run, ScenarioError>,
) -> Problem {
    let text = match (left, right) {
        (Ok(left), Ok(right)) => {
            let divergence = first_divergence(&left.trace, &right.trace)
                .filter(|_| !left.trace.lines().is_empty() && !right.trace.lines().is_empty());
            let digests = format!("{:016x} and {:016x}", left.digest, right.digest);
            let what = match (left.digest == right.digest, left.output == right.output) {
                (false, _) => format!("the digests differ ({digests})"),
                (true, false) => "the digests agree, the outputs differ".to_string(),
                (true, true) => "the digests agree, the verdicts or times differ".to_string(),
            };
            match divergence {
                Some(divergence) => format!("run {how}, {what}: {divergence}"),
                None => format!("run {how}, {what}; no recorded event does"),
            }
        }
        _ => format!("run {how}, only one found the input bad"),
    };
    Problem::Fault(text)
}

/// Room for the deepest expressions that a parser takes, and for the longest AND or OR that the
/// planner turns round. Memory that is not used is not taken.
const STACK: usize = 1 << 28;

pub(in crate::cli) fn in_fresh_thread<T: Send>(
    scenario: &Scenario,
    work: impl FnOnce() -> T + Send,
) -> Result<T, String> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name(scenario.name.clone()).stack_size(STACK);
        match builder.spawn_scoped(scope, work) {
            Ok(thread) => thread.join().map_err(panic_text),
            Err(error) => Err(format!("no thread to run in: {error}")),
        }
    })
}

fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "without words".to_string()))
}
