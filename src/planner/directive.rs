//! Comment directives: `/*vt+ QUERY_TIMEOUT_MS=1000 MULTI_SHARD_AUTOCOMMIT */`.
//!
//! See `sqlparser/comments.go`. It knows nothing of what they do.

use std::time::Duration;

use sim::sql::ast::{Comments, Statement};

use super::semantics::check::first_select;
use super::statement::Outer;

/// What the comments of a statement ask of vtgate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    pub scatter_errors_as_warnings: bool,
    pub multi_shard_autocommit: bool,
    pub query_timeout_ms: u64,
}

impl Directives {
    pub fn of(comments: &Comments) -> Directives {
        let mut directives = Directives::default();
        for (name, value) in comments.0.iter().flat_map(|comment| words(comment)) {
            let is_set = matches!(value, None | Some("1") | Some("true"));
            match name.to_ascii_uppercase().as_str() {
                "SCATTER_ERRORS_AS_WARNINGS" => directives.scatter_errors_as_warnings = is_set,
                "MULTI_SHARD_AUTOCOMMIT" => directives.multi_shard_autocommit = is_set,
                "QUERY_TIMEOUT_MS" => {
                    directives.query_timeout_ms =
                        value.and_then(|value| value.parse().ok()).unwrap_or(0);
                }
                _ => {}
            }
        }
        directives
    }
}

/// The time that a statement's comments give it; none where they say nothing of it.
pub fn query_timeout(outer: &Outer) -> Option<Duration> {
    let comments = match outer {
        Outer::Sql(Statement::Query(query)) => &first_select(query)?.comments,
        Outer::Sql(Statement::Insert(insert)) => &insert.comments,
        Outer::Sql(Statement::Update(update)) => &update.comments,
        Outer::Sql(Statement::Delete(delete)) => &delete.comments,
        _ => return None,
    };
    let mut words = comments.0.iter().flat_map(|comment| words(comment));
    let value = words.find(|(name, _)| name.eq_ignore_ascii_case("QUERY_TIMEOUT_MS"))?.1?;
    value.parse().ok().map(Duration::from_millis)
}

fn words(comment: &str) -> Vec<(&str, Option<&str>)> {
    let inner = comment.trim().strip_prefix("/*vt+").and_then(|rest| rest.strip_suffix("*/"));
    let pair =
        |word: &'_ str| -> (usize, usize) { (word.len(), word.find('=').unwrap_or(word.len())) };
    inner
        .unwrap_or("")
        .split_whitespace()
        .map(|word| {
            let (length, at) = pair(word);
            match at < length {
                true => (&word[..at], Some(&word[at + 1..])),
                false => (word, None),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_true_without_a_value() {
        let of = |text: &str| Directives::of(&Comments(vec![text.into()]));
        assert!(of("/*vt+ SCATTER_ERRORS_AS_WARNINGS */").scatter_errors_as_warnings);
        assert!(of("/*vt+ MULTI_SHARD_AUTOCOMMIT=1 */").multi_shard_autocommit);
        assert!(!of("/*vt+ MULTI_SHARD_AUTOCOMMIT=0 */").multi_shard_autocommit);
        assert_eq!(of("/*vt+ QUERY_TIMEOUT_MS=20 X */").query_timeout_ms, 20);
        assert_eq!(of("/* QUERY_TIMEOUT_MS=20 */"), Directives::default());
    }
}
