//! `vindicate vschema check`: everything that is wrong with a vschema, and where.
//!
//! A file is a whole vschema (`{"keyspaces": ..}`) or that of one keyspace, as `ApplyVSchema` takes
//! it. Unlike Vitess, which stops at a keyspace's first error, all are shown.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use miette::{Diagnostic, NamedSource, SourceSpan};
use serde_json::json;

use crate::cli::{CommandError, Format, Verdict, read_text, report};
use crate::vindex::Registry;
use crate::vschema::json::JsonError;
use crate::vschema::place::{Place, locate, place_of};
use crate::vschema::{Build, KeyspaceSource, Problem, SrvVSchema, VSchema};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show every error of a vschema, with its place in the JSON
    Check {
        /// Vschemas: of all keyspaces (with "keyspaces"), or of one
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Count parameters that no vindex knows as errors
        #[arg(long)]
        strict: bool,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

pub(super) fn run(command: Command) -> Result<Verdict, CommandError> {
    let Command::Check { files, strict, format } = command;
    let mut texts = Vec::new();
    for file in files {
        let text = read_text(&file)?;
        texts.push((file, text));
    }
    let mut verdict = Verdict::Held;
    let mut out = std::io::stdout().lock();
    for (file, text) in &texts {
        let problems = check(text);
        let errors = problems.iter().filter(|problem| strict || !problem.is_warning).count();
        if problems.iter().any(|problem| problem.is_unreadable) {
            verdict = Verdict::BadInput;
        } else if errors != 0 && verdict == Verdict::Held {
            verdict = Verdict::Failed;
        }
        match format {
            Format::Json => print_json(&mut out, file, &problems)?,
            Format::Text => {
                problems.iter().for_each(|problem| show(file, text, problem));
                match errors {
                    0 => writeln!(out, "{}: ok", file.display())?,
                    1 => writeln!(out, "{}: 1 error", file.display())?,
                    _ => writeln!(out, "{}: {errors} errors", file.display())?,
                }
            }
        }
    }
    Ok(verdict)
}

/// A problem with its place.
struct Found {
    pointer: String,
    keyspace: Option<String>,
    message: String,
    place: Place,
    is_warning: bool,
    /// Whether the text is no vschema at all.
    is_unreadable: bool,
    hint: Option<String>,
}

fn check(text: &str) -> Vec<Found> {
    let is_whole = matches!(
        serde_json::from_str(text),
        Ok(serde_json::Value::Object(map)) if map.contains_key("keyspaces")
    );
    let registry = Registry::standard();
    let problems = match is_whole {
        true => SrvVSchema::parse(text).map(|source| {
            let (vschema, problems) =
                VSchema::build_with_problems(&source, &registry, Build::Everything);
            (problems, vschema.unknown_params())
        }),
        false => {
            KeyspaceSource::parse(text).map(|source| VSchema::check_keyspace(&source, &registry))
        }
    };
    match problems {
        Ok((problems, unknown)) => {
            let errors = problems.into_iter().map(|problem| found(text, problem, false));
            errors.chain(unknown.into_iter().map(|problem| found(text, problem, true))).collect()
        }
        Err(error) => vec![json_problem(text, error)],
    }
}

fn found(text: &str, problem: Problem, is_warning: bool) -> Found {
    Found {
        place: locate(text, &problem.pointer),
        pointer: problem.pointer,
        keyspace: problem.keyspace,
        hint: hint(&problem.error.message),
        message: problem.error.message,
        is_warning,
        is_unreadable: false,
    }
}

/// What to do about an error whose text says only what is wrong.
fn hint(message: &str) -> Option<String> {
    if message.starts_with("vindexType ") {
        let registry = Registry::standard();
        let names: Vec<&str> = registry.type_names().collect();
        return Some(format!("the types are: {}", names.join(", ")));
    }
    if message.starts_with("missing primary col vindex") {
        return Some("a sharded table needs column_vindexes, the first of them unique and not owned; or a type of \"reference\"".to_string());
    }
    message.starts_with("primary vindex ").then(|| {
        "the first of column_vindexes places rows: put a unique, functional vindex there"
            .to_string()
    })
}

fn json_problem(text: &str, error: JsonError) -> Found {
    let place = place_of(text, &error);
    let (pointer, message) = match error {
        JsonError::Field { pointer, message } => (pointer, message),
        JsonError::Syntax { message, .. } => (String::new(), message),
    };
    Found {
        pointer,
        keyspace: None,
        message,
        place,
        is_warning: false,
        is_unreadable: true,
        hint: None,
    }
}

fn show(file: &Path, text: &str, problem: &Found) {
    report(shown(file, text, problem));
}

/// A text that is no vschema, and where it stops being one.
pub(super) fn unreadable(file: &Path, text: &str, error: JsonError) -> CommandError {
    let mut problem = json_problem(text, error);
    let hint = "`vindicate vschema check` shows everything that is wrong with a vschema";
    problem.hint = Some(hint.to_string());
    CommandError::Located(Box::new(shown(file, text, &problem)))
}

/// Shows what is wrong with a vschema as warnings: queries that meet it get it as their error.
pub(super) fn warn(file: &Path, text: &str, problems: Vec<Problem>) {
    for problem in problems {
        show(file, text, &found(text, problem, true));
    }
}

fn shown(file: &Path, text: &str, problem: &Found) -> Shown {
    let label = match problem.pointer.as_str() {
        "" => "here".to_string(),
        pointer => pointer.to_string(),
    };
    Shown {
        message: problem.message.clone(),
        is_warning: problem.is_warning,
        hint: problem.hint.clone(),
        text: NamedSource::new(file.display().to_string(), text.to_string()),
        label,
        // A value over many lines would show all of itself.
        span: (problem.place.offset, first_line(text, &problem.place).min(80)).into(),
    }
}

fn first_line(text: &str, place: &Place) -> usize {
    let value = text.get(place.offset..place.offset + place.len).unwrap_or("");
    value.find('\n').unwrap_or(value.len())
}

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Shown {
    message: String,
    is_warning: bool,
    hint: Option<String>,
    text: NamedSource<String>,
    label: String,
    span: SourceSpan,
}

impl Diagnostic for Shown {
    fn severity(&self) -> Option<miette::Severity> {
        Some(if self.is_warning { miette::Severity::Warning } else { miette::Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let label = miette::LabeledSpan::new_with_span(Some(self.label.clone()), self.span);
        Some(Box::new(std::iter::once(label)))
    }
}

fn print_json(out: &mut impl Write, file: &Path, problems: &[Found]) -> Result<(), CommandError> {
    let problems: Vec<serde_json::Value> = problems
        .iter()
        .map(|problem| {
            json!({
                "severity": if problem.is_warning { "warning" } else { "error" },
                "keyspace": problem.keyspace,
                "message": problem.message,
                "pointer": problem.pointer,
                "line": problem.place.line,
                "column": problem.place.column,
            })
        })
        .collect();
    writeln!(out, "{}", json!({ "file": file.display().to_string(), "problems": problems }))?;
    Ok(())
}
