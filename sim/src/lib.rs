//! The world that a sharded database stands on and does not own.

pub mod collation;
pub mod eval;
pub mod mysql;
pub mod sql;
pub mod sql_error;
pub mod value;
