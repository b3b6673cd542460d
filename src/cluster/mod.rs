//! A whole cluster in one World: topology, vtgates, tablets on MySQL servers, an operator, clients.
//!
//! Machines have the names of what runs on them: `zone1-0000000300` runs a vttablet and its mysqld
//! (`mysqld-zone1-0000000300`); others are `vtgate-1`, `vtctld`, `topo`, and one for each client.
//! The first keyspace counts its tablets from 300, +100 a shard, +1 a tablet; ports are 15000 and
//! 17000 more. Server uuids come from names.
//!
//! Building is not part of the run: schemas, vschemas and the servers' earlier history are put in
//! place before anything starts. From then on the World's rules hold for everything.
//!
//! It knows nothing of what is done with a cluster.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sim::mysql::binlog::BinlogTransaction;
use sim::mysql::gtid::{Gtid, GtidSet, ServerUuid};
use sim::mysql::options::{FlushLog, Options as ServerOptions, SemiSync};
use sim::mysql::server::{Server, TableImage};
use sim::mysqld::{self, Files, Observer};
use sim::sql_error::SqlError;
use sim::world::{self, Machine, OpenError, Program, World};

use crate::history::{self, Event};
use crate::key::{KeyRange, Shard};
use crate::topo::{
    self, Alias, Change, DurabilityPolicy, KeyspaceRecord, ShardRecord, TabletRecord, TabletType,
    Topo,
};
use crate::vschema::KeyspaceSource;
use crate::vtctl;
use crate::vtgate::buffer::BufferOptions;
use crate::vtgate::{self, Edition};
use crate::vttablet::{self, Addresses};

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct Options {
    pub cells: Vec<String>,
    pub edition: Edition,
    pub vtgates: usize,
    /// Of every vtgate.
    pub buffer: Option<BufferOptions>,
    /// `--schema-change-signal` of every vtgate.
    pub schema_change_signal: bool,
    pub tablet: vttablet::Options,
    pub durability: Durability,
    /// Of every keyspace.
    pub durability_policy: DurabilityPolicy,
    /// AUTO_INCREMENT of `_vt.vreplication` begins here.
    pub first_stream: u64,
}

/// How far a commit of every server is on its disk when it is answered.
#[derive(Clone, Copy, Debug)]
pub struct Durability {
    /// `innodb_flush_log_at_trx_commit`
    pub flush_log: FlushLog,
    pub sync_binlog: u64,
    /// `rpl_semi_sync_source_timeout`, where a policy wants semi-sync.
    pub semi_sync_timeout: Duration,
}

impl Default for Durability {
    /// MySQL's 1 and 1, Vitess's 10^18 ms.
    fn default() -> Durability {
        Durability {
            flush_log: FlushLog::Sync,
            sync_binlog: 1,
            semi_sync_timeout: SemiSync::VITESS.timeout,
        }
    }
}

/// A keyspace to be made.
#[derive(Clone, Debug)]
pub struct Keyspace {
    pub name: String,
    pub shards: Vec<Shard>,
    /// Tablets of each shard, in each cell.
    pub tablets: Vec<TabletType>,
    pub uid: u32,
    /// By shard: the uuid of its first primary, and how many transactions it has had before.
    pub servers: BTreeMap<String, (Option<ServerUuid>, u64)>,
}

/// A cluster cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    World(#[from] OpenError),
    #[error("{0}")]
    Sql(SqlError),
    #[error("keyspace {0} does not exist")]
    NoKeyspace(String),
}

/// A tablet and the server behind it.
#[derive(Clone)]
pub struct Tablet {
    pub alias: Alias,
    pub machine: Machine,
    pub vttablet: Program,
    pub mysqld: Program,
    files: Rc<RefCell<Files>>,
}

impl Tablet {
    /// Reads the server, as it stands.
    pub fn with_server<R>(&self, read: impl FnOnce(&mut Server) -> R) -> R {
        read(self.files.borrow_mut().server())
    }
}

/// See the [module](self).
pub struct Cluster {
    pub world: World,
    pub options: Options,
    pub vtgates: Vec<Program>,
    pub vtctld: Program,
    pub topo: Program,
    pub tablets: Vec<Tablet>,
    addresses: Addresses,
    store: topo::Store,
    start: Timestamp,
}

impl Cluster {
    /// A cluster without keyspaces, nothing of it running yet.
    pub fn new(world: world::Options, options: Options) -> Result<Cluster, BuildError> {
        let start = world.epoch;
        let mut world = World::open(world)?;
        let (addresses, store) = (Addresses::default(), topo::Store::default());
        let machine = world.machine("topo");
        let shared = store.clone();
        let topo =
            world.install(machine, "topo", move |process| topo::serve(process, shared.clone()));
        addresses.topo.set(Some(topo));
        let machine = world.machine("vtctld");
        let found = addresses.clone();
        let v6 = options.edition == Edition::V6;
        let vtctld = world.install(machine, "vtctld", move |process| {
            vtctl::serve(process, vtctl::Options { v6 }, found.clone())
        });
        let mut cluster = Cluster {
            world,
            vtgates: Vec::new(),
            vtctld,
            topo,
            tablets: Vec::new(),
            addresses,
            store,
            start,
            options,
        };
        for number in 1..=cluster.options.vtgates {
            cluster.add_vtgate(number);
        }
        Ok(cluster)
    }

    fn add_vtgate(&mut self, number: usize) {
        let name = format!("vtgate-{number}");
        let machine = self.world.machine(&name);
        let found = self.addresses.clone();
        let cell: Rc<str> = self.options.cells.first().map_or("zone1", String::as_str).into();
        let options = vtgate::Options {
            cell,
            edition: self.options.edition,
            buffer: self.options.buffer,
            schema_change_signal: self.options.schema_change_signal,
        };
        let program = self.world.install(machine, &name, move |process| {
            vtgate::serve(process, options.clone(), found.clone())
        });
        self.vtgates.push(program);
    }

    /// Makes a keyspace: its records, its tablets, their servers with an empty database.
    pub fn add_keyspace(&mut self, keyspace: &Keyspace) -> Result<(), BuildError> {
        let record = |shard: &Shard| {
            let range = shard.name.contains('-').then(|| shard.range.clone());
            ShardRecord { range, primary: None, term_start: None }
        };
        let shards =
            keyspace.shards.iter().map(|shard| (shard.name.as_str().into(), record(shard)));
        let record = KeyspaceRecord {
            durability_policy: self.options.durability_policy,
            vschema: KeyspaceSource { sharded: is_sharded(&keyspace.shards), ..Default::default() },
            shards: shards.collect(),
            shard_order: keyspace.shards.iter().map(|shard| shard.name.as_str().into()).collect(),
        };
        let name: Rc<str> = keyspace.name.as_str().into();
        self.store.write([Change::Keyspace { name, record }]);
        for (at, shard) in keyspace.shards.iter().enumerate() {
            self.add_shard(keyspace, shard, keyspace.uid + 100 * at as u32)?;
        }
        self.store.write([Change::RebuildSrvVSchema]);
        Ok(())
    }

    fn add_shard(
        &mut self,
        keyspace: &Keyspace,
        shard: &Shard,
        first_uid: u32,
    ) -> Result<(), BuildError> {
        let (uuid, executed) = keyspace.servers.get(&shard.name).copied().unwrap_or((None, 0));
        let mut uid = first_uid;
        let mut members = Vec::new();
        for (at, cell) in self.options.cells.clone().iter().enumerate() {
            for kind in &keyspace.tablets {
                // There is one primary, in the first cell.
                let kind = match (kind, at) {
                    (TabletType::Primary, 1..) => TabletType::Replica,
                    (kind, _) => *kind,
                };
                let alias = Alias::new(cell, uid);
                let own = if kind == TabletType::Primary { uuid } else { None };
                members.push((self.add_tablet(&alias, own), kind));
                uid += 1;
            }
        }
        for (tablet, kind) in &members {
            self.write_records(keyspace, shard, &tablet.alias, *kind);
        }
        let primary = members.iter().find(|(_, kind)| *kind == TabletType::Primary);
        let Some((primary, _)) = primary.cloned() else { return Ok(()) };
        let server_uuid = primary.files.borrow_mut().server().options().server_uuid;
        for (tablet, _) in &members {
            tablet.files.borrow_mut().begin_at(executed_set(server_uuid, executed));
        }
        let database = format!("vt_{}", keyspace.name);
        let mut statements = vec![format!("create database `{database}`")];
        let v6 = self.options.edition == Edition::V6;
        let first_stream = self.options.first_stream;
        statements.extend(crate::vreplication::tables::definitions(v6, first_stream));
        self.on_shard(&keyspace.name, &shard.name, &statements)
    }

    fn add_tablet(&mut self, alias: &Alias, uuid: Option<ServerUuid>) -> Tablet {
        let name = alias.to_string();
        let machine = self.world.machine(&name);
        let uuid = uuid.unwrap_or_else(|| uuid_of(&name));
        let uid = alias.uid;
        let durability = self.options.durability;
        let options: mysqld::MakeOptions = Rc::new(move || ServerOptions {
            flush_log: durability.flush_log,
            sync_binlog: durability.sync_binlog,
            semi_sync: SemiSync { timeout: durability.semi_sync_timeout, ..SemiSync::OFF },
            relay_log_recovery: true,
            // As Vitess's my.cnf has it; its tablet makes a primary writable.
            read_only: true,
            super_read_only: true,
            ..ServerOptions::new(uuid, uid)
        });
        let made = Rc::clone(&options);
        let opened = self.world.open_file(machine, "mysqld", move || Files::new(made));
        let files = opened.expect("a new machine has no files");
        let observer = observer(alias);
        let mysqld = self.world.install(machine, &format!("mysqld-{name}"), move |process| {
            mysqld::serve(process, "mysqld".into(), Rc::clone(&options), observer.clone())
        });
        let found = self.addresses.clone();
        let (own, tablet_options) = (alias.clone(), self.options.tablet.clone());
        let vttablet = self.world.install(machine, &name, move |process| {
            vttablet::serve(process, own.clone(), mysqld, found.clone(), tablet_options.clone())
        });
        self.addresses.tablets.borrow_mut().insert(alias.clone(), (vttablet, mysqld));
        let tablet = Tablet { alias: alias.clone(), machine, vttablet, mysqld, files };
        self.tablets.push(tablet.clone());
        tablet
    }

    fn write_records(&self, keyspace: &Keyspace, shard: &Shard, alias: &Alias, kind: TabletType) {
        let (ks, sh): (Rc<str>, Rc<str>) =
            (keyspace.name.as_str().into(), shard.name.as_str().into());
        let is_primary = kind == TabletType::Primary;
        let mut changes = vec![Change::Tablet(TabletRecord {
            alias: alias.clone(),
            keyspace: Rc::clone(&ks),
            shard: Rc::clone(&sh),
            kind,
            hostname: "localhost".into(),
            port: 15_000 + alias.uid,
            mysql_port: 17_000 + alias.uid,
            term_start: is_primary.then_some(self.start),
        })];
        if is_primary {
            changes.push(Change::ShardPrimary {
                keyspace: ks,
                shard: sh,
                primary: alias.clone(),
                term_start: self.start,
            });
        }
        self.store.write(changes);
    }

    /// When the primaries' terms began, where that is not when the run does.
    pub fn set_term_start(&self, time: Timestamp) {
        let topo = self.store.read();
        let primaries = topo.tablets.values().filter(|tablet| tablet.term_start.is_some());
        let changes: Vec<Change> = primaries
            .flat_map(|tablet| {
                let record = TabletRecord { term_start: Some(time), ..tablet.clone() };
                let primary = Change::ShardPrimary {
                    keyspace: Rc::clone(&tablet.keyspace),
                    shard: Rc::clone(&tablet.shard),
                    primary: tablet.alias.clone(),
                    term_start: time,
                };
                [Change::Tablet(record), primary]
            })
            .collect();
        self.store.write(changes);
    }

    pub fn set_vschema(&self, keyspace: &str, vschema: KeyspaceSource) -> Result<(), BuildError> {
        if !self.store.read().keyspaces.contains_key(keyspace) {
            return Err(BuildError::NoKeyspace(keyspace.to_owned()));
        }
        let change = Change::VSchema { keyspace: keyspace.into(), vschema };
        self.store.write([change, Change::RebuildSrvVSchema]);
        Ok(())
    }

    /// Runs statements on every shard before the run begins.
    pub fn set_schema(&self, keyspace: &str, sql: &str) -> Result<(), BuildError> {
        let topo = self.store.read();
        let record = topo.keyspaces.get(keyspace);
        let record = record.ok_or_else(|| BuildError::NoKeyspace(keyspace.to_owned()))?;
        let mut statements = vec![format!("use `vt_{keyspace}`")];
        statements.extend(crate::sql_text::statements(sql).into_iter().map(str::to_owned));
        let shards = record.shard_order.iter();
        shards.into_iter().try_for_each(|shard| self.on_shard(keyspace, shard, &statements))
    }

    /// Runs statements on a shard's primary, and replicates them at once.
    fn on_shard(
        &self,
        keyspace: &str,
        shard: &str,
        statements: &[String],
    ) -> Result<(), BuildError> {
        let topo = self.store.read();
        let Some(primary) = topo.primary(keyspace, shard) else { return Ok(()) };
        let members: Vec<Tablet> = topo
            .tablets_of(keyspace, shard)
            .filter_map(|record| self.tablet(&record.alias).cloned())
            .collect();
        let Some(source) = members.iter().find(|tablet| tablet.alias == *primary) else {
            return Ok(());
        };
        let transactions = {
            let mut files = source.files.borrow_mut();
            let server = files.server();
            let before = server.executed().clone();
            server.options_mut().super_read_only = false;
            server.options_mut().read_only = false;
            let connection = server.connect("vt_dba", None);
            server.set_tag(connection, "dba");
            for statement in statements {
                mysqld::run_at_once(server, connection, statement, self.start)
                    .map_err(BuildError::Sql)?;
            }
            server.disconnect(connection);
            server.sync_logs();
            let missing = server.binlog_from(&before).map_err(BuildError::Sql)?;
            missing.cloned().collect::<Vec<_>>()
        };
        for tablet in members.iter().filter(|tablet| tablet.alias != source.alias) {
            let mut files = tablet.files.borrow_mut();
            let server = files.server();
            let applier = server.connect_applier();
            for transaction in &transactions {
                server
                    .apply_transaction(applier, transaction, self.start)
                    .map_err(BuildError::Sql)?;
            }
            server.disconnect(applier);
            server.sync_logs();
        }
        Ok(())
    }

    /// Starts everything, and lets it find its place.
    pub fn start(&mut self) -> world::Stop {
        self.world.restart(self.topo);
        for tablet in self.tablets.clone() {
            tablet.files.borrow_mut().begin();
            self.world.restart(tablet.mysqld);
            self.world.restart(tablet.vttablet);
        }
        for vtgate in self.vtgates.clone() {
            self.world.restart(vtgate);
        }
        self.world.restart(self.vtctld);
        self.world.advance(Duration::from_millis(100))
    }

    // ------------------------------------------------------------ looking

    pub fn tablet(&self, alias: &Alias) -> Option<&Tablet> {
        self.tablets.iter().find(|tablet| tablet.alias == *alias)
    }

    /// How long after the run's beginning a time is.
    pub fn age(&self, time: Timestamp) -> Duration {
        Duration::try_from(time.duration_since(self.start)).unwrap_or_default()
    }

    /// The topology's records, as its server holds them.
    pub fn store(&self) -> topo::Store {
        self.store.clone()
    }

    /// The records as they are, as no program sees them.
    pub fn topo(&self) -> Rc<Topo> {
        self.store.read()
    }

    /// Whether a tablet's server runs.
    pub fn has_server(&self, alias: &Alias) -> bool {
        self.tablet(alias).is_some_and(|tablet| self.world.is_up(tablet.mysqld))
    }

    /// What stands on a tablet's server, committed.
    pub fn images(&self, alias: &Alias) -> Vec<TableImage> {
        let Some(tablet) = self.tablet(alias) else { return Vec::new() };
        tablet.files.borrow_mut().server().tables().collect()
    }

    pub fn executed(&self, alias: &Alias) -> GtidSet {
        match self.tablet(alias) {
            Some(tablet) => tablet.files.borrow_mut().server().executed().clone(),
            None => GtidSet::new(),
        }
    }

    /// Reads a tablet's server.
    pub fn with_server<R>(&self, alias: &Alias, read: impl FnOnce(&mut Server) -> R) -> Option<R> {
        Some(self.tablet(alias)?.with_server(read))
    }

    /// Says whether all replicas have what their primary has: those that are up and follow it.
    pub fn at_rest(&self) -> Rc<dyn Fn() -> bool> {
        let (store, tablets) = (self.store.clone(), self.tablets.clone());
        Rc::new(move || {
            let topo = store.read();
            let up = |alias: &Alias| {
                let found = tablets.iter().find(|tablet| tablet.alias == *alias);
                found.filter(|tablet| world::is_up(tablet.mysqld))
            };
            let executed = |tablet: &Tablet| tablet.files.borrow_mut().server().executed().clone();
            topo.tablets.values().all(|record| {
                let primary = topo.primary(&record.keyspace, &record.shard);
                let own = up(&record.alias).filter(|own| own.files.borrow().is_replica());
                match (own, primary.and_then(up)) {
                    (Some(own), Some(primary)) => {
                        let (own, primary) = (executed(own), executed(primary));
                        // One with errant GTIDs follows nobody any more.
                        own.contains_set(&primary) || !primary.contains_set(&own)
                    }
                    _ => true,
                }
            })
        })
    }

    /// Gives the states of a workflow's streams, on the primaries of all shards.
    pub fn stream_states(&self) -> impl Fn(&str) -> Vec<String> + use<> {
        let (store, tablets) = (self.store.clone(), self.tablets.clone());
        move |workflow| {
            let topo = store.read();
            let is_primary = |tablet: &&Tablet| {
                let record = topo.tablets.get(&tablet.alias);
                record.is_some_and(|record| record.kind == TabletType::Primary)
            };
            let mut states = Vec::new();
            for tablet in tablets.iter().filter(is_primary) {
                let mut files = tablet.files.borrow_mut();
                let mut images = files.server().tables();
                let Some(image) = images.find(|image| *image.schema.name == *"vreplication") else {
                    continue;
                };
                let (Some(name), Some(state)) =
                    (image.schema.column("workflow"), image.schema.column("state"))
                else {
                    continue;
                };
                let text = crate::vreplication::row::text_of;
                let of = image.rows.iter().filter(|row| text(&row[name]) == workflow);
                states.extend(of.map(|row| text(&row[state])));
            }
            states
        }
    }
}

/// Tells the history of a server's commits and losses.
fn observer(alias: &Alias) -> Observer {
    let (of_commits, of_losses) = (alias.clone(), alias.clone());
    Observer {
        on_commit: Rc::new(move |transaction: &Arc<BinlogTransaction>| {
            let transaction = Arc::clone(transaction);
            history::emit(Event::Commit { tablet: of_commits.clone(), transaction });
        }),
        on_loss: Rc::new(move |gtids: &GtidSet, server: &mut Server| {
            history::emit(Event::Lost {
                tablet: of_losses.clone(),
                gtids: gtids.clone(),
                executed: server.executed().clone(),
                images: Rc::new(server.tables().collect()),
            });
        }),
    }
}

fn is_sharded(shards: &[Shard]) -> bool {
    !(shards.len() == 1 && shards[0].range == KeyRange::COMPLETE)
}

fn executed_set(server: ServerUuid, count: u64) -> GtidSet {
    let mut set = GtidSet::new();
    (1..=count).for_each(|sequence| set.add(Gtid { server, sequence }));
    set
}

/// A uuid of version 5's form, from a name.
fn uuid_of(name: &str) -> ServerUuid {
    let high = vtgate::uuid_word(name).to_be_bytes();
    let low = vtgate::uuid_word(&format!("{name} server")).to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high);
    bytes[8..].copy_from_slice(&low);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    ServerUuid(bytes)
}
