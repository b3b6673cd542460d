//! Values as numbers: what a text, a date or a decimal counts in arithmetic and comparison.

use std::cmp::Ordering;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive};

use super::Env;
use crate::sql_error::SqlError;
use crate::value::Value;

/// Digits of a DECIMAL, and those behind its point.
pub const DIGITS_MAX: i64 = 65;
pub const SCALE_MAX: i64 = 30;

#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Uint(u64),
    /// May hold more digits than `scale`, which is what a client sees: within one expression
    /// MySQL does not round a quotient.
    Decimal {
        value: BigDecimal,
        scale: i64,
    },
    Float(f64),
}

impl Number {
    pub fn decimal(value: BigDecimal) -> Number {
        let scale = value.fractional_digit_count().max(0);
        Number::Decimal { value, scale }
    }

    pub fn into_value(self) -> Value {
        match self {
            Number::Int(number) => Value::Int(number),
            Number::Uint(number) => Value::Uint(number),
            Number::Decimal { value, scale } => {
                Value::Decimal(value.with_scale_round(scale, RoundingMode::HalfUp))
            }
            Number::Float(number) => Value::Float(number),
        }
    }

    pub fn to_f64(&self) -> f64 {
        match self {
            Number::Int(number) => *number as f64,
            Number::Uint(number) => *number as f64,
            Number::Decimal { value, .. } => decimal_to_f64(value),
            Number::Float(number) => *number,
        }
    }

    pub fn to_decimal(&self) -> BigDecimal {
        match self {
            Number::Int(number) => BigDecimal::from(*number),
            Number::Uint(number) => BigDecimal::from(*number),
            Number::Decimal { value, .. } => value.clone(),
            Number::Float(number) => float_to_decimal(*number),
        }
    }

    /// As an integer, a decimal rounded half away from zero, and cut to what 65 bits and a sign can
    /// hold.
    pub fn to_i128(&self) -> i128 {
        match self {
            Number::Int(number) => i128::from(*number),
            Number::Uint(number) => i128::from(*number),
            Number::Decimal { value, .. } => decimal_to_i128(value),
            // A float rounds to even at a half (rint); what does not fit saturates.
            Number::Float(number) => number.round_ties_even() as i128,
        }
    }

    pub fn is_zero(&self) -> bool {
        match self {
            Number::Int(number) => *number == 0,
            Number::Uint(number) => *number == 0,
            Number::Decimal { value, .. } => value.sign() == bigdecimal::num_bigint::Sign::NoSign,
            Number::Float(number) => *number == 0.0,
        }
    }

    pub fn is_exact_integer(&self) -> bool {
        matches!(self, Number::Int(_) | Number::Uint(_))
    }

    pub fn compare(&self, other: &Number) -> Ordering {
        match (self, other) {
            (Number::Float(_), _) | (_, Number::Float(_)) => {
                self.to_f64().partial_cmp(&other.to_f64()).unwrap_or(Ordering::Equal)
            }
            (Number::Decimal { .. }, _) | (_, Number::Decimal { .. }) => {
                self.to_decimal().cmp(&other.to_decimal())
            }
            _ => self.to_i128().cmp(&other.to_i128()),
        }
    }
}

/// A value's number; none for NULL. A text counts as the float that it begins with, and one that
/// is more than that leaves a warning.
pub fn number(value: &Value, env: &mut Env) -> Option<Number> {
    Some(match value {
        Value::Null => return None,
        Value::Int(number) => Number::Int(*number),
        Value::Uint(number) => Number::Uint(*number),
        Value::Decimal(number) => Number::decimal(number.clone()),
        Value::Float(number) => Number::Float(*number),
        Value::Text(text) => Number::Float(text_to_f64(text, env)),
        Value::Bytes(bytes) => Number::Float(text_to_f64(&String::from_utf8_lossy(bytes), env)),
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => temporal_number(value),
    })
}

/// A value's number without warnings, as a float.
pub fn leading_number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Int(number) => *number as f64,
        Value::Uint(number) => *number as f64,
        Value::Decimal(number) => {
            // Only zero or not matters for a decimal too small for a float.
            let float = decimal_to_f64(number);
            if float == 0.0 && number.sign() != bigdecimal::num_bigint::Sign::NoSign {
                f64::MIN_POSITIVE
            } else {
                float
            }
        }
        Value::Float(number) => *number,
        Value::Text(text) => float_prefix(text).0,
        Value::Bytes(bytes) => float_prefix(&String::from_utf8_lossy(bytes)).0,
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => temporal_number(value).to_f64(),
    }
}

pub fn truth(value: &Value, env: &mut Env) -> Option<bool> {
    match value {
        Value::Null => None,
        Value::Int(number) => Some(*number != 0),
        other => number(other, env).map(|number| !number.is_zero()),
    }
}

/// As an integer for bit operations, casts and lengths: a text counts as the integer that it
/// begins with.
pub fn integer(value: &Value, env: &mut Env) -> Option<i128> {
    match value {
        Value::Text(text) => Some(text_to_integer(text, env)),
        Value::Bytes(bytes) => Some(text_to_integer(&String::from_utf8_lossy(bytes), env)),
        Value::DateTime(at) => {
            let rounded = super::temporal::round_fraction(*at, 0).unwrap_or(*at);
            Some(temporal_number(&Value::DateTime(rounded)).to_i128())
        }
        Value::Time(micros) => {
            let rounded = super::temporal::round_micros(*micros, 0);
            Some(temporal_number(&Value::Time(rounded)).to_i128())
        }
        other => number(other, env).map(|number| number.to_i128()),
    }
}

fn text_to_f64(text: &str, env: &mut Env) -> f64 {
    let (number, rest) = float_prefix(text);
    if !rest.trim_matches(is_blank).is_empty() || text.trim_matches(is_blank).is_empty() {
        env.warnings.push(SqlError::truncated_value("DOUBLE", text));
    }
    number
}

fn text_to_integer(text: &str, env: &mut Env) -> i128 {
    let trimmed = text.trim_start_matches(is_blank);
    let digits_from = usize::from(trimmed.starts_with(['+', '-']));
    let digits = trimmed[digits_from..].bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = trimmed.split_at(digits_from + digits);
    if digits == 0 || !rest.trim_matches(is_blank).is_empty() {
        env.warnings.push(SqlError::truncated_value("INTEGER", text));
    }
    if digits == 0 {
        return 0;
    }
    match number.parse::<i128>() {
        Ok(number) => number,
        Err(_) if number.starts_with('-') => i128::from(i64::MIN),
        Err(_) => i128::from(u64::MAX),
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// The longest number at a text's start, and what follows it.
pub fn float_prefix(text: &str) -> (f64, &str) {
    let trimmed = text.trim_start_matches(is_blank);
    let bytes = trimmed.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(end);
    end += whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return (0.0, trimmed);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = if end + 1 + sign <= bytes.len() { digits(end + 1 + sign) } else { 0 };
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let number: f64 = trimmed[..end].parse().unwrap_or(0.0);
    (number.clamp(f64::MIN, f64::MAX), &trimmed[end..])
}

/// A decimal from digits with an optional sign and point; none for anything else.
pub fn parse_decimal(text: &str) -> Option<BigDecimal> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let joined = format!("{whole}{fraction}");
    let magnitude: BigInt = joined.parse().ok()?;
    let signed = if text.starts_with('-') { -magnitude } else { magnitude };
    Some(BigDecimal::new(signed, fraction.len() as i64))
}

/// A text or a float as a decimal; the float by the shortest digits that read back.
pub fn float_to_decimal(number: f64) -> BigDecimal {
    if !number.is_finite() {
        return BigDecimal::from(0);
    }
    // Rust never prints an exponent with `{}`, so the digits are all there.
    parse_decimal(&format!("{number}")).unwrap_or_default()
}

pub fn decimal_to_f64(value: &BigDecimal) -> f64 {
    let text = value.to_plain_string();
    text.parse().unwrap_or(0.0)
}

fn decimal_to_i128(value: &BigDecimal) -> i128 {
    let rounded = value.with_scale_round(0, RoundingMode::HalfUp);
    rounded.to_i128().unwrap_or(match value.sign() {
        bigdecimal::num_bigint::Sign::Minus => i128::from(i64::MIN) - 1,
        _ => i128::from(u64::MAX) + 1,
    })
}

/// 20260131, 20260131235959 or 235959, with a fraction where there is one.
fn temporal_number(value: &Value) -> Number {
    let with_micros = |seconds: i64, micros: i64| {
        if micros == 0 {
            return Number::Int(seconds);
        }
        let signed = BigInt::from(seconds) * 1_000_000 + micros;
        Number::decimal(BigDecimal::new(signed, 6))
    };
    match value {
        Value::Date(date) => Number::Int(date_number(*date)),
        Value::DateTime(at) => {
            let time = i64::from(at.hour()) * 10_000
                + i64::from(at.minute()) * 100
                + i64::from(at.second());
            let seconds = date_number(at.date()) * 1_000_000 + time;
            with_micros(seconds, i64::from(at.subsec_nanosecond()) / 1000)
        }
        Value::Time(micros) => {
            let seconds = micros / 1_000_000;
            let digits = seconds / 3600 * 10_000 + seconds / 60 % 60 * 100 + seconds % 60;
            with_micros(digits, micros % 1_000_000)
        }
        _ => Number::Int(0),
    }
}

fn date_number(date: jiff::civil::Date) -> i64 {
    i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
}
