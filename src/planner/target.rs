//! A keyspace as a statement writes it, with the shards that it may name: `ks`, `` `ks:-80` ``,
//! `` `ks[-]@replica` ``.
//!
//! See `topoproto.ParseDestination`. It knows nothing of which keyspaces and shards there are.

use crate::key::{Destination, KeyRange, KeyspaceId};

/// What stands before the dot of a table's name, or behind USE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub keyspace: String,
    pub destination: Option<Destination>,
    /// Lower case; None where it is the session's.
    pub tablet_type: Option<String>,
}

/// Why a target cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("expected valid hex in destination: {0}")]
    Hex(String),
    #[error("single keyrange expected in {0}")]
    KeyRange(String),
}

impl Target {
    pub fn parse(text: &str) -> Result<Target, TargetError> {
        let (text, tablet_type) = match text.rsplit_once('@') {
            Some((before, kind)) => (before, Some(kind.to_ascii_lowercase())),
            None => (text, None),
        };
        if let Some((keyspace, rest)) = text.split_once('[')
            && let Some(inner) = rest.strip_suffix(']')
        {
            let destination = Some(in_brackets(inner)?);
            return Ok(Target { keyspace: keyspace.to_string(), destination, tablet_type });
        }
        let (keyspace, shard) = match text.split_once([':', '/']) {
            Some((keyspace, shard)) => (keyspace, Some(Destination::Shard(shard.to_string()))),
            None => (text, None),
        };
        Ok(Target { keyspace: keyspace.to_string(), destination: shard, tablet_type })
    }
}

/// A key range where there is a dash, a keyspace id in hex otherwise.
fn in_brackets(text: &str) -> Result<Destination, TargetError> {
    if text.contains('-') {
        let range = text.parse::<KeyRange>();
        let range = range.map_err(|_| TargetError::KeyRange(text.to_string()))?;
        return Ok(Destination::ExactKeyRange(range));
    }
    let bytes =
        crate::key::hex::decode(text.as_bytes()).map_err(|_| TargetError::Hex(text.to_string()))?;
    Ok(Destination::KeyspaceId(KeyspaceId::from(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_shards_and_a_type() {
        let check = |text: &str, keyspace: &str, destination: Option<&str>, kind: Option<&str>| {
            let target = Target::parse(text).expect(text);
            assert_eq!(target.keyspace, keyspace, "{text}");
            assert_eq!(
                target.destination.map(|d| d.to_string()),
                destination.map(|text| format!("Destination{text}")),
                "{text}"
            );
            assert_eq!(target.tablet_type.as_deref(), kind, "{text}");
        };
        check("ks", "ks", None, None);
        check("ks:-80", "ks", Some("Shard(-80)"), None);
        check("ks/80-@replica", "ks", Some("Shard(80-)"), Some("replica"));
        check("ks[-]@REPLICA", "ks", Some("ExactKeyRange(-)"), Some("replica"));
        check("ks[00]", "ks", Some("KeyspaceID(00)"), None);
        assert!(Target::parse("ks[zz]").is_err());
    }
}
