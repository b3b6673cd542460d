//! What goes wrong in a vindex, as a client of vtgate sees it.
//!
//! The text is Vitess's, to the byte. An error that a server gave to a lookup vindex keeps its
//! MySQL number under every prefix that is put in front of its text: a consistent lookup asks for
//! it, and vtgate sends it on. It knows nothing of how vtgate turns a code into a number.

use std::fmt;

use crate::key::Code;

/// An error of a vindex, or of a statement that a vindex had run.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct VindexError {
    pub code: Code,
    /// MySQL's error number, where the error has one of its own.
    pub errno: Option<u16>,
    /// The SQLSTATE that belongs to the number.
    pub sqlstate: Option<String>,
    pub message: String,
}

impl VindexError {
    pub fn new(code: Code, message: impl Into<String>) -> VindexError {
        VindexError { code, errno: None, sqlstate: None, message: message.into() }
    }

    /// What a plain Go error becomes.
    pub fn unknown(message: impl Into<String>) -> VindexError {
        VindexError::new(Code::Unknown, message)
    }

    pub fn invalid_argument(message: impl Into<String>) -> VindexError {
        VindexError::new(Code::InvalidArgument, message)
    }

    pub fn internal(message: impl Into<String>) -> VindexError {
        VindexError::new(Code::Internal, message)
    }

    /// An error of MySQL.
    pub fn mysql(errno: u16, sqlstate: &str, message: impl Into<String>) -> VindexError {
        VindexError {
            code: Code::Unknown,
            errno: Some(errno),
            sqlstate: Some(sqlstate.to_string()),
            message: message.into(),
        }
    }

    /// A row or a vindex with another number of columns (`ER_WRONG_VALUE_COUNT_ON_ROW`).
    pub(super) fn wrong_value_count(message: String) -> VindexError {
        VindexError { code: Code::InvalidArgument, ..VindexError::mysql(1136, "21S01", message) }
    }

    /// Puts what was being done in front of the text.
    pub fn wrap(mut self, what: &str) -> VindexError {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// MySQL's number, or the one that the text says: `(errno 1062) (sqlstate 23000)`.
    pub fn mysql_errno(&self) -> Option<u16> {
        self.errno.or_else(|| errno_in_text(&self.message))
    }
}

fn errno_in_text(text: &str) -> Option<u16> {
    const ERRNO: &str = "(errno ";
    text.match_indices(ERRNO).find_map(|(start, _)| {
        let (number, rest) = text[start + ERRNO.len()..].split_once(") (sqlstate ")?;
        let (state, _) = rest.split_once(')')?;
        let is_state = state.len() == 5 && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
        number.parse().ok().filter(|_| is_state)
    })
}

impl fmt::Display for VindexError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_comes_from_the_error_or_its_text() {
        let check = |text: &str, expected: Option<u16>| {
            assert_eq!(VindexError::unknown(text).mysql_errno(), expected, "{text}");
        };
        check("(errno 1062) (sqlstate 23000) Duplicate entry", Some(1062));
        check("vttablet: Duplicate entry '1' (errno 1062) (sqlstate 23000)", Some(1062));
        check("(errno x) (errno 1205) (sqlstate HY000)", Some(1205));
        check("(errno 1062) (sqlstate 2300)", None);
        check("(errno 99999) (sqlstate 23000)", None);
        check("execute failed", None);
        assert_eq!(
            VindexError::mysql(1062, "23000", "dup").wrap("lookup.Create").errno,
            Some(1062)
        );
    }
}
