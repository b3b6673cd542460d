//! Comparison of two values, with MySQL's coercions.
//!
//! Texts by collation (bytes as soon as one side is a binary string), exact numbers exactly, a
//! date against a text as dates where the text is one, and everything else as floats.

use std::cmp::Ordering;

use super::Env;
use super::number::number;
use super::temporal;
use crate::collation::Collation;
use crate::value::Value;

/// None where a side is NULL.
pub fn compare(
    left: &Value,
    right: &Value,
    collation: Collation,
    env: &mut Env,
) -> Option<Ordering> {
    use Value::*;
    match (left, right) {
        (Null, _) | (_, Null) => None,
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Text(a), Text(b)) => Some(collation.compare(a.as_bytes(), b.as_bytes())),
        (Bytes(a), Bytes(b)) => Some(a.cmp(b)),
        (Text(a), Bytes(b)) => Some(a.as_bytes().cmp(b)),
        (Bytes(a), Text(b)) => Some((**a).cmp(b.as_bytes())),
        (Time(a), Time(b)) => Some(a.cmp(b)),
        (Date(_) | DateTime(_) | Time(_), _) | (_, Date(_) | DateTime(_) | Time(_)) => {
            compare_temporal(left, right, collation, env)
        }
        _ => compare_numbers(left, right, env),
    }
}

/// `=` without NULL's third answer: NULL is equal to NULL alone (`<=>`).
pub fn equal(left: &Value, right: &Value, collation: Collation, env: &mut Env) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        _ => compare(left, right, collation, env) == Some(Ordering::Equal),
    }
}

fn compare_numbers(left: &Value, right: &Value, env: &mut Env) -> Option<Ordering> {
    let (a, b) = (number(left, env)?, number(right, env)?);
    Some(a.compare(&b))
}

fn compare_temporal(
    left: &Value,
    right: &Value,
    collation: Collation,
    env: &mut Env,
) -> Option<Ordering> {
    let is_number = |value: &Value| {
        matches!(value, Value::Int(_) | Value::Uint(_) | Value::Decimal(_) | Value::Float(_))
    };
    if is_number(left) || is_number(right) {
        return compare_numbers(left, right, env);
    }
    let is_time = |value: &Value| matches!(value, Value::Time(_));
    let is_text = |value: &Value| matches!(value, Value::Text(_) | Value::Bytes(_));
    if (is_time(left) && is_text(right)) || (is_text(left) && is_time(right)) {
        let micros = |value: &Value| match value {
            Value::Time(micros) => Some(*micros),
            other => temporal::parse_time(&other.to_string()),
        };
        if let (Some(a), Some(b)) = (micros(left), micros(right)) {
            return Some(a.cmp(&b));
        }
    }
    match (temporal::to_datetime(left, env.now), temporal::to_datetime(right, env.now)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => Some(collation.compare(left.to_string().as_bytes(), right.to_string().as_bytes())),
    }
}
