//! A violation, as a story on one screen.
//!
//! What was promised, the two rows that disagree, everything that happened to the value on all
//! shards, the change after which no later commit could save it, and who had the value's rows then.
//!
//! It knows nothing of how it was found.

use std::fmt;
use std::rc::Rc;

use crate::checker::attempt::{Attempt, SharedAttempt};
use crate::checker::departure::Departure;
use crate::checker::entry::{Change, Entry, Note, Origin, Stray, TableKind};
use crate::checker::part::Fate;
use crate::checker::value::{show, show_id};
use crate::checker::verdict::{At, Invariant};
use crate::checker::watched::Watched;
use crate::history::List;

/// A broken promise.
#[derive(Clone, Debug)]
pub struct Violation {
    pub invariant: Invariant,
    pub at: At,
    /// What it is about: a vindex with its keyspace, or a tablet.
    pub subject: Rc<str>,
    /// The value, as SQL; empty where it is about a whole table.
    pub value: String,
    /// The rows that disagree, and what is wrong with them.
    pub rows: Vec<String>,
    pub timeline: Vec<Line>,
    /// The change that could not be made good any more.
    pub lost_at: Option<At>,
    /// Who had the value's rows when that change was about to be committed, a line a row; empty
    /// where nobody looked.
    pub locks: Vec<String>,
    /// Where Vitess itself is known to break this promise.
    pub departure: Option<Departure>,
}

/// A line of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: At,
    pub who: String,
    pub list: Option<List>,
    pub shard: String,
    pub what: String,
}

/// Lines of a timeline that fit on a screen.
const LINES: usize = 28;
/// Characters of a statement that a line shows.
const WIDTH: usize = 96;

impl Violation {
    /// The violation in one line.
    pub fn headline(&self) -> String {
        let first = self.rows.first().map(|row| format!(": {row}")).unwrap_or_default();
        let value = if self.value.is_empty() { String::new() } else { format!(" {}", self.value) };
        format!("violated {} {}{value} at {}{first}", self.invariant, self.subject, self.at)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "violated {}: {}", self.invariant, self.invariant.promise())?;
        match self.value.is_empty() {
            true => writeln!(f, "  {}", self.subject)?,
            false => writeln!(f, "  {}, value {}", self.subject, self.value)?,
        }
        self.rows.iter().try_for_each(|row| writeln!(f, "    {row}"))?;
        if !self.timeline.is_empty() {
            writeln!(f, "  history")?;
        }
        let width = |of: fn(&Line) -> usize| self.timeline.iter().map(of).max().unwrap_or(0);
        let (who, shard) = (width(|line| line.who.len()), width(|line| line.shard.len()));
        for line in &self.timeline {
            let lost = if self.lost_at == Some(line.at) { '>' } else { ' ' };
            let list = line.list.map(|list| list.to_string()).unwrap_or_default();
            let at = line.at.to_string();
            let text = format!(
                "  {lost} {at:>12}  {:who$}  {list:6}  {:shard$}  {}",
                line.who, line.shard, line.what
            );
            writeln!(f, "{}", text.trim_end())?;
        }
        if let Some(at) = self.lost_at {
            writeln!(f, "  after {at} (>) nothing could save it")?;
        }
        if !self.locks.is_empty() {
            writeln!(f, "  when that commit began")?;
        }
        self.locks.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        match self.departure {
            Some(departure) => {
                writeln!(f, "  as Vitess does, {departure}: {}", departure.says())
            }
            None => Ok(()),
        }
    }
}

/// What happened to a value, on all shards: its rows' changes, the transactions that made them, the
/// faults in between.
pub fn timeline(
    entry: &Entry,
    watched: &Watched,
    shards: &dyn Fn(usize) -> String,
    faults: &[(At, Rc<str>)],
) -> Vec<Line> {
    let mut attempts: Vec<SharedAttempt> = Vec::new();
    for attempt in entry.notes.iter().filter_map(|note| note.origin.attempt()) {
        if !attempts.iter().any(|known| Rc::ptr_eq(known, attempt)) {
            attempts.push(Rc::clone(attempt));
        }
    }
    let mut lines: Vec<Line> =
        entry.notes.iter().map(|note| note_line(note, entry, watched, shards)).collect();
    lines.extend(attempts.iter().flat_map(|attempt| attempt_lines(&attempt.borrow())));
    let first = lines.iter().map(|line| line.at).min().unwrap_or_default();
    let since = faults.iter().filter(|(at, _)| first <= *at);
    lines.extend(since.map(|(at, fault)| line(*at, "*", None, "", fault)));
    lines.sort_by_key(|line| line.at);
    if LINES < lines.len() {
        lines.drain(..lines.len() - LINES);
    }
    lines
}

/// The change after which the row that is missing could not be saved: its entry's going, where that
/// came after the owner's transaction had left the entry behind as done; else the change that broke
/// the promise.
pub fn lost_at(entry: &Entry, invariant: Invariant, broken: At) -> At {
    let newest = entry.notes.iter().rev();
    let own = newest.clone().find(|note| note.at == broken && note.table == TableKind::Owner);
    let Some(own) = own else { return broken };
    let found = match invariant {
        // The second owner's entry: from then on both will commit.
        Invariant::Unique => newest.clone().find(|note| {
            note.table == TableKind::Lookup
                && note.change.arrived().is_some()
                && same_attempt(&note.origin, &own.origin)
        }),
        // Somebody took the entry away after this transaction's pre list.
        _ if newest.clone().any(|note| is_pre_of(note, own)) => {
            newest.clone().take_while(|note| !is_pre_of(note, own)).find(|note| {
                note.table == TableKind::Lookup && note.change.left() == own.change.arrived()
            })
        }
        _ => None,
    };
    found.map_or(broken, |note| note.at)
}

fn is_pre_of(note: &Note, own: &Note) -> bool {
    note.origin.list() == Some(List::Pre) && same_attempt(&note.origin, &own.origin)
}

fn same_attempt(a: &Origin, b: &Origin) -> bool {
    matches!((a.attempt(), b.attempt()), (Some(a), Some(b)) if Rc::ptr_eq(a, b))
}

fn note_line(
    note: &Note,
    entry: &Entry,
    watched: &Watched,
    shards: &dyn Fn(usize) -> String,
) -> Line {
    let value = show(&entry.values);
    let (went, moved_off, came, moved_on) = ("went", "left this value", "came", "took this value");
    let (what, id) = match &note.change {
        Change::Came(id) => (came, id),
        Change::Went(id) => (went, id),
        Change::MovedFrom(id) => (moved_off, id),
        Change::MovedTo(id) => (moved_on, id),
    };
    let id = show_id(id);
    let what = match note.table {
        TableKind::Owner => format!("{} row of {value} at {id} {what}", watched.owner.table),
        TableKind::Lookup => format!("{} row {value} -> {id} {what}", watched.lookup.table),
    };
    let who = match &note.origin {
        Origin::Session { attempt, .. } => attempt.borrow().session.to_string(),
        Origin::Stray(Stray { tag, .. }) | Origin::Direct(tag) | Origin::Backfill(tag) => {
            tag.to_string()
        }
        Origin::Failover => "failover".to_owned(),
        Origin::WholeTable => "ddl".to_owned(),
    };
    line(note.at, &who, note.origin.list(), &shards(note.shard), &what)
}

fn attempt_lines(attempt: &Attempt) -> Vec<Line> {
    let session = &attempt.session;
    let mut lines: Vec<Line> = attempt
        .statements
        .iter()
        .map(|(at, sql)| line(*at, session, None, "", &cut(sql)))
        .collect();
    for part in attempt.parts.iter() {
        let told = match &part.fate {
            Fate::Open | Fate::Committed(_) => continue,
            Fate::Failed(at, error) => (*at, format!("commit failed: {}", cut(error))),
            Fate::Unknown(at, error) => (*at, format!("commit: no answer: {}", cut(error))),
            Fate::RolledBack(at) => (*at, "rolled back".to_owned()),
            Fate::Killed(at) => (*at, "killed".to_owned()),
        };
        lines.push(line(told.0, session, Some(part.list), &part.shard, &told.1));
    }
    if let Some((at, what)) = attempt.ended {
        lines.push(line(at, session, None, "", &format!("{what} is over")));
    }
    if let Some(at) = attempt.lost {
        lines.push(line(at, session, None, "", "its vtgate is gone"));
    }
    lines
}

fn line(at: At, who: &str, list: Option<List>, shard: &str, what: &str) -> Line {
    Line { at, who: who.to_owned(), list, shard: shard.to_owned(), what: what.to_owned() }
}

fn cut(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
