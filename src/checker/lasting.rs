//! Faults that last, by what a history says of them.
//!
//! It knows nothing of how a fault is done.

/// Each with the words that undo it, beside `recover`.
pub const LASTING: [(&str, &[&str]); 28] = [
    ("crash", &["restart", "power-on"]),
    ("power-off", &["power-on"]),
    ("pause", &["resume"]),
    ("cut", &["mend", "heal"]),
    ("partition", &["heal"]),
    ("isolate", &["heal"]),
    ("latency", &[]),
    ("silent", &["heal"]),
    ("delay", &["heal"]),
    ("slow-node", &["heal"]),
    ("topo-down", &["heal"]),
    ("topo-slow", &["heal"]),
    ("topo-stale", &["heal"]),
    ("topo-lost-event", &[]),
    ("slow-disk", &["mend-disk"]),
    ("silent-disk", &["mend-disk"]),
    ("full-disk", &["mend-disk"]),
    ("failing-disk", &["mend-disk"]),
    ("lying-disk", &["mend-disk"]),
    ("fail-sync", &["restart"]),
    ("clock-offset", &["clock-right"]),
    ("clock-step", &["clock-right"]),
    ("clock-drift", &["clock-right"]),
    ("clock-freeze", &["clock-right"]),
    ("stop-replication", &["start-replication"]),
    ("lag", &["lag"]),
    ("read-only", &["read-write"]),
    ("fill-pool", &["free-pool"]),
];

/// The words that undo a fault of this word; none where it is over by itself.
pub fn undone_by(word: &str) -> Option<&'static [&'static str]> {
    LASTING.iter().find(|(lasting, _)| *lasting == word).map(|(_, undone)| *undone)
}

/// Whether faults are not undone.
pub fn is_faulty<'a>(faults: impl Iterator<Item = &'a str>) -> bool {
    let mut open: Vec<(&[&str], &str)> = Vec::new();
    for fault in faults {
        let (what, target) = fault.split_once(' ').unwrap_or((fault, ""));
        if what == "recover" {
            open.clear();
        }
        // `heal` is of the whole network, the others of their target.
        open.retain(|(undone, of)| {
            !(undone.contains(&what) && (what == "heal" || first(of) == first(target)))
        });
        if let Some(undone) = undone_by(what) {
            open.push((undone, target));
        }
    }
    !open.is_empty()
}

fn first(target: &str) -> Option<&str> {
    target.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_undone_by_its_counterpart() {
        let check = |faults: &[&str], expected: bool| {
            assert_eq!(is_faulty(faults.iter().copied()), expected, "{faults:?}");
        };
        check(&[], false);
        check(&["crash vtgate-1"], true);
        check(&["crash vtgate-1", "restart vtgate-1"], false);
        check(&["crash vtgate-1", "restart vtgate-2"], true);
        check(&["cut a b", "delay Commit 1s", "heal"], false);
        check(&["break Commit before", "zone1-0000000301 is primary of customer/-80"], false);
        check(&["power-off a torn=1", "latency a b 5ms", "recover"], false);
        check(&["silent-disk a", "mend-disk a"], false);
    }
}
