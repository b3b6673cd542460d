//! Single-session programs: random schemas and statements of all kinds, on both servers, answer by
//! answer, with the contents of all tables after each change.
//!
//! Compared are rows, counts, error number, SQLSTATE and text, warnings, LAST_INSERT_ID(). What is
//! not: the order of rows that no ORDER BY settles, deprecation warnings, and how often a
//! comparison warned of a text that is no number (an optimizer's business). A statement that the
//! model refuses with 1235 ends its program.

pub mod generate;

use mysql::Error;

use crate::answer::{Answer, Connection, Count, Diagnostic};
use crate::differences::{self, NOT_MODELLED};
use crate::model::ModelServer;
use crate::real::Real;
use crate::server::{Product, RealServer};
use crate::shrink::shrink;
use crate::{Kind, Verdict};

pub struct Programs<'a> {
    server: &'a RealServer,
    real: Real,
}

/// How two answers to one statement are held together.
pub enum Outcome {
    Same,
    /// The model refuses; by its message.
    NotModelled(String),
    /// The servers are known to part here, and what follows is no longer comparable.
    Parted(&'static str),
    Differs(String),
}

impl<'a> Programs<'a> {
    pub fn new(server: &'a RealServer) -> Result<Programs<'a>, Error> {
        Ok(Programs { server, real: server.connect(Count::Changed)? })
    }

    /// Runs a script of statements, one a line, and tells what both said to each.
    pub fn replay(&mut self, text: &str) -> (String, bool) {
        let program = statements(text);
        match self.play(&program) {
            Played::Same => ("both agree".to_string(), true),
            Played::Parted(name) => (format!("both agree but for {name}"), true),
            Played::Differs { told, .. } => (told, false),
        }
    }

    fn play(&mut self, program: &[String]) -> Played {
        if let Err(error) = self.real.reset() {
            let told = error.to_string();
            return Played::Differs { told, errors: (Some(2013), None) };
        }
        let product = self.server.product;
        self.real.query("drop database if exists program");
        for setup in setups(product) {
            self.real.query(&spoken(product, &setup));
        }
        let server = ModelServer::with(crate::programs::options());
        let mut model = server.connect(Count::Changed);
        for setup in setups(product) {
            model.query(&setup);
        }
        for (number, statement) in program.iter().enumerate() {
            let mut probes = vec![statement.clone()];
            if changes(statement) {
                // Both are asked: FOUND_ROWS() tells of it.
                let tables = self.real.query("show tables");
                model.query("show tables");
                let name = |row: &Vec<Option<Vec<u8>>>| match row.first() {
                    Some(Some(name)) => String::from_utf8_lossy(name).into_owned(),
                    _ => String::new(),
                };
                probes.extend(tables.rows.iter().map(|row| format!("select * from {}", name(row))));
            }
            for probe in probes {
                let (real, own) = (self.real.query(&spoken(product, &probe)), model.query(&probe));
                match compare(self.server.product, &probe, &real, &own) {
                    Outcome::Same => {}
                    Outcome::NotModelled(message) => {
                        if std::env::var_os("TELL").is_some() {
                            eprintln!("{message}: {probe}");
                        }
                        return Played::Parted(format!("{NOT_MODELLED}: {message}"));
                    }
                    Outcome::Parted(name) => return Played::Parted(name.to_string()),
                    Outcome::Differs(told) => {
                        let script = program[..=number].join(";\n");
                        let told = format!("{script};\n-- {probe}\n{told}");
                        return Played::Differs { told, errors: (real.errno(), own.errno()) };
                    }
                }
            }
        }
        Played::Same
    }
}

/// The statements of a script, one a line.
pub fn statements(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("--"))
        .map(|line| line.trim_end_matches(';').to_string())
        .collect()
}

enum Played {
    Same,
    /// Nothing differs up to a statement at which the servers are known to part.
    Parted(String),
    Differs {
        told: String,
        /// The error numbers: a smaller program that differs otherwise is another one.
        errors: (Option<u16>, Option<u16>),
    },
}

pub fn options() -> sim::mysql::options::Options {
    let uuid = sim::mysql::gtid::ServerUuid([1; 16]);
    sim::mysql::options::Options::new(uuid, 1)
}

impl Kind for Programs<'_> {
    fn run(&mut self, seed: u64) -> Result<Verdict, Error> {
        let program = generate::program(seed, self.server.product);
        let wanted = match self.play(&program) {
            Played::Same => return Ok(Verdict::Agrees(Vec::new())),
            Played::Parted(name) => return Ok(Verdict::Agrees(vec![name])),
            Played::Differs { errors, .. } => errors,
        };
        let differs = |played| matches!(played, Played::Differs { errors, .. } if errors == wanted);
        let small = shrink(&program, |part| differs(self.play(part)));
        match self.play(&small) {
            Played::Differs { told, .. } => Ok(Verdict::Differs(told)),
            _ => Ok(Verdict::Differs(small.join(";\n"))),
        }
    }
}

/// What a program begins with. The default collations differ between the products.
pub fn setups(product: Product) -> Vec<String> {
    let collation = match product {
        Product::MySql => "utf8mb4_0900_ai_ci",
        Product::MariaDb => "utf8mb4_bin",
    };
    let mut setups = vec![
        format!("create database program collate {collation}"),
        "use program".to_string(),
        format!("set names utf8mb4 collate {collation}"),
    ];
    if product == Product::MariaDb {
        setups.push(format!("set sql_mode = '{}'", generate::STRICT));
    }
    setups
}

/// A statement as the product must be told: MariaDB rounds fractions of a second only where its
/// mode says so.
pub fn spoken(product: Product, text: &str) -> String {
    match text.strip_prefix("set sql_mode = '") {
        Some(modes) if product == Product::MariaDb => {
            format!("set sql_mode = 'TIME_ROUND_FRACTIONAL,{modes}")
        }
        _ => text.to_string(),
    }
}

/// May the statement have changed a table?
fn changes(statement: &str) -> bool {
    let first = statement.split([' ', '(']).next().unwrap_or("");
    !matches!(first, "select" | "set" | "show" | "values" | "begin" | "savepoint" | "prepare")
}

fn compare(product: Product, text: &str, real: &Answer, own: &Answer) -> Outcome {
    if own.errno() == Some(1235) && real.errno() != Some(1235) {
        let message = own.error.as_ref().map_or_else(String::new, |own| own.message.clone());
        return Outcome::NotModelled(message);
    }
    // Which of several missing tables is missed first is nobody's business.
    if (real.errno(), own.errno()) == (Some(1146), Some(1146)) {
        return Outcome::Same;
    }
    // A range error comes where the optimizer evaluates what it does not need.
    let joined = text.contains("join") || text.contains("(select") || text.contains(" a, ");
    let filtered = joined || text.contains(" where ");
    if filtered && (real.errno() == Some(1690)) != (own.errno() == Some(1690)) {
        return Outcome::Parted(differences::RANGE_ERROR);
    }
    // Equal columns stand for each other in the text of a joined statement's range error, and an
    // index that is built finds its duplicates in the order of its sort.
    let same_errno = real.errno().is_some() && real.errno() == own.errno();
    if same_errno
        && (joined && real.errno() == Some(1690)
            || text.starts_with("alter") && real.errno() == Some(1062))
    {
        return Outcome::Same;
    }
    // MySQL converts a constant once, before it reads, and inserts while it reads.
    let queried = text.starts_with("insert") && text.contains(" select ");
    let failed = (real.error.is_some(), own.error.is_some());
    if queried && failed == (true, true) {
        return Outcome::Same;
    }
    let coerced = |answer: &Answer| {
        let message = answer.error.as_ref().map(|error| error.message.as_str());
        message.is_some_and(|message| {
            let compared = text.contains(" where ")
                && (message.starts_with("Incorrect date")
                    || message.starts_with("Incorrect string value"));
            message.starts_with("Truncated incorrect") || compared
        })
    };
    if changes(text) && coerced(real) != coerced(own) {
        return Outcome::Parted(differences::COERCED);
    }
    if let Some(known) = differences::of_answers(product, text, real, own) {
        return known;
    }
    let mut told = Vec::new();
    let mut note = |what: &str, real: String, own: String| {
        if real != own {
            told.push(format!("  {what}\n    real:  {real}\n    model: {own}"));
        }
    };
    if product == Product::MariaDb && real.error.is_some() && own.error.is_some() {
        note("error", error(product, real), error(product, own));
        return if told.is_empty() { Outcome::Same } else { Outcome::Differs(told.join("\n")) };
    }
    note("error", error(product, real), error(product, own));
    note("columns", real.columns.join(" | "), own.columns.join(" | "));
    note("rows", rows(product, text, real), rows(product, text, own));
    if real.error.is_none() && !real.is_result_set() {
        // With checks a table is sometimes copied for a column's name.
        if !text.contains(" rename column ") {
            note("affected", real.affected.to_string(), own.affected.to_string());
        }
        note("last_insert_id", real.last_insert_id.to_string(), own.last_insert_id.to_string());
    }
    let warnings = |answer: &Answer| {
        let listed = answer.warnings.iter().filter(|warning| is_compared(text, warning));
        let listed: Vec<String> = listed.map(warning).collect();
        listed.join(" / ")
    };
    // MariaDB words them otherwise, and counts them otherwise.
    if product == Product::MySql {
        note("warnings", warnings(real), warnings(own));
    }
    if told.is_empty() { Outcome::Same } else { Outcome::Differs(told.join("\n")) }
}

/// The text of a range error names columns now in full and now not.
fn warning(told: &Diagnostic) -> String {
    match told.errno {
        1411 | 1690 => told.errno.to_string(),
        _ => format!("{} {}", told.errno, told.message),
    }
}

fn is_compared(text: &str, warning: &Diagnostic) -> bool {
    const DEPRECATED: [u16; 5] = [1287, 1681, 1831, 3720, 4095];
    // A query's comparisons warn as often as the optimizer makes them.
    let coerced = warning.message.starts_with("Truncated incorrect")
        || warning.message.starts_with("Incorrect datetime value")
        || warning.errno == 1365
        || matches!(warning.errno, 1264 | 1292 | 1411) && text.starts_with("select")
        || warning.message.starts_with("Incorrect date value") && text.contains(" where ")
        || matches!(warning.errno, 1292 | 1366) && text.starts_with("execute");
    !DEPRECATED.contains(&warning.errno) && !coerced
}

fn error(product: Product, answer: &Answer) -> String {
    match (&answer.error, product) {
        (None, _) => "none".to_string(),
        (Some(error), Product::MySql) => {
            format!("{} ({}) {}", error.errno, error.state, unwrapped(&error.message))
        }
        // MariaDB words many of them otherwise.
        (Some(error), Product::MariaDb) => error.errno.to_string(),
    }
}

/// A range error shows which constant part of a condition is computed once: a plan, not an answer.
fn unwrapped(message: &str) -> String {
    match message.contains("<cache>") || message.contains("value is out of range in") {
        true => message.replace("<cache>", "").replace(['(', ')'], ""),
        false => message.to_string(),
    }
}

/// In the order of the answer where ORDER BY says all of it, else sorted.
fn rows(product: Product, text: &str, answer: &Answer) -> String {
    let cell = |value: &Option<Vec<u8>>| match value {
        None => "NULL".to_string(),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(char::is_control) => match product {
                Product::MySql => text.to_string(),
                Product::MariaDb => differences::without_scale(text),
            },
            _ => bytes.iter().fold("0x".to_string(), |hex, byte| format!("{hex}{byte:02X}")),
        },
    };
    let row = |row: &Vec<Option<Vec<u8>>>| {
        let cells: Vec<String> = row.iter().map(cell).collect();
        format!("({})", cells.join(","))
    };
    // The cardinality of an index is an estimate.
    let estimated = text.starts_with("show index");
    let shown = |own: &Vec<Option<Vec<u8>>>| match estimated {
        true => row(&own
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != 6)
            .map(|(_, v)| v.clone())
            .collect()),
        false => row(own),
    };
    let mut rows: Vec<String> = answer.rows.iter().map(shown).collect();
    if !text.ends_with(generate::TOTAL_ORDER) {
        rows.sort();
    }
    rows.join(" ")
}
