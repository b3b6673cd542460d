//! Arithmetic: `+ - * / div %`, unary minus, bit operations, with MySQL's result types.
//!
//! Integers give integers (unsigned if a side is), decimals give decimals, anything else floats.
//! A result that does not fit is 1690, never a wrap.

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode};

use super::Env;
use super::number::{DIGITS_MAX, Number, SCALE_MAX};
use crate::sql::ast::BinaryOp;
use crate::sql_error::SqlError;

/// `div_precision_increment`.
const DIVISION_SCALE: i64 = 4;
/// A DECIMAL is held in words of nine digits; a quotient fills its last word.
const WORD_DIGITS: i64 = 9;

/// None is NULL: a division by zero. `text` is the expression, for 1690.
pub fn binary(
    op: BinaryOp,
    left: &Number,
    right: &Number,
    text: &str,
    env: &mut Env,
) -> Result<Option<Number>, SqlError> {
    let divides = matches!(op, BinaryOp::Divide | BinaryOp::IntegerDivide | BinaryOp::Modulo);
    if divides && right.is_zero() {
        return division_by_zero(env);
    }
    let result = match (op, left, right) {
        (BinaryOp::Divide, Number::Float(_), _) | (BinaryOp::Divide, _, Number::Float(_)) => {
            float(left.to_f64() / right.to_f64(), text)?
        }
        (BinaryOp::Divide, _, _) => quotient(left, right, text)?,
        (BinaryOp::IntegerDivide, _, _) => integer_quotient(left, right, text)?,
        (_, Number::Float(_), _) | (_, _, Number::Float(_)) => {
            let (a, b) = (left.to_f64(), right.to_f64());
            float(
                match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Subtract => a - b,
                    BinaryOp::Multiply => a * b,
                    _ => a % b,
                },
                text,
            )?
        }
        (_, Number::Decimal { .. }, _) | (_, _, Number::Decimal { .. }) => {
            exact(op, left, right, text)?
        }
        _ => integer(op, left, right, text, env)?,
    };
    Ok(Some(result))
}

/// The same for two signed integers, where it needs no other type and no message.
pub fn small(op: BinaryOp, left: i64, right: i64) -> Option<i64> {
    match op {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Subtract => left.checked_sub(right),
        BinaryOp::Multiply => left.checked_mul(right),
        _ => None,
    }
}

pub fn negate(operand: &Number, text: &str) -> Result<Number, SqlError> {
    match operand {
        Number::Int(number) => match number.checked_neg() {
            Some(negated) => Ok(Number::Int(negated)),
            // -(-9223372036854775808) is a decimal to MySQL where it is a literal; the range
            // error is what an expression gives.
            None => Err(SqlError::value_out_of_range("BIGINT", text)),
        },
        Number::Uint(number) => match i64::try_from(-i128::from(*number)) {
            Ok(negated) => Ok(Number::Int(negated)),
            Err(_) => Err(SqlError::value_out_of_range("BIGINT", text)),
        },
        Number::Decimal { value, scale } => Ok(Number::Decimal { value: -value, scale: *scale }),
        Number::Float(number) => Ok(Number::Float(-number)),
    }
}

/// Bits of both sides as 64-bit numbers; negative ones wrap.
pub fn bits(op: BinaryOp, left: i128, right: i128) -> u64 {
    let (a, b) = (to_bits(left), to_bits(right));
    match op {
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::ShiftLeft => u32::try_from(b).ok().and_then(|by| a.checked_shl(by)).unwrap_or(0),
        _ => u32::try_from(b).ok().and_then(|by| a.checked_shr(by)).unwrap_or(0),
    }
}

/// Two's complement; what does not fit is cut to the nearest that does.
pub fn to_bits(number: i128) -> u64 {
    if number < 0 {
        number.max(i128::from(i64::MIN)) as i64 as u64
    } else {
        number.min(i128::from(u64::MAX)) as u64
    }
}

fn division_by_zero(env: &mut Env) -> Result<Option<Number>, SqlError> {
    if !env.mode.error_for_division_by_zero {
        return Ok(None);
    }
    if env.strict_change {
        return Err(SqlError::division_by_zero());
    }
    env.warnings.push(SqlError::division_by_zero());
    Ok(None)
}

fn float(result: f64, text: &str) -> Result<Number, SqlError> {
    if result.is_finite() {
        Ok(Number::Float(result))
    } else {
        Err(SqlError::value_out_of_range("DOUBLE", text))
    }
}

fn integer(
    op: BinaryOp,
    left: &Number,
    right: &Number,
    text: &str,
    env: &Env,
) -> Result<Number, SqlError> {
    let (a, b) = (left.to_i128(), right.to_i128());
    let is_unsigned = |number: &Number| matches!(number, Number::Uint(_));
    let mut unsigned = is_unsigned(left) || is_unsigned(right);
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => {
            unsigned &= !env.mode.no_unsigned_subtraction;
            a.checked_sub(b)
        }
        BinaryOp::Multiply => a.checked_mul(b),
        _ => {
            // A remainder has the sign, and the type, of what is divided.
            unsigned = is_unsigned(left);
            a.checked_rem(b)
        }
    };
    in_range(result, unsigned, text)
}

fn in_range(result: Option<i128>, unsigned: bool, text: &str) -> Result<Number, SqlError> {
    let (number, kind) = if unsigned {
        let number = result.and_then(|number| u64::try_from(number).ok()).map(Number::Uint);
        (number, "BIGINT UNSIGNED")
    } else {
        (result.and_then(|number| i64::try_from(number).ok()).map(Number::Int), "BIGINT")
    };
    number.ok_or_else(|| SqlError::value_out_of_range(kind, text))
}

fn scale_of(number: &Number) -> i64 {
    match number {
        Number::Decimal { scale, .. } => *scale,
        _ => 0,
    }
}

fn exact(op: BinaryOp, left: &Number, right: &Number, text: &str) -> Result<Number, SqlError> {
    let (a, b) = (left.to_decimal(), right.to_decimal());
    let (scale_a, scale_b) = (scale_of(left), scale_of(right));
    let (value, scale) = match op {
        BinaryOp::Add => (a + b, scale_a.max(scale_b)),
        BinaryOp::Subtract => (a - b, scale_a.max(scale_b)),
        BinaryOp::Multiply => (a * b, scale_a + scale_b),
        _ => (a % b, scale_a.max(scale_b)),
    };
    checked_decimal(value, scale.min(SCALE_MAX), text)
}

fn checked_decimal(value: BigDecimal, scale: i64, text: &str) -> Result<Number, SqlError> {
    let value = if value.fractional_digit_count() > DIGITS_MAX {
        value.with_scale_round(DIGITS_MAX, RoundingMode::Down)
    } else {
        value
    };
    if value.digits() as i64 - value.fractional_digit_count() > DIGITS_MAX {
        return Err(SqlError::value_out_of_range("DECIMAL", text));
    }
    Ok(Number::Decimal { value, scale })
}

fn quotient(left: &Number, right: &Number, text: &str) -> Result<Number, SqlError> {
    let (a, b) = (left.to_decimal(), right.to_decimal());
    let (scale_a, scale_b) = (a.fractional_digit_count().max(0), b.fractional_digit_count().max(0));
    let (words_a, words_b) = (to_words(scale_a), to_words(scale_b));
    let spare = words_a - scale_a + words_b - scale_b;
    let inner = to_words(words_a + words_b + (DIVISION_SCALE - spare).max(0)).min(DIGITS_MAX);
    let value = divide(&a, &b, inner);
    // MySQL 9 goes on with what it shows; before, it went on with all digits.
    let scale = (scale_of(left) + DIVISION_SCALE).min(SCALE_MAX);
    checked_decimal(value.with_scale_round(scale, RoundingMode::HalfUp), scale, text)
}

fn to_words(digits: i64) -> i64 {
    (digits + WORD_DIGITS - 1) / WORD_DIGITS * WORD_DIGITS
}

/// Cut, not rounded, at `scale` digits.
fn divide(a: &BigDecimal, b: &BigDecimal, scale: i64) -> BigDecimal {
    let (a_digits, a_scale) = a.as_bigint_and_exponent();
    let (b_digits, b_scale) = b.as_bigint_and_exponent();
    let shift = scale + b_scale - a_scale;
    let ten = |power: i64| BigInt::from(10).pow(u32::try_from(power).unwrap_or(0));
    let quotient = if 0 <= shift {
        a_digits * ten(shift) / b_digits
    } else {
        a_digits / (b_digits * ten(-shift))
    };
    BigDecimal::new(quotient, scale)
}

fn integer_quotient(left: &Number, right: &Number, text: &str) -> Result<Number, SqlError> {
    let unsigned = matches!(left, Number::Uint(_)) || matches!(right, Number::Uint(_));
    if left.is_exact_integer() && right.is_exact_integer() {
        return in_range(left.to_i128().checked_div(right.to_i128()), unsigned, text);
    }
    let quotient = divide(&left.to_decimal(), &right.to_decimal(), 0);
    let number = bigdecimal::ToPrimitive::to_i128(&quotient);
    in_range(number, unsigned, text)
}
