//! The lock table: one queue a record, grants, releases, inheritance, who waits for whom.
//!
//! A request waits for every conflicting lock in the queue, granted or waiting, so that readers do
//! not starve a writer. What follows a release differs: under [`GrantOrder::Cats`] (8.0.20 and
//! later) only granted locks count, and the waiter that blocks most transactions goes first; under
//! [`GrantOrder::Fifo`] it is the order of arrival.
//!
//! One page an index is assumed wherever InnoDB counts lock structs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, btree_map};

use smallvec::SmallVec;

use super::mode::{Mode, Span, has_to_wait, notation};
use crate::mysql::active::Active;
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

/// Where a lock stands: an index, and a place in it.
type At = (IndexId, Place);

/// The locks of a record in order of arrival; hardly ever more than two.
type Queue = SmallVec<[Lock; 2]>;

#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub trx: TrxId,
    pub at: At,
    pub mode: Mode,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Lock {
    /// Order of arrival in the whole server.
    pub sequence: u64,
    pub trx: TrxId,
    pub mode: Mode,
    pub span: Span,
    pub waiting: bool,
    /// The lock struct that it belongs to, by when that was made.
    in_struct: u64,
    /// When the struct came to the front of its page's list: by being made, or by being granted.
    front: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A new lock was made.
    Granted,
    /// The transaction had what it asked for; or an intention that nobody opposes.
    Held,
    Waiting,
}

/// What stands against a request.
#[derive(Default)]
struct Opposition {
    blocker: Option<TrxId>,
    /// A waiter was passed that waits for the requester itself.
    bypassed: bool,
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

/// What a transaction has in the table.
#[derive(Debug, Default)]
struct Owned {
    /// Where its locks are, each place once, in no order.
    places: SmallVec<[At; 2]>,
    /// InnoDB keeps one struct for all locks of a kind that a transaction has on a page; a request
    /// that waits has its own.
    structs: SmallVec<[Struct; 2]>,
    others: usize,
}

#[derive(Debug)]
struct Struct {
    kind: (IndexId, Mode, Span),
    made: u64,
    /// When it came to the front of its page's list.
    front: u64,
}

#[derive(Debug)]
pub struct LockTable {
    order: GrantOrder,
    queues: BTreeMap<At, Queue>,
    owned: Active<Owned>,
    /// A transaction waits for one lock at a time.
    waits: BTreeMap<TrxId, At>,
    /// For whom each waiter waits, of perhaps several: the one that it met first. Cycles are looked
    /// for along these edges only, and an edge is looked at again when its lock goes.
    edges: BTreeMap<TrxId, TrxId>,
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
            owned: Active::default(),
            waits: BTreeMap::new(),
            edges: BTreeMap::new(),
            woken: Vec::new(),
            redirected: Vec::new(),
            next_sequence: 0,
        }
    }

    /// Asks for a lock. What the transaction already covers makes none; a next-key request over a
    /// record that it has adds the gap alone, which never waits.
    pub fn request(&mut self, request: &Request) -> Answer {
        let queue = self.queue(&request.at);
        let Some(span) = lacking(queue, request) else { return Answer::Held };
        let blocker = opposition(queue, request, span).blocker;
        let blocked = blocker.is_some();
        if !blocked && span == Span::InsertIntention {
            return Answer::Held;
        }
        // The supremum has a gap only: one spelling, so that locks on it compare.
        let supremum = request.at.1.is_supremum();
        let span = if supremum && span == Span::Gap { Span::NextKey } else { span };
        self.push(request, span, blocked);
        match blocker {
            Some(blocker) => {
                self.edges.insert(request.trx, blocker);
                Answer::Waiting
            }
            None => Answer::Granted,
        }
    }

    /// Would the request have to wait?
    pub fn is_blocked(&self, request: &Request) -> bool {
        let queue = self.queue(&request.at);
        let span = lacking(queue, request);
        span.is_some_and(|span| opposition(queue, request, span).blocker.is_some())
    }

    /// May a lock stay implicit? Not where somebody is in the way, nor where a waiter is passed.
    pub fn is_unopposed(&self, request: &Request) -> bool {
        let queue = self.queue(&request.at);
        let Some(span) = lacking(queue, request) else { return true };
        let opposition = opposition(queue, request, span);
        opposition.blocker.is_none() && !opposition.bypassed
    }

    /// Writes down an implicit lock, unless a lock that covers it is written down already.
    pub fn make_explicit(&mut self, request: &Request) {
        if !holds(self.queue(&request.at), request, request.span) {
            self.push(request, request.span, false);
        }
    }

    /// Gives a lock without asking anybody and whatever the transaction has: a gap inherited. Only
    /// the very same lock is not written twice.
    fn give(&mut self, request: &Request) {
        let same = self.queue(&request.at).iter().any(|lock| {
            let own = (lock.trx, lock.mode, lock.span, lock.waiting);
            own == (request.trx, request.mode, request.span, false)
        });
        if !same {
            self.push(request, request.span, false);
        }
    }

    /// Is there a lock of anybody, granted or waiting?
    pub fn is_locked(&self, index: IndexId, place: &Place) -> bool {
        !self.queues.is_empty() && self.queues.contains_key(&(index, place.clone()))
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
        let queue = self.queue_of_wait(trx);
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

    /// The one for whose end a waiting transaction is said to wait.
    pub fn blocker(&self, trx: TrxId) -> Option<TrxId> {
        self.edges.get(&trx).copied()
    }

    /// When a waiting transaction began to wait.
    pub fn waits_since(&self, trx: TrxId) -> Option<u64> {
        self.wait_of(trx).map(|entry| entry.lock.sequence)
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
        let queue = self.queue_of_wait(trx);
        let entry = |lock| Entry { index: wait.index, place: wait.place, lock };
        queue.iter().filter(blocks).map(entry).collect()
    }

    /// How many transactions come to stand still for this waiter, itself among them.
    pub fn weight(&self, trx: TrxId) -> usize {
        self.weights().get(&trx).copied().unwrap_or(1)
    }

    /// Frees everything that a transaction holds or waits for: struct by struct, the youngest
    /// first, and grants what each has held up before the next one goes.
    pub fn release_all(&mut self, trx: TrxId) {
        let Some(owned) = self.owned.remove(&trx) else { return };
        if self.waits.is_empty() {
            owned.places.into_iter().for_each(|at| self.drop_locks(trx, at));
            return;
        }
        let weights = self.weights();
        self.waits.remove(&trx);
        self.edges.remove(&trx);
        let mut locks: SmallVec<[(Reverse<u64>, At); 2]> = SmallVec::new();
        for at in owned.places {
            for lock in self.queue(&at).iter().filter(|lock| lock.trx == trx) {
                locks.push((Reverse(lock.in_struct), at.clone()));
            }
        }
        locks.sort_unstable();
        for of_struct in locks.chunk_by(|one, next| one.0 == next.0) {
            for (number, at) in of_struct {
                if let Some(queue) = self.queues.get_mut(at) {
                    queue.retain(|lock| lock.trx != trx || lock.in_struct != number.0);
                }
            }
            for (_, at) in of_struct {
                self.grant(at, trx, &weights);
            }
        }
    }

    /// Frees a transaction's locks on a record where nobody waits for anything.
    fn drop_locks(&mut self, trx: TrxId, at: At) {
        if let btree_map::Entry::Occupied(mut queue) = self.queues.entry(at) {
            queue.get_mut().retain(|lock| lock.trx != trx);
            if queue.get().is_empty() {
                queue.remove();
            }
        }
    }

    /// A record was put into its page anew. Its locks go by way of the page's infimum, where a
    /// request that waits gets another struct each time: its transaction weighs more.
    pub fn requeue_waiters(&mut self, index: IndexId, place: &Place) {
        let queue = self.queues.get(&(index, place.clone()));
        for waiter in queue.into_iter().flatten().filter(|lock| lock.waiting) {
            if let Some(owned) = self.owned.get_mut(&waiter.trx) {
                owned.others += 2;
            }
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
        self.grant(&at, trx, &weights);
    }

    /// Takes back the request that the transaction waits for; those behind it may be granted.
    pub fn cancel_wait(&mut self, trx: TrxId) {
        let weights = self.weights();
        let Some(at) = self.waits.remove(&trx) else { return };
        self.edges.remove(&trx);
        if let Some(queue) = self.queues.get_mut(&at) {
            queue.retain(|lock| lock.trx != trx || !lock.waiting);
        }
        if let Some(owned) = self.owned.get_mut(&trx) {
            owned.others = owned.others.saturating_sub(1);
        }
        self.forget_if_gone(trx, &at);
        self.grant(&at, trx, &weights);
    }

    /// A record was inserted into a gap: every lock on the gap is copied, so both halves stay
    /// closed.
    pub fn inherit_on_insert(&mut self, index: IndexId, successor: &Place, inserted: &Place) {
        if self.queues.is_empty() {
            return;
        }
        let closed: Vec<Lock> = self
            .queue(&(index, successor.clone()))
            .iter()
            .filter(|lock| matches!(lock.span, Span::Gap | Span::NextKey))
            .cloned()
            .collect();
        for lock in closed {
            self.give(&lock.as_gap(index, inserted));
        }
    }

    /// A record vanishes: locks on it, granted or waiting, close the gap that now ends at its
    /// successor, if the transaction's locks are inherited; who waited tries again.
    pub fn inherit_on_removal(
        &mut self,
        index: IndexId,
        removed: &Place,
        successor: &Place,
        inherits: impl Fn(TrxId) -> bool,
    ) {
        if self.queues.is_empty() {
            return;
        }
        let at = (index, removed.clone());
        let queue = self.queues.remove(&at).unwrap_or_default();
        for lock in &queue {
            self.forget(lock.trx, &at);
            if lock.waiting {
                self.waits.remove(&lock.trx);
                self.edges.remove(&lock.trx);
                self.woken.push(lock.trx);
            }
            if inherits(lock.trx) && lock.span != Span::InsertIntention {
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

    /// Lock structs of rows as InnoDB counts them for a transaction's weight: one a page (here:
    /// index) and kind of lock, one more for each wait. They stay when their last record is freed.
    pub fn structs(&self, trx: TrxId) -> usize {
        self.owned.get(&trx).map_or(0, |owned| owned.structs.len() + owned.others)
    }

    /// Whose wait ended (granted, or to be tried again), in order; asked once.
    pub fn take_woken(&mut self) -> Vec<TrxId> {
        std::mem::take(&mut self.woken)
    }

    /// Whose blockers may have changed since last asked.
    pub fn take_redirected(&mut self) -> Vec<TrxId> {
        std::mem::take(&mut self.redirected)
    }

    pub fn has_waiters(&self) -> bool {
        !self.waits.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// The transactions of an index's locks go with the index: DROP has waited for all of them.
    pub fn drop_index(&mut self, index: IndexId) {
        self.queues.retain(|at, _| at.0 != index);
        for owned in self.owned.values_mut() {
            owned.places.retain(|at| at.0 != index);
        }
    }

    fn queue(&self, at: &At) -> &[Lock] {
        self.queues.get(at).map_or(&[], |queue| queue)
    }

    fn queue_of_wait(&self, trx: TrxId) -> &[Lock] {
        self.waits.get(&trx).map_or(&[], |at| self.queue(at))
    }

    fn push(&mut self, request: &Request, span: Span, waiting: bool) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let Some(owned) = self.owned.get_or_default(request.trx) else { return };
        let (in_struct, front) = match waiting {
            true => {
                owned.others += 1;
                (sequence, sequence)
            }
            false => owned.struct_of((request.at.0, request.mode, span), sequence),
        };
        let (trx, mode) = (request.trx, request.mode);
        let queue = self.queues.entry(request.at.clone()).or_default();
        if !queue.iter().any(|lock| lock.trx == trx) {
            owned.places.push(request.at.clone());
        }
        queue.push(Lock { sequence, trx, mode, span, waiting, in_struct, front });
        if waiting {
            self.waits.insert(trx, request.at.clone());
        }
    }

    fn forget_if_gone(&mut self, trx: TrxId, at: &At) {
        if !self.queue(at).iter().any(|lock| lock.trx == trx) {
            self.forget(trx, at);
        }
    }

    fn forget(&mut self, trx: TrxId, at: &At) {
        let Some(owned) = self.owned.get_mut(&trx) else { return };
        // What goes is mostly what came last.
        if let Some(place) = owned.places.iter().rposition(|own| own == at) {
            owned.places.swap_remove(place);
        }
    }

    /// Grants what can be granted on a record where a transaction's lock has gone. InnoDB looks
    /// only at those that are said to wait for this transaction.
    fn grant(&mut self, at: &At, gone: TrxId, weights: &BTreeMap<TrxId, usize>) {
        let Some(queue) = self.queues.get(at) else { return };
        if queue.is_empty() {
            self.queues.remove(at);
            return;
        }
        let waited = |lock: &&Lock| {
            self.order == GrantOrder::Fifo || self.edges.get(&lock.trx) == Some(&gone)
        };
        let waiting = queue.iter().filter(|lock| lock.waiting);
        let mut waiters: Vec<Lock> = waiting.filter(waited).cloned().collect();
        if self.order == GrantOrder::Cats && 1 < waiters.len() {
            let weight = |lock: &Lock| weights.get(&lock.trx).copied().unwrap_or(1);
            waiters.sort_by_key(|lock| (std::cmp::Reverse(weight(lock)), lock.sequence));
        }
        for waiter in waiters {
            if let Some(blocker) = self.grant_blocker(at, &waiter) {
                if self.edges.insert(waiter.trx, blocker) != Some(blocker) {
                    self.redirected.push(waiter.trx);
                }
                continue;
            }
            let front = self.next_sequence;
            self.next_sequence += 1;
            let queue = self.queues.get_mut(at).expect("a waiter's queue is not empty");
            for lock in queue.iter_mut().filter(|lock| lock.sequence == waiter.sequence) {
                lock.waiting = false;
                lock.front = front;
            }
            self.waits.remove(&waiter.trx);
            self.edges.remove(&waiter.trx);
            if let Some(owned) = self.owned.get_mut(&waiter.trx) {
                owned.put_in_front((at.0, waiter.mode, waiter.span), waiter.in_struct, front);
            }
            self.woken.push(waiter.trx);
        }
    }

    /// Who keeps a waiter from being granted; nobody, perhaps.
    fn grant_blocker(&self, at: &At, waiter: &Lock) -> Option<TrxId> {
        let supremum = at.1.is_supremum();
        let blocks = |lock: &&Lock| {
            let counts = match self.order {
                GrantOrder::Cats => !lock.waiting,
                GrantOrder::Fifo => !lock.waiting || lock.sequence < waiter.sequence,
            };
            let (wants, has) = ((waiter.mode, waiter.span), (lock.mode, lock.span));
            lock.trx != waiter.trx && counts && has_to_wait(wants, has, supremum)
        };
        let queue = self.queue(at).iter().filter(blocks);
        queue.max_by_key(|lock| (!lock.waiting, lock.front)).map(|lock| lock.trx)
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
                next = self.blocker(trx);
            }
        }
        weights
    }
}

/// What a request asks for beyond what its transaction has.
fn lacking(queue: &[Lock], request: &Request) -> Option<Span> {
    if holds(queue, request, request.span) {
        return None;
    }
    let gap_alone = request.span == Span::NextKey && holds(queue, request, Span::Record);
    match gap_alone {
        true => (!holds(queue, request, Span::Gap)).then_some(Span::Gap),
        false => Some(request.span),
    }
}

fn holds(queue: &[Lock], request: &Request, span: Span) -> bool {
    let supremum = request.at.1.is_supremum();
    queue.iter().any(|lock| {
        lock.trx == request.trx
            && !lock.waiting
            && lock.mode.covers(request.mode)
            && lock.span.covers(span, supremum)
    })
}

/// Whom a new request meets: granted locks first, the youngest before the older ones, then
/// those that wait, as they came.
fn opposition(queue: &[Lock], request: &Request, span: Span) -> Opposition {
    let supremum = request.at.1.is_supremum();
    let mut found = Opposition::default();
    let wants = (request.mode, span);
    let conflict = |lock: &&Lock| {
        lock.trx != request.trx && has_to_wait(wants, (lock.mode, lock.span), supremum)
    };
    // An upgrade from S to X is not to die of somebody who can only come after it.
    let passed = |waiter: &Lock| {
        (request.mode, waiter.mode) == (Mode::X, Mode::X)
            && span != Span::InsertIntention
            && queue.iter().any(|own| {
                own.trx == request.trx
                    && !own.waiting
                    && has_to_wait((waiter.mode, waiter.span), (own.mode, own.span), supremum)
            })
    };
    let granted = queue.iter().filter(|lock| !lock.waiting).filter(conflict);
    found.blocker = granted.max_by_key(|lock| lock.front).map(|lock| lock.trx);
    if found.blocker.is_some() {
        return found;
    }
    for waiter in queue.iter().filter(|lock| lock.waiting).filter(conflict) {
        match passed(waiter) {
            true => found.bypassed = true,
            false => {
                found.blocker = Some(waiter.trx);
                return found;
            }
        }
    }
    found
}

impl Owned {
    /// The struct of a kind, made now where there is none.
    fn struct_of(&mut self, kind: (IndexId, Mode, Span), now: u64) -> (u64, u64) {
        if let Some(own) = self.structs.iter().find(|own| own.kind == kind) {
            return (own.made, own.front);
        }
        self.structs.push(Struct { kind, made: now, front: now });
        (now, now)
    }

    /// A request that waited is granted: its own struct takes the place of its kind's.
    fn put_in_front(&mut self, kind: (IndexId, Mode, Span), made: u64, front: u64) {
        match self.structs.iter_mut().find(|own| own.kind == kind) {
            Some(own) => (own.made, own.front) = (made, front),
            None => {
                self.structs.push(Struct { kind, made, front });
                self.others = self.others.saturating_sub(1);
            }
        }
    }
}

impl Lock {
    pub fn notation(&self, place: &Place) -> &'static str {
        notation(self.mode, self.span, place.is_supremum())
    }

    fn as_gap(&self, index: IndexId, place: &Place) -> Request {
        let span = if place.is_supremum() { Span::NextKey } else { Span::Gap };
        Request { trx: self.trx, at: (index, place.clone()), mode: self.mode, span }
    }
}
