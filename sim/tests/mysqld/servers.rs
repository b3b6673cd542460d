//! Servers in a World, and what a test does with them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sim::call::{CallError, Request};
use sim::host::HostKind;
use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::Options;
use sim::mysql::replica_status::ReplicaStatus;
use sim::mysql::session::ConnectionId;
use sim::mysqld::{self, *};
use sim::wait::{Token, TokenState};
use sim::world::{self, Goal, Program, World};

pub struct Servers {
    pub world: World,
    pub client: Program,
    pub servers: Vec<Program>,
    pub connections: Vec<ConnectionId>,
}

/// How each server is set up, by its number.
pub type Setup = fn(u8, &mut Options);

pub fn nothing(_: u8, _: &mut Options) {}

/// Server 0 is the source of all others.
pub fn open(host: HostKind, count: u8, setup: Setup) -> Servers {
    open_in(world::Options { host, ..Default::default() }, count, setup)
}

pub fn open_in(options: world::Options, count: u8, setup: Setup) -> Servers {
    let mut world = World::open(options).unwrap();
    let machine = world.machine("client");
    let client = world.client(machine, "client");
    let servers: Vec<Program> = (0..count)
        .map(|number| {
            let machine = world.machine(&format!("machine-{number}"));
            world.program(machine, &format!("mysqld-{number}"), move |process| {
                let make: MakeOptions = Rc::new(move || {
                    let mut options =
                        Options::new(ServerUuid([number + 1; 16]), u32::from(number) + 1);
                    setup(number, &mut options);
                    options
                });
                let observer = Observer { on_commit: Rc::new(|_| {}), on_loss: Rc::new(|_, _| {}) };
                mysqld::serve(process, "mysqld".into(), make, observer)
            })
        })
        .collect();
    let mut servers = Servers { world, client, servers, connections: Vec::new() };
    servers.connections = (0..count).map(|number| servers.connect(number.into())).collect();
    for replica in 1..usize::from(count) {
        let source = Some(servers.servers[0]);
        servers.ask(replica, ChangeSource { source });
    }
    for text in ["create database te", "create table te.t (id int primary key, v int)"] {
        servers.run(0, text).unwrap();
    }
    servers.advance(1100);
    servers
}

/// On each host that this build has.
pub fn check(count: u8, setup: Setup, check: impl Fn(&mut Servers)) {
    let hosts: &[HostKind] = match HostKind::default() {
        HostKind::Nodes => &[HostKind::Nodes, HostKind::Plain],
        HostKind::Plain => &[HostKind::Plain],
    };
    let mut digests = Vec::new();
    for host in hosts {
        let mut servers = open(*host, count, setup);
        check(&mut servers);
        assert_eq!(servers.world.panics(), Vec::<String>::new());
        digests.push(servers.world.digest());
    }
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}

pub type Answer<R> = Result<<R as Request>::Reply, CallError>;

/// A call on its way.
pub struct Pending<R: Request> {
    pub token: Token,
    answer: Rc<RefCell<Option<Answer<R>>>>,
}

impl<R: Request> Pending<R>
where
    R::Reply: Clone,
{
    pub fn is_done(&self) -> bool {
        self.answer.borrow().is_some()
    }

    pub fn answer(&self) -> Answer<R> {
        self.answer.borrow().clone().expect("it has been answered")
    }
}

impl Servers {
    pub fn start<R: Request>(&mut self, server: usize, request: R) -> Pending<R> {
        let answer: Rc<RefCell<Option<_>>> = Rc::default();
        let cell = Rc::clone(&answer);
        let (server, token) = (self.servers[server], self.world.token(R::NAME));
        self.world.spawn(self.client, Some(token), "call", move |process| {
            Box::pin(async move {
                let reply = process.call(server, request).await;
                *cell.borrow_mut() = Some(reply);
            })
        });
        let _ = self.world.run(Goal::Declared);
        Pending { token, answer }
    }

    pub fn ask<R: Request>(&mut self, server: usize, request: R) -> R::Reply
    where
        R::Reply: Clone,
    {
        let pending = self.start(server, request);
        pending.answer().unwrap()
    }

    pub fn connect(&mut self, server: usize) -> ConnectionId {
        self.connect_as(server, "root")
    }

    pub fn connect_as(&mut self, server: usize, user: &str) -> ConnectionId {
        let (user, tag) = (user.into(), "client".into());
        self.ask(server, Connect { user, database: None, tag })
    }

    pub fn query(&mut self, server: usize, connection: ConnectionId, text: &str) -> Pending<Query> {
        let statement = Arc::new(sim::sql::parse(text).unwrap());
        self.start(server, Query { connection, statement, binds: Arc::default() })
    }

    /// Runs a statement that ends; its rows as text, or the error's number.
    pub fn run(&mut self, server: usize, text: &str) -> Result<Vec<String>, u16> {
        let connection = self.connections[server];
        let pending = self.query(server, connection, text);
        assert!(pending.is_done(), "{text}: {:?}", self.world.token_state(pending.token));
        rows(&pending)
    }

    /// As [`run`](Self::run) on any connection; an error as text.
    pub fn say(&mut self, server: usize, connection: ConnectionId, text: &str) -> String {
        let pending = self.query(server, connection, text);
        if !pending.is_done() {
            return format!("waits for {}", self.waits(&pending));
        }
        said(&pending)
    }

    pub fn ids(&mut self, server: usize) -> Vec<String> {
        self.run(server, "select id from te.t").unwrap()
    }

    pub fn status(&mut self, server: usize) -> ReplicaStatus {
        self.ask(server, ShowReplicaStatus)
    }

    pub fn advance(&mut self, millis: u64) {
        let _ = self.world.advance(Duration::from_millis(millis));
    }

    pub fn restart(&mut self, server: usize) {
        let program = self.servers[server];
        self.world.restart(program);
        self.advance(1);
        self.connections[server] = self.connect(server);
    }

    pub fn crash(&mut self, server: usize) {
        self.world.crash(self.servers[server]);
        self.restart(server);
    }

    pub fn lose_power(&mut self, server: usize) {
        let machine = self.world.machine_of(self.servers[server]);
        self.world.power_off(machine);
        self.world.power_on(machine);
        self.restart(server);
    }

    pub fn waits(&self, pending: &Pending<Query>) -> String {
        match self.world.token_state(pending.token) {
            TokenState::Blocked(waits) => waits.join(" and "),
            other => format!("{other:?}"),
        }
    }
}

pub fn rows(pending: &Pending<Query>) -> Result<Vec<String>, u16> {
    let text =
        |row: &sim::value::Row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let outcome = pending.answer().unwrap();
    outcome.map(|outcome| outcome.rows.iter().map(text).collect()).map_err(|error| error.errno)
}

/// `ok`, rows, or an error as a client prints it.
pub fn said(pending: &Pending<Query>) -> String {
    match pending.answer().unwrap() {
        Ok(outcome) if outcome.is_result_set() => rows(pending).unwrap().join(" "),
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("{} {}", error.errno, error.message),
    }
}
