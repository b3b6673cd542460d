//! Bad input of a scenario, shown where it stands: file, line, a caret under the part, a hint.

use std::fmt;
use std::path::Path;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceSpan};

use crate::scenario::ScenarioError;

/// A [`ScenarioError`] with the file that it is in.
#[derive(Debug)]
pub struct BadScenario {
    error: ScenarioError,
    text: NamedSource<String>,
    span: SourceSpan,
}

impl BadScenario {
    pub fn new(path: &Path, text: &str, error: ScenarioError) -> BadScenario {
        let span = span(text, &error);
        let text = NamedSource::new(path.display().to_string(), text.to_string());
        BadScenario { error, text, span }
    }
}

/// Where the wrong part is, or its line where it isn't found.
fn span(text: &str, error: &ScenarioError) -> SourceSpan {
    let before = error.line.saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let line = text[start..].lines().next().unwrap_or("");
    match line.find(&error.part) {
        Some(column) if !error.part.is_empty() => (start + column, error.part.len()).into(),
        _ => {
            let indent = line.len() - line.trim_start().len();
            (start + indent, line.trim().len()).into()
        }
    }
}

impl fmt::Display for BadScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for BadScenario {}

impl Diagnostic for BadScenario {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".to_string()), self.span);
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_is_found_in_its_line() {
        let text = "one two\n  two three\n";
        let check = |line: usize, part: &str, expected: (usize, usize)| {
            let (message, part) = (String::new(), part.to_string());
            let error = ScenarioError { message, line, part, hint: None };
            let span = span(text, &error);
            assert_eq!((span.offset(), span.len()), expected);
        };
        check(1, "two", (4, 3));
        check(2, "two", (10, 3));
        check(2, "", (10, 9));
        check(2, "four", (10, 9));
        check(0, "one", (0, 3));
        check(9, "one", (20, 0));
    }
}
