//! Map: which keyspace ids does the table have for these values?
//!
//! Numbers, or any values with `batch_lookup`, go into one query; otherwise each value gets its
//! own. The first value's type decides for all. Rows of one query are given to values by text, so a
//! value that MySQL's collation found under another spelling gets nothing, as upstream.
//!
//! It knows nothing of planned lookups beyond sharing [`super::Lookup::map_result`] with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::conversation::{
    Ask, Bind, CommitOrder, Context, Conversation, Method, Reply, Rows, Statement, Step, Target,
    out_of_turn,
};
use super::profile::Stored;
use super::{Binds, LookupTable};
use crate::key::{Destination, KeyRange, KeyspaceId};
use crate::mutant::{self, Mutant};
use crate::vindex::contract::first_column;
use crate::vindex::{Row, Value, VindexError};

/// Anywhere: where an entry may not exist yet.
pub(super) const SCATTER: Destination = Destination::KeyRange(KeyRange::COMPLETE);

/// A Map under way.
#[derive(Clone, Debug)]
pub struct Map {
    table: Arc<LookupTable>,
    context: Context,
    ids: Vec<Value>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// No statement is needed to know.
    Known(Result<Vec<Destination>, VindexError>),
    Start,
    /// The one query for all values is out.
    Batch,
    /// The query for the value after these results is out.
    Each(Vec<Rows>),
    Over,
}

impl Map {
    pub(super) fn new(table: Arc<LookupTable>, context: Context, ids: &[Value]) -> Map {
        let (ids, state) = match table.map_without_asking(&context, ids) {
            Some(known) => (Vec::new(), State::Known(known)),
            None => match table.converted(ids) {
                Ok(ids) => (ids, State::Start),
                Err(error) => (Vec::new(), State::Known(Err(error))),
            },
        };
        Map { table, context, ids, state }
    }

    fn ask(&self, ids: &[Value]) -> Ask {
        let order = match (self.table.profile.consistent, self.context.statement) {
            (true, Statement::Delete) if mutant::is(Mutant::DeleteMapsInPre) => CommitOrder::Pre,
            (true, Statement::Update) if mutant::is(Mutant::UpdateMapsInPre) => CommitOrder::Pre,
            (true, Statement::Update | Statement::Delete) => CommitOrder::Post,
            _ => self.table.commit_order(),
        };
        let first = self.table.from.first().cloned().unwrap_or_default();
        Ask {
            target: Target::Executor { order, method: Method::VindexLookup },
            sql: self.table.select(&self.context),
            binds: Binds::from([(first, Bind::Tuple(ids.to_vec()))]),
            rollback_on_error: false,
        }
    }

    fn is_batch(&self) -> bool {
        let is_integral = self.ids.first().is_some_and(|id| id.kind.is_integral());
        is_integral || self.table.batch_lookup
    }

    /// Asks for the value after those that have results, or ends.
    fn ask_next(&mut self, results: Vec<Rows>) -> Step<Vec<Destination>> {
        match self.ids.get(results.len()) {
            None => Step::Done(self.table.map_result(&self.ids, &results)),
            Some(id) => {
                let ask = self.ask(std::slice::from_ref(id));
                self.state = State::Each(results);
                Step::Ask(ask)
            }
        }
    }
}

impl Conversation for Map {
    type Output = Vec<Destination>;

    fn step(&mut self, reply: Option<Reply>) -> Step<Vec<Destination>> {
        let rows = match reply.transpose() {
            Ok(rows) => rows,
            Err(error) => {
                self.state = State::Over;
                return Step::Done(Err(error.wrap("lookup.Map")));
            }
        };
        match (std::mem::replace(&mut self.state, State::Over), rows) {
            (State::Known(known), None) => Step::Done(known),
            (State::Start, None) if self.is_batch() => {
                self.state = State::Batch;
                Step::Ask(self.ask(&self.ids))
            }
            (State::Start, None) => self.ask_next(Vec::new()),
            (State::Batch, Some(rows)) => {
                let results = group_by_text(&self.ids, rows);
                Step::Done(results.and_then(|results| self.table.map_result(&self.ids, &results)))
            }
            (State::Each(mut results), Some(rows)) => {
                let rows: Result<Rows, VindexError> = rows.into_iter().map(drop_from).collect();
                match rows {
                    Ok(rows) => results.push(rows),
                    Err(error) => return Step::Done(Err(error)),
                }
                self.ask_next(results)
            }
            _ => out_of_turn(),
        }
    }
}

impl LookupTable {
    fn map_without_asking(
        &self,
        context: &Context,
        ids: &[Value],
    ) -> Option<Result<Vec<Destination>, VindexError>> {
        if self.write_only {
            return Some(Ok(vec![SCATTER; ids.len()]));
        }
        let is_null = matches!(ids, [id] if id.is_null());
        if is_null && self.ignore_nulls && !self.profile.unique {
            return Some(Ok(vec![SCATTER]));
        }
        if let Err(error) = context.require_vcursor() {
            return Some(Err(error));
        }
        ids.is_empty().then(|| Ok(Vec::new()))
    }

    pub(super) fn map_result(
        &self,
        ids: &[Value],
        results: &[Rows],
    ) -> Result<Vec<Destination>, VindexError> {
        let unique = |(i, rows): (usize, &Rows)| match &rows[..] {
            [] if mutant::is(Mutant::EmptyMapScatters) => Ok(SCATTER),
            [] if mutant::is(Mutant::EmptyMapIsAnError) => {
                Err(VindexError::unknown(format!("{}: no entry", self.profile.map_error)))
            }
            [] => Ok(Destination::None),
            [row] => Ok(match self.ksid_of(row)? {
                Some(ksid) => Destination::KeyspaceId(ksid),
                None => Destination::None,
            }),
            _ => Err(VindexError::unknown(format!(
                "{}: unexpected multiple results from vindex {}: {}",
                self.profile.map_error,
                self.table,
                ids.get(i).unwrap_or(&Value::NULL)
            ))),
        };
        let non_unique = |(_, rows): (usize, &Rows)| match rows.is_empty() {
            true => Ok(Destination::None),
            false => {
                let ksids = rows.iter().filter_map(|row| self.ksid_of(row).transpose());
                Ok(Destination::KeyspaceIds(ksids.collect::<Result<_, _>>()?))
            }
        };
        match self.profile.unique {
            true => results.iter().enumerate().map(unique).collect(),
            false => results.iter().enumerate().map(non_unique).collect(),
        }
    }

    /// The keyspace id that a row's first column stores; none where it stores no number but should.
    fn ksid_of(&self, row: &Row) -> Result<Option<KeyspaceId>, VindexError> {
        let stored = first_column(row);
        match self.profile.stored {
            Stored::KeyspaceId => Ok(Some(KeyspaceId::new(&stored.to_bytes()?))),
            Stored::Unhashed => {
                let number = stored.to_cast_uint64().ok();
                Ok(number.map(|number| KeyspaceId::new(&self.des.hash(number))))
            }
        }
    }
}

/// Gives each value the rows whose first column has its text.
fn group_by_text(ids: &[Value], rows: Rows) -> Result<Vec<Rows>, VindexError> {
    let mut by_text: BTreeMap<Vec<u8>, Rows> = BTreeMap::new();
    for row in rows {
        let text = first_column(&row).bytes.clone();
        by_text.entry(text).or_default().push(drop_from(row)?);
    }
    Ok(ids.iter().map(|id| by_text.get(&id.bytes).cloned().unwrap_or_default()).collect())
}

/// Leaves a row of (from, to) with its to column.
fn drop_from(mut row: Row) -> Result<Row, VindexError> {
    match row.len() {
        0 | 1 => {
            Err(VindexError::internal("VT13001: [BUG] lookup query gave a row without keyspace id"))
        }
        _ => Ok(vec![row.swap_remove(1)]),
    }
}
