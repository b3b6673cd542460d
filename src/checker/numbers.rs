//! A sequence gives a number once, and none that it has not taken from its table.
//!
//! The counterexample that it exists for. A tablet goes on from memory behind what it has taken:
//!
//! ```text
//!   order_seq         next_id 4: up to 3 are taken
//!   a: insert ..      told of number 4
//!   PlannedReparentShard; the new primary reads next_id 4
//!   b: insert ..      told of number 4
//! ```
//!
//! Which numbers were given, clients are told: the first one, for all rows of the INSERT that ask
//! for one (they leave the column out, or say NULL or 0). Where the INSERT is committed by itself
//! its rows have them.
//!
//! Left alone: numbers that a sequence had not taken, if a fault may have kept its commit back
//! (vttablet knows them before it commits, and gives them out after a commit that failed); a
//! sequence that somebody has set back, or whose table has lost commits.
//!
//! It knows nothing of how numbers are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sim::mysql::binlog::{BinlogTransaction, Event, RowsEvent, RowsKind};
use sim::mysql::schema::Table;
use sim::sql_error::SqlError;
use sim::value::{Row, Value};

use crate::checker::clients::Answered;
use crate::checker::honest;
use crate::checker::judge::Judge;
use crate::checker::live;
use crate::checker::statement::{Given, Kind, Write};
use crate::checker::verdict::Invariant;
use crate::history::Answer;
use crate::vschema::VSchema;

/// Keyspace and table.
type Name = (Rc<str>, Rc<str>);

/// The sequences of a vschema, and the columns that they fill in.
#[derive(Default)]
pub struct Numbers {
    filled: Vec<Filled>,
    sequences: BTreeMap<Name, Sequence>,
}

/// A column that a sequence fills in.
#[derive(Clone)]
struct Filled {
    table: Name,
    column: Rc<str>,
    sequence: Name,
}

#[derive(Default)]
struct Sequence {
    /// The first number that it has not taken.
    next: Option<i128>,
    /// The numbers that clients were told of, and by which statement.
    given: BTreeMap<i128, Rc<str>>,
    /// Somebody has set it back, or its table has lost commits.
    is_over: bool,
}

/// What a tablet's own commits of a sequence are tagged with.
const TAG: &str = "sequence ";
/// Numbers that are remembered of a sequence.
const REMEMBERED: usize = 10_000;

impl Numbers {
    pub fn take_vschema(&mut self, vschema: &VSchema) {
        self.filled.clear();
        let mut known = std::mem::take(&mut self.sequences);
        for (keyspace, source) in &vschema.source.keyspaces {
            for (table, definition) in &source.tables {
                let name: Name = (keyspace.as_str().into(), table.as_str().into());
                if definition.type_name == "sequence" {
                    let sequence = known.remove(&name).unwrap_or_default();
                    self.sequences.insert(name, sequence);
                } else if let Some(numbers) = &definition.auto_increment
                    && let Some(sequence) = sequence_of(vschema, keyspace, &numbers.sequence)
                {
                    let column = numbers.column.as_str().into();
                    self.filled.push(Filled { table: name, column, sequence });
                }
            }
        }
    }

    /// Keyspace and table of each.
    pub fn sequences(&self) -> impl Iterator<Item = &(Rc<str>, Rc<str>)> {
        self.sequences.keys()
    }

    /// Whether a commit is a sequence's own.
    pub fn is_own(transaction: &BinlogTransaction) -> bool {
        transaction.tag.starts_with(TAG)
    }

    /// A primary has committed.
    pub fn commit(&mut self, keyspace: &str, transaction: &BinlogTransaction) {
        let is_own = Numbers::is_own(transaction);
        self.each(keyspace, transaction, |sequence, rows| {
            for change in &rows.changes {
                let next = |row: &Option<Row>| row.as_ref().and_then(|row| next_of(row, rows));
                let (before, after) = (next(&change.before), next(&change.after));
                sequence.is_over |= match (sequence.next, after) {
                    (None, Some(_)) => before.is_some(),
                    (Some(known), Some(after)) => !is_own && after < known,
                    (_, None) => true,
                };
                sequence.next = sequence.next.max(after);
            }
        });
    }

    /// A shard has lost a commit.
    pub fn lost(&mut self, keyspace: &str, transaction: &BinlogTransaction) {
        self.each(keyspace, transaction, |sequence, _| sequence.is_over = true);
    }

    fn each(
        &mut self,
        keyspace: &str,
        transaction: &BinlogTransaction,
        mut visit: impl FnMut(&mut Sequence, &RowsEvent),
    ) {
        if self.sequences.is_empty() {
            return;
        }
        for event in &transaction.events {
            let Event::Rows(rows) = event else { continue };
            for ((of, name), sequence) in &mut self.sequences {
                if **of == *keyspace && **name == *rows.table.name {
                    visit(sequence, rows);
                }
            }
        }
    }

    /// Whether an INSERT's error may be that of the question for its numbers.
    pub fn may_tell(&self, write: &Write, target: &str, error: &SqlError) -> bool {
        let is_insert = matches!(write.kind, Kind::Insert | Kind::LooseInsert);
        let filled = self.filled(write, target).filter(|_| is_insert);
        filled.is_some_and(|filled| {
            error.message.contains(&format!("target: {}.", filled.sequence.0))
        })
    }

    fn filled(&self, write: &Write, target: &str) -> Option<&Filled> {
        let keyspace = write.keyspace.as_deref().unwrap_or(target);
        self.filled.iter().find(|filled| {
            *filled.table.0 == *keyspace && filled.table.1.eq_ignore_ascii_case(&write.table)
        })
    }

    /// What is wrong with the numbers that a client was told of.
    fn told(&mut self, answered: &Answered, is_calm: bool) -> Vec<String> {
        let (Some(write), Answer::Ok(outcome)) = (answered.ask.form.write(), answered.answer)
        else {
            return Vec::new();
        };
        let is_insert = matches!(write.kind, Kind::Insert | Kind::LooseInsert);
        let Some(filled) = self.filled(write, &answered.target).filter(|_| is_insert) else {
            return Vec::new();
        };
        let first = i128::from(outcome.last_insert_id);
        let count = match asked_for(write, &filled.column) {
            Some(count) => count,
            // Of a query's rows at least one has asked.
            None if write.rows.is_none() => i128::from(first != 0),
            None => return Vec::new(),
        };
        match (count, first) {
            (0, 0) => return Vec::new(),
            // MySQL tells of a number that was written into an AUTO_INCREMENT column, too.
            (0, first) if gives(write, &filled.column, first) => return Vec::new(),
            (0, first) => return vec![format!("told of number {first}, and asked for none")],
            (_, 0) => return vec!["asked for a number, and told of none".to_owned()],
            _ => {}
        }
        let numbers = first..first + count;
        let mut wrong: Vec<String> = lacking(answered, write, filled, numbers.clone()).collect();
        if let Some(sequence) = self.sequences.get_mut(&filled.sequence.clone()) {
            let sql = &answered.ask.sql;
            wrong.extend(numbers.filter_map(|number| sequence.give(number, sql, is_calm)));
        }
        wrong
    }
}

impl Sequence {
    /// A client was told of a number: what is wrong with that.
    fn give(&mut self, number: i128, sql: &Rc<str>, is_calm: bool) -> Option<String> {
        if self.is_over || REMEMBERED <= self.given.len() {
            return None;
        }
        match self.next {
            Some(next) if number < next => {
                let before = self.given.insert(number, Rc::clone(sql))?;
                Some(format!("told of number {number}, which `{before}` was told of"))
            }
            Some(next) if is_calm => {
                Some(format!("told of number {number}; taken are those before {next}"))
            }
            _ => None,
        }
    }
}

impl Judge {
    pub(super) fn judge_numbers(&mut self, answered: &Answered) {
        let is_calm = self.faults.iter().all(|(_, fault)| live::is_of_client(fault));
        let wrong = self.numbers.told(answered, is_calm);
        self.told_wrongly(Invariant::Numbers, answered, wrong, None);
    }
}

/// The sequence of a name: without a keyspace it is this one's, or the only one of that name.
fn sequence_of(vschema: &VSchema, keyspace: &str, name: &str) -> Option<Name> {
    if let Some((of, sequence)) = name.split_once('.') {
        return Some((of.into(), sequence.into()));
    }
    let keyspaces = vschema.source.keyspaces.iter();
    let has = keyspaces.filter(|(_, source)| {
        source.tables.get(name).is_some_and(|table| table.type_name == "sequence")
    });
    let has: Vec<&str> = has.map(|(of, _)| of.as_str()).collect();
    match (has.contains(&keyspace), &has[..]) {
        (true, _) => Some((keyspace.into(), name.into())),
        (false, [only]) => Some(((*only).into(), name.into())),
        _ => None,
    }
}

fn next_of(row: &Row, rows: &RowsEvent) -> Option<i128> {
    number_of(row, &rows.table, "next_id")
}

fn number_of(row: &Row, table: &Table, column: &str) -> Option<i128> {
    match row.get(table.column(column)?)? {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        _ => None,
    }
}

/// Whether a row of an INSERT writes a number itself.
fn gives(write: &Write, column: &str, number: i128) -> bool {
    let Some(place) = place(write, column) else { return false };
    let mut rows = write.rows.iter().flatten();
    rows.any(|row| row.get(place) == Some(&Given::Number(number)))
}

fn place(write: &Write, column: &str) -> Option<usize> {
    write.columns.iter().position(|name| name.eq_ignore_ascii_case(column))
}

/// How many rows of an INSERT ask for a number; none where that must be computed.
fn asked_for(write: &Write, column: &str) -> Option<i128> {
    let rows = write.rows.as_ref()?;
    let place = place(write, column);
    let mut count = 0;
    for row in rows {
        let given = place.map_or(Some(&Given::Null), |place| row.get(place))?;
        count += match given {
            Given::Null | Given::Number(0) => 1,
            Given::Number(_) => 0,
            Given::Text(_) | Given::Computed => return None,
        };
    }
    Some(count)
}

/// Numbers that no row has which an INSERT by itself has committed.
fn lacking(
    answered: &Answered,
    write: &Write,
    filled: &Filled,
    numbers: std::ops::Range<i128>,
) -> impl Iterator<Item = String> {
    let own = honest::commits_alone(answered).filter(|_| write.kind == Kind::Insert);
    let has = own.map(|commits| {
        let events = commits.iter().flat_map(|commit| &commit.events);
        let rows = events.filter_map(|event| match event {
            Event::Rows(rows) if rows.table.name.eq_ignore_ascii_case(&write.table) => Some(rows),
            _ => None,
        });
        let written = rows.flat_map(|rows| {
            let writes = rows.changes.iter().filter(|change| change.kind() == RowsKind::Write);
            writes
                .filter_map(|change| number_of(change.after.as_ref()?, &rows.table, &filled.column))
        });
        written.collect::<BTreeSet<i128>>()
    });
    let lacks = move |number: &i128| has.as_ref().is_some_and(|has| !has.contains(number));
    numbers.filter(lacks).map(|number| format!("told of number {number}; no row has come with it"))
}
