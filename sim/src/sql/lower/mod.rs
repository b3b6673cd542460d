//! The boundary to sqlparser: nothing outside of this directory names it.
//!
//! Three steps, each in its own file:
//!
//! 1. [`scan`] takes tokens (our own of a [`plain`] text, sqlparser's of any other) and rewrites
//!    what sqlparser's grammar does not know (list bind variables, vindex hints, shard targets ..),
//!    keeps the comments after a verb aside, and refuses what nests too deeply.
//! 2. [`dialect`] steers sqlparser's expression parser: MySQL's precedence, flat AND and OR, casts.
//!    What its tree has no node for travels as a call of a function with an impossible name.
//! 3. [`query`] and [`expr`] lower its tree to ours. Statements other than queries have a grammar
//!    of their own over the same tokens ([`grammar`], [`change`], [`definition`], [`admin`]):
//!    shorter than lowering, and closer to MySQL.

mod admin;
mod change;
mod definition;
mod dialect;
mod expr;
mod grammar;
mod lowered;
mod plain;
mod query;
mod scan;

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Location;

use super::ast::Statement;
use super::parse::ParseError;

/// How deep a statement may nest. Deep enough for any statement that somebody wrote, and shallow
/// enough that every recursion over a tree (lowering, printing, planning, dropping) fits a small
/// stack in a debug build.
pub const DEPTH_MAX: usize = 128;

pub fn parse(text: &str) -> Result<Statement, ParseError> {
    let mut scanned = scan::scan(text)?;
    let tokens = std::mem::take(&mut scanned.tokens);
    let dialect = dialect::Dialect::default();
    let mut grammar = grammar::Grammar::new(&scanned, tokens, &dialect);
    grammar.statement().map_err(|refused| {
        let location = refused.location.unwrap_or_else(|| grammar.location());
        // The end of the text has no place of its own, and nothing is further.
        let at_end = location == Location::empty();
        let location = if at_end { location } else { location.max(dialect.furthest()) };
        // The parser has the tokens, by one of which the place is told.
        scan::scan(text).map_or_else(|error| error, |scanned| scanned.error_at(location))
    })
}

/// A text that is not in the language, and where if that is known better than "here".
#[derive(Debug)]
struct Refused {
    location: Option<Location>,
}

type Parsed<T> = Result<T, Refused>;

/// Refuses what sqlparser accepts and MySQL does not, or what has no node in our tree.
fn refuse<T>() -> Parsed<T> {
    Err(Refused { location: None })
}

impl From<ParserError> for Refused {
    fn from(error: ParserError) -> Refused {
        let (ParserError::ParserError(message) | ParserError::TokenizerError(message)) = error
        else {
            return Refused { location: None };
        };
        // "Expected: .., found: x at Line: 1, Column: 8".
        let location = message.rsplit_once(" at Line: ").and_then(|(_, place)| {
            let (line, column) = place.split_once(", Column: ")?;
            Some(Location { line: line.parse().ok()?, column: column.trim().parse().ok()? })
        });
        Refused { location }
    }
}
