//! `--json-lines`: a query a line in, a plan or an error a line out, in lockstep.
//!
//! It knows nothing of who asks; the runner of the planner cases does.

use std::io::{BufRead, Write};

use serde_json::{Value as Json, json};

use crate::cli::plan::server::Server;
use crate::cli::{CommandError, Verdict};
use crate::planner;

/// Answers until the input ends.
pub fn serve(
    server: &Server,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<Verdict, CommandError> {
    for (at, line) in input.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let query = query(&line).ok_or_else(|| {
            CommandError::usage(format!("stdin:{}: not a query: {line}", at + 1))
                .hint("--json-lines takes an object a line: {\"query\": \"select 1\"}")
        })?;
        let answer = match server.plan(&query) {
            Ok(plan) => json!({ "plan": planner::json::plan(&plan) }),
            Err(error) => json!({ "error": error.message }),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(Verdict::Held)
}

fn query(line: &str) -> Option<String> {
    let json: Json = serde_json::from_str(line).ok()?;
    json.get("query")?.as_str().map(str::to_string)
}
