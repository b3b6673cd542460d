//! Weeks, names of days, and arithmetic with times of the day.

use jiff::civil::{Date, DateTime};

use super::{Function, date, datetime, int, lenient, plain_text, strict, time_of_day};
use crate::collation::Collation;
use crate::eval::Env;
use crate::eval::cast::time_of;
use crate::eval::kind::Facts;
use crate::eval::number::{integer, number};
use crate::eval::temporal::{
    self, TIME_MAX, add_micros, micros_of_day, parse_time, to_datetime, to_days, to_time,
};
use crate::sql_error::SqlError;
use crate::value::Value;

type Result_ = Result<Value, SqlError>;

const SECOND: i64 = 1_000_000;

pub const FUNCTIONS: &[Function] = &[
    strict("addtime", 2, 2, like_first, |args, _, env| add_time(args, 1, env)),
    strict("subtime", 2, 2, like_first, |args, _, env| add_time(args, -1, env)),
    strict("timediff", 2, 2, time_of_day, time_difference),
    strict("dayname", 1, 1, plain_text, |args, _, env| {
        let name = |at: DateTime| Value::text(day_name(at.date()));
        Ok(super::time::day_of(&args[0], env).map_or(Value::Null, name))
    }),
    strict("monthname", 1, 1, plain_text, |args, _, env| {
        let name = |at: DateTime| Value::text(super::time::MONTHS[(at.month() - 1) as usize]);
        Ok(super::time::day_of(&args[0], env).map_or(Value::Null, name))
    }),
    strict("week", 1, 2, int, |args, _, env| {
        let mode = args.get(1).and_then(|mode| integer(mode, env)).unwrap_or(0);
        Ok(week_value(&args[0], Mode::of(mode), env, false))
    }),
    strict("weekofyear", 1, 1, int, |args, _, env| {
        Ok(week_value(&args[0], Mode::of(3), env, false))
    }),
    strict("yearweek", 1, 2, int, |args, _, env| {
        let mode = args.get(1).and_then(|mode| integer(mode, env)).unwrap_or(0);
        Ok(week_value(&args[0], Mode::of(mode | 2), env, true))
    }),
    strict("from_days", 1, 1, date, |args, _, env| {
        let days = integer(&args[0], env).unwrap_or(0) as i64 - 719_528;
        let first = Date::constant(1970, 1, 1);
        let found = first.checked_add(jiff::Span::new().try_days(days).unwrap_or_default());
        Ok(found.map_or(Value::Null, Value::Date))
    }),
    strict("to_seconds", 1, 1, int, |args, _, env| {
        let seconds = |at: DateTime| {
            Value::Int(to_days(at.date()) * 86_400 + micros_of_day(at.time()) / SECOND)
        };
        Ok(moment(&args[0], env).map_or(Value::Null, seconds))
    }),
    strict("time_to_sec", 1, 1, int, |args, _, env| {
        Ok(time_of(&args[0], env).map_or(Value::Null, |micros| Value::Int(micros / SECOND)))
    }),
    strict("sec_to_time", 1, 1, time_of_day, |args, _, env| {
        let seconds = number(&args[0], env).map_or(0.0, |seconds| seconds.to_f64());
        let micros = (seconds * 1e6).round().clamp(-(TIME_MAX as f64), TIME_MAX as f64);
        Ok(Value::Time(micros as i64))
    }),
    strict("maketime", 3, 3, time_of_day, make_time),
    strict("period_add", 2, 2, int, |args, _, env| {
        let period = integer(&args[0], env).unwrap_or(0) as i64;
        let months = integer(&args[1], env).unwrap_or(0) as i64;
        Ok(Value::Int(to_period(months_of(period) + months)))
    }),
    strict("period_diff", 2, 2, int, |args, _, env| {
        let months = |arg: &Value, env: &mut Env| months_of(integer(arg, env).unwrap_or(0) as i64);
        Ok(Value::Int(months(&args[0], env) - months(&args[1], env)))
    }),
    strict("timestamp", 1, 2, datetime, |args, _, env| {
        let Some(at) = moment(&args[0], env) else { return Ok(Value::Null) };
        let Some(time) = args.get(1) else { return Ok(Value::DateTime(at)) };
        let sum = to_time(time).and_then(|micros| add_micros(at, micros));
        Ok(sum.map_or(Value::Null, Value::DateTime))
    }),
    strict("time_format", 2, 2, plain_text, |args, _, _| {
        let Some(micros) = to_time(&args[0]) else { return Ok(Value::Null) };
        let text = time_format(micros, &args[1].to_string());
        Ok(text.map_or(Value::Null, |text| Value::text(&text)))
    }),
    strict("str_to_date", 2, 2, unknown_time, string_to_date),
    lenient("interval", 2, super::MANY, int, interval),
];

fn like_first(args: &[Facts]) -> Facts {
    match args[0].kind {
        crate::eval::Kind::Time | crate::eval::Kind::DateTime => args[0],
        _ => Facts::new(crate::eval::Kind::Text),
    }
}

fn unknown_time(_: &[Facts]) -> Facts {
    Facts::new(crate::eval::Kind::Unknown)
}

fn moment(value: &Value, env: &mut Env) -> Option<DateTime> {
    super::time::moment(value, env)
}

fn add_time(args: &[Value], sign: i64, _: &mut Env) -> Result_ {
    let Some(change) = to_time(&args[1]).map(|micros| micros * sign) else {
        return Ok(Value::Null);
    };
    let text = args[0].to_string();
    let dated = match &args[0] {
        Value::Time(_) => false,
        Value::DateTime(_) | Value::Date(_) => true,
        _ => text.trim_start_matches('-').contains('-'),
    };
    let sum = if dated {
        let at = to_datetime(&args[0], DateTime::ZERO).and_then(|at| add_micros(at, change));
        at.map_or(Value::Null, Value::DateTime)
    } else {
        let Some(micros) = to_time(&args[0]) else { return Ok(Value::Null) };
        Value::Time((micros + change).clamp(-TIME_MAX, TIME_MAX))
    };
    let is_text = !matches!(args[0], Value::Time(_) | Value::DateTime(_));
    Ok(if is_text && !sum.is_null() { Value::text(&sum.to_string()) } else { sum })
}

/// Both must be times of a day, or both points in time.
fn time_difference(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let dated = |value: &Value| match value {
        Value::DateTime(_) | Value::Date(_) => true,
        Value::Text(text) => text.trim_start_matches('-').contains('-'),
        _ => false,
    };
    let micros = |value: &Value, env: &mut Env| match dated(value) {
        true => to_datetime(value, env.now).map(temporal::unix_micros),
        false => to_time(value),
    };
    if dated(&args[0]) != dated(&args[1]) {
        return Ok(Value::Null);
    }
    let sides = micros(&args[0], env).zip(micros(&args[1], env));
    let difference = |(a, b): (i64, i64)| Value::Time((a - b).clamp(-TIME_MAX, TIME_MAX));
    Ok(sides.map_or(Value::Null, difference))
}

/// A time has hours beyond a day, and no month or week.
fn time_format(micros: i64, format: &str) -> Option<String> {
    let magnitude = micros.unsigned_abs();
    let (hour, seconds) = (magnitude / 3_600_000_000, magnitude / 1_000_000);
    let (minute, second) = (seconds / 60 % 60, seconds % 60);
    let twelve = (hour % 24 + 11) % 12 + 1;
    let half = if hour % 24 < 12 { "AM" } else { "PM" };
    let mut text = String::from(if micros < 0 { "-" } else { "" });
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let Some(letter) = chars.next() else {
            text.push('%');
            break;
        };
        text.push_str(&match letter {
            'H' => format!("{hour:02}"),
            'k' => hour.to_string(),
            'h' | 'I' => format!("{twelve:02}"),
            'l' => twelve.to_string(),
            'i' => format!("{minute:02}"),
            's' | 'S' => format!("{second:02}"),
            'f' => format!("{:06}", magnitude % 1_000_000),
            'p' => half.to_string(),
            'r' => format!("{twelve:02}:{minute:02}:{second:02} {half}"),
            'T' => format!("{hour:02}:{minute:02}:{second:02}"),
            'Y' => "0000".to_string(),
            'y' | 'm' | 'd' => "00".to_string(),
            'c' | 'e' => "0".to_string(),
            'M' | 'b' | 'W' | 'a' | 'D' | 'j' | 'U' | 'u' | 'V' | 'v' | 'X' | 'x' | 'w' => {
                return None;
            }
            other => other.to_string(),
        });
    }
    Some(text)
}

fn make_time(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let hour = integer(&args[0], env).unwrap_or(0) as i64;
    let minute = integer(&args[1], env).unwrap_or(0) as i64;
    let second = number(&args[2], env).map_or(0.0, |second| second.to_f64());
    if !(0..60).contains(&minute) || !(0.0..60.0).contains(&second) {
        return Ok(Value::Null);
    }
    let rest = minute * 60 * SECOND + (second * 1e6).round() as i64;
    let micros = hour.unsigned_abs().min(839) as i64 * 3600 * SECOND + rest;
    let micros = micros.min(TIME_MAX);
    Ok(Value::Time(if hour < 0 { -micros } else { micros }))
}

fn months_of(period: i64) -> i64 {
    let (year, month) = (period / 100, period % 100);
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    year * 12 + month - 1
}

fn to_period(months: i64) -> i64 {
    months.div_euclid(12) * 100 + months.rem_euclid(12) + 1
}

pub fn day_name(date: Date) -> &'static str {
    super::time::DAYS[date.weekday().to_sunday_zero_offset().rem_euclid(7) as usize]
}

/// How weeks are counted: MySQL's `week(d, mode)`.
#[derive(Clone, Copy)]
pub struct Mode {
    pub monday: bool,
    /// 1 to 53 instead of 0 to 53: a first week may belong to the year before.
    pub whole: bool,
    /// The first week has the year's first Sunday (or Monday), not its fourth day.
    pub first_weekday: bool,
}

impl Mode {
    pub fn of(mode: i128) -> Mode {
        let mode = mode & 7;
        let monday = mode & 1 == 1;
        // The sense of the third bit turns with the first.
        let first_weekday = (mode & 4 == 4) == monday;
        Mode { monday, whole: mode & 2 == 2, first_weekday }
    }
}

fn week_value(value: &Value, mode: Mode, env: &mut Env, with_year: bool) -> Value {
    let Some(at) = moment(value, env) else { return Value::Null };
    let (year, week) = week(at.date(), mode);
    Value::Int(if with_year { year * 100 + week } else { week })
}

/// The year and number of a date's week: MySQL's `calc_week`.
pub fn week(date: Date, mode: Mode) -> (i64, i64) {
    let weekday = |year: i64| {
        let first = i16::try_from(year).ok().and_then(|year| Date::new(year, 1, 1).ok());
        let first = first.unwrap_or(date);
        let offset = match mode.monday {
            true => first.weekday().to_monday_zero_offset(),
            false => first.weekday().to_sunday_zero_offset(),
        };
        i64::from(offset)
    };
    let days_in = |year: i64| {
        i16::try_from(year)
            .ok()
            .and_then(|year| Date::new(year, 1, 1).ok())
            .map_or(365, |first| i64::from(first.days_in_year()))
    };
    let mut year = i64::from(date.year());
    let day = i64::from(date.day_of_year()) - 1;
    let mut first = weekday(year);
    let mut whole = mode.whole;
    let mut days = day;
    let starts_before = |first: i64| match mode.first_weekday {
        true => first != 0,
        false => 4 <= first,
    };
    if date.month() == 1 && i64::from(date.day()) <= 7 - first {
        if !whole && starts_before(first) {
            return (year, 0);
        }
        whole = true;
        if starts_before(first) {
            year -= 1;
            days += days_in(year);
            first = (first + 53 * 7 - days_in(year)).rem_euclid(7);
        }
    }
    let offset = if starts_before(first) { days - (7 - first) } else { days + first };
    if whole && 52 * 7 <= offset {
        let next = (first + days_in(year)).rem_euclid(7);
        if !starts_before(next) {
            return (year + 1, 1);
        }
    }
    (year, offset / 7 + 1)
}

/// How many of the limits a number reaches; -1 for NULL.
fn interval(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let Some(wanted) = number(&args[0], env) else { return Ok(Value::Int(-1)) };
    let mut reached = 0;
    for limit in &args[1..] {
        match number(limit, env) {
            Some(limit) if wanted.compare(&limit) == std::cmp::Ordering::Less => break,
            _ => reached += 1,
        }
    }
    Ok(Value::Int(reached))
}

/// Reads a text by a format; a date, a time or both, as the format has.
fn string_to_date(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let (text, format) = (args[0].to_string(), args[1].to_string());
    match read(&text, &format) {
        Some(value) => Ok(value),
        None => {
            let message = format!("Incorrect datetime value: '{text}' for function str_to_date");
            env.warnings.push(SqlError::new(1411, "HY000", message));
            Ok(Value::Null)
        }
    }
}

fn read(text: &str, format: &str) -> Option<Value> {
    let (mut year, mut month, mut day) = (None, None, None);
    let (mut hour, mut minute, mut second, mut micros) = (0, 0, 0, 0);
    let (mut dated, mut timed, mut afternoon) = (false, false, None);
    let mut rest = text.trim_start();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter.is_whitespace() {
            rest = rest.trim_start();
            continue;
        }
        if letter != '%' {
            rest = rest.strip_prefix(letter)?;
            continue;
        }
        rest = rest.trim_start();
        let mut digits = |most: usize| -> Option<i64> {
            let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(count);
            rest = tail;
            number.parse().ok()
        };
        match letters.next()? {
            'Y' => year = Some(digits(4)?),
            'y' => year = digits(2).map(|year| year + if year < 70 { 2000 } else { 1900 }),
            'm' | 'c' => month = Some(digits(2)?),
            'd' | 'e' => day = Some(digits(2)?),
            'H' | 'k' | 'h' | 'I' | 'l' => hour = digits(2)?,
            'i' => minute = digits(2)?,
            's' | 'S' => second = digits(2)?,
            'f' => {
                let count = rest.bytes().take(6).take_while(u8::is_ascii_digit).count();
                let padded: String =
                    rest[..count].chars().chain("000000".chars()).take(6).collect();
                micros = padded.parse().ok()?;
                rest = &rest[count..];
            }
            'p' => {
                afternoon = Some(rest.get(..2)?.eq_ignore_ascii_case("pm"));
                rest = &rest[2..];
            }
            name @ ('b' | 'M') => {
                let short = name == 'b';
                let named = |month: &&str| {
                    let name = if short { &month[..3] } else { month };
                    rest.get(..name.len()).is_some_and(|own| own.eq_ignore_ascii_case(name))
                };
                let at = super::time::MONTHS.iter().position(named)?;
                let length = if short { 3 } else { super::time::MONTHS[at].len() };
                rest = &rest[length..];
                month = Some(at as i64 + 1);
            }
            'T' => {
                hour = digits(2)?;
                rest = rest.strip_prefix(':')?;
                let mut part = || {
                    let count = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
                    let (number, tail) = rest.split_at(count);
                    rest = tail;
                    number.parse::<i64>().ok()
                };
                minute = part()?;
                rest = rest.strip_prefix(':')?;
                let count = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
                second = rest[..count].parse().ok()?;
                rest = &rest[count..];
            }
            _ => return None,
        }
    }
    for letter in format.split('%').skip(1).filter_map(|part| part.chars().next()) {
        dated |= "YymcdebM".contains(letter);
        timed |= "HkhIlisSfpT".contains(letter);
    }
    if let Some(afternoon) = afternoon {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let clock = format!("{hour:02}:{minute:02}:{second:02}.{micros:06}");
    if !dated {
        return parse_time(&clock).map(Value::Time);
    }
    let date = Date::new(
        i16::try_from(year.unwrap_or(0)).ok()?,
        i8::try_from(month.unwrap_or(0)).ok()?,
        i8::try_from(day.unwrap_or(0)).ok()?,
    );
    let date = date.ok()?;
    if !timed {
        return Some(Value::Date(date));
    }
    let at = date.to_datetime(jiff::civil::Time::midnight());
    add_micros(at, parse_time(&clock)?).map(Value::DateTime)
}
