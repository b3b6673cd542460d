//! What a column makes of a value: MySQL's `Field::store`.
//!
//! In strict mode a value that does not fit is an error; without, the nearest that fits and a
//! warning. Blanks that a VARCHAR has too many are cut with a note in either mode, as is what a
//! DECIMAL has too many digits behind the point.

use bigdecimal::{BigDecimal, RoundingMode};
use jiff::civil::DateTime;

use super::cast::{bytes_of, decimal, largest};
use super::number::{float_prefix, number};
use super::{Env, temporal};
use crate::collation::Collation;
use crate::sql::ast::ColumnType;
use crate::sql_error::SqlError;
use crate::value::Value;

/// The value as the column holds it, and the warnings that the conversion leaves. NULL passes:
/// whether a column takes it is the caller's to check (1048).
pub fn store(
    value: &Value,
    ty: &ColumnType,
    column: &str,
    row: usize,
    strict: bool,
) -> Result<(Value, Vec<SqlError>), SqlError> {
    if value.is_null() {
        return Ok((Value::Null, Vec::new()));
    }
    let target = Target { ty, column, row };
    let stored = match &*ty.name {
        "tinyint" => target.integer(value, 8),
        "smallint" => target.integer(value, 16),
        "mediumint" => target.integer(value, 24),
        "int" => target.integer(value, 32),
        "bigint" => target.integer(value, 64),
        "year" => target.year(value),
        "bit" => target.bit(value),
        "decimal" => target.decimal(value),
        "float" | "double" => target.float(value),
        "date" => target.date(value),
        "datetime" | "timestamp" => target.datetime(value),
        "time" => target.time(value),
        "enum" => target.enumeration(value),
        "set" => target.set(value),
        "json" => target.json(value),
        _ => target.string(value),
    }?;
    match stored.problem {
        Some(Problem::Error(error) | Problem::Graded { error, .. }) if strict => Err(error),
        Some(Problem::NoMoment(error)) if strict => Err(error),
        Some(Problem::NoMoment(_)) => Err(SqlError::not_supported("zero dates")),
        Some(Problem::Error(warning)) => Ok((stored.value, vec![warning])),
        Some(Problem::Note(note) | Problem::Graded { warning: note, note: true, .. }) => {
            Ok((stored.value, vec![note.as_note()]))
        }
        Some(Problem::Graded { warning, .. }) => Ok((stored.value, vec![warning])),
        Some(Problem::Notes { strict: own, .. }) if strict => {
            Ok((stored.value, vec![own.as_note()]))
        }
        Some(Problem::Notes { lenient, .. }) => Ok((stored.value, vec![lenient.as_note()])),
        Some(Problem::Both { error, warnings }) => match strict {
            true => Err(error),
            false => Ok((stored.value, warnings)),
        },
        None => Ok((stored.value, Vec::new())),
    }
}

/// A time of the day that becomes a date stands on today's.
pub fn dated(value: Value, ty: &ColumnType, now: DateTime) -> Value {
    match (&value, &*ty.name) {
        (Value::Time(_), "date" | "datetime" | "timestamp") => {
            temporal::to_datetime(&value, now).map_or(Value::Null, Value::DateTime)
        }
        _ => value,
    }
}

struct Stored {
    value: Value,
    problem: Option<Problem>,
}

enum Problem {
    /// An error in strict mode, else a warning.
    Error(SqlError),
    /// No date or time at all: an error in strict mode, else a zero date.
    NoMoment(SqlError),
    /// A note in any mode.
    Note(SqlError),
    /// A note, in other words in strict mode.
    Notes { strict: SqlError, lenient: SqlError },
    /// An error in strict mode, and in other words a warning, or a note.
    Graded { error: SqlError, warning: SqlError, note: bool },
    /// An error in strict mode, else several warnings.
    Both { error: SqlError, warnings: Vec<SqlError> },
}

fn fits(value: Value) -> Result<Stored, SqlError> {
    Ok(Stored { value, problem: None })
}

fn warns(value: Value, error: SqlError, warning: SqlError) -> Result<Stored, SqlError> {
    Ok(Stored { value, problem: Some(Problem::Graded { error, warning, note: false }) })
}

fn fails(value: Value, error: SqlError) -> Result<Stored, SqlError> {
    Ok(Stored { value, problem: Some(Problem::Error(error)) })
}

struct Target<'a> {
    ty: &'a ColumnType,
    column: &'a str,
    row: usize,
}

impl Target<'_> {
    fn out_of_range(&self) -> SqlError {
        SqlError::out_of_range(self.column, self.row)
    }

    fn truncated(&self) -> SqlError {
        SqlError::data_truncated(self.column, self.row)
    }

    fn incorrect(&self, kind: &str, value: &Value) -> SqlError {
        SqlError::incorrect_value(kind, &shown(value), self.column, self.row)
    }

    fn integer(&self, value: &Value, bits: u32) -> Result<Stored, SqlError> {
        let (low, high) = match self.ty.unsigned {
            true => (0, (1_i128 << bits) - 1),
            false => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        };
        let (number, problem) = match value {
            Value::Text(_) | Value::Bytes(_) => self.integer_of_text(&value.to_string(), value),
            Value::DateTime(at) => {
                let rounded = temporal::round_fraction(*at, 0).unwrap_or(*at);
                (whole(&Value::DateTime(rounded)), None)
            }
            Value::Time(micros) => (whole(&Value::Time(temporal::round_micros(*micros, 0))), None),
            other => (whole(other), None),
        };
        let clamped = number.clamp(low, high);
        let stored = match self.ty.unsigned {
            true => Value::Uint(clamped as u64),
            false => Value::Int(clamped as i64),
        };
        match problem {
            _ if clamped != number => fails(stored, self.out_of_range()),
            Some(error) => fails(stored, error),
            None => fits(stored),
        }
    }

    /// A text with a point or an exponent is rounded; what follows the number is truncation, no
    /// number at all is incorrect.
    fn integer_of_text(&self, text: &str, value: &Value) -> (i128, Option<SqlError>) {
        let trimmed = text.trim();
        if let Ok(number) = trimmed.parse::<i128>() {
            return (number, None);
        }
        let (float, rest) = float_prefix(trimmed);
        let used = &trimmed[..trimmed.len() - rest.len()];
        let number = match super::number::parse_decimal(used) {
            Some(exact) => whole(&Value::Decimal(exact)),
            None => whole(&Value::Float(float)),
        };
        let problem = if used.is_empty() {
            Some(self.incorrect("integer", value))
        } else if rest.trim().is_empty() {
            None
        } else {
            Some(self.truncated())
        };
        (number, problem)
    }

    fn year(&self, value: &Value) -> Result<Stored, SqlError> {
        let (number, problem) = match value {
            Value::Text(_) | Value::Bytes(_) => self.integer_of_text(&value.to_string(), value),
            Value::Date(date) => (i128::from(date.year()), None),
            Value::DateTime(at) => (i128::from(at.year()), None),
            other => (whole(other), None),
        };
        let is_text = matches!(value, Value::Text(_) | Value::Bytes(_));
        let year = match number {
            0 if is_text && value.to_string().trim().len() != 4 => 2000,
            1..=69 => number + 2000,
            70..=99 => number + 1900,
            0 | 1901..=2155 => number,
            _ => return fails(Value::Int(0), self.out_of_range()),
        };
        match problem {
            Some(error) => fails(Value::Int(year as i64), error),
            None => fits(Value::Int(year as i64)),
        }
    }

    /// A BIT is held as its number.
    fn bit(&self, value: &Value) -> Result<Stored, SqlError> {
        let width = self.ty.length.unwrap_or(1).clamp(1, 64);
        let high = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        let number = match value {
            Value::Text(_) | Value::Bytes(_) => {
                let bytes = bytes_of(value);
                let significant = bytes.iter().skip_while(|&&byte| byte == 0);
                if 8 < significant.clone().count() {
                    return fails(Value::Uint(high), self.too_long());
                }
                significant.fold(0, |bits, &byte| bits << 8 | u128::from(byte)) as i128
            }
            other => i128::from(super::arithmetic::to_bits(whole(other))),
        };
        if number <= i128::from(high) {
            fits(Value::Uint(number as u64))
        } else {
            fails(Value::Uint(high), self.too_long())
        }
    }

    fn decimal(&self, value: &Value) -> Result<Stored, SqlError> {
        let digits = self.ty.length.unwrap_or(10);
        let scale = self.ty.scale.unwrap_or(0);
        let mut problem = None;
        let exact = match value {
            Value::Text(_) | Value::Bytes(_) => {
                let text = value.to_string();
                let (_, rest) = float_prefix(&text);
                if text.trim().len() == rest.trim().len() {
                    problem = Some(Problem::Error(self.incorrect("decimal", value)));
                } else if !rest.trim().is_empty() {
                    let error = self.incorrect("decimal", value);
                    problem =
                        Some(Problem::Graded { error, warning: self.truncated(), note: true });
                }
                exact_of_text(&text)
            }
            other => decimal(other, &mut scratch()),
        };
        let rounded = exact.with_scale_round(i64::from(scale), RoundingMode::HalfUp);
        let negative = rounded.sign() == bigdecimal::num_bigint::Sign::Minus;
        if self.ty.unsigned && negative {
            let zero = BigDecimal::from(0).with_scale(i64::from(scale));
            return fails(Value::Decimal(zero), self.out_of_range());
        }
        let is_zero = rounded.sign() == bigdecimal::num_bigint::Sign::NoSign;
        if u64::from(digits) < rounded.digits() && !is_zero {
            let most = Value::Decimal(largest(digits, scale, negative));
            return match problem {
                Some(Problem::Graded { error, warning, .. }) => {
                    let warnings = vec![warning.as_note(), self.out_of_range()];
                    Ok(Stored { value: most, problem: Some(Problem::Both { error, warnings }) })
                }
                _ => fails(most, self.out_of_range()),
            };
        }
        if problem.is_none() && rounded != exact {
            problem = Some(Problem::Note(self.truncated()));
        }
        Ok(Stored { value: Value::Decimal(rounded), problem })
    }

    fn float(&self, value: &Value) -> Result<Stored, SqlError> {
        let mut problem = None;
        let exact = match value {
            Value::Text(_) | Value::Bytes(_) => {
                let text = value.to_string();
                let (float, rest) = float_prefix(&text);
                // No number at all, or something behind it.
                if text.trim().len() == rest.trim().len() || !rest.trim().is_empty() {
                    problem = Some(self.incorrect(&self.ty.name.to_ascii_uppercase(), value));
                }
                float
            }
            other => number(other, &mut scratch()).map_or(0.0, |number| number.to_f64()),
        };
        let single = &*self.ty.name == "float";
        let mut stored = if single { super::cast::single(exact) } else { exact };
        if let (Some(digits), Some(scale)) = (self.ty.length, self.ty.scale) {
            let factor = 10_f64.powi(scale.min(30) as i32);
            let high = 10_f64.powi(digits.saturating_sub(scale) as i32) - 1.0 / factor;
            stored = (stored * factor).round_ties_even() / factor;
            if high < stored.abs() {
                return fails(Value::Float(high.copysign(stored)), self.out_of_range());
            }
        }
        if single && f64::from(f32::MAX) < exact.abs() {
            return fails(Value::Float(f64::from(f32::MAX).copysign(exact)), self.out_of_range());
        }
        if self.ty.unsigned && stored < 0.0 {
            return fails(Value::Float(0.0), self.out_of_range());
        }
        match problem {
            Some(error) => fails(Value::Float(stored), error),
            None => fits(Value::Float(stored)),
        }
    }

    fn no_moment(&self, kind: &str, value: &Value) -> Result<Stored, SqlError> {
        let text = shown(value);
        // There is no zero date here, which the column would hold without strict mode.
        let error = SqlError::incorrect_temporal(kind, &text, self.column, self.row);
        Ok(Stored { value: Value::Null, problem: Some(Problem::NoMoment(error)) })
    }

    fn date(&self, value: &Value) -> Result<Stored, SqlError> {
        match to_moment(value) {
            None => self.no_moment("date", value),
            Some(at) => {
                let cut = temporal::micros_of_day(at.time()) != 0;
                let problem = cut.then(|| {
                    let text = shown(value);
                    let strict = SqlError::incorrect_temporal("date", &text, self.column, self.row);
                    Problem::Notes { strict, lenient: self.truncated() }
                });
                Ok(Stored { value: Value::Date(at.date()), problem })
            }
        }
    }

    fn datetime(&self, value: &Value) -> Result<Stored, SqlError> {
        let digits = self.ty.length.unwrap_or(0);
        let at = to_moment(value).and_then(|at| temporal::round_fraction(at, digits));
        let in_range = |at: &DateTime| {
            &*self.ty.name != "timestamp"
                || (1..=2_147_483_647).contains(&(temporal::unix_micros(*at) / 1_000_000))
        };
        match at.filter(in_range) {
            None => self.no_moment("datetime", value),
            Some(at) => fits(Value::DateTime(at)),
        }
    }

    fn time(&self, value: &Value) -> Result<Stored, SqlError> {
        let digits = self.ty.length.unwrap_or(0);
        let is_text = matches!(value, Value::Text(_) | Value::Bytes(_));
        if is_text && value.to_string().trim().is_empty() {
            return fits(Value::Time(0));
        }
        if let Value::Text(text) = value
            && text.trim().len() < 12
            && text.trim_start().trim_start_matches('-').contains('-')
        {
            // Too short for a date and a time: the digits at its beginning are a time.
            let error = SqlError::incorrect_temporal("time", text, self.column, self.row);
            let start: String = text.trim().chars().take_while(|c| c.is_ascii_digit()).collect();
            return match temporal::parse_time(&start) {
                Some(micros) => warns(Value::Time(micros), error, self.truncated()),
                None => self.no_moment("time", value),
            };
        }
        if let Value::Text(text) = value
            && temporal::parse_time(text).is_none()
            && let Some(micros) = temporal::to_time(value)
        {
            let error = SqlError::incorrect_temporal("time", text, self.column, self.row);
            let stored = Value::Time(temporal::round_micros(micros, digits));
            return warns(stored, error, self.truncated());
        }
        match temporal::to_time(value) {
            None => self.no_moment("time", value),
            Some(micros) => {
                let stored = Value::Time(temporal::round_micros(micros, digits));
                let text = value.to_string();
                let incorrect =
                    || SqlError::incorrect_temporal("time", &text, self.column, self.row);
                let dated = is_text && text.trim().trim_start_matches('-').contains('-');
                if micros.abs() == temporal::TIME_MAX && !text.contains("838:59:59") {
                    return warns(stored, incorrect(), self.out_of_range());
                }
                let (strict, lenient) = (incorrect(), self.truncated());
                let problem = dated.then_some(Problem::Notes { strict, lenient });
                Ok(Stored { value: stored, problem })
            }
        }
    }

    fn enumeration(&self, value: &Value) -> Result<Stored, SqlError> {
        let by_number = |number: i128| {
            usize::try_from(number)
                .ok()
                .filter(|&at| 0 < at)
                .and_then(|at| self.ty.values.get(at - 1))
        };
        let text = value.to_string();
        let found = match value {
            Value::Text(_) | Value::Bytes(_) => {
                let named = self.ty.values.iter().find(|item| self.same(item, &text));
                named.or_else(|| text.parse().ok().and_then(by_number))
            }
            other => by_number(whole(other)),
        };
        match found {
            Some(item) => fits(Value::Text(item.clone())),
            None => fails(Value::text(""), self.truncated()),
        }
    }

    fn set(&self, value: &Value) -> Result<Stored, SqlError> {
        let text = value.to_string();
        let given: Vec<&str> = text.split(',').filter(|item| !item.is_empty()).collect();
        let known = |item: &&str| self.ty.values.iter().any(|value| self.same(value, item));
        let chosen: Vec<&str> = match value {
            Value::Text(_) | Value::Bytes(_) => {
                let wanted = |value: &&str| given.iter().any(|item| self.same(value, item));
                self.ty.values.iter().map(|value| &**value).filter(wanted).collect()
            }
            other => {
                let bits = super::arithmetic::to_bits(whole(other));
                let set = |at: usize| at < 64 && bits >> at & 1 == 1;
                let values = self.ty.values.iter().enumerate();
                values.filter(|(at, _)| set(*at)).map(|(_, value)| &**value).collect()
            }
        };
        let stored = Value::text(&chosen.join(","));
        let is_text = matches!(value, Value::Text(_) | Value::Bytes(_));
        if is_text && !given.iter().all(known) {
            return fails(stored, self.truncated());
        }
        fits(stored)
    }

    fn same(&self, left: &str, right: &str) -> bool {
        let named = self.ty.collation.as_ref().and_then(|name| Collation::by_name(name.as_str()));
        let collation = named.unwrap_or_default();
        collation.compare(left.trim_end().as_bytes(), right.trim_end().as_bytes()).is_eq()
    }

    /// A document is kept as text; whether it is one is not checked.
    fn json(&self, value: &Value) -> Result<Stored, SqlError> {
        fits(Value::text(&value.to_string()))
    }

    fn too_long(&self) -> SqlError {
        SqlError::too_long(self.column, self.row)
    }

    fn string(&self, value: &Value) -> Result<Stored, SqlError> {
        let binary_name = matches!(
            &*self.ty.name,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob"
        );
        let binary_charset = self.ty.charset.as_ref().is_some_and(|charset| charset.is("binary"));
        if binary_name || binary_charset { self.bytes(value) } else { self.text(value) }
    }

    fn bytes(&self, value: &Value) -> Result<Stored, SqlError> {
        let mut bytes = bytes_of(value).to_vec();
        let room = self.room();
        let fixed = matches!(&*self.ty.name, "binary" | "char");
        let too_long = room < bytes.len();
        bytes.truncate(room);
        if fixed {
            bytes.resize(room, 0);
        }
        let stored = Value::bytes(&bytes);
        match too_long {
            true => warns(stored, self.too_long(), self.truncated()),
            false => fits(stored),
        }
    }

    fn text(&self, value: &Value) -> Result<Stored, SqlError> {
        if let Value::Bytes(bytes) = value
            && std::str::from_utf8(bytes).is_err()
        {
            let shown: String = bytes.iter().take(6).map(|byte| format!("\\x{byte:02X}")).collect();
            let more = if 6 < bytes.len() { "..." } else { "" };
            let error = SqlError::incorrect_value(
                "string",
                &format!("{shown}{more}"),
                self.column,
                self.row,
            );
            return fails(Value::text(&String::from_utf8_lossy(bytes)), error);
        }
        let text = match value {
            Value::Text(text) => text.clone(),
            other => other.to_string().into(),
        };
        let counts_bytes = self.ty.name.ends_with("text");
        let room = self.room();
        let length = if counts_bytes { text.len() } else { text.chars().count() };
        let is_char = &*self.ty.name == "char";
        if length <= room {
            // A CHAR gives back no blanks at its end.
            let kept = if is_char { text.trim_end_matches(' ').into() } else { text };
            return fits(Value::Text(kept));
        }
        let end = if counts_bytes {
            (0..=room).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0)
        } else {
            text.char_indices().nth(room).map_or(text.len(), |(end, _)| end)
        };
        let (kept, rest) = text.split_at(end);
        let only_blanks = rest.bytes().all(|byte| byte == b' ');
        let kept = if is_char { kept.trim_end_matches(' ') } else { kept };
        let value = Value::text(kept);
        match only_blanks {
            true if is_char => fits(value),
            true => Ok(Stored { value, problem: Some(Problem::Note(self.truncated())) }),
            false => warns(value, self.too_long(), self.truncated()),
        }
    }

    /// Characters of a CHAR or VARCHAR, bytes of anything else.
    fn room(&self) -> usize {
        let declared = self.ty.length.map(|length| length as usize);
        match &*self.ty.name {
            "char" | "binary" => declared.unwrap_or(1),
            "tinytext" | "tinyblob" => 255,
            "text" | "blob" => declared.map_or(65_535, |length| length.max(65_535)),
            "mediumtext" | "mediumblob" => (1 << 24) - 1,
            "longtext" | "longblob" => u32::MAX as usize,
            _ => declared.unwrap_or(usize::MAX),
        }
    }
}

/// A value in a message: bytes that are no text as `\\x00`.
fn shown(value: &Value) -> String {
    let Value::Bytes(bytes) = value else { return value.to_string() };
    let byte = |byte: &u8| match byte {
        0x20..=0x7e => char::from(*byte).to_string(),
        other => format!("\\x{other:02X}"),
    };
    bytes.iter().map(byte).collect()
}

/// Conversions that only ever warn need an environment to warn in; here the column has its own
/// words for what went wrong.
fn scratch() -> Env {
    Env::new(DateTime::constant(1970, 1, 1, 0, 0, 0, 0))
}

fn whole(value: &Value) -> i128 {
    match value {
        Value::Int(int) => i128::from(*int),
        Value::Uint(uint) => i128::from(*uint),
        other => number(other, &mut scratch()).map_or(0, |number| number.to_i128()),
    }
}

fn exact_of_text(text: &str) -> BigDecimal {
    decimal(&Value::text(text), &mut scratch())
}

fn to_moment(value: &Value) -> Option<DateTime> {
    temporal::to_datetime(value, DateTime::constant(1970, 1, 1, 0, 0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ast::Statement;

    /// A column's type from its text.
    fn column_type(text: &str) -> ColumnType {
        let statement = crate::sql::parse(&format!("create table t (c {text})")).unwrap();
        let Statement::CreateTable(create) = statement else { panic!("no table") };
        create.columns[0].ty.clone()
    }

    #[test]
    fn columns_hold_what_fits() {
        let cases = [
            ("tinyint", "127", "127"),
            ("tinyint", "128", "1264"),
            ("tinyint unsigned", "-1", "1264"),
            ("bigint unsigned", "18446744073709551615", "18446744073709551615"),
            ("int", "'12'", "12"),
            ("int", "'1x'", "1265"),
            ("int", "'x'", "1366"),
            ("int", "1.5", "2"),
            ("varchar(3)", "'abc'", "abc"),
            ("varchar(3)", "'abcd'", "1406"),
            ("varchar(3)", "'abc  '", "abc"),
            ("char(5)", "'ab  '", "ab"),
            ("varbinary(2)", "'abc'", "1406"),
            ("binary(3)", "'a'", "a\0\0"),
            ("varchar(10)", "15", "15"),
            ("decimal(5,2)", "1.005", "1.01"),
            ("decimal(5,2)", "1000", "1264"),
            ("decimal(5,2)", "'x'", "1366"),
            ("double", "'1.5'", "1.5"),
            ("date", "'2026-01-31'", "2026-01-31"),
            ("date", "'2026-13-01'", "1292"),
            ("datetime", "'2026-01-31 10:00:00.6'", "2026-01-31 10:00:01"),
            ("datetime(6)", "'2026-01-31 10:00:00.6'", "2026-01-31 10:00:00.600000"),
            ("time", "'10:20'", "10:20:00"),
            ("year", "26", "2026"),
            ("enum('a','b')", "'B'", "b"),
            ("enum('a','b')", "'c'", "1265"),
            ("set('a','b')", "'b,a'", "a,b"),
            ("bit(4)", "5", "5"),
            ("bit(2)", "5", "1406"),
            ("varchar(4)", "X'FF'", "1366"),
        ];
        for (ty, literal, expected) in cases {
            let value = value_of(literal);
            let found = match store(&value, &column_type(ty), "c", 1, true) {
                Ok((value, _)) => value.to_string(),
                Err(error) => error.errno.to_string(),
            };
            assert_eq!(found, expected, "{literal} into {ty}");
        }
    }

    fn value_of(expression: &str) -> Value {
        use crate::sql::ast::{Query, SelectItem};
        let statement = crate::sql::parse(&format!("select {expression}")).unwrap();
        let Statement::Query(Query::Select(select)) = statement else { panic!("no select") };
        let SelectItem::Expr { expr, .. } = &select.items[0] else { panic!("no expression") };
        let program = crate::eval::Program::compile(expr, &crate::eval::NoColumns).unwrap();
        program.run(&[], &mut scratch()).unwrap()
    }
}
