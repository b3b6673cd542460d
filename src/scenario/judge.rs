//! The judge's place in a run.
//!
//! It sees each event as it happens, is told of a new vschema as soon as topo serves it, and
//! compares its own tables with the servers' at each check.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::execution::LockWait;
use sim::mysql::options::{FlushLog, SemiSync};
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;
use sim::mysqld::lock_wait::Began;
use sim::world::{self, Program};

use crate::checker::coverage::fault::Struck;
use crate::checker::departure::Departure;
use crate::checker::live::{self, Held, Waiting};
use crate::checker::locked::RowLock;
use crate::checker::{Judge, ShardsCheck, Violation};
use crate::cluster::{Cluster, Durability, Tablet};
use crate::history::Event;
use crate::scenario::{Residue, Story};
use crate::topo::{Alias, Store};
use crate::vschema::VSchema;

/// See the [module](self).
#[derive(Default)]
pub struct Watch {
    judge: Judge,
    shards: ShardsCheck,
    store: Store,
    /// Of the SrvVSchema that the judge knows.
    version: u64,
    /// Keyspaces whose commits are acknowledged, on servers that sync each.
    durable: Vec<Rc<str>>,
}

/// Commands that end with what they have saved being served (vreplication.md 5.5, 5.7).
const SERVING: [&str; 3] = ["ApplyVSchema", "CreateLookupVindex", "ExternalizeVindex"];

impl Watch {
    /// Takes the cluster as it is before anything runs.
    pub fn begin(&mut self, cluster: &Cluster) {
        self.store = cluster.store();
        self.judge = Judge::new(&cluster.topo());
        for tablet in &cluster.tablets {
            let executed = cluster.executed(&tablet.alias);
            let images = cluster.images(&tablet.alias).into_iter();
            self.judge.take_server(&tablet.alias, &executed, images, 0);
            let uuid = tablet.with_server(|server| server.options().server_uuid);
            self.judge.server_is(&tablet.alias, uuid);
        }
        self.learn_vschema();
        let Durability { flush_log, sync_binlog, semi_sync_timeout } = cluster.options.durability;
        let is_synced = flush_log == FlushLog::Sync
            && sync_binlog == 1
            && SemiSync::VITESS.timeout <= semi_sync_timeout;
        self.durable = if is_synced { self.acknowledged() } else { Vec::new() };
    }

    fn acknowledged(&self) -> Vec<Rc<str>> {
        let topo = self.store.read();
        let keyspaces = topo.keyspaces.iter();
        let acknowledged = keyspaces.filter(|(_, record)| 0 < record.durability_policy.ackers());
        acknowledged.map(|(name, _)| Rc::clone(name)).collect()
    }

    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    pub fn judge_mut(&mut self) -> &mut Judge {
        &mut self.judge
    }

    /// The world stands still: who waits for whom.
    pub fn look(&mut self, cluster: &Cluster) {
        let waits = on_servers(cluster, |alias, server| {
            let tag = |connection| {
                server.session(connection).map_or_else(String::new, |s| s.tag.to_string())
            };
            let wait = |(connection, wait): (_, LockWait)| Waiting {
                tablet: alias.clone(),
                waiter: tag(connection),
                holders: wait
                    .holders
                    .iter()
                    .filter(|holder| !is_left(server, **holder))
                    .map(|holder| tag(*holder))
                    .collect(),
                what: format!("{}({})", wait.index, wait.record),
            };
            server.waits().into_iter().map(wait).collect()
        });
        self.judge.waits(&waits);
    }

    /// Whether statements are under way, or sessions have something on a server.
    pub fn is_open(&self, cluster: &Cluster) -> bool {
        self.judge.is_busy() || held(cluster).iter().any(|held| live::session(&held.tag).is_some())
    }

    /// Every timeout is past.
    pub fn at_rest(&mut self, cluster: &Cluster) {
        self.judge.at_rest(&held(cluster));
    }

    /// The run is over.
    pub fn at_end(&mut self) {
        let now = self.acknowledged();
        for keyspace in self.durable.iter().filter(|keyspace| now.contains(keyspace)) {
            self.judge.durable(keyspace);
        }
        self.judge.at_end();
    }

    /// Violations so far.
    pub fn told(&self) -> usize {
        self.judge.violations().len()
    }

    /// A line for each violation after the first ones.
    pub fn headlines(&self, after: usize) -> Vec<String> {
        self.judge.violations().iter().skip(after).map(Violation::headline).collect()
    }

    pub fn observe(&mut self, event: &Event) {
        self.learn_vschema();
        for strike in world::fault::take_struck() {
            if let Some(struck) = Struck::of(&strike) {
                self.judge.rule_struck(&struck);
            }
        }
        self.judge.observe(event, world::now());
        if let Event::Commanded { command } = event
            && SERVING.contains(&&**command)
        {
            let topo = self.store.read();
            let behind: Vec<Rc<str>> = topo.behind().map(Rc::clone).collect();
            if !behind.is_empty() {
                self.judge.not_served(command, behind);
            }
        }
        self.shards.observe(event, &self.store.read(), world::now());
    }

    /// A statement begins to wait for a lock.
    pub fn lock_wait_began(&mut self, began: &Began) {
        let (table, _) = began.index.split_once('.').unwrap_or((&began.index, ""));
        self.judge.lock_wait_began(&began.waiter, &began.holders, table);
    }

    /// A commit begins: what is locked is noted for stories.
    pub fn before_commit(&mut self, tablets: &[Tablet], server: Program, tag: &str) {
        let Some(own) = tablets.iter().find(|tablet| tablet.mysqld == server) else { return };
        let up = tablets.iter().filter(|tablet| world::is_up(tablet.mysqld));
        let locks = up.flat_map(|tablet| {
            tablet.with_server(|server| {
                let locks = server.row_locks().into_iter().filter_map(|lock| {
                    Some(RowLock {
                        tablet: tablet.alias.clone(),
                        tag: server.session(lock.connection)?.tag.to_string().into(),
                        table: lock.table,
                        row: lock.row,
                        mode: lock.mode,
                        waiting: lock.waiting,
                        versions: lock.versions,
                    })
                });
                locks.collect::<Vec<_>>()
            })
        });
        self.judge.before_commit(&own.alias, tag, locks.collect());
    }

    fn learn_vschema(&mut self) {
        let topo = self.store.read();
        let Some((version, source)) = topo.srv_vschema.values().next() else { return };
        if *version != self.version {
            self.version = *version;
            let vschema = Rc::new(VSchema::build_once(source, &[]));
            self.shards.learn(*version, &vschema);
            self.judge.vschema_changed(self.version, &vschema, world::now());
        }
    }

    /// The counts, after a comparison with every server.
    pub fn check(&mut self, cluster: &Cluster) -> String {
        self.learn_vschema();
        let images: Vec<_> = cluster
            .tablets
            .iter()
            // One that is down shows nobody what it holds; when it is back it tells what it lost.
            .filter(|tablet| cluster.has_server(&tablet.alias))
            .flat_map(|tablet| {
                let alias = tablet.alias.clone();
                cluster.images(&alias).into_iter().map(move |image| (alias.clone(), image))
            })
            .collect();
        self.judge.compare(images.into_iter());
        let mut text = self.judge.check().to_string();
        for violation in self.violations() {
            text.push_str(&violation.headline());
            text.push('\n');
        }
        text
    }

    fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.judge.violations().iter().chain(self.shards.violations())
    }

    pub fn dangling(&self) -> usize {
        self.judge.check().dangling()
    }

    /// The residue by cause.
    pub fn left(&self) -> Residue {
        self.judge.check().causes()
    }

    /// Violations that the scenario does not declare, as stories.
    pub fn undeclared(&self, declared: &[String]) -> Vec<Story> {
        let all = self.violations();
        let open = all.filter(|v| !declared.iter().any(|name| name == v.invariant.name()));
        let story = |violation: &Violation| Story {
            invariant: violation.invariant.name(),
            departure: violation.departure.map(Departure::name),
            rows: violation.rows.clone(),
            text: violation.to_string(),
        };
        open.map(story).collect()
    }

    /// What is declared and did not happen.
    pub fn absent(&self, declared: &[String]) -> Vec<String> {
        let happened =
            |name: &String| self.violations().any(|violation| violation.invariant.name() == name);
        declared.iter().filter(|name| !happened(name)).cloned().collect()
    }
}

fn on_servers<T>(cluster: &Cluster, read: impl Fn(&Alias, &mut Server) -> Vec<T>) -> Vec<T> {
    let up = cluster.tablets.iter().filter(|tablet| cluster.has_server(&tablet.alias));
    let each = up.filter_map(|tablet| {
        cluster.with_server(&tablet.alias, |server| read(&tablet.alias, server))
    });
    each.flatten().collect()
}

/// Whether a later transaction goes by the same name: nobody knows any more of this one, since the
/// answer to its BEGIN was lost.
fn is_left(server: &Server, connection: ConnectionId) -> bool {
    let of = |connection| {
        let session = server.session(connection)?;
        Some((Arc::clone(&session.tag), session.transaction?))
    };
    let Some((tag, own)) = of(connection) else { return false };
    server.connections().filter_map(of).any(|(other, later)| other == tag && own < later)
}

/// What connections have open on the servers.
fn held(cluster: &Cluster) -> Vec<Held> {
    on_servers(cluster, |alias, server| {
        let held = |connection, what: String| {
            let tag = server.session(connection)?.tag.to_string();
            Some(Held { tablet: alias.clone(), tag, what })
        };
        let open = server
            .connections()
            .filter(|connection| server.in_transaction(*connection))
            .filter_map(|connection| held(connection, "an open transaction".to_owned()));
        let locks = server.lock_report().into_iter().filter_map(|lock| {
            let how = if lock.waiting { "waits for" } else { "holds" };
            let what = format!(
                "a lock: {how} {} on {}.{}({})",
                lock.mode, lock.table, lock.index, lock.record
            );
            held(lock.connection, what)
        });
        open.chain(locks).collect()
    })
}

/// Shared between the runner and the history.
pub type Shared = Rc<std::cell::RefCell<Watch>>;
