//! The MySQL model against transcripts and lock tables that were run on real servers.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod any_text;
mod binlog;
mod crashes;
mod durability;
mod explain;
mod kill;
mod lock_table;
mod point;
mod random;
mod session;
mod sql;
mod system_view;
mod transcript;
