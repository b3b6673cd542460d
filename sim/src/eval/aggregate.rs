//! Aggregates: one accumulator a group, fed row by row.
//!
//! It knows nothing of grouping: which rows belong together is the executor's.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use bigdecimal::{BigDecimal, RoundingMode};

use super::arithmetic::to_bits;
use super::cast::bytes_of;
use super::compare::compare;
use super::number::{Number, SCALE_MAX, integer, number};
use super::{ColumnKind, Env, Kind};
use crate::collation::Collation;
use crate::sql::ast::{Aggregate, AggregateKind};
use crate::sql_error::SqlError;
use crate::value::Value;

/// `group_concat_max_len`.
const CONCAT_MAX: usize = 1024;

#[derive(Clone, Debug)]
pub struct Accumulator {
    kind: AggregateKind,
    collation: Collation,
    /// Keys of the values seen, where DISTINCT.
    seen: Option<BTreeSet<Vec<u8>>>,
    separator: String,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Count(i64),
    /// Sum and number of values; a float as soon as one of them was.
    Sum {
        total: Option<Number>,
        count: u64,
    },
    Extreme(Option<Value>),
    First(Option<Value>),
    Bits(u64),
    Concat {
        parts: Vec<(Vec<Value>, Vec<u8>)>,
        binary: bool,
        any: bool,
    },
    /// Welford's running mean and sum of squares.
    Variance {
        count: u64,
        mean: f64,
        squares: f64,
    },
}

impl Accumulator {
    /// `collation` is that of the argument. JSON aggregates are not modelled.
    pub fn new(aggregate: &Aggregate, collation: Collation) -> Result<Accumulator, SqlError> {
        use AggregateKind::*;
        let state = match aggregate.kind {
            CountStar | Count => State::Count(0),
            Sum | Avg => State::Sum { total: None, count: 0 },
            Min | Max => State::Extreme(None),
            AnyValue => State::First(None),
            BitAnd => State::Bits(u64::MAX),
            BitOr | BitXor => State::Bits(0),
            GroupConcat => State::Concat { parts: Vec::new(), binary: false, any: false },
            Std | Stddev | StddevPop | StddevSamp | VarPop | VarSamp | Variance => {
                State::Variance { count: 0, mean: 0.0, squares: 0.0 }
            }
            JsonArrayAgg | JsonObjectAgg => return Err(SqlError::not_supported("JSON aggregates")),
        };
        Ok(Accumulator {
            kind: aggregate.kind,
            collation,
            seen: aggregate.distinct.then(BTreeSet::new),
            separator: aggregate.separator.clone().unwrap_or_else(|| ",".to_owned()),
            state,
        })
    }

    /// The type of the result over an argument of the given type.
    pub fn kind(aggregate: AggregateKind, argument: ColumnKind) -> ColumnKind {
        use AggregateKind::*;
        match aggregate {
            CountStar | Count => ColumnKind::new(Kind::Int),
            Min | Max | AnyValue => argument,
            BitAnd | BitOr | BitXor => ColumnKind::new(Kind::Uint),
            GroupConcat if argument.kind == Kind::Bytes => ColumnKind::new(Kind::Bytes),
            GroupConcat => ColumnKind { kind: Kind::Text, decimals: 0, ..argument },
            Sum | Avg => {
                let more = if aggregate == Avg { 4 } else { 0 };
                match argument.kind {
                    Kind::Text | Kind::Bytes | Kind::Single | Kind::Float => {
                        ColumnKind::new(Kind::Float)
                    }
                    Kind::Unknown => ColumnKind::new(Kind::Unknown),
                    _ => {
                        let decimals = (argument.decimals + more).min(SCALE_MAX as u8);
                        ColumnKind { decimals, ..ColumnKind::new(Kind::Decimal) }
                    }
                }
            }
            _ => ColumnKind::new(Kind::Float),
        }
    }

    /// Takes a row's arguments (none for COUNT(*)). A row with a NULL does not count.
    pub fn add(&mut self, args: &[Value], env: &mut Env) -> Result<(), SqlError> {
        self.add_ordered(args, Vec::new(), env)
    }

    /// As [`Accumulator::add`], with the values by which GROUP_CONCAT orders. The caller compares
    /// nothing: [`Accumulator::finish_ordered`] sorts.
    pub fn add_ordered(
        &mut self,
        args: &[Value],
        order: Vec<Value>,
        env: &mut Env,
    ) -> Result<(), SqlError> {
        if self.kind != AggregateKind::CountStar && args.iter().any(Value::is_null) {
            return Ok(());
        }
        if let Some(seen) = &mut self.seen
            && !seen.insert(distinct_key(args, self.collation))
        {
            return Ok(());
        }
        match (&mut self.state, args) {
            (State::Count(count), _) => *count += 1,
            (State::Sum { total, count }, [value, ..]) => {
                *count += 1;
                let Some(number) = number(value, env) else { return Ok(()) };
                *total = Some(match total.take() {
                    None => widened(number),
                    Some(total) => plus(total, number),
                });
            }
            (State::Extreme(best), [value, ..]) => {
                let wanted = match self.kind {
                    AggregateKind::Min => Ordering::Less,
                    _ => Ordering::Greater,
                };
                let better = match &*best {
                    None => true,
                    Some(best) => compare(value, best, self.collation, env) == Some(wanted),
                };
                if better {
                    *best = Some(value.clone());
                }
            }
            (State::First(first), [value, ..]) => {
                first.get_or_insert_with(|| value.clone());
            }
            (State::Bits(bits), [value, ..]) => {
                let operand = to_bits(integer(value, env).unwrap_or(0));
                *bits = match self.kind {
                    AggregateKind::BitAnd => *bits & operand,
                    AggregateKind::BitOr => *bits | operand,
                    _ => *bits ^ operand,
                };
            }
            (State::Concat { parts, binary, any }, _) => {
                *any = true;
                // What DISTINCT has sorted stays so, where nothing else orders it.
                let sorted = self.seen.is_some() && order.is_empty();
                let order = if sorted { args.to_vec() } else { order };
                *binary |= args.iter().any(|arg| matches!(arg, Value::Bytes(_)));
                let text: Vec<u8> = args.iter().flat_map(|arg| bytes_of(arg).to_vec()).collect();
                parts.push((order, text));
            }
            (State::Variance { count, mean, squares }, [value, ..]) => {
                let Some(number) = number(value, env) else { return Ok(()) };
                *count += 1;
                let delta = number.to_f64() - *mean;
                *mean += delta / *count as f64;
                *squares += delta * (number.to_f64() - *mean);
            }
            _ => {}
        }
        Ok(())
    }

    pub fn finish(self, env: &mut Env) -> Value {
        self.finish_ordered(&[], env)
    }

    /// `descending` says how GROUP_CONCAT's order columns sort, with their collations.
    pub fn finish_ordered(self, descending: &[(bool, Collation)], env: &mut Env) -> Value {
        match self.state {
            State::Count(count) => Value::Int(count),
            State::Extreme(value) | State::First(value) => value.unwrap_or(Value::Null),
            State::Bits(bits) => Value::Uint(bits),
            State::Sum { total: None, .. } => Value::Null,
            State::Sum { total: Some(total), count } if self.kind == AggregateKind::Avg => {
                average(total, count)
            }
            State::Sum { total: Some(total), .. } => total.into_value(),
            State::Concat { any: false, .. } => Value::Null,
            State::Concat { mut parts, binary, .. } => {
                let sorted = parts.first().map_or(0, |(values, _)| values.len());
                let ascending = vec![(false, self.collation); sorted];
                let directions = if descending.is_empty() { &ascending[..] } else { descending };
                // Of two that ORDER BY finds equal the later comes first, as in MySQL's tree.
                if !descending.is_empty() {
                    parts.reverse();
                }
                parts.sort_by(|left, right| order_of(&left.0, &right.0, directions, env));
                let parts: Vec<Vec<u8>> = parts.into_iter().map(|(_, text)| text).collect();
                let mut joined = parts.join(self.separator.as_bytes());
                if CONCAT_MAX < joined.len() {
                    joined.truncate(CONCAT_MAX);
                    let message = "Row 1 was cut by GROUP_CONCAT()";
                    env.warnings.push(SqlError::new(1260, "HY000", message));
                }
                match binary {
                    true => Value::bytes(&joined),
                    false => {
                        Value::text(String::from_utf8_lossy(&joined).trim_end_matches('\u{fffd}'))
                    }
                }
            }
            State::Variance { count, squares, .. } => variance(self.kind, count, squares),
        }
    }
}

/// Rows are the same to DISTINCT and GROUP BY exactly where these keys are.
pub fn distinct_key(values: &[Value], collation: Collation) -> Vec<u8> {
    let mut key = Vec::new();
    for value in values {
        let part = match value {
            Value::Null => {
                key.push(0);
                continue;
            }
            Value::Text(text) => collation.sort_key(text.as_bytes()),
            Value::Bytes(bytes) => bytes.to_vec(),
            Value::Decimal(number) => number.normalized().to_plain_string().into_bytes(),
            // -0 and 0 are one.
            Value::Float(number) if *number == 0.0 => b"0".to_vec(),
            other => other.to_string().into_bytes(),
        };
        key.push(1);
        key.extend_from_slice(&(part.len() as u64).to_be_bytes());
        key.extend_from_slice(&part);
    }
    key
}

/// Integers are summed as decimals: no sum of them overflows.
fn widened(number: Number) -> Number {
    match number {
        Number::Float(_) | Number::Decimal { .. } => number,
        exact => Number::Decimal { value: exact.to_decimal(), scale: 0 },
    }
}

fn plus(total: Number, number: Number) -> Number {
    match (&total, &number) {
        (Number::Float(_), _) | (_, Number::Float(_)) => {
            Number::Float(total.to_f64() + number.to_f64())
        }
        _ => Number::decimal(total.to_decimal() + number.to_decimal()),
    }
}

fn average(total: Number, count: u64) -> Value {
    match total {
        Number::Decimal { value, scale } => {
            let scale = (scale + 4).min(SCALE_MAX);
            let quotient = value / BigDecimal::from(count);
            Value::Decimal(quotient.with_scale_round(scale, RoundingMode::HalfUp))
        }
        other => Value::Float(other.to_f64() / count as f64),
    }
}

fn variance(kind: AggregateKind, count: u64, squares: f64) -> Value {
    use AggregateKind::*;
    let sample = matches!(kind, StddevSamp | VarSamp);
    let divisor = if sample { count.saturating_sub(1) } else { count };
    if divisor == 0 {
        return Value::Null;
    }
    let variance = squares / divisor as f64;
    let root = matches!(kind, Std | Stddev | StddevPop | StddevSamp);
    Value::Float(if root { variance.sqrt() } else { variance })
}

fn order_of(
    left: &[Value],
    right: &[Value],
    descending: &[(bool, Collation)],
    env: &mut Env,
) -> Ordering {
    for ((left, right), (descending, collation)) in left.iter().zip(right).zip(descending) {
        let order = sort_order(left, right, *collation, env);
        if order != Ordering::Equal {
            return if *descending { order.reverse() } else { order };
        }
    }
    Ordering::Equal
}

/// The order of ORDER BY: NULL comes first.
pub fn sort_order(left: &Value, right: &Value, collation: Collation, env: &mut Env) -> Ordering {
    match (left.is_null(), right.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => compare(left, right, collation, env).unwrap_or(Ordering::Equal),
    }
}
