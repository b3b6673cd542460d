//! Functions of dates and times. The clock is the environment's; the zone is UTC.

use bigdecimal::BigDecimal;
use jiff::civil::{Date, DateTime};

use super::calendar::{Mode, week};
use super::{Function, date, datetime, int, plain_text, strict, time_of_day, unknown};
use crate::collation::Collation;
use crate::eval::Env;
use crate::eval::cast::time_of;
use crate::eval::kind::Facts;
use crate::eval::number::{Number, integer, number};
use crate::eval::temporal::{
    self, from_unix_micros, micros_of_day, round_fraction, to_datetime, to_days, to_time,
    unix_micros,
};
use crate::sql_error::SqlError;
use crate::value::Value;

type Result_ = Result<Value, SqlError>;

pub const FUNCTIONS: &[Function] = &[
    strict("now", 0, 1, datetime, now),
    strict("current_timestamp", 0, 1, datetime, now),
    strict("localtime", 0, 1, datetime, now),
    strict("localtimestamp", 0, 1, datetime, now),
    strict("sysdate", 0, 1, datetime, now),
    strict("utc_timestamp", 0, 1, datetime, now),
    strict("curdate", 0, 0, date, |_, _, env| Ok(Value::Date(env.now.date()))),
    strict("current_date", 0, 0, date, |_, _, env| Ok(Value::Date(env.now.date()))),
    strict("utc_date", 0, 0, date, |_, _, env| Ok(Value::Date(env.now.date()))),
    strict("curtime", 0, 1, time_of_day, current_time),
    strict("current_time", 0, 1, time_of_day, current_time),
    strict("utc_time", 0, 1, time_of_day, current_time),
    strict("unix_timestamp", 0, 1, unknown, unix_timestamp),
    strict("from_unixtime", 1, 2, from_unixtime_facts, from_unixtime),
    strict("date", 1, 1, date, |args, _, env| {
        Ok(day_of(&args[0], env).map_or(Value::Null, |at| Value::Date(at.date())))
    }),
    strict("time", 1, 1, time_of_day, |args, _, env| {
        let found = time_of(&args[0], env);
        Ok(found.map_or(Value::Null, Value::Time))
    }),
    strict("year", 1, 1, int, |args, _, env| extract("YEAR", &args[0], env)),
    strict("quarter", 1, 1, int, |args, _, env| extract("QUARTER", &args[0], env)),
    strict("month", 1, 1, int, |args, _, env| extract("MONTH", &args[0], env)),
    strict("day", 1, 1, int, |args, _, env| extract("DAY", &args[0], env)),
    strict("dayofmonth", 1, 1, int, |args, _, env| extract("DAY", &args[0], env)),
    strict("hour", 1, 1, int, |args, _, env| magnitude("HOUR", &args[0], env)),
    strict("minute", 1, 1, int, |args, _, env| magnitude("MINUTE", &args[0], env)),
    strict("second", 1, 1, int, |args, _, env| magnitude("SECOND", &args[0], env)),
    strict("microsecond", 1, 1, int, |args, _, env| magnitude("MICROSECOND", &args[0], env)),
    strict("dayofweek", 1, 1, int, |args, _, env| {
        let of = |at: DateTime| i64::from(at.date().weekday().to_sunday_one_offset());
        Ok(day_of(&args[0], env).map_or(Value::Null, |at| Value::Int(of(at))))
    }),
    strict("weekday", 1, 1, int, |args, _, env| {
        let of = |at: DateTime| i64::from(at.date().weekday().to_monday_zero_offset());
        Ok(day_of(&args[0], env).map_or(Value::Null, |at| Value::Int(of(at))))
    }),
    strict("dayofyear", 1, 1, int, |args, _, env| {
        let of = |at: DateTime| i64::from(at.date().day_of_year());
        Ok(day_of(&args[0], env).map_or(Value::Null, |at| Value::Int(of(at))))
    }),
    strict("last_day", 1, 1, date, |args, _, env| {
        let of = |at: DateTime| Value::Date(at.date().last_of_month());
        Ok(day_of(&args[0], env).map_or(Value::Null, of))
    }),
    strict("to_days", 1, 1, int, |args, _, env| {
        let of = |at: DateTime| Value::Int(to_days(at.date()));
        Ok(day_of(&args[0], env).map_or(Value::Null, of))
    }),
    strict("datediff", 2, 2, int, |args, _, env| {
        let sides = day_of(&args[0], env).zip(day_of(&args[1], env));
        let of = |(a, b): (DateTime, DateTime)| Value::Int(to_days(a.date()) - to_days(b.date()));
        Ok(sides.map_or(Value::Null, of))
    }),
    strict("timestampdiff", 3, 3, int, timestamp_diff),
    strict("makedate", 2, 2, date, make_date),
    strict("date_format", 2, 2, plain_text, |args, _, env| {
        let format = args[1].to_string();
        Ok(moment(&args[0], env).map_or(Value::Null, |at| Value::text(&date_format(at, &format))))
    }),
];

/// HOUR() and the like of a negative time are positive, unlike EXTRACT of it.
fn magnitude(unit: &str, value: &Value, env: &mut Env) -> Result_ {
    // A text too short for a date and a time is a time, unlike in EXTRACT.
    let short = matches!(value, Value::Text(text) if text.trim().len() < 12);
    let value = match short {
        true => &time_of(value, env).map_or(Value::Null, Value::Time),
        false => value,
    };
    Ok(match extract(unit, value, env)? {
        Value::Int(found) => Value::Int(found.abs()),
        other => other,
    })
}

/// A field of a date or time; units of a time apply to a TIME as well.
pub fn extract(unit: &str, value: &Value, env: &mut Env) -> Result_ {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let unit = unit.to_ascii_uppercase();
    let of_time =
        !matches!(unit.as_str(), "YEAR" | "QUARTER" | "MONTH" | "WEEK" | "DAY" | "YEAR_MONTH");
    if of_time {
        let dated = |text: &str| {
            let text = text.trim();
            text.trim_start_matches('-').contains('-')
        };
        let looks_like_time = matches!(value, Value::Time(_))
            || (!matches!(value, Value::Date(_) | Value::DateTime(_))
                && !dated(&value.to_string()));
        let micros = if looks_like_time {
            to_time(value)
        } else {
            moment(value, env).map(|at| micros_of_day(at.time()))
        };
        let Some(micros) = micros else { return Ok(Value::Null) };
        let magnitude = micros.abs();
        let (hour, minute) = (magnitude / 3_600_000_000, magnitude / 60_000_000 % 60);
        let (second, micro) = (magnitude / 1_000_000 % 60, magnitude % 1_000_000);
        let day = match looks_like_time {
            true => 0,
            false => moment(value, env).map_or(0, |at| i64::from(at.day())),
        };
        let found = match unit.as_str() {
            "HOUR" => hour,
            "MINUTE" => minute,
            "SECOND" => second,
            "MICROSECOND" => micro,
            "DAY_HOUR" => day * 100 + hour,
            "DAY_MINUTE" => (day * 100 + hour) * 100 + minute,
            "DAY_SECOND" => ((day * 100 + hour) * 100 + minute) * 100 + second,
            "DAY_MICROSECOND" => {
                (((day * 100 + hour) * 100 + minute) * 100 + second) * 1_000_000 + micro
            }
            "HOUR_MINUTE" => hour * 100 + minute,
            "HOUR_SECOND" => (hour * 100 + minute) * 100 + second,
            "HOUR_MICROSECOND" => ((hour * 100 + minute) * 100 + second) * 1_000_000 + micro,
            "MINUTE_SECOND" => minute * 100 + second,
            "MINUTE_MICROSECOND" => (minute * 100 + second) * 1_000_000 + micro,
            "SECOND_MICROSECOND" => second * 1_000_000 + micro,
            other => return Err(SqlError::not_supported(format!("EXTRACT({other})"))),
        };
        return Ok(Value::Int(if micros < 0 { -found } else { found }));
    }
    let Some(at) = day_of(value, env) else { return Ok(Value::Null) };
    let (year, month, day) = (i64::from(at.year()), i64::from(at.month()), i64::from(at.day()));
    Ok(Value::Int(match unit.as_str() {
        "YEAR" => year,
        "QUARTER" => (month + 2) / 3,
        "MONTH" => month,
        "WEEK" => week(at.date(), Mode::of(0)).1,
        "DAY" => day,
        "YEAR_MONTH" => year * 100 + month,
        other => return Err(SqlError::not_supported(format!("EXTRACT({other})"))),
    }))
}

/// A date; what is none leaves a warning.
pub fn day_of(value: &Value, env: &mut Env) -> Option<DateTime> {
    let at = to_datetime(value, env.now);
    if at.is_none() && !value.is_null() {
        env.warnings.push(SqlError::truncated_value("date", &value.to_string()));
    }
    at
}

/// A point in time; what is none leaves a warning.
pub fn moment(value: &Value, env: &mut Env) -> Option<DateTime> {
    let at = to_datetime(value, env.now);
    if at.is_none() && !value.is_null() {
        let message = format!("Incorrect datetime value: '{value}'");
        env.warnings.push(SqlError::new(1292, "22007", message));
    }
    at
}

fn digits(args: &[Value], env: &mut Env) -> Result<u32, SqlError> {
    match args.first().and_then(|digits| integer(digits, env)) {
        None => Ok(0),
        Some(digits @ 0..=6) => Ok(digits as u32),
        Some(digits) => {
            let message = format!("Too-big precision {digits} specified for 'now'. Maximum is 6.");
            Err(SqlError::new(1426, "42000", message))
        }
    }
}

/// The fraction is cut, not rounded.
fn cut(at: DateTime, digits: u32) -> DateTime {
    let micros = i64::from(at.subsec_nanosecond()) / 1000;
    let unit = 10_i64.pow(6 - digits);
    temporal::add_micros(at, -(micros % unit)).unwrap_or(at)
}

fn now(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let digits = digits(args, env)?;
    Ok(Value::DateTime(cut(env.now, digits)))
}

fn current_time(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let digits = digits(args, env)?;
    Ok(Value::Time(micros_of_day(cut(env.now, digits).time())))
}

fn unix_timestamp(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let Some(value) = args.first() else {
        return Ok(Value::Int(unix_micros(env.now).div_euclid(1_000_000)));
    };
    let Some(at) = moment(value, env) else { return Ok(Value::Int(0)) };
    let micros = unix_micros(at).max(0);
    let fraction = micros % 1_000_000;
    Ok(if fraction == 0 {
        Value::Int(micros / 1_000_000)
    } else {
        Value::Decimal(BigDecimal::new(micros.into(), 6))
    })
}

/// `1st`, `2nd`, `11th`.
fn ordinal(day: i8) -> String {
    let suffix = match (day / 10, day % 10) {
        (1, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{day}{suffix}")
}

fn from_unixtime_facts(args: &[Facts]) -> Facts {
    if args.len() == 2 { plain_text(args) } else { datetime(args) }
}

fn from_unixtime(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let Some(seconds) = number(&args[0], env) else { return Ok(Value::Null) };
    let micros = match seconds {
        Number::Int(seconds) => i128::from(seconds) * 1_000_000,
        Number::Uint(seconds) => i128::from(seconds) * 1_000_000,
        other => (other.to_f64() * 1e6).round() as i128,
    };
    let at = i64::try_from(micros).ok().filter(|&micros| 0 <= micros).and_then(from_unix_micros);
    let at = at.and_then(|at| round_fraction(at, 6));
    let Some(format) = args.get(1) else {
        return Ok(at.map_or(Value::Null, Value::DateTime));
    };
    let format = format.to_string();
    Ok(at.map_or(Value::Null, |at| Value::text(&date_format(at, &format))))
}

fn timestamp_diff(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let unit = args[0].to_string().to_ascii_uppercase();
    let Some((from, to)) = moment(&args[1], env).zip(moment(&args[2], env)) else {
        return Ok(Value::Null);
    };
    let micros = unix_micros(to) - unix_micros(from);
    let months = || {
        let (first, last, sign) = if from <= to { (from, to, 1) } else { (to, from, -1) };
        let whole = (i64::from(last.year()) - i64::from(first.year())) * 12
            + i64::from(last.month())
            - i64::from(first.month());
        let rest = |at: DateTime| (at.day(), micros_of_day(at.time()));
        sign * if rest(last) < rest(first) { whole - 1 } else { whole }
    };
    Ok(Value::Int(match unit.as_str() {
        "MICROSECOND" => micros,
        "SECOND" => micros / 1_000_000,
        "MINUTE" => micros / 60_000_000,
        "HOUR" => micros / 3_600_000_000,
        "DAY" => micros / 86_400_000_000,
        "WEEK" => micros / (7 * 86_400_000_000),
        "MONTH" => months(),
        "QUARTER" => months() / 3,
        "YEAR" => months() / 12,
        other => return Err(SqlError::not_supported(format!("TIMESTAMPDIFF({other})"))),
    }))
}

fn make_date(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let (year, day) = (integer(&args[0], env).unwrap_or(0), integer(&args[1], env).unwrap_or(0));
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    let first = i16::try_from(year).ok().and_then(|year| Date::new(year, 1, 1).ok());
    let (Some(first), 1..=3_652_424) = (first, day) else { return Ok(Value::Null) };
    let at = first.to_datetime(jiff::civil::Time::midnight());
    let date = temporal::add_micros(at, (day as i64 - 1) * 86_400_000_000);
    Ok(date.map_or(Value::Null, |at| Value::Date(at.date())))
}

pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub fn date_format(at: DateTime, format: &str) -> String {
    let mut text = String::new();
    let mut chars = format.chars();
    let month = MONTHS[(at.month().clamp(1, 12) - 1) as usize];
    let day = DAYS[at.date().weekday().to_sunday_zero_offset().rem_euclid(7) as usize];
    let hour = (at.hour() + 11) % 12 + 1;
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    let clock = format!("{:02}:{:02}", at.minute(), at.second());
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
            'Y' => format!("{:04}", at.year()),
            'y' => format!("{:02}", at.year() % 100),
            'm' => format!("{:02}", at.month()),
            'c' => at.month().to_string(),
            'M' => month.to_owned(),
            'b' => month[..3].to_owned(),
            'd' => format!("{:02}", at.day()),
            'e' => at.day().to_string(),
            'j' => format!("{:03}", at.date().day_of_year()),
            'W' => day.to_owned(),
            'a' => day[..3].to_owned(),
            'w' => at.date().weekday().to_sunday_zero_offset().to_string(),
            'H' => format!("{:02}", at.hour()),
            'k' => at.hour().to_string(),
            'h' | 'I' => format!("{hour:02}"),
            'l' => hour.to_string(),
            'i' => format!("{:02}", at.minute()),
            's' | 'S' => format!("{:02}", at.second()),
            'f' => format!("{:06}", at.subsec_nanosecond() / 1000),
            'p' => half.to_owned(),
            'T' => format!("{:02}:{clock}", at.hour()),
            'D' => ordinal(at.day()),
            'U' => format!("{:02}", week(at.date(), Mode::of(0)).1),
            'u' => format!("{:02}", week(at.date(), Mode::of(1)).1),
            'V' => format!("{:02}", week(at.date(), Mode::of(2)).1),
            'v' => format!("{:02}", week(at.date(), Mode::of(3)).1),
            'X' => format!("{:04}", week(at.date(), Mode::of(2)).0),
            'x' => format!("{:04}", week(at.date(), Mode::of(3)).0),
            'r' => format!("{hour:02}:{clock} {half}"),
            other => other.to_string(),
        });
    }
    text
}
