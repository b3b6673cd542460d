//! SQL by the book of a real server: statements in text files, each with what MySQL said to it.
//!
//! ```text
//! # What is at stake.
//! > select 1 as a, null as b
//! a | b
//! 1 | NULL
//!
//! > update t set a = 2
//! ok affected=1 matched=3
//! Warning 1265: Data truncated for column 'a' at row 1
//!
//! > select x
//! ERROR 1054 (42S22): Unknown column 'x' in 'field list'
//! ```
//!
//! Each file is one session in a fresh database. With VINDICATE_MYSQL naming the socket of a real
//! server (root, no password), the files are first rewritten with its answers.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use mysql::prelude::Queryable;
use sim::mysql::execution::Step;
use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::Options;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;
use sim::value::Value;

const NAMES: &str = "set names utf8mb4 collate utf8mb4_0900_ai_ci";

/// What MySQL says of syntax that it would rather not see any more; the model does not.
const DEPRECATED: [u32; 5] = [1287, 1681, 1831, 3720, 4095];

#[test]
fn statements_answer_as_on_a_real_server() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mysql/sql");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    if let Ok(only) = std::env::var("VINDICATE_SQL_FILE") {
        paths.retain(|path| path.to_string_lossy().contains(&only));
    }
    assert!(!paths.is_empty(), "there are files");
    if let Ok(socket) = std::env::var("VINDICATE_MYSQL") {
        paths.iter().for_each(|path| bless(path, &socket));
    }
    let failures: Vec<String> = paths.iter().flat_map(|path| check(path)).collect();
    assert!(failures.is_empty(), "\n{}\n{} differ", failures.join("\n"), failures.len());
}

/// A file's lines: comments as they are, statements with what came of them.
enum Part {
    Comment(String),
    Statement { text: String, expected: String },
}

fn parts(path: &Path) -> Vec<Part> {
    let mut parts = Vec::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        if let Some(text) = line.strip_prefix("> ") {
            parts.push(Part::Statement { text: text.to_string(), expected: String::new() });
        } else if line.starts_with('#') {
            parts.push(Part::Comment(line.to_string()));
        } else if let Some(Part::Statement { expected, .. }) = parts.last_mut()
            && !line.is_empty()
        {
            writeln!(expected, "{line}").unwrap();
        }
    }
    parts
}

fn bless(path: &Path, socket: &str) {
    let options = mysql::OptsBuilder::new().socket(Some(socket)).user(Some("root"));
    let mut connection = mysql::Conn::new(options).unwrap();
    for setup in ["drop database if exists te", "create database te", "use te", NAMES] {
        connection.query_drop(setup).unwrap();
    }
    let mut text = String::new();
    for part in parts(path) {
        match part {
            Part::Comment(comment) => writeln!(text, "{comment}").unwrap(),
            Part::Statement { text: statement, .. } => {
                let result = real_answer(&mut connection, &statement);
                writeln!(text, "> {statement}\n{result}").unwrap();
            }
        }
    }
    fs::write(path, text).unwrap();
}

fn real_answer(connection: &mut mysql::Conn, statement: &str) -> String {
    let mut answer = String::new();
    match connection.query_iter(statement) {
        Err(mysql::Error::MySqlError(error)) => {
            return format!("ERROR {} ({}): {}\n", error.code, error.state, error.message);
        }
        Err(other) => panic!("{statement}: {other}"),
        Ok(mut result) => {
            let columns = result.columns();
            let names: Vec<String> =
                columns.as_ref().iter().map(|column| column.name_str().into_owned()).collect();
            if names.is_empty() {
                write!(answer, "ok affected={}", result.affected_rows()).unwrap();
                if let Some(matched) = result.info_str().strip_prefix("Rows matched: ") {
                    write!(answer, " matched={}", matched.split(' ').next().unwrap()).unwrap();
                }
                if let Some(id) = result.last_insert_id().filter(|id| *id != 0) {
                    write!(answer, " id={id}").unwrap();
                }
                answer.push('\n');
            } else {
                writeln!(answer, "{}", names.join(" | ")).unwrap();
                for row in result.by_ref() {
                    let cell = |value: mysql::Value| match value {
                        mysql::Value::NULL => "NULL".to_string(),
                        mysql::Value::Bytes(bytes) => printable(&bytes),
                        other => format!("{other:?}"),
                    };
                    let cells: Vec<String> = match row {
                        Ok(row) => row.unwrap().into_iter().map(cell).collect(),
                        Err(mysql::Error::MySqlError(error)) => {
                            return format!(
                                "ERROR {} ({}): {}\n",
                                error.code, error.state, error.message
                            );
                        }
                        Err(other) => panic!("{statement}: {other}"),
                    };
                    writeln!(answer, "{}", cells.join(" | ")).unwrap();
                }
            }
        }
    }
    if !statement.starts_with("show ") {
        let warnings: Vec<(String, u32, String)> = connection.query("show warnings").unwrap();
        for (level, code, message) in
            warnings.into_iter().filter(|(_, code, _)| !DEPRECATED.contains(code))
        {
            writeln!(answer, "{level} {code}: {message}").unwrap();
        }
    }
    answer
}

fn check(path: &Path) -> Vec<String> {
    let mut server = Server::new(Options::new(ServerUuid([1; 16]), 1));
    let connection = server.connect("root@localhost", None);
    for setup in ["create database te", "use te"] {
        model_answer(&mut server, connection, setup);
    }
    let mut failures = Vec::new();
    for part in parts(path) {
        let Part::Statement { text, expected } = part else { continue };
        let got = model_answer(&mut server, connection, &text);
        if got != expected {
            let name = path.file_stem().unwrap().to_string_lossy();
            failures.push(format!(
                "{name}> {text}\n  real:  {}\n  model: {}",
                expected.trim_end().replace('\n', "\n         "),
                got.trim_end().replace('\n', "\n         ")
            ));
        }
    }
    failures
}

fn model_answer(server: &mut Server, connection: ConnectionId, statement: &str) -> String {
    let now = jiff::civil::date(2026, 1, 31).at(12, 30, 45, 0);
    let now = now.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let mut execution = server.start_text(connection, statement, now);
    let result = loop {
        match server.step(&mut execution) {
            Step::Done(result) => break result,
            Step::Sync(_) => {}
            Step::Wait(wait) => return format!("waits for {}\n", wait.describe()),
        }
    };
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => return format!("{error}\n"),
    };
    let mut answer = String::new();
    if outcome.is_result_set() {
        let names: Vec<&str> = outcome.columns.iter().map(|column| &*column.name).collect();
        writeln!(answer, "{}", names.join(" | ")).unwrap();
        for row in &outcome.rows {
            let cell = |(at, value): (usize, &Value)| match value.is_null() {
                true => "NULL".to_string(),
                false => printable(&outcome.columns[at].wire(value).unwrap_or_default()),
            };
            let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
            writeln!(answer, "{}", cells.join(" | ")).unwrap();
        }
    } else {
        write!(answer, "ok affected={}", outcome.affected).unwrap();
        if statement.starts_with("update") {
            write!(answer, " matched={}", outcome.matched).unwrap();
        }
        if outcome.last_insert_id != 0 {
            write!(answer, " id={}", outcome.last_insert_id).unwrap();
        }
        answer.push('\n');
    }
    if !statement.starts_with("show ") {
        for warning in &outcome.warnings {
            let level = if warning.note { "Note" } else { "Warning" };
            writeln!(answer, "{level} {}: {}", warning.errno, warning.message).unwrap();
        }
    }
    answer
}

/// A value on one line; bytes that are no plain text as hex.
fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_string(),
        Ok(text) if text.chars().all(|c| c == '\n' || !c.is_control()) => text.replace('\n', "\\n"),
        _ => bytes.iter().fold(String::from("0x"), |hex, byte| format!("{hex}{byte:02X}")),
    }
}
