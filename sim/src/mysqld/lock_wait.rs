//! Lock waits of servers as they begin, for who counts them.
//!
//! Most are over long before the world stands still, so each is told as it begins. The observer
//! runs inside the server's process, and changes nothing.
//!
//! It knows nothing of what a lock protects.

use std::cell::{Cell, RefCell};

use crate::world::Program;

/// A statement begins to wait for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Began {
    pub server: Program,
    /// The connection's tag, and those of who holds it.
    pub waiter: String,
    pub holders: Vec<String>,
    /// `corder.PRIMARY`
    pub index: String,
}

/// Sees each wait as it begins.
pub type Observer = Box<dyn FnMut(&Began)>;

thread_local! {
    static IS_OBSERVED: Cell<bool> = const { Cell::new(false) };
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

/// From now on this thread's lock waits are told; or no longer.
pub fn observe(observer: Option<Observer>) {
    IS_OBSERVED.set(observer.is_some());
    OBSERVER.with(|own| *own.borrow_mut() = observer);
}

pub(super) fn tell(began: impl FnOnce() -> Began) {
    if IS_OBSERVED.get() {
        let began = began();
        OBSERVER.with(|own| own.borrow_mut().iter_mut().for_each(|observer| observer(&began)));
    }
}
