//! The world that a sharded database stands on and does not own.
//!
//! # Life of a run
//!
//! 1. [`World::open`](world::World::open) takes a policy (calm, or a seed), a tape of choices to
//!    repeat, and a host. Machines have programs, programs have processes; a process is a future.
//! 2. The World picks what is next: the first of the ready list; else the earliest event, and the
//!    [`clock`] jumps there. The [`host`] does nothing but poll what it is told to.
//!    A search has an [`order`] of its own.
//! 3. A [`call`] asks the [`network`] how it fares: late, broken before it ran or after, silent.
//!    Every choice is the [`decide::Decider`]'s, under a name, and goes onto its tape.
//! 4. A process that must wait for another says so ([`wait`]); so who waits for whom is always
//!    known, and a run where nothing can move ends, and names them.
//! 5. A crash drops a machine's processes, and of each [`disk`] what was not synced.
//! 6. What happens goes into the [`trace`], whose digest is the run's.
//!
//! [`mysqld`] is a program around a [server](mysql::server::Server): rows and locks are synchronous
//! code without a World, which transcripts and properties test by themselves. [`sql`], [`value`],
//! [`eval`] and [`collation`] are the language of both the server and vtgate.
//!
//! # What always holds
//!
//! What, and where it is enforced:
//!
//! - One tape gives one digest, on both hosts, recorded or not: `tests/world.rs`, 300 tapes.
//! - Exactly one process runs at a time, and no thread but one: `host`, `tests/world.rs`.
//! - Only `host` and a bench name madsim, only `sql::lower` names sqlparser: the repository's
//!   `tests/tidy.rs`.
//! - What crashed sends nothing more: `world`, at each send.
//! - A panic in a process is an event with its name: `world`, `tests/world.rs`.
//! - A commit that was synced is there after a crash: `tests/mysql`, random recovery.
//! - `parse(print(x)) = x`, and no text overflows a stack of 2 MiB: `tests/round_trip.rs`,
//!   `tests/parse_limits.rs`.

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
pub mod order;
pub mod seed;
pub mod sql;
pub mod sql_error;
pub mod step;
pub mod trace;
pub mod value;
pub mod wait;
pub mod world;
