//! Who polls. The World says what comes next; a host only does it.
//!
//! - `nodes`: madsim, one node a machine, a baton so that exactly one task is ever runnable.
//!   The default where the flag `--cfg madsim` is set: madsim then watches for stray clocks,
//!   chance and threads.
//! - `plain`: a loop of our own; search, the second opinion, and any build without the flag.
//!
//! The same tape gives the same digest on both. A host knows nothing of order or time.

#[cfg(madsim)]
pub(crate) mod nodes;
pub(crate) mod plain;

use crate::world::{Machine, Stop};

/// Which host polls a World.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    Nodes,
    Plain,
}

impl Default for HostKind {
    fn default() -> HostKind {
        if cfg!(madsim) { HostKind::Nodes } else { HostKind::Plain }
    }
}

impl std::fmt::Display for HostKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            HostKind::Nodes => "nodes",
            HostKind::Plain => "plain",
        })
    }
}

pub(crate) trait Host {
    fn add_machine(&mut self, machine: Machine, name: &str);
    /// Polls what [`crate::world::next`] names until it says stop.
    fn run(&mut self) -> Stop;
    /// Ends the host's own tasks; the World has dropped its processes already.
    fn close(&mut self);
}

impl HostKind {
    /// None if this build has no such host.
    pub(crate) fn open(self) -> Option<Box<dyn Host>> {
        match self {
            HostKind::Plain => Some(Box::new(plain::Plain)),
            #[cfg(madsim)]
            HostKind::Nodes => Some(Box::new(nodes::Nodes::new())),
            #[cfg(not(madsim))]
            HostKind::Nodes => None,
        }
    }
}
