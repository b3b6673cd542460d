//! Faults that wait for a moment.
//!
//! They watch the history, and strike as the event happens: once. It knows nothing of how a fault
//! is done.

use std::cell::RefCell;
use std::rc::Rc;

use super::fault::Fault;
use super::inject::Hand;
use crate::history::{Event, List, Outcome};

/// A fault that waits.
struct Armed {
    session: String,
    list: List,
    fault: Fault,
    fired: bool,
}

impl Armed {
    fn is_due(&self, event: &Event) -> bool {
        let Event::ShardCommit { session, list, outcome: Outcome::Ok, .. } = event else {
            return false;
        };
        !self.fired && self.session == **session && self.list == *list
    }
}

/// All that wait, shared with who watches the history.
#[derive(Clone, Default)]
pub struct Waiting {
    armed: Rc<RefCell<Vec<Armed>>>,
    /// There is one as soon as the cluster is built.
    hand: Rc<RefCell<Option<Hand>>>,
}

impl Waiting {
    pub fn set_hand(&self, hand: Hand) {
        *self.hand.borrow_mut() = Some(hand);
    }

    pub fn arm(&self, session: &str, list: List, fault: Fault) {
        let armed = Armed { session: session.to_owned(), list, fault, fired: false };
        self.armed.borrow_mut().push(armed);
    }

    /// What did not find its moment, in words.
    pub fn unused(&self) -> Vec<String> {
        let armed = self.armed.borrow();
        let unused = armed.iter().filter(|armed| !armed.fired);
        unused
            .map(|armed| format!("`{}` at session {} never fired", armed.fault, armed.session))
            .collect()
    }

    /// Strikes with what waits for this event; what was done, in words.
    pub fn observe(&self, event: &Event) -> Vec<String> {
        let Some(hand) = self.hand.borrow().clone() else { return Vec::new() };
        hand.open.borrow_mut().observe(event);
        let due: Vec<Fault> = {
            let mut armed = self.armed.borrow_mut();
            let due = armed.iter_mut().filter(|armed| armed.is_due(event));
            due.map(|armed| {
                armed.fired = true;
                armed.fault.clone()
            })
            .collect()
        };
        let struck = due.iter().map(|fault| match hand.strike(fault, None) {
            Ok(()) => fault.to_string(),
            Err(error) => format!("{fault} (did nothing: {error})"),
        });
        struck.collect()
    }
}
