//! EmergencyReparentShard: a shard whose primary is lost gets another, and loses as little as can
//! be.
//!
//! 1. Replication is stopped everywhere, so that nothing more is acknowledged; a tablet that is no
//!    replica is demoted by force. All but one must answer, or enough that nobody who did not could
//!    still commit (the durability policy says who).
//! 2. What was received is applied.
//! 3. Who has transactions that nobody else has is no candidate. Of the others the most advanced
//!    wins, and it must have what every other one has.
//! 4. The winner is promoted; or, where another is to be primary, that one follows the winner first
//!    until it has caught up.
//! 5. The new primary writes the reparent journal while the others are made to follow it. One that
//!    does is enough; the rest go on in the background.
//!
//! What was committed on the old primary and received by nobody is gone. See
//! `go/vt/vtctl/reparentutil/emergency_reparenter.go`.
//!
//! Left out: the shard's lock, tablets that take a backup, buffer pools.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use sim::mysql::gtid::{GtidSet, ServerUuid};
use sim::wait::{join, join_all, join_until};
use sim::world::Process;

use super::reparent::{follow, journal, repoint};
use super::tablets::parse_alias;
use super::{Failure, Vtctld, args::Args, step};
use crate::rpc::{
    DemotePrimary, PrimaryPosition, PromoteReplica, ReadReparentJournalInfo,
    StopReplicationAndGetStatus, VtctlOutput, WaitForPosition,
};
use crate::topo::{Alias, DurabilityPolicy, TabletRecord};
use crate::vttablet::manager::NOT_REPLICA;

const ACTION: &str = "EmergencyReparentShard";

/// What an operator wants.
struct Wanted {
    new_primary: Option<Alias>,
    ignored: BTreeSet<Alias>,
    timeout: Duration,
    prevent_cross_cell: bool,
    wait_for_all: bool,
}

/// The shard, as the topology has it.
struct Shard {
    policy: DurabilityPolicy,
    primary: Option<Alias>,
    tablets: Vec<TabletRecord>,
}

/// A tablet that stands still.
struct Stopped {
    /// Executed and received.
    position: GtidSet,
    /// Whom it followed, as far as it knows; nobody, if it was demoted.
    source: Option<ServerUuid>,
    is_replica: bool,
}

type Candidates = BTreeMap<Alias, Stopped>;

pub async fn emergency(
    vtctld: &Rc<Vtctld>,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let shard = args.flag("keyspace_shard").or_else(|| args.rest.first().map(String::as_str));
    let Some((keyspace, name)) = shard.and_then(|text| text.split_once('/')) else {
        return Err("keyspace/shard is required".to_owned());
    };
    let wanted = wanted(args)?;
    let topo = vtctld.topo(process).await?;
    let Some(record) = topo.shard(keyspace, name) else {
        return Err(format!("node doesn't exist: keyspaces/{keyspace}/shards/{name}/Shard"));
    };
    if let Some(expected) = args.flag("expected_primary") {
        let expected = parse_alias(expected)?;
        if record.primary.as_ref() != Some(&expected) {
            let primary = record.primary.as_ref().map_or_else(String::new, Alias::to_string);
            return Err(format!("primary {primary} is not equal to expected alias {expected}"));
        }
    }
    let shard = Shard {
        policy: topo.durability_policy(keyspace),
        primary: record.primary.clone(),
        tablets: topo.tablets_of(keyspace, name).cloned().collect(),
    };
    if let Some(elect) = &wanted.new_primary
        && shard.record(elect).is_none()
    {
        return Err(format!(
            "primary elect {elect} has been set but is not in the shard {keyspace}/{name}"
        ));
    }
    for alias in &wanted.ignored {
        step(format!("{alias} is ignored"));
    }
    let stopped = stop_all(vtctld, process, &shard, &wanted).await?;
    let reached: BTreeSet<Alias> = stopped.keys().cloned().collect();
    step(format!("{keyspace}/{name} stands still"));
    apply_relay_logs(vtctld, process, &stopped, wanted.timeout).await?;
    let candidates = without_errant(vtctld, process, stopped).await?;
    let winner = most_advanced(&shard, &candidates, &wanted)?;
    let primary = choose(&shard, &candidates, &reached, &winner, &wanted)?;
    if primary != winner {
        catch_up(vtctld, process, &shard, &winner, &primary, wanted.timeout).await?;
        step(format!("{primary} caught up with {winner}"));
    }
    promote(vtctld, process, &shard, &primary, &wanted, candidates).await?;
    step(format!("{primary} promoted"));
    Ok(VtctlOutput::nothing())
}

fn wanted(args: &Args) -> Result<Wanted, Failure> {
    let new_primary = args.flag("new_primary").map(parse_alias).transpose()?;
    let ignored = args.flag("ignore_replicas").unwrap_or("");
    let ignored = ignored.split(',').map(str::trim).filter(|text| !text.is_empty());
    let timeout = match args.flag("wait_replicas_timeout") {
        Some(text) => go_duration(text).ok_or_else(|| {
            format!(
                "invalid argument \"{text}\" for \"--wait-replicas-timeout\" flag: time: invalid duration \"{text}\""
            )
        })?,
        None => Duration::from_secs(15),
    };
    Ok(Wanted {
        new_primary,
        ignored: ignored.map(parse_alias).collect::<Result<_, _>>()?,
        timeout,
        prevent_cross_cell: args.is_set("prevent_cross_cell_promotion"),
        wait_for_all: args.is_set("wait_for_all_tablets"),
    })
}

/// `30s`, `500ms`, `1m`: Go's durations of one unit.
fn go_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..split].parse().ok()?;
    let millis = match &text[split..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

impl Shard {
    fn record(&self, alias: &Alias) -> Option<&TabletRecord> {
        self.tablets.iter().find(|tablet| tablet.alias == *alias)
    }
}

// ---------------------------------------------------------------- standing still

/// Waits until all but one have stopped; one more may be the dead primary.
async fn stop_all(
    vtctld: &Vtctld,
    process: Process,
    shard: &Shard,
    wanted: &Wanted,
) -> Result<Candidates, Failure> {
    let asked: Vec<&TabletRecord> =
        shard.tablets.iter().filter(|tablet| !wanted.ignored.contains(&tablet.alias)).collect();
    let needed = match wanted.wait_for_all {
        true => asked.len(),
        false => asked.len().saturating_sub(1),
    };
    let stops = asked.iter().map(async |tablet| {
        let stopped = stop(vtctld, process, &tablet.alias);
        let limited = process.limit(Some(wanted.timeout), stopped).await;
        limited.unwrap_or_else(|_| Err("context deadline exceeded".to_owned()))
    });
    let is_elect = |at: usize| wanted.new_primary.as_ref() == Some(&asked[at].alias);
    let enough = |answers: &[Option<Result<Stopped, Failure>>]| {
        let good = answers.iter().filter(|answer| matches!(answer, Some(Ok(_)))).count();
        let elect =
            answers.iter().enumerate().all(|(at, answer)| !is_elect(at) || answer.is_some());
        needed <= good && elect
    };
    let answers = join_until(stops, enough).await;
    let (mut stopped, mut errors) = (Candidates::new(), Vec::new());
    for (tablet, answer) in asked.iter().zip(answers) {
        match answer {
            Some(Ok(status)) => {
                stopped.insert(tablet.alias.clone(), status);
            }
            Some(Err(error)) => errors.push((tablet.alias.clone(), error)),
            None => errors.push((tablet.alias.clone(), "context canceled".to_owned())),
        }
    }
    let only_primary =
        errors.len() == 1 && errors.first().map(|(alias, _)| alias) == shard.primary.as_ref();
    let reached = stopped.keys().cloned().collect();
    if !errors.is_empty() && !only_primary && !shard.policy.is_revoked(&shard.tablets, &reached) {
        let errors: Vec<String> = errors.into_iter().map(|(_, error)| error).collect();
        return Err(format!(
            "could not reach sufficient tablets to guarantee safety: {}",
            errors.join("; ")
        ));
    }
    if stopped.is_empty() {
        return Err("no valid candidates for emergency reparent".to_owned());
    }
    Ok(stopped)
}

async fn stop(vtctld: &Vtctld, process: Process, alias: &Alias) -> Result<Stopped, Failure> {
    let status = vtctld.ask(process, alias, StopReplicationAndGetStatus).await;
    match status.map_err(|error| stop_error(alias, &error))? {
        Ok(status) => Ok(Stopped {
            position: status.received(),
            source: status.source_uuid,
            is_replica: true,
        }),
        Err(status) if status.message.contains(NOT_REPLICA) => {
            let demoted = vtctld.ask(process, alias, DemotePrimary { force: true }).await;
            let position = demoted.and_then(|result| result.map_err(|status| status.message));
            let position = position.map_err(|error| {
                format!("replica {alias} thinks it's primary but we failed to demote it: {error}")
            })?;
            Ok(Stopped { position, source: None, is_replica: false })
        }
        Err(status) => Err(stop_error(alias, &status.message)),
    }
}

fn stop_error(alias: &Alias, error: &str) -> Failure {
    format!("error when getting replication status for alias {alias}: {error}")
}

async fn apply_relay_logs(
    vtctld: &Vtctld,
    process: Process,
    stopped: &Candidates,
    timeout: Duration,
) -> Result<(), Failure> {
    let waits =
        stopped.iter().filter(|(_, status)| status.is_replica).map(async |(alias, status)| {
            let wait = WaitForPosition { position: status.position.clone(), timeout };
            let waited = vtctld.ask(process, alias, wait).await;
            waited.and_then(|result| result.map_err(|status| status.message))
        });
    let failed = join_all(waits).await.into_iter().find_map(Result::err);
    match failed {
        None => Ok(()),
        Some(error) => Err(format!(
            "could not apply all relay logs within the provided waitReplicasTimeout ({timeout:?}): {error}"
        )),
    }
}

// ---------------------------------------------------------------- candidates

/// Leaves out who has what nobody else has. Trusted are those with the longest reparent journal:
/// the others have missed a reparent.
async fn without_errant(
    vtctld: &Vtctld,
    process: Process,
    stopped: Candidates,
) -> Result<Candidates, Failure> {
    let lengths = stopped.keys().map(async |alias| {
        let length = vtctld.ask(process, alias, ReadReparentJournalInfo).await;
        length.and_then(|result| result.map_err(|status| status.message)).map_err(|error| {
            format!("could not read reparent journal information of {alias}: {error}")
        })
    });
    let lengths: Vec<usize> = join_all(lengths).await.into_iter().collect::<Result<_, _>>()?;
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let of_length: Vec<(&Alias, &Stopped, usize)> = stopped
        .iter()
        .zip(&lengths)
        .map(|((alias, status), length)| (alias, status, *length))
        .collect();
    let mut good: BTreeSet<Alias> = BTreeSet::new();
    for (alias, status, _) in of_length.iter().filter(|(_, _, length)| *length == longest) {
        let others =
            of_length.iter().filter(|(other, _, length)| *length == longest && other != alias);
        if errant(status, others.map(|(_, other, _)| *other)).is_empty() {
            good.insert((*alias).clone());
        }
    }
    let trusted = good.clone();
    for (alias, status, _) in of_length.iter().filter(|(_, _, length)| *length < longest) {
        let longest = stopped.iter().filter(|(other, _)| trusted.contains(other));
        if errant(status, longest.map(|(_, other)| other)).is_empty() {
            good.insert((*alias).clone());
        }
    }
    for (alias, _) in stopped.iter().filter(|(alias, _)| !good.contains(alias)) {
        step(format!("{alias} has errant GTIDs"));
    }
    Ok(stopped.into_iter().filter(|(alias, _)| good.contains(alias)).collect())
}

/// What nobody else has. What its own source has committed may not have reached the others. Alone,
/// a tablet is trusted.
fn errant<'a>(status: &Stopped, others: impl Iterator<Item = &'a Stopped>) -> GtidSet {
    let mut rest = status.position.clone();
    let mut is_alone = true;
    for other in others {
        is_alone = false;
        rest = rest.subtract(&other.position);
    }
    if is_alone {
        return GtidSet::new();
    }
    match status.source {
        Some(source) => rest.without(source),
        None => rest,
    }
}

/// Who has everything that the others have: the requested one among equals, then who may be
/// primary, then in the order of names.
fn most_advanced(
    shard: &Shard,
    candidates: &Candidates,
    wanted: &Wanted,
) -> Result<Alias, Failure> {
    if let Some(elect) = &wanted.new_primary
        && !candidates.contains_key(elect)
    {
        return Err(format!("requested primary elect {elect} has errant GTIDs"));
    }
    let may_be_primary = |alias: &Alias| {
        shard.record(alias).is_some_and(|record| shard.policy.may_be_primary(record.kind))
    };
    let rank = |alias: &Alias| (wanted.new_primary.as_ref() == Some(alias), may_be_primary(alias));
    let mut winner: Option<(&Alias, &Stopped)> = None;
    for (alias, status) in candidates {
        let is_better = winner.is_none_or(|(best, held)| {
            let (has, lacks) = (
                status.position.contains_set(&held.position),
                held.position.contains_set(&status.position),
            );
            has && (!lacks || rank(best) < rank(alias))
        });
        if is_better {
            winner = Some((alias, status));
        }
    }
    let Some((winner, held)) = winner else {
        return Err("no valid candidates for emergency reparent".to_owned());
    };
    let other = candidates.iter().find(|(_, s)| !held.position.contains_set(&s.position));
    match other {
        Some((other, _)) => {
            Err(format!("split brain detected between servers - {winner} and {other}"))
        }
        None => Ok(winner.clone()),
    }
}

/// Who becomes primary: whoever was asked for, or the winner, or one that may and can be.
fn choose(
    shard: &Shard,
    candidates: &Candidates,
    reached: &BTreeSet<Alias>,
    winner: &Alias,
    wanted: &Wanted,
) -> Result<Alias, Failure> {
    let mut valid: Vec<&TabletRecord> = Vec::new();
    for tablet in shard.tablets.iter().filter(|tablet| candidates.contains_key(&tablet.alias)) {
        let alias = &tablet.alias;
        let is_elect = wanted.new_primary.as_ref() == Some(alias);
        let cell = shard.primary.as_ref().map(|primary| &primary.cell);
        let why_not = if !shard.policy.may_be_primary(tablet.kind) {
            Some(format!("proposed primary {alias} has a must not promotion rule"))
        } else if wanted.prevent_cross_cell && cell.is_some_and(|cell| *cell != alias.cell) {
            // The words are Vitess's.
            Some(format!("proposed primary {alias} is is a different cell as the previous primary"))
        } else if !shard.policy.can_make_progress(tablet, &shard.tablets, reached) {
            Some(format!(
                "proposed primary {alias} will not be able to make forward progress on being promoted"
            ))
        } else {
            None
        };
        match why_not {
            None => valid.push(tablet),
            Some(error) if is_elect => return Err(error),
            Some(_) => {}
        }
    }
    if let Some(elect) = &wanted.new_primary {
        return Ok(elect.clone());
    }
    let same = valid.iter().find(|tablet| tablet.alias == *winner);
    let near = valid.iter().find(|tablet| tablet.alias.cell == winner.cell);
    let chosen = same.or(near).or(valid.first());
    let none = "no valid candidates for emergency reparent";
    chosen.map(|tablet| tablet.alias.clone()).ok_or_else(|| none.to_owned())
}

// ---------------------------------------------------------------- promotion

/// The one that is to be primary gets from the winner what it lacks.
async fn catch_up(
    vtctld: &Vtctld,
    process: Process,
    shard: &Shard,
    winner: &Alias,
    primary: &Alias,
    timeout: Duration,
) -> Result<(), Failure> {
    let text = |result: Result<Result<_, crate::rpc::Status>, Failure>| {
        result.and_then(|answer| answer.map_err(|status| status.message))
    };
    let position = vtctld.ask(process, winner, PrimaryPosition).await;
    let position: GtidSet = text(position)?;
    let known = shard.record(primary);
    let record = known.ok_or_else(|| format!("node doesn't exist: tablets/{primary}/Tablet"))?;
    let source = follow(DurabilityPolicy::None, winner, record, None);
    let followed = vtctld.ask(process, primary, source).await?;
    followed.map_err(|status| status.message)?;
    let waited = vtctld.ask(process, primary, WaitForPosition { position, timeout }).await?;
    waited.map_err(|status| status.message)
}

async fn promote(
    vtctld: &Rc<Vtctld>,
    process: Process,
    shard: &Shard,
    primary: &Alias,
    wanted: &Wanted,
    candidates: Candidates,
) -> Result<(), Failure> {
    let position = candidates.get(primary).map_or_else(GtidSet::new, |s| s.position.clone());
    let semi_sync = 0 < shard.policy.ackers();
    let promoted = vtctld.ask(process, primary, PromoteReplica { semi_sync }).await;
    promoted
        .and_then(|answer| answer.map_err(|status| status.message))
        .map_err(|error| format!("failed to promote {primary} to primary: {error}"))?;
    let others: Vec<TabletRecord> = shard
        .tablets
        .iter()
        .filter(|tablet| tablet.alias != *primary && !wanted.ignored.contains(&tablet.alias))
        .cloned()
        .collect();
    let count = others.len();
    let answers: Rc<std::cell::RefCell<Vec<Result<(), Failure>>>> = Rc::default();
    let answered = sim::wait::Signal::default();
    // Each goes on by itself, also when the command has long been answered.
    for tablet in others {
        let (vtctld, primary, policy) = (Rc::clone(vtctld), primary.clone(), shard.policy);
        let (answers, answered) = (Rc::clone(&answers), answered.clone());
        process.spawn_background("reparent", move |process| async move {
            let answer = repoint(&vtctld, process, policy, &primary, &tablet).await;
            let answer = answer.map_err(|error| {
                format!("tablet {} failed to SetReplicationSource: {error}", tablet.alias)
            });
            answers.borrow_mut().push(answer);
            answered.raise();
        });
    }
    let followed = async {
        loop {
            let changed = answered.raised();
            let (good, all) = {
                let answers = answers.borrow();
                (answers.iter().any(Result::is_ok), answers.len() == count)
            };
            if good || all {
                return good;
            }
            changed.await;
        }
    };
    let (followed, journal) =
        join(followed, journal(vtctld, process, ACTION, primary, position)).await;
    journal?;
    // A shard of two has lost one: nobody is left to follow.
    if followed || shard.tablets.len() <= 2 {
        return Ok(());
    }
    let errors: Vec<String> =
        answers.borrow().iter().filter_map(|answer| answer.clone().err()).collect();
    Err(format!("{} replica(s) failed: {}", errors.len(), errors.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::mysql::gtid::Gtid;

    fn stopped(gtids: &[(u8, u64)], source: Option<u8>) -> Stopped {
        let mut position = GtidSet::new();
        for (server, sequence) in gtids {
            position.add(Gtid { server: ServerUuid([*server; 16]), sequence: *sequence });
        }
        let source = source.map(|server| ServerUuid([server; 16]));
        Stopped { position, source, is_replica: source.is_some() }
    }

    #[test]
    fn errant_is_what_nobody_else_has_and_its_source_has_not_written() {
        let check = |own: &[(u8, u64)], source, others: &[&[(u8, u64)]], expected: u64| {
            let others: Vec<Stopped> = others.iter().map(|gtids| stopped(gtids, Some(1))).collect();
            assert_eq!(errant(&stopped(own, source), others.iter()).count(), expected, "{own:?}");
        };
        check(&[(1, 1), (1, 2)], Some(1), &[&[(1, 1)]], 0);
        check(&[(1, 1), (2, 1)], Some(1), &[&[(1, 1)]], 1);
        check(&[(1, 1), (2, 1)], Some(1), &[&[(1, 1)], &[(2, 1)]], 0);
        check(&[(1, 1), (1, 2)], None, &[&[(1, 1)]], 1);
        check(&[(2, 1)], Some(1), &[], 0);
    }

    #[test]
    fn a_timeout_is_written_as_in_go() {
        assert_eq!(go_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(go_duration("1m"), Some(Duration::from_secs(60)));
        for text in ["30", "s", "", "1y", "99999999999999999999h"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }
}
