//! `recover`: everything is sound again.
//!
//! First the world: the network, machines and programs, disks, clocks; held messages go on, so that
//! who had an old vschema hears of the new one. Then what an operator, or vtorc, would put right
//! (`go/vt/vtorc/logic/topology_recovery.go`): pools are given back; the primary of each shard
//! takes writes (`UndoDemotePrimary`); every other tablet follows it (`SetReplicationSource`), an
//! old primary that still believes in itself as well. Where the records and the tablets disagree,
//! the tablet that is primary by the newest term is: its record is written.
//!
//! A fault that is under way when `recover` is said comes first: one that makes a server refuse
//! writes waits for the statements that write.
//!
//! Nobody is promoted who was not primary: a shard whose primary is lost waits for an
//! EmergencyReparentShard. A replica with errant GTIDs stays out. A watch whose event was lost
//! begins anew by itself, within 25 s.

use std::rc::Rc;
use std::time::Duration;

use sim::mysqld;
use sim::world::{Process, Program, fault as world};

use super::inject::Hand;
use super::runner::{Runner, at_rest};
use crate::history::{self, Event};
use crate::rpc::{Health, PromoteReplica, SetReplicationSource, StreamHealth, UndoDemotePrimary};
use crate::topo::{self, Alias, Change, DurabilityPolicy, TabletRecord, TabletType, Topo};
use crate::vttablet::fault::FillPool;

/// How long a program that starts takes to find its place.
const START: Duration = Duration::from_secs(1);
/// How long a fault may take to come: a lock wait of InnoDB's, and some.
const STRIKING: Duration = Duration::from_secs(60);
const CALL: Duration = Duration::from_secs(15);

impl Runner {
    pub(super) fn recover(&mut self) -> Result<String, String> {
        let vtctld = self.ready()?.vtctld;
        let Some(hand) = self.hand() else { return Err("there is no cluster".to_owned()) };
        history::emit(Event::Fault("recover".into()));
        hand.heal();
        let token = world::token("recover");
        world::spawn(vtctld, Some(token), "recover", move |process| {
            Box::pin(async move { put_right(process, &hand).await })
        });
        self.run_until(at_rest(token, None)).map(|()| String::new())
    }
}

impl Hand {
    fn heal(&self) {
        for client in self.clients.borrow().values() {
            client.set_limit(None);
            if !sim::world::is_up(client.program) {
                client.disconnect();
            }
        }
        world::heal();
    }

    fn programs(&self, alias: &Alias) -> Option<(Program, Program)> {
        let tablet = self.tablets().iter().find(|tablet| tablet.alias == *alias)?;
        Some((tablet.vttablet, tablet.mysqld))
    }
}

async fn put_right(process: Process, hand: &Hand) {
    process.sleep(START).await;
    for _ in 0..STRIKING.as_secs() {
        if !hand.is_striking() {
            break;
        }
        process.sleep(Duration::from_secs(1)).await;
    }
    for tablet in hand.tablets() {
        let _ = process.call(tablet.vttablet, FillPool(false)).within(CALL).await;
        let _ = process.call(tablet.mysqld, mysqld::SetDelay(Duration::ZERO)).within(CALL).await;
    }
    let topo = hand.store().read();
    for (keyspace, record) in &topo.keyspaces {
        for shard in &record.shard_order {
            put_shard_right(process, hand, &topo, keyspace, shard).await;
        }
    }
}

async fn put_shard_right(
    process: Process,
    hand: &Hand,
    topo: &Topo,
    keyspace: &Rc<str>,
    shard: &Rc<str>,
) {
    let members: Vec<TabletRecord> = topo.tablets_of(keyspace, shard).cloned().collect();
    let Some(primary) = primary_of(process, hand, topo, &members).await else { return };
    let policy = topo.durability_policy(keyspace);
    let Some((vttablet, _)) = hand.programs(&primary.alias) else { return };
    let (by_its_word, primary, semi_sync) =
        (primary.by_its_word, primary.alias, 0 < policy.ackers());
    match by_its_word {
        true => {
            let undo = UndoDemotePrimary { semi_sync };
            let _ = process.call(vttablet, undo).within(CALL).await;
        }
        // Its demotion went all the way, and nobody was promoted instead.
        false => {
            let promote = PromoteReplica { semi_sync };
            let _ = process.call(vttablet, promote).within(CALL).await;
        }
    }
    for member in members.iter().filter(|member| member.alias != primary) {
        let Some((vttablet, _)) = hand.programs(&member.alias) else { continue };
        let follow = follow(policy, &primary, member);
        let _ = process.call(vttablet, follow).within(CALL).await;
    }
}

/// A shard's primary, and whether the tablet says so itself.
struct Found {
    alias: Alias,
    by_its_word: bool,
}

/// The tablet that is primary by its own word and the newest term, or else by its shard's record.
/// The record says so afterwards.
async fn primary_of(
    process: Process,
    hand: &Hand,
    topo: &Topo,
    members: &[TabletRecord],
) -> Option<Found> {
    let mut primaries: Vec<Health> = Vec::new();
    for member in members {
        let Some((vttablet, _)) = hand.programs(&member.alias) else { continue };
        let told = process.call(vttablet, StreamHealth { known: None }).within(CALL).await;
        primaries.extend(told.ok().filter(|health| health.target.kind == TabletType::Primary));
    }
    let first = members.first()?;
    let recorded = topo.primary(&first.keyspace, &first.shard).cloned();
    let Some(newest) = primaries.into_iter().max_by_key(|health| health.term_start) else {
        return recorded.map(|alias| Found { alias, by_its_word: false });
    };
    if recorded.as_ref() != Some(&newest.alias)
        && let Some(term_start) = newest.term_start
    {
        let change = Change::ShardPrimary {
            keyspace: Rc::clone(&first.keyspace),
            shard: Rc::clone(&first.shard),
            primary: newest.alias.clone(),
            term_start,
        };
        let topo = hand.program("topo").ok()?;
        let _ = process.call(topo, topo::Write(vec![change])).within(CALL).await;
    }
    Some(Found { alias: newest.alias, by_its_word: true })
}

fn follow(
    policy: DurabilityPolicy,
    primary: &Alias,
    tablet: &TabletRecord,
) -> SetReplicationSource {
    // One that still believes in itself is a replica by then.
    let kind = match tablet.kind {
        TabletType::Primary => TabletType::Replica,
        kind => kind,
    };
    let semi_sync = policy.acknowledges(primary, &TabletRecord { kind, ..tablet.clone() });
    SetReplicationSource { source: primary.clone(), semi_sync, wait: None }
}
