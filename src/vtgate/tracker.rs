//! The schema tracker: what the tables are on the shards, beyond what the vschema says.
//!
//! ```text
//!   a primary's health says that its schema is another ── GetSchema ──> the keyspace's definitions
//!   vschema + definitions ──> what plans are made by; plans made before are dropped
//! ```
//!
//! Columns, primary keys, unique keys and foreign keys come from here: with them `*` is written out
//! and INSERT needs no list. Until a definition has arrived, statements are planned without it. See
//! `go/vt/vtgate/schema/tracker.go`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use sim::sql::ast::Statement;
use sim::world::Process;

use super::{Gate, Snapshot, gateway};
use crate::rpc::{GetSchema, Health};
use crate::topo::Alias;
use crate::vschema::definition::Definition;
use crate::vschema::{SrvVSchema, VSchema};

/// When a tablet that gave no definitions is asked again.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Tracker {
    /// By keyspace.
    definitions: BTreeMap<Rc<str>, Vec<Definition>>,
    /// Which of a tablet's schemas has been read.
    read: BTreeMap<Alias, u64>,
    /// How often definitions have come.
    pub changes: u64,
}

impl Tracker {
    /// Builds a vschema with what is known of its tables.
    pub fn build(&self, source: &SrvVSchema) -> VSchema {
        let definitions: Vec<Definition> = self.definitions.values().flatten().cloned().collect();
        VSchema::build_once(source, &definitions)
    }

    fn is_read(&self, health: &Health) -> bool {
        self.read.get(&health.alias) == Some(&health.schema)
    }
}

impl Gate {
    /// Reads definitions whenever a primary says that there are others.
    pub(super) async fn track_schema(self: Rc<Self>, process: Process) {
        loop {
            let told = self.gateway.told.raised();
            let primaries = self.gateway.primaries();
            let unread =
                primaries.into_iter().find(|health| !self.tracker.borrow().is_read(health));
            match unread {
                Some(health) => self.read_schema(process, &health).await,
                None => told.await,
            }
        }
    }

    async fn read_schema(&self, process: Process, health: &Health) {
        let read = gateway::call(process, &self.addresses, &health.alias, GetSchema).await;
        let Ok(Ok(texts)) = read else { return process.sleep(AGAIN).await };
        self.tracker.borrow_mut().read.insert(health.alias.clone(), health.schema);
        let keyspace = &health.target.keyspace;
        let create = |text: &Rc<str>| match &*sim::sql::parse_once(text).ok()? {
            Statement::CreateTable(create) => {
                Some(Definition { keyspace: keyspace.to_string(), create: create.clone() })
            }
            _ => None,
        };
        let definitions = texts.iter().filter_map(create).collect();
        let last = self.snapshot();
        let next = {
            let mut tracker = self.tracker.borrow_mut();
            tracker.definitions.insert(Rc::clone(keyspace), definitions);
            tracker.changes += 1;
            Snapshot {
                topo: Rc::clone(&last.topo),
                version: last.version,
                definitions: tracker.changes,
                vschema: tracker.build(&last.vschema.source),
            }
        };
        self.plans.borrow_mut().clear();
        *self.snapshot.borrow_mut() = Rc::new(next);
    }
}
