//! ApplySchema, ApplyVSchema, ApplyMirrorRules, GetVSchema.

use std::sync::Arc;

use sim::world::Process;

use super::{Failure, Vtctld, args::Args, step};
use crate::rpc::{ExecuteFetchAsDba, VtctlOutput};
use crate::topo::Change;
use crate::vindex::Registry;
use crate::vschema::{KeyspaceSource, SrvVSchema, VSchema};

/// Each statement on every shard's primary.
pub async fn apply_schema(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let [keyspace] = args.rest.as_slice() else {
        return Err("the <keyspace> argument is required for the commandApplySchema command".into());
    };
    let Some(sql) = args.flag("sql") else {
        return Err("--sql is required for the ApplySchema command".to_owned());
    };
    let topo = vtctld.topo(process).await?;
    let primaries = Vtctld::primaries(&topo, keyspace)?;
    let mut statements = Vec::new();
    for text in crate::sql_text::statements(sql) {
        let parsed = sim::sql::parse(text).map_err(|error| format!("{error}: {text}"))?;
        statements.push(Arc::new(parsed));
    }
    for statement in &statements {
        for (shard, primary) in &primaries {
            let request = ExecuteFetchAsDba { statement: Arc::clone(statement) };
            let result = vtctld.ask(process, primary, request).await?;
            result.map_err(|status| format!("schema change failed on {shard}: {status}"))?;
            step(format!("ApplySchema {keyspace}/{shard}"));
        }
    }
    Ok(VtctlOutput::nothing())
}

pub async fn apply_vschema(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let [keyspace] = args.rest.as_slice() else {
        return Err("the <keyspace> argument is required for the ApplyVSchema command".to_owned());
    };
    let Some(text) = args.flag("vschema") else {
        return Err("must pass exactly one of req.VSchema and req.Sql".to_owned());
    };
    let source = KeyspaceSource::parse(text).map_err(|error| error.to_string())?;
    VSchema::build_keyspace(&source, &Registry::standard())
        .map_err(|error| format!("BuildKeyspace({keyspace}): {error}"))?;
    let topo = vtctld.topo(process).await?;
    if !topo.keyspaces.contains_key(keyspace.as_str()) {
        return Err(format!("node doesn't exist: keyspaces/{keyspace}/Keyspace"));
    }
    let printed = source.print();
    save(vtctld, process, keyspace, source).await?;
    vtctld.write(process, vec![Change::RebuildSrvVSchema]).await?;
    step("ApplyVSchema SrvVSchema rebuilt");
    Ok(VtctlOutput::Text(format!(
        "New VSchema object:\n{printed}\nIf this is not what you expected, check the input data (as JSON parsing will skip unexpected fields)."
    )))
}

/// Replaces all mirror rules.
pub async fn apply_mirror_rules(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let Some(text) = args.flag("rules") else {
        return Err("must pass exactly one of --rules or --rules-file".to_owned());
    };
    let source = SrvVSchema::parse(&format!(r#"{{"mirror_rules": {text}}}"#));
    let source = source.map_err(|error| error.to_string())?;
    let changes = vec![Change::MirrorRules(source.mirror_rules), Change::RebuildSrvVSchema];
    vtctld.write(process, changes).await?;
    step("ApplyMirrorRules SrvVSchema rebuilt");
    Ok(VtctlOutput::Text(format!(
        "New MirrorRules object:\n{text}\nIf this is not what you expected, check the input data (as JSON parsing will skip unexpected fields)."
    )))
}

pub async fn get_vschema(
    vtctld: &Vtctld,
    process: Process,
    args: &Args,
) -> Result<VtctlOutput, Failure> {
    let [keyspace] = args.rest.as_slice() else {
        return Err("the <keyspace> argument is required for the GetVSchema command".to_owned());
    };
    let topo = vtctld.topo(process).await?;
    match topo.keyspaces.get(keyspace.as_str()) {
        Some(record) => Ok(VtctlOutput::Text(record.vschema.print())),
        None => Err(format!("node doesn't exist: keyspaces/{keyspace}/VSchema")),
    }
}

/// Saves a keyspace's vschema; vtgates don't see it before the next rebuild.
pub(super) async fn save(
    vtctld: &Vtctld,
    process: Process,
    keyspace: &str,
    vschema: KeyspaceSource,
) -> Result<(), Failure> {
    let change = Change::VSchema { keyspace: keyspace.into(), vschema };
    vtctld.write(process, vec![change]).await?;
    step(format!("vschema of {keyspace} saved"));
    Ok(())
}
