//! How long a key is in MySQL's own buffers, which EXPLAIN tells as `key_length`.
//!
//! See `KEY_PART_INFO::store_length` in `sql/key.h`. It knows nothing of values.

use crate::mysql::schema::{Column, Part, Table};

/// The bytes of these parts; none where a column's type is not modelled.
pub fn key_length(table: &Table, parts: &[Part]) -> Option<u32> {
    parts.iter().map(|part| part_length(&table.columns[part.column], part.length)).sum()
}

/// A byte says whether it is NULL, and two how long a text is that may be shorter.
fn part_length(column: &Column, prefix: Option<u32>) -> Option<u32> {
    let null = u32::from(!column.not_null);
    let ty = &column.ty;
    let length = prefix.or(ty.length);
    let fraction = ty.length.unwrap_or(0).div_ceil(2);
    let bytes = match &*ty.name {
        "tinyint" | "year" => 1,
        "smallint" => 2,
        "mediumint" | "date" => 3,
        "int" | "float" => 4,
        "bigint" | "double" => 8,
        "time" => 3 + fraction,
        "timestamp" => 4 + fraction,
        "datetime" => 5 + fraction,
        "decimal" => decimal_bytes(ty.length.unwrap_or(10), ty.scale.unwrap_or(0)),
        "binary" => length.unwrap_or(1),
        "varbinary" => length? + 2,
        "char" => length.unwrap_or(1) * character_bytes(column)?,
        "varchar" => length? * character_bytes(column)? + 2,
        "tinytext" | "text" | "mediumtext" | "longtext" => prefix? * character_bytes(column)? + 2,
        "tinyblob" | "blob" | "mediumblob" | "longblob" => prefix? + 2,
        _ => return None,
    };
    Some(null + bytes)
}

/// The most that a character takes.
fn character_bytes(column: &Column) -> Option<u32> {
    Some(match column.collation.charset() {
        "utf8mb4" => 4,
        "utf8mb3" => 3,
        "latin1" | "ascii" | "binary" => 1,
        _ => return None,
    })
}

/// Nine digits take four bytes, on each side of the point.
fn decimal_bytes(digits: u32, scale: u32) -> u32 {
    const OF_FEWER: [u32; 9] = [0, 1, 1, 2, 2, 3, 3, 4, 4];
    let side = |digits: u32| {
        let rest = OF_FEWER.get((digits % 9) as usize).copied().unwrap_or(0);
        digits / 9 * 4 + rest
    };
    side(digits.saturating_sub(scale)) + side(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_packed() {
        let check = |digits, scale, bytes| assert_eq!(decimal_bytes(digits, scale), bytes);
        check(10, 0, 5);
        check(18, 9, 8);
        check(20, 6, 10);
    }
}
