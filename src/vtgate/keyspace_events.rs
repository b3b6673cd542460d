//! When a keyspace is whole again.
//!
//! ```text
//!   all shards serve ── a primary stops, or another one begins ──> something is going on
//!         ^                                                              │
//!         └── every shard that the topology has says that it serves ─────┘  and that is told
//! ```
//!
//! What is told is of the whole keyspace: while one shard is away, nobody hears that another has
//! come back. A shard whose requests failed as in a reparent is taken for away before its health
//! says so, and is back with the health of a primary of a later term, not with one that the old
//! primary had sent before. See `go/vt/discovery/keyspace_events.go`.
//!
//! Left out: resharding, MoveTables, keyspaces that are deleted. It knows nothing of requests.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;

use crate::rpc::{Health, Target};
use crate::topo::{Alias, TabletType, Topo};

/// See the [module](self).
#[derive(Default)]
pub struct KeyspaceEvents {
    keyspaces: BTreeMap<Rc<str>, Keyspace>,
}

#[derive(Default)]
struct Keyspace {
    /// As the topology has them.
    names: Vec<Rc<str>>,
    /// Of which a primary has told.
    shards: BTreeMap<Rc<str>, Shard>,
    is_consistent: bool,
}

#[derive(Default)]
struct Shard {
    is_serving: bool,
    waits_for_reparent: bool,
    primary: Option<Primary>,
}

/// The primary of the latest term that was heard of.
struct Primary {
    alias: Alias,
    term_start: Timestamp,
}

/// Why no primary of a shard serves, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// It has stopped, and a next one will be heard of.
    Reparent,
    /// It was said to serve just now.
    Inconsistent,
    /// There has been none.
    Unknown,
}

/// A keyspace whose shards all serve again, with the primary of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub keyspace: Rc<str>,
    pub shards: Vec<(Rc<str>, Alias)>,
}

impl KeyspaceEvents {
    /// What a primary tells of itself; one that cannot be reached serves no more.
    pub fn on_health(&mut self, health: &Health) -> Option<Resolved> {
        let Target { keyspace, shard, kind: TabletType::Primary } = &health.target else {
            return None;
        };
        let state = self.keyspaces.entry(Rc::clone(keyspace)).or_default();
        if !health.serving && !state.shards.contains_key(shard) {
            return None;
        }
        let own = state.shards.entry(Rc::clone(shard)).or_default();
        let is_later = own.is_before(health.term_start);
        if own.is_serving != health.serving {
            state.is_consistent = false;
            own.is_serving = health.serving && (is_later || !own.waits_for_reparent);
        }
        if own.is_serving || !health.serving {
            own.waits_for_reparent = false;
        }
        if let (true, Some(term_start)) = (is_later, health.term_start) {
            state.is_consistent = false;
            own.primary = Some(Primary { alias: health.alias.clone(), term_start });
        }
        state.resolve(keyspace)
    }

    /// Which shards there are.
    pub fn on_topo(&mut self, topo: &Topo) -> Vec<Resolved> {
        let mut resolved = Vec::new();
        for (name, record) in &topo.keyspaces {
            let state = self.keyspaces.entry(Rc::clone(name)).or_default();
            state.names.clone_from(&record.shard_order);
            resolved.extend(state.resolve(name));
        }
        resolved
    }

    /// A request has failed as while a primary changes: the shard is away until it is told of
    /// again. False for one that nothing is known of, which would never be told of.
    pub fn mark_not_serving(&mut self, target: &Target) -> bool {
        let Some(state) = self.keyspaces.get_mut(&target.keyspace) else { return false };
        let Some(own) = state.shards.get_mut(&target.shard) else { return false };
        state.is_consistent = false;
        own.is_serving = false;
        own.waits_for_reparent = true;
        true
    }

    pub fn why_away(&self, target: &Target) -> Away {
        let state = self.keyspaces.get(&target.keyspace);
        let own = state.and_then(|state| Some((state, state.shards.get(&target.shard)?)));
        match own {
            Some((state, own)) if own.primary.is_some() => {
                match own.is_serving || state.is_consistent {
                    true => Away::Inconsistent,
                    false => Away::Reparent,
                }
            }
            _ => Away::Unknown,
        }
    }
}

impl Keyspace {
    /// Told once, when the last of the shards is back.
    fn resolve(&mut self, name: &Rc<str>) -> Option<Resolved> {
        let serves = |shard: &Rc<str>| self.shards.get(shard).is_some_and(|own| own.is_serving);
        if self.is_consistent || self.names.is_empty() || !self.names.iter().all(serves) {
            return None;
        }
        self.is_consistent = true;
        let primary = |(name, own): (&Rc<str>, &Shard)| {
            own.primary.as_ref().map(|primary| (Rc::clone(name), primary.alias.clone()))
        };
        Some(Resolved {
            keyspace: Rc::clone(name),
            shards: self.shards.iter().filter_map(primary).collect(),
        })
    }
}

impl Shard {
    fn is_before(&self, term_start: Option<Timestamp>) -> bool {
        let known = self.primary.as_ref().map(|primary| primary.term_start);
        known < term_start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(shard: &str, uid: u32, term: i64, serving: bool) -> Health {
        Health {
            alias: Alias::new("zone1", uid),
            target: target(shard),
            serving,
            term_start: Timestamp::from_second(term).ok(),
            schema: 0,
        }
    }

    fn target(shard: &str) -> Target {
        Target { keyspace: "main".into(), shard: shard.into(), kind: TabletType::Primary }
    }

    /// Both shards of a keyspace serve.
    fn whole() -> KeyspaceEvents {
        let mut events = KeyspaceEvents::default();
        let state = events.keyspaces.entry("main".into()).or_default();
        state.names = vec!["-80".into(), "80-".into()];
        assert!(events.on_health(&health("-80", 300, 1, true)).is_none());
        let resolved = events.on_health(&health("80-", 400, 1, true)).expect("the last of them");
        let primaries = [("-80", 300), ("80-", 400)];
        let primaries = primaries.map(|(name, uid)| (name.into(), Alias::new("zone1", uid)));
        assert_eq!(resolved.shards, primaries);
        events
    }

    #[test]
    fn a_keyspace_is_whole_when_the_last_shard_serves() {
        let mut events = whole();
        assert!(events.on_health(&health("-80", 300, 1, true)).is_none(), "nothing was going on");
        assert!(events.on_health(&health("-80", 300, 1, false)).is_none());
        assert_eq!(events.why_away(&target("-80")), Away::Reparent);
        assert!(events.on_health(&health("80-", 400, 1, false)).is_none());
        assert!(events.on_health(&health("-80", 301, 2, true)).is_none(), "80- is away");
        assert!(events.on_health(&health("80-", 400, 1, true)).is_some());
    }

    /// A request is refused by the primary that is demoted. Then what it had told before arrives,
    /// that it serves; and then the next one tells that it serves.
    #[test]
    fn an_old_primary_that_serves_does_not_end_a_reparent() {
        let mut events = whole();
        assert!(events.mark_not_serving(&target("-80")));
        assert!(events.on_health(&health("-80", 300, 1, true)).is_none());
        assert_eq!(events.why_away(&target("-80")), Away::Reparent);
        let resolved = events.on_health(&health("-80", 301, 2, true)).expect("the next one");
        assert_eq!(resolved.shards[0].1, Alias::new("zone1", 301));
    }

    /// A reparent that fails puts the old primary back.
    #[test]
    fn an_old_primary_that_had_stopped_may_serve_again() {
        let mut events = whole();
        assert!(events.mark_not_serving(&target("-80")));
        assert!(events.on_health(&health("-80", 300, 1, false)).is_none());
        assert!(events.on_health(&health("-80", 300, 1, true)).is_some());
    }

    #[test]
    fn of_a_shard_that_never_served_nothing_is_awaited() {
        let mut events = whole();
        assert!(events.on_health(&health("80-c0", 500, 1, false)).is_none());
        assert!(!events.mark_not_serving(&target("80-c0")));
        assert_eq!(events.why_away(&target("80-c0")), Away::Unknown);
        assert_eq!(events.why_away(&target("-80")), Away::Inconsistent);
    }
}
