//! Commits as they begin, for who asks what is locked then.
//!
//! The observer runs inside the server's process, when no server is in use, and changes nothing.
//!
//! It knows nothing of what a commit makes visible.

use std::cell::RefCell;
use std::rc::Rc;

use crate::world::Program;

/// Sees the server and the connection's tag.
pub type Observer = Rc<dyn Fn(Program, &str)>;

thread_local! {
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

/// From now on this thread's commits are told as they begin; or no longer.
pub fn observe(observer: Option<Observer>) {
    OBSERVER.with(|own| *own.borrow_mut() = observer);
}

pub(super) fn tell(server: Program, tag: impl FnOnce() -> String) {
    let observer = OBSERVER.with(|own| own.borrow().clone());
    if let Some(observer) = observer {
        observer(server, &tag());
    }
}
