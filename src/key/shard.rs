//! A shard's name, and the key range that the name says.
//!
//! A name with a dash is a range (`-80`, `80-`) and is kept in lower case; any other name (`0`) is
//! kept as it is and has no range of its own. See `go/vt/topo/shard.go`, `ValidateShardName`. It
//! knows nothing of what tablets a shard has.

use crate::key::hex::HexError;
use crate::key::{Code, KeyRange, hex};

/// A shard of a keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    pub name: String,
    /// [`KeyRange::COMPLETE`] where the name is not a range.
    pub range: KeyRange,
}

/// Why a text is not a shard name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardNameError {
    #[error("empty name")]
    Empty,
    #[error("name {0} is too long")]
    TooLong(String),
    #[error("invalid character {1} in name {0}")]
    InvalidCharacter(String, char),
    #[error("invalid shardId, can only contain one '-': {0}")]
    ManyDashes(String),
    #[error(transparent)]
    Hex(#[from] HexError),
    #[error("out of order keys: {0} is not strictly smaller than {1}")]
    OutOfOrder(String, String),
}

impl ShardNameError {
    pub fn code(&self) -> Code {
        match self {
            ShardNameError::Hex(_) => Code::Unknown,
            _ => Code::InvalidArgument,
        }
    }
}

impl Shard {
    /// Reads a shard name, as topo does before it makes a shard.
    pub fn parse(name: &str) -> Result<Shard, ShardNameError> {
        if name.is_empty() {
            return Err(ShardNameError::Empty);
        }
        if 64 < name.len() {
            return Err(ShardNameError::TooLong(name.to_string()));
        }
        let is_valid = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '-';
        if let Some(c) = name.chars().find(|c| !is_valid(c)) {
            return Err(ShardNameError::InvalidCharacter(name.to_string(), c));
        }
        let parts: Vec<&str> = name.split('-').collect();
        let (start, end) = match parts[..] {
            [_] => return Ok(Shard { name: name.to_string(), range: KeyRange::COMPLETE }),
            [start, end] => (start, end),
            _ => return Err(ShardNameError::ManyDashes(name.to_string())),
        };
        let range = KeyRange::from_parts(start, end)?;
        // Bytes as written: `80-8000` is in order here, though it contains nothing.
        if !range.end.as_bytes().is_empty() && range.end <= range.start {
            return Err(ShardNameError::OutOfOrder(
                hex::encode(range.start.as_bytes()),
                hex::encode(range.end.as_bytes()),
            ));
        }
        Ok(Shard { name: name.to_ascii_lowercase(), range })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_or_say_why_not() {
        let check = |name: &str, expected: &str| {
            let got = match Shard::parse(name) {
                Ok(shard) => format!("{} {}", shard.name, shard.range),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{name}");
        };
        check("0", "0 -");
        check("Custom_1", "Custom_1 -");
        check("-", "- -");
        check("A0-C0", "a0-c0 a0-c0");
        check("80-8000", "80-8000 80-8000");
        check("", "empty name");
        check("a/b", "invalid character / in name a/b");
        check("é", "invalid character é in name é");
        check("-40-", "invalid shardId, can only contain one '-': -40-");
        check("8-", "encoding/hex: odd length hex string");
        check("80-40", "out of order keys: 80 is not strictly smaller than 40");
        check("80-80", "out of order keys: 80 is not strictly smaller than 80");
        check(&"a".repeat(65), &format!("name {} is too long", "a".repeat(65)));
    }
}
