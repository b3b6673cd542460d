//! `--vschema FILE`: vschemas of all keyspaces, or each of the keyspace that its file is named
//! after.
//!
//! It knows nothing of what a vschema is for.

use std::path::{Path, PathBuf};

use crate::cli::{CommandError, read_text, vschema as vschema_check};
use crate::vschema::{KeyspaceSource, SrvVSchema};

/// The vschema of several files, and their texts.
pub(in crate::cli) fn read(paths: &[PathBuf]) -> Result<(SrvVSchema, Vec<String>), CommandError> {
    let mut source = SrvVSchema::default();
    let mut texts = Vec::new();
    for path in paths {
        let text = read_text(path)?;
        merge(&mut source, parse(path, &text)?);
        texts.push(text);
    }
    Ok((source, texts))
}

/// A whole vschema, or that of the keyspace that the file is named after.
fn parse(path: &Path, text: &str) -> Result<SrvVSchema, CommandError> {
    let is_whole = matches!(
        serde_json::from_str(text),
        Ok(serde_json::Value::Object(map)) if map.contains_key("keyspaces")
    );
    let unreadable = |error| vschema_check::unreadable(path, text, error);
    if is_whole {
        return SrvVSchema::parse(text).map_err(unreadable);
    }
    let keyspace = KeyspaceSource::parse(text).map_err(unreadable)?;
    let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let name = file_name.split('.').next().unwrap_or("").to_string();
    Ok(SrvVSchema { keyspaces: [(name, keyspace)].into(), ..SrvVSchema::default() })
}

fn merge(into: &mut SrvVSchema, from: SrvVSchema) {
    into.keyspaces.extend(from.keyspaces);
    into.routing_rules.extend(from.routing_rules);
    into.shard_routing_rules.extend(from.shard_routing_rules);
    into.keyspace_routing_rules.extend(from.keyspace_routing_rules);
    into.mirror_rules.extend(from.mirror_rules);
}
