//! Aggregate: the shards' partial results become one.
//!
//! A count of shards is the sum of their counts; sums add, minima and maxima compare. With GROUP BY
//! the shards' rows come sorted by the group, and equal neighbours are one group.

use std::cmp::Ordering;
use std::sync::Arc;

use sim::collation::Collation;
use sim::eval::aggregate::sort_order;
use sim::eval::{Env, NoColumns, Program};
use sim::mysql::outcome::Outcome;
use sim::sql::ast::{BinaryOp, Expr, Ident};
use sim::value::{Bind, Binds, Row, Value};

use super::super::executor::Run;
use super::route;
use crate::planner::primitive::{Aggregate, AggregateColumn, AggregateOp};
use crate::rpc::Status;

impl Run {
    pub(super) async fn aggregate(
        &self,
        aggregate: &Aggregate,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let mut outcome = self.primitive(&aggregate.input, binds).await?;
        let rows = std::mem::take(&mut outcome.rows);
        let mut groups: Vec<Vec<Value>> = Vec::new();
        let mut env = Env::new(jiff::civil::DateTime::default());
        for row in &rows {
            let same = groups.last().is_some_and(|group| {
                aggregate.group_by.iter().all(|key| {
                    let of = |row| route::compared(row, key.column, key.weight_column);
                    let order = sort_order(of(group), of(row), env.collation, &mut env);
                    order == Ordering::Equal
                })
            });
            match groups.last_mut() {
                Some(group) if same => merge(group, row, &aggregate.aggregates, &mut env)?,
                _ => groups.push(row.to_vec()),
            }
        }
        outcome.rows = groups.into_iter().map(Row::from).collect();
        for column in &aggregate.aggregates {
            if let (Some(alias), Some(field)) =
                (&column.alias, Arc::make_mut(&mut outcome.columns).get_mut(column.column))
            {
                field.name = Arc::clone(alias);
            }
        }
        route::truncate(&mut outcome, aggregate.result_columns);
        Ok(outcome)
    }
}

fn merge(
    group: &mut [Value],
    row: &Row,
    aggregates: &[AggregateColumn],
    env: &mut Env,
) -> Result<(), Status> {
    for aggregate in aggregates {
        let at = aggregate.column;
        let (have, more) = (group[at].clone(), row[at].clone());
        if more.is_null() {
            continue;
        }
        if have.is_null() {
            group[at] = more;
            continue;
        }
        group[at] = match aggregate.op {
            AggregateOp::Sum | AggregateOp::Count | AggregateOp::CountStar => {
                let sum = add(have, more, env)?;
                let counts =
                    matches!(aggregate.original, Some(AggregateOp::Count | AggregateOp::CountStar))
                        || aggregate.op != AggregateOp::Sum;
                if counts { as_count(sum) } else { sum }
            }
            AggregateOp::Min => pick(have, more, Ordering::Greater, env),
            AggregateOp::Max => pick(have, more, Ordering::Less, env),
            AggregateOp::AnyValue | AggregateOp::Constant => have,
            other => return Err(super::unsupported(format!("{other:?} over shards"))),
        };
    }
    Ok(())
}

fn add(left: Value, right: Value, env: &mut Env) -> Result<Value, Status> {
    let argument = |name: &str| Box::new(Expr::Argument { name: Ident::new(name), ty: None });
    let sum = Expr::Binary { op: BinaryOp::Add, left: argument("l"), right: argument("r") };
    let binds = [("l", left), ("r", right)];
    let binds = binds.map(|(name, value)| (name.into(), Bind::Value(value)));
    env.binds = std::sync::Arc::new(binds.into_iter().collect());
    let program = Program::compile(&sum, &NoColumns).map_err(super::sql)?;
    program.run(&[], env).map_err(super::sql)
}

fn as_count(value: Value) -> Value {
    match value {
        Value::Uint(number) => i64::try_from(number).map_or(Value::Uint(number), Value::Int),
        other => other,
    }
}

/// The other one if it stands on the wanted side.
fn pick(have: Value, more: Value, side: Ordering, env: &mut Env) -> Value {
    let order = sort_order(&have, &more, Collation::Utf8mb40900AiCi, env);
    if order == side { more } else { have }
}
