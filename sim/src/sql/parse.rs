//! The way in: a text becomes a statement, or says where it cannot.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::Statement;
use super::lower;
use crate::sql_error::SqlError;

/// Parses one statement; a semicolon may follow it.
///
/// No text overflows the stack or takes more than linear memory: what nests deeper than
/// 128 levels is refused like a syntax error.
pub fn parse(text: &str) -> Result<Statement, ParseError> {
    lower::parse(text)
}

/// As [`parse`], of a text that is met again and again: the statements of a run, and those that
/// every run begins with. Each thread remembers what it has parsed.
pub fn parse_once(text: &str) -> Result<Arc<Statement>, ParseError> {
    /// Statements of one campaign, with room; then it begins anew.
    const KEPT: usize = 4096;
    /// Longer texts are met once.
    const LONGEST: usize = 4096;
    thread_local! {
        static KNOWN: RefCell<BTreeMap<Box<str>, Arc<Statement>>> = RefCell::default();
    }
    if let Some(known) = KNOWN.with(|known| known.borrow().get(text).cloned()) {
        return Ok(known);
    }
    let statement = Arc::new(parse(text)?);
    if text.len() <= LONGEST {
        KNOWN.with(|known| {
            let mut known = known.borrow_mut();
            if KEPT <= known.len() {
                known.clear();
            }
            known.insert(text.into(), Arc::clone(&statement));
        });
    }
    Ok(statement)
}

/// Where a text stops being SQL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error at position {} near '{token}'", position + token.len() + 1)]
pub struct ParseError {
    /// The offending token's first byte; the text's length where it ends too early.
    pub position: usize,
    /// The offending token as it was written; empty at the end.
    pub token: String,
    /// From the offending token to the end of the text, cut after 80 characters as MySQL does.
    pub near: String,
    /// Counted from 1.
    pub line: usize,
}

impl ParseError {
    pub(super) fn at(text: &str, position: usize, token_length: usize) -> ParseError {
        const NEAR_MAX: usize = 80;
        let position = position.min(text.len());
        let rest = text.get(position..).unwrap_or("");
        ParseError {
            position,
            token: rest.get(..token_length).unwrap_or(rest).to_owned(),
            near: rest.chars().take(NEAR_MAX).collect(),
            line: 1 + text.bytes().take(position).filter(|&byte| byte == b'\n').count(),
        }
    }
}

/// As a MySQL server says it. [`ParseError`]'s own text is vtgate's.
impl From<ParseError> for SqlError {
    fn from(error: ParseError) -> SqlError {
        SqlError::syntax(&error.near, error.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_print_as_vitess_prints_them() {
        let cases = [
            ("SELECT a B FROM T", "select a as B from T"),
            ("select 1", "select 1 from dual"),
            ("select /* one */ 1 /* two */", "select /* one */ 1 from dual"),
            ("select /*vt+ X=1 */ a from t", "select /*vt+ X=1 */ a from t"),
            ("/* lead */ select a from t", "select a from t"),
            ("select a from t where a in ::list", "select a from t where a in ::list"),
            ("select a from t use vindex (v, w)", "select a from t use vindex (v, w)"),
            ("update a, b set a.x = 1", "update a, b set a.x = 1"),
            ("select next 5 values from s", "select next 5 values from s"),
            ("select next value from s", "select next 1 values from s"),
            ("select a from t lock in share mode", "select a from t lock in share mode"),
            (
                "start transaction with consistent snapshot, read only",
                "start transaction with consistent snapshot, read only",
            ),
            ("select !a, -a ^ b, a mod b", "select !a, -a ^ b, a % b from dual"),
            ("select a from ks[-80].t", "select a from `ks[-80]`.t"),
            ("use ks:-80@replica", "use `ks:-80@replica`"),
            ("use customer/-80", "use `customer/-80`"),
            ("prepare p from 'select ?'", "prepare p from 'select ?'"),
            ("drop prepare p", "deallocate prepare p"),
            ("flush local tables a, b with read lock", "flush local tables a, b with read lock"),
            ("select a from t into outfile 'x'", "select a from t into outfile 'x'"),
            ("delete u.* from u, v", "delete u from u, v"),
            ("delete from u using u, v", "delete u from u, v"),
            ("insert t set a = 1, b = 2", "insert into t(a, b) values (1, 2)"),
            ("replace into t values (1)", "replace into t values (1)"),
            (
                "insert ignore into t(a) values (1) as n on duplicate key update a = values(a)",
                "insert ignore into t(a) values (1) as n on duplicate key update a = values(a)",
            ),
            ("select (a, b) in ((1, 2)) from t", "select (a, b) in ((1, 2)) from t"),
            ("select a || b && c xor d", "select a or b and c xor d from dual"),
            ("select (a or b) and c", "select (a or b) and c from dual"),
            ("select a or (b or c)", "select a or (b or c) from dual"),
            ("select \"it's\", 'x\\%y'", "select 'it\\'s', 'x\\%y' from dual"),
            ("select - -1", "select - -1 from dual"),
            ("select x.* from (a, b) left join c on 1", "select x.* from (a, b) left join c on 1"),
            ("set @v = 1, autocommit = on", "set @v = 1, autocommit = 'on'"),
            ("set names utf8mb4", "set names 'utf8mb4'"),
            ("show tables from ks like 'x%'", "show tables from ks like 'x%'"),
            ("select count(*), sum(distinct a) from t", "select count(*), sum(distinct a) from t"),
            (
                "select a from t order by a limit 5 offset 10",
                "select a from t order by a asc limit 10, 5",
            ),
        ];
        for (text, expected) in cases {
            let printed = parse(text).map(|statement| statement.to_string());
            assert_eq!(printed.as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_are_in_the_words_of_both() {
        let error = parse("selec 1").unwrap_err();
        assert_eq!(error.to_string(), "syntax error at position 6 near 'selec'");
        assert_eq!(
            SqlError::from(error).to_string(),
            "ERROR 1064 (42000): You have an error in your SQL syntax; check the manual that \
             corresponds to your MySQL server version for the right syntax to use near 'selec 1' \
             at line 1"
        );
    }
}
