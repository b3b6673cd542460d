//! The storage engine: rows and their locks under the transactions that own them.
//!
//! Every method is one uninterruptible step. A statement calls [`Engine::acquire`] before it looks
//! at a record for good; where the answer is `Waiting` it gives the server back, and seeks its
//! record again when it is woken. Implicit locks live here: a record whose newest version belongs
//! to an active transaction is that transaction's, and the first one who meets it writes the lock
//! down in the owner's name.
//!
//! It knows nothing of SQL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::active::Active;
use super::durable::Durable;
use super::gtid::GtidSet;
use super::key::{IndexId, Key, Place, TableId};
use super::lock::mode::{Mode, Span};
use super::lock::queue::{Answer, GrantOrder, LockTable, Request};
use super::metadata::{Duration, MetadataId, MetadataLocks, MetadataMode};
use super::options::Options;
use super::pages::Slot;
use super::point::Plans;
use super::replica_status::ReplicaStatus;
use super::session::{ConnectionId, Session, Settings, Variables};
use super::table::{Leftovers, Table, Version};
use super::transaction::{Isolation, Mark, Stage, Transaction, TrxId};
use super::view::ReadView;
use crate::collation::Collation;
use crate::value::{Row, Value};

pub struct Engine {
    pub options: Options,
    pub databases: BTreeMap<Arc<str>, Database>,
    pub plans: Plans,
    pub tables: BTreeMap<TableId, Table>,
    pub transactions: Active<Transaction>,
    pub locks: LockTable,
    pub metadata: MetadataLocks,
    pub sessions: BTreeMap<ConnectionId, Session>,
    pub durable: Durable,
    /// Flushed to the binlog and not yet committed in the engine, in binlog order.
    pub flushed: Vec<TrxId>,
    /// Counts changes of variables, so that sessions know when theirs are stale.
    pub variable_epoch: u64,
    /// What sessions see that differ in nothing which SELECT shows, in an epoch.
    pub shown_variables: Vec<(u64, Settings, Variables)>,
    /// Shared with the statements that may show it.
    pub executed: Arc<GtidSet>,
    /// What the caller's replication threads do, as it last said.
    pub replica: Option<Box<ReplicaStatus>>,
    /// The last number given under the server's own uuid.
    pub last_sequence: u64,
    /// Records with versions that may be purged, perhaps more than once.
    history: Vec<(TableId, Key)>,
    /// Whose wait ended since last asked.
    granted: Vec<ConnectionId>,
    /// What KILL has named: a connection, and whether only its statement.
    pub kills: Vec<(ConnectionId, bool)>,
    next_trx: u64,
    pub next_table: u32,
}

#[derive(Clone, Debug)]
pub struct Database {
    pub tables: BTreeMap<Arc<str>, TableId>,
    pub collation: Collation,
}

/// A lock that a statement asks for, on an index of its table.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub index: IndexId,
    pub place: Place,
    pub mode: Mode,
    pub span: Span,
    /// Asked by a duplicate check: for the rest of the statement all locks of its transaction are
    /// inherited, at every isolation level.
    pub duplicate_check: bool,
}

impl Engine {
    pub fn new(options: Options) -> Engine {
        let locks = LockTable::new(options.grant_order);
        Engine {
            options,
            databases: BTreeMap::new(),
            plans: Plans::default(),
            tables: BTreeMap::new(),
            transactions: Active::default(),
            locks,
            metadata: MetadataLocks::default(),
            sessions: BTreeMap::new(),
            durable: Durable::default(),
            flushed: Vec::new(),
            variable_epoch: 0,
            shown_variables: Vec::new(),
            executed: Arc::default(),
            replica: None,
            last_sequence: 0,
            history: Vec::new(),
            granted: Vec::new(),
            kills: Vec::new(),
            next_trx: 1,
            next_table: 1,
        }
    }

    pub fn table(&self, id: TableId) -> &Table {
        self.tables.get(&id).expect("a statement's metadata lock keeps its table")
    }

    pub fn table_mut(&mut self, id: TableId) -> &mut Table {
        self.tables.get_mut(&id).expect("a statement's metadata lock keeps its table")
    }

    pub fn transaction(&self, trx: TrxId) -> &Transaction {
        self.transactions.get(&trx).expect("a statement's transaction lives as long as it")
    }

    pub fn transaction_mut(&mut self, trx: TrxId) -> &mut Transaction {
        self.transactions.get_mut(&trx).expect("a statement's transaction lives as long as it")
    }

    pub fn begin(
        &mut self,
        connection: ConnectionId,
        isolation: Isolation,
        now: jiff::Timestamp,
    ) -> TrxId {
        let trx = self.next_trx_id();
        self.transactions.insert(trx, Transaction::new(trx, connection, isolation, now));
        trx
    }

    /// The session's transaction; a new one where it has none. None where there is no such session.
    pub fn session_transaction(
        &mut self,
        connection: ConnectionId,
        now: jiff::Timestamp,
    ) -> Option<TrxId> {
        let session = self.sessions.get_mut(&connection)?;
        if session.transaction.is_some() {
            return session.transaction;
        }
        let isolation = session.next_isolation.take().unwrap_or(session.isolation);
        let explicit = !session.autocommit;
        let trx = self.begin(connection, isolation, now);
        self.transaction_mut(trx).explicit = explicit;
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.transaction = Some(trx);
        }
        Some(trx)
    }

    pub fn next_trx_id(&mut self) -> TrxId {
        let trx = TrxId(self.next_trx);
        self.next_trx += 1;
        trx
    }

    /// Never hands out again what the logs of an earlier life have used.
    pub fn reserve_trx_ids(&mut self, used: u64) {
        self.next_trx = self.next_trx.max(used + 1);
    }

    pub fn new_view(&self, trx: TrxId) -> ReadView {
        let others = self.transactions.keys().copied().filter(|other| *other != trx);
        ReadView::new(trx, TrxId(self.next_trx), others)
    }

    // ------------------------------------------------------------ locks

    /// Asks for a lock. Before a wait, a cycle is looked for and somebody in it dies.
    pub fn acquire(&mut self, trx: TrxId, wanted: &Wanted) -> Answer {
        let owner = match &wanted.place {
            // A read or a check writes down its own implicit lock too.
            Place::Record(key) if wanted.span != Span::InsertIntention => {
                self.implicit_owner(wanted.index, key)
            }
            _ => None,
        };
        self.acquire_from(trx, wanted, owner)
    }

    /// The same where it is known who holds the record implicitly.
    pub fn acquire_from(&mut self, trx: TrxId, wanted: &Wanted, owner: Option<TrxId>) -> Answer {
        if let Some(owner) = owner {
            self.write_down(owner, wanted.index, &wanted.place);
        }
        if wanted.duplicate_check {
            self.transaction_mut(trx).checks_duplicates = true;
        }
        let answer = self.locks.request(&self.request(trx, wanted));
        if answer == Answer::Waiting {
            self.break_cycles(trx);
        }
        answer
    }

    /// The lock of a change: it stays implicit unless somebody is in the way.
    pub fn acquire_to_change(&mut self, trx: TrxId, index: IndexId, key: &Key) -> Answer {
        let place = Place::Record(key.clone());
        self.make_explicit(trx, index, &place);
        let wanted =
            Wanted { index, place, mode: Mode::X, span: Span::Record, duplicate_check: false };
        match self.locks.is_unopposed(&self.request(trx, &wanted)) {
            true => Answer::Held,
            false => self.acquire(trx, &wanted),
        }
    }

    /// Would this request wait? Asks nobody and leaves nothing behind but what was implicit.
    pub fn would_wait(&mut self, trx: TrxId, wanted: &Wanted) -> bool {
        self.make_explicit(trx, wanted.index, &wanted.place);
        self.locks.is_blocked(&self.request(trx, wanted))
    }

    /// An implicit lock on a record becomes explicit, unless it is this transaction's own.
    fn make_explicit(&mut self, but: TrxId, index: IndexId, place: &Place) {
        let Place::Record(key) = place else { return };
        if let Some(owner) = self.implicit_owner(index, key).filter(|owner| *owner != but) {
            self.write_down(owner, index, place);
        }
    }

    fn write_down(&mut self, owner: TrxId, index: IndexId, place: &Place) {
        let at = (index, place.clone());
        self.locks.make_explicit(&Request { trx: owner, at, mode: Mode::X, span: Span::Record });
    }

    /// The active transaction that holds X on a record by having changed it.
    pub fn implicit_owner(&self, index: IndexId, key: &Key) -> Option<TrxId> {
        let table = self.tables.get(&index.table)?;
        if index.index == 0 {
            let newest = table.record(key)?.newest().trx;
            return self.transactions.contains_key(&newest).then_some(newest);
        }
        let at = index.index as usize;
        let entry = table.entry(at, key)?;
        let record = table.record(&entry.clustered)?;
        let owner = record.newest().trx;
        if !self.transactions.contains_key(&owner) {
            return None;
        }
        // The entry is the owner's if one of its changes made it or marked it: if some version
        // back to the last foreign one says something else about it than its mark does.
        for version in record.versions().skip(1) {
            if table.version_has(at, key, entry, version) != entry.live {
                return Some(owner);
            }
            if version.trx != owner {
                return None;
            }
        }
        Some(owner)
    }

    fn request(&self, trx: TrxId, wanted: &Wanted) -> Request {
        Request {
            trx,
            at: (wanted.index, wanted.place.clone()),
            mode: wanted.mode,
            span: wanted.span,
        }
    }

    /// Lock structs of tables and rows.
    pub fn lock_structs(&self, trx: TrxId) -> usize {
        let tables = self.transactions.get(&trx).map_or(0, |t| t.locked_tables().count());
        tables + self.locks.structs(trx)
    }

    /// What a deadlock's victim is chosen by.
    pub fn weight(&self, trx: TrxId) -> usize {
        self.transactions.get(&trx).map_or(0, |t| t.undo.len()) + self.lock_structs(trx)
    }

    /// A cycle of row locks costs its lightest transaction.
    fn break_cycles(&mut self, requester: TrxId) {
        let waits = |trx: TrxId| self.locks.blocker(trx).is_some();
        if !self.options.deadlock_detection || !self.locks.blocker(requester).is_some_and(waits) {
            return;
        }
        while let Some(mut cycle) =
            cycle_of(requester, |trx| self.locks.blocker(trx).into_iter().collect())
        {
            // From behind who came last, along the waits, to himself.
            let came = |trx: &TrxId| self.locks.waits_since(*trx);
            let last = cycle.iter().enumerate().max_by_key(|(_, trx)| came(trx));
            let behind = last.map_or(0, |(at, _)| at + 1);
            cycle.rotate_left(behind);
            let Some(victim) = self.victim(&cycle) else { return };
            self.locks.cancel_wait(victim);
            self.transaction_mut(victim).doomed = true;
            self.wake(victim);
        }
    }

    /// Of transactions in the order of their waits, the last to come at the end. At equal weight he
    /// dies; where he is heavier, the one that waits for him, and so on against the waits. See
    /// `lock_wait_choose_victim` in InnoDB's lock0wait.cc. MariaDB takes one or another.
    fn victim(&mut self, cycle: &[TrxId]) -> Option<TrxId> {
        let lightest = cycle.iter().map(|trx| self.weight(*trx)).min()?;
        let is_lightest = |trx: &TrxId| self.weight(*trx) == lightest;
        let light: Vec<TrxId> = cycle.iter().copied().filter(is_lightest).collect();
        match self.options.grant_order {
            GrantOrder::Fifo if light.last() != cycle.last() => {
                let chosen = self.options.choose("deadlock-victim", light.len());
                light.get(chosen).copied()
            }
            _ => light.last().copied(),
        }
    }

    /// A release may turn a waiter to another blocker, and so close a cycle without a new request.
    pub fn settle(&mut self) {
        loop {
            let redirected = self.locks.take_redirected();
            if redirected.is_empty() {
                return;
            }
            for trx in redirected {
                self.break_cycles(trx);
            }
        }
    }

    /// The same for cycles of metadata locks; the victim's request goes.
    fn break_metadata_cycles(&mut self, requester: ConnectionId) -> Vec<ConnectionId> {
        let mut victims = Vec::new();
        while let Some(cycle) = cycle_of(requester, |owner| self.metadata.blockers(owner)) {
            let victim = self.metadata.victim(&cycle, requester);
            self.metadata.cancel_wait(victim);
            victims.push(victim);
        }
        victims
    }

    /// Asks for a table's metadata lock; a cycle costs one of its members.
    pub fn request_metadata(
        &mut self,
        owner: ConnectionId,
        table: MetadataId,
        mode: MetadataMode,
        duration: Duration,
    ) {
        if self.metadata.request(owner, table, mode, duration) {
            return;
        }
        for victim in self.break_metadata_cycles(owner) {
            if let Some(session) = self.sessions.get_mut(&victim) {
                session.metadata_victim = true;
            }
            self.wake_connection(victim);
        }
    }

    fn wake(&mut self, trx: TrxId) {
        if let Some(transaction) = self.transactions.get(&trx) {
            self.granted.push(transaction.connection);
        }
    }

    pub fn wake_connection(&mut self, connection: ConnectionId) {
        self.granted.push(connection);
    }

    /// Whose wait ended, in order.
    pub fn take_granted(&mut self) -> Vec<ConnectionId> {
        for trx in self.locks.take_woken() {
            self.wake(trx);
        }
        self.granted.extend(self.metadata.take_woken());
        std::mem::take(&mut self.granted)
    }

    // ------------------------------------------------------------ rows

    /// The newest row of a key, committed or not; none where it is deleted.
    pub fn newest(&self, id: TableId, key: &Key) -> Option<Row> {
        let newest = self.table(id).record(key)?.newest();
        (!newest.deleted).then(|| newest.row.clone())
    }

    /// Puts a new row into the clustered index, or over a deleted one in its place.
    pub fn insert_record(&mut self, trx: TrxId, id: TableId, key: &Key, row: Row) {
        let index = IndexId { table: id, index: 0 };
        if self.write(trx, id, key, Version { trx, deleted: false, row }) == Wrote::New {
            self.close_gaps(index, key);
        }
    }

    /// Puts a row's entry into a secondary index, where it may still stand from before.
    pub fn insert_entry(&mut self, index: IndexId, key: Key, row: &Row, clustered: &Key) {
        let at = index.index as usize;
        if self.table(index.table).entry(at, &key).is_none() {
            self.table_mut(index.table).insert_entry(at, key.clone(), row, clustered);
            self.close_gaps(index, &key);
        } else {
            self.table_mut(index.table).mark_entry(at, &key, true);
        }
    }

    pub fn update_record(&mut self, trx: TrxId, id: TableId, key: &Key, row: Row) {
        self.write(trx, id, key, Version { trx, deleted: false, row });
    }

    /// The same for a record that was found.
    pub fn update_record_at(
        &mut self,
        trx: TrxId,
        id: TableId,
        slot: Slot,
        place: &Place,
        row: Row,
    ) {
        let Place::Record(key) = place else { return };
        let requeues = self.locks.has_waiters();
        let kept = requeues.then(|| row.clone());
        let version = Version { trx, deleted: false, row };
        let old = self.table_mut(id).push_version_at(slot, version);
        if old.zip(kept).is_some_and(|(old, row)| moves_in_page(&old.row, &row)) {
            self.locks.requeue_waiters(IndexId { table: id, index: 0 }, place);
        }
        self.note_undo(trx, id, key);
    }

    /// Marks a record as deleted; it leaves its place when it is purged.
    pub fn delete_record(&mut self, trx: TrxId, id: TableId, key: &Key) {
        let Some(row) = self.table(id).record(key).map(|record| record.newest().row.clone()) else {
            return;
        };
        self.write(trx, id, key, Version { trx, deleted: true, row });
    }

    fn write(&mut self, trx: TrxId, id: TableId, key: &Key, version: Version) -> Wrote {
        let waiters = self.locks.has_waiters() && !version.deleted;
        let row = waiters.then(|| version.row.clone());
        let old = self.table_mut(id).push_version(key, version);
        let wrote = if old.is_some() { Wrote::Over } else { Wrote::New };
        if old.zip(row).is_some_and(|(old, row)| moves_in_page(&old.row, &row)) {
            let index = IndexId { table: id, index: 0 };
            self.locks.requeue_waiters(index, &Place::Record(key.clone()));
        }
        self.note_undo(trx, id, key);
        wrote
    }

    fn note_undo(&mut self, trx: TrxId, id: TableId, key: &Key) {
        let transaction = self.transaction_mut(trx);
        transaction.intend(id, Mode::X);
        transaction.undo.push((id, key.clone()));
    }

    fn close_gaps(&mut self, index: IndexId, key: &Key) {
        if self.locks.is_empty() {
            return;
        }
        let successor = self.table(index.table).successor(index.index as usize, key);
        self.locks.inherit_on_insert(index, &successor, &Place::Record(key.clone()));
    }

    // ------------------------------------------------------------ ends

    /// Undoes changes back to a mark inside a living transaction. Row locks stay.
    pub fn undo_to(&mut self, trx: TrxId, mark: Mark) {
        self.undo(trx, mark.undo, true);
        let transaction = self.transaction_mut(trx);
        transaction.events.truncate(mark.events);
    }

    fn undo(&mut self, trx: TrxId, length: usize, partial: bool) {
        while length < self.transaction(trx).undo.len() {
            let Some((id, key)) = self.transaction_mut(trx).undo.pop() else { break };
            // A dropped table took its rows along.
            let Some(table) = self.tables.get_mut(&id) else { continue };
            let left = table.pop_version(&key);
            let own = partial.then_some(trx);
            if partial {
                self.keep_unmade(trx, id, &key, &left);
            }
            for (at, entry) in left.entries {
                self.vacate(IndexId { table: id, index: at as u32 }, &entry, own);
            }
            if left.record_gone {
                self.vacate(IndexId { table: id, index: 0 }, &key, own);
            }
        }
    }

    /// What an insert had taken over from a deleted row, and what it leaves to it again, stays
    /// locked at REPEATABLE READ.
    fn keep_unmade(&mut self, trx: TrxId, id: TableId, key: &Key, left: &Leftovers) {
        if !self.transaction(trx).isolation.locks_gaps() || left.record_gone {
            return;
        }
        let table = self.table(id);
        let reverts = table.record(key).is_some_and(|record| record.newest().deleted);
        let mut places: Vec<(usize, Key)> = left.unmarked.clone();
        if reverts {
            places.push((0, key.clone()));
        }
        for (at, key) in places {
            let wanted = Wanted {
                index: IndexId { table: id, index: at as u32 },
                place: Place::Record(key),
                mode: Mode::X,
                span: Span::Record,
                duplicate_check: false,
            };
            self.locks.make_explicit(&self.request(trx, &wanted));
        }
    }

    /// Takes a record from its place. Locks on it close the gap that it leaves; so does the
    /// owner's own implicit lock where it lives on at REPEATABLE READ.
    fn vacate(&mut self, index: IndexId, key: &Key, own: Option<TrxId>) {
        let place = Place::Record(key.clone());
        let at = index.index as usize;
        let successor = self.table(index.table).successor(at, key);
        if let Some(trx) = own.filter(|trx| self.transaction(*trx).isolation.locks_gaps()) {
            let wanted = Wanted {
                index,
                place: place.clone(),
                mode: Mode::X,
                span: Span::Record,
                duplicate_check: false,
            };
            self.locks.make_explicit(&self.request(trx, &wanted));
        }
        let transactions = &self.transactions;
        self.locks.inherit_on_removal(index, &place, &successor, |trx| {
            transactions.get(&trx).is_some_and(Transaction::inherits_locks)
        });
        let table = self.table_mut(index.table);
        if at == 0 { table.remove_record(key) } else { table.remove_entry(at, key) }
    }

    /// Undoes a transaction and ends it.
    pub fn rollback(&mut self, trx: TrxId) {
        self.undo(trx, 0, false);
        self.end(trx);
    }

    /// Undoes a transaction's changes, frees its row locks and lets it go on: a rollback to a
    /// savepoint that was set before the engine knew of the transaction.
    pub fn rollback_engine_part(&mut self, trx: TrxId) {
        self.undo(trx, 0, false);
        self.locks.release_all(trx);
        let transaction = self.transaction_mut(trx);
        transaction.events.clear();
        transaction.view = None;
        transaction.forget_tables();
        transaction.entered_engine = false;
    }

    /// Makes a transaction's changes everybody's and frees its locks.
    pub fn commit(&mut self, trx: TrxId) {
        let undo = std::mem::take(&mut self.transaction_mut(trx).undo);
        self.history.extend(undo);
        self.end(trx);
    }

    fn end(&mut self, trx: TrxId) {
        let Some(transaction) = self.transactions.remove(&trx) else { return };
        self.flushed.retain(|flushed| *flushed != trx);
        self.locks.release_all(trx);
        if let Some(session) = self.sessions.get_mut(&transaction.connection)
            && session.transaction == Some(trx)
        {
            session.transaction = None;
        }
        self.metadata.release(transaction.connection, Duration::Transaction);
    }

    /// Takes away versions and deleted records that no read view needs. The moment is the
    /// caller's: in MySQL it is a background thread's.
    pub fn purge(&mut self) {
        let views: Vec<Arc<ReadView>> =
            self.transactions.values().filter_map(|t| t.view.clone()).collect();
        let mut history = std::mem::take(&mut self.history);
        history.sort_unstable();
        history.dedup();
        history.retain(|(id, key)| self.purge_record(*id, key, &views));
        self.history = history;
    }

    /// Whether there will be something to purge of the record again.
    fn purge_record(&mut self, id: TableId, key: &Key, views: &[Arc<ReadView>]) -> bool {
        let active = &self.transactions;
        let everybody_sees = |trx: TrxId| {
            !active.contains_key(&trx) && views.iter().all(|view| view.committed_before(trx))
        };
        let Some(table) = self.tables.get_mut(&id) else { return false };
        let left = table.trim(key, everybody_sees);
        for (at, entry) in left.entries {
            self.vacate(IndexId { table: id, index: at as u32 }, &entry, None);
        }
        if left.record_gone {
            self.vacate(IndexId { table: id, index: 0 }, key, None);
        }
        left.has_garbage
    }

    /// Is there anything that a commit would have to log? A replica logs the GTID of a transaction
    /// that left no row, too.
    pub fn has_changes(&self, trx: TrxId) -> bool {
        let transaction = self.transaction(trx);
        !transaction.events.is_empty() || !transaction.undo.is_empty() || transaction.gtid.is_some()
    }

    pub fn is_logged(&self, trx: TrxId) -> bool {
        self.transactions.get(&trx).is_some_and(|t| t.stage == Stage::Logged)
    }
}

/// Where a version has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrote {
    /// Into a place of its own.
    New,
    /// On top of another.
    Over,
}

/// A record whose stored size changes is put into its page anew, and locks on it move along.
fn moves_in_page(old: &Row, new: &Row) -> bool {
    let size = |value: &Value| match value {
        Value::Null => None,
        Value::Text(text) => Some(text.len()),
        Value::Bytes(bytes) => Some(bytes.len()),
        _ => Some(0),
    };
    old.iter().zip(new.iter()).any(|(old, new)| size(old) != size(new))
}

/// A cycle through `start` in the graph of who waits for whom.
fn cycle_of<T: Copy + Ord>(start: T, blockers: impl Fn(T) -> Vec<T>) -> Option<Vec<T>> {
    let mut path = vec![start];
    let mut branches = vec![blockers(start)];
    let mut seen = BTreeSet::from([start]);
    while let Some(branch) = branches.last_mut() {
        match branch.pop() {
            Some(next) if next == start => return Some(path),
            Some(next) if seen.insert(next) => {
                path.push(next);
                branches.push(blockers(next));
            }
            Some(_) => {}
            None => {
                branches.pop();
                path.pop();
            }
        }
    }
    None
}
