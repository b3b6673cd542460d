//! `vindicate plan`: how vtgate would run a query, without a cluster.
//!
//! ```text
//!   vschema, table definitions, set-up ──> server ──plan──> json   as `vexplain plan` prints it
//!   queries: arguments, files, folders ──────┘         ├──> table  as `explain format=vitess` did
//!                                                      ├──> tree   for people, with shards
//!                                                      └──> diff   of two vschemas
//! ```
//!
//! It knows nothing of how a plan is made: it reads plans as their JSON.

mod diff;
mod lines;
pub(in crate::cli) mod queries;
mod server;
mod setup;
mod shards;
mod stand_in;
mod tree;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Value as Json, json};

use crate::cli::{CommandError, Verdict};
use crate::planner::planning::Step;
use crate::planner::{self, PlanError};
use crate::report::mysql_table::{self, ColumnText};
use queries::Query;
use server::Server;
use shards::Shards;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Queries, files of queries (.sql, .queries), folders of such files
    #[arg(value_name = "QUERY|PATH")]
    queries: Vec<String>,
    #[command(flatten)]
    sources: Sources,
    /// The shards of a keyspace, such as customer=-80,80-, so that a tree can name them
    #[arg(long, value_name = "KEYSPACE=SHARDS")]
    shards: Vec<String>,
    #[arg(long, value_enum, default_value = "tree")]
    format: Format,
    /// Answer queries from stdin, {"query": ..} a line, with {"plan": ..} or {"error": ..}
    #[arg(long, conflicts_with_all = ["queries", "diff"])]
    json_lines: bool,
    /// Show which plans change from one vschema to another, worst first
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with = "vschema")]
    diff: Option<Vec<PathBuf>>,
    /// Fail where a plan gets worse
    #[arg(long, requires = "diff")]
    fail: bool,
}

/// What planning reads besides the query.
#[derive(Clone, clap::Args)]
pub(super) struct Sources {
    /// Vschemas: of all keyspaces (with "keyspaces"), or of the one that the file is named after
    #[arg(long)]
    vschema: Vec<PathBuf>,
    /// Table definitions of the keyspace that the file is named after
    #[arg(long)]
    schema: Vec<PathBuf>,
    /// The session's keyspace
    #[arg(long)]
    default_keyspace: Option<String>,
    /// The session's tablet type: primary, replica or rdonly
    #[arg(long, default_value = "primary")]
    tablet_type: String,
    /// What else planning reads, as score.py of the planner cases writes it
    #[arg(long)]
    setup: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// As `vexplain plan` prints it
    Json,
    /// As `explain format=vitess` printed it
    Table,
    /// For people
    Tree,
    /// The rewrite rules that fired, by phase, above the tree
    Trace,
}

/// A stack for any statement that the parser lets through, in a debug build as well.
const STACK_BYTES: usize = 1 << 29;

pub(super) fn run(arguments: Arguments) -> Result<Verdict, CommandError> {
    let thread = std::thread::Builder::new().name("plan".to_string()).stack_size(STACK_BYTES);
    let handle = thread.spawn(move || run_here(arguments))?;
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn run_here(arguments: Arguments) -> Result<Verdict, CommandError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let verdict = if let Some(vschemas) = &arguments.diff {
        let queries = queries::find(&arguments.queries)?;
        let server = |path: &PathBuf| {
            let vschema = vec![path.clone()];
            Server::load(&Sources { vschema, ..arguments.sources.clone() })
        };
        let [old, new] = &vschemas[..] else {
            return Err(CommandError::usage("--diff takes two vschemas"));
        };
        let got_worse = diff::run(&server(old)?, &server(new)?, &queries, &mut out)?;
        if got_worse && arguments.fail { Verdict::Failed } else { Verdict::Held }
    } else {
        let server = Server::load(&arguments.sources)?;
        if arguments.json_lines {
            lines::serve(&server, &mut io::stdin().lock(), &mut out)?
        } else {
            let queries = queries::find(&arguments.queries)?;
            let shards = Shards::parse(&arguments.shards)?;
            print(&server, &queries, &shards, arguments.format, &mut out)?
        }
    };
    out.flush()?;
    Ok(verdict)
}

/// Prints the plan of each query. Queries without a plan make the verdict bad.
fn print(
    server: &Server,
    queries: &[Query],
    shards: &Shards,
    format: Format,
    out: &mut impl Write,
) -> Result<Verdict, CommandError> {
    let mut verdict = Verdict::Held;
    for (at, query) in queries.iter().enumerate() {
        let plan = server.plan(&query.text);
        if plan.is_err() {
            verdict = Verdict::Failed;
        }
        if 0 < at && format != Format::Json {
            writeln!(out)?;
        }
        match format {
            Format::Json => writeln!(out, "{}", pretty(&answer(query, &plan)))?,
            Format::Table => write!(out, "{}", as_table(query, &plan))?,
            Format::Trace => {
                let (plan, steps) = server.trace(&query.text);
                write!(out, "{}", as_trace(&steps))?;
                let plan = plan.map(|plan| planner::json::plan(&plan));
                write!(out, "{}", tree::print(query, &plan, shards, server))?;
            }
            Format::Tree => {
                let plan = plan.map(|plan| planner::json::plan(&plan));
                write!(out, "{}", tree::print(query, &plan, shards, server))?;
            }
        }
    }
    Ok(verdict)
}

/// A line for each rule: the phase, the operator and what was done with it.
fn as_trace(steps: &[Step]) -> String {
    let mut text = String::new();
    for Step { phase, operator, rule } in steps {
        text.push_str(&format!("{:<32}{operator:<18}{rule}\n", phase.name()));
    }
    text
}

fn answer(query: &Query, plan: &Result<planner::primitive::Plan, PlanError>) -> Json {
    match plan {
        Ok(plan) => planner::json::plan(plan),
        Err(error) => json!({ "Original": query.text, "Error": error.message }),
    }
}

fn as_table(query: &Query, plan: &Result<planner::primitive::Plan, PlanError>) -> String {
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return format!("{}\nERROR {}\n", query.text, error.message),
    };
    let outcome = planner::table::explain(plan, false);
    let columns: Vec<ColumnText<'_>> = outcome
        .columns
        .iter()
        .map(|column| ColumnText { name: &column.name, numeric: false, nullable: false })
        .collect();
    let rows: Vec<Vec<Option<String>>> = outcome
        .rows
        .iter()
        .map(|row| row.iter().map(|value| Some(value.to_string())).collect())
        .collect();
    format!("{}\n{}", query.text, mysql_table::table(&columns, &rows))
}

/// Indented by tabs, as vtgate does it.
fn pretty(json: &Json) -> String {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    serde::Serialize::serialize(json, &mut serializer).expect("writing to memory");
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_names_phase_operator_and_rule() {
        let server = Server::load(&Sources {
            vschema: vec!["scenarios/guide/customer.vschema.json".into()],
            schema: Vec::new(),
            default_keyspace: None,
            tablet_type: "primary".to_owned(),
            setup: None,
        });
        let (plan, steps) = server.unwrap().trace("select count(*) from corder");
        assert!(plan.is_ok());
        let expected = [
            "physical transform              QueryGraph        solve query graph\n",
            "initial horizon planning        Horizon           expand SELECT horizon\n",
            "delegate aggregation            Aggregator        ",
            "push aggregation under route - keep original\n",
        ];
        assert_eq!(as_trace(&steps), expected.concat());
    }
}
