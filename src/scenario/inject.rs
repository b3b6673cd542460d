//! Doing faults: now, or at a moment that is waited for.
//!
//! Targets are symbols until a fault is done. Faults that wait for a moment watch the history, and
//! strike as the event happens. It knows nothing of what a fault leads to.

use std::cell::RefCell;

use sim::network::{Leg, Rule, Verdict as Fate};
use sim::world::{self, Goal};

use super::fault::{Disk, Fault};
use super::runner::Runner;
use crate::cluster::Cluster;
use crate::history::{self, Event, List, Outcome as CommitOutcome};
use crate::topo::Alias;

/// A fault that waits for its moment.
pub(super) struct Armed {
    pub session: String,
    pub list: List,
    pub fault: Fault,
    pub fired: bool,
}

impl Runner {
    pub(super) fn fault(&mut self, fault: &Fault) -> Result<String, String> {
        let cluster = self.ready()?;
        let program = |cluster: &Cluster, name: &str| {
            let name = resolve(cluster, name)?;
            cluster.world.find(&name).ok_or_else(|| format!("there is no program {name}"))
        };
        let machine = |cluster: &Cluster, name: &str| {
            program(cluster, name).map(|program| cluster.world.machine_of(program))
        };
        history::emit(Event::Fault(fault.to_string().into()));
        match fault {
            Fault::Crash(name) => {
                let program = program(cluster, name)?;
                cluster.world.crash(program);
            }
            Fault::Restart(name) => {
                let program = program(cluster, name)?;
                cluster.world.restart(program);
            }
            Fault::Pause(name) => {
                let program = program(cluster, name)?;
                cluster.world.pause(program);
            }
            Fault::Resume(name) => {
                let program = program(cluster, name)?;
                cluster.world.resume(program);
            }
            Fault::PowerOff(name) => {
                let machine = machine(cluster, name)?;
                cluster.world.power_off(machine);
            }
            Fault::PowerOn(name) => {
                let machine = machine(cluster, name)?;
                cluster.world.power_on(machine);
            }
            Fault::Cut { from, to } => {
                let (from, to) = (machine(cluster, from)?, machine(cluster, to)?);
                cluster.world.cut(from, to);
            }
            Fault::Mend { from, to } => {
                let (from, to) = (machine(cluster, from)?, machine(cluster, to)?);
                cluster.world.mend(from, to);
            }
            Fault::Latency { from, to, latency } => {
                let (from, to) = (machine(cluster, from)?, machine(cluster, to)?);
                cluster.world.set_link_latency(from, to, *latency);
            }
            Fault::Break { name, from, to, after } => {
                let rule = break_rule(
                    name,
                    from.as_deref().map(|name| resolve(cluster, name)).transpose()?,
                    to.as_deref().map(|name| resolve(cluster, name)).transpose()?,
                    *after,
                );
                cluster.world.network(|network| network.install(rule));
            }
            Fault::Delay { name, by, from, to } => {
                let rule = Rule {
                    from: from.as_deref().map(|name| resolve(cluster, name)).transpose()?,
                    to: to.as_deref().map(|name| resolve(cluster, name)).transpose()?,
                    leg: None,
                    name: Some(name.clone()),
                    skip: 0,
                    times: None,
                    verdict: Fate::Delay(*by),
                };
                cluster.world.network(|network| network.install(rule));
            }
            Fault::Heal => cluster.world.heal_network(),
            Fault::Disk { target, state } => {
                let machine = machine(cluster, target)?;
                match state {
                    Disk::Slow(by) => cluster.world.slow_disk(machine, *by),
                    Disk::Silent => cluster.world.silence_disk(machine),
                    Disk::Full => cluster.world.fill_disk(machine),
                    Disk::Failing => cluster.world.fail_disk(machine),
                    Disk::Sound => cluster.world.mend_disk(machine),
                }
            }
            Fault::Lag { target, by } => {
                let name = resolve(cluster, target)?;
                let alias = Alias::parse(&name);
                let tablet = alias.and_then(|alias| cluster.tablet(&alias)).cloned();
                let tablet = tablet.ok_or_else(|| format!("there is no tablet {name}"))?;
                let (by, vtctld) = (*by, cluster.vtctld);
                let token = cluster.world.token(&fault.to_string());
                cluster.world.spawn(vtctld, Some(token), "lag", move |process| {
                    Box::pin(async move {
                        let delay = sim::mysqld::SetDelay(by);
                        let _ = process.call(tablet.mysqld, delay).await;
                    })
                });
                return self.run_until(Goal::Declared).map(|()| String::new());
            }
        }
        Ok(String::new())
    }

    pub(super) fn arm(
        &mut self,
        session: &str,
        list: List,
        fault: &Fault,
    ) -> Result<String, String> {
        let cluster = self.ready()?;
        let fault = resolved(cluster, fault)?;
        let session = session.to_owned();
        self.armed.borrow_mut().push(Armed { session, list, fault, fired: false });
        Ok(String::new())
    }
}

/// `primary(customer/80-)` is the tablet that is primary now; any other name is itself.
fn resolve(cluster: &Cluster, name: &str) -> Result<String, String> {
    for (symbol, prefix) in [("primary(", ""), ("mysqld(", "mysqld-")] {
        let Some(shard) = name.strip_prefix(symbol).and_then(|rest| rest.strip_suffix(')')) else {
            continue;
        };
        let (keyspace, shard) = shard.split_once('/').ok_or("expected keyspace/shard")?;
        let topo = cluster.topo();
        let primary = topo.primary(keyspace, shard);
        let alias: &Alias = primary.ok_or_else(|| format!("{keyspace}/{shard} has no primary"))?;
        return Ok(format!("{prefix}{alias}"));
    }
    Ok(name.to_owned())
}

fn resolved(cluster: &Cluster, fault: &Fault) -> Result<Fault, String> {
    let name = |name: &String| resolve(cluster, name);
    let maybe = |name: &Option<String>| name.as_ref().map(|n| resolve(cluster, n)).transpose();
    Ok(match fault {
        Fault::Crash(target) => {
            let target = name(target)?;
            cluster.world.find(&target).ok_or_else(|| format!("there is no program {target}"))?;
            Fault::Crash(target)
        }
        Fault::Break { name, from, to, after } => {
            Fault::Break { name: name.clone(), from: maybe(from)?, to: maybe(to)?, after: *after }
        }
        other => {
            return Err(format!("`{other}` cannot wait for a moment: only crash and break can"));
        }
    })
}

fn break_rule(name: &str, from: Option<String>, to: Option<String>, after: bool) -> Rule {
    let leg = if after { Leg::Reply } else { Leg::Request };
    // A reply travels the other way.
    let (from, to) = if after { (to, from) } else { (from, to) };
    Rule {
        from,
        to,
        leg: Some(leg),
        name: Some(name.to_owned()),
        skip: 0,
        times: Some(1),
        verdict: Fate::Break,
    }
}

/// Fires what waits for this event; what was done, in words.
pub(super) fn strike(armed: &RefCell<Vec<Armed>>, event: &Event) -> Vec<String> {
    let Event::ShardCommit { session, list, outcome: CommitOutcome::Ok, .. } = event else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    for armed in armed.borrow_mut().iter_mut() {
        if !armed.fired && armed.session == **session && armed.list == *list {
            armed.fired = true;
            faults.push(armed.fault.clone());
        }
    }
    for fault in &faults {
        match fault {
            Fault::Crash(name) => world::crash_by_name(name),
            Fault::Break { name, from, to, after } => {
                world::install_rule(break_rule(name, from.clone(), to.clone(), *after));
            }
            _ => {}
        }
    }
    faults.iter().map(ToString::to_string).collect()
}
