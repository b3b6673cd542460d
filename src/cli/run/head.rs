//! The head of a scenario: its first comments, of which `# seed:` says under which seeds it holds.

use crate::scenario::ScenarioError;

/// Under which seeds a scenario is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seeds {
    /// Calm, and it holds with any seed.
    #[default]
    Any,
    /// With this one, always.
    Only(u64),
    /// Calm; what it shows varies with the seed, so that a range of seeds passes it over.
    Varies,
}

/// Reads `# seed: any`, `# seed: 7` or `# seed: varies` among the first comments.
pub fn seeds(text: &str) -> Result<Seeds, ScenarioError> {
    for (index, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix('#') else {
            if line.trim().is_empty() {
                continue;
            }
            break;
        };
        if let Some(value) = comment.trim().strip_prefix("seed:") {
            return parse(value.trim(), index + 1);
        }
    }
    Ok(Seeds::default())
}

fn parse(value: &str, line: usize) -> Result<Seeds, ScenarioError> {
    match value {
        "any" => Ok(Seeds::Any),
        "varies" => Ok(Seeds::Varies),
        _ => value.parse().map(Seeds::Only).map_err(|_| ScenarioError {
            message: format!("`{value}` is no seed"),
            line,
            part: value.to_string(),
            hint: Some("`# seed:` takes any, varies, or a whole number".to_string()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_with_the_first_command() {
        let check = |text: &str, expected: Seeds| assert_eq!(seeds(text), Ok(expected), "{text}");
        check("", Seeds::Any);
        check("# A claim.\n# seed: any\ncluster\n", Seeds::Any);
        check("# A claim.\n\n#seed: 7\ncluster\n", Seeds::Only(7));
        check("# seed: varies", Seeds::Varies);
        check("cluster\n# seed: 7\n", Seeds::Any);
    }

    #[test]
    fn a_wrong_seed_is_shown_where_it_stands() {
        let error = seeds("# A claim.\n# seed: often\n").unwrap_err();
        assert_eq!((error.line, error.part.as_str()), (2, "often"));
    }
}
