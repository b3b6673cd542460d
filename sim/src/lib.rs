//! The world that a sharded database stands on and does not own.

pub mod call;
pub mod clock;
pub mod collation;
pub mod decide;
pub mod disk;
pub mod eval;
pub mod host;
pub mod mysql;
pub mod mysqld;
pub mod network;
pub mod seed;
pub mod sql;
pub mod sql_error;
pub mod trace;
pub mod value;
pub mod wait;
pub mod world;
