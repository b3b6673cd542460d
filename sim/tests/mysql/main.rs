//! The MySQL model against transcripts and lock tables that were run on real servers.

mod durability;
mod lock_table;
mod random;
mod session;
mod sql;
mod transcript;
