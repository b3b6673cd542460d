//! What a World promises, on both hosts: one tape, one digest; a crash loses what was not synced;
//! a run that cannot go on says who waits for what.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use sim::call::{CallError, Request};
use sim::clock::Clock;
use sim::decide::{Policy, Tape};
use sim::disk::Log;
use sim::host::HostKind;
use sim::network::{Leg, Noise, Rule, Verdict};
use sim::seed::Seed;
use sim::trace::{Trace, first_divergence};
use sim::wait::{Signal, TokenState};
use sim::world::{Goal, Limits, Options, Process, Program, Stop, World};

/// Both, or the one that this build has.
fn hosts() -> &'static [HostKind] {
    match HostKind::default() {
        HostKind::Nodes => &[HostKind::Nodes, HostKind::Plain],
        HostKind::Plain => &[HostKind::Plain],
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

struct Add(u64);

impl Request for Add {
    type Reply = u64;
    const NAME: &'static str = "Add";

    fn describe(&self) -> String {
        format!("Add {}", self.0)
    }

    fn fingerprint(&self) -> u64 {
        self.0
    }
}

/// Adds up what it is told and keeps the sum on disk before it answers.
async fn adder(process: Process) {
    let log = process.open("sum", Log::<u64>::default).expect("a file of its own");
    process.serve(move |process, add: Rc<Add>| {
        let log = Rc::clone(&log);
        async move {
            let written = {
                let mut log = log.borrow_mut();
                log.append(add.0);
                log.records().len()
            };
            process.sync().await;
            log.borrow_mut().mark_synced(written);
            log.borrow().records().iter().sum()
        }
    });
}

fn open(host: HostKind) -> World {
    World::open(Options { host, ..Options::default() }).unwrap()
}

/// Runs `check` on a World with an adder and a client, on each host.
fn check(check: impl Fn(&mut World, Program, Program)) {
    for host in hosts() {
        let mut world = open(*host);
        let (here, there) = (world.machine("client"), world.machine("server"));
        let server = world.program(there, "server", adder);
        let client = world.client(here, "client");
        check(&mut world, client, server);
    }
}

type Outcome = Rc<Cell<Option<Result<u64, CallError>>>>;

/// One call of the client; its outcome appears in the cell when it is over.
fn call(world: &mut World, client: Program, server: Program, number: u64) -> Outcome {
    let outcome = Rc::new(Cell::new(None));
    let cell = Rc::clone(&outcome);
    let token = world.token("call");
    world.spawn(client, Some(token), "call", move |process| {
        Box::pin(async move {
            cell.set(Some(process.call(server, Add(number)).within(ms(100)).await));
        })
    });
    outcome
}

fn call_now(
    world: &mut World,
    client: Program,
    server: Program,
    number: u64,
) -> Result<u64, CallError> {
    let outcome = call(world, client, server, number);
    world.run(Goal::Declared);
    outcome.get().expect("the call is over")
}

#[test]
fn a_call_takes_two_trips_and_a_sync() {
    check(|world, client, server| {
        let outcome = call(world, client, server, 7);
        assert_eq!(world.run(Goal::Declared), Stop::Goal);
        assert_eq!(outcome.get(), Some(Ok(7)));
        assert_eq!(world.now(), 1_100_000);
        assert_eq!(world.open_calls(), 0);
    });
}

#[test]
fn a_connection_breaks_before_or_after_the_request_ran() {
    let broken = |leg, sum| {
        check(move |world, client, server| {
            let rule = Rule {
                from: None,
                to: None,
                leg: Some(leg),
                name: Some("Add".into()),
                skip: 1,
                times: Some(1),
                verdict: Verdict::Break,
            };
            world.network(|network| network.install(rule));
            let outcomes = [1, 10, 100].map(|number| call_now(world, client, server, number));
            assert_eq!(outcomes, [Ok(1), Err(CallError::Broken), Ok(sum)]);
        });
    };
    broken(Leg::Request, 101);
    broken(Leg::Reply, 111);
}

#[test]
fn silence_ends_at_the_deadline() {
    check(|world, client, server| {
        let (here, there) = (world.machine_of(client), world.machine_of(server));
        world.cut(there, here);
        assert_eq!(call_now(world, client, server, 1), Err(CallError::Deadline));
        assert_eq!(world.now(), 100_000_000);
        world.heal_network();
        // The first request ran: only its reply was lost.
        assert_eq!(call_now(world, client, server, 1), Ok(2));
    });
}

#[test]
fn a_held_message_arrives_when_it_is_let_go() {
    check(|world, client, server| {
        let rule = Rule {
            from: Some("client".into()),
            to: None,
            leg: None,
            name: None,
            skip: 0,
            times: Some(1),
            verdict: Verdict::Hold,
        };
        world.network(|network| network.install(rule));
        let outcome = call(world, client, server, 1);
        world.advance(ms(50));
        assert_eq!(outcome.get(), None);
        world.release();
        world.run(Goal::Declared);
        assert_eq!(outcome.get(), Some(Ok(1)));
    });
}

#[test]
fn a_crash_is_seen_by_callers_and_a_power_loss_is_not() {
    check(|world, client, server| {
        let outcome = call(world, client, server, 1);
        world.advance(Duration::from_micros(550));
        world.crash(server);
        world.run(Goal::Declared);
        assert_eq!(outcome.get(), Some(Err(CallError::Broken)));
        assert_eq!(call_now(world, client, server, 1), Err(CallError::Refused));
        let machine = world.machine_of(server);
        world.power_off(machine);
        assert_eq!(call_now(world, client, server, 1), Err(CallError::Deadline));
    });
}

#[test]
fn a_power_loss_keeps_what_was_synced_a_crash_what_was_written() {
    check(|world, client, server| {
        let machine = world.machine_of(server);
        assert_eq!(call_now(world, client, server, 1), Ok(1));
        call(world, client, server, 1);
        // Written, and not yet synced.
        world.advance(Duration::from_micros(550));
        world.power_off(machine);
        world.power_on(machine);
        assert_eq!(call_now(world, client, server, 1), Ok(2));
        call(world, client, server, 1);
        world.advance(Duration::from_micros(550));
        world.crash(server);
        world.restart(server);
        assert_eq!(call_now(world, client, server, 1), Ok(4));
    });
}

#[test]
fn a_paused_program_serves_when_it_goes_on() {
    check(|world, client, server| {
        assert_eq!(call_now(world, client, server, 1), Ok(1));
        world.pause(server);
        assert_eq!(call_now(world, client, server, 10), Err(CallError::Deadline));
        world.resume(server);
        // The late request ran after all.
        assert_eq!(call_now(world, client, server, 100), Ok(111));
    });
}

#[test]
fn a_machine_has_a_clock_of_its_own() {
    check(|world, client, _| {
        let machine = world.machine_of(client);
        world.set_clock(machine, Clock { offset: 5_000_000_000, drift_ppm: 500_000 });
        let read = Rc::new(RefCell::new(String::new()));
        let cell = Rc::clone(&read);
        let token = world.token("sleep");
        world.spawn(client, Some(token), "sleep", move |process| {
            Box::pin(async move {
                process.sleep(Duration::from_secs(3)).await;
                *cell.borrow_mut() = process.now().to_string();
            })
        });
        world.run(Goal::Declared);
        assert_eq!(world.now(), 2_000_000_000);
        assert_eq!(*read.borrow(), "2026-01-01T00:00:08Z");
    });
}

#[test]
fn a_panic_is_an_event_with_a_name() {
    for host in hosts() {
        let mut world = open(*host);
        let machine = world.machine("m");
        let server = world.program(machine, "server", |process| async move {
            process.serve(|_, add: Rc<Add>| async move {
                assert!(add.0 != 13, "unlucky number");
                add.0
            });
        });
        let client = world.client(machine, "client");
        assert_eq!(call_now(&mut world, client, server, 13), Err(CallError::Broken));
        assert_eq!(call_now(&mut world, client, server, 14), Ok(14));
        assert_eq!(world.panics(), ["server/Add panicked: unlucky number"]);
    }
}

#[test]
fn a_declared_wait_is_blocked_and_says_for_what() {
    for host in hosts() {
        let mut world = open(*host);
        let machine = world.machine("m");
        let client = world.client(machine, "client");
        let signal = Signal::default();
        let token = world.token("b");
        let waiter = signal.clone();
        world.spawn(client, Some(token), "b", move |process| {
            Box::pin(async move {
                let limit = Some(Duration::from_secs(50));
                let _ = process.wait("row lock corder/5", limit, waiter.raised()).await;
            })
        });
        assert_eq!(world.run(Goal::Declared), Stop::Goal);
        assert_eq!(world.token_state(token), TokenState::Blocked(vec!["row lock corder/5".into()]));
        signal.raise();
        world.run(Goal::Declared);
        assert_eq!((world.token_state(token), world.now()), (TokenState::Done, 0));
    }
}

#[test]
fn a_run_that_cannot_go_on_says_who_waits() {
    check(|world, client, server| {
        let (here, there) = (world.machine_of(client), world.machine_of(server));
        world.cut(here, there);
        let token = world.token("session a: select 1");
        world.spawn(client, Some(token), "a", move |process| {
            Box::pin(async move {
                let _ = process.call(server, Add(1)).await;
            })
        });
        let who = "session a: select 1 waits for an answer that never comes";
        assert_eq!(world.run(Goal::Declared), Stop::Stuck(vec![who.into()]));
    });
}

#[test]
fn a_process_that_yields_for_ever_is_named() {
    for host in hosts() {
        let limits = Limits { polls: 1000, ..Limits::default() };
        let options = Options { host: *host, limits, ..Options::default() };
        let mut world = World::open(options).unwrap();
        let machine = world.machine("m");
        let client = world.client(machine, "client");
        world.spawn(client, None, "spinner", |_| {
            Box::pin(std::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            }))
        });
        let Stop::Limit(why) = world.run(Goal::Declared) else { panic!("no limit") };
        assert!(why.contains("client/spinner"), "{why}");
    }
}

#[test]
fn virtual_time_has_a_limit() {
    let limits = Limits { time: Duration::from_secs(10), ..Limits::default() };
    let mut world = World::open(Options { limits, ..Options::default() }).unwrap();
    let machine = world.machine("m");
    let client = world.client(machine, "client");
    let token = world.token("sleeper");
    world.spawn(client, Some(token), "sleeper", |process| {
        Box::pin(async move { process.sleep(Duration::from_secs(11)).await })
    });
    assert!(matches!(world.run(Goal::Declared), Stop::Limit(why) if why.contains("virtual time")));
}

// ---------------------------------------------------------------- chaos

/// What a run of the chaos left behind.
#[derive(Debug, PartialEq)]
struct Left {
    digest: u64,
    outcomes: BTreeMap<String, u32>,
    tape: Tape,
}

/// Four clients, two servers, every kind of trouble.
fn chaos(host: HostKind, policy: Policy, tape: Tape, record: bool) -> (Left, Trace) {
    let mut world = World::open(Options { host, policy, tape, ..Options::default() }).unwrap();
    if record {
        world.record();
    }
    let servers = ["s1", "s2"].map(|name| {
        let machine = world.machine(name);
        world.program(machine, name, adder)
    });
    world.network(|network| {
        network.noise = Noise {
            jitter: 5,
            late_per_mille: 20,
            late_max: ms(4),
            broken_before_per_mille: 20,
            broken_after_per_mille: 20,
            silent_per_mille: 20,
            lost_per_mille: 50,
            doubled_per_mille: 50,
        };
    });
    let outcomes = Rc::new(RefCell::new(BTreeMap::new()));
    for name in ["c1", "c2", "c3", "c4"] {
        let machine = world.machine(name);
        let client = world.client(machine, name);
        let token = world.token(name);
        let outcomes = Rc::clone(&outcomes);
        world.spawn(client, Some(token), "calls", move |process| {
            Box::pin(async move {
                for round in 0..20 {
                    let server = servers[process.choose("server", 0, 0..=1) as usize];
                    process.send(server, Add(1000));
                    let reply = process.call(server, Add(round)).within(ms(2)).await;
                    let outcome = format!("{:?}", reply.map(|_| ()));
                    *outcomes.borrow_mut().entry(outcome).or_insert(0) += 1;
                    process.sleep(Duration::from_micros(process.choose("nap", 0, 0..=3000))).await;
                }
            })
        });
    }
    world.advance(ms(10));
    world.crash(servers[0]);
    world.advance(ms(5));
    world.restart(servers[0]);
    world.pause(servers[1]);
    world.advance(ms(5));
    world.resume(servers[1]);
    let machine = world.machine_of(servers[1]);
    world.power_off(machine);
    world.advance(ms(3));
    world.power_on(machine);
    assert_eq!(world.run(Goal::Declared), Stop::Goal);
    world.heal_network();
    world.advance(ms(100));
    assert_eq!(world.open_calls(), 0);
    assert_eq!(world.panics(), Vec::<String>::new());
    let outcomes = outcomes.borrow().clone();
    (Left { digest: world.digest(), outcomes, tape: world.tape() }, world.trace())
}

#[test]
fn one_tape_one_digest_on_every_host() {
    let mut seen = BTreeMap::new();
    for seed in 0..300 {
        let policy = Policy::Random(Seed(seed));
        let (first, trace) = chaos(hosts()[0], policy, Tape::default(), true);
        for host in hosts() {
            let (again, other) = chaos(*host, policy, Tape::default(), true);
            if again != first {
                let divergence = first_divergence(&trace, &other);
                panic!("seed {seed} on {host}: {}", divergence.expect("the digests differ"));
            }
            let (replayed, _) = chaos(*host, Policy::Calm, first.tape.clone(), true);
            assert_eq!(replayed, first, "the tape of seed {seed} on {host}");
            let (silent, _) = chaos(*host, policy, Tape::default(), false);
            assert_eq!(silent.digest, first.digest, "seed {seed} on {host}, not recorded");
        }
        for (outcome, count) in first.outcomes {
            *seen.entry(outcome).or_insert(0) += count;
        }
    }
    // Each kind of trouble was met.
    let kinds: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["Err(Broken)", "Err(Deadline)", "Err(Refused)", "Ok(())"], "{seen:?}");
}

#[test]
fn a_fresh_thread_changes_nothing() {
    let run = || {
        let left = chaos(hosts()[0], Policy::Random(Seed(5)), Tape::default(), true).0;
        (left.digest, left.tape.to_string())
    };
    #[expect(clippy::disallowed_methods, reason = "the claim is about threads")]
    let thread = std::thread::spawn(run);
    assert_eq!(thread.join().unwrap(), run());
}

#[test]
fn worlds_leave_no_memory_behind() {
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
        statm.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    for host in hosts() {
        let run = |seeds: std::ops::Range<u64>| {
            for seed in seeds {
                chaos(*host, Policy::Random(Seed(seed)), Tape::default(), false);
            }
        };
        run(0..200);
        let Some(before) = resident() else { return };
        run(200..20_200);
        let grown = resident().expect("it was there before").saturating_sub(before) * 4;
        assert!(grown < 2_000, "{grown} KiB more after 20,000 worlds on {host}");
    }
}
