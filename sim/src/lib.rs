//! The world that a sharded database stands on and does not own.
