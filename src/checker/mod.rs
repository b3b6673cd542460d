//! The judge: whether lookup tables agree with the tables that own them, at every commit.
//!
//! ```text
//!   history ──> observe ──> own tables (row images) ──> values ──> no_missing, unique, filled
//!                  │                                       └────> ledger: why a row dangles
//!                  └──────> sessions: what each transaction came to
//!   answers ──> honest, atomic, sound_reads, stable_reads
//!               in_the_way, sorted, held, snapshot, numbers
//!   servers ──> compare ──> row_images, replica_prefix
//!           └─> at rest ──> live, explained, followed, kept, routing_equal, reusable
//! ```
//!
//! It shares no code with what it judges: it reads the history, row images, the vschema's source
//! and the topology as data, and uses keys and functional vindexes. It knows nothing of planning,
//! of vtgate's protocol, of streams, or of how a lookup vindex writes its table.
//!
//! All is incremental: a commit costs its own rows, and those that share a value with them. What
//! is judged is the committed state of the current primaries; a change of primary or of the
//! vschema is a commit of everything.
//!
//! Beside it, [`planned_shards`] asks whether statements went where their plans say, and
//! [`coverage`] counts what a run has come to see.
//!
//! What clients were told is held against what happened ([`honest`], [`atomic`]) and against what
//! the tables held ([`sound_reads`], [`stable_reads`]); who waits for whom is looked at whenever
//! the world stands still; at the end of a run what is left must be [`explained`], and the judge
//! has questions ([`live`], [`kept`], [`routing_equal`], [`reusable`]).
//!
//! Left out: rows of shards that overlap, as while resharding, all count.

mod anew;
mod answers;
pub mod atomic;
pub mod attempt;
pub mod clients;
mod compare;
pub mod coverage;
pub mod departure;
pub mod entry;
pub mod excuse;
pub mod explained;
pub mod filled;
mod followed;
mod held;
pub mod honest;
mod in_the_way;
mod judge;
pub mod kept;
pub mod lasting;
pub mod ledger;
pub mod live;
pub mod locked;
pub mod lost;
pub mod no_failure;
pub mod no_missing;
mod numbers;
pub mod part;
pub mod planned_shards;
pub mod reads;
pub mod replica_prefix;
mod rest;
pub mod reusable;
pub mod routing_equal;
pub mod rows;
mod snapshot;
mod sorted;
pub mod sound_reads;
pub mod stable_reads;
pub mod statement;
pub mod summary;
pub mod twin;
pub mod unique;
pub mod value;
pub mod verdict;
pub mod versions;
pub mod vindex_values;
pub mod violation;
pub mod watched;
pub mod written;

pub use judge::Judge;
pub use ledger::{Dangling, Standing};
pub use lost::{ErrantCommit, LostCommit};
pub use planned_shards::ShardsCheck;
pub use summary::{Summary, VindexSummary};
pub use verdict::{Assumption, At, Cause, Excuse, Invariant, Verdict};
pub use violation::Violation;

#[cfg(test)]
mod client_histories;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod rest_histories;
