//! Numbers in other bases, logarithms and angles, addresses, checksums, base64.

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::text::encoded;
use super::{Function, bytes, float, int, plain_text, strict, uint};
use crate::collation::Collation;
use crate::eval::Env;
use crate::eval::cast::decimal;
use crate::eval::number::{integer, number};
use crate::sql_error::SqlError;
use crate::value::Value;

type Result_ = Result<Value, SqlError>;

pub const FUNCTIONS: &[Function] = &[
    strict("conv", 3, 3, plain_text, |args, _, env| {
        let from = integer(&args[1], env).unwrap_or(0);
        let to = integer(&args[2], env).unwrap_or(0);
        Ok(in_base(&args[0].to_string(), from, to))
    }),
    strict("bin", 1, 1, plain_text, |args, _, env| Ok(based(&args[0], 2, env))),
    strict("oct", 1, 1, plain_text, |args, _, env| Ok(based(&args[0], 8, env))),
    strict("log", 1, 2, float, |args, _, env| {
        let first = number(&args[0], env).map_or(0.0, |number| number.to_f64());
        let result = match args.get(1) {
            None => logarithm(first),
            Some(second) => {
                let second = number(second, env).map_or(0.0, |number| number.to_f64());
                logarithm(first)
                    .filter(|base| *base != 0.0)
                    .zip(logarithm(second))
                    .map(|(a, b)| b / a)
            }
        };
        if result.is_none() {
            env.warnings.push(SqlError::new(3020, "2201E", "Invalid argument for logarithm"));
        }
        Ok(result.map_or(Value::Null, Value::Float))
    }),
    strict("degrees", 1, 1, float, |args, _, env| of_float(args, f64::to_degrees, env)),
    strict("radians", 1, 1, float, |args, _, env| of_float(args, f64::to_radians, env)),
    strict("sin", 1, 1, float, |args, _, env| of_float(args, f64::sin, env)),
    strict("cos", 1, 1, float, |args, _, env| of_float(args, f64::cos, env)),
    strict("tan", 1, 1, float, |args, _, env| of_float(args, f64::tan, env)),
    strict("asin", 1, 1, float, |args, _, env| of_float(args, f64::asin, env)),
    strict("acos", 1, 1, float, |args, _, env| of_float(args, f64::acos, env)),
    strict("atan", 1, 2, float, arc_tangent),
    strict("atan2", 2, 2, float, arc_tangent),
    strict("inet_aton", 1, 1, uint, |args, _, env| {
        let text = args[0].to_string();
        match to_address(&text) {
            Some(address) => Ok(Value::Uint(address)),
            None => {
                env.warnings.push(super::incorrect_argument("inet_aton", args));
                Ok(Value::Null)
            }
        }
    }),
    strict("inet_ntoa", 1, 1, plain_text, |args, _, env| {
        let number = integer(&args[0], env).and_then(|number| u32::try_from(number).ok());
        let text = |number: u32| Value::text(&std::net::Ipv4Addr::from(number).to_string());
        if number.is_none() {
            env.warnings.push(super::incorrect_argument("inet_ntoa", args));
        }
        Ok(number.map_or(Value::Null, text))
    }),
    strict("is_ipv4", 1, 1, int, |args, _, _| {
        let is_one = args[0].to_string().parse::<std::net::Ipv4Addr>().is_ok();
        Ok(Value::Int(i64::from(is_one)))
    }),
    strict("is_ipv6", 1, 1, int, |args, _, _| {
        let is_one = args[0].to_string().parse::<std::net::Ipv6Addr>().is_ok();
        Ok(Value::Int(i64::from(is_one)))
    }),
    strict("md5", 1, 1, plain_text, |args, collation, _| {
        Ok(hex_text(&Md5::digest(&*encoded(&args[0], collation))))
    }),
    strict("sha1", 1, 1, plain_text, |args, collation, _| {
        Ok(hex_text(&Sha1::digest(&*encoded(&args[0], collation))))
    }),
    strict("sha", 1, 1, plain_text, |args, collation, _| {
        Ok(hex_text(&Sha1::digest(&*encoded(&args[0], collation))))
    }),
    strict("sha2", 2, 2, plain_text, |args, collation, env| {
        let text = encoded(&args[0], collation);
        Ok(match integer(&args[1], env).unwrap_or(-1) {
            224 => hex_text(&Sha224::digest(&*text)),
            0 | 256 => hex_text(&Sha256::digest(&*text)),
            384 => hex_text(&Sha384::digest(&*text)),
            512 => hex_text(&Sha512::digest(&*text)),
            _ => Value::Null,
        })
    }),
    strict("to_base64", 1, 1, plain_text, |args, collation, _| {
        Ok(Value::text(&to_base64(&encoded(&args[0], collation))))
    }),
    strict("from_base64", 1, 1, bytes, |args, _, _| {
        Ok(from_base64(&args[0].to_string()).map_or(Value::Null, |found| Value::bytes(&found)))
    }),
    strict("insert", 4, 4, super::text_like, insert),
    strict("format", 2, 2, plain_text, format_number),
];

fn hex_text(bytes: &[u8]) -> Value {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Value::text(&digits)
}

fn logarithm(number: f64) -> Option<f64> {
    (0.0 < number).then(|| number.ln())
}

fn of_float(args: &[Value], function: fn(f64) -> f64, env: &mut Env) -> Result_ {
    let result = number(&args[0], env).map(|number| function(number.to_f64()));
    Ok(result.filter(|result| result.is_finite()).map_or(Value::Null, Value::Float))
}

fn arc_tangent(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let first = number(&args[0], env).map_or(0.0, |number| number.to_f64());
    let Some(second) = args.get(1) else { return Ok(Value::Float(first.atan())) };
    let second = number(second, env).map_or(0.0, |number| number.to_f64());
    Ok(Value::Float(first.atan2(second)))
}

fn based(value: &Value, base: u32, env: &mut Env) -> Value {
    let number = integer(value, env).unwrap_or(0);
    Value::text(&digits(crate::eval::arithmetic::to_bits(number), base))
}

fn digits(mut number: u64, base: u32) -> String {
    let base = u64::from(base.max(2));
    let mut reversed = Vec::new();
    loop {
        let digit = (number % base) as u32;
        reversed.push(char::from_digit(digit, 36).unwrap_or('0').to_ascii_uppercase());
        number /= base;
        if number == 0 {
            return reversed.into_iter().rev().collect();
        }
    }
}

/// As many digits as the text begins with. A negative base to convert to keeps the sign.
fn in_base(text: &str, from: i128, to: i128) -> Value {
    let valid = |base: i128| (2..=36).contains(&base.abs());
    if !valid(from) || !valid(to) || text.is_empty() {
        return Value::Null;
    }
    let text = text.trim_start();
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let base = from.unsigned_abs() as u32;
    let mut number: u64 = 0;
    for digit in unsigned.chars().map_while(|c| c.to_digit(base)) {
        let next = number.checked_mul(u64::from(base));
        number = next.and_then(|next| next.checked_add(u64::from(digit))).unwrap_or(u64::MAX);
    }
    let number = if negative { number.wrapping_neg() } else { number };
    let base = to.unsigned_abs() as u32;
    match to < 0 && 1 << 63 <= number {
        true => Value::text(&format!("-{}", digits(number.wrapping_neg(), base))),
        false => Value::text(&digits(number, base)),
    }
}

/// `1.2` is 1.0.0.2, as MySQL reads short addresses.
fn to_address(text: &str) -> Option<u64> {
    let parts: Vec<u64> = text
        .split('.')
        .map(|part| part.parse::<u8>().ok().map(u64::from))
        .collect::<Option<_>>()?;
    match parts[..] {
        [d] => Some(d),
        [a, d] => Some(a << 24 | d),
        [a, b, d] => Some(a << 24 | b << 16 | d),
        [a, b, c, d] => Some(a << 24 | b << 16 | c << 8 | d),
        _ => None,
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With a line break behind every 76 characters.
fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (number, chunk) in bytes.chunks(3).enumerate() {
        if 0 < number && number % 19 == 0 {
            text.push('\n');
        }
        let bits = chunk
            .iter()
            .enumerate()
            .fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place) & 63) as usize;
            text.push(if place <= chunk.len() { char::from(BASE64[sextet]) } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let significant: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !significant.len().is_multiple_of(4) {
        return None;
    }
    let mut found = Vec::new();
    for chunk in significant.chunks(4) {
        let padding = chunk.iter().filter(|byte| **byte == b'=').count();
        let mut bits = 0_u32;
        for byte in &chunk[..4 - padding] {
            let sextet = BASE64.iter().position(|own| own == byte)?;
            bits = bits << 6 | sextet as u32;
        }
        bits <<= 6 * padding;
        found.extend_from_slice(&bits.to_be_bytes()[1..4 - padding.min(2)]);
    }
    Some(found)
}

/// `insert(text, from, count, new)`.
fn insert(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let from = integer(&args[1], env).unwrap_or(0);
    let count = integer(&args[2], env).unwrap_or(0);
    let (text, new) = (args[0].to_string(), args[3].to_string());
    let length = text.chars().count() as i128;
    if !(1..=length).contains(&from) {
        return Ok(Value::text(&text));
    }
    let from = (from - 1) as usize;
    let left = length as usize - from;
    let count = if count < 0 { left } else { (count as usize).min(left) };
    let chars: Vec<char> = text.chars().collect();
    let joined: String = chars[..from]
        .iter()
        .copied()
        .chain(new.chars())
        .chain(chars[from + count..].iter().copied())
        .collect();
    Ok(Value::text(&joined))
}

/// `1,234,567.89`.
fn format_number(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let places = integer(&args[1], env).unwrap_or(0).clamp(0, 30) as i64;
    let value = decimal(&args[0], env);
    let rounded = value.with_scale_round(places, bigdecimal::RoundingMode::HalfUp);
    let text = rounded.to_plain_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", &*text), |text| ("-", text));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if 0 < at && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(Value::text(&format!("{sign}{grouped}{point}{fraction}")))
}
