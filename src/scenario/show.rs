//! What a scenario can look at: messages and tables.
//!
//! It knows nothing of commands.

use std::fmt::Write;

use crate::cluster::Cluster;
use crate::report::mysql_table::{ColumnText, table};

/// A trace line that is a message from a vtgate to a tablet, or what became of it.
pub fn message(line: &str) -> Option<String> {
    let (from, rest) = line.split_once(' ')?;
    let (arrow, rest) = rest.split_once(' ')?;
    let (to, what) = rest.split_once(": ")?;
    let is_gate = |name: &str| name.starts_with("vtgate-");
    let is_tablet = |name: &str| {
        crate::topo::Alias::parse(name).is_some() && !is_gate(name) && !name.starts_with("mysqld")
    };
    let request = is_gate(from) && is_tablet(to) && !what.starts_with("StreamHealth");
    match arrow {
        "->" if request => Some(format!("{from} -> {to}: {what}")),
        "-x" if request => Some(format!("{from} -x {to}: {what}")),
        "-x" if is_tablet(from) && is_gate(to) && !what.contains("StreamHealth") => {
            Some(format!("{from} -x {to}: {what}"))
        }
        _ => None,
    }
}

/// A table on every shard's primary, committed rows.
pub fn dump(cluster: &Cluster, name: &str) -> Result<String, String> {
    let topo = cluster.topo();
    let mut text = String::new();
    let (wanted_keyspace, name) = match name.split_once('.') {
        Some((keyspace, table)) => (Some(keyspace), table),
        None => (None, name),
    };
    let mut found = false;
    for (keyspace, record) in &topo.keyspaces {
        let sidecar = wanted_keyspace == Some("_vt");
        if !sidecar && wanted_keyspace.is_some_and(|wanted| wanted != &**keyspace) {
            continue;
        }
        for shard in &record.shard_order {
            let Some(primary) = topo.primary(keyspace, shard) else { continue };
            let database = if sidecar { "_vt".to_owned() } else { format!("vt_{keyspace}") };
            let images = cluster.images(primary);
            let image = images
                .iter()
                .find(|image| *image.schema.name == *name && *image.schema.database == *database);
            let Some(image) = image else { continue };
            found = true;
            let _ = writeln!(text, "{keyspace}/{shard}:");
            let columns: Vec<ColumnText<'_>> = image
                .schema
                .columns
                .iter()
                .map(|column| ColumnText { name: &column.name, numeric: false, nullable: true })
                .collect();
            let rows: Vec<Vec<Option<String>>> = image
                .rows
                .iter()
                .map(|row| row.iter().map(super::result::text).collect())
                .collect();
            match rows.is_empty() {
                true => text.push_str("(no rows)\n"),
                false => text.push_str(&table(&columns, &rows)),
            }
        }
    }
    match found {
        true => Ok(text),
        false => Err(format!("no shard has a table {name}")),
    }
}
