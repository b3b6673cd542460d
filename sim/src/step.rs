//! Steps of programs, for who counts them or strikes at one of them.
//!
//! A step is where a failure can make a difference: before and after a sync, a call as it leaves
//! and as its answer is taken, a single message as it leaves. The observer runs inside the process
//! and may do faults ([`crate::world::fault`]).
//!
//! It knows nothing of what a call asks.

use std::cell::{Cell, RefCell};

use crate::world::Program;

/// A step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// It asks its disk for a sync.
    Syncing,
    /// The disk has answered.
    Synced,
    /// A call of this name leaves for a program.
    Calling(&'static str, Program),
    /// It takes the answer, or learns that there is none.
    Answered(&'static str, Program),
    /// A message of its own leaves.
    Sending(&'static str, Program),
}

/// Sees each step as it is taken.
pub type Observer = Box<dyn FnMut(Program, Step)>;

thread_local! {
    static IS_OBSERVED: Cell<bool> = const { Cell::new(false) };
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

/// From now on this thread's steps are told; or no longer.
pub fn observe(observer: Option<Observer>) {
    IS_OBSERVED.set(observer.is_some());
    OBSERVER.with(|own| *own.borrow_mut() = observer);
}

/// A step is taken. What the observer does itself is not told.
pub(crate) fn tell(program: Program, step: Step) {
    if !IS_OBSERVED.get() {
        return;
    }
    let taken = OBSERVER.with(|own| own.borrow_mut().take());
    if let Some(mut observer) = taken {
        observer(program, step);
        if IS_OBSERVED.get() {
            OBSERVER.with(|own| *own.borrow_mut() = Some(observer));
        }
    }
}
