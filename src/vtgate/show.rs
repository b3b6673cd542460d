//! SHOW of the cluster: what this vtgate knows of shards and tablets.
//!
//! See `Executor.showShards`, `showTablets`, `showVitessReplicationStatus`. A WHERE is ignored, as
//! in Vitess. Each replica is asked for its own status, where Vitess asks any of its shard. Left
//! out: the throttler's status, which is empty; metadata.

use std::rc::Rc;
use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::value::Value;

use super::executor::{Run, unsupported};
use super::sends;
use super::session::Warning;
use crate::key::Code;
use crate::planner::statement::show::Filter;
use crate::planner::table;
use crate::planner::utility::is_like;
use crate::rpc::{Health, Status};
use crate::topo::{Alias, TabletRecord, TabletType};

impl Run {
    pub(super) async fn show_exec(
        &self,
        what: &str,
        filter: Option<&Filter>,
    ) -> Result<Outcome, Status> {
        match what {
            "vitess_shards" => Ok(self.show_shards(filter)),
            "vitess_tablets" => Ok(self.show_tablets(filter)),
            "vitess_replication_status" => self.show_replication(filter).await,
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

    async fn show_replication(&self, filter: Option<&Filter>) -> Result<Outcome, Status> {
        let names = [
            "Keyspace",
            "Shard",
            "TabletType",
            "Alias",
            "Hostname",
            "ReplicationSource",
            "ReplicationHealth",
            "ReplicationLag",
            "ThrottlerStatus",
        ];
        let mut rows = Vec::new();
        for tablet in self.snapshot.topo.tablets.values() {
            let Some(health) = self.gate.gateway.health_of(&tablet.alias) else { continue };
            let shard = format!("{}/{}", tablet.keyspace, tablet.shard);
            if health.target.kind == TabletType::Primary || !passes(filter, &shard) {
                continue;
            }
            // A replica that does not answer has a row of nothing.
            let status = self.replica_status(&health).await.unwrap_or_default();
            rows.push(self.replication_row(tablet, &health, &status));
        }
        Ok(texts(&names, rows))
    }

    fn replication_row(
        &self,
        tablet: &TabletRecord,
        health: &Health,
        status: &Outcome,
    ) -> Vec<String> {
        let cell = |name: &str| {
            let at = status.columns.iter().position(|column| &*column.name == name);
            let value = at.zip(status.rows.first()).and_then(|(at, row)| row.get(at));
            value.filter(|value| !value.is_null()).map(Value::to_string)
        };
        let text = |name: &str| cell(name).unwrap_or_default();
        let threads = serde_json::json!({
            "EventStreamRunning": text("Replica_IO_Running"),
            "EventApplierRunning": text("Replica_SQL_Running"),
            "LastError": text("Last_Error"),
        });
        vec![
            tablet.keyspace.to_string(),
            tablet.shard.to_string(),
            health.target.kind.name().to_ascii_uppercase(),
            tablet.alias.to_string(),
            tablet.hostname.to_string(),
            self.source_address(&text("Source_Host")),
            threads.to_string(),
            cell("Seconds_Behind_Source").unwrap_or_else(|| "-1".to_owned()),
            String::new(),
        ]
    }

    async fn replica_status(&self, health: &Health) -> Result<Outcome, Status> {
        let sql = "show replica status";
        let query = sim::sql::parse(sql)
            .map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))?;
        let (query, target, binds) = (Arc::new(query), &health.target, Arc::default());
        let shard: Rc<str> = format!("Shard({})", target.shard).into();
        let sends = || vec![sends::to(&target.keyspace, &query, shard)];
        let alone =
            self.on_shard_alone(target, Some(&health.alias), Arc::clone(&query), Arc::default());
        self.told(sends, sql, &binds, alone).await
    }

    /// The address of the server that a replica names as its source.
    fn source_address(&self, source: &str) -> String {
        let alias = source.strip_prefix("mysqld-").and_then(Alias::parse);
        match alias.and_then(|alias| self.snapshot.topo.tablets.get(&alias)) {
            Some(tablet) => format!("{}:{}", tablet.hostname, tablet.mysql_port),
            None => format!("{source}:0"),
        }
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
    let term_start = term_start.filter(|_| kind == TabletType::Primary);
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
