//! A commit that a client was told of is there at the end.
//!
//! The counterexample that it exists for. A primary takes its replicas' silence for consent:
//!
//! ```text
//!   a: commit        customer/-80  commits; no replica has it, and the primary goes on
//!   a is told        OK
//!   the machine dies, EmergencyReparentShard promotes a replica
//! ```
//!
//! Where nothing has failed nothing may be lost: a planned change of the primary waits until the
//! new one has all. Else judged for keyspaces whose policy asks for an acknowledgment, with logs
//! that are synced at each commit and a primary that waits for ever. One machine of a shard may
//! fail: with two, what was acknowledged may have been on them alone. Under any other policy the
//! loss is listed, as an expected one: see [`lost`](super::lost).

use std::collections::BTreeSet;

use crate::checker::lost::{LostCommit, Told};

/// The commits whose loss nothing allows. `machines` are the tablets of the shard that a fault has
/// taken something from; of one that is planned no operator has given up the primary.
pub fn broken(
    lost: &[LostCommit],
    is_durable: impl Fn(&str) -> bool,
    machines: impl Fn(&str) -> usize,
    is_planned: impl Fn(&str) -> bool,
) -> Vec<&LostCommit> {
    let of = lost.iter().filter(|commit| commit.told == Told::Committed);
    let stays = |shard: &str| match machines(shard) {
        0 if is_planned(shard) => true,
        0 | 1 => is_durable(shard),
        _ => false,
    };
    of.filter(|commit| stays(&commit.shard)).collect()
}

/// The tablets that faults have taken something from: `crash zone1-0000000300`.
pub fn hit<'a>(faults: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let takes =
        ["crash", "bounce", "power-off", "silent-disk", "lying-disk", "failing-disk", "fail-sync"];
    let target = |fault: &'a str| {
        let (what, target) = fault.split_once(' ')?;
        let target = target.split_whitespace().next()?.trim_start_matches("mysqld-");
        takes.contains(&what).then_some(target)
    };
    faults.filter_map(target).collect()
}
