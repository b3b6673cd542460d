//! SQL text and its tree.
//!
//! In Vitess this is `go/vt/sqlparser`. Text becomes a tree in [`parse`], a tree becomes text in
//! [`mod@print`]; in between, everything is [`ast`]. Parsing is sqlparser's with a dialect of ours:
//! only `lower` names it.

pub mod ast;
pub mod keyword;
mod lower;
mod parse;
pub mod print;
pub mod walk;

pub use parse::{ParseError, parse, parse_once};
