//! The built-in functions, one table.
//!
//! What branches (IF, COALESCE ..) or takes syntax of its own (CAST, INTERVAL) is a node; here
//! is everything that takes values and gives one.

mod calendar;
mod digits;
mod math;
mod session;
mod text;
mod time;

use super::Env;
use super::kind::Facts;
use crate::collation::Collation;
use crate::sql_error::SqlError;
use crate::value::Value;

pub use text::unhex;
pub use time::extract;

pub type Run = fn(&[Value], Collation, &mut Env) -> Result<Value, SqlError>;

#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    pub args_min: usize,
    pub args_max: usize,
    /// NULL as soon as an argument is.
    pub null_in_null_out: bool,
    pub facts: fn(&[Facts]) -> Facts,
    pub run: Run,
}

pub fn by_name(name: &str) -> Option<&'static Function> {
    [
        text::FUNCTIONS,
        math::FUNCTIONS,
        digits::FUNCTIONS,
        time::FUNCTIONS,
        calendar::FUNCTIONS,
        session::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
    .find(|function| function.name == name)
}

/// Does a warning of this function quote its argument as an expression? Then the text of that is
/// one more argument.
pub fn names_its_argument(name: &str) -> bool {
    matches!(name, "inet_aton" | "inet_ntoa" | "unhex")
}

/// Functions that MySQL has and the model has not.
pub fn is_native(name: &str) -> bool {
    const PREFIXES: [&str; 9] =
        ["json_", "st_", "mbr", "regexp_", "aes_", "gtid_", "uuid", "is_ipv4_", "inet6_"];
    const NAMES: [&str; 39] = [
        "any_value",
        "asymmetric_decrypt",
        "asymmetric_encrypt",
        "benchmark",
        "bin_to_uuid",
        "can_access_column",
        "charset",
        "coercibility",
        "collation",
        "compress",
        "cot",
        "export_set",
        "extractvalue",
        "format_bytes",
        "format_pico_time",
        "get_format",
        "grouping",
        "icu_version",
        "is_uuid",
        "load_file",
        "make_set",
        "master_pos_wait",
        "name_const",
        "ps_current_thread_id",
        "ps_thread_id",
        "random_bytes",
        "roles_graphml",
        "sleep",
        "source_pos_wait",
        "statement_digest",
        "statement_digest_text",
        "uncompress",
        "uncompressed_length",
        "updatexml",
        "validate_password_strength",
        "wait_for_executed_gtid_set",
        "wait_until_sql_thread_after_gtids",
        "distance",
        "vector_dim",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Does a function read its arguments as texts?
pub fn takes_texts(name: &str) -> bool {
    text::FUNCTIONS.iter().any(|function| function.name == name)
}

/// 1411, with the argument as it was written.
fn incorrect_argument(name: &str, args: &[Value]) -> SqlError {
    let text = args.get(1).map_or_else(String::new, Value::to_string);
    let kind = if name == "inet_ntoa" { "integer" } else { "string" };
    let message = format!("Incorrect {kind} value: '{text}' for function {name}");
    SqlError::new(1411, "HY000", message)
}

/// An ordinary function: NULL in, NULL out.
const fn strict(
    name: &'static str,
    args_min: usize,
    args_max: usize,
    facts: fn(&[Facts]) -> Facts,
    run: Run,
) -> Function {
    Function { name, args_min, args_max, null_in_null_out: true, facts, run }
}

/// A function that looks at NULL itself.
const fn lenient(
    name: &'static str,
    args_min: usize,
    args_max: usize,
    facts: fn(&[Facts]) -> Facts,
    run: Run,
) -> Function {
    Function { name, args_min, args_max, null_in_null_out: false, facts, run }
}

/// Many arguments are as good as any number.
const MANY: usize = usize::MAX;

fn int(_: &[Facts]) -> Facts {
    Facts::new(super::Kind::Int)
}

fn uint(_: &[Facts]) -> Facts {
    Facts::new(super::Kind::Uint)
}

fn float(_: &[Facts]) -> Facts {
    Facts::new(super::Kind::Float)
}

fn unknown(_: &[Facts]) -> Facts {
    Facts::new(super::Kind::Unknown)
}

/// A text in the connection's collation.
fn plain_text(_: &[Facts]) -> Facts {
    Facts::new(super::Kind::Text)
}

fn bytes(_: &[Facts]) -> Facts {
    Facts::new(super::Kind::Bytes)
}

fn date(_: &[Facts]) -> Facts {
    Facts::new(super::Kind::Date)
}

fn datetime(_: &[Facts]) -> Facts {
    Facts::new(super::Kind::DateTime)
}

fn time_of_day(_: &[Facts]) -> Facts {
    Facts::new(super::Kind::Time)
}

/// A text of the arguments' collation; binary as soon as one of them is.
fn text_like(args: &[Facts]) -> Facts {
    let mut result = Facts::union(args);
    result.kind = match result.kind {
        super::Kind::Bytes => super::Kind::Bytes,
        super::Kind::Unknown => super::Kind::Unknown,
        _ => super::Kind::Text,
    };
    Facts { decimals: 0, ..result }
}
