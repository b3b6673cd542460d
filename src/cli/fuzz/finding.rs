//! A finding as a file: a scenario of a page that fails when it is run, and holds when the bug is
//! gone.
//!
//! Its comments tell the violation, what happens without each line, and how the run that showed it
//! is made again.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::CommandError;
use crate::cli::many::with_mutants;
use crate::cli::run::replace::replace;
use crate::fuzz::campaign::{Campaign, Finding, Search};
use crate::fuzz::explain::{Explanation, Thing, explain};
use crate::fuzz::shrink::Shrunk;
use crate::scenario::{self, Options, Story};

/// A finding as a file's text.
pub(in crate::cli) struct Page {
    pub text: String,
    pub explanation: Explanation,
    /// Where the lines are that the explanation is of.
    numbers: Vec<usize>,
}

/// What a finding's file says. `schema` are the words of a command line that name a schema.
pub(in crate::cli) fn page(
    campaign: &Campaign,
    finding: &Finding,
    small: &Shrunk,
    schema: &str,
) -> Result<Page, CommandError> {
    let explanation =
        explain(campaign, small).map_err(|error| CommandError::usage(error.to_string()))?;
    let text = |numbers: &[usize]| {
        let comments = comments(campaign, finding, small, (&explanation, numbers), schema);
        with_output(campaign, &small.case.text(&comments, &small.tape))
    };
    // How long the comments are does not depend on the numbers in them.
    let numbers = line_numbers(&text(&[])?, &explanation);
    let text = text(&numbers)?;
    Ok(Page { text, explanation, numbers })
}

/// Writes a finding's page below `folder`; gives its path.
pub(super) fn write(
    campaign: &Campaign,
    finding: &Finding,
    invariant: &str,
    page: &Page,
    folder: &Path,
) -> Result<PathBuf, CommandError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| CommandError::Replace { path: folder.to_path_buf(), source })?;
    let mutants: String = campaign.mutants.iter().map(|mutant| format!("-{mutant}")).collect();
    let name = invariant.replace('_', "-");
    let path = folder.join(format!("{name}{mutants}-{}", finding.seed.0));
    replace(&path, &page.text)
        .map_err(|source| CommandError::Replace { path: path.clone(), source })?;
    Ok(path)
}

impl Page {
    /// What happens without each line, a line each, and whether all are needed.
    pub fn texts(&self) -> Vec<String> {
        let mut texts = self.explanation.texts(&self.numbers);
        texts.push(self.explanation.summary());
        texts
    }

    pub fn is_minimal(&self) -> bool {
        self.explanation.is_minimal()
    }

    pub fn json(&self) -> Vec<Value> {
        let mut numbers = self.numbers.iter();
        let each = self.explanation.without.iter().map(|without| {
            let then = without.then.words(self.explanation.invariant);
            match &without.thing {
                Thing::Line(line) => json!({ "line": numbers.next(), "text": line.text,
                                             "sort": line.sort.name(), "then": then }),
                Thing::Vtgates => json!({ "sort": "vtgates", "then": then }),
                Thing::Replicas => json!({ "sort": "replicas", "then": then }),
                Thing::Buffer => json!({ "sort": "buffer", "then": then }),
            }
        });
        each.collect()
    }
}

/// The story with what was locked; as it is where another run does not tell the same.
pub(super) fn with_locks(campaign: &Campaign, small: &Shrunk) -> Story {
    let options = Options {
        host: campaign.host,
        judge_only: true,
        notes_locks: true,
        mutants: campaign.mutants.clone(),
        ..Options::default()
    };
    let run = scenario::run(&small.case.text("", &small.tape), &options).ok();
    let known = small.story.text.trim_end();
    let mut stories = run.iter().flat_map(|run| run.verdict.news());
    let same = stories.find(|story| story.text.starts_with(known));
    same.unwrap_or(&small.story).clone()
}

fn comments(
    campaign: &Campaign,
    finding: &Finding,
    small: &Shrunk,
    (explanation, numbers): (&Explanation, &[usize]),
    schema: &str,
) -> String {
    let mut comments = String::from(small.story.text.trim_end());
    let mutants: Vec<String> = campaign.mutants.iter().map(ToString::to_string).collect();
    if !mutants.is_empty() {
        comments.push_str(&format!("\n\nWith mutant {}.", mutants.join(", ")));
    }
    comments.push_str("\n\nWhat happens without each line:\n");
    for text in explanation.texts(numbers) {
        comments.push_str(&format!("  {text}\n"));
    }
    comments.push_str(&explanation.summary());
    let mut with = with_mutants(&mutants);
    if let Search::Pct { depth } = campaign.search {
        with.push_str(&format!(" --search pct --depth {depth}"));
    }
    with.push_str(schema);
    comments.push_str(&format!(
        "\n\nThe run that showed it: vindicate replay {} --profile {}{with}",
        finding.seed.0, campaign.profile.name
    ));
    comments.push_str("\nseed: any");
    comments
}

/// The scenario with what it prints where the protocol is as it should be.
fn with_output(campaign: &Campaign, text: &str) -> Result<String, CommandError> {
    let options = Options { host: campaign.host, ..Options::default() };
    let run = scenario::run(text, &options).map_err(|error| {
        let at = format!("a finding that cannot be read: line {}: {error}\n{text}", error.line);
        CommandError::usage(at)
    })?;
    Ok(run.output)
}

/// Where the explained lines are in a file, counted from 1. They come in the file's order.
fn line_numbers(text: &str, explanation: &Explanation) -> Vec<usize> {
    let mut lines = text.lines().enumerate();
    let number =
        |wanted: &str| lines.find(|(_, line)| *line == wanted).map_or(0, |(index, _)| index + 1);
    explanation.lines().map(|(line, _)| line.text.as_str()).map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::explain::{Line, Sort, Then, Without};

    #[test]
    fn lines_are_numbered_as_the_file_has_them() {
        let line = |sort, text: &str| Without {
            thing: Thing::Line(Line { sort, text: text.to_owned(), words: None }),
            then: Then::Held,
        };
        let explanation = Explanation {
            invariant: "unique",
            without: vec![
                line(Sort::Deviation, "decide 'a/b#1 = 2'"),
                line(Sort::Statement, "a:> begin"),
                line(Sort::Fault, "crash vtgate-1"),
                line(Sort::Statement, "a:> begin"),
                Without { thing: Thing::Replicas, then: Then::Held },
            ],
        };
        let text = "# a:> begin\ncluster\ndecide 'a/b#1 = 2'\n---\nok\n\nsession a\na:> begin\n\
                    crash vtgate-1\na:> begin\nrecover\n---\n";
        assert_eq!(line_numbers(text, &explanation), [3, 8, 9, 10]);
    }
}
