//! `--diff OLD NEW`: which plans change with the vschema, worst first.
//!
//! ```text
//!   1. no plan any more     it had one, now it is an error
//!   2. more shards          a unique route becomes a scatter
//!   3. more work            more routes, or more for vtgate to do
//!   4. different            the same reach by other means
//!   5. less                 fewer shards or less work, or a plan where there was none
//! ```
//!
//! Within a kind the largest change comes first, then the order of the queries. It reads plans as
//! JSON and knows nothing of how they are made.

use std::cmp::Reverse;
use std::io::Write;

use serde_json::Value as Json;
use similar::TextDiff;

use crate::cli::CommandError;
use crate::cli::plan::pretty;
use crate::cli::plan::queries::Query;
use crate::cli::plan::server::Server;
use crate::planner;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Lost,
    MoreShards,
    MoreWork,
    Different,
    Less,
}

/// A query whose plan changes.
#[derive(Debug)]
struct Changed<'a> {
    change: Change,
    /// How much more it costs.
    growth: i64,
    query: &'a Query,
    old: Result<Json, String>,
    new: Result<Json, String>,
}

/// Prints the changes; whether any is for the worse.
pub fn run(
    old: &Server,
    new: &Server,
    queries: &[Query],
    out: &mut impl Write,
) -> Result<bool, CommandError> {
    let plan = |server: &Server, query: &Query| match server.plan(&query.text) {
        Ok(plan) => Ok(planner::json::plan(&plan)),
        Err(error) => Err(error.message),
    };
    let mut changes: Vec<Changed<'_>> = Vec::new();
    for query in queries {
        changes.extend(compare(query, plan(old, query), plan(new, query)));
    }
    changes.sort_by_key(|changed| (changed.change, Reverse(changed.growth)));
    for changed in &changes {
        show(changed, out)?;
    }
    let count =
        |is: fn(Change) -> bool| changes.iter().filter(|changed| is(changed.change)).count();
    let worse = count(|change| change <= Change::MoreWork);
    writeln!(
        out,
        "{} queries: {worse} worse, {} different, {} better, {} the same",
        queries.len(),
        count(|change| change == Change::Different),
        count(|change| change == Change::Less),
        queries.len() - changes.len(),
    )?;
    Ok(0 < worse)
}

fn compare<'a>(
    query: &'a Query,
    old: Result<Json, String>,
    new: Result<Json, String>,
) -> Option<Changed<'a>> {
    if old == new {
        return None;
    }
    let (change, growth) = match (&old, &new) {
        (Ok(_), Err(_)) => (Change::Lost, 0),
        (Err(_), Ok(_)) => (Change::Less, 0),
        (Err(_), Err(_)) => (Change::Different, 0),
        (Ok(old), Ok(new)) => {
            let (old, new) = (Cost::of(old), Cost::of(new));
            let change = if old.shards < new.shards {
                Change::MoreShards
            } else if new.shards < old.shards {
                Change::Less
            } else if old.work < new.work {
                Change::MoreWork
            } else if new.work < old.work {
                Change::Less
            } else {
                Change::Different
            };
            (change, new.shards - old.shards + new.work - old.work)
        }
    };
    Some(Changed { change, growth, query, old, new })
}

/// What a plan costs, in the planner's own units.
struct Cost {
    /// The dearest reach of a route.
    shards: i64,
    /// Of all routes, and one for each thing that vtgate does with their rows.
    work: i64,
}

impl Cost {
    fn of(plan: &Json) -> Cost {
        let mut cost = Cost { shards: 0, work: 0 };
        if let Some(root) = plan.get("Instructions") {
            cost.add(root);
        }
        cost
    }

    fn add(&mut self, node: &Json) {
        let reach = reach(node);
        self.shards = self.shards.max(reach);
        self.work += reach.max(1);
        for input in node.get("Inputs").and_then(Json::as_array).into_iter().flatten() {
            self.add(input);
        }
    }
}

/// See `operators/route.go`, `Cost`: the planner weighs its routes so.
fn reach(node: &Json) -> i64 {
    let operator = node.get("OperatorType").and_then(Json::as_str).unwrap_or("");
    match node.get("Variant").and_then(Json::as_str).unwrap_or("") {
        "EqualUnique" | "Unsharded" | "Reference" | "Next" | "DBA" => 1,
        "Equal" | "SubShard" | "Sharded" => 5,
        "IN" | "Between" | "MultiEqual" => 10,
        "Scatter" => 20,
        _ if node.get("TargetDestination").and_then(Json::as_str) == Some("AllShards()") => 20,
        _ if operator == "DDL" => 20,
        _ => 0,
    }
}

fn show(changed: &Changed<'_>, out: &mut impl Write) -> Result<(), CommandError> {
    let what = match changed.change {
        Change::Lost => "no plan any more",
        Change::MoreShards => "more shards",
        Change::MoreWork => "more work",
        Change::Different => "different",
        Change::Less if changed.old.is_err() => "has a plan now",
        Change::Less => "less",
    };
    let query = changed.query;
    match &query.file {
        Some(file) => writeln!(out, "== {what}: {}:{}", file.display(), query.line)?,
        None => writeln!(out, "== {what}")?,
    }
    writeln!(out, "{}", query.text)?;
    let (old, new) = (text(&changed.old), text(&changed.new));
    let diff = TextDiff::from_lines(&old, &new);
    let lines = diff.unified_diff().context_radius(2).to_string();
    writeln!(out, "{lines}")?;
    Ok(())
}

/// The plan's lines, without the query that is printed above them.
fn text(plan: &Result<Json, String>) -> String {
    match plan {
        Ok(plan) => {
            let mut plan = plan.clone();
            if let Json::Object(object) = &mut plan {
                object.shift_remove("Original");
            }
            format!("{}\n", pretty(&plan))
        }
        Err(error) => format!("ERROR {error}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_weighed_by_reach_before_work() {
        let query = Query { text: "select 1".to_string(), file: None, line: 1 };
        let route = |variant: &str| json!({ "OperatorType": "Route", "Variant": variant });
        let plan = |root: Json| Ok(json!({ "Instructions": root }));
        let limit = |input: Json| json!({ "OperatorType": "Limit", "Inputs": [input] });
        let check = |old, new, expected| {
            let changed = compare(&query, old, new).map(|changed| changed.change);
            assert_eq!(changed, expected);
        };
        let scatter = || plan(route("Scatter"));
        check(scatter(), scatter(), None);
        check(plan(route("EqualUnique")), scatter(), Some(Change::MoreShards));
        check(scatter(), plan(route("IN")), Some(Change::Less));
        check(scatter(), plan(limit(route("Scatter"))), Some(Change::MoreWork));
        check(scatter(), Err("VT12001".to_string()), Some(Change::Lost));
        check(Err("a".to_string()), scatter(), Some(Change::Less));
        check(plan(route("Unsharded")), plan(route("Reference")), Some(Change::Different));
    }
}
