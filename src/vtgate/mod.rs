//! vtgate: the router.
//!
//! ```text
//!   client ── Query ──> executor ── plan ──> engine ── statements ──> gateway ──> vttablets
//!                          │                   │
//!                          │                   └ cursor: what a lookup vindex asks; it comes
//!                          │                     back in through the executor, in its own list
//!                          └ tx_conn: commit pre, then normal, then post
//! ```
//!
//! What happens when a lookup row exists already: [`crate::vindex::lookup::duplicate`]. In which
//! order a transaction commits: [`tx_conn`]. What undoes a statement that failed half-way:
//! [`executor`]. How much time a statement has: `limits`. Where user-level locks are:
//! `lock_session`. What waits while a primary is replaced: [`buffer`]. See `go/vt/vtgate`.
//!
//! It knows nothing of MySQL servers, and of tablets only what they tell.

mod alter_vschema;
pub mod buffer;
pub mod cursor;
pub mod engine;
pub mod errors;
pub mod executor;
pub mod gateway;
mod keyspace_events;
mod limits;
mod lock_session;
pub mod plan_cache;
mod prepared;
pub mod scatter;
mod sends;
pub mod session;
mod session_value;
mod set;
mod show;
mod target;
pub mod tracker;
mod two_phase;
pub mod tx_conn;
pub mod vexplain;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use sim::sql_error::SqlError;
use sim::wait::Signal;
use sim::world::Process;

use crate::key::Shard;
use crate::mutant::{self, Mutant};
use crate::rpc::{CloseSession, OpenSession, Query, Status};
use crate::topo::{self, Topo};
use crate::vschema::VSchema;
use crate::vttablet::Addresses;
use buffer::BufferOptions;
use gateway::Gateway;
use plan_cache::PlanCache;
use session::{Session, SessionTarget};
use tracker::Tracker;

/// Flags of a vtgate.
#[derive(Clone, Debug)]
pub struct Options {
    pub cell: Rc<str>,
    /// Which edition's dress results wear.
    pub edition: Edition,
    /// `--enable-buffer`, and how.
    pub buffer: Option<BufferOptions>,
    /// `--schema-change-signal`: the schema is tracked.
    pub schema_change_signal: bool,
}

/// Behaviour is always v24's; an edition changes its dress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    #[default]
    V24,
    /// The time of the CreateLookupVindex guide.
    V6,
}

/// What a vtgate knows of the cluster at one moment; a statement keeps the one it began with.
pub struct Snapshot {
    pub topo: Rc<Topo>,
    /// Of the SrvVSchema.
    pub version: u64,
    /// Of what the schema tracker has added to it.
    pub definitions: u64,
    pub vschema: VSchema,
}

impl Snapshot {
    /// The shards of a keyspace in the order of their ranges.
    pub fn shards(&self, keyspace: &str) -> Result<Vec<Shard>, Status> {
        let Some(record) = self.topo.keyspaces.get(keyspace) else {
            let text = format!("VT14004: cannot find keyspace for: {keyspace}");
            return Err(Status::new(crate::key::Code::Unknown, text));
        };
        let shard = |name: &Rc<str>| {
            let range = record.shards.get(name).and_then(|shard| shard.range.clone());
            Shard { name: name.to_string(), range: range.unwrap_or(crate::key::KeyRange::COMPLETE) }
        };
        Ok(record.shard_order.iter().map(shard).collect())
    }
}

/// One vtgate process.
pub struct Gate {
    pub options: Options,
    pub addresses: Addresses,
    pub gateway: Rc<Gateway>,
    snapshot: RefCell<Rc<Snapshot>>,
    tracker: RefCell<Tracker>,
    sessions: RefCell<BTreeMap<u64, Rc<Connected>>>,
    next_session: Cell<u64>,
    pub(crate) plans: RefCell<PlanCache>,
}

/// A client's connection.
struct Connected {
    session: Rc<RefCell<Session>>,
    /// A statement of it runs.
    busy: Cell<bool>,
    /// Raised when it is over.
    idle: Signal,
}

/// Serves clients until its program dies.
pub async fn serve(process: Process, options: Options, addresses: Addresses) {
    let first = loop {
        let read = process.call(addresses.topo(), topo::Read).within(Duration::from_secs(5)).await;
        match read {
            Ok(topo) => break topo,
            Err(_) => process.sleep(Duration::from_secs(1)).await,
        }
    };
    let gate = Rc::new(Gate {
        snapshot: RefCell::new(snapshot(&first, &options.cell, None, &Tracker::default())),
        tracker: RefCell::default(),
        gateway: Rc::new(Gateway::new(options.buffer)),
        options,
        addresses,
        sessions: RefCell::default(),
        // Nobody who knew a session of an earlier life comes upon somebody else's.
        next_session: Cell::new((u64::from(process.life_of(process.program())) << 32) + 1),
        plans: RefCell::default(),
    });
    gate.gateway.watch(process, &first, &gate.addresses);
    if gate.options.schema_change_signal {
        let tracked = Rc::clone(&gate);
        process.spawn_background("schema tracker", move |process| async move {
            tracked.track_schema(process).await;
        });
    }
    let watcher = Rc::clone(&gate);
    process.spawn_background("topo watch", move |process| async move {
        watcher.watch_topo(process).await;
    });
    let opener = Rc::clone(&gate);
    process.serve_from(move |process, from, open: Rc<OpenSession>| {
        let gate = Rc::clone(&opener);
        async move { gate.open_session(process, from, &open) }
    });
    let closer = Rc::clone(&gate);
    process.serve(move |process, close: Rc<CloseSession>| {
        let gate = Rc::clone(&closer);
        async move { gate.close_session(process, close.session).await }
    });
    process.serve(move |process, query: Rc<Query>| {
        let gate = Rc::clone(&gate);
        async move {
            let connected = gate.sessions.borrow().get(&query.session).cloned();
            let Some(connected) = connected else {
                return Err(SqlError::new(2006, "HY000", "MySQL server has gone away"));
            };
            connected.busy.set(true);
            let result = executor::client(&gate, process, &connected.session, &query.sql).await;
            connected.busy.set(false);
            connected.idle.raise();
            result
        }
    });
}

/// What is served in a cell; a vschema that has not changed is not built again.
fn snapshot(
    topo: &Rc<Topo>,
    cell: &str,
    last: Option<&Rc<Snapshot>>,
    tracker: &Tracker,
) -> Rc<Snapshot> {
    let (version, source) = match topo.srv_vschema.get(cell) {
        Some((version, source)) => (*version, Rc::clone(source)),
        None => (0, Rc::default()),
    };
    let vschema = match last {
        Some(last) if last.version == version => last.vschema.clone(),
        _ => tracker.build(&source),
    };
    Rc::new(Snapshot { topo: Rc::clone(topo), version, definitions: tracker.changes, vschema })
}

impl Gate {
    pub fn snapshot(&self) -> Rc<Snapshot> {
        Rc::clone(&self.snapshot.borrow())
    }

    async fn watch_topo(self: Rc<Self>, process: Process) {
        loop {
            let after = self.snapshot().topo.version;
            let watch = topo::Watch { after };
            let watched = process.call(self.addresses.topo(), watch);
            match watched.within(Duration::from_secs(25)).await {
                Ok(topo) if topo.version != after => {
                    let last = self.snapshot();
                    let tracker = self.tracker.borrow();
                    let next = snapshot(&topo, &self.options.cell, Some(&last), &tracker);
                    if next.version != last.version {
                        self.plans.borrow_mut().clear();
                        process.note(format!("serves by vschema version {}", next.version));
                    }
                    *self.snapshot.borrow_mut() = next;
                    self.gateway.watch(process, &topo, &self.addresses);
                }
                Ok(_) => {}
                Err(_) => process.sleep(Duration::from_secs(1)).await,
            }
        }
    }

    fn open_session(
        self: &Rc<Self>,
        process: Process,
        from: sim::world::Program,
        open: &OpenSession,
    ) -> u64 {
        let id = self.next_session.get();
        self.next_session.set(id + 1);
        let target = target::parse(&open.target).unwrap_or_else(|_| SessionTarget::none());
        let session = Rc::new(RefCell::new(Session::new(Rc::clone(&open.name), target)));
        let (busy, idle) = (Cell::new(false), Signal::default());
        self.sessions.borrow_mut().insert(id, Rc::new(Connected { session, busy, idle }));
        let (gate, life) = (Rc::clone(self), process.life_of(from));
        process.spawn_background("client", move |process| async move {
            process.life_over(from, life).await;
            gate.close_session(process, id).await;
        });
        id
    }

    /// The client is gone. A statement of it that runs goes on to its end: the connection's
    /// goroutine reads nothing before it has written the answer.
    async fn close_session(&self, process: Process, id: u64) {
        let Some(gone) = self.sessions.borrow_mut().remove(&id) else { return };
        while gone.busy.get() {
            gone.idle.raised().await;
        }
        if !mutant::is(Mutant::DisconnectLeavesTransaction) {
            let _ = tx_conn::rollback(self, process, &gone.session).await;
        }
        let _ = lock_session::release(self, process, &gone.session).await;
    }
}

/// A number from a name, for ids that must not come from the seed.
pub(crate) fn uuid_word(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |word, byte| {
        (word ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
