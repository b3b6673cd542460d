//! A lock server and its clients: the smallest system that a World can hold, as a scenario.
//!
//! One server grants one lock, first come, first served. It writes each grant to its disk before
//! it answers, and takes the lock back when the holder's program ends. The scenario's commands
//! make its clients ask, and break things; each prints what the programs said meanwhile, and who
//! waits. The World of `vindicate` is the same with other programs.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use goldenscript::{Command, Context, Runner};
use sim::call::{CallError, Request};
use sim::disk::Log;
use sim::host::HostKind;
use sim::wait::{Signal, Token, TokenState, until};
use sim::world::{Goal, Options, Process, Program, Stop, World};

struct Lock;

impl Request for Lock {
    type Reply = ();
    const NAME: &'static str = "Lock";
}

struct Unlock;

impl Request for Unlock {
    type Reply = bool;
    const NAME: &'static str = "Unlock";
}

struct LockServer {
    /// Who got the lock, and None for each time that it became free.
    grants: Rc<RefCell<Log<Option<Program>>>>,
    line: RefCell<VecDeque<Program>>,
    changed: Signal,
}

async fn lock_server(process: Process) {
    let grants = process.open("grants", Log::default).expect("a file of its own");
    let server =
        Rc::new(LockServer { grants, line: RefCell::default(), changed: Signal::default() });
    // After a restart: the holder may have ended while nobody looked.
    if let Some(holder) = server.holder() {
        server.watch(process, holder);
    }
    let lock = Rc::clone(&server);
    process.serve_from(move |process, client, _: Rc<Lock>| {
        let server = Rc::clone(&lock);
        async move { server.lock(process, client).await }
    });
    process.serve_from(move |process, client, _: Rc<Unlock>| {
        let server = Rc::clone(&server);
        async move { server.unlock(process, client).await }
    });
}

impl LockServer {
    fn holder(&self) -> Option<Program> {
        self.grants.borrow().records().last().copied().flatten()
    }

    async fn record(&self, process: Process, holder: Option<Program>) {
        self.grants.borrow_mut().append(holder);
        self.changed.raise();
        let written = self.grants.borrow().records().len();
        process.sync().await;
        self.grants.borrow_mut().mark_synced(written);
    }

    async fn lock(self: Rc<Self>, process: Process, client: Program) {
        self.line.borrow_mut().push_back(client);
        let turn = async {
            loop {
                let changed = self.changed.raised();
                if self.holder().is_none() && self.line.borrow().front() == Some(&client) {
                    return;
                }
                changed.await;
            }
        };
        let gone = process.life_over(client, process.life_of(client));
        let granted = until(gone, process.wait("the lock", None, turn)).await.is_some();
        self.line.borrow_mut().retain(|other| *other != client);
        if granted {
            self.record(process, Some(client)).await;
            self.watch(process, client);
        }
        self.changed.raise();
    }

    async fn unlock(self: Rc<Self>, process: Process, client: Program) -> bool {
        let is_holder = self.holder() == Some(client);
        if is_holder {
            self.record(process, None).await;
        }
        is_holder
    }

    /// Takes the lock back when the holder's life ends.
    fn watch(self: &Rc<Self>, process: Process, holder: Program) {
        let server = Rc::clone(self);
        process.spawn_background("watch", move |process| async move {
            process.life_over(holder, process.life_of(holder)).await;
            if server.holder() == Some(holder) {
                server.record(process, None).await;
            }
        });
    }
}

struct LockWorld {
    world: World,
    server: Program,
    clients: BTreeMap<String, Program>,
    said: Rc<RefCell<Vec<String>>>,
    asked: Vec<(String, Token)>,
}

impl LockWorld {
    fn new(host: HostKind) -> LockWorld {
        let mut world = World::open(Options { host, ..Options::default() }).unwrap();
        let machine = world.machine("server");
        let server = world.program(machine, "server", lock_server);
        let client = |world: &mut World, name: &str| {
            let machine = world.machine(name);
            (name.to_string(), world.client(machine, name))
        };
        let clients = ["a", "b", "c"].map(|name| client(&mut world, name)).into();
        LockWorld { world, server, clients, said: Rc::default(), asked: Vec::new() }
    }

    fn program(&self, name: &str) -> Result<Program, Box<dyn Error>> {
        self.world.find(name).ok_or_else(|| format!("no program {name}").into())
    }

    fn inflict(&mut self, fault: &str, program: Program) -> Result<(), Box<dyn Error>> {
        match fault {
            "crash" => self.world.crash(program),
            "restart" => self.world.restart(program),
            "pause" => self.world.pause(program),
            "resume" => self.world.resume(program),
            "power-cycle" => {
                let machine = self.world.machine_of(program);
                self.world.power_off(machine);
                self.world.power_on(machine);
            }
            other => return Err(format!("no command {other}").into()),
        }
        Ok(())
    }

    /// A client's process, which says how its request ended.
    fn ask<R: Request>(
        &mut self,
        name: &str,
        request: R,
        words: impl Fn(R::Reply) -> &'static str + 'static,
    ) -> Result<(), Box<dyn Error>> {
        let client = *self.clients.get(name).ok_or("only clients ask")?;
        let token = self.world.token(name);
        let (server, said, name) = (self.server, Rc::clone(&self.said), name.to_string());
        self.asked.push((format!("{name}'s {}", R::NAME), token));
        self.world.spawn(client, Some(token), R::NAME, move |process| {
            Box::pin(async move {
                let reply = process.call(server, request).within(Duration::from_secs(30)).await;
                let words = match reply {
                    Ok(reply) => words(reply).to_string(),
                    Err(error @ CallError::Deadline) => format!("gave up: {error}"),
                    Err(error) => error.to_string(),
                };
                said.borrow_mut().push(format!("{} {name} {words}", process.now()));
            })
        });
        Ok(())
    }

    /// What was said since the last command, and who waits.
    fn report(&mut self, stop: Stop) -> String {
        let mut text = String::new();
        for line in self.said.borrow_mut().drain(..) {
            writeln!(text, "{line}").unwrap();
        }
        let world = &self.world;
        self.asked.retain(|(_, token)| world.token_state(*token) != TokenState::Done);
        for (name, token) in &self.asked {
            if let TokenState::Blocked(waits) = world.token_state(*token) {
                writeln!(text, "{name} waits for {}", waits.join(", ")).unwrap();
            }
        }
        match stop {
            Stop::Goal | Stop::Pruned => {}
            Stop::Stuck(waits) => writeln!(text, "stuck: {}", waits.join("; ")).unwrap(),
            Stop::Limit(limit) => writeln!(text, "limit: {limit}").unwrap(),
        }
        text
    }
}

impl Runner for LockWorld {
    type Command = Command;

    fn run(&mut self, command: &Command, context: &Context) -> Result<String, Box<dyn Error>> {
        let mut words = command.consume_args();
        let word = words.next_pos().ok_or("one argument");
        let client = context.prefix.as_deref().ok_or("which client?");
        let mut stop = None;
        match command.name.as_str() {
            "lock" => self.ask(client?, Lock, |()| "has the lock")?,
            "unlock" => {
                self.ask(client?, Unlock, |held| if held { "let it go" } else { "had it not" })?;
            }
            "advance" => {
                let seconds = word?.parse()?;
                stop = Some(self.world.advance(Duration::from_secs(seconds)));
            }
            fault => self.inflict(fault, self.program(word?)?)?,
        }
        let stop = stop.unwrap_or_else(|| self.world.run(Goal::Declared));
        Ok(self.report(stop))
    }
}

#[test]
fn three_clients_share_a_lock() {
    let run = |host: HostKind| {
        let mut world = LockWorld::new(host);
        goldenscript::run(&mut world, "tests/scenarios/lock_server").unwrap();
        assert_eq!(world.world.panics(), Vec::<String>::new());
        world.world.digest()
    };
    let digest = run(HostKind::default());
    assert_eq!(run(HostKind::default()), digest);
    assert_eq!(run(HostKind::Plain), digest);
}
