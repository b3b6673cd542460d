//! CAST and CONVERT, and the change of a value from one kind to another.

use std::sync::Arc;

use bigdecimal::{BigDecimal, RoundingMode};

use super::number::{self, DIGITS_MAX, SCALE_MAX, float_prefix, number, parse_decimal};
use super::{Env, Kind, temporal};
use crate::sql::ast::CastType;
use crate::sql_error::SqlError;
use crate::value::Value;

/// The target of a cast, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Signed,
    Unsigned,
    Decimal { digits: u32, scale: u32 },
    Double,
    Float,
    Char { length: Option<u32> },
    Binary { length: Option<u32> },
    Date,
    DateTime { digits: u32 },
    Time { digits: u32 },
    Year,
}

impl Target {
    pub fn parse(ty: &CastType) -> Result<Target, SqlError> {
        let is_binary = ty.charset.as_ref().is_some_and(|charset| charset.is("binary"));
        let digits = ty.length.unwrap_or(0);
        Ok(match ty.name.to_ascii_lowercase().as_str() {
            "signed" | "signed integer" | "signed int" => Target::Signed,
            "unsigned" | "unsigned integer" | "unsigned int" => Target::Unsigned,
            "decimal" | "dec" | "numeric" => {
                let scale = ty.scale.unwrap_or(0);
                let digits = match ty.length {
                    None | Some(0) => 10,
                    Some(digits) => digits,
                };
                if 65 < digits || 30 < scale || digits < scale {
                    return Err(SqlError::new(
                        1426,
                        "42000",
                        format!(
                            "Too-big precision {digits} specified for 'decimal'. Maximum is 65."
                        ),
                    ));
                }
                Target::Decimal { digits, scale }
            }
            "double" | "double precision" | "real" => Target::Double,
            "float" if 24 < digits => Target::Double,
            "float" => Target::Float,
            "char" | "character" | "nchar" | "varchar" if is_binary => {
                Target::Binary { length: ty.length }
            }
            "char" | "character" | "nchar" | "varchar" => Target::Char { length: ty.length },
            "binary" | "varbinary" => Target::Binary { length: ty.length },
            "date" => Target::Date,
            "datetime" | "timestamp" => Target::DateTime { digits },
            "time" => Target::Time { digits },
            "year" => Target::Year,
            other => return Err(SqlError::not_supported(format!("CAST to {other}"))),
        })
    }

    pub fn kind(&self) -> Kind {
        match self {
            Target::Signed | Target::Year => Kind::Int,
            Target::Unsigned => Kind::Uint,
            Target::Decimal { .. } => Kind::Decimal,
            Target::Double => Kind::Float,
            Target::Float => Kind::Single,
            Target::Char { .. } => Kind::Text,
            Target::Binary { .. } => Kind::Bytes,
            Target::Date => Kind::Date,
            Target::DateTime { .. } => Kind::DateTime,
            Target::Time { .. } => Kind::Time,
        }
    }
}

pub fn cast(value: &Value, target: &Target, env: &mut Env) -> Result<Value, SqlError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    Ok(match target {
        Target::Signed => Value::Int(to_signed(value, env)),
        Target::Unsigned => Value::Uint(to_unsigned(value, env)),
        Target::Decimal { digits, scale } => {
            let number = decimal(value, env);
            Value::Decimal(fit(number, *digits, *scale, env))
        }
        Target::Double => Value::Float(number(value, env).map_or(0.0, |n| n.to_f64())),
        Target::Float => {
            let number = number(value, env).map_or(0.0, |n| n.to_f64());
            Value::Float(single(number))
        }
        Target::Char { length } => char_value(value, *length, env),
        Target::Binary { length } => binary_value(value, *length, env),
        Target::Date => match temporal::to_datetime(value, env.now) {
            Some(at) => Value::Date(at.date()),
            None => {
                env.warnings.push(SqlError::truncated_value("date", &value.to_string()));
                Value::Null
            }
        },
        Target::DateTime { digits } => {
            let at = temporal::to_datetime(value, env.now);
            match at.and_then(|at| temporal::round_fraction(at, *digits)) {
                Some(at) => Value::DateTime(at),
                None => incorrect(value, env),
            }
        }
        Target::Time { digits } => match time_of(value, env) {
            Some(micros) => Value::Time(temporal::round_micros(micros, *digits)),
            None => Value::Null,
        },
        Target::Year => match number(value, env).map_or(0, |n| n.to_i128()) {
            year @ 1901..=2155 => Value::Int(year as i64),
            year @ 70..=99 => Value::Int(year as i64 + 1900),
            year @ 1..=69 => Value::Int(year as i64 + 2000),
            _ => Value::Null,
        },
    })
}

/// A value in the kind that a choice of results has (CASE, COALESCE ..).
pub fn to_kind(value: Value, kind: Kind, decimals: u8, env: &mut Env) -> Value {
    if value.is_null() {
        return value;
    }
    match (kind, &value) {
        (Kind::Decimal, _) => {
            let scale = i64::from(decimals);
            Value::Decimal(decimal(&value, env).with_scale_round(scale, RoundingMode::HalfUp))
        }
        (Kind::Single | Kind::Float, _) => {
            Value::Float(number(&value, env).map_or(0.0, |n| n.to_f64()))
        }
        (Kind::Text, Value::Text(_) | Value::Bytes(_)) | (Kind::Bytes, Value::Bytes(_)) => value,
        (Kind::Text, Value::DateTime(_) | Value::Time(_)) if 0 < decimals => {
            Value::text(&temporal::with_fraction(&value, decimals))
        }
        (Kind::Text, other) => Value::text(&other.to_string()),
        (Kind::Bytes, other) => Value::Bytes(bytes_of(other)),
        (Kind::DateTime, Value::Date(_) | Value::Time(_)) => {
            temporal::to_datetime(&value, env.now).map_or(Value::Null, Value::DateTime)
        }
        _ => value,
    }
}

/// A value as a decimal; a text as the one that it begins with.
pub fn decimal(value: &Value, env: &mut Env) -> BigDecimal {
    let text = match value {
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => return number(other, env).map(|n| n.to_decimal()).unwrap_or_default(),
    };
    let (float, rest) = float_prefix(&text);
    let trimmed = text.trim_start();
    let used = &trimmed[..trimmed.len().saturating_sub(rest.len())];
    if !rest.trim().is_empty() || trimmed.is_empty() {
        env.warnings.push(SqlError::truncated_value("DECIMAL", &text));
    }
    parse_decimal(used).unwrap_or_else(|| number::float_to_decimal(float))
}

/// Rounds to a scale; what has too many digits becomes the largest that fits, with a warning.
fn fit(number: BigDecimal, digits: u32, scale: u32, env: &mut Env) -> BigDecimal {
    let rounded = number.with_scale_round(i64::from(scale), RoundingMode::HalfUp);
    if rounded.digits() <= u64::from(digits) {
        return rounded;
    }
    env.warnings.push(SqlError::new(
        1264,
        "22003",
        "Out of range value for column '(null)' at row 1",
    ));
    largest(digits, scale, rounded.sign() == bigdecimal::num_bigint::Sign::Minus)
}

/// 99.9 with the given number of digits.
pub fn largest(digits: u32, scale: u32, negative: bool) -> BigDecimal {
    let digits = digits.min(DIGITS_MAX as u32) as usize;
    let nines = "9".repeat(digits.max(1));
    let text = if negative { format!("-{nines}") } else { nines };
    let whole = text.parse().unwrap_or_default();
    BigDecimal::new(whole, i64::from(scale.min(SCALE_MAX as u32)))
}

fn to_signed(value: &Value, env: &mut Env) -> i64 {
    match value {
        Value::Uint(number) => *number as i64,
        Value::Text(_) | Value::Bytes(_) => {
            let number = number::integer(value, env).unwrap_or(0);
            // A text up to 2^64 wraps; beyond that it is cut.
            if number < 0 {
                number.max(i128::from(i64::MIN)) as i64
            } else {
                number.min(i128::from(u64::MAX)) as u64 as i64
            }
        }
        other => {
            let number = number::integer(other, env).unwrap_or(0);
            clamped(number, i128::from(i64::MIN), i128::from(i64::MAX), other, env) as i64
        }
    }
}

fn to_unsigned(value: &Value, env: &mut Env) -> u64 {
    match value {
        Value::Int(number) => *number as u64,
        Value::Decimal(_) => {
            let number = number::integer(value, env).unwrap_or(0);
            if number < 0 {
                return number.max(i128::from(i64::MIN)) as i64 as u64;
            }
            clamped(number, 0, i128::from(u64::MAX), value, env) as u64
        }
        other => super::arithmetic::to_bits(number::integer(other, env).unwrap_or(0)),
    }
}

fn clamped(number: i128, low: i128, high: i128, value: &Value, env: &mut Env) -> i128 {
    let clamped = number.clamp(low, high);
    if clamped != number {
        let kind = if matches!(value, Value::Decimal(_)) { "DECIMAL" } else { "INTEGER" };
        env.warnings.push(SqlError::truncated_value(kind, &value.to_string()));
    }
    clamped
}

/// The double that a FLOAT holds for a number.
pub fn single(number: f64) -> f64 {
    f64::from(number as f32)
}

/// A FLOAT as it is shown: with six digits, 0.1 and not 0.10000000149011612.
pub fn single_text(number: f64) -> String {
    let rounded = format!("{number:.5e}").parse().unwrap_or(number);
    Value::Float(rounded).to_string()
}

/// A value of a kind as a text: what its type says of its digits counts.
pub fn to_text(value: Value, kind: Kind, decimals: u8) -> Value {
    match (kind, &value) {
        (Kind::Single, Value::Float(number)) => Value::text(&single_text(*number)),
        (Kind::DateTime | Kind::Time, Value::DateTime(_) | Value::Time(_)) if 0 < decimals => {
            Value::text(&temporal::with_fraction(&value, decimals))
        }
        _ => value,
    }
}

fn char_value(value: &Value, length: Option<u32>, env: &mut Env) -> Value {
    let text = value.to_string();
    let Some(length) = length else { return Value::text(&text) };
    match text.char_indices().nth(length as usize) {
        None => Value::text(&text),
        Some((end, _)) => {
            let kind = format!("CHAR({length})");
            env.warnings.push(SqlError::truncated_value(&kind, &text));
            Value::text(&text[..end])
        }
    }
}

fn binary_value(value: &Value, length: Option<u32>, env: &mut Env) -> Value {
    let bytes = bytes_of(value);
    let Some(length) = length else { return Value::Bytes(bytes) };
    let length = (length as usize).min(1 << 24);
    if length < bytes.len() {
        let kind = format!("BINARY({length})");
        env.warnings.push(SqlError::truncated_value(&kind, &value.to_string()));
    }
    let mut bytes = bytes.to_vec();
    bytes.resize(length, 0);
    Value::bytes(&bytes)
}

pub fn bytes_of(value: &Value) -> Arc<[u8]> {
    match value {
        Value::Bytes(bytes) => bytes.clone(),
        Value::Text(text) => text.as_bytes().into(),
        other => other.to_string().as_bytes().into(),
    }
}

/// A time, with a warning where a text is more than one, or none.
pub fn time_of(value: &Value, env: &mut Env) -> Option<i64> {
    let found = temporal::to_time(value);
    let whole = match value {
        Value::Text(text) => {
            let short_date = text.trim().len() < 12 && text.trim_start_matches('-').contains('-');
            temporal::parse_time(text).is_some() && !short_date
        }
        other => other.is_null() || found.is_some(),
    };
    if !whole {
        env.warnings.push(SqlError::truncated_value("time", &value.to_string()));
    }
    found
}

fn incorrect(value: &Value, env: &mut Env) -> Value {
    let message = format!("Incorrect datetime value: '{value}'");
    env.warnings.push(SqlError::new(1292, "22007", message));
    Value::Null
}
