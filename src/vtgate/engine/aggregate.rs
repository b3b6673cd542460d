//! Aggregate: rows become one a group.
//!
//! Rows come sorted by the group, so that equal neighbours are one; without GROUP BY all rows are
//! one group, even none. What shards have aggregated is aggregated again: their counts add up. See
//! `engine/ordered_aggregate.go`, `scalar_aggregation.go` and `aggregations.go`.
//!
//! It knows nothing of shards; what an aggregate is of its values is [`sim::eval::aggregate`]'s.

use std::cmp::Ordering;
use std::sync::Arc;

use sim::collation::Collation;
use sim::eval::aggregate::{Accumulator, sort_order};
use sim::eval::{ColumnKind, Env, Kind};
use sim::mysql::outcome::{Column, Outcome};
use sim::sql::ast::{Aggregate as Call, AggregateKind};
use sim::value::{Binds, Row, Value};

use super::super::executor::Run;
use super::route::{compared, truncate};
use crate::planner::primitive::{Aggregate, AggregateColumn, AggregateOp, SortKey};
use crate::rpc::Status;

impl Run {
    pub(super) async fn aggregate(
        &self,
        aggregate: &Aggregate,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let mut outcome = self.primitive(&aggregate.input, binds).await?;
        let rows = std::mem::take(&mut outcome.rows);
        let mut env = Env::new(jiff::civil::DateTime::default());
        let mut result = Vec::new();
        let mut group: Option<Group> = None;
        for row in &rows {
            let same =
                group.as_ref().is_some_and(|group| group.has(row, &aggregate.group_by, &mut env));
            if !same {
                if let Some(group) = group.take() {
                    result.push(group.finish(&aggregate.aggregates, &mut env));
                }
                group = Some(Group::new(row.to_vec(), &aggregate.aggregates)?);
            }
            if let Some(group) = &mut group {
                group.add(row, &aggregate.aggregates, &mut env)?;
            }
        }
        if group.is_none() && aggregate.group_by.is_empty() {
            group = Some(self.of_nothing(aggregate, outcome.columns.len(), binds)?);
        }
        if let Some(group) = group {
            result.push(group.finish(&aggregate.aggregates, &mut env));
        }
        outcome.rows = result.into_iter().map(Row::from).collect();
        let columns = Arc::make_mut(&mut outcome.columns);
        aggregate.aggregates.iter().for_each(|aggregate| describe(aggregate, columns));
        truncate(&mut outcome, aggregate.result_columns);
        Ok(outcome)
    }

    /// The group of no rows.
    fn of_nothing(
        &self,
        aggregate: &Aggregate,
        columns: usize,
        binds: &Arc<Binds>,
    ) -> Result<Group, Status> {
        let mut row = vec![Value::Null; columns];
        for column in &aggregate.aggregates {
            if let (Some(constant), Some(value)) = (&column.constant, row.get_mut(column.column)) {
                *value = self.evaluate(constant, binds)?;
            }
        }
        Group::new(row, &aggregate.aggregates)
    }
}

/// A group under way: its first row, and what its aggregates have seen.
struct Group {
    first: Vec<Value>,
    states: Vec<State>,
}

enum State {
    /// The first row's value.
    First,
    /// The least or the greatest so far, by its place in the row of that value.
    Extreme(Option<Row>),
    Accumulated(Box<Accumulator>),
}

impl Group {
    fn new(first: Vec<Value>, aggregates: &[AggregateColumn]) -> Result<Group, Status> {
        let states = aggregates.iter().map(State::of).collect::<Result<_, Status>>()?;
        Ok(Group { first, states })
    }

    fn has(&self, row: &Row, keys: &[SortKey], env: &mut Env) -> bool {
        keys.iter().all(|key| {
            let of = |row| compared(row, key.column, key.weight_column);
            let collation = collation_of(key.collation.as_deref(), env);
            sort_order(of(&self.first), of(row), collation, env) == Ordering::Equal
        })
    }

    fn add(
        &mut self,
        row: &Row,
        aggregates: &[AggregateColumn],
        env: &mut Env,
    ) -> Result<(), Status> {
        for (state, aggregate) in self.states.iter_mut().zip(aggregates) {
            let Some(value) = row.get(aggregate.column) else { continue };
            match state {
                State::First => {}
                State::Extreme(_) if value.is_null() => {}
                State::Extreme(best) => {
                    if best.as_ref().is_none_or(|best| is_better(row, best, aggregate, env)) {
                        *best = Some(row.clone());
                    }
                }
                State::Accumulated(accumulator) => {
                    accumulator.add(std::slice::from_ref(value), env).map_err(super::sql)?;
                }
            }
        }
        Ok(())
    }

    fn finish(self, aggregates: &[AggregateColumn], env: &mut Env) -> Vec<Value> {
        let mut row = self.first;
        for (state, aggregate) in self.states.into_iter().zip(aggregates) {
            let Some(value) = row.get_mut(aggregate.column) else { continue };
            match state {
                State::First => {}
                State::Extreme(best) => {
                    let of = |column: usize| best.as_ref().and_then(|row| row.get(column).cloned());
                    *value = of(aggregate.column).unwrap_or(Value::Null);
                    if let Some(column) = aggregate.weight_column
                        && let Some(weight) = row.get_mut(column)
                    {
                        *weight = of(column).unwrap_or(Value::Null);
                    }
                }
                State::Accumulated(accumulator) => {
                    let result = accumulator.finish(env);
                    *value = if counts(aggregate) { as_count(result) } else { result };
                }
            }
        }
        row
    }
}

impl State {
    fn of(aggregate: &AggregateColumn) -> Result<State, Status> {
        let (kind, distinct) = match aggregate.op {
            AggregateOp::Min | AggregateOp::Max => return Ok(State::Extreme(None)),
            AggregateOp::AnyValue | AggregateOp::Constant => return Ok(State::First),
            AggregateOp::Sum => (AggregateKind::Sum, false),
            AggregateOp::SumDistinct => (AggregateKind::Sum, true),
            AggregateOp::Count => (AggregateKind::Count, false),
            AggregateOp::CountDistinct => (AggregateKind::Count, true),
            AggregateOp::CountStar => (AggregateKind::CountStar, false),
            AggregateOp::GroupConcat => (AggregateKind::GroupConcat, false),
            other => return Err(super::unsupported(format!("{other:?} over shards"))),
        };
        let call = Call {
            kind,
            distinct,
            args: Vec::new(),
            order_by: Vec::new(),
            separator: aggregate.separator.as_deref().map(str::to_owned),
            limit: None,
            over: None,
        };
        let collation = aggregate.collation.as_deref().and_then(Collation::by_name);
        let collation = collation.unwrap_or(Collation::Utf8mb40900AiCi);
        let accumulator = Accumulator::new(&call, collation).map_err(super::sql)?;
        Ok(State::Accumulated(Box::new(accumulator)))
    }
}

fn collation_of(name: Option<&str>, env: &Env) -> Collation {
    name.and_then(Collation::by_name).unwrap_or(env.collation)
}

fn is_better(row: &Row, best: &Row, aggregate: &AggregateColumn, env: &mut Env) -> bool {
    let of = |row| compared(row, aggregate.column, aggregate.weight_column);
    let collation = collation_of(aggregate.collation.as_deref(), env);
    let wanted = match aggregate.op {
        AggregateOp::Min => Ordering::Less,
        _ => Ordering::Greater,
    };
    sort_order(of(row), of(best), collation, env) == wanted
}

/// Whether the result is a count: one of rows, or the sum of the shards' counts.
fn counts(aggregate: &AggregateColumn) -> bool {
    let is = |op: &AggregateOp| {
        matches!(op, AggregateOp::Count | AggregateOp::CountStar | AggregateOp::CountDistinct)
    };
    aggregate.original.as_ref().is_some_and(is) || is(&aggregate.op)
}

/// No counts add up to 0.
fn as_count(value: Value) -> Value {
    match value {
        Value::Null => Value::Int(0),
        Value::Decimal(number) => {
            let whole = number.with_scale(0).to_plain_string();
            whole.parse().map_or(Value::Decimal(number), Value::Int)
        }
        other => other,
    }
}

/// The column of an aggregate has its name and type.
fn describe(aggregate: &AggregateColumn, columns: &mut [Column]) {
    let Some(column) = columns.get_mut(aggregate.column) else { return };
    if let Some(alias) = &aggregate.alias {
        column.name = Arc::clone(alias);
    }
    let kind = match aggregate.op {
        _ if counts(aggregate) => ColumnKind::new(Kind::Int),
        AggregateOp::Sum | AggregateOp::SumDistinct => {
            Accumulator::kind(AggregateKind::Sum, column.kind)
        }
        _ => return,
    };
    if column.kind.kind != kind.kind {
        column.kind = kind;
        column.ty = None;
    }
}
