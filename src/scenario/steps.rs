//! A scenario with one thing that goes otherwise, and what its programs did.
//!
//! The deviation is a line that could stand in the scenario, behind its head: a fault, or `at ..`.
//! Behind the scenario's own commands comes an end that is the same for all: `recover`, time for
//! every timeout to pass, rest, a check, and `verify`: nothing is open, each value is found by its
//! lookup, and what dangles is inserted. Only the judge looks.
//!
//! It knows nothing of which deviations there are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use sim::order::explore::Explorer;
use sim::step::Step;
use sim::world::Program;
use sim::world::fault::name_of;

use super::action::Action;
use super::words::Bad;
use super::{Options, Run, ScenarioError};

/// The end that all runs have in which something goes otherwise. The time is longer than any
/// timeout, and than a client that was left alone waits for a tablet.
pub const END: &str = "recover\nadvance 130s\nsettle\ncheck\n";

/// What one program did so often.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deed {
    pub program: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Sync,
    /// A call of this name to a program.
    Call {
        name: &'static str,
        to: String,
    },
    /// A message without a connection.
    Message {
        name: &'static str,
        to: String,
    },
}

/// How often each was done, once the cluster stood.
pub type Deeds = BTreeMap<Deed, u64>;

/// Counts while a run goes on.
#[derive(Clone, Default)]
pub(super) struct Counter(Rc<RefCell<BTreeMap<(Program, Step), u64>>>);

impl Counter {
    pub fn observe(&self, program: Program, step: Step) {
        *self.0.borrow_mut().entry((program, step)).or_default() += 1;
    }

    /// By names; the world must still be there.
    pub fn deeds(&self) -> Deeds {
        let mut deeds = Deeds::new();
        for ((program, step), count) in self.0.borrow().iter() {
            let what = match step {
                Step::Syncing => What::Sync,
                Step::Calling(name, to) => What::Call { name, to: name_of(*to) },
                Step::Sending(name, to) => What::Message { name, to: name_of(*to) },
                Step::Synced | Step::Answered(..) => continue,
            };
            deeds.insert(Deed { program: name_of(*program), what }, *count);
        }
        deeds
    }
}

/// Runs a scenario with these lines behind its head, to the common end.
pub fn deviate(
    text: &str,
    options: &Options,
    lines: &[String],
) -> Result<(Run, Deeds), ScenarioError> {
    let (run, deeds) = once(text, options, lines)?;
    super::retell(run, options, |options| once(text, options, lines).map(|(run, _)| run))
        .map(|run| (run, deeds))
}

fn once(text: &str, options: &Options, lines: &[String]) -> Result<(Run, Deeds), ScenarioError> {
    let counter = Counter::default();
    let extra = Extra {
        deviations: lines
            .iter()
            .map(|line| read(line, &options.folder))
            .collect::<Result<_, _>>()?,
        counter: Some(counter.clone()),
        explorer: None,
        end: read_all(&format!("{END}verify\n---\n"), &options.folder)?,
    };
    super::play(text, options, extra, || counter.deeds())
}

/// What a run has beside its scenario.
#[derive(Default)]
pub(super) struct Extra {
    pub deviations: Vec<Action>,
    pub counter: Option<Counter>,
    /// Who picks the order of concurrent statements' messages.
    pub explorer: Option<Explorer>,
    pub end: Vec<Action>,
}

/// [`END`] as commands.
pub(super) fn common_end(folder: &Path) -> Result<Vec<Action>, ScenarioError> {
    read_all(&format!("{END}---\n"), folder)
}

/// Reads one command.
pub(super) fn read(line: &str, folder: &Path) -> Result<Action, ScenarioError> {
    let mut read = read_all(&format!("{line}\n---\n"), folder)?;
    match read.pop() {
        Some(action @ (Action::Fault(_) | Action::At { .. })) => Ok(action),
        _ => Err(ScenarioError {
            message: format!("`{line}` is neither a fault nor `at ..`"),
            line: 1,
            part: String::new(),
            hint: None,
        }),
    }
}

/// Reads all commands of a scenario.
pub(super) fn read_all(text: &str, folder: &Path) -> Result<Vec<Action>, ScenarioError> {
    let mut reader = Reader { folder, read: Vec::new(), bad: None };
    let read = goldenscript::generate(&mut reader, text);
    match (read, reader.bad) {
        (Ok(_), _) => Ok(reader.read),
        (Err(error), None) => Err(ScenarioError::of_script(&error.to_string())),
        (Err(error), Some(bad)) => {
            let Bad { message, part, hint } = bad;
            let found = ScenarioError { message, line: 1, part, hint };
            Err(found.at(&error.to_string()))
        }
    }
}

struct Reader<'a> {
    folder: &'a Path,
    read: Vec<Action>,
    bad: Option<Bad>,
}

impl goldenscript::Runner for Reader<'_> {
    type Command = goldenscript::Command;

    fn run(
        &mut self,
        command: &goldenscript::Command,
        context: &goldenscript::Context,
    ) -> Result<String, Box<dyn std::error::Error>> {
        match Action::read(command, context, self.folder) {
            Ok(action) => {
                self.read.push(action);
                Ok(String::new())
            }
            Err(bad) => {
                let message = bad.message.clone();
                self.bad = Some(bad);
                Err(message.into())
            }
        }
    }
}
