//! Which tablet a stream reads from.
//!
//! Tablets of the source shard whose record has a wanted type, in the wanted cells, that answer and
//! serve. Those of the local cell come first; with `in_order:` the types are tried in their order;
//! among equals the run chooses. See `go/vt/discovery/tablet_picker.go`.
//!
//! It knows nothing of streams.

use std::rc::Rc;
use std::time::Duration;

use sim::world::Process;

use crate::key::Code;
use crate::rpc::{Status, StreamHealth};
use crate::topo::{Alias, TabletRecord, TabletType, Topo};

/// What a stream asks for.
pub struct Wanted<'a> {
    pub keyspace: &'a str,
    pub shard: &'a str,
    /// Comma separated; empty is the local cell.
    pub cells: &'a str,
    pub local_cell: &'a str,
    /// Comma separated, with an optional `in_order:` in front.
    pub tablet_types: &'a str,
}

/// Tablet types in the order written, and whether the order counts.
pub fn parse_types(text: &str) -> Result<(Vec<TabletType>, bool), Status> {
    let (list, in_order) = match text.strip_prefix("in_order:") {
        Some(list) => (list, true),
        None => (text, false),
    };
    if list.trim().is_empty() {
        let all = vec![TabletType::Replica, TabletType::Rdonly, TabletType::Primary];
        return Ok((all, in_order));
    }
    let parse = |word: &str| {
        TabletType::parse(word.trim()).ok_or_else(|| {
            let text = format!("failed to parse list of tablet types: {text}");
            Status::new(Code::FailedPrecondition, text)
        })
    };
    Ok((list.split(',').map(parse).collect::<Result<_, _>>()?, in_order))
}

/// The tablet to read from now; None where no candidate answers.
pub async fn pick(
    process: Process,
    topo: &Topo,
    wanted: &Wanted<'_>,
    address: impl Fn(&Alias) -> Option<sim::world::Program>,
) -> Result<Option<Alias>, Status> {
    let (types, in_order) = parse_types(wanted.tablet_types)?;
    let mut cells: Vec<&str> =
        wanted.cells.split(',').map(str::trim).filter(|cell| !cell.is_empty()).collect();
    if !cells.contains(&wanted.local_cell) {
        cells.push(wanted.local_cell);
    }
    let only_primary = types == [TabletType::Primary];
    let candidate = |tablet: &&TabletRecord| {
        types.contains(&tablet.kind) && (only_primary || cells.contains(&&*tablet.alias.cell))
    };
    let mut candidates = Vec::new();
    for tablet in topo.tablets_of(wanted.keyspace, wanted.shard).filter(candidate) {
        let Some(program) = address(&tablet.alias) else { continue };
        let health = process.call(program, StreamHealth { known: None });
        let health = health.within(Duration::from_secs(1)).await;
        if health.is_ok_and(|health| health.serving) {
            candidates.push(tablet.clone());
        }
    }
    let rank = |tablet: &TabletRecord| {
        let remote = *tablet.alias.cell != *wanted.local_cell;
        let order = types.iter().position(|kind| *kind == tablet.kind).unwrap_or(types.len());
        (remote, if in_order { order } else { 0 })
    };
    let Some(best) = candidates.iter().map(rank).min() else { return Ok(None) };
    candidates.retain(|tablet| rank(tablet) == best);
    let last = candidates.len() as u64 - 1;
    let chosen = process.choose("source tablet", 0, 0..=last) as usize;
    Ok(candidates.get(chosen).map(|tablet| tablet.alias.clone()))
}

/// Where nobody is found.
pub fn no_tablet(wanted: &Wanted<'_>, v6: bool) -> (Rc<str>, Rc<str>) {
    let Wanted { keyspace, shard, tablet_types, .. } = wanted;
    let log = format!(
        "No healthy serving tablet found for streaming, shard {keyspace}.{shard}, cells [{}], tabletTypes [{tablet_types}], maxReplicationLag: 0s, sleeping for 30.000 seconds.",
        wanted.local_cell
    );
    let message = match v6 {
        true => format!(
            "can't find any healthy source tablet for keyspace/shard:{keyspace}/{shard} tablet types:{tablet_types}"
        ),
        false => "Error picking tablet: context has expired".to_owned(),
    };
    (log.into(), message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_in_any_case_with_their_order() {
        let check = |text: &str, types: &[TabletType], in_order| {
            assert_eq!(parse_types(text), Ok((types.to_vec(), in_order)), "{text}");
        };
        check("RDONLY", &[TabletType::Rdonly], false);
        check("in_order:REPLICA,PRIMARY", &[TabletType::Replica, TabletType::Primary], true);
        check("", &[TabletType::Replica, TabletType::Rdonly, TabletType::Primary], false);
        assert!(parse_types("spare").is_err());
    }
}
