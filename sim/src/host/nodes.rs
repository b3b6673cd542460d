//! The host on madsim: one node a machine, and a baton.
//!
//! Each node runs one task. The task that holds the baton asks the World what comes next and polls
//! it if it is a process of its own machine; else it hands the baton to that machine's task. So
//! exactly one madsim task is runnable at any time, and madsim's random pick among runnable tasks
//! has one candidate.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use madsim::runtime::Runtime;

use super::Host;
use crate::world::{self, Machine, Next, Stop};

thread_local! {
    static BATON: RefCell<Baton> = const { RefCell::new(Baton::new()) };
}

struct Baton {
    /// The process to poll, and whose it is.
    next: Option<(u32, Machine)>,
    stop: Option<Stop>,
    closing: bool,
    /// By machine.
    hosts: Vec<Option<Waker>>,
    main: Option<Waker>,
}

impl Baton {
    const fn new() -> Baton {
        Baton { next: None, stop: None, closing: false, hosts: Vec::new(), main: None }
    }
}

fn with_baton<R>(f: impl FnOnce(&mut Baton) -> R) -> R {
    BATON.with(|baton| f(&mut baton.borrow_mut()))
}

pub(crate) struct Nodes {
    runtime: Runtime,
}

impl Nodes {
    pub fn new() -> Nodes {
        with_baton(|baton| *baton = Baton::new());
        Nodes { runtime: Runtime::new() }
    }
}

impl Host for Nodes {
    fn add_machine(&mut self, machine: Machine, name: &str) {
        with_baton(|baton| baton.hosts.push(None));
        self.runtime.create_node().name(name).init(move || host(machine)).build();
    }

    fn run(&mut self) -> Stop {
        // The World names the first process; from then on the hosts hand the baton round.
        match world::next() {
            Next::Stop(stop) => return stop,
            Next::Poll(pid, machine) => with_baton(|baton| pass(baton, pid, machine)),
        }
        self.runtime.block_on(poll_fn(|cx| {
            with_baton(|baton| match baton.stop.take() {
                Some(stop) => Poll::Ready(stop),
                None => {
                    baton.main = Some(cx.waker().clone());
                    Poll::Pending
                }
            })
        }))
    }

    fn close(&mut self) {
        with_baton(|baton| {
            baton.closing = true;
            baton.hosts.iter_mut().filter_map(Option::take).for_each(Waker::wake);
        });
        self.runtime.block_on(async {});
        with_baton(|baton| *baton = Baton::new());
    }
}

fn pass(baton: &mut Baton, pid: u32, machine: Machine) {
    baton.next = Some((pid, machine));
    if let Some(waker) = baton.hosts[machine.0 as usize].take() {
        waker.wake();
    }
}

/// The life of a machine's task; it ends when the World closes.
async fn host(machine: Machine) {
    while let Some(mut pid) = turn(machine).await {
        loop {
            world::poll(pid);
            match world::next() {
                Next::Poll(next, on) if on == machine => pid = next,
                Next::Poll(next, on) => {
                    with_baton(|baton| pass(baton, next, on));
                    break;
                }
                Next::Stop(stop) => {
                    let main = with_baton(|baton| {
                        baton.stop = Some(stop);
                        baton.main.take()
                    });
                    main.into_iter().for_each(Waker::wake);
                    break;
                }
            }
        }
    }
}

/// Waits for the baton; None when the World closes.
async fn turn(machine: Machine) -> Option<u32> {
    poll_fn(|cx| {
        with_baton(|baton| {
            if baton.closing {
                return Poll::Ready(None);
            }
            if let Some((pid, _)) = baton.next.take_if(|(_, on)| *on == machine) {
                return Poll::Ready(Some(pid));
            }
            baton.hosts[machine.0 as usize] = Some(cx.waker().clone());
            Poll::Pending
        })
    })
    .await
}
