//! Functions of numbers.

use std::cmp::Ordering;

use bigdecimal::RoundingMode;

use super::{Function, MANY, float, int, strict, uint, unknown};
use crate::collation::Collation;
use crate::eval::arithmetic::{self, to_bits};
use crate::eval::compare::compare;
use crate::eval::kind::Facts;
use crate::eval::number::{Number, SCALE_MAX, integer, number};
use crate::eval::{Env, Kind};
use crate::sql::ast::BinaryOp;
use crate::sql_error::SqlError;
use crate::value::Value;

type Result_ = Result<Value, SqlError>;

pub const FUNCTIONS: &[Function] = &[
    strict("abs", 1, 1, numeric, abs),
    strict("sign", 1, 1, int, |args, _, env| {
        let order = number(&args[0], env).map(|number| number.compare(&Number::Int(0)));
        Ok(order.map_or(Value::Null, |order| Value::Int(order as i64)))
    }),
    strict("ceil", 1, 1, unknown, |args, _, env| Ok(to_whole(args, RoundingMode::Ceiling, env))),
    strict("ceiling", 1, 1, unknown, |args, _, env| Ok(to_whole(args, RoundingMode::Ceiling, env))),
    strict("floor", 1, 1, unknown, |args, _, env| Ok(to_whole(args, RoundingMode::Floor, env))),
    strict("round", 1, 2, unknown, |args, _, env| Ok(round(args, RoundingMode::HalfUp, env))),
    strict("truncate", 2, 2, unknown, |args, _, env| Ok(round(args, RoundingMode::Down, env))),
    strict("mod", 2, 2, unknown, |args, _, env| {
        let sides = number(&args[0], env).zip(number(&args[1], env));
        let Some((left, right)) = sides else { return Ok(Value::Null) };
        let text = format!("({} % {})", args[0], args[1]);
        let result = arithmetic::binary(BinaryOp::Modulo, &left, &right, &text, env)?;
        Ok(result.map_or(Value::Null, Number::into_value))
    }),
    strict("greatest", 2, MANY, unknown, |args, collation, env| {
        Ok(extreme(args, Ordering::Greater, collation, env))
    }),
    strict("least", 2, MANY, unknown, |args, collation, env| {
        Ok(extreme(args, Ordering::Less, collation, env))
    }),
    strict("pi", 0, 0, float, |_, _, _| Ok(Value::Float(std::f64::consts::PI))),
    strict("sqrt", 1, 1, float, |args, _, env| Ok(of_float(args, f64::sqrt, env))),
    strict("exp", 1, 1, float, |args, _, env| Ok(of_float(args, f64::exp, env))),
    strict("ln", 1, 1, float, |args, _, env| Ok(of_float(args, f64::ln, env))),
    strict("log2", 1, 1, float, |args, _, env| Ok(of_float(args, f64::log2, env))),
    strict("log10", 1, 1, float, |args, _, env| Ok(of_float(args, f64::log10, env))),
    strict("pow", 2, 2, float, power),
    strict("power", 2, 2, float, power),
    strict("bit_count", 1, 1, int, |args, _, env| {
        let bits = to_bits(integer(&args[0], env).unwrap_or(0));
        Ok(Value::Int(i64::from(bits.count_ones())))
    }),
    strict("crc32", 1, 1, uint, |args, collation, _| {
        Ok(Value::Uint(u64::from(crc32(&super::text::encoded(&args[0], collation)))))
    }),
    strict("rand", 0, 1, float, |_, _, env| match &mut env.chance {
        Some(chance) => Ok(Value::Float(chance())),
        None => Err(SqlError::not_supported("RAND()")),
    }),
];

fn numeric(args: &[Facts]) -> Facts {
    let kind = match args[0].kind {
        Kind::Text | Kind::Bytes | Kind::Single => Kind::Float,
        Kind::Date | Kind::DateTime | Kind::Time => Kind::Unknown,
        other => other,
    };
    Facts { decimals: args[0].decimals, ..Facts::new(kind) }
}

fn abs(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let Some(number) = number(&args[0], env) else { return Ok(Value::Null) };
    let text = format!("abs({})", args[0]);
    let negative = number.compare(&Number::Int(0)) == Ordering::Less;
    Ok(if negative { arithmetic::negate(&number, &text)? } else { number }.into_value())
}

/// CEIL and FLOOR: an integer where it fits, else what it was.
fn to_whole(args: &[Value], mode: RoundingMode, env: &mut Env) -> Value {
    match number(&args[0], env) {
        None => Value::Null,
        Some(Number::Float(number)) => {
            Value::Float(if mode == RoundingMode::Floor { number.floor() } else { number.ceil() })
        }
        Some(Number::Decimal { value, .. }) => {
            let whole = value.with_scale_round(0, mode);
            match bigdecimal::ToPrimitive::to_i64(&whole) {
                Some(number) => Value::Int(number),
                None => Value::Decimal(whole),
            }
        }
        Some(exact) => exact.into_value(),
    }
}

/// ROUND and TRUNCATE: away from zero at a half; negative places are before the point.
fn round(args: &[Value], mode: RoundingMode, env: &mut Env) -> Value {
    let places = args.get(1).and_then(|places| integer(places, env)).unwrap_or(0);
    let places = places.clamp(-100, i128::from(SCALE_MAX)) as i64;
    match number(&args[0], env) {
        None => Value::Null,
        Some(Number::Float(number)) => Value::Float(round_float(number, places, mode)),
        Some(Number::Decimal { value, scale }) => {
            let rounded = value.with_scale_round(places.min(scale), mode);
            Value::Decimal(rounded.with_scale(places.min(scale).max(0)))
        }
        Some(exact) if 0 <= places => exact.into_value(),
        Some(exact) => {
            let rounded = exact.to_decimal().with_scale_round(places, mode).with_scale(0);
            let number = bigdecimal::ToPrimitive::to_i128(&rounded).unwrap_or(0);
            match exact {
                Number::Uint(_) => Value::Uint(to_bits(number)),
                _ => Value::Int(number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64),
            }
        }
    }
}

/// A float rounds to even at a half (rint), as the C library does.
fn round_float(number: f64, places: i64, mode: RoundingMode) -> f64 {
    let whole = |number: f64| {
        if mode == RoundingMode::Down { number.trunc() } else { number.round_ties_even() }
    };
    let factor = 10_f64.powi(places.unsigned_abs() as i32);
    let rounded =
        if 0 <= places { whole(number * factor) / factor } else { whole(number / factor) * factor };
    if rounded.is_finite() { rounded } else { number }
}

fn extreme(args: &[Value], wanted: Ordering, collation: Collation, env: &mut Env) -> Value {
    // A text among numbers makes texts of all.
    let is_number = |arg: &Value| {
        matches!(arg, Value::Int(_) | Value::Uint(_) | Value::Decimal(_) | Value::Float(_))
    };
    let is_text = |arg: &Value| matches!(arg, Value::Text(_) | Value::Bytes(_));
    let texts: Vec<Value>;
    let args = match args.iter().any(is_number) && args.iter().any(is_text) {
        true => {
            texts = args.iter().map(|arg| Value::text(&arg.to_string())).collect();
            &texts[..]
        }
        false => args,
    };
    let mut best = &args[0];
    for arg in &args[1..] {
        // Of equal ones GREATEST takes the last, LEAST the first.
        let order = compare(arg, best, collation, env);
        let last = wanted == Ordering::Greater && order == Some(Ordering::Equal);
        if order == Some(wanted) || last {
            best = arg;
        }
    }
    best.clone()
}

/// Outside of its domain a function is NULL.
fn of_float(args: &[Value], function: fn(f64) -> f64, env: &mut Env) -> Value {
    let result = number(&args[0], env).map(|number| function(number.to_f64()));
    result.filter(|result| result.is_finite()).map_or(Value::Null, Value::Float)
}

fn power(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let sides = number(&args[0], env).zip(number(&args[1], env));
    let Some((base, exponent)) = sides else { return Ok(Value::Null) };
    let result = base.to_f64().powf(exponent.to_f64());
    if result.is_finite() {
        return Ok(Value::Float(result));
    }
    let text = format!("pow({},{})", args[0], args[1]);
    Err(SqlError::value_out_of_range("DOUBLE", &text))
}

/// The checksum of zlib, as CRC32() gives it.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
