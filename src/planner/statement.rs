//! Statements that only Vitess understands, in front of MySQL's.
//!
//! `vexplain`, `explain format=vitess` (of old editions), what the MySQL grammar has no words for.
//! It knows nothing of planning.

use sim::sql::ast::Statement;

use super::PlanError;
use crate::key::Code;

/// A statement as a client may send it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outer {
    Sql(Statement),
    /// `explain format=vitess <statement>`: the text of the statement.
    ExplainVitess(String),
    /// `vexplain [plan] <statement>`.
    VExplainPlan(String),
}

/// Reads a statement.
pub fn parse(text: &str) -> Result<Outer, PlanError> {
    let text = text.trim().trim_end_matches(';').trim_end();
    if let Some(rest) = after_words(text, &["explain", "format", "=", "vitess"])
        .or_else(|| after_words(text, &["explain", "format=vitess"]))
    {
        return Ok(Outer::ExplainVitess(rest.to_owned()));
    }
    if let Some(rest) = after_words(text, &["vexplain"]) {
        return match first_word(rest).to_ascii_lowercase().as_str() {
            kind @ ("queries" | "all" | "trace" | "keys") => {
                Err(PlanError::unsupported(format!("vexplain {kind}")))
            }
            "plan" => Ok(Outer::VExplainPlan(rest["plan".len()..].trim().to_owned())),
            _ => Ok(Outer::VExplainPlan(rest.to_owned())),
        };
    }
    sim::sql::parse(text).map(Outer::Sql).map_err(|error| {
        // The tokeniser's position and the text near it, as vtgate words it.
        let text = format!("{error} (errno 1064) (sqlstate 42000)");
        PlanError::new(Code::InvalidArgument, text)
    })
}

/// What follows these words, which are compared without regard to case.
fn after_words<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    let mut rest = text;
    for word in words {
        rest = rest.trim_start();
        let head = rest.get(..word.len())?;
        if !head.eq_ignore_ascii_case(word) {
            return None;
        }
        rest = &rest[word.len()..];
    }
    (rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_vitess_says_is_taken_off_the_front() {
        let check = |text: &str, expected: Outer| assert_eq!(parse(text), Ok(expected), "{text}");
        let inner = "select 1 from t".to_owned();
        check("explain format=vitess select 1 from t;", Outer::ExplainVitess(inner.clone()));
        check("EXPLAIN FORMAT = vitess select 1 from t", Outer::ExplainVitess(inner.clone()));
        check("vexplain plan select 1 from t", Outer::VExplainPlan(inner.clone()));
        check("vexplain select 1 from t", Outer::VExplainPlan(inner));
        assert!(parse("vexplain queries select 1 from t").is_err());
    }
}
