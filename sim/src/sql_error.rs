//! An error as a client of MySQL sees it: a value of the model, not a fault of ours.

use std::fmt;

/// Number, SQLSTATE and message as MySQL 8.4 words them; prints as the mysql client prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    pub errno: u16,
    pub state: &'static str,
    pub message: String,
}

impl SqlError {
    pub fn new(errno: u16, state: &'static str, message: impl Into<String>) -> SqlError {
        SqlError { errno, state, message: message.into() }
    }

    /// ER_NOT_SUPPORTED_YET: valid SQL that this server does not model, never a wrong result.
    pub fn not_supported(what: impl fmt::Display) -> SqlError {
        let message = format!("This version of MySQL doesn't yet support '{what}'");
        SqlError::new(1235, "42000", message)
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR {} ({}): {}", self.errno, self.state, self.message)
    }
}

impl std::error::Error for SqlError {}
