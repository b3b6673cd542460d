//! What stands in for a vtgate: a vschema with what was tracked, a session, an environment.
//!
//! It knows nothing of where queries come from.

use crate::cli::plan::Sources;
use crate::cli::plan::setup::Setup;
use crate::cli::{CommandError, read_text, tables, vschema as vschema_check, vschema_files};
use crate::planner::environment::Environment;
use crate::planner::planning::{Step, Trace};
use crate::planner::primitive::Plan;
use crate::planner::{self, Context, PlanError};
use crate::vschema::{Build, VSchema};

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
        let (mut source, texts) = vschema_files::read(&sources.vschema)?;
        let mut definitions = Vec::new();
        for path in &sources.schema {
            definitions.extend(tables::read(path, &read_text(path)?, &source)?);
        }
        setup.prepare(&mut source);
        let (mut vschema, problems) =
            VSchema::build_with_problems(&source, &setup.registry(), Build::AsVitess);
        if let ([path], [text]) = (&sources.vschema[..], &texts[..]) {
            vschema_check::warn(path, text, problems);
        }
        vschema.track(&definitions);
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
