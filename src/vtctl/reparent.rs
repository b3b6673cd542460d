//! PlannedReparentShard: another tablet becomes primary, and nothing is lost.
//!
//! The elect catches up; the old primary is demoted, which ends its query service and makes its
//! server read-only; the elect catches up to that position exactly; it is promoted and all others
//! follow it, while it writes the reparent journal. If it cannot catch up, the demotion is taken
//! back. See `go/vt/vtctl/reparentutil`.
//!
//! Left out: shards without a clear primary.

use sim::mysql::gtid::GtidSet;
use sim::wait::{join, join_all};
use sim::world::Process;

use super::tablets::parse_alias;
use super::{Failure, REMOTE_OPERATION, Vtctld, args::Args, step};
use crate::rpc::{
    DemotePrimary, PopulateReparentJournal, PrimaryPosition, PromoteReplica, SetReplicationSource,
    UndoDemotePrimary, VtctlOutput, WaitForPosition,
};
use crate::topo::{Alias, DurabilityPolicy, TabletRecord, TabletType, Topo};

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
    let policy = topo.durability_policy(keyspace);
    let all: Vec<TabletRecord> = topo.tablets_of(keyspace, shard).cloned().collect();
    let record = all.iter().find(|tablet| tablet.alias == elect);
    let reached = all.iter().map(|tablet| tablet.alias.clone()).collect();
    if !record.is_some_and(|record| policy.can_make_progress(record, &all, &reached)) {
        return Err(format!(
            "primary-elect tablet {elect} won't be able to make forward progress on promotion"
        ));
    }
    let position = graceful(vtctld, process, policy, &old, &elect, &all).await?;
    step(format!("{elect} promoted"));
    let others = all.iter().filter(|tablet| tablet.alias != elect);
    let follow = others.map(|tablet| repoint(vtctld, process, policy, &elect, tablet));
    let journal = journal(vtctld, process, "PlannedReparentShard", &elect, position);
    let (followed, journal) = join(join_all(follow), journal).await;
    journal?;
    let failed = followed.into_iter().any(|result| result.is_err());
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

/// Makes a tablet follow a primary, and acknowledge what that commits if it is one that does.
pub(super) async fn repoint(
    vtctld: &Vtctld,
    process: Process,
    policy: DurabilityPolicy,
    primary: &Alias,
    tablet: &TabletRecord,
) -> Result<(), Failure> {
    let source = follow(policy, primary, tablet, None);
    let answer = vtctld.ask(process, &tablet.alias, source).await;
    answer.and_then(|result| result.map_err(|status| status.message))
}

pub(super) fn follow(
    policy: DurabilityPolicy,
    primary: &Alias,
    tablet: &TabletRecord,
    wait: Option<GtidSet>,
) -> SetReplicationSource {
    // A former primary is a replica by then.
    let kind = match tablet.kind {
        TabletType::Primary => TabletType::Replica,
        kind => kind,
    };
    let semi_sync = policy.acknowledges(primary, &TabletRecord { kind, ..tablet.clone() });
    SetReplicationSource { source: primary.clone(), semi_sync, wait }
}

/// A new primary's first commit. It is acknowledged by who follows it already, or not at all.
pub(super) async fn journal(
    vtctld: &Vtctld,
    process: Process,
    action: &str,
    primary: &Alias,
    position: GtidSet,
) -> Result<(), Failure> {
    let text = position.encode_position();
    let request =
        PopulateReparentJournal { action: action.into(), primary: primary.clone(), position };
    let answer = vtctld.ask(process, primary, request).await;
    answer.and_then(|result| result.map_err(|status| status.message)).map_err(|error| {
        format!("failed PopulateReparentJournal(primary={primary}, pos={text}): {error}")
    })
}

/// Gives the position at which the elect was promoted.
async fn graceful(
    vtctld: &Vtctld,
    process: Process,
    policy: DurabilityPolicy,
    old: &Alias,
    elect: &Alias,
    all: &[TabletRecord],
) -> Result<GtidSet, Failure> {
    let semi_sync = 0 < policy.ackers();
    let position = vtctld.ask(process, old, PrimaryPosition).await?;
    let position = position.map_err(|status| status.message)?;
    let known = all.iter().find(|tablet| tablet.alias == *elect);
    let record =
        known.ok_or_else(|| format!("primary-elect tablet {elect} is not in the shard"))?;
    let source = follow(policy, old, record, Some(position));
    let caught_up = vtctld.ask(process, elect, source).await?;
    caught_up.map_err(|status| {
        format!(
            "replication on primary-elect {elect} did not catch up in time; replication must be healthy to perform PlannedReparent: {status}"
        )
    })?;
    step(format!("{elect} caught up"));
    let demoted = vtctld.ask(process, old, DemotePrimary { force: false }).await;
    let position = match demoted.and_then(|result| result.map_err(|status| status.message)) {
        Ok(position) => position,
        Err(error) => {
            let _ = vtctld.ask(process, old, UndoDemotePrimary { semi_sync }).await;
            return Err(format!("failed to DemotePrimary on current primary {old}: {error}"));
        }
    };
    step(format!("{old} demoted"));
    let wait = WaitForPosition { position: position.clone(), timeout: REMOTE_OPERATION };
    let waited = vtctld.ask(process, elect, wait).await;
    if let Err(error) = waited.and_then(|result| result.map_err(|status| status.message)) {
        let _ = vtctld.ask(process, old, UndoDemotePrimary { semi_sync }).await;
        return Err(format!(
            "primary-elect tablet {elect} failed to catch up with replication: {error}"
        ));
    }
    let promoted = vtctld.ask(process, elect, PromoteReplica { semi_sync }).await?;
    promoted
        .map(|_| position)
        .map_err(|status| format!("failed PromoteReplica(primary={elect}): {status}"))
}
