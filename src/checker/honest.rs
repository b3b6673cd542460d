//! A client's answer is what happened.
//!
//! The counterexample that it exists for. A commit of the normal list goes wrong and vtgate treats
//! it as it treats one of the post list, with a warning:
//!
//! ```text
//!   a: insert order 5    pre     product/0     commits
//!                        normal  customer/-80  fails: the tablet restarts
//!   a is told            1 row, and a warning that nobody reads
//! ```
//!
//! The entry dangles, which is legal; only what the client believes is wrong. Other forms: a
//! transaction that is not ended and a COMMIT that succeeds; one that was rolled back and has
//! committed; an error although all is committed; a number of rows that the commits don't have.
//!
//! After VT15001 everything is rolled back, and nothing but ROLLBACK may succeed; and where a shard
//! is lost within a transaction, that is what its client is told. A lookup that commits by itself
//! says so without.
//!
//! In mode SINGLE a statement of several shards is refused; an INSERT of one row is of one, where
//! its lookups are consistent: those write in the pre list, and the check of a duplicate's owner
//! row reads.
//!
//! An operator, too: where a command ends with the vschema being served, that is the saved one
//! ([`Judge::not_served`](super::judge::Judge::not_served)).
//!
//! Legal, by what a failure may leave: a post list that failed (a warning), an error after some of
//! several shards have committed, anything where a commit's answer was lost. COMMIT outside of a
//! transaction is well, also after an error had rolled one back: that error told it.
//!
//! Numbers of rows are compared for single statements outside of BEGIN over one owner table; ON
//! DUPLICATE KEY UPDATE counts a row that it changes twice, REPLACE too many that it finds as they
//! are.

use std::sync::Arc;

use sim::mysql::binlog::{BinlogTransaction, Event, RowsKind};
use sim::sql_error::SqlError;

use crate::checker::clients::{Answered, UNDONE, Work};
use crate::checker::departure::Departure;
use crate::checker::part::{Fate, Part};
use crate::checker::statement::{Form, Kind, Write};
use crate::history::Answer;

/// What the client was told and did not happen. `counts` says of which tables rows are counted,
/// `is_consistent` whose lookups are all consistent, `asks` whose numbers come from a keyspace that
/// an error tells of: not in the transaction.
pub fn lies(
    answered: &Answered,
    counts: impl Fn(&Write) -> bool,
    is_consistent: impl Fn(&Write) -> bool,
    asks: impl Fn(&Write, &SqlError) -> bool,
) -> Vec<String> {
    let mut lies = Vec::new();
    let ask = &answered.ask;
    for work in &ask.ended {
        let undone = work.parts.iter().filter(|part| part.fate.is_rolled_back());
        lies.extend(undone.filter(|part| has_rows(part)).map(|part| {
            format!("{} of {} was rolled back, and its server has committed", part.list, part.shard)
        }));
        let refused = work.parts.iter().filter(|part| was_refused(&part.fate));
        lies.extend(refused.filter(|part| has_rows(part)).map(|part| {
            format!("commit of {} of {} never ran, and has happened", part.list, part.shard)
        }));
    }
    match answered.answer {
        Answer::Ok(outcome) => {
            lies.extend(false_success(answered));
            if let Some(write) = ask.form.write().filter(|write| counts(write)) {
                lies.extend(false_count(answered, write, outcome.affected));
            }
        }
        Answer::Error(error) => {
            lies.extend(false_error(answered, error));
            let is_one_row = |write: &&Write| {
                write.kind == Kind::Insert && write.rows.as_ref().is_some_and(|r| r.len() == 1)
            };
            let mut works = ask.ended.iter().chain(&answered.work);
            let is_alone = !works.any(|work| work.is_explicit);
            let one = ask.form.write().filter(is_one_row).filter(|_| is_alone);
            let is_refused = error.message.contains(SEVERAL_SHARDS);
            if is_refused && one.is_some_and(&is_consistent) {
                lies.push(format!("told of several shards; one row has one: {}", error.message));
            }
            let open = answered.work.as_ref().is_some_and(|work| work.parts.is_open());
            let runs = matches!(*ask.form, Form::Write(_) | Form::Select(_));
            if open && runs && error.message.contains("VT15001") {
                lies.push("told to roll back; its transaction is still open".to_owned());
            }
            let is_lost = LOST.iter().any(|lost| error.message.contains(lost));
            let is_inside = |write: &Write| is_consistent(write) && !asks(write, error);
            let in_transaction = ask.form.write().is_some_and(is_inside);
            if open && in_transaction && is_lost && !error.message.contains("VT15001") {
                let text = "told of a shard that is lost, and not to roll back";
                lies.push(format!("{text}: {}", error.message));
            }
        }
        Answer::Unknown(_) => {}
    }
    lies
}

/// What a shard says that takes no part in transactions any more (vtgate.md 1.11).
const LOST: [&str; 3] =
    ["connection refused", "wrong tablet type", "operation not allowed in state"];

/// A transaction in mode SINGLE would have changed a second shard.
const SEVERAL_SHARDS: &str = "multi-db transaction attempted";

/// Told of a rollback's success: of one that an INSERT was in the middle of, which then went on and
/// wrote its rows alone.
pub fn departure(answered: &Answered) -> Option<Departure> {
    let ask = &answered.ask;
    let is_insert = ask.form.write().is_some_and(|write| write.kind == Kind::Insert);
    let went_on = is_insert
        && matches!(answered.answer, Answer::Ok(_))
        && !ask.direct.is_empty()
        && !ask.ended.is_empty()
        && ask.ended.iter().all(|work| !work.is_committed());
    went_on.then_some(Departure::WentOnAlone)
}

fn has_rows(part: &Part) -> bool {
    let commit = part.commit.as_ref();
    commit.is_some_and(|commit| commit.events.iter().any(|e| matches!(e, Event::Rows(_))))
}

fn was_refused(fate: &Fate) -> bool {
    matches!(fate, Fate::Failed(_, error) if error.contains("connection refused"))
}

fn false_success(answered: &Answered) -> Vec<String> {
    let ask = &answered.ask;
    let mut lies = Vec::new();
    if answered.is_fenced && *ask.form != Form::Rollback {
        lies.push("told of success after VT15001, and no ROLLBACK was between".to_owned());
    }
    for work in &ask.ended {
        if work.is_committed() {
            let open = work.binding().filter(|part| !part.fate.is_committed());
            lies.extend(open.map(|part| {
                let fate = fate(&part.fate);
                format!("told of success; commit of {} of {}: {fate}", part.list, part.shard)
            }));
        } else if *ask.form != Form::Rollback {
            lies.push("told of success; its transaction was rolled back".to_owned());
        }
    }
    let open = answered.work.as_ref().filter(|work| !work.parts.is_empty());
    if *ask.form == Form::Commit && open.is_some() {
        lies.push("told of a commit; its transaction is still open".to_owned());
    }
    if *ask.form == Form::Begin && open.is_some() {
        lies.push("told of a new transaction; the one before is still open".to_owned());
    }
    lies
}

fn fate(fate: &Fate) -> String {
    match fate {
        // Nobody tells a client of a kill.
        Fate::Open | Fate::Killed(_) => "it was never sent".to_owned(),
        Fate::Committed(_) => "done".to_owned(),
        Fate::Failed(_, error) => format!("failed ({error})"),
        Fate::Unknown(..) => "no answer".to_owned(),
        Fate::RolledBack(_) => "rolled back instead".to_owned(),
    }
}

fn false_error(answered: &Answered, error: &SqlError) -> Option<String> {
    let ask = &answered.ask;
    let commits = matches!(*ask.form, Form::Commit | Form::Write(_));
    let all_done = |work: &Work| {
        let mut parts = work.binding();
        let has_some = !work.parts.is_empty();
        has_some && work.is_committed() && parts.all(|part| part.fate.is_committed())
    };
    if commits && !ask.ended.is_empty() && ask.ended.iter().all(all_done) {
        return Some(format!("told of an error, and all is committed: {}", error.message));
    }
    // One statement on one shard, which MySQL undid by itself.
    let alone = ask.ended.is_empty() && !ask.sql.contains("/*vt+") && ask.direct.len() == 1;
    let undone = alone && UNDONE.contains(&error.errno) && ask.form.write().is_some();
    undone.then(|| format!("told of an error, and its rows are committed: {}", error.message))
}

fn is_replace(sql: &str) -> bool {
    sql.trim_start().to_ascii_lowercase().starts_with("replace")
}

/// How much a row's change adds to the number that its client is told.
fn counted(kind: Kind, change: RowsKind) -> u64 {
    match (kind, change) {
        (Kind::Insert | Kind::LooseInsert, RowsKind::Write) => 1,
        // The row that came, and the one that it met.
        (Kind::LooseInsert, RowsKind::Update) => 2,
        (Kind::Update, RowsKind::Update) => 1,
        (Kind::Delete, RowsKind::Delete) => 1,
        _ => 0,
    }
}

/// What a single statement outside of BEGIN has committed; none where it is not known, or more.
pub fn commits_alone<'a>(answered: &'a Answered) -> Option<Vec<&'a Arc<BinlogTransaction>>> {
    let ask = &answered.ask;
    match ask.ended.as_slice() {
        [] if answered.work.as_ref().is_none_or(|work| work.parts.is_empty()) => {
            // In an open transaction nothing is committed yet.
            let is_explicit = answered.work.as_ref().is_some_and(|work| work.is_explicit);
            (!is_explicit).then(|| ask.direct.iter().collect())
        }
        [work] if work.is_committed() && !work.is_explicit && work.statements.len() == 1 => {
            Some(work.commits().chain(&ask.direct).collect())
        }
        _ => None,
    }
}

/// The rows that a single statement outside of BEGIN says that it has changed, against those that
/// its commits have.
fn false_count(answered: &Answered, write: &Write, affected: u64) -> Option<String> {
    let ask = &answered.ask;
    // A client may ask for the rows that were found. A row that REPLACE finds as it is counts, too.
    let may_differ = match write.kind {
        Kind::Insert | Kind::Delete => false,
        Kind::Update => answered.has_settings,
        Kind::LooseInsert => answered.has_settings || is_replace(&ask.sql),
    };
    if may_differ {
        return None;
    }
    let commits = commits_alone(answered)?;
    let events = commits.iter().flat_map(|commit| &commit.events);
    let rows = events.filter_map(|event| match event {
        Event::Rows(rows) if rows.table.name.eq_ignore_ascii_case(&write.table) => Some(rows),
        _ => None,
    });
    let changes = rows.flat_map(|rows| &rows.changes);
    let found: u64 = changes.map(|change| counted(write.kind, change.kind())).sum();
    (found != affected)
        .then(|| format!("told of {affected} rows of {}; {found} are committed", write.table))
}
