//! Row locks: modes, queues, who waits for whom.
//!
//! InnoDB locks index records, never predicates. A lock has a mode (S or X) and a span: the record,
//! the gap before it, both (next-key), or the intention to insert into the gap. [`mode`] says which
//! pairs conflict, [`queue`] keeps one queue of granted and waiting requests a record and decides
//! who is granted when a lock goes.
//!
//! It knows nothing of rows, of statements, and of implicit locks: the engine turns an implicit
//! lock into an explicit one before it asks here.

pub mod mode;
pub mod queue;
