//! Orders: by time is as without one, and a run in another order is made again by its tape.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use sim::call::Request;
use sim::decide::{Policy, Tape};
use sim::host::HostKind;
use sim::order::{Counted, Order, pct};
use sim::seed::Seed;
use sim::world::{Goal, Options, Process, Stop, World};

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

/// Clients that each write a few values into one register, by calls.
fn run(host: HostKind, clients: u32, writes: u32, order: Option<Order>, tape: &Tape) -> Ran {
    let options = Options { host, policy: Policy::Calm, tape: tape.clone(), ..Options::default() };
    let mut world = World::open(options).unwrap();
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
                    process.call(server, Write(10 * client + at)).within(limit).await.unwrap();
                }
            })
        });
    }
    assert_eq!(world.run(Goal::Declared), Stop::Goal);
    let written = written.borrow().clone();
    Ran { digest: world.digest(), written, tape: world.tape(), counted: world.counted() }
}

fn hosts() -> &'static [HostKind] {
    if cfg!(madsim) { &[HostKind::Plain, HostKind::Nodes] } else { &[HostKind::Plain] }
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
