//! A replica holds a prefix of its primary's transactions.
//!
//! The counterexample that it exists for: a former primary comes back as a replica with a commit
//! that the shard no longer has (an errant GTID). Whoever promotes it next brings back a row that
//! nobody wrote. Also: a replica that has skipped a transaction and gone on.

use sim::mysql::gtid::{Gtid, GtidSet};

use crate::checker::rows::Copy;

/// Why a replica is no prefix of its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It has what the primary lacks.
    Errant(Gtid),
    /// It lacks this and has what came after it.
    Gap(Gtid),
}

/// `in_flight` is what the primary is about to commit: with semi-sync a replica may show it first.
pub fn check(primary: &Copy, replica: &Copy, in_flight: &GtidSet) -> Option<Broken> {
    let beside = replica.executed.subtract(&primary.executed).subtract(in_flight);
    if let Some((server, low, _)) = beside.intervals().next() {
        return Some(Broken::Errant(Gtid { server, sequence: low }));
    }
    let mut behind = primary.log.iter().skip_while(|gtid| replica.executed.contains(**gtid));
    let first = behind.next()?;
    behind.any(|gtid| replica.executed.contains(*gtid)).then_some(Broken::Gap(*first))
}
