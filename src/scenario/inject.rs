//! Doing faults: now, or in the middle of a run.
//!
//! A target is a symbol until the fault is done. What takes a call (STOP REPLICA, KILL) is asked
//! from the machine itself, as by an operator who is logged in there: no network is in between.
//!
//! It knows nothing of what a fault leads to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sim::call::Request;
use sim::clock::nanos;
use sim::disk::DiskState;
use sim::mysql::session::ConnectionId;
use sim::mysqld;
use sim::network::{Leg, Rule, Verdict as Fate};
use sim::wait::Token;
use sim::world::{Machine, Process, Program, fault as world};

use super::client::Client;
use super::fault::{Calls, Disk, Fault, Hearing, Kill, Threads, When, Whose};
use super::open::Open;
use crate::cluster::{self, Cluster, Tablet};
use crate::history::{self, Event, List};
use crate::topo::{Alias, Store};
use crate::vttablet::fault::{FillPool, KillTransaction};

/// What a fault takes to be done; it owns nothing of the cluster.
#[derive(Clone)]
pub struct Hand {
    tablets: Vec<Tablet>,
    store: Store,
    pub clients: Rc<RefCell<BTreeMap<String, Client>>>,
    pub open: Rc<RefCell<Open>>,
    under_way: Rc<Cell<usize>>,
}

impl Hand {
    pub fn new(cluster: &Cluster) -> Hand {
        Hand {
            tablets: cluster.tablets.clone(),
            store: cluster.store(),
            clients: Rc::default(),
            open: Rc::default(),
            under_way: Rc::default(),
        }
    }

    pub fn tablets(&self) -> &[Tablet] {
        &self.tablets
    }

    /// The statement that a session is in: none where its client has given it up.
    pub fn asked(&self, session: &str) -> Option<Rc<str>> {
        let clients = self.clients.borrow();
        let client = clients.get(history::client_of(session))?;
        (*client.session() == *session).then(|| client.asked())?
    }

    /// When a session's transaction on a shard began.
    pub fn began(&self, session: &str, list: List, shard: &str) -> Option<Duration> {
        self.open.borrow().began(session, list, shard)
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Does a fault. What it asks somebody for is under way then, for `token` if there is one.
    pub fn strike(&self, fault: &Fault, token: Option<Token>) -> Result<(), String> {
        match fault {
            Fault::Crash(name) => world::crash(self.program(name)?),
            Fault::Bounce { target, down } => {
                let program = self.program(target)?;
                world::crash(program);
                world::restart_in(program, *down);
            }
            Fault::Restart(name) => world::restart(self.program(name)?),
            Fault::Pause(name) => world::pause(self.program(name)?),
            Fault::Resume(name) => world::resume(self.program(name)?),
            Fault::PowerOff { target, torn } => world::power_off(self.machine(target)?, *torn),
            Fault::PowerOn(name) => world::power_on(self.machine(name)?),
            Fault::Disk { target, state } => world::set_disk(self.machine(target)?, disk(*state)),
            Fault::Clock { target, change } => {
                world::change_clock(self.machine(target)?, *change);
            }
            Fault::Disconnect(session) => self.client(session)?.disconnect(),
            Fault::ClientTimeout { session, limit } => self.client(session)?.set_limit(*limit),
            Fault::Cut { .. }
            | Fault::Mend { .. }
            | Fault::Partition { .. }
            | Fault::Isolate(_)
            | Fault::Latency { .. }
            | Fault::Break { .. }
            | Fault::Silent { .. }
            | Fault::Delay { .. }
            | Fault::Lose(_)
            | Fault::Heal
            | Fault::SlowNode { .. }
            | Fault::Topo { .. } => return self.strike_network(fault),
            Fault::StopReplication { .. }
            | Fault::StartReplication { .. }
            | Fault::Lag { .. }
            | Fault::Errant(_)
            | Fault::ReadOnly(_)
            | Fault::ReadWrite(_)
            | Fault::FillPool(_)
            | Fault::FreePool(_)
            | Fault::Kill { .. } => return self.strike_server(fault, token),
        }
        Ok(())
    }

    // ------------------------------------------------------------ the network

    fn strike_network(&self, fault: &Fault) -> Result<(), String> {
        match fault {
            Fault::Cut { from, to } => world::cut(self.machine(from)?, self.machine(to)?),
            Fault::Mend { from, to } => world::mend(self.machine(from)?, self.machine(to)?),
            Fault::Partition { one, other } => part(self.machine(one)?, self.machine(other)?),
            Fault::Isolate(name) => {
                let machine = self.machine(name)?;
                let others = world::machines().into_iter().filter(|other| *other != machine);
                others.for_each(|other| part(machine, other));
            }
            Fault::Latency { from, to, latency } => {
                world::set_link_latency(self.machine(from)?, self.machine(to)?, *latency);
            }
            Fault::Break { calls, when } => self.answered(calls, *when, Fate::Break)?,
            Fault::Silent { calls, when } => self.answered(calls, *when, Fate::Drop)?,
            Fault::Delay { calls, by } => {
                let (from, to) = (calls.from.as_deref(), calls.to.as_deref());
                self.rule(calls, (from, to), None, calls.times, Fate::Delay(*by))?;
            }
            Fault::Lose(calls) => {
                let (from, to) = (calls.from.as_deref(), calls.to.as_deref());
                let times = Some(calls.times.unwrap_or(1));
                self.rule(calls, (from, to), Some(Leg::Single), times, Fate::Drop)?;
            }
            Fault::Heal => world::heal_network(),
            Fault::SlowNode { target, by } => {
                let machine = self.machine(target)?;
                let name = world::machine_name(machine);
                link(Some(name.clone()), None, Fate::Delay(*by));
                link(None, Some(name), Fate::Delay(*by));
                world::set_disk(machine, disk(Disk::Slow(*by)));
            }
            Fault::Topo { reader, how } => {
                let reader = world::machine_name(self.machine(reader)?);
                strike_topo(reader, world::machine_name(self.machine("topo")?), *how);
            }
            _ => {}
        }
        Ok(())
    }

    /// What becomes of a call's request, or of its reply.
    fn answered(&self, calls: &Calls, when: When, verdict: Fate) -> Result<(), String> {
        let (from, to) = (calls.from.as_deref(), calls.to.as_deref());
        // A reply travels the other way.
        let (leg, ends) = match when {
            When::Before => (Leg::Request, (from, to)),
            When::After => (Leg::Reply, (to, from)),
        };
        self.rule(calls, ends, Some(leg), Some(calls.times.unwrap_or(1)), verdict)
    }

    fn rule(
        &self,
        calls: &Calls,
        (from, to): (Option<&str>, Option<&str>),
        leg: Option<Leg>,
        times: Option<u32>,
        verdict: Fate,
    ) -> Result<(), String> {
        world::install_rule(Rule {
            from: self.maybe_machine(from)?,
            to: self.maybe_machine(to)?,
            leg,
            name: Some(calls.name.clone()),
            skip: calls.skip,
            times,
            verdict,
        });
        Ok(())
    }

    // ------------------------------------------------------------ servers and tablets

    fn strike_server(&self, fault: &Fault, token: Option<Token>) -> Result<(), String> {
        match fault {
            Fault::StopReplication { target, threads } => {
                let (io, sql) = both(*threads);
                self.tell(self.tablet(target)?.mysqld, token, mysqld::StopReplica { io, sql });
            }
            Fault::StartReplication { target, threads } => {
                let (io, sql) = both(*threads);
                self.tell(self.tablet(target)?.mysqld, token, mysqld::StartReplica { io, sql });
            }
            Fault::Lag { target, by } => {
                self.tell(self.tablet(target)?.mysqld, token, mysqld::SetDelay(*by));
            }
            Fault::ReadOnly(target) => {
                self.tell(self.tablet(target)?.mysqld, token, mysqld::SetReadOnly(true));
            }
            Fault::ReadWrite(target) => {
                self.tell(self.tablet(target)?.mysqld, token, mysqld::SetReadOnly(false));
            }
            Fault::FillPool(target) => {
                self.tell(self.tablet(target)?.vttablet, token, FillPool(true));
            }
            Fault::FreePool(target) => {
                self.tell(self.tablet(target)?.vttablet, token, FillPool(false));
            }
            Fault::Errant(target) => self.write_errant(self.tablet(target)?, token)?,
            Fault::Kill { what, whose } => match whose {
                Whose::Server { name, connection } => {
                    let mysqld = self.tablet(name)?.mysqld;
                    self.kill_connection(mysqld, *what, ConnectionId(*connection), token);
                }
                Whose::Session { name, list, shard } => {
                    self.kill(*what, name, *list, shard.as_deref(), token)?;
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Somebody with SUPER writes where nobody should.
    fn write_errant(&self, tablet: &Tablet, token: Option<Token>) -> Result<(), String> {
        let parsed = sim::sql::parse("create database if not exists errant");
        let statement = Arc::new(parsed.map_err(|error| error.to_string())?);
        let name = world::name_of(tablet.mysqld);
        self.ask(tablet.mysqld, token, move |process, mysqld| {
            Box::pin(async move {
                let (user, tag) = ("root".into(), format!("errant on {name}").into());
                let connect = mysqld::Connect { user, database: None, tag };
                let _ = process.call(mysqld, mysqld::SetReadOnly(false)).await;
                if let Ok(connection) = process.call(mysqld, connect).await {
                    let query = mysqld::Query { connection, statement, binds: Arc::default() };
                    let _ = process.call(mysqld, query).await;
                    process.send(mysqld, mysqld::Quit { connection });
                }
                let _ = process.call(mysqld, mysqld::SetReadOnly(true)).await;
            })
        });
        Ok(())
    }

    /// Ends what a client's session has on shards: all lists, all shards where none is named.
    fn kill(
        &self,
        what: Kill,
        client: &str,
        list: Option<List>,
        shard: Option<&str>,
        token: Option<Token>,
    ) -> Result<(), String> {
        let session = self.client(client)?.session();
        for (tablet, transaction) in self.transactions(&session, list, shard) {
            match what {
                Kill::Query => {}
                Kill::Connection => {
                    let tablet = tablet.alias.clone();
                    history::emit(Event::Killed { tablet, transaction });
                }
                Kill::Transaction => {
                    self.tell(tablet.vttablet, token, KillTransaction { transaction });
                }
            }
        }
        if what == Kill::Transaction {
            return Ok(());
        }
        let copy = history::copy_name(&session);
        let tags: Vec<String> = List::ALL
            .into_iter()
            .filter(|own| list.is_none_or(|list| list == *own))
            .flat_map(|list| [format!("{session} {list}"), format!("{copy} {list}")])
            .chain(list.is_none().then(|| session.to_string()))
            .collect();
        for tablet in self.tablets.iter().filter(|tablet| self.is_of(tablet, shard)) {
            for connection in tablet.connections_of(&tags) {
                self.kill_connection(tablet.mysqld, what, connection, token);
            }
        }
        Ok(())
    }

    /// A session's open transactions, each with the tablet that has it.
    fn transactions(
        &self,
        session: &str,
        list: Option<List>,
        shard: Option<&str>,
    ) -> Vec<(&cluster::Tablet, u64)> {
        let (open, topo) = (self.open.borrow(), self.store.read());
        let found = open.of(session, list, shard).filter_map(|(shard, transaction)| {
            let (keyspace, shard) = shard.split_once('/')?;
            let primary = topo.primary(keyspace, shard)?;
            let tablet = self.tablets.iter().find(|tablet| tablet.alias == *primary)?;
            Some((tablet, transaction))
        });
        found.collect()
    }

    fn is_of(&self, tablet: &Tablet, shard: Option<&str>) -> bool {
        let topo = self.store.read();
        let record = topo.tablets.get(&tablet.alias);
        shard.is_none_or(|shard| {
            record.is_some_and(|own| format!("{}/{}", own.keyspace, own.shard) == shard)
        })
    }

    fn kill_connection(
        &self,
        mysqld: Program,
        what: Kill,
        connection: ConnectionId,
        token: Option<Token>,
    ) {
        match what {
            Kill::Query => self.tell(mysqld, token, mysqld::Kill { connection }),
            _ => self.tell(mysqld, token, mysqld::KillConnection { connection }),
        }
    }

    /// Sends a program one request from its own machine; what it answers is nobody's concern.
    fn tell<R: Request>(&self, program: Program, token: Option<Token>, request: R) {
        self.ask(program, token, move |process, program| {
            Box::pin(async move {
                let _ = process.call(program, request).await;
            })
        });
    }

    /// Asks a program something from its own machine.
    fn ask(
        &self,
        program: Program,
        token: Option<Token>,
        make: impl FnOnce(Process, Program) -> Asking + 'static,
    ) {
        let under_way = UnderWay::new(&self.under_way);
        world::spawn(program, token, "operator", move |process| {
            let asking = make(process, program);
            Box::pin(async move {
                let _under_way = under_way;
                asking.await;
            })
        });
    }

    /// Whether a fault that was struck is still to come: a server waits for statements before it
    /// refuses to write.
    pub fn is_striking(&self) -> bool {
        0 < self.under_way.get()
    }

    // ------------------------------------------------------------ targets

    pub fn program(&self, name: &str) -> Result<Program, String> {
        let name = self.resolve(name)?;
        world::find(&name).ok_or_else(|| format!("there is no program {name}"))
    }

    fn machine(&self, name: &str) -> Result<Machine, String> {
        self.program(name).map(world::machine_of)
    }

    fn maybe_machine(&self, name: Option<&str>) -> Result<Option<String>, String> {
        name.map(|name| self.machine(name).map(world::machine_name)).transpose()
    }

    fn tablet(&self, name: &str) -> Result<&Tablet, String> {
        let name = self.resolve(name)?;
        let alias = Alias::parse(name.strip_prefix("mysqld-").unwrap_or(&name));
        let found = self.tablets.iter().find(|tablet| Some(&tablet.alias) == alias.as_ref());
        found.ok_or_else(|| format!("there is no tablet {name}"))
    }

    fn client(&self, name: &str) -> Result<Client, String> {
        let found = self.clients.borrow().get(name).cloned();
        found.ok_or_else(|| format!("there is no session {name}"))
    }

    /// `primary(customer/80-)` is the tablet that is primary now, `mysqld(customer/80-)` its
    /// server; any other name is itself.
    fn resolve(&self, name: &str) -> Result<String, String> {
        for (symbol, prefix) in [("primary(", ""), ("mysqld(", "mysqld-")] {
            let rest = name.strip_prefix(symbol).and_then(|rest| rest.strip_suffix(')'));
            let Some(shard) = rest else { continue };
            let (keyspace, shard) = shard.split_once('/').ok_or("expected keyspace/shard")?;
            let topo = self.store.read();
            let primary = topo.primary(keyspace, shard);
            let alias = primary.ok_or_else(|| format!("{keyspace}/{shard} has no primary"))?;
            return Ok(format!("{prefix}{alias}"));
        }
        Ok(name.to_owned())
    }
}

fn part(one: Machine, other: Machine) {
    world::cut(one, other);
    world::cut(other, one);
}

fn link(from: Option<String>, to: Option<String>, verdict: Fate) {
    world::install_rule(Rule { from, to, leg: None, name: None, skip: 0, times: None, verdict });
}

fn strike_topo(reader: String, topo: String, how: Hearing) {
    let watch = |from: &str, to: &str, leg, times, verdict| {
        let (from, to) = (Some(from.to_owned()), Some(to.to_owned()));
        let name = Some("topo.Watch".to_owned());
        world::install_rule(Rule { from, to, leg: Some(leg), name, skip: 0, times, verdict });
    };
    match how {
        Hearing::Down => link(Some(reader), Some(topo), Fate::Break),
        Hearing::Slow(by) => link(Some(reader), Some(topo), Fate::Delay(by)),
        Hearing::Stale => {
            watch(&reader, &topo, Leg::Request, None, Fate::Hold);
            watch(&topo, &reader, Leg::Reply, None, Fate::Hold);
        }
        Hearing::LostEvent => watch(&topo, &reader, Leg::Reply, Some(1), Fate::Drop),
    }
}

fn disk(state: Disk) -> DiskState {
    match state {
        Disk::Slow(by) => DiskState::Slow(nanos(by)),
        Disk::Silent => DiskState::Silent,
        Disk::Full => DiskState::Full,
        Disk::Failing => DiskState::Failing,
        Disk::FailsOnce => DiskState::FailsOnce,
        Disk::Lying => DiskState::Lying,
        Disk::Sound => DiskState::Sound,
    }
}

fn both(threads: Threads) -> (bool, bool) {
    (threads != Threads::Sql, threads != Threads::Io)
}

type Asking = std::pin::Pin<Box<dyn Future<Output = ()>>>;

/// Something that a program was asked for, until it is done or its machine is gone.
struct UnderWay(Rc<Cell<usize>>);

impl UnderWay {
    fn new(count: &Rc<Cell<usize>>) -> UnderWay {
        count.set(count.get() + 1);
        UnderWay(Rc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl cluster::Tablet {
    /// The server's connections with one of these tags that do something or have something open.
    fn connections_of(&self, tags: &[String]) -> Vec<ConnectionId> {
        self.with_server(|server| {
            let own = server.sessions().filter(|session| {
                let is_active = session.transaction.is_some() || session.running.is_some();
                is_active && tags.iter().any(|tag| **tag == *session.tag)
            });
            own.map(|session| session.id).collect()
        })
    }
}
