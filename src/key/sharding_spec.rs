//! Splits of a keyspace into shards: read from a spec (`-40-80-`), or even.
//!
//! See `go/vt/key/key.go`, `ParseShardingSpec`, `EvenShardsKeyRange` and `GenerateShardRanges`. It
//! knows nothing of shard names beyond the ranges in them.

use crate::key::hex::HexError;
use crate::key::quote::quote;
use crate::key::{KeyRange, KeyspaceId};

/// Why a text is not a sharding spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardingSpecError {
    #[error("malformed spec: doesn't define a range: {}", quote(.0.as_bytes()))]
    NoRange(String),
    #[error("malformed spec: MinKey/MaxKey cannot be in the middle of the spec: {}", quote(.0.as_bytes()))]
    EmptyInTheMiddle(String),
    #[error("malformed spec: shard limits should be in order: {}", quote(.0.as_bytes()))]
    OutOfOrder(String),
    #[error(transparent)]
    Hex(#[from] HexError),
}

/// Why a keyspace cannot be split so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvenSplitError {
    #[error("the shard count must be > 0: {0}")]
    NoShards(i64),
    #[error("the index of the shard must be less than the total number of shards: {0} < {1}")]
    Index(i64, i64),
    #[error("the shard count must be a power of two: {0}")]
    NotPowerOfTwo(i64),
    #[error("shards must be greater than zero")]
    ZeroShards,
    #[error("this function does not support more than 65536 shards in a single keyspace")]
    TooManyShards,
    #[error(
        "the given number of shards ({0}) is too high for the given number of characters to use ({1})"
    )]
    WidthTooSmall(i64, u8),
}

/// Reads the ranges of a spec: `-80-` is `-80` and `80-`. The ranges need not cover the keyspace.
pub fn parse_sharding_spec(spec: &str) -> Result<Vec<KeyRange>, ShardingSpecError> {
    let mut parts: Vec<&str> = spec.split('-').collect();
    if parts.len() == 1 {
        if spec != "0" {
            return Err(ShardingSpecError::NoRange(spec.to_string()));
        }
        parts = vec!["", ""];
    }
    let last = parts.len() - 2;
    let mut ranges = Vec::with_capacity(parts.len() - 1);
    for (i, pair) in parts.windows(2).enumerate() {
        let (previous, part) = (pair[0], pair[1]);
        if part.is_empty() && i != last {
            return Err(ShardingSpecError::EmptyInTheMiddle(spec.to_string()));
        }
        // As text, so `40-4000` is in order, and `0a-0B` is not.
        if !part.is_empty() && part <= previous {
            return Err(ShardingSpecError::OutOfOrder(spec.to_string()));
        }
        ranges.push(KeyRange::from_parts(previous, part)?);
    }
    Ok(ranges)
}

/// The `i`th of `n` even ranges, with as few bytes as `n` needs.
pub fn even_shards_key_range(i: i64, n: i64) -> Result<KeyRange, EvenSplitError> {
    if n <= 0 {
        return Err(EvenSplitError::NoShards(n));
    }
    if n <= i {
        return Err(EvenSplitError::Index(i, n));
    }
    if n & (n - 1) != 0 {
        return Err(EvenSplitError::NotPowerOfTwo(n));
    }
    // 2^64 / n, which for n = 1 wraps to 0: both bounds are then empty.
    let width = (u64::MAX / n as u64).wrapping_add(1);
    let bytes = ((n - 1) as u64).to_be_bytes().iter().skip_while(|byte| **byte == 0).count();
    let bound = |i: i64| match width.wrapping_mul(i as u64) {
        0 => KeyspaceId::EMPTY,
        bound => KeyspaceId::new(&bound.to_be_bytes()[..bytes]),
    };
    Ok(KeyRange { start: bound(i), end: bound(i.wrapping_add(1)) })
}

/// The names of `shards` ranges that are as even as `hex_width` digits allow; width 0 means 2
/// digits up to 256 shards and 4 above.
///
/// An odd width gives names that are no shard names (`-2`), as upstream.
pub fn generate_shard_ranges(shards: i64, hex_width: u8) -> Result<Vec<String>, EvenSplitError> {
    let width = match (shards, hex_width) {
        (..=0, _) => return Err(EvenSplitError::ZeroShards),
        (1, _) => return Ok(vec!["-".to_string()]),
        (65537.., _) => return Err(EvenSplitError::TooManyShards),
        (..=256, 0) => 2,
        (_, 0) => 4,
        (_, width) => width,
    };
    let max = 16f64.powi(i32::from(width));
    if max < shards as f64 {
        return Err(EvenSplitError::WidthTooSmall(shards, width));
    }
    let bound = |i: i64| match i == 0 || i == shards {
        true => String::new(),
        false => {
            let bound = (i as f64 * max / shards as f64) as u64;
            format!("{bound:0width$x}", width = usize::from(width))
        }
    };
    Ok((0..shards).map(|i| format!("{}-{}", bound(i), bound(i + 1))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_parse_or_say_why_not() {
        let check = |spec: &str, expected: &str| {
            let got = match parse_sharding_spec(spec) {
                Ok(ranges) => ranges.iter().map(KeyRange::to_string).collect::<Vec<_>>().join(","),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{spec}");
        };
        check("0", "-");
        check("-40-80-", "-40,40-80,80-");
        check("60-80-90", "60-80,80-90");
        check("40-4000", "40-4000");
        check("80", "malformed spec: doesn't define a range: \"80\"");
        check("--", "malformed spec: MinKey/MaxKey cannot be in the middle of the spec: \"--\"");
        check("80-40", "malformed spec: shard limits should be in order: \"80-40\"");
        check("-zz-40", "encoding/hex: invalid byte: U+007A 'z'");
    }

    #[test]
    fn even_splits_tile_the_keyspace() {
        for n in [1, 2, 4, 256, 512, 65536] {
            let mut end = KeyspaceId::EMPTY;
            for i in 0..n {
                let range = even_shards_key_range(i, n).unwrap();
                assert_eq!(range.start, end);
                end = range.end;
            }
            assert_eq!(end, KeyspaceId::EMPTY);
        }
        assert!(even_shards_key_range(0, i64::MIN).is_err());
        assert!(even_shards_key_range(-1, 2).is_ok());
        assert_eq!(generate_shard_ranges(2, 1).unwrap(), ["-8", "8-"]);
        assert!(generate_shard_ranges(17, 1).is_err());
    }
}
