//! What a consistent lookup does when an entry exists already: is it in use, or left behind?
//!
//! ```text
//!   lock the entry (pre) ──0 rows──> insert it (pre)         it went away, or was another
//!        │ 1 row, for keyspace id X
//!   lock the owner's row, on the shard of X (normal, shared)
//!        ├─ there ──────────────────> the original error     a genuine duplicate
//!        ├─ gone, X is the new id ──> nothing to do
//!        └─ gone, X is another ─────> point it to the new id (pre)
//! ```
//!
//! The shared lock waits for a transaction that is inserting the owner's row and has committed its
//! entry but not yet the row; without it that row would lose its entry. See
//! `go/vt/vtgate/vindexes/consistent_lookup.go`, `handleDup`. Errors go out as they are.
//!
//! It knows nothing of the other rows of the insert that failed.

use std::sync::Arc;

use super::LookupTable;
use super::conversation::{
    Ask, Binds, CommitOrder, Conversation, Method, Reply, Rows, Step, Target, out_of_turn,
};
use crate::key::KeyspaceId;
use crate::mutant::{self, Mutant};
use crate::vindex::contract::first_column;
use crate::vindex::value::row_string;
use crate::vindex::{Row, Value, VindexError};

/// One row of a failed insert being settled.
#[derive(Clone, Debug)]
pub(super) struct Duplicate {
    table: Arc<LookupTable>,
    /// All four statements have the same.
    binds: Binds,
    new: Value,
    original: VindexError,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Start,
    LockingLookup,
    LockingOwner { existing: KeyspaceId },
    Writing,
    Over,
}

impl Duplicate {
    pub fn new(table: Arc<LookupTable>, row: Row, new: Value, original: VindexError) -> Duplicate {
        let binds = table.row_binds(&row, &new);
        Duplicate { table, binds, new, original, state: State::Start }
    }

    /// A statement on the lookup table, in the list that new entries commit with.
    fn ask_lookup(&self, sql: &str, rollback_on_error: bool) -> Step<()> {
        let order = match mutant::is(Mutant::SettledInNormal) {
            true => CommitOrder::Normal,
            false => self.table.commit_order(),
        };
        let target = Target::Executor { order, method: Method::VindexCreate };
        Step::Ask(Ask {
            target,
            sql: sql.to_string(),
            binds: self.binds.clone(),
            rollback_on_error,
        })
    }

    /// The lock on the owner's row, where the existing entry says it is.
    fn ask_owner_lock(&self, existing: &KeyspaceId) -> Step<()> {
        let keyspace = self.table.owner.as_ref().map_or("", |owner| &owner.keyspace).to_string();
        let mut sql = self.table.statements.duplicate.lock_owner.clone();
        if mutant::is(Mutant::NoOwnerLock) {
            sql = sql.replace(" lock in share mode", "");
        }
        let target = match mutant::is(Mutant::OwnerCheckInPre) {
            true => Target::Executor { order: CommitOrder::Pre, method: Method::VindexLookup },
            false => Target::KeyspaceId { keyspace, ksid: existing.clone() },
        };
        Step::Ask(Ask { target, sql, binds: self.binds.clone(), rollback_on_error: false })
    }

    fn write(&mut self, sql: &str) -> Step<()> {
        self.state = State::Writing;
        self.ask_lookup(sql, true)
    }

    fn lookup_locked(&mut self, rows: Rows) -> Step<()> {
        let table = self.table.clone();
        match &rows[..] {
            [] if mutant::is(Mutant::AbsentEntryForgotten) => Step::Done(Ok(())),
            [] => self.write(&table.statements.duplicate.insert),
            [row] => match first_column(row).to_bytes() {
                Ok(bytes) => {
                    let existing = KeyspaceId::new(&bytes);
                    if mutant::is(Mutant::SameKeyspaceIdIsOwn) && bytes == self.new.bytes {
                        return Step::Done(Ok(()));
                    }
                    let ask = self.ask_owner_lock(&existing);
                    self.state = State::LockingOwner { existing };
                    ask
                }
                Err(error) => Step::Done(Err(error)),
            },
            _ => {
                let rows: Vec<String> = rows.iter().map(|row| row_string(row)).collect();
                Step::Done(Err(VindexError::unknown(format!(
                    "unexpected rows: [{}] from consistent lookup vindex",
                    rows.join(" ")
                ))))
            }
        }
    }

    fn owner_locked(&mut self, existing: &KeyspaceId, rows: &Rows) -> Step<()> {
        let table = self.table.clone();
        if !rows.is_empty() && !mutant::is(Mutant::LiveOwnerOverwritten) {
            return Step::Done(Err(self.original.clone()));
        }
        match existing.as_bytes() == self.new.bytes {
            true => Step::Done(Ok(())),
            false if mutant::is(Mutant::TakeoverForgotten) => Step::Done(Ok(())),
            false => self.write(&table.statements.duplicate.update),
        }
    }
}

impl Conversation for Duplicate {
    type Output = ();

    fn step(&mut self, reply: Option<Reply>) -> Step<()> {
        let rows = match reply.transpose() {
            Ok(rows) => rows,
            Err(error) => {
                self.state = State::Over;
                return Step::Done(Err(error));
            }
        };
        match (std::mem::replace(&mut self.state, State::Over), rows) {
            (State::Start, None) => {
                self.state = State::LockingLookup;
                let mut sql = self.table.statements.duplicate.lock_lookup.clone();
                if mutant::is(Mutant::NoLookupLock) {
                    sql = sql.replace(" for update", "");
                }
                self.ask_lookup(&sql, false)
            }
            (State::LockingLookup, Some(rows)) => self.lookup_locked(rows),
            (State::LockingOwner { existing }, Some(rows)) => self.owner_locked(&existing, &rows),
            (State::Writing, Some(_)) => Step::Done(Ok(())),
            _ => out_of_turn(),
        }
    }
}
