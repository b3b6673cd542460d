//! Update: removes a row's old entry and writes its new one.
//!
//! Only a consistent lookup compares first, and by collation: a value that changes its spelling and
//! stays equal keeps its old entry, as upstream. It knows nothing of the other columns of the row.

use std::sync::Arc;

use super::conversation::{Context, Conversation, Reply, Step, out_of_turn};
use super::{Create, Delete, LookupTable};
use crate::key::KeyspaceId;
use crate::vindex::{Value, VindexError};

/// An Update under way.
#[derive(Clone, Debug)]
pub struct Update {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Known(Result<(), VindexError>),
    Deleting(Delete, Create),
    Creating(Create),
    Over,
}

impl Update {
    pub(super) fn new(
        table: Arc<LookupTable>,
        context: Context,
        old: &[Value],
        ksid: &KeyspaceId,
        new: &[Value],
        equal: &dyn Fn(&Value, &Value) -> bool,
    ) -> Update {
        if table.profile.consistent && rows_equal(old, new, equal) {
            return Update { state: State::Known(Ok(())) };
        }
        let prepared = table
            .stored(ksid)
            .map_err(|error| error.wrap("lookup.Update.vunhash"))
            .and_then(|to| Ok((table.converted_all(&[old.to_vec(), new.to_vec()], "Update")?, to)));
        let (mut rows, to) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Update { state: State::Known(Err(error)) },
        };
        let new = rows.split_off(1);
        let context = Context { ignore: false, ..context };
        let delete = Delete::of_stored(table.clone(), context, rows, to.clone());
        let create = Create::of_stored(
            table,
            context,
            new.into_iter().map(|row| (row, to.clone())).collect(),
        );
        Update { state: State::Deleting(delete, create) }
    }

    fn delete(&mut self, mut delete: Delete, create: Create, reply: Option<Reply>) -> Step<()> {
        match delete.step(reply) {
            Step::Done(Ok(())) => self.create(create, None),
            Step::Done(Err(error)) => Step::Done(Err(error)),
            ask => {
                self.state = State::Deleting(delete, create);
                ask
            }
        }
    }

    fn create(&mut self, mut create: Create, reply: Option<Reply>) -> Step<()> {
        let step = create.step(reply);
        if matches!(step, Step::Ask(_)) {
            self.state = State::Creating(create);
        }
        step
    }
}

impl Conversation for Update {
    type Output = ();

    fn step(&mut self, reply: Option<Reply>) -> Step<()> {
        match (std::mem::replace(&mut self.state, State::Over), reply) {
            (State::Known(known), None) => Step::Done(known),
            (State::Deleting(delete, create), reply) => self.delete(delete, create, reply),
            (State::Creating(create), reply) => self.create(create, reply),
            _ => out_of_turn(),
        }
    }
}

/// Compares column by column; NULL equals NULL.
fn rows_equal(old: &[Value], new: &[Value], equal: &dyn Fn(&Value, &Value) -> bool) -> bool {
    let values_equal = |(old, new): (&Value, &Value)| match (old.is_null(), new.is_null()) {
        (true, true) => true,
        (false, false) => equal(old, new),
        _ => false,
    };
    old.len() == new.len() && old.iter().zip(new).all(values_equal)
}
