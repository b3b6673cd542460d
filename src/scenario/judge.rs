//! The judge's place in a run.

use crate::cluster::Cluster;
use crate::history::Event;

/// Sees every event, and looks at the servers when asked.
#[derive(Default)]
pub struct Watch {}

impl Watch {
    pub fn begin(&mut self, _: &Cluster) {}

    pub fn observe(&mut self, _: &Event) {}

    pub fn check(&mut self, _: &Cluster) -> String {
        String::new()
    }

    pub fn dangling(&self) -> usize {
        0
    }

    pub fn undeclared(&mut self, _: &[String]) -> Vec<String> {
        Vec::new()
    }

    pub fn absent(&self, _: &[String]) -> Vec<String> {
        Vec::new()
    }
}
