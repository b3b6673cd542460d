//! The command line: one file a subcommand.
//!
//! Results go to stdout, problems and progress to stderr. The exit code is the verdict: 0 it held;
//! 1 an output differs, a check fails; 2 bad usage or bad input; 3 stuck; 4 a fault of our own.
//! Only this module renders diagnostics.
//!
//! It knows nothing of how anything works; it reads arguments, calls, and prints.

mod conform;
mod fuzz;
mod interleave;
mod many;
mod mutants;
mod order;
mod plan;
mod replay;
pub mod run;
mod sweep;
mod tables;
mod vindex;
mod vschema;
mod vschema_files;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// A Vitess-like cluster in one process and one seed, and a judge of its lookup vindexes
#[derive(Parser)]
#[command(name = "vindicate", version)]
#[command(
    after_help = "Exit codes: 0 it held; 1 an output differs or a check fails; 2 bad usage or input; 3 stuck; 4 a fault of vindicate"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What a vindex is, and which keyspace id and shard a value goes to
    #[command(subcommand)]
    Vindex(vindex::Command),
    /// Replay scenarios, and say whether they still hold
    Run(run::Arguments),
    /// Run random workloads under random faults, and make what is found small
    Fuzz(fuzz::Arguments),
    /// Run a scenario with a failure at every step where one can make a difference
    Sweep(sweep::Arguments),
    /// Run two statements in every order of their messages
    Interleave(interleave::Arguments),
    /// One run again, in full detail
    Replay(replay::Arguments),
    /// Put each known bug in, and say whether the search finds it
    Mutants(mutants::Arguments),
    /// Show how vtgate would run queries
    Plan(plan::Arguments),
    /// Check a vschema
    #[command(subcommand)]
    Vschema(vschema::Command),
    /// Run files of test vectors and count
    #[command(subcommand)]
    Conform(conform::Command),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What a command that ran came to; what is worse is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Held,
    /// An output differs, or a check fails.
    Failed,
    /// Some of the input was bad.
    BadInput,
    /// A run came to a halt that nothing would end.
    Stuck,
    /// A panic, or two runs that should be one and differ.
    OurFault,
}

impl Verdict {
    /// The first word of a summary.
    fn word(self) -> &'static str {
        match self {
            Verdict::Held => "held",
            Verdict::Failed => "failed",
            Verdict::BadInput => "bad",
            Verdict::Stuck => "stuck",
            Verdict::OurFault => "fault",
        }
    }
}

/// Why a command did not run.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write the results: {0}")]
    Write(#[from] io::Error),
    #[error("{}: cannot write: {source}", path.display())]
    Replace { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Scenario(Box<run::bad::BadScenario>),
    #[error(transparent)]
    Located(Box<vschema::Shown>),
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
}

const EXIT_FAILED: u8 = 1;
const EXIT_BAD_INPUT: u8 = 2;
const EXIT_STUCK: u8 = 3;
const EXIT_OUR_FAULT: u8 = 4;

/// Runs what the arguments of this process say.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match std::panic::catch_unwind(|| run(arguments.command)) {
        Ok(Ok(Verdict::Held)) => ExitCode::SUCCESS,
        Ok(Ok(Verdict::Failed)) => ExitCode::from(EXIT_FAILED),
        Ok(Ok(Verdict::BadInput)) => ExitCode::from(EXIT_BAD_INPUT),
        Ok(Ok(Verdict::Stuck)) => ExitCode::from(EXIT_STUCK),
        Ok(Ok(Verdict::OurFault)) => ExitCode::from(EXIT_OUR_FAULT),
        // Somebody read as much as they wanted: `| head`.
        Ok(Err(CommandError::Write(error))) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            report(error);
            ExitCode::from(EXIT_BAD_INPUT)
        }
        Err(_) => ExitCode::from(EXIT_OUR_FAULT),
    }
}

fn run(command: Command) -> Result<Verdict, CommandError> {
    match command {
        Command::Vindex(command) => vindex::run(command),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Vschema(command) => vschema::run(command),
        Command::Conform(command) => conform::run(command),
        Command::Fuzz(arguments) => fuzz::run(arguments),
        Command::Mutants(arguments) => mutants::run(arguments),
        Command::Sweep(arguments) => sweep::run(arguments),
        Command::Interleave(arguments) => interleave::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Run(arguments) => run::run(arguments, crate::scenario::tell),
    }
}

impl CommandError {
    fn usage(message: impl Into<String>) -> CommandError {
        CommandError::Usage { message: message.into(), hint: None }
    }

    fn hint(mut self, text: impl Into<String>) -> CommandError {
        if let CommandError::Usage { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }
}

impl miette::Diagnostic for CommandError {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        match self {
            CommandError::Usage { hint: Some(hint), .. } => Some(Box::new(hint)),
            CommandError::Scenario(bad) => bad.help(),
            CommandError::Located(shown) => shown.help(),
            _ => None,
        }
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        match self {
            CommandError::Scenario(bad) => bad.source_code(),
            CommandError::Located(shown) => shown.source_code(),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        match self {
            CommandError::Scenario(bad) => bad.labels(),
            CommandError::Located(shown) => shown.labels(),
            _ => None,
        }
    }
}

/// Shows a problem on stderr.
fn report(problem: impl miette::Diagnostic + Send + Sync + 'static) {
    let report = miette::Report::new(problem);
    // Nobody is left to tell where stderr is closed.
    let _ = writeln!(io::stderr(), "{report:?}");
}

fn read_text(path: &Path) -> Result<String, CommandError> {
    let read = std::fs::read_to_string(path);
    read.map_err(|source| CommandError::Read { path: path.to_path_buf(), source })
}
