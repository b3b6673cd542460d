//! What a statement gives its client, in the shape that both sides have.

use std::fmt;

/// A result set, an OK packet or an error, with the warnings that came along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Names of the columns; empty where there is no result set.
    pub columns: Vec<String>,
    /// Values as the text protocol sends them; none is NULL.
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
    /// As the OK packet says it: see [`Count`].
    pub affected: u64,
    pub last_insert_id: u64,
    pub error: Option<Diagnostic>,
    /// What SHOW WARNINGS says; empty after an error.
    pub warnings: Vec<Diagnostic>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub errno: u16,
    pub state: String,
    pub message: String,
}

/// What an OK packet counts for an UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Changed,
    /// CLIENT_FOUND_ROWS.
    Matched,
}

/// A client's connection, to a real server or to the model.
pub trait Connection {
    fn query(&mut self, text: &str) -> Answer;
}

impl Answer {
    pub fn failed(errno: u16, state: &str, message: &str) -> Answer {
        let error = Diagnostic { errno, state: state.to_string(), message: message.to_string() };
        Answer { error: Some(error), ..Answer::default() }
    }

    pub fn errno(&self) -> Option<u16> {
        self.error.as_ref().map(|error| error.errno)
    }

    pub fn is_result_set(&self) -> bool {
        !self.columns.is_empty()
    }
}

/// `ERROR 1062`, `rows (1,a) (2,NULL)`, `empty`, `ok(1)`.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = &self.error {
            return write!(f, "ERROR {}", error.errno);
        }
        if !self.is_result_set() {
            return write!(f, "ok({})", self.affected);
        }
        if self.rows.is_empty() {
            return f.write_str("empty");
        }
        f.write_str("rows")?;
        for row in &self.rows {
            let texts: Vec<String> = row.iter().map(shown).collect();
            write!(f, " ({})", texts.join(","))?;
        }
        Ok(())
    }
}

fn shown(value: &Option<Vec<u8>>) -> String {
    match value {
        None => "NULL".to_string(),
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
