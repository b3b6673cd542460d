//! The lock table: one queue a record, grants, releases, inheritance, who waits for whom.
//!
//! A request waits for every conflicting lock in the queue, granted or waiting, so that readers do
//! not starve a writer. What follows a release differs: under [`GrantOrder::Cats`] (8.0.20 and
//! later) only granted locks count, and the waiter that blocks most transactions goes first; under
//! [`GrantOrder::Fifo`] it is the order of arrival.
//!
//! One page an index is assumed wherever InnoDB counts lock structs.

use std::collections::{BTreeMap, BTreeSet};

use super::mode::{Mode, Span, has_to_wait, notation};
use crate::mysql::key::{IndexId, Place};
use crate::mysql::transaction::TrxId;

/// In which order the waiters of a record are granted when a lock goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GrantOrder {
    /// Contention-aware: who blocks most goes first, ties by arrival.
    #[default]
    Cats,
    Fifo,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub trx: TrxId,
    pub index: IndexId,
    pub place: Place,
    pub mode: Mode,
    pub span: Span,
    /// Whether the lock goes on as a gap lock when its record vanishes: always at REPEATABLE READ;
    /// below it a lock of a duplicate check does and a lock of a read does not.
    pub inherits: bool,
}

#[derive(Clone, Debug)]
pub struct Lock {
    /// Order of arrival in the whole server.
    pub sequence: u64,
    pub trx: TrxId,
    pub mode: Mode,
    pub span: Span,
    pub waiting: bool,
    inherits: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A new lock was made.
    Granted,
    /// The transaction had what it asked for; or an intention that nobody opposes.
    Held,
    Waiting,
}

/// A line of a report of locks.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    pub index: IndexId,
    pub place: &'a Place,
    pub lock: &'a Lock,
}

impl PartialEq for Lock {
    fn eq(&self, other: &Lock) -> bool {
        self.sequence == other.sequence
    }
}

#[derive(Debug)]
pub struct LockTable {
    order: GrantOrder,
    queues: BTreeMap<(IndexId, Place), Vec<Lock>>,
    places: BTreeMap<TrxId, BTreeSet<(IndexId, Place)>>,
    /// A transaction waits for one lock at a time.
    waits: BTreeMap<TrxId, (IndexId, Place)>,
    /// Whose wait ended since last asked, in order.
    woken: Vec<TrxId>,
    /// Who was left waiting by a release, for somebody else now perhaps.
    redirected: Vec<TrxId>,
    next_sequence: u64,
}

impl LockTable {
    pub fn new(order: GrantOrder) -> LockTable {
        LockTable {
            order,
            queues: BTreeMap::new(),
            places: BTreeMap::new(),
            waits: BTreeMap::new(),
            woken: Vec::new(),
            redirected: Vec::new(),
            next_sequence: 0,
        }
    }

    /// Asks for a lock. What the transaction already covers makes none; a next-key request over a
    /// record that it has adds the gap alone, which never waits.
    pub fn request(&mut self, request: &Request) -> Answer {
        let supremum = request.place.is_supremum();
        if self.holds(request, request.span) {
            return Answer::Held;
        }
        let gap_alone = request.span == Span::NextKey && self.holds(request, Span::Record);
        let span = if gap_alone { Span::Gap } else { request.span };
        let blocked = !self.opponents(request, span).is_empty();
        if !blocked && span == Span::InsertIntention {
            return Answer::Held;
        }
        // The supremum has a gap only: one spelling, so that locks on it compare.
        let span = if supremum && span == Span::Gap { Span::NextKey } else { span };
        self.push(request, span, blocked);
        if blocked { Answer::Waiting } else { Answer::Granted }
    }

    /// Would the request have to wait? Used where a lock stays implicit unless somebody is in the
    /// way.
    pub fn is_blocked(&self, request: &Request) -> bool {
        !self.holds(request, request.span) && !self.opponents(request, request.span).is_empty()
    }

    /// Gives a lock without asking anybody: an implicit lock made explicit, a gap inherited.
    pub fn give(&mut self, request: &Request) {
        if !self.holds(request, request.span) {
            self.push(request, request.span, false);
        }
    }

    /// Is there a lock of anybody, granted or waiting?
    pub fn is_locked(&self, index: IndexId, place: &Place) -> bool {
        self.queues.contains_key(&(index, place.clone()))
    }

    pub fn is_waiting(&self, trx: TrxId) -> bool {
        self.waits.contains_key(&trx)
    }

    pub fn wait_of(&self, trx: TrxId) -> Option<Entry<'_>> {
        let ((index, place), queue) =
            self.waits.get(&trx).and_then(|at| self.queues.get_key_value(at))?;
        let lock = queue.iter().find(|lock| lock.trx == trx && lock.waiting)?;
        Some(Entry { index: *index, place, lock })
    }

    /// Whom a waiting transaction waits for: those whose granted locks conflict, and where there
    /// are none, those that wait ahead of it.
    pub fn blockers(&self, trx: TrxId) -> Vec<TrxId> {
        let Some(wait) = self.wait_of(trx) else { return Vec::new() };
        let supremum = wait.place.is_supremum();
        let queue = &self.queues[&(wait.index, wait.place.clone())];
        let conflicting = |lock: &&Lock| {
            lock.trx != trx
                && has_to_wait((wait.lock.mode, wait.lock.span), (lock.mode, lock.span), supremum)
        };
        let mut holders: Vec<TrxId> = Vec::new();
        for lock in queue.iter().filter(|lock| !lock.waiting).filter(conflicting) {
            if !holders.contains(&lock.trx) {
                holders.push(lock.trx);
            }
        }
        if holders.is_empty() || self.order == GrantOrder::Fifo {
            let ahead = |lock: &&Lock| lock.waiting && lock.sequence < wait.lock.sequence;
            holders.extend(queue.iter().filter(ahead).find(conflicting).map(|lock| lock.trx));
        }
        holders
    }

    /// The locks that a waiting transaction waits for, of those that [`LockTable::blockers`] names.
    pub fn blocking_locks(&self, trx: TrxId) -> Vec<Entry<'_>> {
        let Some(wait) = self.wait_of(trx) else { return Vec::new() };
        let blockers = self.blockers(trx);
        let supremum = wait.place.is_supremum();
        let blocks = |lock: &&Lock| {
            blockers.contains(&lock.trx)
                && has_to_wait((wait.lock.mode, wait.lock.span), (lock.mode, lock.span), supremum)
        };
        let queue = &self.queues[&(wait.index, wait.place.clone())];
        let entry = |lock| Entry { index: wait.index, place: wait.place, lock };
        queue.iter().filter(blocks).map(entry).collect()
    }

    /// How many transactions come to stand still for this waiter, itself among them.
    pub fn weight(&self, trx: TrxId) -> usize {
        self.weights().get(&trx).copied().unwrap_or(1)
    }

    /// Frees everything that a transaction holds or waits for, record by record.
    pub fn release_all(&mut self, trx: TrxId) {
        let weights = self.weights();
        self.waits.remove(&trx);
        let places = self.places.remove(&trx).unwrap_or_default();
        for at in &places {
            if let Some(queue) = self.queues.get_mut(at) {
                queue.retain(|lock| lock.trx != trx);
            }
        }
        for at in places {
            self.grant(&at, &weights);
        }
    }

    /// Gives back one lock on a record: READ COMMITTED frees what did not match.
    pub fn release(&mut self, trx: TrxId, index: IndexId, place: &Place, mode: Mode, span: Span) {
        let at = (index, place.clone());
        let weights = self.weights();
        let Some(queue) = self.queues.get_mut(&at) else { return };
        queue.retain(|lock| {
            lock.trx != trx || lock.waiting || (lock.mode, lock.span) != (mode, span)
        });
        self.forget_if_gone(trx, &at);
        self.grant(&at, &weights);
    }

    /// Takes back the request that the transaction waits for; those behind it may be granted.
    pub fn cancel_wait(&mut self, trx: TrxId) {
        let weights = self.weights();
        let Some(at) = self.waits.remove(&trx) else { return };
        if let Some(queue) = self.queues.get_mut(&at) {
            queue.retain(|lock| lock.trx != trx || !lock.waiting);
        }
        self.forget_if_gone(trx, &at);
        self.grant(&at, &weights);
    }

    /// A record was inserted into a gap: every lock on the gap is copied, so both halves stay
    /// closed.
    pub fn inherit_on_insert(&mut self, index: IndexId, successor: &Place, inserted: &Place) {
        let closed: Vec<Lock> = self
            .queues
            .get(&(index, successor.clone()))
            .into_iter()
            .flatten()
            .filter(|lock| matches!(lock.span, Span::Gap | Span::NextKey) && !lock.waiting)
            .cloned()
            .collect();
        for lock in closed {
            self.give(&lock.as_gap(index, inserted));
        }
    }

    /// A record vanishes: locks on it, granted or waiting, close the gap that now ends at its
    /// successor; who waited tries again.
    pub fn inherit_on_removal(&mut self, index: IndexId, removed: &Place, successor: &Place) {
        let at = (index, removed.clone());
        let queue = self.queues.remove(&at).unwrap_or_default();
        for lock in &queue {
            if let Some(places) = self.places.get_mut(&lock.trx) {
                places.remove(&at);
            }
            if lock.waiting {
                self.waits.remove(&lock.trx);
                self.woken.push(lock.trx);
            }
            // A gap lock closes its gap whatever the isolation of its owner.
            let closes = lock.inherits || lock.span == Span::Gap;
            if closes && lock.span != Span::InsertIntention {
                self.give(&lock.as_gap(index, successor));
            }
        }
    }

    /// All locks in order of index, record and arrival.
    pub fn report(&self) -> impl Iterator<Item = Entry<'_>> {
        self.queues.iter().flat_map(|((index, place), queue)| {
            queue.iter().map(|lock| Entry { index: *index, place, lock })
        })
    }

    /// Lock structs as InnoDB counts them for a transaction's weight: one a table, one a page
    /// (here: index) and kind of lock, one for a wait.
    pub fn structs(&self, trx: TrxId) -> usize {
        let mut kinds = BTreeSet::new();
        let mut tables = BTreeSet::new();
        for at in self.places.get(&trx).into_iter().flatten() {
            tables.insert(at.0.table);
            for lock in self.queues.get(at).into_iter().flatten().filter(|lock| lock.trx == trx) {
                kinds.insert((at.0, lock.mode, lock.span, lock.waiting));
            }
        }
        kinds.len() + tables.len()
    }

    /// Whose wait ended (granted, or to be tried again), in order; asked once.
    pub fn take_woken(&mut self) -> Vec<TrxId> {
        std::mem::take(&mut self.woken)
    }

    /// Whose blockers may have changed since last asked.
    pub fn take_redirected(&mut self) -> Vec<TrxId> {
        std::mem::take(&mut self.redirected)
    }

    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// The transactions of an index's locks go with the index: DROP has waited for all of them.
    pub fn drop_index(&mut self, index: IndexId) {
        self.queues.retain(|at, _| at.0 != index);
        for places in self.places.values_mut() {
            places.retain(|at| at.0 != index);
        }
    }

    fn holds(&self, request: &Request, span: Span) -> bool {
        let supremum = request.place.is_supremum();
        let queue = self.queues.get(&(request.index, request.place.clone()));
        queue.into_iter().flatten().any(|lock| {
            lock.trx == request.trx
                && !lock.waiting
                && lock.mode.covers(request.mode)
                && lock.span.covers(span, supremum)
        })
    }

    /// The transactions that a new request must wait for.
    fn opponents(&self, request: &Request, span: Span) -> Vec<TrxId> {
        let supremum = request.place.is_supremum();
        let Some(queue) = self.queues.get(&(request.index, request.place.clone())) else {
            return Vec::new();
        };
        let conflict = |lock: &Lock| {
            lock.trx != request.trx
                && has_to_wait((request.mode, span), (lock.mode, lock.span), supremum)
        };
        // A waiter that waits for the requester itself is passed: an upgrade from S to X is not
        // to die of somebody who can only come after it.
        let passed = |waiter: &Lock| {
            waiter.waiting
                && span != Span::InsertIntention
                && queue.iter().any(|own| {
                    own.trx == request.trx
                        && !own.waiting
                        && has_to_wait((waiter.mode, waiter.span), (own.mode, own.span), supremum)
                })
        };
        let blocking = queue.iter().filter(|lock| conflict(lock) && !passed(lock));
        blocking.map(|lock| lock.trx).collect()
    }

    fn push(&mut self, request: &Request, span: Span, waiting: bool) {
        let at = (request.index, request.place.clone());
        let lock = Lock {
            sequence: self.next_sequence,
            trx: request.trx,
            mode: request.mode,
            span,
            waiting,
            inherits: request.inherits,
        };
        self.next_sequence += 1;
        self.queues.entry(at.clone()).or_default().push(lock);
        if waiting {
            self.waits.insert(request.trx, at.clone());
        }
        self.places.entry(request.trx).or_default().insert(at);
    }

    fn forget_if_gone(&mut self, trx: TrxId, at: &(IndexId, Place)) {
        let left = self.queues.get(at).is_some_and(|q| q.iter().any(|lock| lock.trx == trx));
        if !left && let Some(places) = self.places.get_mut(&trx) {
            places.remove(at);
            if places.is_empty() {
                self.places.remove(&trx);
            }
        }
    }

    /// Grants what can be granted on a record.
    fn grant(&mut self, at: &(IndexId, Place), weights: &BTreeMap<TrxId, usize>) {
        let Some(queue) = self.queues.get(at) else { return };
        if queue.is_empty() {
            self.queues.remove(at);
            return;
        }
        let mut waiters: Vec<Lock> = queue.iter().filter(|lock| lock.waiting).cloned().collect();
        if self.order == GrantOrder::Cats && 1 < waiters.len() {
            let weight = |lock: &Lock| weights.get(&lock.trx).copied().unwrap_or(1);
            waiters.sort_by_key(|lock| (std::cmp::Reverse(weight(lock)), lock.sequence));
        }
        for waiter in waiters {
            if self.can_grant(at, &waiter) {
                let queue = self.queues.get_mut(at).expect("a waiter's queue is not empty");
                for lock in queue.iter_mut().filter(|lock| lock.sequence == waiter.sequence) {
                    lock.waiting = false;
                }
                self.waits.remove(&waiter.trx);
                self.woken.push(waiter.trx);
            } else {
                self.redirected.push(waiter.trx);
            }
        }
    }

    fn can_grant(&self, at: &(IndexId, Place), waiter: &Lock) -> bool {
        let supremum = at.1.is_supremum();
        self.queues[at].iter().all(|lock| {
            let counts = match self.order {
                GrantOrder::Cats => !lock.waiting,
                GrantOrder::Fifo => !lock.waiting || lock.sequence < waiter.sequence,
            };
            lock.trx == waiter.trx
                || !counts
                || !has_to_wait((waiter.mode, waiter.span), (lock.mode, lock.span), supremum)
        })
    }

    /// The weight of a waiter: itself and all that wait for it, over any number of steps. Each
    /// waiter counts for the first that blocks it, as InnoDB keeps one edge a waiter. Taken before
    /// a release: it is what the waiters were worth while they waited.
    fn weights(&self) -> BTreeMap<TrxId, usize> {
        let mut weights = BTreeMap::new();
        if self.order == GrantOrder::Fifo || self.waits.len() < 2 {
            return weights;
        }
        for start in self.waits.keys() {
            let mut seen = BTreeSet::new();
            let mut next = Some(*start);
            while let Some(trx) = next.filter(|trx| seen.insert(*trx)) {
                *weights.entry(trx).or_insert(0) += 1;
                next = self.blockers(trx).first().copied();
            }
        }
        weights
    }
}

impl Lock {
    pub fn notation(&self, place: &Place) -> String {
        notation(self.mode, self.span, place.is_supremum())
    }

    fn as_gap(&self, index: IndexId, place: &Place) -> Request {
        let span = if place.is_supremum() { Span::NextKey } else { Span::Gap };
        Request {
            trx: self.trx,
            index,
            place: place.clone(),
            mode: self.mode,
            span,
            inherits: self.inherits,
        }
    }
}
