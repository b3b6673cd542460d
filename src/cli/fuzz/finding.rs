//! A finding as a file: a scenario of a page that fails when it is run, and holds when the bug is
//! gone.

use std::path::PathBuf;

use super::Arguments;
use crate::cli::CommandError;
use crate::cli::many::with_mutants;
use crate::cli::run::replace::replace;
use crate::fuzz::campaign::{Campaign, Finding, Search};
use crate::fuzz::shrink::Shrunk;
use crate::scenario::{self, Options};

/// Writes a finding; gives its path.
pub(super) fn write(
    campaign: &Campaign,
    finding: &Finding,
    small: &Shrunk,
    arguments: &Arguments,
) -> Result<PathBuf, CommandError> {
    let folder = &arguments.out;
    let mut comments = String::from(small.story.text.trim_end());
    let mutants: Vec<String> = campaign.mutants.iter().map(ToString::to_string).collect();
    if !mutants.is_empty() {
        comments.push_str(&format!("\n\nWith mutant {}.", mutants.join(", ")));
    }
    let mut with = with_mutants(&mutants);
    if let Search::Pct { depth } = campaign.search {
        with.push_str(&format!(" --search pct --depth {depth}"));
    }
    with.push_str(&arguments.schema.words());
    comments.push_str(&format!(
        "\n\nThe run that showed it: vindicate replay {} --profile {}{with}",
        finding.seed.0, campaign.profile.name
    ));
    comments.push_str("\nseed: any");
    let text = small.case.text(&comments, &small.tape);
    let options = Options { host: campaign.host, ..Options::default() };
    // What it prints where the protocol is as it should be.
    let run = scenario::run(&text, &options).map_err(|error| {
        let at = format!("a finding that cannot be read: line {}: {error}\n{text}", error.line);
        CommandError::usage(at)
    })?;
    let text = run.output;
    std::fs::create_dir_all(folder)
        .map_err(|source| CommandError::Replace { path: folder.clone(), source })?;
    let of = if mutants.is_empty() { String::new() } else { format!("-{}", mutants.join("-")) };
    let path =
        folder.join(format!("{}{of}-{}", small.story.invariant.replace('_', "-"), finding.seed.0));
    replace(&path, &text).map_err(|source| CommandError::Replace { path: path.clone(), source })?;
    Ok(path)
}
