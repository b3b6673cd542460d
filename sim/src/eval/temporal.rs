//! Dates and times: reading texts and numbers as MySQL does, and interval arithmetic.
//!
//! All times are UTC. Zero dates (`0000-00-00`, a day or month of 0) are not dates here, as under
//! NO_ZERO_DATE and NO_ZERO_IN_DATE.

use jiff::civil::{Date, DateTime, Time};

use crate::value::Value;

/// 838:59:59 in microseconds.
pub const TIME_MAX: i64 = (838 * 3600 + 59 * 60 + 59) * 1_000_000;
const DAY: i64 = 86_400_000_000;

/// A value as a point in time; a TIME stands on the day of `now`.
pub fn to_datetime(value: &Value, now: DateTime) -> Option<DateTime> {
    match value {
        Value::Date(date) => Some(date.to_datetime(Time::midnight())),
        Value::DateTime(at) => Some(*at),
        Value::Time(micros) => add_micros(now.date().to_datetime(Time::midnight()), *micros),
        Value::Text(text) => parse_datetime(text),
        Value::Bytes(bytes) => parse_datetime(std::str::from_utf8(bytes).ok()?),
        Value::Int(number) => number_to_datetime(u64::try_from(*number).ok()?),
        Value::Uint(number) => number_to_datetime(*number),
        Value::Decimal(_) | Value::Float(_) => parse_datetime(&value.to_string()),
        Value::Null => None,
    }
}

/// A value as a TIME in microseconds.
pub fn to_time(value: &Value) -> Option<i64> {
    match value {
        Value::Time(micros) => Some(*micros),
        Value::Date(_) => Some(0),
        Value::DateTime(at) => Some(micros_of_day(at.time())),
        Value::Null => None,
        Value::Text(text) => time_at_start(text),
        other => parse_time(&other.to_string()),
    }
}

/// The time that a text begins with. One that is too short for a date and a time is no date.
fn time_at_start(text: &str) -> Option<i64> {
    let trimmed = text.trim();
    let dated = trimmed.trim_start_matches('-').contains('-');
    if (!dated || 12 <= trimmed.len())
        && let Some(micros) = parse_time(trimmed)
    {
        return Some(micros);
    }
    let sign = usize::from(trimmed.starts_with('-'));
    let digits = trimmed[sign..].bytes().take_while(u8::is_ascii_digit).count();
    parse_time(&trimmed[..sign + digits])
}

/// A point in time: `2026-01-31 23:59:59.5`, any punctuation between the parts, `T` for the
/// blank, or digits alone.
pub fn parse_datetime(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let whole = text.split('.').next().unwrap_or("");
    if whole.len() >= 6 && whole.bytes().all(|byte| byte.is_ascii_digit()) {
        let at = digits_to_datetime(whole)?;
        return add_micros(at, fraction_micros(text[whole.len()..].strip_prefix('.'))?);
    }
    let mut rest = text;
    let year_text = take_digits(&mut rest)?;
    let year = full_year(year_text)?;
    take_mark(&mut rest)?;
    let month = take_digits(&mut rest)?.parse().ok()?;
    take_mark(&mut rest)?;
    let day = take_digits(&mut rest)?.parse().ok()?;
    let date = Date::new(year, month, day).ok()?;
    // Marks that nothing follows are passed over.
    if rest.chars().all(|c| c.is_ascii_punctuation() || c == ' ') {
        return Some(date.to_datetime(Time::midnight()));
    }
    let trimmed = rest.trim_start_matches(' ').trim_start_matches(['T', 't']);
    if trimmed.len() == rest.len() {
        return None;
    }
    rest = trimmed;
    let hour: i8 = take_digits(&mut rest)?.parse().ok()?;
    let mut minute: i8 = 0;
    let mut second: i8 = 0;
    if !rest.is_empty() {
        take_mark(&mut rest)?;
        minute = take_digits(&mut rest)?.parse().ok()?;
    }
    if !rest.is_empty() {
        take_mark(&mut rest)?;
        second = take_digits(&mut rest)?.parse().ok()?;
    }
    let micros =
        fraction_micros(if rest.is_empty() { None } else { Some(rest.strip_prefix('.')?) })?;
    let time = Time::new(hour, minute, second, 0).ok()?;
    add_micros(date.to_datetime(time), micros)
}

/// Like [`parse_datetime`] without the time of the day.
pub fn parse_date(text: &str) -> Option<Date> {
    Some(parse_datetime(text)?.date())
}

/// `[-]hh:mm[:ss[.f]]`, `d hh:mm:ss`, or digits `hhmmss`.
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.contains('-') {
        return parse_datetime(text).map(|at| micros_of_day(at.time()));
    }
    let mut days = 0;
    if let Some((first, tail)) = rest.split_once(' ') {
        days = first.parse::<i64>().ok().filter(|days| (0..=34).contains(days))?;
        rest = tail.trim_start();
    }
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    let parts: Vec<&str> = whole.split(':').collect();
    let number = |part: &str| {
        let all_digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if all_digits && part.len() <= 7 { part.parse::<i64>().ok() } else { None }
    };
    let (hours, minutes, seconds) = match parts.as_slice() {
        [one] if days == 0 && !text.contains(' ') => {
            let digits = number(one)?;
            (digits / 10_000, digits / 100 % 100, digits % 100)
        }
        [hours] => (number(hours)?, 0, 0),
        [hours, minutes] => (number(hours)?, number(minutes)?, 0),
        [hours, minutes, seconds] => (number(hours)?, number(minutes)?, number(seconds)?),
        _ => return None,
    };
    if 60 <= minutes || 60 <= seconds {
        return None;
    }
    let total = ((days * 24 + hours) * 3600 + minutes * 60 + seconds) * 1_000_000;
    let micros = (total + fraction_micros(fraction)?).min(TIME_MAX);
    Some(if negative { -micros } else { micros })
}

/// A time as text with a number of digits behind the second.
pub fn with_fraction(value: &Value, digits: u8) -> String {
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let padded = fraction.chars().chain("000000".chars());
    let fraction: String = padded.take(usize::from(digits.min(6))).collect();
    format!("{whole}.{fraction}")
}

pub fn micros_of_day(time: Time) -> i64 {
    let seconds =
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    seconds * 1_000_000 + i64::from(time.subsec_nanosecond()) / 1000
}

pub fn add_micros(at: DateTime, micros: i64) -> Option<DateTime> {
    in_years(at.checked_add(jiff::SignedDuration::from_micros(micros)).ok()?)
}

/// Rounds to a number of digits behind the second.
pub fn round_fraction(at: DateTime, digits: u32) -> Option<DateTime> {
    let micros = i64::from(at.subsec_nanosecond()) / 1000;
    add_micros(at, round_micros(micros, digits) - micros)
}

/// Rounds microseconds to a number of digits behind the second, half away from zero.
pub fn round_micros(micros: i64, digits: u32) -> i64 {
    let unit = 10_i64.pow(6_u32.saturating_sub(digits));
    let half = if micros < 0 { -unit / 2 } else { unit / 2 };
    (micros + half) / unit * unit
}

/// Days since year 0, as TO_DAYS counts them.
pub fn to_days(date: Date) -> i64 {
    let epoch = Date::constant(1970, 1, 1);
    // 719528 is TO_DAYS('1970-01-01').
    719_528 + i64::from(epoch.until(date).map_or(0, |span| span.get_days()))
}

/// Seconds since 1970, with microseconds.
pub fn unix_micros(at: DateTime) -> i64 {
    let days = to_days(at.date()) - 719_528;
    days * DAY + micros_of_day(at.time())
}

pub fn from_unix_micros(micros: i64) -> Option<DateTime> {
    add_micros(Date::constant(1970, 1, 1).to_datetime(Time::midnight()), micros)
}

/// A length of time as INTERVAL knows it: months and microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub months: i64,
    pub micros: i64,
    /// Smaller than a day: a DATE becomes a DATETIME.
    pub has_time: bool,
}

impl Interval {
    /// Reads `value unit`, e.g. (`1`, DAY) or (`1:30`, MINUTE_SECOND). None: no such unit, or too
    /// large.
    pub fn parse(value: &Value, unit: &str) -> Option<Interval> {
        const SECOND: i64 = 1_000_000;
        let text = value.to_string();
        let interval = |months: i64, micros: i64, has_time| Interval { months, micros, has_time };
        let whole = || match value {
            Value::Int(number) => Some(*number),
            other => {
                let number = super::number::leading_number(other).round();
                (number.abs() < 1e15).then_some(number as i64)
            }
        };
        let unit = unit.to_ascii_uppercase();
        let parts = |scales: &[i64]| compound(&text, scales);
        Some(match unit.as_str() {
            "YEAR" => interval(whole()?.checked_mul(12)?, 0, false),
            "QUARTER" => interval(whole()?.checked_mul(3)?, 0, false),
            "MONTH" => interval(whole()?, 0, false),
            "WEEK" => interval(0, whole()?.checked_mul(7 * DAY)?, false),
            "DAY" => interval(0, whole()?.checked_mul(DAY)?, false),
            "HOUR" => interval(0, whole()?.checked_mul(3600 * SECOND)?, true),
            "MINUTE" => interval(0, whole()?.checked_mul(60 * SECOND)?, true),
            "SECOND" => {
                let number = super::number::leading_number(value) * 1e6;
                if 9e18 <= number.abs() {
                    return None;
                }
                interval(0, number.round() as i64, true)
            }
            "MICROSECOND" => interval(0, whole()?, true),
            "YEAR_MONTH" => interval(parts(&[12, 1])?, 0, false),
            "DAY_HOUR" => interval(0, parts(&[DAY, 3600 * SECOND])?, true),
            "DAY_MINUTE" => interval(0, parts(&[DAY, 3600 * SECOND, 60 * SECOND])?, true),
            "DAY_SECOND" => interval(0, parts(&[DAY, 3600 * SECOND, 60 * SECOND, SECOND])?, true),
            "HOUR_MINUTE" => interval(0, parts(&[3600 * SECOND, 60 * SECOND])?, true),
            "HOUR_SECOND" => interval(0, parts(&[3600 * SECOND, 60 * SECOND, SECOND])?, true),
            "MINUTE_SECOND" => interval(0, parts(&[60 * SECOND, SECOND])?, true),
            _ => return None,
        })
    }

    pub fn negated(self) -> Option<Interval> {
        let (months, micros) = (self.months.checked_neg()?, self.micros.checked_neg()?);
        Some(Interval { months, micros, ..self })
    }

    /// A day that the new month does not have becomes its last one.
    pub fn add_to(self, at: DateTime) -> Option<DateTime> {
        let month = i64::from(at.year()) * 12 + i64::from(at.month()) - 1;
        let month = month.checked_add(self.months)?;
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        let first = Date::new(year, (month.rem_euclid(12) + 1) as i8, 1).ok()?;
        let date = first.with().day(at.day().min(first.days_in_month())).build().ok()?;
        add_micros(date.to_datetime(at.time()), self.micros)
    }
}

/// `1:30` with the scales of its parts; fewer parts are the last ones.
fn compound(text: &str, scales: &[i64]) -> Option<i64> {
    let negative = text.trim_start().starts_with('-');
    let numbers: Vec<i64> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    if scales.len() < numbers.len() {
        return None;
    }
    let mut total: i64 = 0;
    for (number, scale) in numbers.iter().zip(&scales[scales.len() - numbers.len()..]) {
        total = total.checked_add(number.checked_mul(*scale)?)?;
    }
    Some(if negative { -total } else { total })
}

fn in_years(at: DateTime) -> Option<DateTime> {
    (0..=9999).contains(&at.year()).then_some(at)
}

fn take_digits<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, tail) = rest.split_at(digits);
    *rest = tail;
    (0 < digits).then_some(number)
}

fn take_mark(rest: &mut &str) -> Option<()> {
    let mark = rest.chars().next().filter(char::is_ascii_punctuation)?;
    *rest = &rest[mark.len_utf8()..];
    Some(())
}

/// Two digits are 1970 to 2069.
fn full_year(digits: &str) -> Option<i16> {
    let year: i16 = digits.parse().ok()?;
    match digits.len() {
        1 | 2 if year < 70 => Some(2000 + year),
        1 | 2 => Some(1900 + year),
        _ if year <= 9999 => Some(year),
        _ => None,
    }
}

fn fraction_micros(fraction: Option<&str>) -> Option<i64> {
    let Some(fraction) = fraction else { return Some(0) };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("0000000".chars()).take(7).collect();
    let tenths: i64 = digits.parse().ok()?;
    Some((tenths + 5) / 10)
}

fn digits_to_datetime(digits: &str) -> Option<DateTime> {
    let (date, time) = match digits.len() {
        6 | 8 => (digits, ""),
        12 => digits.split_at(6),
        14 => digits.split_at(8),
        _ => return None,
    };
    let (year, rest) = date.split_at(date.len() - 4);
    let two = |text: &str, at: usize| text.get(at..at + 2)?.parse::<i8>().ok();
    let date = Date::new(full_year(year)?, two(rest, 0)?, two(rest, 2)?).ok()?;
    if time.is_empty() {
        return Some(date.to_datetime(Time::midnight()));
    }
    let time = Time::new(two(time, 0)?, two(time, 2)?, two(time, 4)?, 0).ok()?;
    Some(date.to_datetime(time))
}

fn number_to_datetime(number: u64) -> Option<DateTime> {
    let digits = match number {
        101..=991_231 => format!("{number:06}"),
        1_000_000..=99_991_231 => format!("{number:08}"),
        100_000_000..=991_231_235_959 => format!("{number:012}"),
        _ => format!("{number:014}"),
    };
    digits_to_datetime(&digits)
}
