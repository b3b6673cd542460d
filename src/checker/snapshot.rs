//! A transaction that only reads sees a row as it saw it first.
//!
//! The counterexample that it exists for. A server makes a new read view for each statement:
//!
//! ```text
//!   a: begin; select * from corder where order_id = 5      5, 'Product_5'
//!   b: update corder set sku = 'x' where order_id = 5
//!   a: select * from corder where order_id = 5             5, 'x'
//! ```
//!
//! A row is known by its primary key and by what places it, so that it is one shard's, and that
//! shard's transaction has one snapshot. Rows of two shards may be of different times; and whether
//! a row is found at all depends on its entry, too. Judged where no savepoint was gone back to:
//! InnoDB may begin anew then.
//!
//! It knows nothing of when a row was what.

use std::rc::Rc;

use sim::value::{Row, Value};

use crate::checker::clients::Answered;
use crate::checker::judge::Judge;
use crate::checker::reads;
use crate::checker::statement::Form;
use crate::checker::value::{pick, places, show};
use crate::checker::verdict::{At, Invariant};
use crate::history::Answer;

/// What a transaction has read so far.
pub(super) struct Seen {
    since: At,
    rows: Vec<SeenRow>,
}

struct SeenRow {
    table: Rc<str>,
    key: Vec<Value>,
    row: Row,
}

impl Judge {
    /// Takes note of the rows that a transaction is shown, and of those that have changed.
    pub(super) fn judge_snapshot(&mut self, answered: &Answered) {
        let Some(rows) = self.read_in_transaction(answered) else {
            self.seen.remove(&answered.session);
            return;
        };
        let Some(since) = answered.work.as_ref().map(|work| work.since) else { return };
        let new = || Seen { since, rows: Vec::new() };
        let seen = self.seen.entry(Rc::clone(&answered.session)).or_insert_with(new);
        if seen.since != since {
            *seen = new();
        }
        let mut changed = Vec::new();
        for own in rows {
            let is_it = |known: &&SeenRow| known.table == own.table && known.key == own.key;
            match seen.rows.iter().find(is_it) {
                None => seen.rows.push(own),
                Some(known) if known.row == own.row => {}
                Some(known) => {
                    let (now, then) = (show(&own.row), show(&known.row));
                    changed.push(format!("returned {now}, which it had seen as {then}"));
                }
            }
        }
        self.told_wrongly(Invariant::SoundReads, answered, changed, None);
    }

    /// The rows of a SELECT, each with its key; nothing where that is not known, or where the
    /// transaction does more than read.
    fn read_in_transaction(&self, answered: &Answered) -> Option<Vec<SeenRow>> {
        let work = answered.work.as_ref().filter(|work| work.is_explicit && !work.went_back)?;
        reads::since(answered).filter(|_| !answered.has_settings)?;
        let (Form::Select(select), Answer::Ok(outcome)) = (&*answered.ask.form, answered.answer)
        else {
            // A statement that reads nothing changes nothing.
            return work.statements.last().map(|_| Vec::new());
        };
        let (keyspace, table) = self.versions.table(select.keyspace.as_deref(), &select.table)?;
        let schema = table.schema.as_deref()?;
        if select.columns.is_some() || schema.columns.iter().any(|column| column.invisible) {
            return Some(Vec::new());
        }
        let mut owners = self.vindexes.iter().map(|vindex| &vindex.watched.owner);
        let is_it = |name: &str| name.eq_ignore_ascii_case(&schema.name);
        let owner = owners.find(|owner| owner.keyspace == *keyspace && is_it(&owner.table))?;
        let mut columns: Vec<usize> = schema.columns_of(0).collect();
        if columns.is_empty() || !schema.has_primary_key() {
            return Some(Vec::new());
        }
        columns.extend(places(schema, &owner.placed_by.as_ref()?.columns)?);
        let seen = |row: &Row| {
            let (table, key) = (Rc::clone(&owner.table), pick(row, &columns)?);
            Some(SeenRow { table, key, row: Row::clone(row) })
        };
        outcome.rows.iter().map(seen).collect()
    }
}
