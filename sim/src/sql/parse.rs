//! The way in: a text becomes a statement, or says where it cannot.

use super::ast::Statement;
use super::lower;
use crate::sql_error::SqlError;

/// Parses one statement; a semicolon may follow it.
///
/// No text overflows the stack or takes more than linear memory: what nests deeper than
/// [`lower::DEPTH_MAX`] is refused like a syntax error.
pub fn parse(text: &str) -> Result<Statement, ParseError> {
    lower::parse(text)
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
