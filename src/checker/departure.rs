//! Where Vitess itself breaks a promise: a closed list, each with the signature by which its
//! violations are known.
//!
//! A departure is no excuse: what it breaks is a violation, told as one. But a search that knows it
//! goes on, and what it finds beside it is new. A signature asks for everything that makes the
//! departure, so that another bug does not hide behind it.

use std::fmt;
use std::rc::Rc;

use crate::checker::attempt::{Attempt, SharedAttempt};
use crate::checker::entry::{Entry, Note, Origin, TableKind};
use crate::checker::part::{Fate, Part};
use crate::checker::verdict::Invariant;
use crate::checker::watched::Watched;
use crate::checker::written;
use crate::history::List;

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Departure {
    /// In a transaction an INSERT writes the entry of one owned lookup, and meets a dangling entry
    /// of a later one: the nested statement's failure rolls back to the INSERT's savepoint, the
    /// dangling entry is taken over, and the INSERT goes on without the first entry. An UPDATE onto
    /// a dangling entry keeps the old one's delete from happening likewise, so that the transaction
    /// may give that entry to another row, and commits it before the row has left the value. What
    /// is written after such a revert has nothing that undoes it either.
    NestedRevert,
    /// In a transaction an UPDATE gives several rows one value of a unique lookup: each takes the
    /// entry over from the one before, and none fails.
    OneValueTwice,
    /// A ROLLBACK TO is undone in one list and not in another, since a shard did not answer. Its
    /// client is told of an error, and still may commit what is left: new rows without their
    /// entries, or the delete of an entry whose row is back.
    HalfRolledBack,
    /// The tablet's transaction killer, or a KILL, ends the post part of a transaction that deleted
    /// or moved a row, and with it the lock on the row's entry. The same transaction finds the row
    /// gone, takes the entry over for another and commits that in the pre part, before the row has
    /// left for anybody else.
    PostKilled,
    /// One INSERT has two values that MySQL takes for one and that differ in their bytes, 'p1' and
    /// 'P1'. Of a duplicate, vtgate asks whether a row before it has the same value, and compares
    /// bytes: the second row takes the entry over from the first, and both are inserted.
    TwinsByBytes,
    /// In a transaction a DELETE or UPDATE deletes a row's entry first, in the post part, and the
    /// answer is lost. Nothing that is known to be done is there to be undone, so the client is
    /// told of a plain error, and its transaction stays open with the entry deleted. If it commits,
    /// the row is there without its entry.
    AnswerLost,
    /// While a lookup is filled, its streams insert with IGNORE, and what is there stays: of a
    /// value that had rows of several keyspace ids meanwhile, at once or one after the other, the
    /// entry may be that of a row which is gone, or of one of two. vtgate sees that only where it
    /// writes the entry itself.
    FirstEntryStays,
    /// An INSERT writes entries on several shards; one says that there is a duplicate, another ends
    /// the transaction or has no place for it, and vtgate rolls everything back. Their errors are
    /// one text, in which the duplicate's stands first: so the INSERT settles that and goes on,
    /// each statement committed alone, and its client is told of success. What he had done before
    /// is gone.
    WentOnAlone,
}

impl Departure {
    pub const ALL: [Departure; 8] = [
        Departure::NestedRevert,
        Departure::OneValueTwice,
        Departure::HalfRolledBack,
        Departure::PostKilled,
        Departure::TwinsByBytes,
        Departure::AnswerLost,
        Departure::FirstEntryStays,
        Departure::WentOnAlone,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Departure::NestedRevert => "nested_revert",
            Departure::OneValueTwice => "one_value_twice",
            Departure::HalfRolledBack => "half_rolled_back",
            Departure::PostKilled => "post_killed",
            Departure::TwinsByBytes => "twins_by_bytes",
            Departure::AnswerLost => "answer_lost",
            Departure::FirstEntryStays => "first_entry_stays",
            Departure::WentOnAlone => "went_on_alone",
        }
    }

    /// In a line.
    pub fn says(self) -> &'static str {
        match self {
            Departure::NestedRevert => {
                "what a duplicate undoes inside of a transaction is not done again, and the statement goes on"
            }
            Departure::OneValueTwice => {
                "an UPDATE of several rows to one unique value succeeds inside of a transaction"
            }
            Departure::HalfRolledBack => {
                "a COMMIT succeeds after a ROLLBACK TO that failed on some shards"
            }
            Departure::PostKilled => {
                "a transaction whose post part was killed takes an entry over before its row has left"
            }
            Departure::TwinsByBytes => {
                "two values of one INSERT that differ in their bytes alone are not seen to be one"
            }
            Departure::AnswerLost => {
                "a COMMIT keeps what a statement without an answer has done to an entry"
            }
            Departure::FirstEntryStays => {
                "a backfill keeps the first entry of a value, whoever else comes to have it"
            }
            Departure::WentOnAlone => {
                "an INSERT that meets a duplicate goes on after its transaction was rolled back"
            }
        }
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The departure that a value's broken promise is, by what happened to it.
pub fn departure(entry: &Entry, watched: &Watched, invariant: Invariant) -> Option<Departure> {
    match invariant {
        // Until all agrees again: a row that has no entry is in nobody's way, and one that shares
        // an entry loses it with the other.
        Invariant::NoMissing | Invariant::Unique | Invariant::Filled if entry.contested => {
            return Some(Departure::FirstEntryStays);
        }
        Invariant::NoMissing | Invariant::Unique | Invariant::Filled => {}
        _ => return None,
    }
    let notes = || entry.notes.iter().map(|note| &**note);
    // The rows that disagree came by what their notes say; what left long ago explains nothing.
    let came: Vec<&Note> = notes()
        .filter(|note| {
            note.table == TableKind::Owner
                && note.change.arrived().is_some_and(|id| entry.has_owner(id))
        })
        .collect();
    let of = |note: &Note, is: &dyn Fn(&Attempt) -> bool| {
        note.origin.attempt().is_some_and(|attempt| is(&attempt.borrow()))
    };
    if came.iter().any(|note| of(note, &|attempt| !attempt.failed_reverts.is_empty())) {
        return Some(Departure::HalfRolledBack);
    }
    if came.iter().any(|note| of(note, &|attempt| has_twins(attempt, entry, watched))) {
        return Some(Departure::TwinsByBytes);
    }
    // Before the next: each of its takings over a row's entry also reverts something.
    let is_update = |attempt: &Attempt| attempt.is_explicit() && attempt.says(&["update"]);
    let updates: Vec<&SharedAttempt> =
        came.iter().filter_map(|note| note.origin.attempt()).collect();
    let twice = updates.iter().enumerate().any(|(at, one)| {
        is_update(&one.borrow()) && updates[at + 1..].iter().any(|other| Rc::ptr_eq(one, other))
    });
    if twice && watched.unique {
        return Some(Departure::OneValueTwice);
    }
    // Or the entry was taken over by a transaction that thought the row was gone.
    let taken: Vec<&Note> = notes()
        .filter(|note| note.table == TableKind::Lookup && entry.sound_since <= note.at.seq)
        .collect();
    // The row is back, and the delete of its entry is not undone.
    let half_back = |note: &&Note| {
        note.change.left().is_some()
            && note.origin.list() == Some(List::Post)
            && of(note, &|attempt| !attempt.failed_reverts.is_empty())
    };
    if taken.iter().any(half_back) {
        return Some(Departure::HalfRolledBack);
    }
    // Only a transaction that BEGIN opened has a savepoint to go back to.
    if came.iter().chain(&taken).any(|note| of(note, &Attempt::reverted)) {
        return Some(Departure::NestedRevert);
    }
    let lost_its_lock = |attempt: &Attempt| {
        let killed = |part: &Part| matches!(part.fate, Fate::Killed(_));
        attempt.is_explicit()
            && attempt.says(&["update", "delete"])
            && attempt.parts.of(List::Post).any(killed)
    };
    if taken.iter().any(|note| of(note, &lost_its_lock)) {
        return Some(Departure::PostKilled);
    }
    let unanswered = |note: &&&Note| {
        note.change.left().is_some() && of(note, &|attempt| is_unanswered(attempt, &note.origin))
    };
    taken.iter().find(unanswered).map(|_| Departure::AnswerLost)
}

/// Whether a statement of this list had no answer, and its transaction went on.
fn is_unanswered(attempt: &Attempt, origin: &Origin) -> bool {
    let Origin::Session { list: List::Post, .. } = origin else { return false };
    attempt.is_explicit() && attempt.unanswered.iter().any(|(list, _)| *list == List::Post)
}

/// Whether an INSERT of a transaction has this value twice, written in two ways.
fn has_twins(attempt: &Attempt, entry: &Entry, watched: &Watched) -> bool {
    attempt.statements.iter().any(|(_, sql)| {
        let written = written::rows(sql, entry, watched).unwrap_or_default();
        written.windows(2).any(|pair| pair[0] != pair[1])
    })
}
