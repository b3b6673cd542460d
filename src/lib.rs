//! A Vitess-like cluster in one process and one seed.

pub mod checker;
pub mod cli;
pub mod history;
pub mod key;
pub mod mutant;
pub mod scenario;
pub mod topo;
pub mod vindex;
pub mod vschema;
