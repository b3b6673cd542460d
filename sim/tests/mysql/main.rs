//! The MySQL model against transcripts and lock tables that were run on real servers.

mod lock_table;
mod session;
mod transcript;
