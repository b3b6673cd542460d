//! A finding as a file: a scenario of a page that fails when it is run, and holds when the bug is
//! gone.

use std::path::{Path, PathBuf};

use crate::cli::CommandError;
use crate::cli::run::replace::replace;
use crate::fuzz::campaign::{Campaign, Finding};
use crate::fuzz::shrink::Shrunk;
use crate::scenario::{self, Options};

/// Writes a finding below `folder`; gives its path.
pub(super) fn write(
    campaign: &Campaign,
    finding: &Finding,
    small: &Shrunk,
    folder: &Path,
) -> Result<PathBuf, CommandError> {
    let mut comments = String::from(small.story.text.trim_end());
    let mutants: Vec<String> = campaign.mutants.iter().map(ToString::to_string).collect();
    if !mutants.is_empty() {
        comments.push_str(&format!("\n\nWith mutant {}.", mutants.join(", ")));
    }
    comments.push_str(&format!(
        "\n\nFound by: vindicate fuzz --profile {} --seed {}",
        campaign.profile.name, finding.seed.0
    ));
    comments.push_str("\nseed: any");
    let text = small.case.text(&comments, &small.tape);
    let options = Options { host: campaign.host, ..Options::default() };
    // What it prints where the protocol is as it should be; bad input cannot be: it has just run.
    let text = scenario::run(&text, &options).map_or(text, |run| run.output);
    std::fs::create_dir_all(folder)
        .map_err(|source| CommandError::Replace { path: folder.to_path_buf(), source })?;
    let of = if mutants.is_empty() { String::new() } else { format!("-{}", mutants.join("-")) };
    let path =
        folder.join(format!("{}{of}-{}", small.story.invariant.replace('_', "-"), finding.seed.0));
    replace(&path, &text).map_err(|source| CommandError::Replace { path: path.clone(), source })?;
    Ok(path)
}
