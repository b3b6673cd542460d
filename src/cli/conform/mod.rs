//! `vindicate conform`: runs files of test vectors and counts.
//!
//! A vector file is a JSON array of objects, each with an `op`, its input and what must come out.
//! The file's name is the type of the vindex. Whatever a vector expects is compared exactly; an op
//! or an expectation that is not understood fails, so that nothing passes unseen.
//!
//! It knows nothing of where vectors come from.

mod case;
mod functional;
mod keyrange;
mod lookup;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value as Json, json};

use crate::cli::{CommandError, Format, Verdict, read_text};
use case::Case;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Run the vector files of vindexes and key ranges in a folder
    Vindexes {
        /// The folder, or one file of it
        dir: PathBuf,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// How a file did.
struct FileResult {
    file: String,
    of: usize,
    failures: Vec<Failure>,
}

struct Failure {
    /// Position in the file, from 0.
    index: usize,
    name: String,
    why: String,
}

pub(super) fn run(command: Command) -> Result<Verdict, CommandError> {
    let Command::Vindexes { dir, format } = command;
    let mut results = Vec::new();
    for path in vector_files(&dir)? {
        results.push(run_file(&path)?);
    }
    let mut out = std::io::stdout().lock();
    match format {
        Format::Text => print_text(&mut out, &results)?,
        Format::Json => print_json(&mut out, &results)?,
    }
    match results.iter().all(|result| result.failures.is_empty()) {
        true => Ok(Verdict::Held),
        false => Ok(Verdict::Failed),
    }
}

fn vector_files(dir: &Path) -> Result<Vec<PathBuf>, CommandError> {
    if dir.is_file() {
        return Ok(vec![dir.to_path_buf()]);
    }
    let error = |source| CommandError::Read { path: dir.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    match files.is_empty() {
        false => Ok(files),
        true => Err(CommandError::usage(format!("{}: no vector files (*.json)", dir.display()))),
    }
}

fn run_file(path: &Path) -> Result<FileResult, CommandError> {
    let text = read_text(path)?;
    let bad = |what: String| CommandError::usage(format!("{}: {what}", path.display()));
    let cases: Vec<Json> = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    let type_name = path.file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into());
    let mut failures = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let case = Case::new(case);
        if let Err(why) = run_case(&type_name, &case) {
            failures.push(Failure { index, name: case.name(), why });
        }
    }
    let file = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into());
    Ok(FileResult { file, of: cases.len(), failures })
}

/// Runs one vector; an error says how it differs.
fn run_case(type_name: &str, case: &Case) -> Result<(), String> {
    if type_name == "keyrange" {
        return keyrange::run(case);
    }
    match lookup::profile(type_name) {
        Some(profile) => lookup::run(profile, case),
        None => functional::run(type_name, case),
    }
}

fn print_text(out: &mut impl Write, results: &[FileResult]) -> Result<(), CommandError> {
    let width = results.iter().map(|result| result.file.len()).max().unwrap_or(0);
    for FileResult { file, of, failures } in results {
        writeln!(
            out,
            "{file:width$}  {:>4} of {of:>4}  {} failed",
            of - failures.len(),
            failures.len()
        )?;
        for Failure { index, name, why } in failures {
            writeln!(out, "    #{index} {name}: {why}")?;
        }
    }
    writeln!(out, "{}", summary(results))?;
    Ok(())
}

fn summary(results: &[FileResult]) -> String {
    let of: usize = results.iter().map(|result| result.of).sum();
    let failed: usize = results.iter().map(|result| result.failures.len()).sum();
    format!(
        "conform vindexes files={} of={of} passed={} failed={failed}",
        results.len(),
        of - failed
    )
}

fn print_json(out: &mut impl Write, results: &[FileResult]) -> Result<(), CommandError> {
    for FileResult { file, of, failures } in results {
        let failures: Vec<Json> = failures
            .iter()
            .map(|failure| {
                json!({ "index": failure.index, "name": failure.name, "why": failure.why })
            })
            .collect();
        let passed = of - failures.len();
        writeln!(
            out,
            "{}",
            json!({ "file": file, "of": of, "passed": passed, "failures": failures })
        )?;
    }
    writeln!(out, "{}", json!({ "summary": summary(results) }))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shared vectors, or none where the folder isn't there.
    fn folder() -> Option<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        match std::env::var_os("VINDICATE_CONFORMANCE") {
            Some(folder) => Some(PathBuf::from(folder)),
            None => Some(root.join("../shared/conformance")).filter(|folder| folder.is_dir()),
        }
    }

    #[test]
    fn shared_vectors_pass() {
        let Some(folder) = folder() else {
            println!("skipped: no folder of shared vectors, and VINDICATE_CONFORMANCE is not set");
            return;
        };
        for path in vector_files(&folder.join("vindexes")).unwrap() {
            let result = run_file(&path).unwrap();
            for failure in &result.failures {
                println!("{} #{} {}: {}", result.file, failure.index, failure.name, failure.why);
            }
            assert!(result.failures.is_empty(), "{}", result.file);
        }
    }

    #[test]
    fn a_wrong_vector_fails() {
        let check = |type_name: &str, case: Json, why: &str| {
            let result = run_case(type_name, &Case::new(&case));
            assert_eq!(result, Err(why.to_string()));
        };
        check(
            "hash",
            json!({"op": "map", "in": {"type": "INT64", "value": "1"}, "out_hex": "00"}),
            "expected 00, got 166b40b44aba4bd6",
        );
        check("hash", json!({"op": "fly"}), "unknown op fly");
        check(
            "hash",
            json!({"op": "map", "in": {"type": "INT64", "value": "1"}}),
            "expects nothing",
        );
        check(
            "lookup",
            json!({"op": "delete", "params": {"table": "t", "from": "a", "to": "k"},
                   "rows": [[{"type": "INT64", "value": "1"}]], "ksid": "", "script": [{"rows": []}],
                   "expect_queries": []}),
            "expected 0 statements, got 1; the first: delete from t where a = :a and k = :k",
        );
    }
}
