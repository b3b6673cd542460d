//! Assumptions that were broken for a value: what then fails is excused, for that value alone.
//!
//! The counterexamples that it exists for: a failover that loses a pre commit which was
//! acknowledged, and then the normal commit succeeds (asynchronous replication); a DELETE sent to
//! one shard's lookup table. The protocol promises nothing there, and a judge that cried would be
//! switched off; one that excused the run would be blind.
//!
//! What something broke stands as a mark at the value; a statement's words (IGNORE, ON DUPLICATE
//! KEY UPDATE, the lookup table's own name) are looked up when they matter. A mark goes when an
//! owner row has come and all agrees again.

use std::rc::Rc;

use crate::checker::attempt::LOOSE;
use crate::checker::entry::{Entry, Mark, Note, Origin, TableKind};
use crate::checker::verdict::Assumption;
use crate::checker::watched::Watched;
use crate::history::List;

/// The assumption that this value's history breaks, and what broke it.
pub fn excuse(entry: &Entry, watched: &Watched) -> Option<Mark> {
    if let Some(mark) = &entry.mark {
        return Some(mark.clone());
    }
    entry
        .notes
        .iter()
        .rev()
        .filter(|note| matters(entry, note))
        .find_map(|note| of_note(note, watched))
}

/// The mark that a change by itself leaves.
pub fn mark_of(origin: &Origin) -> Option<Mark> {
    let mark = |assumption, because: Rc<str>| Some(Mark { assumption, because });
    match origin {
        Origin::Direct(tag) => {
            mark(Assumption::AwareWrites, format!("{tag} wrote beside the vindex").into())
        }
        Origin::Session { attempt, .. } if attempt.borrow().targeted => {
            let session = &attempt.borrow().session;
            mark(Assumption::AwareWrites, format!("{session} wrote to one shard").into())
        }
        Origin::WholeTable => mark(Assumption::NoWholeTables, "a table was emptied".into()),
        _ => None,
    }
}

/// Whether a change still has to do with what there is.
fn matters(entry: &Entry, note: &Note) -> bool {
    let brought = |note: &Note| {
        note.table == TableKind::Owner
            && note.change.arrived().is_some_and(|id| entry.has_owner(id))
    };
    entry.sound_since <= note.at.seq || brought(note)
}

fn of_note(note: &Note, watched: &Watched) -> Option<Mark> {
    let Origin::Session { attempt, list } = &note.origin else { return None };
    let attempt = attempt.borrow();
    let because = |what: &str| Rc::from(format!("session {} {what}", attempt.session));
    // These leave out rows whose value is taken, and one entry may stand for two rows.
    if attempt.says(&LOOSE) {
        let because = because("inserts with IGNORE or ON DUPLICATE KEY UPDATE");
        return Some(Mark { assumption: Assumption::PlainInserts, because });
    }
    // vtgate itself never writes a lookup table in the normal list.
    let direct = note.table == TableKind::Lookup && *list == List::Normal;
    if direct && attempt.says(&[&watched.lookup.table.to_ascii_lowercase()]) {
        let because = because("wrote the lookup table itself");
        return Some(Mark { assumption: Assumption::AwareWrites, because });
    }
    None
}
