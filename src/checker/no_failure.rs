//! Why a lookup row has no owner row although every commit of its transaction succeeded.
//!
//! ```text
//!   a: begin; update corder set sku = 'x' where ..     'x' dangles: the duplicate undoes the post
//!                                                      list's delete of the old entry, is settled,
//!                                                      and the UPDATE goes on
//!   a: commit                                          the old entry has no owner row from now on
//! ```
//!
//! The residue table of the guarantee knows failures only; these are what vtgate leaves beside it.
//! Each asks for the statement that does it, so that a bug does not hide behind another statement.
//!
//! It knows nothing of commits that fail.

use std::rc::Rc;

use crate::checker::attempt::Attempt;
use crate::checker::entry::{Change, Entry, Note, TableKind};
use crate::checker::statement::{Form, Kind};
use crate::checker::verdict::{At, Cause};
use crate::checker::watched::Watched;
use crate::checker::written;
use crate::history::List;

/// The cause, and in words what happened. `lookup_shard` is where the row stands.
pub fn cause(
    attempt: &Attempt,
    note: &Note,
    (entry, watched): (&Entry, &Watched),
    lookup_shard: &str,
) -> Option<(Cause, String)> {
    let session = &attempt.session;
    if !attempt.failed_reverts.is_empty() {
        let why =
            format!("a ROLLBACK TO of session {session} failed on some shards, and it committed");
        return Some((Cause::HalfRolledBack, why));
    }
    let of = |times: &[At]| {
        let mut statements = attempt.statements_at(times);
        statements.find(|sql| may_leave(sql, note, entry, watched)).map(|sql| verb(sql))
    };
    if let Some(verb) = of(&attempt.reverts) {
        let what = match note.table {
            TableKind::Owner => "it went on without deleting the old entry again",
            TableKind::Lookup => "nothing undoes what it wrote from there on",
        };
        let why = format!("a duplicate undid what session {session}'s {verb} had done, and {what}");
        return Some((Cause::NestedRevert, why));
    }
    if (note.table, note.change.left().is_some()) == (TableKind::Owner, true)
        && attempt.statements.iter().any(|(_, sql)| moves_instead(sql, watched))
    {
        let why = format!(
            "an INSERT .. ON DUPLICATE KEY UPDATE of session {session} moved a row to its own value"
        );
        return Some((Cause::UpdatedInstead, why));
    }
    let wrote_entry = note.table == TableKind::Lookup && note.origin.list() == Some(List::Pre);
    if !wrote_entry {
        return None;
    }
    let is_here = |(list, shard): &(List, Rc<str>)| *list == List::Pre && **shard == *lookup_shard;
    if attempt.unanswered.iter().any(is_here) {
        let why = format!("session {session} committed what its shard had done and not answered");
        return Some((Cause::UnansweredStatement, why));
    }
    let loose = |words: &'static str| {
        let mut says = attempt.statements.iter().filter(|(_, sql)| is_loose(sql, words));
        says.any(|(_, sql)| written::may_have(sql, entry, watched))
    };
    if loose("ignore") {
        let why =
            format!("an INSERT IGNORE of session {session} wrote the entry and left its row out");
        return Some((Cause::IgnoredRow, why));
    }
    loose("on duplicate key update").then(|| {
        let why = format!(
            "an INSERT .. ON DUPLICATE KEY UPDATE of session {session} wrote the entry and updated \
             another row"
        );
        (Cause::UpdatedInstead, why)
    })
}

/// Whether a part of this statement may leave the residue: of an UPDATE an old entry or a new one,
/// of an INSERT the entries of its rows.
fn may_leave(sql: &Rc<str>, note: &Note, entry: &Entry, watched: &Watched) -> bool {
    let is_insert = matches!(
        Form::of(sql).write().map(|write| write.kind),
        Some(Kind::Insert | Kind::LooseInsert)
    );
    match (note.table, &note.change) {
        (TableKind::Owner, Change::MovedFrom(_) | Change::Went(_)) => !is_insert,
        (TableKind::Owner, _) => false,
        (TableKind::Lookup, _) => written::may_have(sql, entry, watched),
    }
}

/// Whether an INSERT gives a row that is there its own value: nobody deletes that one's old entry.
pub(super) fn moves_instead(sql: &str, watched: &Watched) -> bool {
    let words = sql.to_ascii_lowercase();
    let set = words.split_once("on duplicate key update").map(|(_, set)| set);
    let names = |set: &str| {
        let mut names = set.split(|char: char| !(char.is_alphanumeric() || char == '_'));
        names.any(|name| watched.owner.columns.iter().any(|own| own.eq_ignore_ascii_case(name)))
    };
    is_loose(sql, "on duplicate key update") && set.is_some_and(names)
}

/// `UPDATE`
fn verb(sql: &str) -> String {
    sql.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}

fn is_loose(sql: &str, words: &str) -> bool {
    let is_loose = Form::of(sql).write().is_none_or(|write| write.kind == Kind::LooseInsert);
    is_loose && sql.to_ascii_lowercase().contains(words)
}

#[cfg(test)]
mod tests {
    use crate::checker::histories::{History, ORDER_5, Shape};

    /// What a transaction leaves, after order 5 of customer 1 with its entry.
    fn check(lines: &[&str], expected: &str) {
        let lines = [&ORDER_5, lines].concat();
        assert_eq!(History::run(Shape::Unique, false, &lines).found(), expected, "{lines:?}");
    }

    /// An UPDATE to 'x', whose entry dangles; what is undone on the way is the old entry's delete.
    fn update(reverts: &[&str]) -> Vec<String> {
        let before = [
            "b pre product/0 commits +lookup x 4",
            "b normal customer/80- fails",
            "b ends rollback",
            "a sends begin",
            "a sends update corder set sku = 'x' where order_id = 5",
            "a normal customer/-80 begins",
            "a post product/0 begins",
            "a pre product/0 begins",
        ];
        let after = [
            "a sends commit",
            "a pre product/0 commits ~lookup x 4 > lookup x 1",
            "a normal customer/-80 commits ~order 5 1 Product_5 > order 5 1 x",
            "a post product/0 commits",
            "a ends commit",
        ];
        [&before, reverts, &after].concat().into_iter().map(ToOwned::to_owned).collect()
    }

    fn check_update(reverts: &[&str], expected: &str) {
        let lines = update(reverts);
        check(&lines.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_update_that_went_on_after_a_revert_leaves_its_old_entry() {
        check_update(&["a reverts"], "nested-revert");
        check_update(&[], "update-without-delete");
        // Undone was an INSERT, as a whole: that leaves no old entry.
        let other = ["a sends insert into corder (order_id, sku) values (8, 'y')", "a reverts"];
        check_update(&other, "update-without-delete");
        check_update(&["a half reverts"], "half-rolled-back");
    }

    #[test]
    fn an_insert_that_fails_after_a_revert_leaves_its_new_entries() {
        let insert = |value: &str| {
            format!(
                "a sends insert into corder (order_id, customer_id, sku) values (8, 4, '{value}')"
            )
        };
        let left = |insert: &str| {
            let rest =
                ["a pre product/0 begins", "a reverts", "a pre product/0 commits +lookup y 4"];
            [&["a sends begin", insert], &rest[..], &["a ends commit"]]
                .concat()
                .into_iter()
                .map(ToOwned::to_owned)
                .collect::<Vec<String>>()
        };
        for (value, expected) in [("y", "nested-revert"), ("z", "unknown")] {
            let lines = left(&insert(value));
            check(&lines.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_statement_without_an_answer_leaves_what_it_did() {
        let left = |lost: &[&str], expected: &str| {
            let begun = ["a sends begin", "a pre product/0 begins"];
            let kept = ["a pre product/0 commits +lookup y 4", "a ends commit"];
            check(&[&begun, lost, &kept].concat(), expected);
        };
        left(&["a loses pre product/0"], "unanswered-statement");
        left(&["a normal customer/-80 begins", "a loses normal customer/-80"], "unknown");
        left(&[], "unknown");
    }

    #[test]
    fn a_rollback_to_that_failed_leaves_what_it_did_not_reach() {
        let kept = ["a pre product/0 commits +lookup y 4", "a ends commit"];
        check(
            &[&["a sends begin", "a pre product/0 begins", "a half reverts"], &kept[..]].concat(),
            "half-rolled-back",
        );
        check(&[&["a sends begin", "a pre product/0 begins"], &kept[..]].concat(), "unknown");
    }

    #[test]
    fn a_row_that_ignore_leaves_out_leaves_its_entry() {
        let (ignore, upsert) = (
            "a sends insert ignore into corder (order_id, customer_id, sku) values (8, 4, 'y')",
            "a sends insert into corder (order_id, customer_id, sku) values (5, 1, 'y') \
             on duplicate key update price = 1",
        );
        let rest = ["a pre product/0 commits +lookup y 4", "a ends commit"];
        check(&[&[ignore], &rest[..]].concat(), "ignored-row");
        check(&[&[upsert], &rest[..]].concat(), "updated-instead");
        // However long ago in its transaction, but of its own value alone.
        let others = ["a sends select 1 from corder"; 30];
        check(&[&["a sends begin", ignore], &others[..], &rest].concat(), "ignored-row");
        let other =
            "a sends insert ignore into corder (order_id, customer_id, sku) values (8, 4, 'z')";
        check(&[&[other], &rest[..]].concat(), "unknown");
    }
}
