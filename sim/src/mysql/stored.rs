//! How InnoDB stores a value, as far as `data_locks` shows it: numbers and texts as such,
//! everything else as its bytes in hexadecimal.

use crate::sql::ast::ColumnType;
use crate::value::Value;

/// A key part as LOCK_DATA spells it; `length` is the part's prefix.
pub fn stored(ty: &ColumnType, length: Option<u32>, value: &Value) -> String {
    let hex = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("0x{digits}")
    };
    match value {
        Value::Null => "NULL".to_string(),
        Value::Int(int) => int.to_string(),
        Value::Uint(uint) => uint.to_string(),
        Value::Text(text) => {
            let cut: String = match length {
                Some(length) => text.chars().take(length as usize).collect(),
                None => text.to_string(),
            };
            format!("'{}'", cut.replace('\'', "''"))
        }
        Value::Bytes(bytes) => {
            let length = length.map_or(bytes.len(), |length| bytes.len().min(length as usize));
            hex(&bytes[..length])
        }
        Value::Float(float) if &*ty.name == "float" => hex(&(*float as f32).to_le_bytes()),
        Value::Float(float) => hex(&float.to_le_bytes()),
        Value::Date(date) => {
            let packed = (date.year() as u32) << 9 | (date.month() as u32) << 5 | date.day() as u32;
            hex(&(packed | 1 << 23).to_be_bytes()[1..])
        }
        Value::DateTime(at) if &*ty.name == "timestamp" => {
            let seconds = jiff::tz::TimeZone::UTC
                .to_timestamp(*at)
                .map_or(0, |timestamp| timestamp.as_second() as u32);
            let mut bytes = seconds.to_be_bytes().to_vec();
            bytes.extend(fraction(ty, i64::from(at.subsec_nanosecond() / 1000)));
            hex(&bytes)
        }
        Value::DateTime(at) => {
            let month = i64::from(at.year()) * 13 + i64::from(at.month());
            let day = month << 5 | i64::from(at.day());
            let clock = i64::from(at.hour()) << 12 | i64::from(at.minute()) << 6;
            let packed = day << 17 | clock | i64::from(at.second()) | 1 << 39;
            let mut bytes = packed.to_be_bytes()[3..].to_vec();
            bytes.extend(fraction(ty, i64::from(at.subsec_nanosecond() / 1000)));
            hex(&bytes)
        }
        Value::Time(micros) => {
            let (seconds, rest) =
                (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
            let clock = (seconds / 3600) << 12 | (seconds / 60 % 60) << 6;
            let packed = clock | (seconds % 60);
            let signed = if *micros < 0 { -(packed as i64) } else { packed as i64 };
            let mut bytes = (signed + (1 << 23)).to_be_bytes()[5..].to_vec();
            bytes.extend(fraction(ty, rest as i64));
            hex(&bytes)
        }
        Value::Decimal(decimal) => hex(&stored_decimal(ty, decimal)),
    }
}

/// The bytes behind the seconds: one for two digits of the declared precision.
fn fraction(ty: &ColumnType, micros: i64) -> Vec<u8> {
    let bytes = ty.length.unwrap_or(0).div_ceil(2).min(3) as usize;
    let units = [0, 10_000, 100, 1][bytes];
    if bytes == 0 {
        return Vec::new();
    }
    (micros / units).to_be_bytes()[8 - bytes..].to_vec()
}

/// MySQL's binary DECIMAL: nine digits in four bytes, fewer at both ends in as many as they need;
/// the first bit turned, and all bits of a negative number.
fn stored_decimal(ty: &ColumnType, decimal: &bigdecimal::BigDecimal) -> Vec<u8> {
    const BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let scale = ty.scale.unwrap_or(0) as usize;
    let whole = (ty.length.unwrap_or(10) as usize).saturating_sub(scale);
    let (digits, _) = decimal.with_scale(scale as i64).into_bigint_and_exponent();
    let negative = digits.sign() == bigdecimal::num_bigint::Sign::Minus;
    let digits = digits.magnitude().to_string();
    let width = whole + scale;
    let digits = format!("{digits:0>width$}");
    let (head, tail) = digits.split_at(digits.len() - scale);
    let mut groups: Vec<&str> = Vec::new();
    let (first, rest) = head.split_at(head.len() % 9);
    groups.push(first);
    groups.extend((0..rest.len() / 9).map(|at| &rest[at * 9..at * 9 + 9]));
    groups.extend((0..tail.len().div_ceil(9)).map(|at| &tail[at * 9..tail.len().min(at * 9 + 9)]));
    let mut bytes: Vec<u8> = Vec::new();
    for group in groups.into_iter().filter(|group| !group.is_empty()) {
        let number: u32 = group.parse().unwrap_or(0);
        bytes.extend(&number.to_be_bytes()[4 - BYTES[group.len().min(9)]..]);
    }
    if negative {
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    if let Some(first) = bytes.first_mut() {
        *first ^= 0x80;
    }
    bytes
}
