//! A transaction: what it changed, what it sees, and where it can go back to.

use std::fmt;

/// Names a transaction inside one server. Ids are given in order of start, and a read view needs
/// nothing else to tell what was committed before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrxId(pub u64);

impl fmt::Display for TrxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
