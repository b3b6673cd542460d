//! vtctld: what an operator does.
//!
//! Commands are those of vtctlclient, with one dash or two. A command gives text, or a table that
//! its reader prints. Each step that changes the cluster is an event of the history, so that a
//! fault can be put between two. See `go/vt/vtctl`, `go/vt/wrangler`.
//!
//! It knows nothing of how results print.

pub mod args;
mod emergency;
mod keyspace;
mod lookup_vindex;
pub mod reparent;
pub mod schema;
pub mod tablets;

use std::rc::Rc;
use std::time::Duration;

use sim::call::Request;
use sim::world::Process;

use crate::history::{self, Event};
use crate::rpc::{Status, Vtctl, VtctlOutput};
use crate::topo::{self, Alias, Change, Topo};
use crate::vttablet::Addresses;
use args::Args;

/// How long a step of a command may take.
const REMOTE_OPERATION: Duration = Duration::from_secs(15);

/// Flags of a vtctld.
#[derive(Clone, Debug)]
pub struct Options {
    /// The dress of the guide's time: which vindex a lookup table gets, how streams print.
    pub v6: bool,
}

/// One vtctld.
pub struct Vtctld {
    pub options: Options,
    pub addresses: Addresses,
}

/// Serves operators until its program dies.
pub async fn serve(process: Process, options: Options, addresses: Addresses) {
    let vtctld = Rc::new(Vtctld { options, addresses });
    process.serve(move |process, command: Rc<Vtctl>| {
        let vtctld = Rc::clone(&vtctld);
        async move { vtctld.run(process, &command.args).await }
    });
}

/// Why a command failed, as vtctlclient prints it.
pub type Failure = String;

impl Vtctld {
    async fn run(
        self: &Rc<Self>,
        process: Process,
        words: &[String],
    ) -> Result<VtctlOutput, Failure> {
        let Some((name, rest)) = words.split_first() else {
            return Err("no command specified".to_owned());
        };
        step(format!("{name} begins"));
        let args = Args::parse(rest);
        let result = match name.as_str() {
            "ListAllTablets" => tablets::list_all(self, process).await,
            "VReplicationExec" => tablets::vreplication_exec(self, process, &args).await,
            "CreateLookupVindex" => lookup_vindex::create(self, process, &args).await,
            "ExternalizeVindex" => lookup_vindex::externalize(self, process, &args).await,
            "CreateKeyspace" => keyspace::create(self, process, &args).await,
            "SetKeyspaceDurabilityPolicy" => keyspace::set_policy(self, process, &args).await,
            "EmergencyReparentShard" => emergency::emergency(self, process, &args).await,
            "StopReplication" => tablets::replication(self, process, &args, false).await,
            "StartReplication" => tablets::replication(self, process, &args, true).await,
            "PlannedReparentShard" => reparent::planned(self, process, &args).await,
            "ApplySchema" => schema::apply_schema(self, process, &args).await,
            "ApplyVSchema" => schema::apply_vschema(self, process, &args).await,
            "ApplyMirrorRules" => schema::apply_mirror_rules(self, process, &args).await,
            "GetVSchema" => schema::get_vschema(self, process, &args).await,
            "RebuildVSchemaGraph" => {
                self.write(process, vec![Change::RebuildSrvVSchema]).await?;
                Ok(VtctlOutput::nothing())
            }
            other => Err(format!("Unknown command: {other}")),
        };
        step(format!("{name} ends"));
        result
    }

    async fn topo(&self, process: Process) -> Result<Rc<Topo>, Failure> {
        let read = process.call(self.addresses.topo(), topo::Read).within(REMOTE_OPERATION).await;
        read.map_err(|error| format!("topo: {error}"))
    }

    async fn write(&self, process: Process, changes: Vec<Change>) -> Result<Rc<Topo>, Failure> {
        let write = process.call(self.addresses.topo(), topo::Write(changes));
        let written = write.within(REMOTE_OPERATION).await;
        written.map_err(|error| format!("topo: {error}"))
    }

    /// Asks a tablet.
    async fn ask<R>(&self, process: Process, alias: &Alias, request: R) -> Result<R::Reply, Failure>
    where
        R: Request,
    {
        let Some(tablet) = self.addresses.vttablet(alias) else {
            return Err(format!("node doesn't exist: tablets/{alias}/Tablet"));
        };
        let answer = process.call(tablet, request).within(REMOTE_OPERATION * 2).await;
        answer.map_err(|error| Status::of_call(error).message)
    }

    /// The primaries of a keyspace's shards, in the order of their ranges.
    fn primaries(topo: &Topo, keyspace: &str) -> Result<Vec<(Rc<str>, Alias)>, Failure> {
        let Some(record) = topo.keyspaces.get(keyspace) else {
            return Err(format!("node doesn't exist: keyspaces/{keyspace}/Keyspace"));
        };
        let primary = |shard: &Rc<str>| {
            let primary = record.shards.get(shard).and_then(|record| record.primary.clone());
            primary
                .map(|alias| (Rc::clone(shard), alias))
                .ok_or_else(|| format!("source shard has no primary: {shard}"))
        };
        record.shard_order.iter().map(primary).collect()
    }
}

/// Marks a step that has been done.
pub(crate) fn step(what: impl Into<String>) {
    history::emit(Event::Operator(what.into().into()));
}
