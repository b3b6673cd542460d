//! ListAllTablets, VReplicationExec, StopReplication, StartReplication.

use sim::world::Process;

use super::{Failure, Vtctld, args::Args};
use crate::rpc::{StartReplication, StopReplication, VReplicationExec, VtctlOutput};
use crate::topo::{Alias, TabletRecord};

/// A line a tablet: alias, keyspace, shard, type, addresses, tags, term start.
pub async fn list_all(vtctld: &Vtctld, process: Process) -> Result<VtctlOutput, Failure> {
    let topo = vtctld.topo(process).await?;
    let lines: Vec<String> = topo.tablets.values().map(line).collect();
    Ok(VtctlOutput::Text(lines.join("\n")))
}

fn line(tablet: &TabletRecord) -> String {
    let term = match tablet.term_start {
        Some(time) => format!("{time:.0}"),
        None => "<null>".to_owned(),
    };
    format!(
        "{} {} {} {} {host}:{} {host}:{} [] {term}",
        tablet.alias,
        tablet.keyspace,
        tablet.shard,
        tablet.kind,
        tablet.port,
        tablet.mysql_port,
        host = tablet.hostname,
    )
}

pub async fn vreplication_exec(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let [alias, query] = args.rest.as_slice() else {
        return Err(
            "the <tablet alias> and <sql command> arguments are required for the VReplicationExec command"
                .to_owned(),
        );
    };
    let alias = parse_alias(alias)?;
    let request = VReplicationExec { query: query.as_str().into() };
    let outcome = vtctld.ask(process, &alias, request).await?.map_err(|status| status.message)?;
    if outcome.columns.is_empty() {
        return Ok(VtctlOutput::nothing());
    }
    let text = |value: &sim::value::Value| match value {
        sim::value::Value::Null => None,
        sim::value::Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        other => Some(other.to_string()),
    };
    let columns = outcome.columns.iter().map(|column| column.name.to_string()).collect();
    let rows = outcome.rows.iter().map(|row| row.iter().map(text).collect()).collect();
    Ok(VtctlOutput::Table { columns, rows })
}

/// StopReplication and StartReplication.
pub async fn replication(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
    start: bool,
) -> Result<VtctlOutput, Failure> {
    let [alias] = args.rest.as_slice() else {
        return Err("action requires <tablet alias>".to_owned());
    };
    let alias = parse_alias(alias)?;
    let done = match start {
        true => vtctld.ask(process, &alias, StartReplication).await?,
        false => vtctld.ask(process, &alias, StopReplication).await?,
    };
    done.map(|()| VtctlOutput::nothing()).map_err(|status| status.message)
}

pub fn parse_alias(text: &str) -> Result<Alias, Failure> {
    Alias::parse(text).ok_or_else(|| {
        format!("invalid tablet alias: {text:?}, expecting format: \"<cell>-<uid>\"")
    })
}
