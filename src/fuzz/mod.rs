//! Random workloads under random faults, and what to do with a finding.
//!
//! ```text
//!   seed ──> case (schema, statements, faults) ──> scenario ──> run ──> held
//!                                                              └──> violated ──> shrink ──> file
//! ```
//!
//! A [`case::Case`] is drawn from a seed, over a schema that is drawn as well or a team's own
//! ([`schema`]), of which now and then a lookup is made and filled while clients work
//! ([`backfill`]); it prints as a scenario and runs as one. What the seed further decides, the
//! order and delay of messages, is recorded as a tape, so that a finding is data: case and tape.
//! [`shrink`] takes away what it can live without, [`explain`] says of what is left what it is for,
//! and that is written as a scenario.
//!
//! It knows nothing of how a violation is found.

pub mod backfill;
pub mod campaign;
pub mod card;
pub mod case;
pub mod explain;
pub mod faults;
pub mod interleave;
pub mod profile;
pub mod proof;
pub mod schema;
pub mod shape;
pub mod shrink;
pub mod strategy;
pub mod tables;
pub mod workload;
