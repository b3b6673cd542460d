//! MySQL servers in a World.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod read_only;
mod replication;
mod servers;
mod silence;
mod victim;
