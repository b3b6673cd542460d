//! Which tablet serves a target, and the call to it.
//!
//! Each tablet tells its health: what it is, whether it serves, since when it is primary. For a
//! primary the newest term wins. A statement outside a transaction is tried on up to three tablets;
//! one in a transaction goes to the tablet where the transaction is, once. With `--enable-buffer`
//! the first waits while its primary is replaced ([`buffer`](super::buffer)). See
//! `go/vt/vtgate/tabletgateway.go` and `go/vt/discovery`.
//!
//! Left out: cells (a replica is picked among all).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use sim::call::Request;
use sim::wait::Signal;
use sim::world::{self, Process};

use super::buffer::{Buffer, BufferOptions, Retry};
use super::keyspace_events::{Away, KeyspaceEvents, Resolved};
use crate::key::Code;
use crate::rpc::{Execute, Executed, Health, Status, StreamHealth, Target};
use crate::topo::{Alias, TabletType, Topo};
use crate::vttablet::Addresses;

/// A call that a vtgate gives up by itself: above the tablet's own timeouts.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 3;

pub struct Gateway {
    health: RefCell<BTreeMap<Alias, Health>>,
    watched: RefCell<Vec<Alias>>,
    buffering: Option<Buffering>,
    /// Raised when a tablet has told something of itself.
    pub told: Signal,
}

/// Requests that wait, and what ends their wait.
struct Buffering {
    buffer: Buffer,
    events: RefCell<KeyspaceEvents>,
}

impl Gateway {
    pub fn new(buffer: Option<BufferOptions>) -> Gateway {
        let buffering = buffer
            .map(|options| Buffering { buffer: Buffer::new(options), events: RefCell::default() });
        Gateway {
            health: RefCell::default(),
            watched: RefCell::default(),
            buffering,
            told: Signal::default(),
        }
    }

    /// Watches the health of every tablet of the topology that is not watched yet.
    pub fn watch(self: &Rc<Self>, process: Process, topo: &Topo, addresses: &Addresses) {
        if let Some(buffering) = &self.buffering {
            let resolved = buffering.events.borrow_mut().on_topo(topo);
            buffering.resolved(process, resolved);
        }
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
        let mut last: Option<Health> = None;
        loop {
            let known = self.health.borrow().get(alias).cloned();
            let Some(tablet) = addresses.vttablet(alias) else { return };
            let stream = StreamHealth { known };
            match process.call(tablet, stream).within(Duration::from_secs(25)).await {
                Ok(health) => {
                    self.heard(process, &health);
                    self.health.borrow_mut().insert(alias.clone(), health.clone());
                    self.told.raise();
                    last = Some(health);
                }
                Err(_) => {
                    self.health.borrow_mut().remove(alias);
                    // Each time that it is not reached: a request may have failed in between.
                    if let Some(last) = &mut last {
                        last.serving = false;
                        self.heard(process, last);
                    }
                    process.sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn heard(&self, process: Process, health: &Health) {
        if let Some(buffering) = &self.buffering {
            let resolved = buffering.events.borrow_mut().on_health(health);
            buffering.resolved(process, resolved);
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
        // A clock that somebody sets moves no deadline.
        let began = world::now();
        let left = || limit.saturating_sub(Duration::from_nanos(world::now() - began));
        let mut tried: Vec<Alias> = Vec::new();
        let mut last: Option<Executed> = None;
        let mut retry: Option<Retry> = None;
        for _ in 0..ATTEMPTS {
            if retry.is_none() {
                let error = last.as_ref().and_then(|executed| executed.result.as_ref().err());
                match self.buffered(process, target, left(), error).await {
                    Ok(waited) => retry = waited,
                    Err(status) => return failed(no_alias(), status),
                }
            }
            let candidates = self.candidates(process, target);
            if candidates.is_empty() {
                let (status, again) = self.why_no_tablet(target);
                last = Some(failed(no_alias(), status));
                if again { continue } else { break }
            }
            let Some(alias) = candidates.into_iter().find(|alias| !tried.contains(alias)) else {
                break;
            };
            tried.push(alias.clone());
            let executed = self.execute_on(process, addresses, &alias, left(), make()).await;
            let is_open = executed.transaction.or(executed.reserved).is_some();
            let is_final = match &executed.result {
                Err(status) => is_open || !is_retryable(status.code),
                Ok(_) => true,
            };
            last = Some(executed);
            if is_final {
                break;
            }
        }
        last.unwrap_or_else(|| failed(no_alias(), no_tablet(target)))
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
        let called = call_within(process, addresses, alias, limit, execute).await;
        called.unwrap_or_else(|status| failed(alias.clone(), status))
    }

    /// Waits while a primary is replaced, where requests are buffered.
    async fn buffered(
        &self,
        process: Process,
        target: &Target,
        limit: Duration,
        error: Option<&Status>,
    ) -> Result<Option<Retry>, Status> {
        let Some(Buffering { buffer, events }) = &self.buffering else { return Ok(None) };
        if target.kind != TabletType::Primary {
            return Ok(None);
        }
        let waited = buffer.wait_for_failover_end(process, target, limit, error, events).await;
        waited.map_err(|status| {
            let (kind, text) = match error {
                Some(error) => ("*vterrors.fundamental", &*error.message),
                None => ("<nil>", "<nil>"),
            };
            status.wrap(format!(
                "failed to automatically buffer and retry failed request during failover. original err (type={kind}): {text}"
            ))
        })
    }

    /// That no tablet serves a target, and whether there may be one at once.
    fn why_no_tablet(&self, target: &Target) -> (Status, bool) {
        let away = match &self.buffering {
            Some(buffering) if target.kind == TabletType::Primary => {
                buffering.events.borrow().why_away(target)
            }
            _ => Away::Unknown,
        };
        match away {
            Away::Reparent => {
                let text = "primary is not serving, there may be a reparent operation in progress";
                (Status::new(Code::ClusterEvent, text), true)
            }
            Away::Inconsistent => {
                let text = "inconsistent state detected, primary is serving but initially found no available tablet";
                (Status::new(Code::Unavailable, text), true)
            }
            Away::Unknown => (no_tablet(target), false),
        }
    }
}

impl Buffering {
    fn resolved(&self, process: Process, resolved: impl IntoIterator<Item = Resolved>) {
        for resolved in resolved {
            self.buffer.resolved(process, &resolved);
        }
    }
}

/// What no tablet has answered has no alias.
fn failed(alias: Alias, status: Status) -> Executed {
    Executed { result: Err(status), transaction: None, reserved: None, alias }
}

fn no_alias() -> Alias {
    Alias::new("", 0)
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
