//! Where a row lives: keyspace ids, key ranges, shards and destinations.
//!
//! In Vitess a sharded keyspace is the space of all byte strings, cut into key ranges; each shard
//! serves one. A vindex turns a column value into a keyspace id, and the shard whose range contains
//! that id holds the row:
//!
//! ```text
//!   value --vindex--> keyspace id --Destination::resolve--> shard
//!   1     --hash----> 166b40b44aba4bd6 ------------------> -40
//! ```
//!
//! Keyspace ids are bytes of any length. Ranges compare them with trailing zero bytes dropped;
//! vindexes compare them byte for byte. Both notions exist in Vitess, so both exist here, under
//! different names. See `go/vt/key` and `go/vt/topo/shard.go`.
//!
//! It knows nothing of vindexes, tables, or which tablets serve a shard.

pub mod code;
pub mod destination;
pub mod hex;
pub mod key_range;
pub mod keyspace_id;
pub mod quote;
pub mod shard;
pub mod sharding_spec;

pub use code::Code;
pub use destination::Destination;
pub use key_range::KeyRange;
pub use keyspace_id::KeyspaceId;
pub use shard::Shard;

#[cfg(test)]
mod properties;
