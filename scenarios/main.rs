//! One test a scenario file below `scenarios/`, named by its path.
//!
//! Each is run as its file says and its output compared; then again in the same thread, unrecorded,
//! and on the other host, whose digests must be the same. `UPDATE_GOLDENFILES=1` rewrites what
//! differs, as `vindicate run --bless` does.
//!
//! And one test a mutant: the judge finds it in at least one of these scenarios, in the calm run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use sim::host::HostKind;
use vindicate::cli::run::files::{Scenario, find};
use vindicate::cli::run::once::{Chance, Settings, Status, once};
use vindicate::cli::run::replace::replace;
use vindicate::cli::run::show;
use vindicate::mutant::Mutant;
use vindicate::scenario::Verdict;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // Relative, as cargo runs tests in the package's folder: so the lines that replay are short.
    let root = Path::new("scenarios");
    let scenarios = match find(&[PathBuf::from(root)]) {
        Ok(scenarios) => scenarios,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let is_update = std::env::var_os("UPDATE_GOLDENFILES").is_some_and(|value| value == "1");
    let mutants = Mutant::ALL.into_iter().map(|mutant| {
        let scenarios = scenarios.clone();
        Trial::test(format!("mutant/{mutant}"), move || found(&scenarios, mutant))
    });
    let mut trials: Vec<Trial> = mutants.collect();
    trials.extend(
        scenarios.into_iter().map(|scenario| {
            Trial::test(scenario.name.clone(), move || check(&scenario, is_update))
        }),
    );
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn found(scenarios: &[Scenario], mutant: Mutant) -> Result<(), Failed> {
    let settings =
        Settings { host: HostKind::default(), mutants: vec![mutant], record: false, twice: false };
    let is_violated = |scenario: &Scenario| {
        let finished = once(scenario, Chance::Own, &settings, vindicate::scenario::run);
        finished.run.is_some_and(|run| matches!(run.verdict, Verdict::Violated(_)))
    };
    match scenarios.iter().any(is_violated) {
        true => Ok(()),
        false => Err(Failed::from(format!("no scenario finds {mutant}"))),
    }
}

fn check(scenario: &Scenario, is_update: bool) -> Result<(), Failed> {
    let settings =
        Settings { host: HostKind::default(), mutants: Vec::new(), record: false, twice: true };
    let finished = once(scenario, Chance::Own, &settings, vindicate::scenario::run);
    if finished.status() == Status::Held {
        return Ok(());
    }
    let problems = show::problems(scenario, &finished);
    if let (true, Some(text)) = (is_update, finished.new_text()) {
        replace(&scenario.path, text)?;
        eprintln!("{problems}the file now holds this output");
        if finished.problems.len() == 1 {
            return Ok(());
        }
    }
    let again = show::again(scenario, Chance::Own, &finished, &settings);
    Err(Failed::from(format!("{problems}{again}")))
}
