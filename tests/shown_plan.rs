//! The plan that is shown is the one that runs.
//!
//! `vexplain plan` plans a query as it is written; what runs is the plan of the query with bind
//! variables in place of its literals, which a vtgate keeps. For every query below
//! `scenarios/plan/`, and for some whose literals matter to planning, the second is printed, its
//! variables are replaced by the literals that they came from, and the text must be the first's.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::path::Path;

use sim::value::{Bind, Binds, Value};
use vindicate::planner::environment::Environment;
use vindicate::planner::normalize::parameterize::parameterize;
use vindicate::planner::{self, Context, json};
use vindicate::vindex::Registry;
use vindicate::vschema::{SrvVSchema, VSchema};

/// Folders below `scenarios/plan/`, each with its sharded keyspace.
const FOLDERS: [(&str, &str); 3] =
    [("guide", "customer"), ("exercise_log", "fitness"), ("tpcc", "tpcc")];

/// For the guide's vschema: what planning decides by a literal.
const LITERALS: [&str; 15] = [
    "select * from corder where customer_id = null",
    "select * from corder where customer_id in (1)",
    "select * from corder where customer_id in (1, 2, 1)",
    "select * from corder where customer_id in (1, null)",
    "select * from corder where customer_id = 1 and sku = 1",
    "select * from corder where customer_id = 1 or customer_id = 2",
    "select * from corder where 1 = customer_id",
    "select * from corder where sku like 'a%'",
    "select * from corder where 1 = 1",
    "select 1, 'a', count(*) from corder where price < 5 group by sku having count(*) > 5",
    "select * from corder where customer_id = 1.0",
    "select order_id from corder where customer_id = 5 union select order_id from corder where \
     customer_id = 5",
    "insert into corder(order_id, customer_id, sku) values (1, 1, null), (2, 1, 'x')",
    "update corder set sku = 'x' where sku = 'x'",
    "select (select price from corder where customer_id = 3) as p from corder where customer_id = 3",
];

#[test]
fn the_plan_that_is_shown_is_the_one_that_runs() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (folder, keyspace) in FOLDERS {
        let vschema = vschema(folder);
        let mut queries = queries(folder);
        if folder == "guide" {
            queries.extend(LITERALS.map(str::to_owned));
        }
        for query in queries {
            count += 1;
            let (shown, runs) = both(&query, keyspace, &vschema);
            if shown != runs {
                wrong.push(format!("{query}\n--- shown\n{shown}\n--- runs\n{runs}"));
            }
        }
    }
    assert!(50 < count, "only {count} queries");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// The plan of the query as it is, and that of the query without its literals, with them put back.
fn both(query: &str, keyspace: &str, vschema: &VSchema) -> (String, String) {
    let environment = Environment::default();
    let context = Context {
        vschema,
        keyspace: Some(keyspace),
        shard: None,
        tablet_type: "primary",
        tables_header: "Tables_in_",
        environment: &environment,
        trace: None,
    };
    let mut statement = sim::sql::parse(query).unwrap();
    let shown = planner::build_statement(statement.clone(), query, &context);
    let binds = parameterize(&mut statement);
    let runs = planner::build_statement(statement.clone(), &statement.to_string(), &context);
    let text = |plan: Result<planner::primitive::Plan, planner::PlanError>| match plan {
        Ok(plan) => json::indented(&plan.root.as_ref().map(json::describe).into()),
        Err(error) => error.message,
    };
    (text(shown), bound(&text(runs), &binds))
}

/// A text of a plan with literals in place of arguments.
fn bound(text: &str, binds: &Binds) -> String {
    let mut bound = text.to_owned();
    for (name, bind) in binds {
        let argument = match bind {
            Bind::Value(_) => format!(":{name}"),
            Bind::List(_) => format!("::{name}"),
        };
        let mut rest = std::mem::take(&mut bound);
        while let Some(at) = rest.find(&argument) {
            let behind = &rest[at + argument.len()..];
            // `:vtg1` is the beginning of `:vtg10`, and the end of `::vtg1`.
            let is_longer = behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let is_other = is_longer || rest[..at].ends_with(':');
            bound.push_str(&rest[..at]);
            bound.push_str(&if is_other { argument.clone() } else { literal(bind) });
            let types = [" /* INT64 */", " /* VARCHAR */"];
            let ty = types.iter().find(|ty| !is_other && behind.starts_with(**ty));
            rest = behind[ty.map_or(0, |ty| ty.len())..].to_owned();
        }
        bound.push_str(&rest);
    }
    bound
}

fn literal(bind: &Bind) -> String {
    match bind {
        Bind::Value(Value::Text(text)) => format!("'{text}'"),
        Bind::Value(value) => value.to_string().to_ascii_lowercase(),
        Bind::List(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("({})", items.join(", "))
        }
    }
}

fn vschema(folder: &str) -> VSchema {
    let mut source = SrvVSchema::default();
    for (name, text) in files(folder, ".vschema.json") {
        let keyspace = vindicate::vschema::KeyspaceSource::parse(&text).unwrap();
        source.keyspaces.insert(name, keyspace);
    }
    VSchema::build(&source, &Registry::standard())
}

/// Queries end their lines with a semicolon; what is before `-- name` and that line is no query.
fn queries(folder: &str) -> Vec<String> {
    let mut queries = Vec::new();
    for (_, text) in files(folder, ".queries") {
        let blocks = text.split(";\n").filter_map(|block| block.rsplit_once("-- "));
        let query = |(_, named): (&str, &str)| named.split_once('\n').map(|(_, q)| q.trim().into());
        queries.extend(blocks.filter_map(query));
    }
    queries
}

/// Files of a folder with this ending: the name before it, and the text.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/plan").join(folder);
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
            Some((name, std::fs::read_to_string(&path).unwrap()))
        })
        .collect();
    files.sort();
    files
}
