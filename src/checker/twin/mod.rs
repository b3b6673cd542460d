//! The unsharded twin: what one client is told without faults is what one server would tell it,
//! and the cluster's tables hold what that server's hold.
//!
//! The counterexample that it exists for. A statement that finds no rows by its lookup is sent
//! nowhere, or everywhere, or is refused, by mistake:
//!
//! ```text
//!   a: select order_id from corder where sku = 'nobody'
//!   one server   no rows
//!   vtgate       an error
//! ```
//!
//! The twin is a simulated MySQL beside the cluster. It has the tables that can be compared
//! ([`tables`]), begins with the first statement of a run, and is given every statement that was
//! answered. Compared are whether it failed, the rows of a query, the number of changed rows; and
//! whenever no transaction is open, the tables' rows, and that each lookup row has its owner.
//!
//! It ends with whatever makes two answers right: a fault, a second statement under way, another
//! client while a transaction is open, an operator's step, a new vschema, a session that is aimed
//! at one shard or has settings, statements that it cannot tell how to compare (ON DUPLICATE KEY
//! UPDATE and REPLACE, IGNORE but for one row by itself where a keyspace id has one row and all
//! lookups are read, LIMIT of rows that are not told apart, expressions in what is written), a
//! deadlock or a timeout (a session may wait for itself, where it comes to one value twice), a
//! nested statement that was undone. Errors that only vtgate has (`VT12001` and the others by
//! number) are taken for granted, and undone beside it.
//!
//! vtgate departs from it where in a transaction an UPDATE gives several rows one unique value
//! ([`Departure::OneValueTwice`](super::departure::Departure)), and where an INSERT has one twice,
//! in other bytes ([`Departure::TwinsByBytes`](super::departure::Departure)): the twin ends there.

mod borrowed;
mod filled;
mod server;
pub mod tables;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::mysql::schema::{Column, Table};
use sim::sql_error::SqlError;
use sim::value::Row;

use self::filled::Completed;
use self::server::{OneServer, Waits};
use self::tables::{Declared, TwinTable};
use crate::checker::atomic;
use crate::checker::clients::Answered;
use crate::checker::judge::Judge;
use crate::checker::rows::Rows;
use crate::checker::statement::{Form, Given, Kind, ReadOf, Sorted, Write, read_of};
use crate::checker::value::{show, show_id};
use crate::checker::verdict::Invariant;
use crate::history::{Answer, AskId};

/// Whether there is a twin.
#[derive(Default)]
pub enum Twin {
    /// Nobody has asked anything.
    #[default]
    Waiting,
    Beside(Box<Beside>),
    /// Why it ended.
    Over(&'static str),
}

/// The twin, while it is one.
pub struct Beside {
    server: OneServer,
    tables: Vec<TwinTable>,
    /// By keyspace and table.
    sequences: Vec<(Rc<str>, Rc<str>)>,
    asked: Option<(Rc<str>, AskId)>,
    /// The session whose transaction is open.
    open: Option<Rc<str>>,
    /// That transaction has been on a shard: what is wrong with a savepoint, the shard says.
    is_on_shard: bool,
}

/// What a statement has shown.
enum Shown {
    Same,
    Differs(Vec<String>),
    Over(&'static str),
}

/// Errors of waits, kills and timeouts.
const WAITED: [u16; 6] = [1205, 1213, 1317, 2013, 3024, 3572];
/// What vtgate says where a value leads elsewhere.
const REFUSED: &str = "does not map to keyspace ids";
/// Rows that are told of.
const TOLD: usize = 3;

impl Judge {
    /// Ends the twin, if there is one.
    pub(super) fn twin_over(&mut self, why: &'static str) {
        self.twin = Twin::Over(why);
    }

    pub(super) fn twin_asked(&mut self, session: &Rc<str>, ask: AskId) {
        if matches!(self.twin, Twin::Waiting) {
            self.twin = self.new_twin();
        }
        let Twin::Beside(twin) = &mut self.twin else { return };
        let is_other = twin.open.as_ref().is_some_and(|open| open != session);
        if is_other || twin.asked.is_some() {
            return self.twin_over("two at a time");
        }
        twin.asked = Some((Rc::clone(session), ask));
    }

    pub(super) fn twin_answered(&mut self, answered: &Answered) {
        if !matches!(self.twin, Twin::Beside(_)) {
            return;
        }
        let Twin::Beside(mut twin) = std::mem::take(&mut self.twin) else { return };
        self.twin = match twin.statement(answered) {
            Shown::Same if twin.open.is_some() => Twin::Beside(twin),
            Shown::Same => match self.differences(&twin) {
                rows if rows.is_empty() => Twin::Beside(twin),
                // A row that was ignored has left its entry, which is in the way of others.
                _ if is_ignoring(answered) => Twin::Over("an entry of a row that was ignored"),
                rows => self.twin_differs(answered, rows),
            },
            Shown::Differs(rows) => self.twin_differs(answered, rows),
            Shown::Over(why) => Twin::Over(why),
        };
    }
}

impl Judge {
    /// Ends the twin if there is one: what has happened is no client's doing.
    pub(super) fn twin_disturbed(&mut self, why: &'static str) {
        if matches!(self.twin, Twin::Beside(_)) {
            self.twin = Twin::Over(why);
        }
    }

    fn new_twin(&self) -> Twin {
        let definition = |keyspace: &str, table: &str| {
            let held = self.primary_rows(keyspace, table).next()?;
            Some(Arc::clone(&held.schema))
        };
        let of = |declared: &Declared| declared.table(definition);
        let tables: Vec<TwinTable> = self.declared.iter().filter_map(of).collect();
        if tables.is_empty() {
            return Twin::Over("no table can be compared");
        }
        let mut server = OneServer::new();
        for table in &tables {
            let rows = self.rows_of(table);
            if server.add(table, &rows).is_err() {
                return Twin::Over("a table or its rows that one server would not have");
            }
        }
        let sequences = self.numbers.sequences().cloned().collect();
        let twin =
            Beside { server, tables, sequences, asked: None, open: None, is_on_shard: false };
        match self.differences(&twin).is_empty() {
            true => Twin::Beside(Box::new(twin)),
            false => Twin::Over("lookup rows that were there"),
        }
    }

    /// The tables of a keyspace's primaries with this name.
    fn primary_rows<'a>(
        &'a self,
        keyspace: &'a str,
        table: &'a str,
    ) -> impl Iterator<Item = &'a Rows> {
        let shards = self.shards.iter().filter(move |shard| *shard.keyspace == *keyspace);
        shards.filter_map(move |shard| {
            let primary = self.tablets.get(shard.primary.as_ref()?)?;
            primary.copy.table(&shard.database, table)
        })
    }

    fn rows_of(&self, table: &TwinTable) -> Vec<Row> {
        let held = self.primary_rows(&table.keyspace, &table.schema.name);
        held.flat_map(|rows| rows.iter().map(|(_, row)| Row::clone(row))).collect()
    }

    /// What the cluster's tables hold and the twin's don't, or the other way round; lookup rows
    /// without their owner, and rows without theirs.
    fn differences(&self, twin: &Beside) -> Vec<String> {
        let mut lines = Vec::new();
        for table in &twin.tables {
            let (keyspace, name) = (&table.keyspace, &table.schema.name);
            let own = shown(&twin.server.rows(keyspace, name));
            lines.extend(against(&shown(&self.rows_of(table)), &own, name));
        }
        for vindex in &self.vindexes {
            let watched = &vindex.watched;
            let is_compared = twin.tables.iter().any(|table| {
                table.keyspace == watched.owner.keyspace
                    && *table.schema.name == *watched.owner.table
            });
            for entry in vindex.values.values().filter(|_| is_compared && !watched.write_only) {
                lines.extend(entry.residues.iter().map(|residue| {
                    let (value, id) = (show(&entry.values), show_id(&residue.keyspace_id));
                    format!("{} has {value} -> {id}, and no row has it", watched.lookup.table)
                }));
            }
        }
        lines.truncate(TOLD);
        lines
    }

    fn twin_differs(&mut self, answered: &Answered, rows: Vec<String>) -> Twin {
        self.told_wrongly(Invariant::RoutingEqual, answered, rows, None);
        Twin::Over("it differs")
    }
}

impl Beside {
    fn statement(&mut self, answered: &Answered) -> Shown {
        let asked = self.asked.take();
        let session = &answered.session;
        if asked.is_none_or(|(of, ask)| of != *session || ask != answered.ask.id) {
            return Shown::Over("two at a time");
        }
        if answered.has_settings || answered.is_single {
            return Shown::Over("settings");
        }
        let shown = match &*answered.ask.form {
            Form::Begin | Form::Commit | Form::Rollback | Form::Savepoint | Form::RollbackTo => {
                self.transaction(answered)
            }
            Form::Use(_) => Shown::Same,
            Form::Set => Shown::Over("settings"),
            Form::Write(write) if self.is_sequence(write, answered) => Shown::Same,
            Form::Write(write) => {
                match self.compares(write.keyspace.as_ref(), &write.table, answered) {
                    true => self.write(answered, write),
                    false => Shown::Over("a table that is not compared"),
                }
            }
            Form::Select(_) | Form::Other => match read_of(&answered.ask.sql) {
                Some(read) if self.may_hide(read.keyspace.as_ref(), &read.table, answered) => {
                    Shown::Same
                }
                Some(read) if self.reads(&read, answered) => self.read(answered),
                _ if only_reads(&answered.ask.sql) => Shown::Same,
                _ => Shown::Over("a statement that is not compared"),
            },
        };
        self.open = (!self.server.is_at_rest(session)).then(|| Rc::clone(session));
        let is_on_shard = answered.work.as_ref().is_some_and(|work| !work.parts.is_empty());
        self.is_on_shard = self.open.is_some() && is_on_shard;
        shown
    }

    /// Whether a table is the twin's, too; the session is in its database then.
    fn compares(&mut self, named: Option<&Rc<str>>, table: &str, answered: &Answered) -> bool {
        let keyspace = named.unwrap_or(&answered.target);
        let is = |known: &TwinTable| {
            known.keyspace == *keyspace && known.schema.name.eq_ignore_ascii_case(table)
        };
        let use_it = format!("use `{keyspace}`");
        self.tables.iter().any(is) && self.server.text(&answered.session, &use_it).is_ok()
    }

    fn table(&self, name: &str) -> Option<&TwinTable> {
        self.tables.iter().find(|table| table.schema.name.eq_ignore_ascii_case(name))
    }

    /// Whether a table's rows are the twin's, whichever way they are found. By a lookup that
    /// another table owns, those are found whose owner is still there. Of some of the rows, which
    /// they are must be said.
    fn reads(&mut self, read: &ReadOf, answered: &Answered) -> bool {
        let Some(table) = self.table(&read.table) else { return false };
        let is_sorted_by = |by: &Vec<Rc<str>>| {
            let mut key = key_names(&table.schema);
            key.all(|name| by.iter().any(|column| column.eq_ignore_ascii_case(name)))
        };
        let is_said = read.limited_by.as_ref().is_none_or(is_sorted_by);
        let borrows = !table.borrowed.is_empty();
        is_said && !borrows && self.compares(read.keyspace.as_ref(), &read.table, answered)
    }

    fn transaction(&mut self, answered: &Answered) -> Shown {
        let own = self.server.text(&answered.session, &answered.ask.sql);
        match (answered.answer, own) {
            (Answer::Ok(_), Ok(_)) | (Answer::Error(_), Err(_)) => Shown::Same,
            (Answer::Error(error), Ok(_)) => refused(error),
            (Answer::Ok(_), Err(error)) if self.is_on_shard => allowed(&error),
            // Before a shard is reached vtgate takes ROLLBACK TO for granted.
            (Answer::Ok(_), Err(_)) => Shown::Over("a savepoint that is not there"),
            (Answer::Unknown(_), _) => Shown::Over("no answer"),
        }
    }

    /// Whether a statement may look for its rows by the first column of a lookup that has no entry
    /// of one of them: that has a NULL in another column (vtgate.md 2.3), and is found by nobody.
    fn may_hide(&mut self, keyspace: Option<&Rc<str>>, table: &str, answered: &Answered) -> bool {
        let Some(known) = self.table(table).filter(|known| !known.partial.is_empty()) else {
            return false;
        };
        let words = answered.ask.sql.to_ascii_lowercase();
        let Some((_, filter)) = words.split_once(" where ") else { return false };
        let keyspace = keyspace.unwrap_or(&answered.target);
        let name = format!("`{keyspace}`.`{}`", known.schema.name);
        let is_by = |columns: &&Vec<String>| {
            columns.first().is_some_and(|first| filter.contains(&first.to_ascii_lowercase()))
        };
        let of = |columns: &Vec<String>| {
            let (first, others) = columns.split_first()?;
            let others: Vec<String> =
                others.iter().map(|other| format!("`{other}` is null")).collect();
            let filter = format!("`{first}` is not null and ({})", others.join(" or "));
            Some(format!("select 1 from {name} where {filter}"))
        };
        let questions: Vec<String> = known.partial.iter().filter(is_by).filter_map(of).collect();
        questions.iter().any(|question| {
            let found = self.server.text(&answered.session, question);
            found.is_ok_and(|found| !found.rows.is_empty())
        })
    }

    fn read(&mut self, answered: &Answered) -> Shown {
        let own = self.server.text(&answered.session, &answered.ask.sql);
        match (answered.answer, own) {
            (Answer::Ok(theirs), Ok(own)) => {
                let rows = against(&shown(&theirs.rows), &shown(&own.rows), "the answer");
                if rows.is_empty() { Shown::Same } else { Shown::Differs(rows) }
            }
            (Answer::Error(_), Err(_)) => Shown::Same,
            (Answer::Error(error), Ok(_)) => refused(error),
            (Answer::Ok(_), Err(error)) => allowed(&error),
            (Answer::Unknown(_), _) => Shown::Over("no answer"),
        }
    }

    fn write(&mut self, answered: &Answered, write: &Write) -> Shown {
        let is_explicit = self.open.is_some();
        if !self.can_be_told(write, &answered.ask.sql, is_explicit)
            || self.may_hide(write.keyspace.as_ref(), &write.table, answered)
        {
            return Shown::Over("a statement that is not compared");
        }
        let session = &answered.session;
        let completed = self.completed(answered, write);
        let (statement, write) = match &completed {
            Completed::AsItIs => (sim::sql::parse_once(&answered.ask.sql).ok(), write),
            Completed::With(statement, write) => (Some(Arc::clone(statement)), &**write),
            Completed::Unknown => return self.unknown(answered),
        };
        let shown = self.misplaced(answered, write);
        if let Some(shown) = shown.or_else(|| self.borrowing(answered, write, is_explicit)) {
            return shown;
        }
        let before = if is_explicit { "savepoint twin" } else { "begin" };
        let own = match (self.server.text(session, before), statement) {
            (Ok(_), Some(statement)) => self.server.run(session, &statement, &Arc::default()),
            _ => return Shown::Over("a statement that is not compared"),
        };
        let Ok(own) = own.map_err(|Waits| ()) else { return Shown::Over("a wait") };
        let end = match answered.answer {
            Answer::Ok(_) if is_explicit => "release savepoint twin",
            Answer::Ok(_) => "commit",
            // It took the transaction with it.
            Answer::Error(error) if error.message.contains("transaction rolled back") => "rollback",
            _ if is_explicit => "rollback to twin",
            _ => "rollback",
        };
        if self.server.text(session, end).is_err() {
            return Shown::Over("a savepoint that is not there");
        }
        if is_half_undone(answered) {
            return Shown::Over("a nested statement was undone");
        }
        let many = |outcome: &Outcome| self.sets_unique(write) && 1 < outcome.affected;
        match (answered.answer, own) {
            (Answer::Ok(theirs), Ok(own)) if theirs.affected == own.affected => Shown::Same,
            (Answer::Ok(theirs), Ok(own)) => Shown::Differs(vec![format!(
                "told of {} rows; one server changes {}",
                theirs.affected, own.affected
            )]),
            // Which of several rows comes first to a value, nothing says.
            (Answer::Ok(theirs), Err(_)) if many(theirs) => Shown::Over("one value twice"),
            (Answer::Error(_), Ok(own)) if many(&own) => Shown::Over("one value twice"),
            (Answer::Ok(_), Err(_)) if self.has_twins(write) => Shown::Over("twins by bytes"),
            (Answer::Ok(_), Err(error)) => allowed(&error),
            (Answer::Error(error), Ok(_)) => refused(error),
            (Answer::Error(theirs), Err(own)) => {
                match theirs.errno == own.errno || is_vtgates(theirs) || has_null(write) {
                    true => Shown::Same,
                    false if WAITED.contains(&theirs.errno) => Shown::Over("a wait"),
                    false => Shown::Differs(vec![
                        format!("told of {theirs}"),
                        format!("one server says {own}"),
                    ]),
                }
            }
            (Answer::Unknown(_), _) => Shown::Over("no answer"),
        }
    }

    /// A statement whose values nobody was told of, since it has failed.
    fn unknown(&mut self, answered: &Answered) -> Shown {
        match answered.answer {
            Answer::Error(error) if error.message.contains("transaction rolled back") => {
                match self.server.text(&answered.session, "rollback") {
                    Ok(_) => Shown::Same,
                    Err(_) => Shown::Over("a transaction that is not there"),
                }
            }
            Answer::Error(_) if is_half_undone(answered) => {
                Shown::Over("a nested statement was undone")
            }
            Answer::Error(_) => Shown::Same,
            _ => Shown::Over("numbers that nobody was told of"),
        }
    }

    /// Whether a sequence is written, by hand.
    fn is_sequence(&self, write: &Write, answered: &Answered) -> bool {
        let keyspace = write.keyspace.as_deref().unwrap_or(&answered.target);
        self.sequences.iter().any(|(of, name)| **of == *keyspace && **name == *write.table)
    }

    /// Whether what is written does not depend on the order of rows, on a clock, or on what a
    /// server ignores.
    fn can_be_told(&self, write: &Write, sql: &str, is_explicit: bool) -> bool {
        let is_literal =
            |rows: &&Vec<Vec<Given>>| rows.iter().flatten().all(|value| *value != Given::Computed);
        let rows = write.rows.as_ref().filter(is_literal);
        match write.kind {
            Kind::Insert => rows.is_some(),
            // Of several rows with one value the first comes in here, and in vtgate that with the
            // lowest keyspace id. Two rows of one keyspace id share an entry.
            Kind::LooseInsert => {
                let is_ignore = sql.trim_start().to_ascii_lowercase().starts_with("insert ignore");
                let is_known = self
                    .table(&write.table)
                    .is_some_and(|table| table.ignores_alike && table.borrowed.is_empty());
                let is_plain = is_ignore && !sql.to_ascii_lowercase().contains("on duplicate");
                is_plain && is_known && !is_explicit && rows.is_some_and(|rows| rows.len() == 1)
            }
            Kind::Update | Kind::Delete => {
                let words = sql.to_ascii_lowercase();
                !words.contains(" limit ") && !words.contains("ignore") && !words.contains("/*vt+")
            }
        }
    }

    /// Whether an INSERT has a value of a unique lookup twice, written in two ways.
    fn has_twins(&self, write: &Write) -> bool {
        let (Some(table), Some(rows)) = (self.table(&write.table), &write.rows) else {
            return false;
        };
        table.unique.iter().any(|columns| {
            let places: Vec<(usize, &Column)> = columns
                .iter()
                .filter_map(|name| {
                    let at = write.columns.iter().position(|c| c.eq_ignore_ascii_case(name))?;
                    Some((at, table.schema.columns.get(table.schema.column(name)?)?))
                })
                .collect();
            let given = |row: &Vec<Given>| {
                places.iter().filter_map(|(at, _)| row.get(*at).cloned()).collect::<Vec<Given>>()
            };
            let key = |row: &Vec<Given>| {
                places
                    .iter()
                    .map(|(at, column)| row.get(*at)?.sorted(column))
                    .collect::<Option<Vec<Sorted>>>()
            };
            let mut known: BTreeMap<Vec<Sorted>, Vec<Given>> = BTreeMap::new();
            rows.iter().any(|row| {
                let Some(key) = key(row) else { return false };
                known.insert(key, given(row)).is_some_and(|before| before != given(row))
            })
        })
    }

    /// Whether an UPDATE sets a column of a unique lookup.
    fn sets_unique(&self, write: &Write) -> bool {
        let columns = self.tables.iter().flat_map(|table| table.unique.iter().flatten());
        let sets = |column: &String| write.columns.iter().any(|c| c.eq_ignore_ascii_case(column));
        write.kind == Kind::Update && columns.into_iter().any(sets)
    }
}

/// The columns of the clustered key.
fn key_names(schema: &Table) -> impl Iterator<Item = &str> {
    schema.columns_of(0).map(|at| &*schema.columns[at].name)
}

/// An error where one server has none.
fn refused(error: &SqlError) -> Shown {
    if WAITED.contains(&error.errno) {
        return Shown::Over("a wait");
    }
    match is_vtgates(error) {
        true => Shown::Same,
        false => Shown::Differs(vec![format!("told of {error}; one server does it")]),
    }
}

fn allowed(error: &SqlError) -> Shown {
    Shown::Differs(vec![format!("told of success; one server says {error}")])
}

/// An error of the router itself: `VT12001: unsupported: ..`, also behind what it had undone.
fn is_vtgates(error: &SqlError) -> bool {
    error.message.split("VT").skip(1).any(|rest| {
        let number = rest.get(..5).filter(|_| rest.get(5..6) == Some(":"));
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// Where a NULL is refused and a value is taken, nothing says which of the two is told: one server
/// looks at row after row, vtgate at lookup after lookup.
fn has_null(write: &Write) -> bool {
    write.rows.iter().flatten().flatten().any(|value| *value == Given::Null)
}

/// What comes after a nested statement was undone is not undone.
fn is_half_undone(answered: &Answered) -> bool {
    let mut works = answered.work.iter().chain(&answered.ask.ended);
    works.any(|work| atomic::departure(work).is_some())
}

fn is_ignoring(answered: &Answered) -> bool {
    answered.ask.form.write().is_some_and(|write| write.kind == Kind::LooseInsert)
}

fn only_reads(sql: &str) -> bool {
    let first = sql.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    ["select", "show", "explain", "vexplain", "describe", "desc"].contains(&&*first)
}

/// Rows as text, sorted: what is no row of a table has no order.
fn shown(rows: &[Row]) -> Vec<String> {
    let mut shown: Vec<String> = rows.iter().map(|row| show(row)).collect();
    shown.sort_unstable();
    shown
}

/// In which rows two sorted lists differ.
fn against(theirs: &[String], own: &[String], of: &str) -> Vec<String> {
    let mut left: Vec<&String> = own.iter().collect();
    let mut lines = Vec::new();
    for row in theirs {
        match left.iter().position(|known| *known == row) {
            Some(at) => {
                left.remove(at);
            }
            None => lines.push(format!("{of} has {row}; on one server it has not")),
        }
    }
    lines.extend(left.iter().map(|row| format!("{of} lacks {row}; on one server it has it")));
    lines.truncate(TOLD);
    lines
}
