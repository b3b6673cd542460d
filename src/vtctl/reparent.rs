//! PlannedReparentShard: another tablet becomes primary, and nothing is lost.
//!
//! The elect catches up; the old primary is demoted, which ends its query service and makes its
//! server read-only; the elect catches up to that position exactly; it is promoted and all others
//! follow it. If it cannot catch up, the demotion is taken back. See `go/vt/vtctl/reparentutil`.
//!
//! Left out: shards without a clear primary, durability policies other than none.

use sim::wait::join_all;
use sim::world::Process;

use super::tablets::parse_alias;
use super::{Failure, Vtctld, args::Args, step};
use crate::rpc::{
    DemotePrimary, PrimaryPosition, PromoteReplica, SetReplicationSource, UndoDemotePrimary,
    VtctlOutput, WaitForPosition,
};
use crate::topo::{Alias, TabletType, Topo};

pub async fn planned(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let shard = args.flag("keyspace_shard").or_else(|| args.rest.first().map(String::as_str));
    let Some((keyspace, shard)) = shard.and_then(|text| text.split_once('/')) else {
        return Err("keyspace/shard is required".to_owned());
    };
    let topo = vtctld.topo(process).await?;
    let Some(record) = topo.shard(keyspace, shard) else {
        return Err(format!("node doesn't exist: keyspaces/{keyspace}/shards/{shard}/Shard"));
    };
    let Some(old) = record.primary.clone() else {
        return Err(format!("the shard {keyspace}/{shard} has no primary"));
    };
    let elect = elect(&topo, keyspace, shard, &old, args)?;
    if elect == old {
        return Ok(VtctlOutput::nothing());
    }
    graceful(vtctld, process, &old, &elect).await?;
    step(format!("{elect} promoted"));
    let others = topo.tablets_of(keyspace, shard).filter(|tablet| tablet.alias != elect);
    let follow = others.map(|tablet| async {
        let source = SetReplicationSource { source: elect.clone(), wait: None };
        let answer = vtctld.ask(process, &tablet.alias, source).await;
        answer.and_then(|result| result.map_err(|status| status.message))
    });
    let failed = join_all(follow).await.into_iter().any(|result| result.is_err());
    step(format!("{keyspace}/{shard} follows {elect}"));
    match failed {
        true => Err(format!(
            "some replicas failed to reparent; retry PlannedReparentShard with the same new primary alias ({elect}) to retry failed replicas"
        )),
        false => Ok(VtctlOutput::nothing()),
    }
}

/// The tablet given, or a replica in the old primary's cell.
fn elect(
    topo: &Topo,
    keyspace: &str,
    shard: &str,
    old: &Alias,
    args: &Args,
) -> Result<Alias, Failure> {
    let given = args.flag("new_primary").or_else(|| args.flag("new_master"));
    if let Some(text) = given.or_else(|| args.rest.get(1).map(String::as_str)) {
        let alias = parse_alias(text)?;
        let known = topo.tablets_of(keyspace, shard).any(|tablet| tablet.alias == alias);
        if !known {
            return Err(format!("primary-elect tablet {alias} is not in the shard"));
        }
        return Ok(alias);
    }
    let candidate = topo.tablets_of(keyspace, shard).find(|tablet| {
        tablet.kind == TabletType::Replica && tablet.alias.cell == old.cell && tablet.alias != *old
    });
    if let Some(tablet) = candidate {
        return Ok(tablet.alias.clone());
    }
    let reasons = topo.tablets_of(keyspace, shard).map(|tablet| {
        let alias = &tablet.alias;
        if alias == old {
            format!("{alias} matches the primary alias to avoid")
        } else if tablet.kind != TabletType::Replica {
            format!("{alias} is not a replica")
        } else {
            format!("{alias} is not in the same cell as the previous primary")
        }
    });
    let reasons: Vec<String> = reasons.collect();
    Err(format!("cannot find a tablet to reparent to\n{}", reasons.join("\n")))
}

async fn graceful(
    vtctld: &Vtctld,
    process: Process,
    old: &Alias,
    elect: &Alias,
) -> Result<(), Failure> {
    let position = vtctld.ask(process, old, PrimaryPosition).await?;
    let position = position.map_err(|status| status.message)?;
    let source = SetReplicationSource { source: old.clone(), wait: Some(position) };
    let caught_up = vtctld.ask(process, elect, source).await?;
    caught_up.map_err(|status| {
        format!(
            "replication on primary-elect {elect} did not catch up in time; replication must be healthy to perform PlannedReparent: {status}"
        )
    })?;
    step(format!("{elect} caught up"));
    let demoted = vtctld.ask(process, old, DemotePrimary).await;
    let position = match demoted.and_then(|result| result.map_err(|status| status.message)) {
        Ok(position) => position,
        Err(error) => {
            let _ = vtctld.ask(process, old, UndoDemotePrimary).await;
            return Err(format!("failed to DemotePrimary on current primary {old}: {error}"));
        }
    };
    step(format!("{old} demoted"));
    let waited = vtctld.ask(process, elect, WaitForPosition(position)).await;
    if let Err(error) = waited.and_then(|result| result.map_err(|status| status.message)) {
        let _ = vtctld.ask(process, old, UndoDemotePrimary).await;
        return Err(format!(
            "primary-elect tablet {elect} failed to catch up with replication: {error}"
        ));
    }
    let promoted = vtctld.ask(process, elect, PromoteReplica).await?;
    promoted
        .map(|_| ())
        .map_err(|status| format!("failed PromoteReplica(primary={elect}): {status}"))
}
