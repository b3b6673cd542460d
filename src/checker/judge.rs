//! The judge itself: what it is told, and the order in which it decides.
//!
//! A commit is applied to the own tables of its tablet; if that is a primary, its rows go to the
//! values of every vindex over their tables, and the touched values are judged. What changes rows
//! without a commit makes the values anew: see `anew`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use sim::clock::Nanos;
use sim::mysql::binlog::{self, BinlogTransaction, RowsEvent};
use sim::mysql::gtid::{Gtid, GtidSet, ServerUuid};
use sim::mysql::session::ConnectionId;
use sim::sql::ast::{Statement, TableName};
use sim::value::Row;

use crate::checker::attempt::Sessions;
use crate::checker::clients::Clients;
use crate::checker::coverage::Coverage;
use crate::checker::coverage::goal::Goal;
use crate::checker::departure::departure;
use crate::checker::entry::{
    Entry, Mark, NOTES, Note, Origin, OwnerRow, ShardId, Stray, TableKind,
};
use crate::checker::excuse;
use crate::checker::held::Held;
use crate::checker::ledger::{self, Dangling};
use crate::checker::locked::{self, Moment, RowLock};
use crate::checker::lost::{Committer, ErrantCommit, LostCommit, Told};
use crate::checker::numbers::Numbers;
use crate::checker::part::of_tag;
use crate::checker::rows::Copy;
use crate::checker::snapshot::Seen;
use crate::checker::summary::{Summary, VindexSummary};
use crate::checker::twin::Twin;
use crate::checker::twin::tables::Declared;
use crate::checker::value::{ValueKey, show, show_id, show_one};
use crate::checker::verdict::{Assumption, At, Excuse, Invariant, Verdict};
use crate::checker::versions::Versions;
use crate::checker::vindex_values::{Commit, Place, VindexValues};
use crate::checker::violation::{self, Violation};
use crate::checker::watched::Watched;
use crate::checker::{no_missing, unique};
use crate::history::{AskId, Event, Sent};
use crate::key::{self, KeyRange};
use crate::topo::{Alias, Topo};

/// Sees a run's history and says what held.
#[derive(Default)]
pub struct Judge {
    pub(super) at: At,
    pub(super) shards: Vec<Shard>,
    pub(super) tablets: BTreeMap<Alias, Tablet>,
    /// All that were committed anywhere.
    pub(super) transactions: BTreeMap<Gtid, Arc<BinlogTransaction>>,
    /// Those of sessions, by the primary that did them first.
    committers: BTreeMap<Gtid, Committer>,
    /// What shards had and then had no more.
    pub(super) lost: Vec<(ShardId, Arc<BinlogTransaction>)>,
    /// Shards whose primary came back from a crash without commits that replicas may have. Their
    /// GTIDs are given again.
    pub(super) beheaded: BTreeSet<ShardId>,
    pub(super) vindexes: Vec<VindexValues>,
    /// Lookups that no table owns.
    pub(super) unowned: Vec<Watched>,
    /// By keyspace and table: the vindexes over it.
    pub(super) by_table: BTreeMap<Rc<str>, BTreeMap<Rc<str>, Roles>>,
    pub(super) sessions: Sessions,
    pub(super) clients: Clients,
    /// Sessions whose client is gone, and since when nothing of theirs is at a shard.
    pub(super) gone: BTreeMap<Rc<str>, At>,
    /// How many statements of a session are at shards.
    pub(super) calls: BTreeMap<Rc<str>, usize>,
    /// Owner tables by keyspace, whose rows statements name and nothing else changes.
    pub(super) owners: BTreeSet<(Rc<str>, Rc<str>)>,
    pub(super) versions: Versions,
    pub(super) numbers: Numbers,
    /// What transactions have read FOR UPDATE.
    pub(super) held: Vec<Held>,
    /// By session: what its transaction has read.
    pub(super) seen: BTreeMap<Rc<str>, Seen>,
    /// Statements of which it was told that their session waits for itself.
    pub(super) told_waiting: BTreeSet<AskId>,
    /// Keyspaces whose commits survive the loss of a machine.
    pub(super) durable: BTreeSet<Rc<str>>,
    /// Tables that one server can stand beside, and that server.
    pub(super) declared: Vec<Declared>,
    pub(super) twin: Twin,
    /// SELECTs whose rows were judged, and the others.
    pub reads_judged: u64,
    pub reads_not_judged: u64,
    /// What else happened: faults, promotions, steps of operators.
    pub(super) faults: Vec<(At, Rc<str>)>,
    /// Empty unless a story is wanted.
    moments: Vec<Moment>,
    pub(super) violations: Vec<Violation>,
    pub(super) excuses: Vec<Excuse>,
    pub(super) coverage: Coverage,
}

pub(super) struct Shard {
    pub(super) keyspace: Rc<str>,
    /// `keyspace/shard`
    pub(super) full_name: Rc<str>,
    pub(super) database: Rc<str>,
    pub(super) range: KeyRange,
    pub(super) primary: Option<Alias>,
    /// Tablets that were primary before.
    pub(super) former: BTreeSet<Alias>,
}

pub(super) struct Tablet {
    pub(super) shard: ShardId,
    pub(super) copy: Copy,
    /// The server's uuid, where that is known.
    pub(super) uuid: Option<ServerUuid>,
    /// Which shard transaction has a connection of the server.
    pub(super) transactions: BTreeMap<ConnectionId, u64>,
    /// It was told of that its transactions are no prefix.
    pub(super) diverged: bool,
}

/// The vindexes that a table has a part in, by their place.
pub(super) type Roles = Vec<(usize, TableKind)>;
/// Values that a commit has changed, by vindex.
type Touched = BTreeMap<usize, BTreeSet<ValueKey>>;

impl Judge {
    /// A judge of a cluster, of which it takes the shards, their primaries and tablets.
    pub fn new(topo: &Topo) -> Judge {
        let mut judge = Judge::default();
        judge.topology_changed(topo);
        judge
    }

    /// Learns of shards and tablets. Who is primary of a shard that is known comes with the
    /// history.
    pub fn topology_changed(&mut self, topo: &Topo) {
        for (keyspace, record) in &topo.keyspaces {
            for (name, shard) in &record.shards {
                let id = self.shard_id(keyspace, name);
                if let Some(range) = &shard.range {
                    self.shards[id].range = range.clone();
                }
                if self.shards[id].primary.is_none() {
                    self.shards[id].primary = shard.primary.clone();
                }
            }
        }
        for record in topo.tablets.values() {
            let shard = self.shard_id(&record.keyspace, &record.shard);
            self.tablet(&record.alias, shard);
        }
    }

    /// Takes the next event of the history.
    pub fn observe(&mut self, event: &Event, now: Nanos) {
        self.advance(now);
        self.cover(event);
        let at = self.at;
        match event {
            Event::Opened { session, vtgate, target } => {
                self.sessions.on(session, vtgate);
                self.sessions.aim(session, target);
                self.clients.aim(session, target);
            }
            Event::Disconnected { session } => {
                self.clients.disconnected(session);
                self.gone.insert(Rc::clone(session), at);
            }
            Event::Statement { session, sql } => self.sessions.statement(at, session, sql),
            Event::ShardBegin { session, list, shard, transaction } => {
                self.sessions.begin(at, session, *list, shard, *transaction);
                self.clients.begin(at, session, *list, shard, *transaction);
            }
            Event::ShardCommit { session, shard, transaction, outcome, .. } => {
                self.sessions.committed(at, session, shard, *transaction, outcome);
                self.clients.committed(at, session, shard, *transaction, outcome);
            }
            Event::ShardRollback { session, shard, transaction, .. } => {
                self.sessions.rolled_back(at, session, shard, *transaction);
                self.clients.rolled_back(at, session, shard, *transaction);
            }
            Event::AnswerLost { session, list, shard } => {
                self.sessions.answer_lost(session, *list, shard);
            }
            Event::Reverted { session } => {
                self.sessions.reverted(at, session);
                self.clients.reverted(session);
            }
            Event::Ended { session, what } => {
                self.sessions.ended(at, session, what);
                self.clients.ended(session, what);
            }
            Event::RevertFailed { session } => self.sessions.revert_failed(at, session),
            Event::Killed { tablet, transaction } => {
                self.held.clear();
                if let Some(tablet) = self.tablets.get(tablet) {
                    let shard = Rc::clone(&self.shards[tablet.shard].full_name);
                    if let Some(attempt) = self.sessions.killed(at, &shard, *transaction) {
                        self.judge_killed(&attempt.borrow(), &shard);
                    }
                }
            }
            Event::Connection { tablet, connection, transaction } => {
                self.connection(tablet, *connection, *transaction);
            }
            Event::Commit { tablet, transaction } => self.commit(tablet, transaction),
            Event::Lost { tablet, gtids, executed, images } => {
                self.held.clear();
                let images = images.iter().cloned();
                self.server_lost(tablet, gtids, executed, images);
            }
            Event::Promoted { keyspace, shard, tablet } => {
                self.held.clear();
                self.promoted(keyspace, shard, tablet);
                self.twin_disturbed("another primary");
            }
            Event::Asked { session, ask, sql } => {
                self.clients.asked(at, session, *ask, sql);
                self.twin_asked(session, *ask);
            }
            Event::Answered { session, ask, answer } => self.answered(session, *ask, answer),
            Event::ShardSend { session, what: Sent::Statement | Sent::Savepoint, .. } => {
                *self.calls.entry(Rc::clone(session)).or_default() += 1;
            }
            Event::ShardAnswer { session, .. } => self.shard_answered(session),
            // Commits and rollbacks say themselves what came of them.
            Event::ShardSend { .. } => {}
            Event::Lookup { .. } | Event::Stream { .. } => {}
            // What is served then, topo knows: [`Judge::not_served`].
            Event::Commanded { .. } => {}
            // Where statements went is judged apart.
            Event::Plan(begun) => self.sessions.planned(&begun.session, begun.vschema_version),
            Event::ShardStatement(_) | Event::PlanEnded { .. } => {}
            Event::Operator(text) => {
                self.faults.push((at, Rc::clone(text)));
                self.twin_disturbed("an operator's step");
            }
            Event::Fault(text) => {
                // Nothing is mended where nothing was broken.
                if !(self.faults.is_empty() && &**text == "recover") {
                    self.twin_over("a fault");
                }
                self.faults.push((at, Rc::clone(text)));
                if let Some(vtgate) = dead_vtgate(text) {
                    self.sessions.vtgate_died(at, vtgate);
                }
            }
        }
    }

    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub fn excuses(&self) -> &[Excuse] {
        &self.excuses
    }

    /// Everything that did not simply hold, so far; `Held` alone where all did.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let violated = self.violations.iter().map(|v| Verdict::Violated { invariant: v.invariant });
        let excused = self.excuses.iter().map(|e| Verdict::Excused { assumption: e.assumption });
        let causes = self.check().causes();
        let dangling = causes
            .into_iter()
            .flat_map(|(cause, count)| (0..count).map(move |_| Verdict::Dangling { cause }));
        let all: Vec<Verdict> = violated.chain(excused).chain(dangling).collect();
        if all.is_empty() { vec![Verdict::Held] } else { all }
    }

    /// The counts of all vindexes, and each row that dangles.
    pub fn check(&self) -> Summary {
        Summary {
            vindexes: self.vindexes.iter().map(|vindex| self.summary(vindex)).collect(),
            lost: self.lost_commits(),
            errant: self.errant_commits(),
        }
    }

    /// Commits that a shard lacks now although it had them.
    fn lost_commits(&self) -> Vec<LostCommit> {
        let lost = self.lost.iter().map(|(shard, transaction)| {
            let gtid = transaction.gtid;
            let shard = Rc::clone(&self.shards[*shard].full_name);
            let committer = self.committers.get(&gtid);
            let told = committer.map_or(Told::NoClient, |committer| committer.told(&shard));
            LostCommit { shard, gtid, tag: Arc::clone(&transaction.tag), told }
        });
        lost.collect()
    }

    /// What a replica has of its primary's own commits before that shows them, and the primary has
    /// not lost: they wait for their acknowledgment.
    pub(super) fn in_flight(&self, tablet: &Tablet) -> GtidSet {
        let mut in_flight = GtidSet::new();
        let primary = self.shards[tablet.shard].primary.as_ref();
        let Some(primary) = primary.and_then(|primary| self.tablets.get(primary)) else {
            return in_flight;
        };
        let ahead = tablet.copy.executed.subtract(&primary.copy.executed);
        for (server, low, high) in ahead.intervals() {
            if primary.uuid != Some(server) {
                continue;
            }
            for sequence in low..=high {
                let gtid = Gtid { server, sequence };
                if !self.has_lost(tablet.shard, gtid) {
                    in_flight.add(gtid);
                }
            }
        }
        in_flight
    }

    fn has_lost(&self, shard: ShardId, gtid: Gtid) -> bool {
        self.lost.iter().any(|(of, transaction)| *of == shard && transaction.gtid == gtid)
    }

    fn errant_commits(&self) -> Vec<ErrantCommit> {
        let mut errant = Vec::new();
        for (alias, tablet) in &self.tablets {
            let shard = &self.shards[tablet.shard];
            let primary = shard.primary.as_ref().and_then(|primary| self.tablets.get(primary));
            let Some(primary) = primary else { continue };
            let beside = tablet.copy.executed.subtract(&primary.copy.executed);
            let beside = beside.subtract(&self.in_flight(tablet));
            let beside = beside.intervals().flat_map(|(server, low, high)| {
                (low..=high).map(move |sequence| Gtid { server, sequence })
            });
            for gtid in beside {
                let Some(transaction) = self.transactions.get(&gtid) else { continue };
                errant.push(ErrantCommit {
                    shard: Rc::clone(&shard.full_name),
                    tablet: alias.clone(),
                    gtid,
                    tag: Arc::clone(&transaction.tag),
                });
            }
        }
        errant
    }

    fn summary(&self, vindex: &VindexValues) -> VindexSummary {
        let watched = &vindex.watched;
        let mut summary = VindexSummary {
            name: watched.full_name(),
            write_only: watched.write_only,
            owner_rows: 0,
            lookup_rows: 0,
            missing: 0,
            excused: 0,
            duplicates: 0,
            dangling: Vec::new(),
        };
        for entry in vindex.values.values() {
            summary.owner_rows += entry.owners.len();
            summary.lookup_rows += entry.lookups.len();
            let missing = no_missing::missing(entry).count();
            summary.missing += missing;
            if 0 < missing && excuse::excuse(entry, watched).is_some() {
                summary.excused += missing;
            }
            summary.duplicates += usize::from(watched.unique && 1 < unique::owners(entry));
            summary.dangling.extend(self.dangling(vindex, entry));
        }
        summary
    }

    fn dangling(&self, vindex: &VindexValues, entry: &Entry) -> impl Iterator<Item = Dangling> {
        let watched = &vindex.watched;
        entry.residues.iter().map(|residue| Dangling {
            vindex: watched.full_name().into(),
            lookup_table: Rc::clone(&watched.lookup.table),
            value: show(&entry.values),
            keyspace_id: show_id(&residue.keyspace_id),
            since: residue.left_by.as_ref().map(|note| note.at).unwrap_or_default(),
            standing: residue.standing(entry, watched, &self.shards[residue.shard].full_name),
        })
    }

    // ------------------------------------------------------------ commits

    fn connection(&mut self, alias: &Alias, connection: ConnectionId, transaction: Option<u64>) {
        let Some(tablet) = self.tablets.get_mut(alias) else { return };
        match transaction {
            Some(transaction) => tablet.transactions.insert(connection, transaction),
            None => tablet.transactions.remove(&connection),
        };
    }

    /// The shard transaction that a commit is of, by the connection that it came on: its answer may
    /// have been lost long ago, and its session be elsewhere. None where a statement has committed
    /// alone.
    fn shard_transaction(&self, commit: &BinlogTransaction) -> Option<u64> {
        let mut tablets = self.tablets.values();
        let own = tablets.find(|tablet| tablet.uuid == Some(commit.gtid.server))?;
        own.transactions.get(&commit.connection).copied()
    }

    fn commit(&mut self, alias: &Alias, transaction: &Arc<BinlogTransaction>) {
        let Some(tablet) = self.tablets.get_mut(alias) else { return };
        if tablet.copy.executed.contains(transaction.gtid) {
            return;
        }
        tablet.copy.executed.add(transaction.gtid);
        tablet.copy.log.push(transaction.gtid);
        let shard = tablet.shard;
        let number = self.shard_transaction(transaction);
        self.clients.commit(&self.shards[shard].full_name, number, transaction);
        self.transactions.entry(transaction.gtid).or_insert_with(|| Arc::clone(transaction));
        if self.shards[shard].primary.as_ref() != Some(alias) {
            self.apply(alias, transaction, None);
            return self.mark_stray(alias, shard, transaction);
        }
        // It is back; another one under its GTID is not.
        self.lost.retain(|(of, lost)| *of != shard || lost != transaction);
        let origin = self.origin(transaction, shard);
        if let Origin::Session { attempt, list } = &origin {
            let committer = Committer { attempt: Rc::clone(attempt), list: *list };
            self.committers.entry(transaction.gtid).or_insert(committer);
        }
        self.numbers.commit(&self.shards[shard].keyspace, transaction);
        let is_aside = matches!(origin, Origin::Direct(_) | Origin::Backfill(_));
        if is_aside && !Numbers::is_own(transaction) {
            self.twin_disturbed("a commit that is no client's");
        }
        if let Some((session, _)) = of_tag(&transaction.tag) {
            self.judge_held(shard, session, transaction);
        }
        let mut touched = self.apply(alias, transaction, Some(&origin));
        let commit = Commit { at: self.at, origin: &origin, gtid: Some(transaction.gtid) };
        for (index, values) in std::mem::take(&mut touched) {
            for value in values {
                self.judge_stream(index, &value, commit);
                self.judge(index, &value, commit);
            }
        }
    }

    /// Applies a transaction to the tablet's tables; to the values too where `origin` says by whom
    /// a primary was written.
    fn apply(
        &mut self,
        alias: &Alias,
        transaction: &BinlogTransaction,
        origin: Option<&Origin>,
    ) -> Touched {
        let mut touched = Touched::new();
        for event in &transaction.events {
            match event {
                binlog::Event::Rows(rows) => {
                    self.apply_rows(alias, transaction.gtid, rows, origin, &mut touched);
                }
                binlog::Event::Query { database, statement, .. } => {
                    let database = database.as_deref().unwrap_or("");
                    self.apply_definition(alias, database, statement, origin.is_some());
                }
                binlog::Event::Savepoint { .. } => {}
            }
        }
        touched
    }

    fn apply_rows(
        &mut self,
        alias: &Alias,
        gtid: Gtid,
        event: &RowsEvent,
        origin: Option<&Origin>,
        touched: &mut Touched,
    ) {
        let Some(tablet) = self.tablets.get_mut(alias) else { return };
        let shard = tablet.shard;
        let (_, reshaped) = tablet.copy.table_in_shape(&event.table);
        let over = match origin {
            Some(_) => self.vindexes_over(shard, &event.table.database, &event.table.name),
            None => Vec::new(),
        };
        for (index, kind) in &over {
            if self.vindexes[*index].take_collations(*kind, &event.table) || reshaped {
                self.rebuild(*index);
            }
        }
        let is_owner = over.iter().any(|(_, kind)| *kind == TableKind::Owner);
        let oldest = self.clients.oldest();
        let Judge { tablets, shards, vindexes, at, violations, versions, .. } = self;
        let Some(tablet) = tablets.get_mut(alias) else { return };
        let (rows, _) = tablet.copy.table_in_shape(&event.table);
        let place = Place { shard, range: &shards[shard].range, table: &event.table };
        for change in &event.changes {
            if let Some(origin) = origin {
                let commit = Commit { at: *at, origin, gtid: Some(gtid) };
                for (index, kind) in &over {
                    let before = change.before.as_ref().map(|row| (rows.key(row), row));
                    let after = change.after.as_ref().map(|row| (rows.key(row), row));
                    let touched = touched.entry(*index).or_default();
                    vindexes[*index].change(*kind, place, before, after, commit, touched);
                }
            }
            if is_owner {
                let keyspace = &shards[shard].keyspace;
                let keyed = |row: &Row| rows.key(row);
                let before = change.before.as_ref().map(keyed);
                let after = change.after.as_ref().map(|row| (keyed(row), row));
                let name = (keyspace, &*event.table.name);
                versions.change(name, &event.table, shard, (before, after), *at, oldest);
            }
            if rows.apply(change).is_err() && !rows.stale {
                rows.stale = true;
                let image = |row: &Option<Row>| row.as_ref().map_or("none".into(), |row| show(row));
                violations.push(Violation {
                    invariant: Invariant::RowImages,
                    at: *at,
                    subject: format!("{alias}, table {}", event.table.name).into(),
                    value: String::new(),
                    rows: vec![
                        format!("before {}", image(&change.before)),
                        format!("after {}", image(&change.after)),
                        "the binlog changes a row that its own history doesn't hold".to_owned(),
                    ],
                    timeline: Vec::new(),
                    lost_at: None,
                    locks: Vec::new(),
                    departure: None,
                });
            }
        }
    }

    fn apply_definition(
        &mut self,
        alias: &Alias,
        database: &str,
        statement: &Statement,
        is_primary: bool,
    ) {
        let Some(tablet) = self.tablets.get_mut(alias) else { return };
        let copy = &mut tablet.copy;
        let named = |table: &TableName| {
            let database = table.qualifier.as_ref().map_or(database, |name| name.as_str());
            (database.to_owned(), table.name.as_str().to_owned())
        };
        let mut emptied: Vec<(String, String)> = Vec::new();
        match statement {
            Statement::DropTable(drop) => emptied.extend(drop.tables.iter().map(named)),
            Statement::TruncateTable(table) => emptied.push(named(table)),
            Statement::DropDatabase { .. } => {
                let tables = copy.databases.get(database).into_iter().flatten();
                emptied.extend(tables.map(|(name, _)| (database.to_owned(), name.to_string())));
            }
            Statement::RenameTable(pairs) => {
                for (old, new) in pairs {
                    let (old, new) = (named(old), named(new));
                    let rows = copy.databases.get_mut(&*old.0).and_then(|t| t.remove(&*old.1));
                    if let Some(mut rows) = rows {
                        rows.stale = true;
                        let tables = copy.databases.entry(new.0.as_str().into()).or_default();
                        tables.insert(new.1.as_str().into(), rows);
                    }
                    emptied.extend([old, new]);
                }
            }
            Statement::AlterTable(alter) => {
                let (database, table) = named(&alter.table);
                let tables = copy.databases.get_mut(&*database);
                if let Some(rows) = tables.and_then(|tables| tables.get_mut(&*table)) {
                    rows.stale = true;
                }
            }
            _ => {}
        }
        if !matches!(statement, Statement::RenameTable(_)) {
            for (database, table) in &emptied {
                copy.forget(database, Some(table));
            }
        }
        if is_primary {
            let shard = tablet.shard;
            if !emptied.is_empty() || matches!(statement, Statement::AlterTable(_)) {
                self.versions.give_up();
            }
            self.twin_disturbed("tables are defined");
            for (database, table) in emptied {
                self.whole_table(shard, &database, &table);
            }
        }
    }

    /// Who is behind a commit on a primary, by its tag: `<session> <list>` in a session's
    /// transaction, `vreplication ..` for a stream, anything else beside them.
    fn origin(&mut self, transaction: &Arc<BinlogTransaction>, shard: ShardId) -> Origin {
        let tag = &*transaction.tag;
        if tag == "vreplication" || tag.starts_with("vreplication ") {
            return Origin::Backfill(tag.into());
        }
        let Some((session, list)) = of_tag(tag) else { return Origin::Direct(tag.into()) };
        let number = self.shard_transaction(transaction);
        let shard = &self.shards[shard].full_name;
        let of = |number| self.sessions.of_commit(session, shard, number, transaction);
        match number.and_then(of) {
            Some(attempt) => Origin::Session { attempt, list },
            None => Origin::Stray(Stray {
                tag: tag.into(),
                version: self.sessions.version(session),
                goes_on: self.sessions.goes_on(session),
                sql: self.sessions.last_alone(session),
            }),
        }
    }

    // ------------------------------------------------------------ verdicts

    /// Judges a value after a commit that touched it.
    pub(super) fn judge(&mut self, index: usize, value: &ValueKey, commit: Commit) {
        let vindex = &mut self.vindexes[index];
        let (is_unique, write_only) = (vindex.watched.unique, vindex.watched.write_only);
        let Some(entry) = vindex.values.get_mut(value) else { return };
        let shard_name = |shard: ShardId| &*self.shards[shard].full_name;
        if ledger::is_reused(entry, commit, &vindex.watched, shard_name) {
            self.coverage.reached(Goal::DanglingReused);
        }
        ledger::settle(entry);
        if let Some(mark) = excuse::mark_of(commit.origin) {
            entry.mark = Some(mark);
        }
        if !is_unique && entry.owner_ids().has_twins() {
            let because = "two owner rows share a lookup row".into();
            entry.mark = Some(Mark { assumption: Assumption::IdentifyingValues, because });
        }
        if write_only {
            return entry.remember_owners(commit.gtid);
        }
        let (missing, duplicate) = newly_broken(entry, is_unique);
        if missing.is_empty() && !duplicate {
            let entry_is_sound = is_sound(entry, is_unique, commit.at);
            if entry_is_sound {
                entry.mark = None;
                (entry.first_owner, entry.contested) = (None, false);
                entry.sound_since = commit.at.seq;
            }
            return;
        }
        if !missing.is_empty() {
            self.broken(index, value, Invariant::NoMissing, &missing);
        }
        if duplicate {
            let owners: Vec<OwnerRow> = {
                let entry = &self.vindexes[index].values[value];
                entry.placed_owners().map(|(owner, _)| owner.clone()).collect()
            };
            self.broken(index, value, Invariant::Unique, &owners);
        }
    }

    /// What fills a lookup table takes nothing away from it: vtgate deletes entries, and by the
    /// time of a stream one may be another row's. Nor does it bring what no row has had.
    fn judge_stream(&mut self, index: usize, value: &ValueKey, commit: Commit) {
        let Origin::Backfill(tag) = commit.origin else { return };
        let vindex = &self.vindexes[index];
        let Some(entry) = vindex.values.get(value) else { return };
        let mut own = entry.notes.iter().rev().take_while(|note| note.gtid == commit.gtid);
        let took = own.any(|note| note.table == TableKind::Lookup && note.change.left().is_some());
        let is_of_row = |note: &Rc<Note>| note.table == TableKind::Owner;
        let known = !entry.owners.is_empty()
            || entry.notes.iter().any(is_of_row)
            || vindex.watched.may_be_of_null(&entry.values);
        let wrong = match (took, known || NOTES <= entry.notes.len()) {
            (true, _) => format!("{tag} took the entry away"),
            (false, false) => format!("{tag} brought the entry of a value that no row has had"),
            (false, true) => return,
        };
        let (subject, value) = (vindex.watched.full_name(), show(&entry.values));
        self.violate(Invariant::Filled, subject, value, vec![wrong], None);
    }

    /// Tells of a value whose promise broke just now, or of why that is excused.
    fn broken(
        &mut self,
        index: usize,
        value: &ValueKey,
        invariant: Invariant,
        owners: &[OwnerRow],
    ) {
        let vindex = &self.vindexes[index];
        let (watched, entry) = (&vindex.watched, &vindex.values[value]);
        let shards = |shard: usize| self.shards[shard].full_name.to_string();
        let mut rows: Vec<String> =
            owners.iter().map(|owner| self.describe_owner(watched, owner)).collect();
        if invariant == Invariant::NoMissing {
            rows.push(self.describe_lookups(watched, entry));
        }
        let lost_at = violation::lost_at(entry, invariant, self.at);
        let violation = Violation {
            invariant,
            at: self.at,
            subject: watched.full_name().into(),
            value: show(&entry.values),
            rows,
            timeline: violation::timeline(entry, watched, &shards, &self.faults),
            lost_at: Some(lost_at),
            locks: self.locks_before(entry, watched, lost_at),
            departure: departure(entry, watched, invariant),
        };
        match excuse::excuse(entry, watched) {
            Some(Mark { assumption, because }) => {
                self.excuses.push(Excuse { assumption, because, violation });
            }
            None => self.violations.push(violation),
        }
    }

    /// A commit begins on a tablet, and these rows are locked.
    pub fn before_commit(&mut self, tablet: &Alias, tag: &str, locks: Vec<RowLock>) {
        let (at, tablet, tag) = (self.at, tablet.clone(), tag.into());
        self.moments.push(Moment { at, tablet, tag, locks });
    }

    /// What was locked of a value when the commit began that came at this time.
    fn locks_before(&self, entry: &Entry, watched: &Watched, at: At) -> Vec<String> {
        let of_session = |note: &&Rc<Note>| note.at == at && note.origin.attempt().is_some();
        let Some(note) = entry.notes.iter().find(of_session) else { return Vec::new() };
        let shard = |alias: &Alias| {
            let shard = &self.shards[self.tablets.get(alias)?.shard];
            (shard.primary.as_ref() == Some(alias)).then(|| Rc::clone(&shard.full_name))
        };
        let is_own = |moment: &&Moment| {
            let tablet = self.tablets.get(&moment.tablet);
            moment.at < at
                && tablet.is_some_and(|tablet| tablet.shard == note.shard)
                && note.origin.is_tagged(&moment.tag)
        };
        let moment = self.moments.iter().rev().find(is_own);
        moment.map_or_else(Vec::new, |moment| locked::lines(moment, entry, watched, shard))
    }

    fn describe_owner(&self, watched: &Watched, owner: &OwnerRow) -> String {
        let shard = &self.shards[owner.shard];
        let table = &watched.owner.table;
        let primary = shard.primary.as_ref().and_then(|alias| self.tablets.get(alias));
        let rows = primary.and_then(|tablet| tablet.copy.table(&shard.database, table));
        let columns = match rows {
            Some(rows) => {
                let named = rows.schema.columns.iter().zip(owner.row.iter());
                let each =
                    named.map(|(column, value)| format!("{} {}", column.name, show_one(value)));
                each.collect::<Vec<_>>().join(", ")
            }
            None => show(&owner.row),
        };
        let id = owner.keyspace_id.as_ref().map(show_id).unwrap_or_default();
        format!("{} has {table} ({columns}) at {id}", shard.full_name)
    }

    fn describe_lookups(&self, watched: &Watched, entry: &Entry) -> String {
        let table = &watched.lookup.table;
        if entry.lookups.is_empty() {
            return format!("no {table} row has {}", show(&entry.values));
        }
        let row = |row: &crate::checker::entry::LookupRow| {
            let unreachable = if row.reachable { "" } else { ", where no lookup finds it" };
            let (id, shard) = (show_id(&row.keyspace_id), &self.shards[row.shard].full_name);
            format!("{table} has {} -> {id} on {shard}{unreachable}", show(&entry.values))
        };
        entry.lookups.iter().map(row).collect::<Vec<_>>().join("; ")
    }

    // ------------------------------------------------------------ what is where

    pub(super) fn advance(&mut self, now: Nanos) {
        self.at = At { time: now, seq: self.at.seq + 1 };
    }

    pub(super) fn shard_id(&mut self, keyspace: &Rc<str>, name: &str) -> ShardId {
        let full_name = format!("{keyspace}/{name}");
        if let Some(id) = self.shards.iter().position(|shard| *shard.full_name == *full_name) {
            return id;
        }
        self.shards.push(Shard {
            keyspace: Rc::clone(keyspace),
            full_name: full_name.into(),
            database: format!("vt_{keyspace}").into(),
            range: key::Shard::parse(name).map_or(KeyRange::COMPLETE, |shard| shard.range),
            primary: None,
            former: BTreeSet::new(),
        });
        self.shards.len() - 1
    }

    pub(super) fn tablet(&mut self, alias: &Alias, shard: ShardId) {
        self.tablets.entry(alias.clone()).or_insert_with(|| Tablet {
            shard,
            copy: Copy::default(),
            uuid: None,
            transactions: BTreeMap::new(),
            diverged: false,
        });
    }

    pub(super) fn vindexes_over(&self, shard: ShardId, database: &str, table: &str) -> Roles {
        let shard = &self.shards[shard];
        if *database != *shard.database {
            return Vec::new();
        }
        let tables = self.by_table.get(&shard.keyspace);
        tables.and_then(|tables| tables.get(table)).cloned().unwrap_or_default()
    }
}

/// The owner rows that are missing and were not; whether there are more owner rows than before, and
/// too many.
pub(super) fn newly_broken(entry: &mut Entry, is_unique: bool) -> (Vec<OwnerRow>, bool) {
    let missing: Vec<OwnerRow> = no_missing::missing(entry).cloned().collect();
    let known = |owner: &&OwnerRow| {
        !entry.missing.iter().any(|(shard, key)| *shard == owner.shard && *key == owner.key)
    };
    let new: Vec<OwnerRow> = missing.iter().filter(known).cloned().collect();
    entry.missing = missing.into_iter().map(|owner| (owner.shard, owner.key)).collect();
    let owners = unique::owners(entry);
    let duplicate = is_unique && 1 < owners && entry.owners_known < owners;
    entry.owners_known = owners;
    (new, duplicate)
}

/// Rows and entries agree and a session's commit has just said so: an owner row came, or the last
/// one went.
fn is_sound(entry: &Entry, is_unique: bool, now: At) -> bool {
    let held = entry.missing.is_empty() && (is_unique || !entry.owner_ids().has_twins());
    let said = entry.notes.last().is_some_and(|note| {
        note.at == now
            && note.table == TableKind::Owner
            && matches!(&note.origin, Origin::Session { attempt, .. } if !attempt.borrow().targeted)
            && (note.change.arrived().is_some() || entry.owners.is_empty())
    });
    held && said && (!is_unique || unique::owners(entry) < 2)
}

/// The vtgate whose death a fault tells of: `Crash("vtgate-1")`, `crash vtgate-1`.
fn dead_vtgate(fault: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut words = fault.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    let what = words.next()?.to_ascii_lowercase();
    let deadly = ["crash", "bounce", "kill", "restart", "stop", "power"];
    let is_deadly = deadly.iter().any(|word| what.starts_with(word))
        && !["poweron", "power-on"].contains(&what.as_str());
    words.find(|word| word.starts_with("vtgate")).filter(|_| is_deadly)
}
