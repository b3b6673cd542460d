//! The judge's place in a run.
//!
//! It sees each event as it happens, is told of a new vschema as soon as topo serves it, and
//! compares its own tables with the servers' at each check.

use std::rc::Rc;

use sim::world;

use crate::checker::departure::Departure;
use crate::checker::{Judge, ShardsCheck, Violation};
use crate::cluster::Cluster;
use crate::history::Event;
use crate::scenario::Story;
use crate::topo::Store;
use crate::vindex::Registry;
use crate::vschema::VSchema;

/// See the [module](self).
#[derive(Default)]
pub struct Watch {
    judge: Judge,
    shards: ShardsCheck,
    store: Store,
    /// Of the SrvVSchema that the judge knows.
    version: u64,
}

impl Watch {
    /// Takes the cluster as it is before anything runs.
    pub fn begin(&mut self, cluster: &Cluster) {
        self.store = cluster.store();
        self.judge = Judge::new(&cluster.topo());
        for tablet in &cluster.tablets {
            let executed = cluster.executed(&tablet.alias);
            let images = cluster.images(&tablet.alias).into_iter();
            self.judge.take_server(&tablet.alias, &executed, images, 0);
        }
        self.learn_vschema();
    }

    pub fn session_on(&mut self, session: &str, vtgate: &str, target: &str) {
        self.judge.session_on(session, vtgate);
        self.judge.session_target(session, target);
    }

    pub fn observe(&mut self, event: &Event) {
        self.learn_vschema();
        self.judge.observe(event, world::now());
        self.shards.observe(event, &self.store.read(), world::now());
    }

    fn learn_vschema(&mut self) {
        let topo = self.store.read();
        let Some((version, source)) = topo.srv_vschema.values().next() else { return };
        if *version != self.version {
            self.version = *version;
            let vschema = Rc::new(VSchema::build(source, &Registry::standard()));
            self.shards.learn(*version, &vschema);
            self.judge.vschema_changed(&vschema, world::now());
        }
    }

    /// The counts, after a comparison with every server.
    pub fn check(&mut self, cluster: &Cluster) -> String {
        self.learn_vschema();
        let images: Vec<_> = cluster
            .tablets
            .iter()
            // One that is down shows nobody what it holds; when it is back it tells what it lost.
            .filter(|tablet| cluster.has_server(&tablet.alias))
            .flat_map(|tablet| {
                let alias = tablet.alias.clone();
                cluster.images(&alias).into_iter().map(move |image| (alias.clone(), image))
            })
            .collect();
        self.judge.compare(images.into_iter());
        let mut text = self.judge.check().to_string();
        for violation in self.violations() {
            text.push_str(&violation.headline());
            text.push('\n');
        }
        text
    }

    fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.judge.violations().iter().chain(self.shards.violations())
    }

    pub fn dangling(&self) -> usize {
        self.judge.check().dangling()
    }

    /// Violations that the scenario does not declare, as stories.
    pub fn undeclared(&self, declared: &[String]) -> Vec<Story> {
        let all = self.violations();
        let open = all.filter(|v| !declared.iter().any(|name| name == v.invariant.name()));
        let story = |violation: &Violation| Story {
            invariant: violation.invariant.name(),
            departure: violation.departure.map(Departure::name),
            text: violation.to_string(),
        };
        open.map(story).collect()
    }

    /// What is declared and did not happen.
    pub fn absent(&self, declared: &[String]) -> Vec<String> {
        let happened =
            |name: &String| self.violations().any(|violation| violation.invariant.name() == name);
        declared.iter().filter(|name| !happened(name)).cloned().collect()
    }
}

/// Shared between the runner and the history.
pub type Shared = Rc<std::cell::RefCell<Watch>>;
