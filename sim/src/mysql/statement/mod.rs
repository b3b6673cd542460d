//! Execution of statements: one file a kind.
//!
//! [`run`] is the frame of all: implicit commits, the transaction around a statement, what is
//! undone when it fails.

pub mod access;
pub mod apply;
pub mod at_once;
pub mod build;
pub mod change;
pub mod check;
pub mod commit;
pub mod define;
pub mod delete;
pub mod explain;
pub mod foreign;
pub mod from;
pub mod grouping;
pub mod hint;
pub mod insert;
pub mod join;
pub mod key_length;
pub mod multi;
pub mod plan;
pub mod planner;
pub mod prepare;
pub mod prepared;
pub mod reader;
pub mod replication;
pub mod run;
pub mod scope;
pub mod select;
pub mod session;
pub mod show;
pub mod subquery;
pub mod tables;
pub mod titles;
pub mod update;
pub mod user_lock;
pub mod variable;
pub mod visit;
pub mod write;
