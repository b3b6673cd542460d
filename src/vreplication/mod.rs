//! VReplication: streams that copy rows from one shard to another and keep on copying.
//!
//! ```text
//!   source tablet                             target: a primary
//!   ─────────────                             ─────────────────
//!   snapshot ── packets of rows ────────────> copy: rows and last key, one transaction a packet
//!   binlog ── transactions, filtered ───────> play: changes and position, in one transaction
//! ```
//!
//! A stream is a row of `_vt.vreplication` on the target's server, and its progress through a table
//! a row of `_vt.copy_state`: both are real tables there, replicated like any other, so a new
//! primary goes on where the old one was. One engine a tablet ([`engine`]), one controller a stream
//! ([`controller`]); sources serve ([`source`]); which tablet is a source is picked ([`picker`]).
//! See `go/vt/vttablet/tabletmanager/vreplication` and `.../vstreamer`.
//!
//! Modelled: rules with an explicit SELECT of columns, `keyspace_id()` and `in_keyrange`, with a
//! GROUP BY over all columns (first value wins) or without one; copy, catch-up, fast-forward, stop
//! after copy, retry. Left out: regular expressions, aggregates, several tables a stream,
//! throttling, journals, DDL.

pub mod controller;
pub mod engine;
pub mod picker;
pub mod row;
pub mod rule;
pub mod source;
pub mod tables;

use std::time::Duration;

/// Flags of a tablet that streams feel, with v24's defaults.
#[derive(Clone, Debug)]
pub struct Options {
    pub retry_delay: Duration,
    /// Rows of a copy packet, in bytes of their values.
    pub packet_size: usize,
    /// Tablet types of sources where a stream names none.
    pub tablet_types: String,
    /// How often the picker looks, and how long it waits in between.
    pub picker_attempts: u32,
    pub picker_delay: Duration,
    /// The layout of `_vt` tables: that of the guide's time, or today's.
    pub v6: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            retry_delay: Duration::from_secs(5),
            packet_size: 250_000,
            tablet_types: "in_order:REPLICA,PRIMARY".to_owned(),
            picker_attempts: 5,
            picker_delay: Duration::from_secs(30),
            v6: false,
        }
    }
}
