//! Functions of texts. A binary argument makes the result binary, and its bytes characters.

use super::{Function, MANY, bytes, int, lenient, plain_text, strict, text_like};
use crate::collation::Collation;
use crate::eval::Env;
use crate::eval::cast::bytes_of;
use crate::eval::number::{integer, number};
use crate::sql_error::SqlError;
use crate::value::Value;

type Result_ = Result<Value, SqlError>;

/// `max_allowed_packet`: a longer result is NULL.
const LENGTH_MAX: usize = 64 << 20;

pub const FUNCTIONS: &[Function] = &[
    strict("concat", 1, MANY, text_like, concat),
    lenient("concat_ws", 2, MANY, text_like, concat_ws),
    strict("length", 1, 1, int, length),
    strict("octet_length", 1, 1, int, length),
    strict("bit_length", 1, 1, int, |args, collation, _| {
        Ok(Value::Int(encoded(&args[0], collation).len() as i64 * 8))
    }),
    strict("char_length", 1, 1, int, char_length),
    strict("character_length", 1, 1, int, char_length),
    strict("upper", 1, 1, text_like, |args, _, _| Ok(change_case(&args[0], str::to_uppercase))),
    strict("ucase", 1, 1, text_like, |args, _, _| Ok(change_case(&args[0], str::to_uppercase))),
    strict("lower", 1, 1, text_like, |args, _, _| Ok(change_case(&args[0], str::to_lowercase))),
    strict("lcase", 1, 1, text_like, |args, _, _| Ok(change_case(&args[0], str::to_lowercase))),
    strict("substr", 2, 3, text_like, substr),
    strict("substring", 2, 3, text_like, substr),
    strict("mid", 3, 3, text_like, substr),
    strict("left", 2, 2, text_like, left),
    strict("right", 2, 2, text_like, right),
    strict("trim", 1, 2, text_like, |args, _, _| Ok(trim(args, true, true))),
    strict("ltrim", 1, 2, text_like, |args, _, _| Ok(trim(args, true, false))),
    strict("rtrim", 1, 2, text_like, |args, _, _| Ok(trim(args, false, true))),
    strict("replace", 3, 3, text_like, replace),
    strict("repeat", 2, 2, text_like, repeat),
    strict("reverse", 1, 1, text_like, reverse),
    strict("space", 1, 1, plain_text, space),
    strict("lpad", 3, 3, text_like, |args, _, env| pad(args, true, env)),
    strict("rpad", 3, 3, text_like, |args, _, env| pad(args, false, env)),
    strict("locate", 2, 3, int, |args, collation, env| {
        let from = args.get(2).and_then(|from| integer(from, env)).unwrap_or(1);
        Ok(locate(&args[0], &args[1], from, collation))
    }),
    strict("position", 2, 2, int, |args, collation, _| {
        Ok(locate(&args[0], &args[1], 1, collation))
    }),
    strict("instr", 2, 2, int, |args, collation, _| Ok(locate(&args[1], &args[0], 1, collation))),
    strict("substring_index", 3, 3, text_like, substring_index),
    strict("strcmp", 2, 2, int, strcmp),
    strict("hex", 1, 1, plain_text, hex),
    strict("unhex", 1, 1, bytes, |args, _, env| {
        let found = unhex(&args[0].to_string());
        if found.is_none() {
            env.warnings.push(super::incorrect_argument("unhex", args));
        }
        Ok(found.map_or(Value::Null, |bytes| Value::bytes(&bytes)))
    }),
    strict("soundex", 1, 1, text_like, |args, _, _| Ok(soundex(&args[0].to_string()))),
    strict("ascii", 1, 1, int, |args, collation, _| {
        Ok(Value::Int(encoded(&args[0], collation).first().map_or(0, |&byte| i64::from(byte))))
    }),
    strict("ord", 1, 1, int, ord),
    lenient("char", 1, MANY, bytes, char_codes),
    lenient("field", 2, MANY, int, field),
    lenient("elt", 2, MANY, text_like, elt),
    strict("find_in_set", 2, 2, int, find_in_set),
    lenient("quote", 1, 1, text_like, |args, _, _| {
        if args[0].is_null() {
            return Ok(Value::text("NULL"));
        }
        Ok(Value::text(&crate::sql::print::quoted(&args[0].to_string())))
    }),
    strict("weight_string", 1, 1, bytes, |args, collation, _| {
        Ok(match &args[0] {
            Value::Text(text) => Value::bytes(&collation.sort_key(text.as_bytes())),
            Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
            // Numbers have none.
            _ => Value::Null,
        })
    }),
];

/// The bytes of hex digits; none for an odd number of them or anything else.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let padded = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
    let nibble = |byte: u8| char::from(byte).to_digit(16);
    padded
        .as_bytes()
        .chunks(2)
        .map(|pair| Some((nibble(pair[0])? << 4 | nibble(pair[1])?) as u8))
        .collect()
}

fn is_bytes(value: &Value) -> bool {
    matches!(value, Value::Bytes(_))
}

/// A result of the kind that its source has.
fn as_kind(binary: bool, bytes: Vec<u8>) -> Value {
    if binary { Value::bytes(&bytes) } else { Value::text(&String::from_utf8_lossy(&bytes)) }
}

/// A text's characters, a binary string's bytes: each as bytes.
fn units(value: &Value) -> Vec<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => bytes.iter().map(|&byte| vec![byte]).collect(),
        other => other.to_string().chars().map(|c| c.to_string().into_bytes()).collect(),
    }
}

fn concat(args: &[Value], _: Collation, _: &mut Env) -> Result_ {
    let mut joined = Vec::new();
    args.iter().for_each(|arg| joined.extend_from_slice(&bytes_of(arg)));
    Ok(as_kind(args.iter().any(is_bytes), joined))
}

fn concat_ws(args: &[Value], _: Collation, _: &mut Env) -> Result_ {
    let [separator, items @ ..] = args else { return Ok(Value::Null) };
    if separator.is_null() {
        return Ok(Value::Null);
    }
    let separator = bytes_of(separator);
    let parts: Vec<_> = items.iter().filter(|item| !item.is_null()).map(bytes_of).collect();
    Ok(as_kind(args.iter().any(is_bytes), parts.join(&separator[..])))
}

fn length(args: &[Value], collation: Collation, _: &mut Env) -> Result_ {
    Ok(Value::Int(encoded(&args[0], collation).len() as i64))
}

/// The bytes of a text in its own character set.
pub fn encoded(value: &Value, collation: Collation) -> std::sync::Arc<[u8]> {
    match value {
        Value::Text(text) if collation.charset() == "latin1" && !text.is_ascii() => {
            text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
        }
        other => bytes_of(other),
    }
}

fn char_length(args: &[Value], _: Collation, _: &mut Env) -> Result_ {
    Ok(Value::Int(match &args[0] {
        Value::Bytes(bytes) => bytes.len() as i64,
        other => other.to_string().chars().count() as i64,
    }))
}

/// A binary string has no case.
fn change_case(value: &Value, change: fn(&str) -> String) -> Value {
    match value {
        Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
        other => {
            // One character stays one: the full mapping of ß to SS is not MySQL's.
            let text = other.to_string();
            let simple = text.chars().map(|c| {
                let changed = change(c.encode_utf8(&mut [0; 4]));
                let mut chars = changed.chars();
                match (chars.next(), chars.next()) {
                    (Some(one), None) => one,
                    _ => c,
                }
            });
            Value::text(&simple.collect::<String>())
        }
    }
}

fn join_units(value: &Value, units: &[Vec<u8>]) -> Value {
    as_kind(is_bytes(value), units.concat())
}

fn substr(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let all = units(&args[0]);
    let count = all.len() as i128;
    let position = integer(&args[1], env).unwrap_or(0);
    let length = args.get(2).map_or(count, |length| integer(length, env).unwrap_or(0));
    let start = match position {
        0 => count,
        position if position < 0 => count + position,
        position => position - 1,
    };
    if start < 0 || count <= start || length <= 0 {
        return Ok(join_units(&args[0], &[]));
    }
    let end = (start + length.min(count)).min(count);
    Ok(join_units(&args[0], &all[start as usize..end as usize]))
}

fn left(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let all = units(&args[0]);
    let count = integer(&args[1], env).unwrap_or(0).clamp(0, all.len() as i128) as usize;
    Ok(join_units(&args[0], &all[..count]))
}

fn right(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let all = units(&args[0]);
    let count = integer(&args[1], env).unwrap_or(0).clamp(0, all.len() as i128) as usize;
    Ok(join_units(&args[0], &all[all.len() - count..]))
}

fn trim(args: &[Value], leading: bool, trailing: bool) -> Value {
    let text = bytes_of(&args[0]);
    let what = args.get(1).map_or_else(|| b" ".as_slice().into(), bytes_of);
    let mut rest: &[u8] = &text;
    if what.is_empty() {
        return as_kind(is_bytes(&args[0]), rest.to_vec());
    }
    while leading && let Some(shorter) = rest.strip_prefix(&what[..]) {
        rest = shorter;
    }
    while trailing && let Some(shorter) = rest.strip_suffix(&what[..]) {
        rest = shorter;
    }
    as_kind(is_bytes(&args[0]), rest.to_vec())
}

fn replace(args: &[Value], _: Collation, _: &mut Env) -> Result_ {
    let (text, from, to) = (bytes_of(&args[0]), bytes_of(&args[1]), bytes_of(&args[2]));
    let mut result = Vec::with_capacity(text.len());
    let mut rest: &[u8] = &text;
    while !rest.is_empty() {
        if !from.is_empty() && rest.starts_with(&from) {
            result.extend_from_slice(&to);
            rest = &rest[from.len()..];
        } else {
            result.push(rest[0]);
            rest = &rest[1..];
        }
        if LENGTH_MAX < result.len() {
            return Ok(Value::Null);
        }
    }
    Ok(as_kind(args.iter().any(is_bytes), result))
}

fn repeat(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let text = bytes_of(&args[0]);
    let count = integer(&args[1], env).unwrap_or(0).max(0) as u128;
    if LENGTH_MAX as u128 / (text.len() as u128).max(1) < count && !text.is_empty() {
        return Ok(Value::Null);
    }
    let count = if text.is_empty() { 0 } else { count as usize };
    Ok(as_kind(is_bytes(&args[0]), text.repeat(count)))
}

fn reverse(args: &[Value], _: Collation, _: &mut Env) -> Result_ {
    let mut all = units(&args[0]);
    all.reverse();
    Ok(join_units(&args[0], &all))
}

fn space(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let count = integer(&args[0], env).unwrap_or(0).max(0);
    if LENGTH_MAX as i128 <= count {
        return Ok(Value::Null);
    }
    Ok(Value::text(&" ".repeat(count as usize)))
}

/// The first letter, and the consonants behind it as classes of sound.
fn soundex(text: &str) -> Value {
    const CLASSES: &[u8; 26] = b"01230120022455012623010202";
    let class = |c: char| match c.to_ascii_uppercase() {
        upper @ 'A'..='Z' => char::from(CLASSES[upper as usize - 'A' as usize]),
        _ => '0',
    };
    let mut letters = text.chars().filter(|c| c.is_alphabetic());
    let Some(first) = letters.next() else { return Value::text("") };
    let mut found = String::from(first.to_ascii_uppercase());
    let mut last = class(first);
    for own in letters.map(class).filter(|own| *own != '0') {
        if own != last {
            found.push(own);
        }
        last = own;
    }
    while found.chars().count() < 4 {
        found.push('0');
    }
    Value::text(&found)
}

fn pad(args: &[Value], front: bool, env: &mut Env) -> Result_ {
    let text = units(&args[0]);
    let fill = units(&args[2]);
    let length = integer(&args[1], env).unwrap_or(0);
    if length < 0 || LENGTH_MAX as i128 <= length {
        return Ok(Value::Null);
    }
    let length = length as usize;
    if length <= text.len() {
        return Ok(join_units(&args[0], &text[..length]));
    }
    if fill.is_empty() {
        return Ok(join_units(&args[0], &text));
    }
    let padding: Vec<_> = fill.iter().cycle().take(length - text.len()).cloned().collect();
    let parts = if front { [padding, text] } else { [text, padding] };
    Ok(join_units(&args[0], &parts.concat()))
}

fn locate(what: &Value, text: &Value, from: i128, collation: Collation) -> Value {
    let binary = is_bytes(what) || is_bytes(text);
    let chars = |value: &Value| -> Vec<char> {
        if binary {
            bytes_of(value).iter().map(|&byte| char::from(byte)).collect()
        } else {
            value.to_string().chars().collect()
        }
    };
    let (what, text) = (chars(what), chars(text));
    if from < 1 || text.len() as i128 + 1 < from {
        return Value::Int(0);
    }
    let collation = if binary { Collation::Binary } else { collation };
    let from = from as usize - 1;
    let same = |at: usize| what.iter().zip(&text[at..]).all(|(a, b)| collation.same_char(*a, *b));
    let found = (from..=text.len().saturating_sub(what.len()))
        .find(|&at| what.len() <= text.len() - at && same(at));
    Value::Int(found.map_or(0, |at| at as i64 + 1))
}

fn substring_index(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let (text, mark) = (args[0].to_string(), args[1].to_string());
    let count = integer(&args[2], env).unwrap_or(0);
    if mark.is_empty() || count == 0 {
        return Ok(Value::text(""));
    }
    let parts: Vec<&str> = text.split(&mark).collect();
    let taken = count.unsigned_abs().min(parts.len() as u128) as usize;
    let kept = if 0 < count { &parts[..taken] } else { &parts[parts.len() - taken..] };
    Ok(Value::text(&kept.join(&mark)))
}

fn strcmp(args: &[Value], collation: Collation, _: &mut Env) -> Result_ {
    let collation = if args.iter().any(is_bytes) { Collation::Binary } else { collation };
    Ok(Value::Int(collation.compare(&bytes_of(&args[0]), &bytes_of(&args[1])) as i64))
}

fn hex(args: &[Value], collation: Collation, env: &mut Env) -> Result_ {
    Ok(Value::text(&match &args[0] {
        value @ (Value::Text(_)
        | Value::Bytes(_)
        | Value::Date(_)
        | Value::DateTime(_)
        | Value::Time(_)) => {
            encoded(value, collation).iter().map(|byte| format!("{byte:02X}")).collect()
        }
        other => {
            let number = number(other, env).map_or(0, |number| number.to_i128());
            format!("{:X}", crate::eval::arithmetic::to_bits(number))
        }
    }))
}

fn ord(args: &[Value], collation: Collation, _: &mut Env) -> Result_ {
    if collation.charset() == "latin1" {
        let first = encoded(&args[0], collation).first().copied();
        return Ok(Value::Int(i64::from(first.unwrap_or(0))));
    }
    let first = units(&args[0]).into_iter().next().unwrap_or_default();
    Ok(Value::Int(first.iter().fold(0, |code, &byte| code << 8 | i64::from(byte))))
}

fn char_codes(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let mut result = Vec::new();
    for arg in args.iter().filter(|arg| !arg.is_null()) {
        let code = crate::eval::arithmetic::to_bits(integer(arg, env).unwrap_or(0)) as u32;
        let code = code.to_be_bytes();
        let leading = code.iter().take_while(|&&byte| byte == 0).count().min(3);
        result.extend_from_slice(&code[leading..]);
    }
    Ok(Value::bytes(&result))
}

fn field(args: &[Value], collation: Collation, env: &mut Env) -> Result_ {
    let [what, items @ ..] = args else { return Ok(Value::Int(0)) };
    for (at, item) in items.iter().enumerate() {
        if !what.is_null() && crate::eval::equal(what, item, collation, env) {
            return Ok(Value::Int(at as i64 + 1));
        }
    }
    Ok(Value::Int(0))
}

fn elt(args: &[Value], _: Collation, env: &mut Env) -> Result_ {
    let at = integer(&args[0], env).unwrap_or(0);
    let item = usize::try_from(at).ok().filter(|&at| 0 < at).and_then(|at| args.get(at));
    Ok(match item {
        None | Some(Value::Null) => Value::Null,
        Some(value @ (Value::Text(_) | Value::Bytes(_))) => value.clone(),
        Some(other) => Value::text(&other.to_string()),
    })
}

fn find_in_set(args: &[Value], collation: Collation, _: &mut Env) -> Result_ {
    let (what, list) = (args[0].to_string(), args[1].to_string());
    if list.is_empty() {
        return Ok(Value::Int(0));
    }
    // No blanks are filled up here.
    let blanks = |text: &str| text.len() - text.trim_end_matches(' ').len();
    let same = |item: &str| {
        collation.compare(item.as_bytes(), what.as_bytes()).is_eq() && blanks(item) == blanks(&what)
    };
    let found = list.split(',').position(same);
    Ok(Value::Int(found.map_or(0, |at| at as i64 + 1)))
}
