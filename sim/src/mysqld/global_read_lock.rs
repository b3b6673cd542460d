//! The global read lock, as far as `SET GLOBAL read_only` takes it: in two steps, so that a COMMIT
//! goes through while a statement that writes is waited for.
//!
//! ```text
//!   statements   closed: no new one that writes begins; those that run, and LOCK TABLES .. WRITE,
//!                are waited for
//!   commits      closed: no COMMIT begins; those that run are waited for
//! ```
//!
//! An open transaction is in neither. See `Global_read_lock` in MySQL's lock.cc. It knows nothing
//! of what is locked.

use std::cell::Cell;
use std::rc::Rc;

use crate::wait::Signal;
use crate::world::Process;

/// See the [module](self).
#[derive(Clone, Default)]
pub(super) struct GlobalReadLock {
    pub statements: Gate,
    pub commits: Gate,
}

/// One of the two steps.
#[derive(Clone, Default)]
pub(super) struct Gate {
    inside: Rc<Cell<usize>>,
    /// Those that want nobody inside.
    closed: Rc<Cell<usize>>,
    changed: Signal,
}

impl Gate {
    /// Waits until nobody wants it closed. Whoever is inside leaves when the result is dropped.
    pub async fn enter(&self, process: Process) -> Inside {
        while 0 < self.closed.get() {
            let _ = process.wait("the global read lock", None, self.changed.raised()).await;
        }
        self.inside.set(self.inside.get() + 1);
        Inside(self.clone())
    }

    /// Waits until nobody is inside nor `holds` it otherwise; nobody enters until the result is
    /// dropped.
    pub async fn close(&self, process: Process, who: &str, holds: impl Fn() -> bool) -> Closed {
        self.closed.set(self.closed.get() + 1);
        let closed = Closed(self.clone());
        while 0 < self.inside.get() || holds() {
            let _ = process.wait(who, None, self.changed.raised()).await;
        }
        closed
    }

    /// Something that somebody held may be free.
    pub fn look_again(&self) {
        if 0 < self.closed.get() {
            self.changed.raise();
        }
    }
}

pub(super) struct Inside(Gate);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.set(self.0.inside.get() - 1);
        self.0.changed.raise();
    }
}

pub(super) struct Closed(Gate);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.closed.set(self.0.closed.get() - 1);
        self.0.changed.raise();
    }
}
