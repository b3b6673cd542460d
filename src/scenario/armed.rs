//! Faults that wait for a moment.
//!
//! They watch the history and the programs' steps, and strike as it happens: once. It knows nothing
//! of how a fault is done.

use std::cell::RefCell;
use std::rc::Rc;

use sim::order::explore::Explorer;
use sim::step::Step;
use sim::world::Program;

use super::fault::Fault;
use super::inject::Hand;
use super::moment::Moment;
use crate::history::Event;

/// A fault that waits.
struct Armed {
    moment: Moment,
    fault: Fault,
    /// Moments that match, so far.
    seen: u32,
    fired: bool,
}

/// All that wait, shared with who watches.
#[derive(Clone, Default)]
pub struct Waiting {
    armed: Rc<RefCell<Vec<Armed>>>,
    /// There is one as soon as the cluster is built.
    hand: Rc<RefCell<Option<Rc<Hand>>>>,
    /// Who must know which events count towards a moment, and at which one strikes.
    explorer: Rc<RefCell<Option<Explorer>>>,
}

impl Waiting {
    pub fn set_hand(&self, hand: Hand) {
        *self.hand.borrow_mut() = Some(Rc::new(hand));
    }

    pub fn tell(&self, explorer: Option<Explorer>) {
        *self.explorer.borrow_mut() = explorer;
    }

    pub fn arm(&self, moment: Moment, fault: Fault) {
        self.armed.borrow_mut().push(Armed { moment, fault, seen: 0, fired: false });
    }

    /// What did not find its moment, in words.
    pub fn unused(&self) -> Vec<String> {
        let armed = self.armed.borrow();
        let unused = armed.iter().filter(|armed| !armed.fired);
        unused.map(|armed| format!("`{}` at {} never fired", armed.fault, armed.moment)).collect()
    }

    /// Strikes with what waits for this event; what was done, in words.
    pub fn observe(&self, event: &Event) -> Vec<String> {
        let Some(hand) = self.hand.borrow().clone() else { return Vec::new() };
        hand.open.borrow_mut().observe(event);
        self.strike(&hand, |moment| moment.matches(event))
    }

    /// The same for a program's step.
    pub fn observe_step(&self, program: Program, step: Step) -> Vec<String> {
        let is_waiting = |armed: &Armed| !armed.fired && armed.moment.waits_for_steps();
        if !self.armed.borrow().iter().any(is_waiting) {
            return Vec::new();
        }
        let Some(hand) = self.hand.borrow().clone() else { return Vec::new() };
        self.strike(&hand, |moment| moment.matches_step(program, step))
    }

    fn strike(&self, hand: &Hand, matches: impl Fn(&Moment) -> bool) -> Vec<String> {
        let mut due = Vec::new();
        for armed in self.armed.borrow_mut().iter_mut() {
            if armed.fired || !matches(&armed.moment) {
                continue;
            }
            armed.seen += 1;
            self.explorer.borrow().iter().for_each(Explorer::counted);
            let open = hand.open.borrow();
            let list = armed.moment.list();
            let left = list.is_some_and(|(client, list)| open.has(client, list));
            if armed.moment.is_nth(armed.seen, left) {
                armed.fired = true;
                self.explorer.borrow().iter().for_each(Explorer::struck);
                due.push(armed.fault.clone());
            }
        }
        let struck = due.iter().map(|fault| match hand.strike(fault, None) {
            Ok(()) => fault.to_string(),
            Err(error) => format!("{fault} (did nothing: {error})"),
        });
        struck.collect()
    }
}
