//! Durability policies: whose acknowledgment a commit of a shard waits for.
//!
//! A keyspace has one (`go/vt/vtctl/reparentutil/policy`). It says how many acknowledgments a
//! primary needs, who may give them, and who may become primary. What has been acknowledged is in
//! the relay log of a tablet that can be asked after a failover: that is why reparents ask for
//! enough tablets.
//!
//! It knows nothing of how a reparent goes.

use std::collections::BTreeSet;
use std::fmt;

use super::{Alias, TabletRecord, TabletType};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DurabilityPolicy {
    /// Nobody waits for anybody.
    #[default]
    None,
    /// One acknowledgment from a primary or replica.
    SemiSync,
    /// One acknowledgment from another cell.
    CrossCell,
    SemiSyncWithRdonlyAck,
    CrossCellWithRdonlyAck,
}

impl DurabilityPolicy {
    pub const ALL: [DurabilityPolicy; 5] = [
        DurabilityPolicy::None,
        DurabilityPolicy::SemiSync,
        DurabilityPolicy::CrossCell,
        DurabilityPolicy::SemiSyncWithRdonlyAck,
        DurabilityPolicy::CrossCellWithRdonlyAck,
    ];

    pub fn name(self) -> &'static str {
        match self {
            DurabilityPolicy::None => "none",
            DurabilityPolicy::SemiSync => "semi_sync",
            DurabilityPolicy::CrossCell => "cross_cell",
            DurabilityPolicy::SemiSyncWithRdonlyAck => "semi_sync_with_rdonly_ack",
            DurabilityPolicy::CrossCellWithRdonlyAck => "cross_cell_with_rdonly_ack",
        }
    }

    pub fn parse(name: &str) -> Option<DurabilityPolicy> {
        DurabilityPolicy::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Acknowledgments that a primary needs.
    pub fn ackers(self) -> usize {
        usize::from(self != DurabilityPolicy::None)
    }

    /// Whether this tablet acknowledges what that primary commits.
    pub fn acknowledges(self, primary: &Alias, tablet: &TabletRecord) -> bool {
        let has_type = match tablet.kind {
            TabletType::Primary | TabletType::Replica => true,
            TabletType::Rdonly => matches!(
                self,
                DurabilityPolicy::SemiSyncWithRdonlyAck | DurabilityPolicy::CrossCellWithRdonlyAck
            ),
        };
        let other_cell = tablet.alias.cell != primary.cell;
        match self {
            DurabilityPolicy::None => false,
            DurabilityPolicy::SemiSync | DurabilityPolicy::SemiSyncWithRdonlyAck => has_type,
            DurabilityPolicy::CrossCell | DurabilityPolicy::CrossCellWithRdonlyAck => {
                has_type && other_cell
            }
        }
    }

    /// Whether a tablet of this type may become primary; the rule is the same in every policy.
    pub fn may_be_primary(self, kind: TabletType) -> bool {
        kind != TabletType::Rdonly
    }

    /// Whether a tablet, as primary, would get its acknowledgments from those reached.
    pub fn can_make_progress(
        self,
        tablet: &TabletRecord,
        all: &[TabletRecord],
        reached: &BTreeSet<Alias>,
    ) -> bool {
        let acks = all.iter().filter(|other| {
            other.alias != tablet.alias
                && reached.contains(&other.alias)
                && self.acknowledges(&tablet.alias, other)
        });
        reached.contains(&tablet.alias) && self.ackers() <= acks.count()
    }

    /// Whether no tablet that was not reached can go on committing: each one that may be primary
    /// was reached, or lacks the acknowledgments that it would need.
    pub fn is_revoked(self, all: &[TabletRecord], reached: &BTreeSet<Alias>) -> bool {
        let may_commit = |tablet: &&TabletRecord| {
            let acks = all.iter().filter(|other| {
                other.alias != tablet.alias
                    && !reached.contains(&other.alias)
                    && self.acknowledges(&tablet.alias, other)
            });
            self.may_be_primary(tablet.kind)
                && !reached.contains(&tablet.alias)
                && self.ackers() <= acks.count()
        };
        !all.iter().any(|tablet| may_commit(&tablet))
    }
}

impl fmt::Display for DurabilityPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tablet(cell: &str, uid: u32, kind: TabletType) -> TabletRecord {
        TabletRecord {
            alias: Alias::new(cell, uid),
            keyspace: "ks".into(),
            shard: "0".into(),
            kind,
            hostname: "localhost".into(),
            port: 0,
            mysql_port: 0,
            term_start: None,
        }
    }

    /// Tablet 0 is primary in zone1; the answers of every policy, in the order of `ALL`.
    fn check(what: fn(DurabilityPolicy, &[TabletRecord]) -> bool, expected: &str) {
        let all = [
            tablet("zone1", 0, TabletType::Primary),
            tablet("zone1", 1, TabletType::Replica),
            tablet("zone2", 2, TabletType::Replica),
            tablet("zone2", 3, TabletType::Rdonly),
        ];
        let answers =
            DurabilityPolicy::ALL.map(|policy| if what(policy, &all) { 'y' } else { 'n' });
        assert_eq!(answers.iter().collect::<String>(), expected);
    }

    fn reached(all: &[TabletRecord], at: &[usize]) -> BTreeSet<Alias> {
        at.iter().map(|at| all[*at].alias.clone()).collect()
    }

    #[test]
    fn a_policy_says_who_acknowledges() {
        check(|policy, all| policy.acknowledges(&all[0].alias, &all[1]), "nynyn");
        check(|policy, all| policy.acknowledges(&all[0].alias, &all[2]), "nyyyy");
        check(|policy, all| policy.acknowledges(&all[0].alias, &all[3]), "nnnyy");
    }

    #[test]
    fn who_is_not_reached_must_not_commit_any_more() {
        // Without the old primary: it could go on alone where nobody has to acknowledge.
        check(|policy, all| policy.is_revoked(all, &reached(all, &[1, 2, 3])), "nyyyy");
        // Without it and a replica of its cell.
        check(|policy, all| policy.is_revoked(all, &reached(all, &[2, 3])), "nnyny");
        check(|policy, all| policy.is_revoked(all, &reached(all, &[0, 1, 2])), "yyyyy");
    }

    #[test]
    fn a_primary_must_get_its_acknowledgments() {
        let alone = |policy: DurabilityPolicy, all: &[TabletRecord]| {
            policy.can_make_progress(&all[1], all, &reached(all, &[1, 3]))
        };
        check(alone, "ynnyy");
    }
}
