//! A plan as a tree for people: what each primitive does, which shards it reaches, what it sends.
//!
//! ```text
//!   select name from customer where id = 1
//!   Route EqualUnique customer by hash(1) -> -80
//!      select `name` from customer where id = 1
//! ```
//!
//! It reads the plan's JSON, whatever primitives it is made of. It knows nothing of planning.

use std::fmt::Write;

use serde_json::Value as Json;

use crate::cli::plan::queries::Query;
use crate::cli::plan::server::Server;
use crate::cli::plan::shards::{self, Shards};
use crate::planner::PlanError;

/// Keys that the first line of a node says, or that repeat the query.
const SAID: [&str; 10] = [
    "OperatorType",
    "Variant",
    "Keyspace",
    "TargetDestination",
    "InputName",
    "Vindex",
    "Values",
    "FieldQuery",
    "Query",
    "Inputs",
];

pub fn print(
    query: &Query,
    plan: &Result<Json, PlanError>,
    shards: &Shards,
    server: &Server,
) -> String {
    let mut text = String::new();
    if let Some(file) = &query.file {
        let _ = writeln!(text, "# {}:{}", file.display(), query.line);
    }
    let _ = writeln!(text, "{}", query.text);
    match plan {
        Ok(plan) => match plan.get("Instructions") {
            Some(root) => Printer { text: &mut text, shards, server }.node(root, "", ""),
            None => text.push_str("nothing for any shard to do\n"),
        },
        Err(error) => {
            let _ = writeln!(text, "ERROR {}", error.message);
        }
    }
    text
}

struct Printer<'a> {
    text: &'a mut String,
    shards: &'a Shards,
    server: &'a Server,
}

impl Printer<'_> {
    /// `first` stands before the node's first line, `rest` before all others.
    fn node(&mut self, node: &Json, first: &str, rest: &str) {
        let headline = self.headline(node);
        let _ = writeln!(self.text, "{first}{headline}");
        let inputs: &[Json] =
            node.get("Inputs").and_then(Json::as_array).map_or(&[], Vec::as_slice);
        let bar = if inputs.is_empty() { "   " } else { "│  " };
        if let Some(query) = node.get("Query").and_then(Json::as_str) {
            let _ = writeln!(self.text, "{rest}{bar}{query}");
        }
        for (key, value) in node.as_object().into_iter().flatten() {
            if !SAID.contains(&key.as_str()) {
                let _ = writeln!(self.text, "{rest}{bar}{key}: {}", plain(value));
            }
        }
        for (at, input) in inputs.iter().enumerate() {
            let (first, below) =
                if at + 1 == inputs.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.node(input, &format!("{rest}{first}"), &format!("{rest}{below}"));
        }
    }

    fn headline(&self, node: &Json) -> String {
        let text = |key: &str| node.get(key).and_then(Json::as_str).unwrap_or("");
        let mut line = String::new();
        let mut word = |word: &str| {
            if !word.is_empty() {
                let _ = write!(line, "{}{word}", if line.is_empty() { "" } else { " " });
            }
        };
        let name = text("InputName");
        word(&if name.is_empty() { String::new() } else { format!("{name}:") });
        word(text("OperatorType"));
        word(text("Variant").trim());
        word(keyspace(node));
        word(text("TargetDestination"));
        let vindex = text("Vindex");
        if !vindex.is_empty() {
            word(&format!("by {vindex}({})", values(node).join("; ")));
        }
        if let Some(reached) = self.reached(node) {
            word(&format!("-> {reached}"));
        }
        line
    }

    /// The shards that a node's route reaches, in words.
    fn reached(&self, node: &Json) -> Option<String> {
        let variant = node.get("Variant").and_then(Json::as_str).unwrap_or("");
        let shards = self.shards.of(keyspace(node));
        match (variant, shards) {
            ("None", _) => Some("no shard".to_string()),
            ("Scatter", Some(shards)) => {
                let names: Vec<&str> = shards.iter().map(|shard| shard.name.as_str()).collect();
                Some(format!("{} (all)", names.join(", ")))
            }
            ("EqualUnique" | "Equal" | "IN" | "MultiEqual" | "SubShard", Some(shards)) => {
                let vindexes = &self.server.vschema.keyspaces.get(keyspace(node))?.vindexes;
                let vindex = vindexes.get(node.get("Vindex")?.as_str()?)?;
                if vindex.properties().is_lookup() {
                    return Some("where the lookup says".to_string());
                }
                match shards::reached(&**vindex, &values(node), shards) {
                    Some(names) if names.is_empty() => Some("no shard".to_string()),
                    Some(names) => Some(names.join(", ")),
                    None => Some("where the values say".to_string()),
                }
            }
            _ => None,
        }
    }
}

fn keyspace(node: &Json) -> &str {
    node.pointer("/Keyspace/Name").and_then(Json::as_str).unwrap_or("")
}

fn values(node: &Json) -> Vec<&str> {
    let values = node.get("Values").and_then(Json::as_array).into_iter().flatten();
    values.filter_map(Json::as_str).collect()
}

/// A value without the quotes of a text.
fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
