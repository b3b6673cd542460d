//! A scenario with one thing that goes otherwise, and what its programs did.
//!
//! The deviation is a line that could stand in the scenario, behind its head: a fault, or `at ..`.
//! Behind the scenario's own commands comes an end that is the same for all: `recover`, time for
//! every timeout to pass, rest, a check. Only the judge looks.
//!
//! It knows nothing of which deviations there are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use sim::step::Step;
use sim::world::Program;
use sim::world::fault::name_of;

use super::action::Action;
use super::{Options, Run, ScenarioError};

/// Longer than any timeout, and than a client that was left alone waits for a tablet.
const TIMEOUTS: Duration = Duration::from_secs(130);

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
    fn deeds(&self) -> Deeds {
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
    let counter = Counter::default();
    let extra = Extra {
        deviations: lines
            .iter()
            .map(|line| read(line, &options.folder))
            .collect::<Result<_, _>>()?,
        counter: Some(counter.clone()),
        end: vec![Action::Recover, Action::Advance(TIMEOUTS), Action::Settle, Action::Check],
    };
    super::play(text, options, extra, || counter.deeds())
}

/// What a run has beside its scenario.
#[derive(Default)]
pub(super) struct Extra {
    pub deviations: Vec<Action>,
    pub counter: Option<Counter>,
    pub end: Vec<Action>,
}

/// Reads one command.
fn read(line: &str, folder: &Path) -> Result<Action, ScenarioError> {
    let mut reader = Reader { folder, read: None };
    goldenscript::generate(&mut reader, &format!("{line}\n---\n"))
        .map_err(|error| ScenarioError::of_script(&error.to_string()))?;
    match reader.read {
        Some(action @ (Action::Fault(_) | Action::At { .. })) => Ok(action),
        _ => Err(ScenarioError {
            message: format!("`{line}` is neither a fault nor `at ..`"),
            line: 1,
            part: String::new(),
            hint: None,
        }),
    }
}

struct Reader<'a> {
    folder: &'a Path,
    read: Option<Action>,
}

impl goldenscript::Runner for Reader<'_> {
    type Command = goldenscript::Command;

    fn run(
        &mut self,
        command: &goldenscript::Command,
        context: &goldenscript::Context,
    ) -> Result<String, Box<dyn std::error::Error>> {
        let action = Action::read(command, context, self.folder).map_err(|bad| bad.message)?;
        self.read = Some(action);
        Ok(String::new())
    }
}
