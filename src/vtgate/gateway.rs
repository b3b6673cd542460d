//! Which tablet serves a target, and the call to it.
//!
//! Each tablet tells its health: what it is, whether it serves, since when it is primary. For a
//! primary the newest term wins. A statement outside a transaction is tried on up to three tablets;
//! one in a transaction goes to the tablet where the transaction is, once. See
//! `go/vt/vtgate/tabletgateway.go` and `go/vt/discovery`.
//!
//! Left out: buffering, cells (a replica is picked among all).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use sim::call::Request;
use sim::wait::Signal;
use sim::world::Process;

use crate::key::Code;
use crate::rpc::{Execute, Executed, Health, Status, StreamHealth, Target};
use crate::topo::{Alias, TabletType, Topo};
use crate::vttablet::Addresses;

/// A call that a vtgate gives up by itself: above the tablet's own timeouts.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 3;

#[derive(Default)]
pub struct Gateway {
    health: RefCell<BTreeMap<Alias, Health>>,
    watched: RefCell<Vec<Alias>>,
    /// Raised when a tablet has told something of itself.
    pub told: Signal,
}

impl Gateway {
    /// Watches the health of every tablet of the topology that is not watched yet.
    pub fn watch(self: &Rc<Self>, process: Process, topo: &Topo, addresses: &Addresses) {
        for alias in topo.tablets.keys() {
            if self.watched.borrow().contains(alias) {
                continue;
            }
            self.watched.borrow_mut().push(alias.clone());
            let (gateway, addresses) = (Rc::clone(self), addresses.clone());
            let alias = alias.clone();
            process.spawn_background("health", move |process| async move {
                gateway.watch_tablet(process, &alias, &addresses).await;
            });
        }
    }

    async fn watch_tablet(&self, process: Process, alias: &Alias, addresses: &Addresses) {
        loop {
            let known = self.health.borrow().get(alias).cloned();
            let Some(tablet) = addresses.vttablet(alias) else { return };
            let stream = StreamHealth { known };
            match process.call(tablet, stream).within(Duration::from_secs(25)).await {
                Ok(health) => {
                    self.health.borrow_mut().insert(alias.clone(), health);
                    self.told.raise();
                }
                Err(_) => {
                    self.health.borrow_mut().remove(alias);
                    process.sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// What the primaries that serve have told of themselves.
    pub fn primaries(&self) -> Vec<Health> {
        let health = self.health.borrow();
        let serves = |health: &&Health| health.serving && health.target.kind == TabletType::Primary;
        health.values().filter(serves).cloned().collect()
    }

    /// What a tablet has told of itself last.
    pub fn health_of(&self, alias: &Alias) -> Option<Health> {
        self.health.borrow().get(alias).cloned()
    }

    /// Tablets that serve a target, in the order of preference; a replica is a choice of the run.
    fn candidates(&self, process: Process, target: &Target) -> Vec<Alias> {
        let health = self.health.borrow();
        let serves = |health: &&Health| health.serving && health.target == *target;
        let mut serving: Vec<&Health> = health.values().filter(serves).collect();
        if target.kind == TabletType::Primary {
            serving.sort_by_key(|health| std::cmp::Reverse(health.term_start));
            serving.truncate(1);
        } else if 1 < serving.len() {
            let last = serving.len() as u64 - 1;
            serving.rotate_left(process.choose("tablet", 0, 0..=last) as usize);
        }
        serving.into_iter().map(|health| health.alias.clone()).collect()
    }

    /// Runs a statement that is not in a transaction yet.
    pub async fn execute(
        &self,
        process: Process,
        addresses: &Addresses,
        target: &Target,
        limit: Duration,
        make: impl Fn() -> Execute,
    ) -> Executed {
        let mut tried: Vec<Alias> = Vec::new();
        let mut last: Option<Executed> = None;
        for _ in 0..ATTEMPTS {
            let candidates = self.candidates(process, target);
            let Some(alias) = candidates.into_iter().find(|alias| !tried.contains(alias)) else {
                break;
            };
            tried.push(alias.clone());
            let executed = self.execute_on(process, addresses, &alias, limit, make()).await;
            let retry = match &executed.result {
                Err(status) => {
                    let is_open = executed.transaction.or(executed.reserved).is_some();
                    !is_open && is_retryable(status.code)
                }
                Ok(_) => false,
            };
            if !retry {
                return executed;
            }
            last = Some(executed);
        }
        last.unwrap_or_else(|| Executed {
            result: Err(no_tablet(target)),
            transaction: None,
            reserved: None,
            alias: Alias::new("", 0),
        })
    }

    /// Asks the tablet that serves a target, once.
    pub async fn call_any<R: Request>(
        &self,
        process: Process,
        addresses: &Addresses,
        target: &Target,
        request: R,
    ) -> Result<R::Reply, Status> {
        match self.candidates(process, target).first() {
            Some(alias) => call(process, addresses, alias, request).await,
            None => Err(no_tablet(target)),
        }
    }

    /// Runs a statement on this very tablet, once.
    pub async fn execute_on(
        &self,
        process: Process,
        addresses: &Addresses,
        alias: &Alias,
        limit: Duration,
        execute: Execute,
    ) -> Executed {
        match call_within(process, addresses, alias, limit, execute).await {
            Ok(executed) => executed,
            Err(status) => Executed {
                result: Err(status),
                transaction: None,
                reserved: None,
                alias: alias.clone(),
            },
        }
    }
}

/// A call to a tablet by its name.
pub async fn call<R: Request>(
    process: Process,
    addresses: &Addresses,
    alias: &Alias,
    request: R,
) -> Result<R::Reply, Status> {
    call_within(process, addresses, alias, CALL_TIMEOUT, request).await
}

/// The same, given up after this time.
pub async fn call_within<R: Request>(
    process: Process,
    addresses: &Addresses,
    alias: &Alias,
    limit: Duration,
    request: R,
) -> Result<R::Reply, Status> {
    let Some(tablet) = addresses.vttablet(alias) else {
        let text = format!("tablet: {alias} is either down or nonexistent");
        return Err(Status::new(Code::NotFound, text));
    };
    process.call(tablet, request).within(limit).await.map_err(Status::of_call)
}

fn is_retryable(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::FailedPrecondition | Code::ClusterEvent)
}

fn no_tablet(target: &Target) -> Status {
    let kind = target.kind.name().to_ascii_uppercase();
    let text = format!(
        "no healthy tablet available for 'keyspace:\"{}\" shard:\"{}\" tablet_type:{kind}'",
        target.keyspace, target.shard
    );
    Status::new(Code::Unavailable, text)
}
