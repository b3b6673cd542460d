//! Statements that only Vitess understands, in front of MySQL's.
//!
//! `vexplain`, `alter vschema`, `show vitess_tablets`, `stream`, `explain format=vitess` (of old
//! editions): what the MySQL grammar has no words for. Anything else is `sim::sql`'s.
//!
//! It knows nothing of planning.

pub mod show;
pub mod vschema;
mod words;

use std::sync::Arc;

use sim::sql::ast::{Expr, Statement, TableName};

use super::PlanError;
use crate::key::Code;
use show::ShowVitess;
use vschema::AlterVSchema;
use words::Words;

/// A statement as a client may send it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outer {
    Sql(Statement),
    /// `explain format=vitess <statement>`: the text of the statement.
    ExplainVitess(String),
    /// `vexplain [plan] <statement>`.
    VExplainPlan(String),
    VExplain(VExplain),
    ShowVitess(ShowVitess),
    AlterVSchema(AlterVSchema),
    /// `alter vitess_migration ..`, which only tablets read.
    AlterMigration,
    /// `revert vitess_migration 'uuid'`.
    RevertMigration {
        uuid: Arc<str>,
    },
    Stream(Stream),
    /// Nothing but a comment.
    Comment,
}

/// `vexplain [/*vt+ .. */] queries|all|trace|keys <statement>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VExplain {
    pub kind: VExplainKind,
    /// A directive allows the data changes that come with running the statement.
    pub runs_changes: bool,
    /// The statement's text.
    pub statement: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VExplainKind {
    Queries,
    All,
    Trace,
    Keys,
}

impl VExplainKind {
    /// The word that asks for it.
    pub fn name(self) -> &'static str {
        match self {
            VExplainKind::Queries => "queries",
            VExplainKind::All => "all",
            VExplainKind::Trace => "trace",
            VExplainKind::Keys => "keys",
        }
    }
}

/// `stream * from t`, and `vstream * from t where pos > 'x' limit 5`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    pub kind: StreamKind,
    pub table: TableName,
    pub filter: Option<Expr>,
    pub limit: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    Messages,
    Changes,
}

/// Reads a statement.
pub fn parse(text: &str) -> Result<Outer, PlanError> {
    read(text, |text| sim::sql::parse(text).map(Outer::Sql))
}

/// As [`parse`], of a text that may be known from before.
pub fn parse_once(text: &str) -> Result<Outer, PlanError> {
    read(text, |text| sim::sql::parse_once(text).map(|known| Outer::Sql((*known).clone())))
}

fn read(
    text: &str,
    sql: impl FnOnce(&str) -> Result<Outer, sim::sql::ParseError>,
) -> Result<Outer, PlanError> {
    let text = text.trim().trim_end_matches(';').trim_end();
    if let Some(rest) = after_words(text, &["explain", "format", "=", "vitess"])
        .or_else(|| after_words(text, &["explain", "format=vitess"]))
    {
        return Ok(Outer::ExplainVitess(rest.to_owned()));
    }
    if let Some(rest) = after_words(text, &["vexplain"]) {
        return Ok(vexplain(rest));
    }
    if let Some(found) = vitess_statement(text) {
        return Ok(found);
    }
    sql(text).map_err(|error| {
        // The tokeniser's position and the text near it, as vtgate words it.
        PlanError::new(Code::InvalidArgument, without_signs(error.to_string()))
    })
}

/// Signs have no text near the error, and neither has the end.
fn without_signs(text: String) -> String {
    match text.rsplit_once(" near '") {
        Some((before, near)) if near.bytes().all(|byte| byte.is_ascii_punctuation()) => {
            before.to_owned()
        }
        _ => text,
    }
}

fn vexplain(rest: &str) -> Outer {
    let mut rest = rest.trim_start();
    let mut runs_changes = false;
    while let Some((comment, behind)) =
        rest.strip_prefix("/*").and_then(|inner| inner.split_once("*/"))
    {
        runs_changes |= comment.to_ascii_lowercase().contains("execute_dml_queries");
        rest = behind.trim_start();
    }
    let word = first_word(rest);
    let statement = rest[word.len()..].trim().to_owned();
    let kind = match word.to_ascii_lowercase().as_str() {
        "queries" => VExplainKind::Queries,
        "all" => VExplainKind::All,
        "trace" => VExplainKind::Trace,
        "keys" => VExplainKind::Keys,
        "plan" => return Outer::VExplainPlan(statement),
        _ => return Outer::VExplainPlan(rest.to_owned()),
    };
    Outer::VExplain(VExplain { kind, runs_changes, statement })
}

/// What is Vitess's own from its first words on; none for what MySQL has words for.
fn vitess_statement(text: &str) -> Option<Outer> {
    let first = text.get(..1).unwrap_or("");
    // No word of ours begins so: most statements need not be split.
    if ["i", "u", "d", "b", "c"].iter().any(|letter| first.eq_ignore_ascii_case(letter))
        || text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"))
    {
        return None;
    }
    let mut words = Words::read(text)?;
    if words.is_empty() {
        return (!text.is_empty()).then_some(Outer::Comment);
    }
    match words.word()?.to_ascii_lowercase().as_str() {
        "alter" if words.accept("vschema") => vschema::read(&mut words).map(Outer::AlterVSchema),
        "alter" if words.accept("vitess_migration") => Some(Outer::AlterMigration),
        "revert" if words.accept("vitess_migration") => {
            let uuid = words.text()?.into();
            words.is_at_end().then_some(Outer::RevertMigration { uuid })
        }
        "show" => show::read(&mut words).map(Outer::ShowVitess),
        "stream" => stream(&mut words, StreamKind::Messages).map(Outer::Stream),
        "vstream" => stream(&mut words, StreamKind::Changes).map(Outer::Stream),
        _ => None,
    }
}

fn stream(words: &mut Words<'_>, kind: StreamKind) -> Option<Stream> {
    if !words.accept("*") {
        words.name()?;
    }
    words.expect("from")?;
    let table = words.table_name()?;
    let filter = match words.accept("where") {
        true => Some(words.expr_until(&["limit"])?),
        false => None,
    };
    let limit = match words.accept("limit") {
        true => Some(words.word()?.into()),
        false => None,
    };
    words.is_at_end().then_some(Stream { kind, table, filter, limit })
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

    fn vexplain(kind: VExplainKind, runs_changes: bool, statement: &str) -> Outer {
        Outer::VExplain(VExplain { kind, runs_changes, statement: statement.to_owned() })
    }

    #[test]
    fn what_only_vitess_says_is_taken_off_the_front() {
        let check = |text: &str, expected: Outer| assert_eq!(parse(text), Ok(expected), "{text}");
        let inner = "select 1 from t".to_owned();
        check("explain format=vitess select 1 from t;", Outer::ExplainVitess(inner.clone()));
        check("EXPLAIN FORMAT = vitess select 1 from t", Outer::ExplainVitess(inner.clone()));
        check("vexplain plan select 1 from t", Outer::VExplainPlan(inner.clone()));
        check("vexplain select 1 from t", Outer::VExplainPlan(inner));
        check(
            "vexplain /*vt+ Execute_DML_queries */ ALL delete from t",
            vexplain(VExplainKind::All, true, "delete from t"),
        );
        check("vexplain keys select 1", vexplain(VExplainKind::Keys, false, "select 1"));
        check("alter vitess_migration 'a' retry", Outer::AlterMigration);
        check("revert vitess_migration 'a'", Outer::RevertMigration { uuid: "a".into() });
        check("/* only */", Outer::Comment);
        assert!(matches!(parse("stream * from t"), Ok(Outer::Stream(_))));
        assert!(matches!(parse("vstream * from t where pos > 'a' limit 3"), Ok(Outer::Stream(_))));
        assert!(matches!(parse("show tables"), Ok(Outer::Sql(_))));
        assert!(parse("stream * from").is_err());
    }
}
