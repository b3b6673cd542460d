//! CreateKeyspace, SetKeyspaceDurabilityPolicy.
//!
//! A policy that is changed reaches a shard's tablets when they are next told what they are: at a
//! reparent, or when a tablet or its server starts.

use std::rc::Rc;

use serde_json::json;
use sim::world::Process;

use super::{Failure, Vtctld, args::Args};
use crate::rpc::VtctlOutput;
use crate::topo::{Change, DurabilityPolicy, KeyspaceRecord};

/// A keyspace without shards.
pub async fn create(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let [name] = args.rest.as_slice() else {
        return Err("the <keyspace> argument is required for the CreateKeyspace command".to_owned());
    };
    let policy = policy(args)?;
    let topo = vtctld.topo(process).await?;
    if topo.keyspaces.contains_key(name.as_str()) && !args.is_set("force") {
        return Err(format!("node already exists: keyspaces/{name}/Keyspace"));
    }
    let record = KeyspaceRecord {
        vschema: Default::default(),
        durability_policy: policy,
        shards: Default::default(),
        shard_order: Vec::new(),
    };
    let change = Change::Keyspace { name: name.as_str().into(), record };
    vtctld.write(process, vec![change, Change::RebuildSrvVSchema]).await?;
    Ok(VtctlOutput::nothing())
}

pub async fn set_policy(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let [name] = args.rest.as_slice() else {
        return Err(
            "the <keyspace> argument is required for the SetKeyspaceDurabilityPolicy command"
                .to_owned(),
        );
    };
    let policy = policy(args)?;
    let keyspace: Rc<str> = name.as_str().into();
    if !vtctld.topo(process).await?.keyspaces.contains_key(&keyspace) {
        return Err(format!("node doesn't exist: keyspaces/{name}/Keyspace"));
    }
    vtctld.write(process, vec![Change::DurabilityPolicy { keyspace, policy }]).await?;
    let record = json!({
        "keyspace_type": "NORMAL",
        "base_keyspace": "",
        "snapshot_time": null,
        "durability_policy": policy.name(),
        "throttler_config": null,
        "sidecar_db_name": "_vt",
    });
    Ok(VtctlOutput::Text(format!("{record:#}")))
}

fn policy(args: &Args) -> Result<DurabilityPolicy, Failure> {
    let name = args.flag("durability_policy").unwrap_or("none");
    let policy = DurabilityPolicy::parse(name);
    policy.ok_or_else(|| format!("durability policy {name} not found"))
}
