//! Requests that wait while a primary is replaced (`--enable-buffer`).
//!
//! ```text
//!                   a request fails as in a failover
//!            idle ───────────────────────────────────> buffering   it waits, later ones too
//!             ^                                            │       its keyspace is whole, or
//!             │   one after the other has been retried     v       it takes too long
//!             └──────────────────────────────────────── draining   they go on, new ones pass
//! ```
//!
//! Only what is not in a transaction waits, and once: a statement of autocommit, and the first of a
//! transaction on its shard. One that has waited for its window is not refused, but tried again.
//! Where the buffer is full the oldest of the shard gives up its place. A shard does not buffer
//! again soon after it has, nor where its primary changed a short while ago without anybody
//! waiting. See `go/vt/vtgate/buffer`.
//!
//! Left out: the dry run, buffering for some keyspaces only. It knows nothing of tablets.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use sim::clock::Nanos;
use sim::wait::{Signal, join_all};
use sim::world::{self, Process};

use super::keyspace_events::{KeyspaceEvents, Resolved};
use crate::key::Code;
use crate::rpc::{Status, Target};
use crate::topo::Alias;

/// Flags of a vtgate, without their `buffer-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferOptions {
    /// How long a request waits at most.
    pub window: Duration,
    /// How many wait at most, of all shards.
    pub size: usize,
    /// How long a shard buffers at most.
    pub max_failover_duration: Duration,
    pub min_time_between_failovers: Duration,
    /// How many are retried at a time, of one shard.
    pub drain_concurrency: usize,
}

impl Default for BufferOptions {
    fn default() -> BufferOptions {
        BufferOptions {
            window: Duration::from_secs(10),
            size: 1_000,
            max_failover_duration: Duration::from_secs(20),
            min_time_between_failovers: Duration::from_secs(60),
            drain_concurrency: 1,
        }
    }
}

impl BufferOptions {
    /// What vtgate does not start with, in its words.
    pub fn check(&self) -> Result<(), String> {
        let second = Duration::from_secs(1);
        let BufferOptions { window, size, max_failover_duration, .. } = *self;
        if window < second {
            return Err(format!("--buffer-window must be >= 1s (specified value: {window:?})"));
        }
        if max_failover_duration < window {
            return Err(format!(
                "--buffer-window must be <= --buffer-max-failover-duration: {window:?} vs. {max_failover_duration:?}"
            ));
        }
        if size < 1 {
            return Err(format!("--buffer-size must be >= 1 (specified value: {size})"));
        }
        if self.min_time_between_failovers < second {
            return Err(format!(
                "--buffer-min-time-between-failovers must be >= 1s (specified value: {:?})",
                self.min_time_between_failovers
            ));
        }
        if self.drain_concurrency < 1 {
            return Err(format!(
                "--buffer-drain-concurrency must be >= 1 (specified value: {})",
                self.drain_concurrency
            ));
        }
        Ok(())
    }
}

/// See the [module](self).
pub struct Buffer {
    options: BufferOptions,
    /// Places, of all shards together.
    taken: Rc<Cell<usize>>,
    /// By keyspace and shard.
    shards: RefCell<BTreeMap<ShardName, Rc<ShardBuffer>>>,
}

type ShardName = (Rc<str>, Rc<str>);

struct ShardBuffer {
    name: String,
    options: BufferOptions,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// Oldest first.
    queue: VecDeque<Rc<Entry>>,
    /// How often it has buffered.
    failovers: u64,
    /// Times that no clock's setting moves.
    ended: Option<Nanos>,
    reparented: Option<Nanos>,
    primary: Option<Alias>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Buffering,
    Draining,
}

/// A request that waits, and then is tried again.
struct Entry {
    /// What comes of its wait.
    outcome: RefCell<Option<Result<(), Status>>>,
    /// Raised with that.
    woken: Signal,
    /// Its second try is over.
    is_over: Cell<bool>,
    over: Signal,
    /// The places, if it has one of them.
    place: RefCell<Option<Rc<Cell<usize>>>>,
}

/// A request that has waited and is tried again; dropped when that is over.
pub struct Retry(Rc<Entry>);

impl Drop for Retry {
    fn drop(&mut self) {
        self.0.is_over.set(true);
        self.0.over.raise();
        if let Some(places) = self.0.place.take() {
            places.set(places.get() - 1);
        }
    }
}

impl Buffer {
    pub fn new(options: BufferOptions) -> Buffer {
        Buffer { options, taken: Rc::default(), shards: RefCell::default() }
    }

    fn shard(&self, keyspace: &Rc<str>, shard: &Rc<str>) -> Rc<ShardBuffer> {
        let key = (Rc::clone(keyspace), Rc::clone(shard));
        let mut shards = self.shards.borrow_mut();
        Rc::clone(shards.entry(key).or_insert_with(|| {
            Rc::new(ShardBuffer {
                name: format!("{keyspace}/{shard}"),
                options: self.options,
                state: RefCell::default(),
            })
        }))
    }

    /// Waits while the shard's primary is replaced, at most `limit`: None where there is no need,
    /// an error where the request cannot be kept. `error` is what the request has failed with.
    pub async fn wait_for_failover_end(
        &self,
        process: Process,
        target: &Target,
        limit: Duration,
        error: Option<&Status>,
        events: &RefCell<KeyspaceEvents>,
    ) -> Result<Option<Retry>, Status> {
        if error.is_some_and(|status| status.code != Code::ClusterEvent) {
            return Ok(None);
        }
        let shard = self.shard(&target.keyspace, &target.shard);
        let phase = shard.state.borrow().phase;
        let buffers = match phase {
            Phase::Buffering => true,
            Phase::Draining => false,
            Phase::Idle => {
                error.is_some()
                    && !shard.is_too_recent()
                    && events.borrow_mut().mark_not_serving(target)
            }
        };
        if !buffers {
            return Ok(None);
        }
        if phase == Phase::Idle {
            shard.start(process);
        }
        let retry = self.enter(&shard)?;
        shard.wait(process, limit, retry).await.map(Some)
    }

    /// A place in the shard's queue; where there is none, that of its oldest.
    fn enter(&self, shard: &ShardBuffer) -> Result<Retry, Status> {
        let mut state = shard.state.borrow_mut();
        let place = if self.taken.get() < self.options.size {
            self.taken.set(self.taken.get() + 1);
            Some(Rc::clone(&self.taken))
        } else {
            let Some(oldest) = state.queue.pop_front() else {
                return Err(unavailable("primary buffer is full"));
            };
            let place = oldest.place.take();
            oldest.release(Err(unavailable("buffer full: request evicted for newer request")));
            place
        };
        let entry = Rc::new(Entry {
            outcome: RefCell::default(),
            woken: Signal::default(),
            is_over: Cell::default(),
            over: Signal::default(),
            place: RefCell::new(place),
        });
        state.queue.push_back(Rc::clone(&entry));
        Ok(Retry(entry))
    }

    /// A keyspace is whole again.
    pub fn resolved(&self, process: Process, resolved: &Resolved) {
        for (name, primary) in &resolved.shards {
            let shard = self.shard(&resolved.keyspace, name);
            shard.serves(primary);
            shard.stop(process, "its keyspace is whole again");
        }
    }
}

impl ShardBuffer {
    fn is_too_recent(&self) -> bool {
        let state = self.state.borrow();
        let age = |at: Nanos| Duration::from_nanos(world::now() - at);
        let mut ends = [state.ended, state.reparented].into_iter().flatten();
        ends.any(|at| age(at) < self.options.min_time_between_failovers)
    }

    fn start(self: &Rc<Self>, process: Process) {
        let failover = {
            let mut state = self.state.borrow_mut();
            state.phase = Phase::Buffering;
            state.failovers += 1;
            state.failovers
        };
        process.note(format!("buffers requests for {}", self.name));
        let shard = Rc::clone(self);
        process.spawn_background("buffer timeout", move |process| async move {
            process.sleep(shard.options.max_failover_duration).await;
            if shard.state.borrow().failovers == failover {
                shard.stop(process, "the failover takes too long");
            }
        });
    }

    /// Waits in the queue; what the wait came to. The window is over only for one that nobody has
    /// begun to drain.
    async fn wait(&self, process: Process, limit: Duration, retry: Retry) -> Result<Retry, Status> {
        let (entry, window) = (&retry.0, self.options.window);
        let what = format!("the end of a failover of {}", self.name);
        let mut waited = process.wait(&*what, Some(limit.min(window)), entry.released()).await;
        let is_in_queue = self.leave(entry);
        if waited.is_err() && !is_in_queue && window < limit {
            waited = process.wait(&*what, Some(limit - window), entry.released()).await;
        }
        match waited {
            Ok(released) => released.map(|()| retry),
            Err(_) if is_in_queue && window < limit => Ok(retry),
            Err(_) => Err(unavailable(
                "context was canceled before failover finished: context deadline exceeded",
            )),
        }
    }

    /// Whether it was there.
    fn leave(&self, entry: &Rc<Entry>) -> bool {
        let queue = &mut self.state.borrow_mut().queue;
        let at = queue.iter().position(|other| Rc::ptr_eq(other, entry));
        at.and_then(|at| queue.remove(at)).is_some()
    }

    fn serves(&self, primary: &Alias) {
        let mut state = self.state.borrow_mut();
        if state.primary.as_ref() == Some(primary) {
            return;
        }
        if state.primary.is_some() {
            state.reparented = Some(world::now());
        }
        state.primary = Some(primary.clone());
    }

    /// Those that wait are tried again, in their order.
    fn stop(self: &Rc<Self>, process: Process, why: &str) {
        let queue = {
            let mut state = self.state.borrow_mut();
            if state.phase != Phase::Buffering {
                return;
            }
            state.phase = Phase::Draining;
            state.ended = Some(world::now());
            std::mem::take(&mut state.queue)
        };
        process.note(format!("retries {} requests for {}: {why}", queue.len(), self.name));
        let shard = Rc::clone(self);
        process.spawn_background("buffer drain", move |_| async move {
            let queue = RefCell::new(queue);
            join_all((0..shard.options.drain_concurrency).map(|_| drain(&queue))).await;
            shard.state.borrow_mut().phase = Phase::Idle;
        });
    }
}

/// One after the other, each when the one before is over.
async fn drain(queue: &RefCell<VecDeque<Rc<Entry>>>) {
    let next = || queue.borrow_mut().pop_front();
    while let Some(entry) = next() {
        entry.release(Ok(()));
        while !entry.is_over.get() {
            entry.over.raised().await;
        }
    }
}

impl Entry {
    fn release(&self, outcome: Result<(), Status>) {
        *self.outcome.borrow_mut() = Some(outcome);
        self.woken.raise();
    }

    async fn released(&self) -> Result<(), Status> {
        loop {
            if let Some(outcome) = self.outcome.take() {
                return outcome;
            }
            self.woken.raised().await;
        }
    }
}

fn unavailable(text: &str) -> Status {
    Status::new(Code::Unavailable, text)
}
