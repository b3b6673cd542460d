//! Profiles: how big the runs of a campaign are, and what they have.

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    pub name: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// At most.
    pub vtgates: u64,
    /// From and to.
    pub clients: (u64, u64),
    pub transactions: (u64, u64),
    /// Percent of runs with replicas.
    pub replicas_percent: u64,
    /// Percent of those in which a commit waits for a replica.
    pub semi_sync_percent: u64,
    pub most_faults: u64,
    /// Percent of runs with one client and no faults: what it is told is compared with one server.
    pub alone_percent: u64,
    /// Percent of the others in which a lookup is filled while clients work.
    pub backfill_percent: u64,
    /// Always the same cluster: two shards of the owner, its lookup tables unsharded.
    pub fixed_cluster: bool,
}

const SMALL: Profile = Profile {
    name: "small",
    about: "few clients, few statements, few faults: many runs, short counterexamples",
    vtgates: 2,
    clients: (2, 3),
    transactions: (3, 12),
    replicas_percent: 20,
    semi_sync_percent: 40,
    most_faults: 3,
    alone_percent: 20,
    backfill_percent: 4,
    fixed_cluster: false,
};

pub const PROFILES: [Profile; 4] = [
    SMALL,
    Profile {
        name: "calm",
        about: "as small, without faults",
        replicas_percent: 0,
        most_faults: 0,
        backfill_percent: 0,
        ..SMALL
    },
    Profile {
        name: "backfill",
        about: "as small, and a lookup is filled while clients work, in every run",
        alone_percent: 0,
        backfill_percent: 100,
        ..SMALL
    },
    Profile {
        name: "standard",
        about: "2 shards, 9 tablets, 2 vtgates, 4 clients, 50 transactions, faults: for speed",
        vtgates: 2,
        clients: (4, 4),
        transactions: (50, 50),
        replicas_percent: 100,
        semi_sync_percent: 0,
        most_faults: 6,
        alone_percent: 0,
        backfill_percent: 0,
        fixed_cluster: true,
    },
];

impl Profile {
    pub fn named(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|profile| profile.name == name)
    }
}
