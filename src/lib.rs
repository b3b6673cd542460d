//! A Vitess-like cluster in one process and one seed.

pub mod key;
pub mod vindex;
pub mod vschema;

pub mod cli;
