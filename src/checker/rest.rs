//! What is judged of a run that is at rest, and the questions that are asked of it then.
//!
//! Nothing is open any more ([`live`]), what was promised to last is there ([`kept`]), a value's
//! rows are found by it ([`routing_equal`]), and one that dangles can be inserted ([`reusable`]).
//! Who waits for whom is looked at all the time.
//!
//! It knows nothing of how a question is asked.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::schema::Table;
use sim::value::{Row, Value};

use crate::checker::attempt::Attempt;
use crate::checker::clients::Work;
use crate::checker::departure::Departure;
use crate::checker::entry::{Entry, TableKind};
use crate::checker::judge::Judge;
use crate::checker::kept;
use crate::checker::lasting;
use crate::checker::ledger::{Residue, Standing};
use crate::checker::live::{self, Held, Waiting};
use crate::checker::no_missing;
use crate::checker::part::Fate;
use crate::checker::reusable::{self, Probe, Way};
use crate::checker::routing_equal::{self, Question};
use crate::checker::statement::{Given, Write};
use crate::checker::value::{show, show_id};
use crate::checker::verdict::Invariant;
use crate::checker::vindex_values::VindexValues;
use crate::checker::violation::Violation;
use crate::checker::watched::Watched;
use crate::history::Answer;
use crate::key::KeyspaceId;

/// Questions and probes that one vindex is asked.
const ASKED: usize = 64;

impl Judge {
    /// Says that a keyspace's commits survive the loss of one machine of a shard.
    pub fn durable(&mut self, keyspace: &str) {
        self.durable.insert(keyspace.into());
    }

    /// Looks at who waits for whom.
    pub fn waits(&mut self, waits: &[Waiting]) {
        self.cover_waits(waits);
        for wait in waits {
            let Some((session, lists)) = wait.oneself() else { continue };
            let meets_itself = |write: &Write| self.meets_itself(write);
            let own = self.clients.under_way(session);
            let shard = self.tablets.get(&wait.tablet).map(|tablet| tablet.shard);
            let shard = shard.map(|shard| &self.shards[shard].full_name);
            let holds = |work: &Work| {
                let mut parts = work.parts.iter().filter(|part| Some(&part.shard) == shard);
                parts.any(|part| lists.contains(&part.list) && part.fate == Fate::Open)
            };
            let Some((ask, _)) =
                own.filter(|(_, work)| holds(work) && live::must_not_wait(work, meets_itself))
            else {
                continue;
            };
            let (id, sql) = (ask.id, ask.sql.to_string());
            if self.told_waiting.insert(id) {
                let text = format!(
                    "{} waits on {} for {}, held by {}",
                    wait.waiter,
                    wait.tablet,
                    wait.what,
                    wait.holders.join(", ")
                );
                self.violate(Invariant::Live, format!("session {session}"), sql, vec![text], None);
            }
        }
    }

    /// A shard has answered a statement. What a client has left behind goes on to its end before
    /// vtgate rolls it back.
    pub(super) fn shard_answered(&mut self, session: &str) {
        let at = self.at;
        let Some(calls) = self.calls.get_mut(session) else { return };
        *calls = calls.saturating_sub(1);
        if let (0, Some(gone)) = (*calls, self.gone.get_mut(session)) {
            *gone = at;
        }
    }

    /// A shard's part of a transaction was killed: somebody must have had it.
    pub(super) fn judge_killed(&mut self, attempt: &Attempt, shard: &str) {
        let session = &attempt.session;
        let mut faults = self.faults.iter();
        if !faults.all(|(_, fault)| live::is_of_client(fault)) {
            return;
        }
        let now = self.at.time;
        let is_busy = self.calls.get(session).is_some_and(|calls| 0 < *calls);
        let why = match (attempt.ended, self.gone.get(session)) {
            (Some((at, what)), _) if at.time + live::AT_ONCE < now => {
                format!("its {what} was over {}", shown_ago(now - at.time))
            }
            (None, Some(at)) if !is_busy && at.time + live::AT_ONCE < now => {
                format!("its client was gone {}", shown_ago(now - at.time))
            }
            _ => return,
        };
        let text = format!("a transaction on {shard} was open until the tablet killed it; {why}");
        self.violate(
            Invariant::Live,
            format!("session {session}"),
            String::new(),
            vec![text],
            None,
        );
    }

    /// Whether an UPDATE may come to an entry in two of its lists: it finds its rows by a lookup,
    /// in the post list, and gives them a value that this has locked, in the pre list. A lookup
    /// that is not unique locks ranges, and so does one that looks for several values.
    fn meets_itself(&self, write: &Write) -> bool {
        let is_owner =
            |vindex: &&VindexValues| vindex.watched.owner.table.eq_ignore_ascii_case(&write.table);
        let has = |vindex: &VindexValues, name: &str| {
            vindex.watched.owner.columns.iter().any(|own| own.eq_ignore_ascii_case(name))
        };
        let of_table = || self.vindexes.iter().filter(is_owner);
        let each = write.columns.iter().zip(&write.set);
        let mut set = each.filter(|(name, _)| of_table().any(|vindex| has(vindex, name)));
        let Some(filter) = &write.filter else { return set.next().is_some() };
        let mut by = of_table().filter(|vindex| has(vindex, &filter.column)).peekable();
        let is_found_by_lookup = by.peek().is_some();
        let is_exact = filter.values.len() == 1 && by.all(|vindex| vindex.watched.unique);
        let is_same = |given: &Given| match (given, filter.values.first()) {
            (Given::Number(one), Some(Given::Number(other))) => one == other,
            // Beyond ASCII their collation knows.
            (Given::Text(one), Some(Given::Text(other))) if one.is_ascii() && other.is_ascii() => {
                one.trim_end().eq_ignore_ascii_case(other.trim_end())
            }
            (Given::Null, _) => false,
            _ => true,
        };
        // An entry that is not there, or not yet, locks what is between its neighbours.
        let lacks = |entry: &Entry| no_missing::missing(entry).next().is_some();
        let is_partial =
            of_table().any(|vindex| vindex.watched.write_only || vindex.values.values().any(lacks));
        set.any(|(name, given)| {
            is_partial
                || *given == Given::Computed
                || is_found_by_lookup && !is_exact
                || *name == filter.column && is_same(given)
        })
    }

    /// Whether statements are under way.
    pub fn is_busy(&self) -> bool {
        self.clients.asking().next().is_some()
    }

    pub fn is_faulty(&self) -> bool {
        lasting::is_faulty(self.faults.iter().map(|(_, fault)| &**fault))
    }

    /// Every timeout is past: what is held by whom, now.
    pub fn at_rest(&mut self, held: &[Held]) {
        if self.is_faulty() {
            return;
        }
        let unanswered: Vec<(Rc<str>, Rc<str>)> = self
            .clients
            .asking()
            .map(|(session, ask)| (Rc::clone(session), Rc::clone(&ask.sql)))
            .collect();
        for (session, sql) in unanswered {
            let text = vec!["it has no answer".to_owned()];
            self.violate(
                Invariant::Live,
                format!("session {session}"),
                sql.to_string(),
                text,
                None,
            );
        }
        let of_session = |held: &&Held| {
            live::session(&held.tag).is_some_and(|session| !self.clients.has_settings(session))
        };
        let left: Vec<Held> = held.iter().filter(of_session).cloned().collect();
        for Held { tablet, tag, what } in left {
            let text = vec![format!("{tag} has {what}")];
            self.violate(Invariant::Live, tablet.to_string(), String::new(), text, None);
        }
    }

    /// The run is over: what was promised to last is there.
    pub fn at_end(&mut self) {
        // An operator who leaves a replica out gives up what it alone has.
        if self.faults.iter().any(|(_, what)| what.ends_with(" is ignored")) {
            return;
        }
        let lost = self.check().lost;
        let faults = self.faults.iter().map(|(_, fault)| &**fault);
        let hit = kept::hit(faults);
        let keyspace = |shard: &str| shard.split_once('/').map(|(keyspace, _)| keyspace.to_owned());
        let is_durable =
            |shard: &str| keyspace(shard).is_some_and(|of| self.durable.contains(of.as_str()));
        let machines = |shard: &str| {
            let of = |alias: &str| {
                let mut tablets = self.tablets.iter();
                tablets.any(|(known, tablet)| {
                    *known.to_string() == *alias && *self.shards[tablet.shard].full_name == *shard
                })
            };
            hit.iter().filter(|alias| of(alias)).count()
        };
        let stands_still = |shard: &str| {
            let text = format!("{shard} stands still");
            self.faults.iter().any(|(_, what)| **what == *text)
        };
        let broken = kept::broken(&lost, is_durable, machines, |shard| !stands_still(shard));
        let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
        for text in broken {
            self.violate(Invariant::Kept, "commits".to_owned(), String::new(), vec![text], None);
        }
    }

    /// For each value of each lookup that reads use: what rows a lookup must give.
    pub fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        for vindex in self.vindexes.iter().filter(|vindex| self.can_be_asked(vindex)) {
            let of_vindex = vindex.values.values().filter_map(|entry| {
                let table = self.owner_table(vindex)?;
                let rows: Vec<Row> = entry.owners.iter().map(|owner| owner.row.clone()).collect();
                // A row that is nobody's is found by some and not by others.
                let all_placed = entry.owners.iter().all(|owner| owner.keyspace_id.is_some());
                let is_used = all_placed && !(rows.is_empty() && entry.lookups.is_empty());
                let sql = routing_equal::select(&vindex.watched, &table, &entry.values);
                let sql = sql.filter(|_| is_used && entry.missing.is_empty())?;
                let value = show(&entry.values);
                Some(Question { vindex: vindex.watched.full_name().into(), value, sql, rows })
            });
            questions.extend(of_vindex.take(ASKED));
        }
        questions
    }

    pub fn judge_question(&mut self, question: &Question, answer: &Answer) {
        let Answer::Ok(outcome) = answer else { return };
        let rows = routing_equal::difference(question, &outcome.rows);
        if !rows.is_empty() {
            let Question { vindex, value, .. } = question;
            self.violate(Invariant::RoutingEqual, vindex.to_string(), value.clone(), rows, None);
        }
    }

    /// For each value that dangles: an INSERT of it. Numbers from `first` on tell the probes apart.
    pub fn probes(&self, first: usize) -> Vec<Probe> {
        let mut probes = Vec::new();
        for vindex in self.vindexes.iter().filter(|vindex| self.can_be_asked(vindex)) {
            let entries = vindex.values.values().filter(|entry| self.is_dangling(vindex, entry));
            for entry in entries.take(ASKED) {
                let number = first + probes.len();
                probes.extend(self.probe(vindex, entry, number));
            }
        }
        probes
    }

    fn probe(&self, vindex: &VindexValues, entry: &Entry, number: usize) -> Option<Probe> {
        let watched = &vindex.watched;
        // An entry that only a stream could write, nobody can insert a row for.
        let is_same = |other: &Watched| {
            other.owner.keyspace == watched.owner.keyspace
                && other.owner.table == watched.owner.table
                && !other.write_only
        };
        if self.unowned.iter().any(is_same) {
            return None;
        }
        let table = self.owner_table(vindex)?;
        let residue = entry.residues.first()?;
        let shard_of = |id: &KeyspaceId| {
            self.shards.iter().position(|shard| {
                shard.keyspace == watched.owner.keyspace && shard.range.contains(id)
            })
        };
        let there = shard_of(&residue.keyspace_id);
        let others: Vec<String> = self
            .vindexes
            .iter()
            .map(|other| &other.watched)
            .filter(|other| {
                other.name != watched.name
                    && other.owner.table == watched.owner.table
                    && other.owner.keyspace == watched.owner.keyspace
            })
            .flat_map(|other| other.owner.columns.iter().cloned())
            .chain(self.versions.unpromised_of(&watched.owner.keyspace, &watched.owner.table))
            .collect();
        let (row, sql) = reusable::insert(watched, &table, &entry.values, &others, number, |id| {
            shard_of(id) != there
        })?;
        Some(Probe {
            vindex: watched.full_name().into(),
            value: show(&entry.values),
            dangling: show_id(&residue.keyspace_id),
            row,
            sql,
            is_later: watched.is_later,
        })
    }

    /// Whether another row has the primary key of the probe's.
    pub fn is_taken(&self, probe: &Probe) -> bool {
        let mut vindexes = self.vindexes.iter().map(|vindex| &vindex.watched);
        let of = vindexes.find(|watched| watched.full_name() == *probe.vindex);
        of.is_some_and(|watched| {
            let tables = self.tables_of(watched, TableKind::Owner);
            tables.iter().any(|(_, _, _, rows)| rows.has_key_of(&probe.row))
        })
    }

    pub fn judge_probe(&mut self, probe: &Probe, way: Way, answer: &Answer) {
        let Answer::Error(error) = answer else { return };
        // Something else may be wrong while a fault lasts.
        let is_cut = error.message.contains("code = Unavailable");
        let is_open = (self.is_faulty() || is_cut) && error.errno != 1062;
        if is_open || reusable::departure(probe, way, error).is_some() || !self.dangles(probe) {
            return;
        }
        let how = match way {
            Way::InTransaction => "in a transaction",
            Way::Alone => "by itself",
        };
        let rows = vec![
            format!("a lookup row leads to {}, which has no row of it", probe.dangling),
            format!("`{}` {how}: {error}", probe.sql),
        ];
        let Probe { vindex, value, .. } = probe;
        self.violate(Invariant::Reusable, vindex.to_string(), value.clone(), rows, None);
    }

    /// Whether the probe's value still has no owner: the probe may have waited for one.
    fn dangles(&self, probe: &Probe) -> bool {
        let mut vindexes = self.vindexes.iter();
        let of = vindexes.find(|vindex| vindex.watched.full_name() == *probe.vindex);
        let mut entries = of.into_iter().flat_map(|vindex| vindex.values.values());
        entries.any(|entry| entry.owners.is_empty() && show(&entry.values) == probe.value)
    }

    /// Its owner can be named, and reads go by it.
    fn can_be_asked(&self, vindex: &VindexValues) -> bool {
        let owner = &vindex.watched.owner;
        let name = (Rc::clone(&owner.keyspace), Rc::clone(&owner.table));
        !vindex.watched.write_only && self.owners.contains(&name)
    }

    fn owner_table(&self, vindex: &VindexValues) -> Option<Arc<Table>> {
        let tables = self.tables_of(&vindex.watched, TableKind::Owner);
        tables.first().map(|(_, _, _, rows)| Arc::clone(&rows.schema))
    }

    /// No owner row has the value or is about to, and a lookup row does.
    fn is_dangling(&self, vindex: &VindexValues, entry: &Entry) -> bool {
        let is_left = |residue: &Residue| {
            let shard = &self.shards[residue.shard].full_name;
            matches!(residue.standing(entry, &vindex.watched, shard), Standing::Left { .. })
        };
        entry.owners.is_empty()
            && !entry.residues.is_empty()
            && entry.residues.iter().all(is_left)
            && !entry.values.contains(&Value::Null)
    }

    /// An operator was told that a command is done, and these cells' vtgates are served a vschema
    /// that is not the saved one.
    pub fn not_served(&mut self, command: &str, cells: Vec<Rc<str>>) {
        let line = |cell: Rc<str>| format!("cell {cell} serves another vschema than is saved");
        let lines = cells.into_iter().map(line).collect();
        self.violate(Invariant::Honest, "vtctl".to_owned(), command.to_owned(), lines, None);
    }

    pub(super) fn violate(
        &mut self,
        invariant: Invariant,
        subject: String,
        value: String,
        rows: Vec<String>,
        departure: Option<Departure>,
    ) {
        let plain = self.plain(invariant, subject.into(), rows);
        self.violations.push(Violation { value, departure, ..plain });
    }
}

fn shown_ago(nanos: u64) -> String {
    format!("{:.1} s before", nanos as f64 / 1e9)
}
