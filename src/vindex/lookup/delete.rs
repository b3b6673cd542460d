//! Delete: removes entries, one statement a row.
//!
//! A NULL is compared as it is, and so matches nothing. With autocommit nothing is removed: the
//! entry would be gone even if the row's deletion were undone. It knows nothing of which rows are
//! deleted.

use std::sync::Arc;

use super::LookupTable;
use super::conversation::{
    Ask, CommitOrder, Context, Conversation, Method, Reply, Step, Target, out_of_turn,
};
use crate::key::KeyspaceId;
use crate::mutant::{self, Mutant};
use crate::vindex::{Row, Value, VindexError};

/// A Delete under way.
#[derive(Clone, Debug)]
pub struct Delete {
    table: Arc<LookupTable>,
    rows: Vec<Row>,
    to: Value,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Known(Result<(), VindexError>),
    Start,
    /// The delete of this row is out.
    Deleting(usize),
    Over,
}

impl Delete {
    pub(super) fn new(
        table: Arc<LookupTable>,
        context: Context,
        rows: &[Row],
        ksid: &KeyspaceId,
    ) -> Delete {
        let prepared = table
            .stored(ksid)
            .map_err(|error| error.wrap("lookup.Delete.vunhash"))
            .and_then(|to| Ok((table.converted_all(rows, "Delete")?, to)));
        match prepared {
            Ok((rows, to)) => Delete::of_stored(table, context, rows, to),
            Err(error) => {
                let state = State::Known(Err(error));
                Delete { table, rows: Vec::new(), to: Value::NULL, state }
            }
        }
    }

    pub(super) fn of_stored(
        table: Arc<LookupTable>,
        context: Context,
        rows: Vec<Row>,
        to: Value,
    ) -> Delete {
        let state = match table.prepare_delete(&context, &rows) {
            Ok(true) => State::Start,
            Ok(false) => State::Known(Ok(())),
            Err(error) => State::Known(Err(error)),
        };
        Delete { table, rows, to, state }
    }

    fn ask(&mut self, row: usize) -> Step<()> {
        let Some(values) = self.rows.get(row) else {
            return Step::Done(Ok(()));
        };
        self.state = State::Deleting(row);
        let order = self.table.delete_order();
        Step::Ask(Ask {
            target: Target::Executor { order, method: Method::VindexDelete },
            sql: self.table.statements.delete.clone(),
            binds: self.table.row_binds(values, &self.to),
            rollback_on_error: true,
        })
    }
}

impl Conversation for Delete {
    type Output = ();

    fn step(&mut self, reply: Option<Reply>) -> Step<()> {
        match (std::mem::replace(&mut self.state, State::Over), reply) {
            (State::Known(known), None) => Step::Done(known),
            (State::Start, None) => self.ask(0),
            (State::Deleting(row), Some(Ok(_))) => self.ask(row + 1),
            (State::Deleting(_), Some(Err(error))) => Step::Done(Err(error.wrap("lookup.Delete"))),
            _ => out_of_turn(),
        }
    }
}

impl LookupTable {
    /// The list that deletes run in: a consistent lookup's entry goes after its row.
    fn delete_order(&self) -> CommitOrder {
        match self.profile.consistent {
            true if mutant::is(Mutant::DeleteInPre) => CommitOrder::Pre,
            true if mutant::is(Mutant::DeleteInNormal) => CommitOrder::Normal,
            true => CommitOrder::Post,
            false => CommitOrder::Normal,
        }
    }

    /// Whether there is anything to delete.
    fn prepare_delete(&self, context: &Context, rows: &[Row]) -> Result<bool, VindexError> {
        let Some(first) = rows.first().filter(|_| !self.autocommit) else {
            return Ok(false);
        };
        self.check_column_count(first)?;
        context.require_vcursor()?;
        Ok(true)
    }
}
