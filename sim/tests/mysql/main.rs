//! The MySQL model against transcripts and lock tables that were run on real servers.

mod crashes;
mod durability;
mod lock_table;
mod random;
mod session;
mod transcript;
