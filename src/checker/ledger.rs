//! The ledger: every lookup row without an owner row, and the event that left it.
//!
//! The protocol allows such rows, any number, for ever; but each has a cause in the run's history.
//! A commit that failed or whose answer was lost, a session that died between two commits, a
//! backfill that brought a row which was gone by then, somebody who wrote beside the vindex; or a
//! statement that leaves one without any failure ([`no_failure`]). The counterexample that it
//! exists for: a normal list that is never committed although pre and post are. Nothing is missing
//! then and nothing has failed; only a row without a cause tells.
//!
//! A row is in flight, and not residue, while the transaction that left it is between its commits.
//! The cause is looked up when asked, since vtgate hears of a commit's end after the server.

use std::fmt;
use std::rc::Rc;

use crate::checker::attempt::Attempt;
use crate::checker::entry::{
    Change, Entry, LookupRow, Note, Origin, ShardId, Stray, TableKind, Version,
};
use crate::checker::no_failure;
use crate::checker::part::{Fate, Part};
use crate::checker::verdict::{At, Cause};
use crate::checker::vindex_values::Commit;
use crate::checker::watched::Watched;
use crate::history::List;
use crate::key::KeyspaceId;

/// A lookup row without an owner row.
#[derive(Debug)]
pub struct Residue {
    pub shard: ShardId,
    pub keyspace_id: KeyspaceId,
    /// The change after which it had no owner row; none where the run began so.
    pub left_by: Option<Rc<Note>>,
}

/// What a residue is, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    InFlight { session: Rc<str> },
    Left { cause: Cause, why: Rc<str> },
}

/// Brings a value's residues up to date after a change of its rows.
pub fn settle(entry: &mut Entry) {
    let owners = entry.owner_ids();
    let lonely = |row: &&LookupRow| !owners.contains(&row.keyspace_id);
    let rows: Vec<LookupRow> = entry.lookups.iter().filter(lonely).cloned().collect();
    if rows.is_empty() {
        return entry.residues.clear();
    }
    let mut before = std::mem::take(&mut entry.residues);
    for row in &rows {
        let known = |residue: &Residue| {
            residue.shard == row.shard && residue.keyspace_id == row.keyspace_id
        };
        let left_by = last_change(entry, row.shard, &row.keyspace_id);
        let residue = match before.iter().position(known) {
            Some(place) => {
                let known = before.remove(place);
                // A failover may have taken the notes of what it was left by.
                Residue { left_by: left_by.or(known.left_by), ..known }
            }
            None => Residue { shard: row.shard, keyspace_id: row.keyspace_id.clone(), left_by },
        };
        entry.residues.push(residue);
    }
}

/// Whether a session's commit has just made a row that dangles its own: it leads elsewhere now, or
/// what it leads to has come. To be asked before the residues are settled.
pub fn is_reused<'a>(
    entry: &Entry,
    commit: Commit,
    watched: &Watched,
    shard_name: impl Fn(ShardId) -> &'a str,
) -> bool {
    let Origin::Session { attempt, .. } = commit.origin else { return false };
    let is_own = |residue: &Residue| {
        let by = residue.left_by.as_ref().and_then(|note| note.origin.attempt());
        by.is_some_and(|by| Rc::ptr_eq(by, attempt))
    };
    let leads_elsewhere = |residue: &Residue| {
        let now = entry.notes.iter().rev().take_while(|note| note.at == commit.at);
        now.into_iter().any(|note| {
            note.shard == residue.shard
                && note.change == Change::MovedFrom(residue.keyspace_id.clone())
        })
    };
    entry.residues.iter().any(|residue| {
        (entry.has_owner(&residue.keyspace_id) || leads_elsewhere(residue))
            && !is_own(residue)
            && matches!(
                residue.standing(entry, watched, shard_name(residue.shard)),
                Standing::Left { .. }
            )
    })
}

/// The newest change that made this entry one without an owner row.
fn last_change(entry: &Entry, shard: ShardId, id: &KeyspaceId) -> Option<Rc<Note>> {
    let left = |note: &&Rc<Note>| match note.table {
        TableKind::Lookup => note.shard == shard && note.change.arrived() == Some(id),
        TableKind::Owner => note.change.left() == Some(id),
    };
    entry.notes.iter().rev().find(left).cloned()
}

impl Residue {
    /// What left it, as far as the history has come. `lookup_shard` is where it stands,
    /// `keyspace/shard`.
    pub fn standing(&self, entry: &Entry, watched: &Watched, lookup_shard: &str) -> Standing {
        let left = |cause, why: &str| Standing::Left { cause, why: why.into() };
        let Some(note) = &self.left_by else {
            return left(Cause::Inherited, "it was there when the run began");
        };
        match &note.origin {
            Origin::Session { attempt, .. } => {
                of_attempt(&attempt.borrow(), note, (entry, watched), lookup_shard)
            }
            Origin::Stray(Stray { tag, version, .. }) if is_unaware(*version, note, watched) => {
                left(Cause::UnawareVtgate, &format!("{tag} {} only", verb(note)))
            }
            Origin::Stray(Stray { tag, goes_on: true, .. }) => left(
                Cause::WentOnAlone,
                &format!("{tag} {} after its transaction was rolled back", verb(note)),
            ),
            Origin::Stray(Stray { tag, sql: Some(sql), .. })
                if no_failure::moves_instead(sql, watched) =>
            {
                left(Cause::UpdatedInstead, &format!("{tag} moved a row that was there"))
            }
            Origin::Stray(Stray { tag, .. }) => {
                left(Cause::Unknown, &format!("no transaction of {tag} is known"))
            }
            Origin::Direct(tag) => {
                left(Cause::ShardTargeted, &format!("{tag} {} beside the vindex", verb(note)))
            }
            Origin::Backfill(tag) => left(Cause::Backfill, &format!("{tag} {}", verb(note))),
            Origin::Failover => left(Cause::LostByFailover, "the owner row was lost by a failover"),
            Origin::WholeTable => left(Cause::WholeTable, "the owner table was emptied"),
        }
    }
}

fn verb(note: &Note) -> &'static str {
    match (note.table, &note.change) {
        (TableKind::Lookup, _) => "wrote the lookup row",
        (TableKind::Owner, Change::MovedFrom(_)) => "updated the owner row",
        (TableKind::Owner, _) => "deleted the owner row",
    }
}

/// The first stage that didn't succeed explains what is left; where all did, what a statement does.
fn of_attempt(
    attempt: &Attempt,
    note: &Note,
    (entry, watched): (&Entry, &Watched),
    lookup_shard: &str,
) -> Standing {
    let session = &attempt.session;
    let left = |cause, why: String| Standing::Left { cause, why: why.into() };
    if attempt.targeted {
        return left(Cause::ShardTargeted, format!("session {session} wrote to one shard"));
    }
    let failure = |list: List, failed: Cause| {
        attempt.parts.of(list).find_map(|part| part_failure(part, session, failed))
    };
    let post = || {
        let here = attempt.parts.of(List::Post).filter(|part| &*part.shard == lookup_shard);
        here.filter_map(|part| part_failure(part, session, Cause::FailedPostCommit)).next()
    };
    let failed = failure(List::Pre, Cause::FailedPreCommit)
        .or_else(|| failure(List::Normal, Cause::FailedNormalCommit))
        .or_else(post);
    if let Some((cause, why)) = failed {
        return left(cause, why);
    }
    match (attempt.ended, attempt.lost) {
        (None, None) => return Standing::InFlight { session: Rc::clone(session) },
        (None, Some(at)) => {
            return left(Cause::LostSession, format!("session {session} was lost at {at}"));
        }
        (Some(_), _) => {}
    }
    if let Some((cause, why)) = no_failure::cause(attempt, note, (entry, watched), lookup_shard) {
        return left(cause, why);
    }
    match (note.table, &note.change) {
        _ if is_unaware(attempt.version, note, watched) => {
            left(Cause::UnawareVtgate, format!("session {session} {} only", verb(note)))
        }
        (TableKind::Owner, Change::MovedFrom(_)) => left(
            Cause::UpdateWithoutDelete,
            format!("session {session} updated the owner row only"),
        ),
        _ => {
            let what = attempt.ended.map_or("", |(_, what)| what);
            left(
                Cause::Unknown,
                format!("session {session} {}, and its {what} succeeded", verb(note)),
            )
        }
    }
}

/// Whether an owner row was changed by a plan that is older than the vindex.
fn is_unaware(version: Version, note: &Note, watched: &Watched) -> bool {
    note.table == TableKind::Owner && version.is_some_and(|version| version < watched.since)
}

fn part_failure(part: &Part, session: &str, failed: Cause) -> Option<(Cause, String)> {
    let list = part.list;
    match &part.fate {
        Fate::Failed(_, error) => {
            Some((failed, format!("{list} commit of session {session} failed ({error})")))
        }
        // The entry is there and no server has committed: that it did not happen is known by now.
        Fate::Unknown(_, error) if list == List::Post && part.commit.is_none() => {
            Some((failed, format!("{list} commit of session {session} failed ({error})")))
        }
        Fate::Unknown(_, error) => Some((
            Cause::UnknownCommit,
            format!("{list} commit of session {session} had no answer ({error})"),
        )),
        Fate::Open | Fate::Committed(_) | Fate::RolledBack(_) | Fate::Killed(_) => None,
    }
}

/// Where a residue stands, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// The vindex, with its keyspace.
    pub vindex: Rc<str>,
    pub lookup_table: Rc<str>,
    pub value: String,
    /// In hexadecimal.
    pub keyspace_id: String,
    pub since: At,
    pub standing: Standing,
}

impl fmt::Display for Dangling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, why) = match &self.standing {
            Standing::InFlight { session } => {
                ("in flight", Rc::from(format!("session {session} has not ended")))
            }
            Standing::Left { why, .. } => ("dangling", Rc::clone(why)),
        };
        let Dangling { lookup_table, value, keyspace_id, .. } = self;
        write!(f, "{kind} {lookup_table} {value} -> {keyspace_id}: {why}")
    }
}
