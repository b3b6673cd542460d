//! How an output differs from the one that its file holds.

use std::path::Path;
use std::time::Duration;

use similar::TextDiff;

/// What a file holds and what the run gave, as a unified diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The first line of the file that differs, counted from 1.
    pub line: usize,
    pub unified: String,
}

impl Difference {
    /// None where the texts are equal.
    pub fn between(path: &Path, old: &str, new: &str) -> Option<Difference> {
        if old == new {
            return None;
        }
        let equal = old.split_inclusive('\n').zip(new.split_inclusive('\n'));
        let line = equal.take_while(|(old, new)| old == new).count() + 1;
        // A diff that takes long is given up for a longer one; no verdict hangs on it.
        let diff = TextDiff::configure().timeout(Duration::from_secs(2)).diff_lines(old, new);
        let unified = diff
            .unified_diff()
            .context_radius(3)
            .header(&path.display().to_string(), "this run")
            .to_string();
        Some(Difference { line, unified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_its_line() {
        let check = |old: &str, new: &str, expected: Option<(usize, &str)>| {
            let difference = Difference::between(Path::new("scenarios/x"), old, new);
            let difference = difference.as_ref();
            assert_eq!(difference.map(|found| (found.line, found.unified.as_str())), expected);
        };
        check("a\n", "a\n", None);
        check(
            "a\n---\nb\n",
            "a\n---\nc\n",
            Some((3, "--- scenarios/x\n+++ this run\n@@ -1,3 +1,3 @@\n a\n ---\n-b\n+c\n")),
        );
        check("a\n", "a\nb\n", Some((2, "--- scenarios/x\n+++ this run\n@@ -1 +1,2 @@\n a\n+b\n")));
    }
}
