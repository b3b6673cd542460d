//! The host of our own: one loop.

use super::Host;
use crate::world::{self, Machine, Next, Stop};

pub(crate) struct Plain;

impl Host for Plain {
    fn add_machine(&mut self, _: Machine, _: &str) {}

    fn run(&mut self) -> Stop {
        loop {
            match world::next() {
                Next::Poll(pid, _) => world::poll(pid),
                Next::Stop(stop) => return stop,
            }
        }
    }

    fn close(&mut self) {}
}
