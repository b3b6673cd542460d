//! The topology: cells, keyspaces, shards, tablets, and the vschemas that are served.
//!
//! In Vitess this is etcd behind `go/vt/topo`; here one program holds it, `topo`. A reader gets the
//! whole of it at a version; a watcher asks for what is newer than it has and waits. vtgates and
//! source tablets learn of a change by such a watch, each at its own moment.
//!
//! Modelled: records of keyspaces (vschema, durability policy), shards (key range, primary,
//! term start) and tablets, and SrvVSchema by cell. Left out: locks, leases, and a topology that is
//! split over cells.
//!
//! It knows nothing of what is done with the records.

mod durability;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use sim::call::Request;
use sim::wait::Signal;
use sim::world::Process;

use crate::key::KeyRange;
use crate::vschema::source::MirrorRuleSource;
use crate::vschema::{KeyspaceSource, SrvVSchema};

pub use durability::DurabilityPolicy;

/// A tablet's name: `zone1-0000000300`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias {
    pub cell: Rc<str>,
    pub uid: u32,
}

impl Alias {
    pub fn new(cell: &str, uid: u32) -> Alias {
        Alias { cell: cell.into(), uid }
    }

    /// `cell-uid`; None for anything else.
    pub fn parse(text: &str) -> Option<Alias> {
        let (cell, uid) = text.rsplit_once('-')?;
        let digits = !uid.is_empty() && uid.bytes().all(|byte| byte.is_ascii_digit());
        (digits && !cell.is_empty()).then(|| Some(Alias::new(cell, uid.parse().ok()?)))?
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:010}", self.cell, self.uid)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TabletType {
    Primary,
    Replica,
    Rdonly,
}

impl TabletType {
    pub const ALL: [TabletType; 3] = [TabletType::Primary, TabletType::Replica, TabletType::Rdonly];

    /// Lower case, as targets and ListAllTablets print it.
    pub fn name(self) -> &'static str {
        match self {
            TabletType::Primary => "primary",
            TabletType::Replica => "replica",
            TabletType::Rdonly => "rdonly",
        }
    }

    /// In any case; `master` is the old word for primary.
    pub fn parse(text: &str) -> Option<TabletType> {
        let text = text.to_ascii_lowercase();
        if text == "master" {
            return Some(TabletType::Primary);
        }
        TabletType::ALL.into_iter().find(|kind| kind.name() == text)
    }
}

impl fmt::Display for TabletType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TabletRecord {
    pub alias: Alias,
    pub keyspace: Rc<str>,
    pub shard: Rc<str>,
    pub kind: TabletType,
    pub hostname: Rc<str>,
    pub port: u32,
    pub mysql_port: u32,
    /// When it became primary; none for the others.
    pub term_start: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct ShardRecord {
    /// None for a shard that is not range based (`0`).
    pub range: Option<KeyRange>,
    pub primary: Option<Alias>,
    pub term_start: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct KeyspaceRecord {
    pub vschema: KeyspaceSource,
    pub durability_policy: DurabilityPolicy,
    /// In key order.
    pub shards: BTreeMap<Rc<str>, ShardRecord>,
    /// Shard names in the order of their ranges.
    pub shard_order: Vec<Rc<str>>,
}

/// All records, at one version.
#[derive(Clone, Debug, Default)]
pub struct Topo {
    pub version: u64,
    pub cells: BTreeSet<Rc<str>>,
    pub keyspaces: BTreeMap<Rc<str>, KeyspaceRecord>,
    pub tablets: BTreeMap<Alias, TabletRecord>,
    pub mirror_rules: Vec<MirrorRuleSource>,
    /// What vtgates of a cell serve by; the version says which.
    pub srv_vschema: BTreeMap<Rc<str>, (u64, Rc<SrvVSchema>)>,
}

/// One change of the records.
#[derive(Clone, Debug)]
pub enum Change {
    Keyspace {
        name: Rc<str>,
        record: KeyspaceRecord,
    },
    VSchema {
        keyspace: Rc<str>,
        vschema: KeyspaceSource,
    },
    DurabilityPolicy {
        keyspace: Rc<str>,
        policy: DurabilityPolicy,
    },
    Tablet(TabletRecord),
    ShardPrimary {
        keyspace: Rc<str>,
        shard: Rc<str>,
        primary: Alias,
        term_start: Timestamp,
    },
    MirrorRules(Vec<MirrorRuleSource>),
    /// Takes the vschemas of all keyspaces and the rules into the SrvVSchema of every cell.
    RebuildSrvVSchema,
    /// What a vtgate has made of the one that it serves by, for every cell.
    SrvVSchema(Rc<SrvVSchema>),
}

impl Topo {
    pub fn apply(&mut self, change: Change) {
        self.version += 1;
        match change {
            Change::Keyspace { name, record } => {
                self.keyspaces.insert(name, record);
            }
            Change::VSchema { keyspace, vschema } => {
                if let Some(record) = self.keyspaces.get_mut(&keyspace) {
                    record.vschema = vschema;
                }
            }
            Change::DurabilityPolicy { keyspace, policy } => {
                if let Some(record) = self.keyspaces.get_mut(&keyspace) {
                    record.durability_policy = policy;
                }
            }
            Change::Tablet(record) => {
                self.cells.insert(Rc::clone(&record.alias.cell));
                self.tablets.insert(record.alias.clone(), record);
            }
            Change::ShardPrimary { keyspace, shard, primary, term_start } => {
                let record = self.keyspaces.get_mut(&keyspace);
                if let Some(shard) = record.and_then(|record| record.shards.get_mut(&shard)) {
                    shard.primary = Some(primary);
                    shard.term_start = Some(term_start);
                }
            }
            Change::MirrorRules(rules) => self.mirror_rules = rules,
            Change::RebuildSrvVSchema => self.rebuild_srv_vschema(),
            Change::SrvVSchema(served) => self.serve_everywhere(&served),
        }
    }

    fn rebuild_srv_vschema(&mut self) {
        let served = Rc::new(self.saved_srv_vschema());
        self.serve_everywhere(&served);
    }

    /// What is to be served by the records of the keyspaces and the rules.
    fn saved_srv_vschema(&self) -> SrvVSchema {
        let keyspaces = self
            .keyspaces
            .iter()
            .map(|(name, record)| (name.to_string(), record.vschema.clone()))
            .collect();
        SrvVSchema { keyspaces, mirror_rules: self.mirror_rules.clone(), ..SrvVSchema::default() }
    }

    /// Cells that serve something else than what is saved.
    pub fn behind(&self) -> impl Iterator<Item = &Rc<str>> {
        let saved = self.saved_srv_vschema();
        let served = self.srv_vschema.iter();
        served.filter(move |(_, (_, served))| served.keyspaces != saved.keyspaces).map(|(c, _)| c)
    }

    fn serve_everywhere(&mut self, served: &Rc<SrvVSchema>) {
        for cell in &self.cells {
            self.srv_vschema.insert(Rc::clone(cell), (self.version, Rc::clone(served)));
        }
    }

    pub fn shard(&self, keyspace: &str, shard: &str) -> Option<&ShardRecord> {
        self.keyspaces.get(keyspace)?.shards.get(shard)
    }

    pub fn primary(&self, keyspace: &str, shard: &str) -> Option<&Alias> {
        self.shard(keyspace, shard)?.primary.as_ref()
    }

    pub fn durability_policy(&self, keyspace: &str) -> DurabilityPolicy {
        self.keyspaces.get(keyspace).map_or_else(Default::default, |k| k.durability_policy)
    }

    /// Tablets of a shard, by alias.
    pub fn tablets_of<'a>(
        &'a self,
        keyspace: &'a str,
        shard: &'a str,
    ) -> impl Iterator<Item = &'a TabletRecord> {
        let of =
            move |tablet: &&TabletRecord| &*tablet.keyspace == keyspace && &*tablet.shard == shard;
        self.tablets.values().filter(of)
    }
}

// ---------------------------------------------------------------- the program

/// Reads all records.
pub struct Read;

impl Request for Read {
    type Reply = Rc<Topo>;
    const NAME: &'static str = "topo.Read";
}

/// Reads all records as soon as they are newer than a version.
pub struct Watch {
    pub after: u64,
}

impl Request for Watch {
    type Reply = Rc<Topo>;
    const NAME: &'static str = "topo.Watch";
}

/// Applies changes, all at once.
pub struct Write(pub Vec<Change>);

impl Request for Write {
    type Reply = Rc<Topo>;
    const NAME: &'static str = "topo.Write";

    fn describe(&self) -> String {
        let what = |change: &Change| match change {
            Change::Keyspace { name, .. } => format!("keyspace {name}"),
            Change::VSchema { keyspace, .. } => format!("vschema of {keyspace}"),
            Change::DurabilityPolicy { keyspace, policy } => {
                format!("durability policy of {keyspace} is {policy}")
            }
            Change::Tablet(record) => format!("tablet {} is {}", record.alias, record.kind),
            Change::ShardPrimary { keyspace, shard, primary, .. } => {
                format!("primary of {keyspace}/{shard} is {primary}")
            }
            Change::MirrorRules(_) => "mirror rules".to_owned(),
            Change::RebuildSrvVSchema | Change::SrvVSchema(_) => "SrvVSchema".to_owned(),
        };
        format!("topo.Write {}", self.0.iter().map(what).collect::<Vec<_>>().join(", "))
    }
}

/// The records, where the program's processes and the cluster's builder share them.
#[derive(Clone, Default)]
pub struct Store {
    topo: Rc<std::cell::RefCell<Rc<Topo>>>,
    changed: Signal,
}

impl Store {
    pub fn read(&self) -> Rc<Topo> {
        Rc::clone(&self.topo.borrow())
    }

    pub fn write(&self, changes: impl IntoIterator<Item = Change>) -> Rc<Topo> {
        {
            let mut shared = self.topo.borrow_mut();
            let topo = Rc::make_mut(&mut shared);
            changes.into_iter().for_each(|change| topo.apply(change));
        }
        self.changed.raise();
        self.read()
    }
}

/// The topology server. Its records outlive its crashes: what it has answered is kept by a quorum
/// that is not modelled.
pub async fn serve(process: Process, store: Store) {
    let reader = store.clone();
    process.serve(move |_, _: Rc<Read>| {
        let topo = reader.read();
        async move { topo }
    });
    let writer = store.clone();
    process.serve(move |_, write: Rc<Write>| {
        let topo = writer.write(write.0.iter().cloned());
        async move { topo }
    });
    process.serve(move |process, watch: Rc<Watch>| {
        let store = store.clone();
        async move {
            // A watch that nothing happens to ends by itself, so that a dead watcher is forgotten.
            let limit = Some(Duration::from_secs(20));
            if store.read().version <= watch.after {
                let _ = process.limit(limit, store.changed.raised()).await;
            }
            store.read()
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_prints_as_vitess_prints_it() {
        let alias = Alias::new("zone1", 300);
        assert_eq!(alias.to_string(), "zone1-0000000300");
        assert_eq!(Alias::parse("zone1-0000000300"), Some(alias));
        for text in ["zone1", "zone1-", "-300", "zone1-x", "zone1-99999999999", ""] {
            assert_eq!(Alias::parse(text), None, "{text}");
        }
    }
}
