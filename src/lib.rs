//! A Vitess-like cluster in one process and one seed.

pub mod checker;
pub mod cli;
pub mod cluster;
pub mod history;
pub mod key;
pub mod mutant;
pub mod planner;
pub mod report;
pub mod rpc;
pub mod scenario;
pub mod sql_text;
pub mod topo;
pub mod vindex;
pub mod vreplication;
pub mod vschema;
pub mod vtctl;
pub mod vtgate;
pub mod vttablet;
