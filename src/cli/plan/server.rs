//! What stands in for a vtgate: a vschema with what was tracked, a session, an environment.
//!
//! It knows nothing of where queries come from.

use std::path::Path;

use crate::cli::plan::setup::Setup;
use crate::cli::plan::{Sources, tables};
use crate::cli::{CommandError, read_text, vschema as vschema_check};
use crate::planner::environment::Environment;
use crate::planner::planning::{Step, Trace};
use crate::planner::primitive::Plan;
use crate::planner::{self, Context, PlanError};
use crate::vschema::{Build, KeyspaceSource, SrvVSchema, VSchema, definition};

/// Everything that planning reads besides the query.
pub struct Server {
    pub vschema: VSchema,
    environment: Environment,
    keyspace: Option<String>,
    shard: Option<String>,
    tablet_type: String,
}

const TABLET_TYPES: [&str; 3] = ["primary", "replica", "rdonly"];
const SYSTEM_SCHEMAS: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

impl Server {
    pub fn load(sources: &Sources) -> Result<Server, CommandError> {
        let setup = match &sources.setup {
            Some(path) => Setup::parse(&read_text(path)?, &path.display().to_string())?,
            None => Setup::default(),
        };
        let mut source = SrvVSchema::default();
        let mut texts = Vec::new();
        for path in &sources.vschema {
            let text = read_text(path)?;
            merge(&mut source, parse(path, &text)?);
            texts.push((path, text));
        }
        let mut definitions = Vec::new();
        for path in &sources.schema {
            definitions.extend(tables::read(path, &read_text(path)?, &source)?);
        }
        definition::define(&definitions, &mut source);
        setup.prepare(&mut source);
        let (mut vschema, problems) =
            VSchema::build_with_problems(&source, &setup.registry(), Build::AsVitess);
        if let [(path, text)] = &texts[..] {
            vschema_check::warn(path, text, problems);
        }
        definition::track(&definitions, &mut vschema);
        setup.track(&mut vschema);
        Ok(Server {
            environment: setup.environment(&vschema),
            keyspace: keyspace(sources, &setup, &vschema)?,
            shard: setup.shard(),
            tablet_type: tablet_type(&sources.tablet_type)?,
            vschema,
        })
    }

    pub fn plan(&self, query: &str) -> Result<Plan, PlanError> {
        self.build(query, None)
    }

    /// The rules that fired, in order, whether or not there is a plan in the end.
    pub fn trace(&self, query: &str) -> (Result<Plan, PlanError>, Vec<Step>) {
        let trace = Trace::default();
        let plan = self.build(query, Some(&trace));
        (plan, trace.into_inner())
    }

    fn build(&self, query: &str, trace: Option<&Trace>) -> Result<Plan, PlanError> {
        let context = Context {
            vschema: &self.vschema,
            keyspace: self.keyspace.as_deref(),
            shard: self.shard.as_deref(),
            tablet_type: &self.tablet_type,
            tables_header: "Tables_in_",
            environment: &self.environment,
            trace,
        };
        planner::build(query, &context)
    }
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

fn keyspace(
    sources: &Sources,
    setup: &Setup,
    vschema: &VSchema,
) -> Result<Option<String>, CommandError> {
    let given = sources.default_keyspace.clone().filter(|name| !name.is_empty());
    let Some(name) = setup.keyspace().or(given) else {
        return Ok(None);
    };
    let is_known = vschema.keyspaces.contains_key(&name)
        || SYSTEM_SCHEMAS.contains(&name.to_ascii_lowercase().as_str());
    if is_known {
        return Ok(Some(name));
    }
    let known: Vec<&str> = vschema.keyspaces.keys().map(String::as_str).collect();
    Err(CommandError::usage(format!("no vschema has the keyspace {name}"))
        .hint(format!("the keyspaces are: {}", known.join(", "))))
}

fn tablet_type(name: &str) -> Result<String, CommandError> {
    let lower = name.to_ascii_lowercase();
    match TABLET_TYPES.contains(&lower.as_str()) {
        true => Ok(lower),
        false => Err(CommandError::usage(format!("{name} is not a tablet type"))
            .hint(format!("the tablet types are: {}", TABLET_TYPES.join(", ")))),
    }
}
