//! What stands behind USE: a keyspace, and after it which shards, which tablets.
//!
//! ```text
//!   customer   customer:-80   customer/-80   customer[-]   customer[4eb1]
//!   customer@replica   customer:-80@replica|zone1-0000000301
//! ```
//!
//! See `topoproto.ParseDestination` and `VCursorImpl.SetTarget`. It knows nothing of which of these
//! there are.

use std::rc::Rc;

use super::session::SessionTarget;
use crate::key::{Code, hex};
use crate::rpc::Status;
use crate::topo::{Alias, TabletType};

const NO_DATABASE: &str = "VT09005: no database selected: use keyspace<:shard><@type> or keyspace<[range]><@type> (<> are optional)";

/// Reads a target.
pub fn parse(text: &str) -> Result<SessionTarget, Status> {
    let invalid = |text: String| Status::new(Code::InvalidArgument, text);
    let (rest, kind, alias) = match text.rsplit_once('@') {
        None => (text, TabletType::Primary, None),
        Some((rest, behind)) => {
            let (kind, alias) = match behind.split_once('|') {
                Some((kind, alias)) => (kind, Some(alias)),
                None => (behind, None),
            };
            if kind.is_empty() {
                return Err(invalid("empty tablet type after @".to_owned()));
            }
            let known = TabletType::parse(kind)
                .ok_or_else(|| invalid(format!("Invalid tablet type in target: {kind}")))?;
            let alias = match alias {
                Some(name) => Some(
                    Alias::parse(name)
                        .ok_or_else(|| invalid(format!("invalid tablet alias: \"{name}\"")))?,
                ),
                None => None,
            };
            (rest, known, alias)
        }
    };
    let (keyspace, shard) = place(rest)?;
    if keyspace.is_empty() {
        return Err(Status::new(Code::FailedPrecondition, NO_DATABASE));
    }
    if alias.is_some() && shard.as_ref().is_none_or(|shard| shard.starts_with('[')) {
        return Err(invalid("tablet alias must be used with a shard".to_owned()));
    }
    let keyspace = Some(keyspace.into());
    Ok(SessionTarget { keyspace, shard, kind, alias, text: text.into() })
}

/// A keyspace, and which of its shards.
fn place(text: &str) -> Result<(&str, Option<Rc<str>>), Status> {
    if let Some((keyspace, rest)) = text.split_once('[')
        && let Some(inner) = rest.strip_suffix(']')
    {
        if !inner.contains('-') && hex::decode(inner.as_bytes()).is_err() {
            let text = format!("expected valid hex in destination: {inner}");
            return Err(Status::new(Code::InvalidArgument, text));
        }
        return Ok((keyspace, Some(format!("[{inner}]").into())));
    }
    Ok(match text.split_once([':', '/']) {
        Some((keyspace, shard)) => (keyspace, Some(shard.into())),
        None => (text, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_or_refused() {
        let check = |text: &str, expected: &str| {
            let got = match parse(text) {
                Ok(target) => {
                    let or =
                        |part: Option<Rc<str>>| part.map_or("none".to_owned(), |p| p.to_string());
                    let alias = target.alias.map_or("none".to_owned(), |alias| alias.to_string());
                    format!("{} {} {} {alias}", or(target.keyspace), or(target.shard), target.kind)
                }
                Err(status) => status.message,
            };
            assert_eq!(got, expected, "{text}");
        };
        check("ks", "ks none primary none");
        check("ks:-80", "ks -80 primary none");
        check("ks/80-@RDONLY", "ks 80- rdonly none");
        check("ks[-]@replica", "ks [-] replica none");
        check("ks[4eb1]", "ks [4eb1] primary none");
        check("ks[xyz]", "expected valid hex in destination: xyz");
        check("ks:-80@replica|zone1-0000000101", "ks -80 replica zone1-0000000101");
        check("ks@replica|zone1-0000000101", "tablet alias must be used with a shard");
        check("ks@", "empty tablet type after @");
        check("ks@nope", "Invalid tablet type in target: nope");
        check("@primary", NO_DATABASE);
    }
}
