//! One test a query of `scenarios/plan/`: its plan, as `vindicate plan` prints it for people, is
//! the snapshot that reviewers read in a pull request.
//!
//! ```text
//!   scenarios/plan/guide/*.vschema.json, *.schema.sql ──┐
//!   scenarios/plan/guide/guide.queries                  ├── snapshots/guide__select_by_lookup.snap
//!      -- select by lookup                              │
//!      select order_id from corder where sku = 'a';  ───┘
//! ```
//!
//! And one test that every snapshot belongs to a query. `INSTA_UPDATE=always` writes snapshots that
//! differ, and those that are missing; read them before they are committed.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

/// The folders below `scenarios/plan/`, each with the shards of its sharded keyspace.
const FOLDERS: [(&str, &str); 3] = [
    ("guide", "customer=-80,80-"),
    ("exercise_log", "fitness=-40,40-80,80-c0,c0-"),
    ("tpcc", "tpcc=-80,80-"),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let queries: Vec<Query> = FOLDERS.iter().flat_map(queries).collect();
    let names: Vec<String> = queries.iter().map(|query| query.name.clone()).collect();
    let mut trials = vec![
        Trial::test("every_folder_is_planned", every_folder_is_planned),
        Trial::test("snapshots_belong_to_queries", move || snapshots_belong(&names)),
    ];
    trials.extend(
        queries
            .into_iter()
            .map(|query| Trial::test(query.name.replacen("__", "/", 1), move || check(&query))),
    );
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A query, its snapshot's name, and what it is planned with.
struct Query {
    name: String,
    text: String,
    folder: &'static str,
    shards: &'static str,
}

/// The queries of a folder. Each ends its line with a semicolon; the comment before it is its name.
fn queries((folder, shards): &(&'static str, &'static str)) -> Vec<Query> {
    let text = std::fs::read_to_string(path(folder).join(format!("{folder}.queries"))).unwrap();
    let blocks = text.split_inclusive(";\n").filter(|block| !block.trim().is_empty());
    let query = |block: &str| {
        let (before, named) = block.rsplit_once("-- ").expect("a query has a name before it");
        assert!(before.lines().all(|line| line.is_empty() || line.starts_with('#')), "{block}");
        let (name, query) = named.split_once('\n').expect("a query follows its name");
        let text = query.trim().strip_suffix(';').expect("a query ends in a semicolon").to_string();
        let name = format!("{folder}__{}", name.trim().replace(' ', "_"));
        Query { name, text, folder, shards }
    };
    blocks.map(query).collect()
}

fn check(query: &Query) -> Result<(), Failed> {
    let tree = tree(query)?;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(query.name.as_str(), tree));
    Ok(())
}

fn tree(query: &Query) -> Result<String, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vindicate"));
    command.args(["plan", "--shards", query.shards]);
    for file in files(&path(query.folder)) {
        let name = file.to_string_lossy();
        if name.ends_with(".vschema.json") {
            command.arg("--vschema").arg(&file);
        } else if name.ends_with(".schema.sql") {
            command.arg("--schema").arg(&file);
        }
    }
    let output = command.arg(&query.text).output()?;
    let tree = String::from_utf8(output.stdout)?;
    match output.status.success() {
        true => Ok(tree),
        false => Err(Failed::from(format!("{tree}{}", String::from_utf8_lossy(&output.stderr)))),
    }
}

fn every_folder_is_planned() -> Result<(), Failed> {
    let planned: Vec<PathBuf> = FOLDERS.iter().map(|(folder, _)| path(folder)).collect();
    none(files(&root().join("scenarios/plan")).iter().filter(|folder| !planned.contains(folder)))
}

/// A query without a snapshot is the complaint of its own test.
fn snapshots_belong(names: &[String]) -> Result<(), Failed> {
    let file = |name: &String| root().join(format!("snapshots/{name}.snap"));
    let expected: BTreeSet<PathBuf> = names.iter().map(file).collect();
    if expected.len() < names.len() {
        return Err(Failed::from("two queries have one name"));
    }
    // What insta leaves beside a snapshot that differs goes with the complaint about that one.
    let is_left = |file: &PathBuf| file.to_string_lossy().ends_with(".snap.new");
    let found = files(&root().join("snapshots"));
    none(found.iter().filter(|file| !is_left(file) && !expected.contains(*file)))
}

fn none<'a>(strays: impl Iterator<Item = &'a PathBuf>) -> Result<(), Failed> {
    let strays: Vec<String> = strays.map(|path| path.display().to_string()).collect();
    match strays.is_empty() {
        true => Ok(()),
        false => Err(Failed::from(format!("no query is behind {}", strays.join(", ")))),
    }
}

/// What a folder holds, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn path(folder: &str) -> PathBuf {
    root().join("scenarios/plan").join(folder)
}
