//! Verify: does the table have this value with this keyspace id?
//!
//! One query for each value, always. It knows nothing of the owner's rows: an entry without a row
//! verifies.

use std::sync::Arc;

use super::LookupTable;
use super::conversation::{
    Ask, CommitOrder, Context, Conversation, Method, Reply, Step, Target, out_of_turn,
};
use crate::key::KeyspaceId;
use crate::mutant::{self, Mutant};
use crate::vindex::{Value, VindexError};

/// A Verify under way.
#[derive(Clone, Debug)]
pub struct Verify {
    table: Arc<LookupTable>,
    /// Each value with what the to column must hold.
    entries: Vec<(Value, Value)>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Known(Result<Vec<bool>, VindexError>),
    Start,
    /// The query for the entry after these answers is out.
    Asked(Vec<bool>),
    Over,
}

impl Verify {
    pub(super) fn new(
        table: Arc<LookupTable>,
        context: Context,
        ids: &[Value],
        ksids: &[KeyspaceId],
    ) -> Verify {
        let (entries, state) = match table.prepare_verify(&context, ids, ksids) {
            Ok(Some(entries)) => (entries, State::Start),
            Ok(None) => (Vec::new(), State::Known(Ok(vec![true; ids.len()]))),
            Err(error) => (Vec::new(), State::Known(Err(error))),
        };
        Verify { table, entries, state }
    }

    fn ask_next(&mut self, answers: Vec<bool>) -> Step<Vec<bool>> {
        let Some((id, to)) = self.entries.get(answers.len()) else {
            return Step::Done(Ok(answers));
        };
        let order = match mutant::is(Mutant::VerifyInNormal) {
            true => CommitOrder::Normal,
            false => self.table.commit_order(),
        };
        let ask = Ask {
            target: Target::Executor { order, method: Method::VindexVerify },
            sql: self.table.statements.verify.clone(),
            binds: self.table.row_binds(std::slice::from_ref(id), to),
            rollback_on_error: false,
        };
        self.state = State::Asked(answers);
        Step::Ask(ask)
    }
}

impl Conversation for Verify {
    type Output = Vec<bool>;

    fn step(&mut self, reply: Option<Reply>) -> Step<Vec<bool>> {
        match (std::mem::replace(&mut self.state, State::Over), reply) {
            (State::Known(known), None) => Step::Done(known),
            (State::Start, None) => self.ask_next(Vec::new()),
            (State::Asked(_), Some(Err(error))) => Step::Done(Err(error.wrap("lookup.Verify"))),
            (State::Asked(mut answers), Some(Ok(rows))) => {
                answers.push(!rows.is_empty() || mutant::is(Mutant::NoVerify));
                self.ask_next(answers)
            }
            _ => out_of_turn(),
        }
    }
}

impl LookupTable {
    /// The entries to ask for, or none where all count as there.
    fn prepare_verify(
        &self,
        context: &Context,
        ids: &[Value],
        ksids: &[KeyspaceId],
    ) -> Result<Option<Vec<(Value, Value)>>, VindexError> {
        if self.write_only || self.no_verify {
            return Ok(None);
        }
        let stored = self.stored_all(ksids, "Verify")?;
        // The prefix is that of the other conversion, as upstream.
        let ids = self.converted(ids).map_err(|error| error.wrap("lookup.Verify.vunhash"))?;
        context.require_vcursor()?;
        Ok(Some(ids.into_iter().zip(stored).collect()))
    }
}
