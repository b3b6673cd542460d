//! SHOW of the cluster: what this vtgate knows of shards and tablets.
//!
//! See `Executor.ShowShards`, `ShowTablets`. A WHERE is ignored, as in Vitess. Left out: the
//! replication status, which asks every replica's throttler; metadata.

use sim::mysql::outcome::Outcome;
use sim::value::Value;

use super::executor::{Run, unsupported};
use super::session::Warning;
use crate::planner::statement::show::Filter;
use crate::planner::table;
use crate::planner::utility::is_like;
use crate::rpc::{Health, Status};
use crate::topo::TabletRecord;

impl Run {
    pub(super) fn show_exec(&self, what: &str, filter: Option<&Filter>) -> Result<Outcome, Status> {
        match what {
            "vitess_shards" => Ok(self.show_shards(filter)),
            "vitess_tablets" => Ok(self.show_tablets(filter)),
            other => Err(unsupported(format!("show {other}"))),
        }
    }

    fn show_shards(&self, filter: Option<&Filter>) -> Outcome {
        let topo = &self.snapshot.topo;
        let names = topo.keyspaces.iter().flat_map(|(keyspace, record)| {
            record.shard_order.iter().map(move |shard| format!("{keyspace}/{shard}"))
        });
        let rows = names.filter(|name| passes(filter, name)).map(|name| vec![name]).collect();
        texts(&["Shards"], rows)
    }

    fn show_tablets(&self, filter: Option<&Filter>) -> Outcome {
        let topo = &self.snapshot.topo;
        let mut rows: Vec<Vec<String>> = topo
            .tablets
            .values()
            .filter(|tablet| passes(filter, &tablet.hostname))
            .map(|tablet| row(tablet, self.gate.gateway.health_of(&tablet.alias).as_ref()))
            .collect();
        rows.sort();
        let names = [
            "Cell",
            "Keyspace",
            "Shard",
            "TabletType",
            "State",
            "Alias",
            "Hostname",
            "PrimaryTermStartTime",
        ];
        texts(&names, rows)
    }

    pub(super) fn show_warnings(&self) -> Outcome {
        let session = self.session.borrow();
        let row = |warning: &Warning| {
            vec![
                Value::text("Warning"),
                Value::Uint(warning.code.into()),
                Value::text(&warning.message),
            ]
            .into()
        };
        let rows = session.warnings.iter().map(row).collect();
        table::outcome(&["Level", "Code", "Message"], rows)
    }
}

/// What its health stream says last; a tablet that says nothing is what the topology has, and does
/// not serve.
fn row(tablet: &TabletRecord, health: Option<&Health>) -> Vec<String> {
    let kind = health.map_or(tablet.kind, |health| health.target.kind);
    let serves = health.is_some_and(|health| health.serving);
    let term_start = health.map_or(tablet.term_start, |health| health.term_start);
    let term_start = term_start.filter(|_| kind == crate::topo::TabletType::Primary);
    vec![
        tablet.alias.cell.to_string(),
        tablet.keyspace.to_string(),
        tablet.shard.to_string(),
        kind.name().to_ascii_uppercase(),
        if serves { "SERVING" } else { "NOT_SERVING" }.to_owned(),
        tablet.alias.to_string(),
        tablet.hostname.to_string(),
        term_start.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default(),
    ]
}

fn passes(filter: Option<&Filter>, text: &str) -> bool {
    match filter {
        Some(Filter::Like(pattern)) => is_like(text, pattern),
        _ => true,
    }
}

fn texts(names: &[&str], rows: Vec<Vec<String>>) -> Outcome {
    let row = |row: Vec<String>| row.iter().map(|text| Value::text(text)).collect();
    table::outcome(names, rows.into_iter().map(row).collect())
}
