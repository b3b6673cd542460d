//! Create: writes entries for new rows, all in one insert.
//!
//! Rows are sorted by their bytes first, so that two sessions that write the same values lock them
//! in the same order. A consistent lookup whose insert meets an entry that exists goes on row by
//! row ([`super::duplicate`]).
//!
//! It knows nothing of the rows that the entries are for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::LookupTable;
use super::conversation::{
    Ask, Bind, Binds, CommitOrder, Context, Conversation, Method, Reply, Step, Target, out_of_turn,
};
use super::duplicate::Duplicate;
use super::statements::{InsertOptions, bind_name, insert};
use crate::key::{Code, KeyspaceId};
use crate::mutant::{self, Mutant};
use crate::vindex::{Row, Value, VindexError};

/// The number of MySQL's error for a duplicate entry.
const ER_DUP_ENTRY: u16 = 1062;

/// A Create under way.
#[derive(Clone, Debug)]
pub struct Create {
    table: Arc<LookupTable>,
    /// Each row with what the to column will hold, in the order given.
    entries: Vec<Entry>,
    state: State,
}

/// The from values of an entry, and its to value.
type Entry = (Row, Value);

#[derive(Clone, Debug)]
enum State {
    Known(Result<(), VindexError>),
    Start(Ask),
    /// The insert of all rows is out.
    Inserting,
    /// The insert failed with `original`; this row is being settled.
    Settling {
        row: usize,
        original: VindexError,
        duplicate: Duplicate,
    },
    Over,
}

impl Create {
    pub(super) fn new(
        table: Arc<LookupTable>,
        context: Context,
        rows: &[Row],
        ksids: &[KeyspaceId],
    ) -> Create {
        let entries = table.stored_all(ksids, "Create").and_then(|stored| {
            let rows = table.converted_all(rows, "Create")?;
            Ok(rows.into_iter().zip(stored).collect())
        });
        match entries {
            Ok(entries) => Create::of_stored(table, context, entries),
            Err(error) => Create { table, entries: Vec::new(), state: State::Known(Err(error)) },
        }
    }

    pub(super) fn of_stored(
        table: Arc<LookupTable>,
        context: Context,
        entries: Vec<(Row, Value)>,
    ) -> Create {
        let state = match table.prepare_insert(&context, &entries) {
            Ok(Some(ask)) => State::Start(ask),
            Ok(None) => State::Known(Ok(())),
            Err(error) => State::Known(Err(error)),
        };
        Create { table, entries, state }
    }

    fn inserted(&mut self, reply: Reply) -> Step<()> {
        let Err(error) = reply else {
            return Step::Done(Ok(()));
        };
        let error = match mutant::is(Mutant::ErrorsLoseTheirNumber) {
            true => VindexError::unknown("lookup.Create"),
            false => error.wrap("lookup.Create"),
        };
        match self.table.profile.consistent && is_duplicate(&error) {
            true => self.settle(0, error),
            false => Step::Done(Err(error)),
        }
    }

    /// Settles the rows from `row` on, each on its own: the insert failed for all of them.
    fn settle(&mut self, row: usize, original: VindexError) -> Step<()> {
        let Some((values, to)) = self.entries.get(row) else {
            return Step::Done(Ok(()));
        };
        let earlier: BTreeSet<&Row> = self.entries[..row].iter().map(|(row, _)| row).collect();
        if earlier.contains(values) && !mutant::is(Mutant::TwinsNotSeen) {
            return Step::Done(Err(original));
        }
        let mut duplicate =
            Duplicate::new(self.table.clone(), values.clone(), to.clone(), original.clone());
        let step = duplicate.step(None);
        self.state = State::Settling { row, original, duplicate };
        step
    }
}

impl Conversation for Create {
    type Output = ();

    fn step(&mut self, reply: Option<Reply>) -> Step<()> {
        match (std::mem::replace(&mut self.state, State::Over), reply) {
            (State::Known(known), None) => Step::Done(known),
            (State::Start(ask), None) => {
                self.state = State::Inserting;
                Step::Ask(ask)
            }
            (State::Inserting, Some(reply)) => self.inserted(reply),
            (State::Settling { row, original, mut duplicate }, Some(reply)) => {
                match duplicate.step(Some(reply)) {
                    Step::Done(Ok(())) if mutant::is(Mutant::FirstRowSettled) => Step::Done(Ok(())),
                    Step::Done(Ok(())) => self.settle(row + 1, original),
                    Step::Done(Err(error)) => Step::Done(Err(error)),
                    ask => {
                        self.state = State::Settling { row, original, duplicate };
                        ask
                    }
                }
            }
            _ => out_of_turn(),
        }
    }
}

/// Whether the error means that an entry exists, and the transaction is still there to look.
fn is_duplicate(error: &VindexError) -> bool {
    const ROLLED_BACK: &str = "transaction rolled back to reverse changes of partial DML execution";
    let is_there =
        !error.message.contains(ROLLED_BACK) || mutant::is(Mutant::RolledBackIsDuplicate);
    let is_duplicate = error.mysql_errno() == Some(ER_DUP_ENTRY);
    is_there && (is_duplicate || mutant::is(Mutant::AnyErrorIsDuplicate))
}

impl LookupTable {
    /// The list that inserts run in: a consistent lookup's entry comes before its row.
    fn create_order(&self) -> CommitOrder {
        match self.profile.consistent {
            true if mutant::is(Mutant::CreateInNormal) => CommitOrder::Normal,
            true if mutant::is(Mutant::CreateInPost) => CommitOrder::Post,
            _ => self.commit_order(),
        }
    }

    /// The insert of all entries, or none where none is left to insert.
    fn prepare_insert(
        &self,
        context: &Context,
        entries: &[Entry],
    ) -> Result<Option<Ask>, VindexError> {
        let mut sorted = self.without_nulls(entries)?;
        let Some((first, _)) = sorted.first() else {
            return Ok(None);
        };
        self.check_column_count(first)?;
        context.require_vcursor()?;
        sorted.sort_by(|(a, a_to), (b, b_to)| {
            let bytes = |row: &Row| row.iter().map(|value| value.bytes.clone()).collect::<Vec<_>>();
            bytes(a).cmp(&bytes(b)).then_with(|| a_to.bytes.cmp(&b_to.bytes))
        });
        let options = InsertOptions {
            multi_shard_autocommit: self.multi_shard_autocommit,
            ignore: context.ignore && !mutant::is(Mutant::IgnoreForgotten),
            upsert: self.autocommit && self.profile.upserts(),
        };
        let mut binds = Binds::new();
        for (i, (row, to)) in sorted.iter().enumerate() {
            for (column, value) in self.from.iter().zip(row) {
                binds.insert(bind_name(column, i), Bind::Value(value.clone()));
            }
            binds.insert(bind_name(&self.to, i), Bind::Value(to.clone()));
        }
        Ok(Some(Ask {
            target: Target::Executor { order: self.create_order(), method: Method::VindexCreate },
            sql: insert(&self.table, &self.from, &self.to, sorted.len(), options),
            binds,
            rollback_on_error: true,
        }))
    }

    /// Leaves out entries with a NULL, or refuses them.
    fn without_nulls<'a>(&self, entries: &'a [Entry]) -> Result<Vec<&'a Entry>, VindexError> {
        let mut kept = Vec::with_capacity(entries.len());
        for (i, entry) in entries.iter().enumerate() {
            let asked = if mutant::is(Mutant::SecondNullTaken) { 1 } else { entry.0.len() };
            match entry.0.iter().take(asked).position(Value::is_null) {
                None => kept.push(entry),
                Some(_) if self.ignore_nulls && !mutant::is(Mutant::NullsNotIgnored) => {}
                Some(column) => return Err(self.null_error(i, column)),
            }
        }
        Ok(kept)
    }

    fn null_error(&self, row: usize, column: usize) -> VindexError {
        let columns = self.from.join(",");
        VindexError {
            code: Code::InvalidArgument,
            errno: Some(1048),
            sqlstate: Some("23000".to_string()),
            message: format!(
                "VT03028: Column '{columns}' cannot be null on row {row}, col {column}"
            ),
        }
    }
}
