//! An error as a client of MySQL sees it: a value of the model, not a fault of ours.

use std::fmt;

/// Number, SQLSTATE and message as MySQL 8.4 words them; prints as the mysql client prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    pub errno: u16,
    pub state: &'static str,
    pub message: String,
    /// Among warnings: only a note.
    pub note: bool,
}

impl SqlError {
    pub fn new(errno: u16, state: &'static str, message: impl Into<String>) -> SqlError {
        SqlError { errno, state, message: message.into(), note: false }
    }

    /// The same as a note: what SHOW WARNINGS lists and nobody minds.
    pub fn as_note(self) -> SqlError {
        SqlError { note: true, ..self }
    }

    /// ER_NOT_SUPPORTED_YET: valid SQL that this server does not model, never a wrong result.
    pub fn not_supported(what: impl fmt::Display) -> SqlError {
        let message = format!("This version of MySQL doesn't yet support '{what}'");
        SqlError::new(1235, "42000", message)
    }

    /// ER_PARSE_ERROR, with the text from the offending token on and its line.
    pub fn syntax(near: &str, line: usize) -> SqlError {
        let message = format!(
            "You have an error in your SQL syntax; check the manual that corresponds to your \
             MySQL server version for the right syntax to use near '{near}' at line {line}"
        );
        SqlError::new(1064, "42000", message)
    }

    /// ER_BAD_NULL_ERROR.
    pub fn bad_null(column: &str) -> SqlError {
        SqlError::new(1048, "23000", format!("Column '{column}' cannot be null"))
    }

    /// ER_BAD_FIELD_ERROR; the clause is one of `field list`, `where clause`, `order clause` ..
    pub fn unknown_column(column: &str, clause: &str) -> SqlError {
        SqlError::new(1054, "42S22", format!("Unknown column '{column}' in '{clause}'"))
    }

    /// ER_WARN_DATA_OUT_OF_RANGE.
    pub fn out_of_range(column: &str, row: usize) -> SqlError {
        let message = format!("Out of range value for column '{column}' at row {row}");
        SqlError::new(1264, "22003", message)
    }

    /// WARN_DATA_TRUNCATED.
    pub fn data_truncated(column: &str, row: usize) -> SqlError {
        let message = format!("Data truncated for column '{column}' at row {row}");
        SqlError::new(1265, "01000", message)
    }

    /// ER_TRUNCATED_WRONG_VALUE; `kind` is date, datetime or time.
    pub fn incorrect_temporal(kind: &str, value: &str, column: &str, row: usize) -> SqlError {
        let message =
            format!("Incorrect {kind} value: '{value}' for column '{column}' at row {row}");
        SqlError::new(1292, "22007", message)
    }

    /// ER_TRUNCATED_WRONG_VALUE outside of a column.
    pub fn truncated_value(kind: &str, value: &str) -> SqlError {
        SqlError::new(1292, "22007", format!("Truncated incorrect {kind} value: '{value}'"))
    }

    /// ER_TRUNCATED_WRONG_VALUE_FOR_FIELD.
    pub fn incorrect_value(kind: &str, value: &str, column: &str, row: usize) -> SqlError {
        let message =
            format!("Incorrect {kind} value: '{value}' for column '{column}' at row {row}");
        SqlError::new(1366, "HY000", message)
    }

    /// ER_DATA_TOO_LONG.
    pub fn too_long(column: &str, row: usize) -> SqlError {
        SqlError::new(1406, "22001", format!("Data too long for column '{column}' at row {row}"))
    }

    /// ER_DIVISION_BY_ZERO.
    pub fn division_by_zero() -> SqlError {
        SqlError::new(1365, "22012", "Division by 0")
    }

    /// ER_DATA_OUT_OF_RANGE; `kind` is BIGINT, BIGINT UNSIGNED, DECIMAL or DOUBLE.
    pub fn value_out_of_range(kind: &str, expr: &str) -> SqlError {
        SqlError::new(1690, "22003", format!("{kind} value is out of range in '{expr}'"))
    }

    /// ER_OPERAND_COLUMNS.
    pub fn operand_columns(count: usize) -> SqlError {
        SqlError::new(1241, "21000", format!("Operand should contain {count} column(s)"))
    }

    /// ER_WRONG_PARAMCOUNT_TO_NATIVE_FCT.
    pub fn wrong_parameter_count(function: &str) -> SqlError {
        let message =
            format!("Incorrect parameter count in the call to native function '{function}'");
        SqlError::new(1582, "42000", message)
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR {} ({}): {}", self.errno, self.state, self.message)
    }
}

impl std::error::Error for SqlError {}
