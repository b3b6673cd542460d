//! SQL text and its tree.

pub mod ast;
pub mod keyword;
pub mod print;
