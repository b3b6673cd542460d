//! A destination: which shards of a keyspace something goes to, before the shards are known.
//!
//! A vindex answers with one, a plan holds one, and the resolver turns it into shard names when the
//! keyspace's shards are at hand. See `go/vt/key/destination.go`. It knows nothing of tablets.

use std::fmt;
use std::fmt::Write;
use std::str::FromStr;

use crate::key::hex::HexError;
use crate::key::key_range::KeyRangeError;
use crate::key::{Code, KeyRange, KeyspaceId, Shard};

/// Which shards something goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// This shard, whether it exists or not.
    Shard(String),
    Shards(Vec<String>),
    /// The shards that together are exactly this range.
    ExactKeyRange(KeyRange),
    /// Every shard that meets this range.
    KeyRange(KeyRange),
    KeyspaceId(KeyspaceId),
    KeyspaceIds(Vec<KeyspaceId>),
    AnyShard,
    AllShards,
    None,
}

/// Why a destination has no shards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("no shard in keyspace")]
    NoShard,
    #[error("keyrange {0} does not exactly match shards")]
    NoExactMatch(KeyRange),
    #[error("KeyspaceId {0} didn't match any shards {1}")]
    NoShardFor(KeyspaceId, String),
}

impl ResolveError {
    pub fn code(&self) -> Code {
        match self {
            ResolveError::NoShard => Code::Unavailable,
            _ => Code::InvalidArgument,
        }
    }
}

/// Why a text is not a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDestinationError {
    #[error("not a destination: {0}")]
    Unknown(String),
    #[error(transparent)]
    KeyRange(#[from] KeyRangeError),
    #[error(transparent)]
    Hex(#[from] HexError),
}

impl Destination {
    /// The rows whose keyspace ids begin with `prefix`.
    pub fn from_prefix(prefix: &KeyspaceId) -> Destination {
        if prefix.as_bytes().is_empty() {
            return Destination::AllShards;
        }
        let end = prefix.add_one().unwrap_or(KeyspaceId::EMPTY);
        Destination::KeyRange(KeyRange { start: prefix.clone(), end })
    }

    /// The names of the shards, of all that the keyspace has, in the order given. A shard may come
    /// up twice. `pick` chooses one of so many for [`Destination::AnyShard`].
    pub fn resolve<'a>(
        &'a self,
        shards: &'a [Shard],
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> Result<Vec<&'a str>, ResolveError> {
        match self {
            Destination::Shard(name) => Ok(vec![name]),
            Destination::Shards(names) => Ok(names.iter().map(String::as_str).collect()),
            Destination::ExactKeyRange(range) => resolve_exactly(range, shards),
            Destination::KeyRange(range) => Ok(shards
                .iter()
                .filter(|shard| shard.range.intersects(range))
                .map(|shard| shard.name.as_str())
                .collect()),
            Destination::KeyspaceId(id) => Ok(vec![resolve_id(id, shards)?]),
            Destination::KeyspaceIds(ids) => ids.iter().map(|id| resolve_id(id, shards)).collect(),
            Destination::AnyShard if shards.is_empty() => Err(ResolveError::NoShard),
            Destination::AnyShard => Ok(vec![&shards[pick(shards.len()) % shards.len()].name]),
            Destination::AllShards => Ok(shards.iter().map(|shard| shard.name.as_str()).collect()),
            Destination::None => Ok(Vec::new()),
        }
    }
}

/// Of two shards with the complete range (custom sharding) only the first is found, as upstream.
fn resolve_exactly<'a>(
    range: &KeyRange,
    shards: &'a [Shard],
) -> Result<Vec<&'a str>, ResolveError> {
    let mut sorted: Vec<&Shard> = shards.iter().collect();
    sorted.sort_by(|a, b| a.range.compare(&b.range));
    let mut names = Vec::new();
    for shard in sorted.into_iter().skip_while(|shard| shard.range.compare_start(range).is_ne()) {
        if !shard.range.intersects(range) {
            break;
        }
        names.push(shard.name.as_str());
        if shard.range.compare_end(range).is_eq() {
            return Ok(names);
        }
    }
    Err(ResolveError::NoExactMatch(range.clone()))
}

fn resolve_id<'a>(id: &KeyspaceId, shards: &'a [Shard]) -> Result<&'a str, ResolveError> {
    if shards.is_empty() {
        return Err(ResolveError::NoShard);
    }
    match shards.iter().find(|shard| shard.range.contains(id)) {
        Some(shard) => Ok(&shard.name),
        None => Err(ResolveError::NoShardFor(id.clone(), dump(shards))),
    }
}

/// Prints shards as Go prints a list of `ShardReference`.
fn dump(shards: &[Shard]) -> String {
    let references: Vec<String> = shards.iter().map(shard_reference).collect();
    format!("[{}]", references.join(" "))
}

fn shard_reference(shard: &Shard) -> String {
    let bound = |name: &str, id: &KeyspaceId| match id.as_bytes() {
        [] => None,
        bytes => Some(format!("{name}:\"{}\"", bytes.escape_ascii())),
    };
    let bounds: Vec<String> = [bound("start", &shard.range.start), bound("end", &shard.range.end)]
        .into_iter()
        .flatten()
        .collect();
    match bounds.is_empty() {
        true => format!("name:\"{}\"", shard.name),
        false => format!("name:\"{}\" key_range:{{{}}}", shard.name, bounds.join(" ")),
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Destination::Shard(name) => write!(f, "DestinationShard({name})"),
            Destination::Shards(names) => write!(f, "DestinationShards({})", names.join(",")),
            Destination::ExactKeyRange(range) => write!(f, "DestinationExactKeyRange({range})"),
            Destination::KeyRange(range) => write!(f, "DestinationKeyRange({range})"),
            Destination::KeyspaceId(id) => write!(f, "DestinationKeyspaceID({id})"),
            Destination::KeyspaceIds(ids) => {
                let ids: Vec<String> = ids.iter().map(KeyspaceId::to_string).collect();
                write!(f, "DestinationKeyspaceIDs({})", ids.join(","))
            }
            Destination::AnyShard => f.write_str("DestinationAnyShard()"),
            Destination::AllShards => f.write_str("DestinationAllShards()"),
            Destination::None => f.write_str("DestinationNone()"),
        }
    }
}

/// Prints a list of destinations: `Destinations:` and the destinations with commas between.
pub fn destinations_string(destinations: &[Destination]) -> String {
    let mut out = "Destinations:".to_string();
    for (i, destination) in destinations.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(out, "{comma}{destination}");
    }
    out
}

impl FromStr for Destination {
    type Err = ParseDestinationError;

    /// Reads what [`Display`](fmt::Display) prints. `DestinationKeyspaceIDs()` is the empty list.
    fn from_str(text: &str) -> Result<Destination, ParseDestinationError> {
        let unknown = || ParseDestinationError::Unknown(text.to_string());
        let inner = text.strip_prefix("Destination").and_then(|rest| rest.strip_suffix(')'));
        let (kind, argument) = inner.and_then(|rest| rest.split_once('(')).ok_or_else(unknown)?;
        let list = || argument.split(',').filter(|_| !argument.is_empty());
        Ok(match (kind, argument) {
            ("Shard", name) => Destination::Shard(name.to_string()),
            ("Shards", _) => Destination::Shards(list().map(str::to_string).collect()),
            ("ExactKeyRange", range) => Destination::ExactKeyRange(range.parse()?),
            ("KeyRange", range) => Destination::KeyRange(range.parse()?),
            ("KeyspaceID", id) => Destination::KeyspaceId(KeyspaceId::from_hex(id)?),
            ("KeyspaceIDs", _) => Destination::KeyspaceIds(
                list().map(KeyspaceId::from_hex).collect::<Result<_, _>>()?,
            ),
            ("AnyShard", "") => Destination::AnyShard,
            ("AllShards", "") => Destination::AllShards,
            ("None", "") => Destination::None,
            _ => return Err(unknown()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(names: &str) -> Vec<Shard> {
        names.split(',').map(|name| Shard::parse(name).unwrap()).collect()
    }

    #[test]
    fn destinations_resolve_or_say_why_not() {
        let check = |destination: &str, names: &str, expected: &str| {
            let destination: Destination = destination.parse().unwrap();
            let shards = shards(names);
            let got = match destination.resolve(&shards, &mut |n| n - 1) {
                Ok(names) => names.join(","),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{destination}");
        };
        check("DestinationExactKeyRange(-80)", "80-,40-80,-40", "-40,40-80");
        check(
            "DestinationExactKeyRange(-60)",
            "80-,40-80,-40",
            "keyrange -60 does not exactly match shards",
        );
        check("DestinationKeyRange(-50)", "80-,40-80,-40", "40-80,-40");
        check("DestinationKeyspaceIDs(90,91,10)", "-80,80-", "80-,80-,-80");
        check("DestinationAnyShard()", "-80,80-", "80-");
        check(
            "DestinationKeyspaceID(59)",
            "60-80,80-90",
            "KeyspaceId 59 didn't match any shards [name:\"60-80\" key_range:{start:\"`\" end:\"\\x80\"} \
             name:\"80-90\" key_range:{start:\"\\x80\" end:\"\\x90\"}]",
        );
    }

    #[test]
    fn prefixes_become_ranges() {
        let check = |prefix: &str, expected: &str| {
            let prefix = KeyspaceId::from_hex(prefix).unwrap();
            assert_eq!(Destination::from_prefix(&prefix).to_string(), expected);
        };
        check("", "DestinationAllShards()");
        check("7bff", "DestinationKeyRange(7bff-7c00)");
        check("ffff", "DestinationKeyRange(ffff-)");
    }
}
