//! Orders: by time is as without one, and a run in another order is made again by its tape.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use sim::call::Request;
use sim::decide::{Policy, Tape};
use sim::host::HostKind;
use sim::order::explore::{Explorer, Reduction};
use sim::order::{Counted, Order, pct};
use sim::seed::Seed;
use sim::world::{Goal, Options, Process, Program, Stop, World};

struct Write(u32);

impl Request for Write {
    type Reply = u32;
    const NAME: &'static str = "Write";

    fn fingerprint(&self) -> u64 {
        self.0.into()
    }
}

/// What a run came to.
#[derive(Debug, PartialEq)]
struct Ran {
    digest: u64,
    /// The register's values as they were written.
    written: Vec<u32>,
    tape: Tape,
    counted: Counted,
}

fn run(host: HostKind, clients: u32, writes: u32, order: Option<Order>, tape: &Tape) -> Ran {
    run_to_end(host, clients, writes, order, tape).expect("a run to its end")
}

/// Clients that each write a few values into one register, by calls; none where a search has seen
/// enough before the end.
fn run_to_end(
    host: HostKind,
    clients: u32,
    writes: u32,
    order: Option<Order>,
    tape: &Tape,
) -> Option<Ran> {
    let options = Options { host, policy: Policy::Calm, tape: tape.clone(), ..Options::default() };
    let mut world = World::open(options).expect("no World is open");
    world.record();
    let machine = world.machine("server");
    let written = Rc::new(RefCell::new(Vec::new()));
    let values = Rc::clone(&written);
    let server = world.program(machine, "server", move |process: Process| {
        let values = Rc::clone(&values);
        async move {
            process.serve(move |process, write: Rc<Write>| {
                let values = Rc::clone(&values);
                async move {
                    values.borrow_mut().push(write.0);
                    process.sleep(Duration::from_micros(10)).await;
                    write.0
                }
            });
        }
    });
    world.advance(Duration::from_millis(1));
    if let Some(order) = order {
        world.set_order(order);
    }
    for client in 0..clients {
        let name = format!("c{client}");
        let machine = world.machine(&name);
        let program = world.client(machine, &name);
        let token = world.token(&name);
        world.spawn(program, Some(token), "writes", move |process| {
            Box::pin(async move {
                for at in 0..writes {
                    let limit = Duration::from_secs(1);
                    process
                        .call(server, Write(10 * client + at))
                        .within(limit)
                        .await
                        .expect("an answer");
                }
            })
        });
    }
    match world.run(Goal::Declared) {
        Stop::Goal => {}
        Stop::Pruned => return None,
        other => panic!("{other:?}"),
    }
    let written = written.borrow().clone();
    Some(Ran { digest: world.digest(), written, tape: world.tape(), counted: world.counted() })
}

fn hosts() -> &'static [HostKind] {
    match HostKind::default() {
        HostKind::Nodes => &[HostKind::Plain, HostKind::Nodes],
        HostKind::Plain => &[HostKind::Plain],
    }
}

#[test]
fn by_time_is_as_without_an_order() {
    let empty = Tape::default();
    for host in hosts() {
        let without = run(*host, 3, 4, None, &empty);
        let with = run(*host, 3, 4, Some(Order::Time), &empty);
        assert_eq!((with.digest, &with.tape), (without.digest, &without.tape));
        assert_ne!(with.counted, Counted::default());
    }
}

#[test]
fn a_run_by_priorities_is_made_again_by_its_seed_and_by_its_tape() {
    let empty = Tape::default();
    let mut orders = BTreeSet::new();
    for seed in 0..200 {
        let order = || Some(Order::Pct(pct::Pct::new(Seed(seed), 3, 40)));
        let first = run(HostKind::Plain, 3, 3, order(), &empty);
        for host in hosts() {
            assert_eq!(run(*host, 3, 3, order(), &empty), first, "seed {seed} on {host}");
            let again = run(*host, 3, 3, Some(Order::Time), &first.tape);
            assert_eq!(again, first, "the tape of seed {seed} on {host}:\n{}", first.tape);
        }
        orders.insert(first.written);
    }
    // 9!/(3!)^3 = 1680 there are.
    assert!(20 < orders.len(), "{} orders", orders.len());
}

/// One of two clients comes before all of the other's writes: depth 1, two chains.
#[test]
fn a_bug_of_depth_one_is_found_as_often_as_the_bound_says() {
    let runs = 400;
    let found = (0..runs).filter(|seed| {
        let order = Order::Pct(pct::Pct::new(Seed(*seed), 1, 1));
        let ran = run(HostKind::Plain, 2, 4, Some(order), &Tape::default());
        assert_eq!(ran.counted.chains, 2);
        ran.written[..4] == [10, 11, 12, 13]
    });
    let (found, expected) = (found.count() as f64, pct::bound(2, 1, 1) * f64::from(runs as u32));
    assert!(expected * 0.8 < found, "{found} of {runs}");
}

/// All orders of the messages of `clients` that each write so often; how many runs were complete
/// and how many were not, and the orders of the values.
fn explore(
    clients: u32,
    writes: u32,
    reduction: Reduction,
    apart: &BTreeSet<Program>,
) -> (u64, u64, BTreeSet<Vec<u32>>) {
    let explorer = Explorer::new(reduction);
    let (mut complete, mut pruned, mut orders) = (0, 0, BTreeSet::new());
    loop {
        explorer.begin(apart.clone());
        let order = Some(Order::Explore(explorer.clone()));
        match run_to_end(HostKind::Plain, clients, writes, order, &Tape::default()) {
            Some(ran) => {
                complete += 1;
                orders.insert(ran.written);
            }
            None => pruned += 1,
        }
        if !explorer.advance() {
            return (complete, pruned, orders);
        }
    }
}

fn none() -> BTreeSet<Program> {
    BTreeSet::new()
}

/// A write is three events of its own: it arrives, it has slept, its answer arrives.
#[test]
fn without_reduction_every_interleaving_is_run() {
    // (3 + 3)! / (3!)^2, (6 + 6)! / (6!)^2, (3 + 3 + 3)! / (3!)^3
    for (clients, writes, expected) in [(1, 3, 1), (2, 1, 20), (2, 2, 924), (3, 1, 1680)] {
        let (complete, pruned, _) = explore(clients, writes, Reduction::Nothing, &none());
        assert_eq!((complete, pruned), (expected, 0), "{clients} clients, {writes} writes");
    }
}

/// Of each write two events are at the server, where they meet, and one at a client of its own.
#[test]
fn with_reduction_one_interleaving_of_each_trace_is_run() {
    // (2 + 2)! / (2!)^2, (4 + 4)! / (4!)^2, (2 + 2 + 2)! / (2!)^3
    for (clients, writes, expected) in [(1, 3, 1), (2, 1, 6), (2, 2, 70), (3, 1, 90)] {
        let (complete, pruned, orders) = explore(clients, writes, Reduction::Commuting, &none());
        assert_eq!(complete, expected, "{clients} clients, {writes} writes, {pruned} pruned");
        let (_, _, all) = explore(clients, writes, Reduction::Nothing, &none());
        assert_eq!(orders, all, "{clients} clients, {writes} writes");
    }
}

#[test]
fn where_statements_do_not_meet_there_is_one_interleaving() {
    // The server is the first program.
    let mut world = World::open(Options::default()).unwrap();
    let machine = world.machine("server");
    let server = world.client(machine, "server");
    drop(world);
    let apart = BTreeSet::from([server]);
    let (complete, _, _) = explore(3, 2, Reduction::Commuting, &apart);
    assert_eq!(complete, 1);
}

/// An interleaving is made again by its tape alone.
#[test]
fn an_interleaving_is_made_again_by_its_tape() {
    let explorer = Explorer::new(Reduction::Nothing);
    let mut count = 0;
    loop {
        explorer.begin(BTreeSet::new());
        let order = Some(Order::Explore(explorer.clone()));
        let first = run(HostKind::Plain, 2, 2, order, &Tape::default());
        for host in hosts() {
            let again = run(*host, 2, 2, Some(Order::Time), &first.tape);
            assert_eq!((again.digest, &again.written), (first.digest, &first.written));
        }
        count += 1;
        if !explorer.advance() {
            break;
        }
    }
    assert_eq!(count, 924);
}
