//! What is wrong with a vschema, or with a name that is looked up in one.
//!
//! It knows nothing of where in the JSON it is; a [`crate::vschema::Problem`] does.

use crate::key::Code;
use crate::vindex::VindexError;

/// An error of the vschema, as a client of vtgate or vtctld sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct VSchemaError {
    pub code: Code,
    /// MySQL's number and SQLSTATE, where Vitess names an error state.
    pub mysql: Option<(u16, &'static str)>,
    pub message: String,
}

impl VSchemaError {
    pub fn new(code: Code, message: impl Into<String>) -> VSchemaError {
        VSchemaError { code, mysql: None, message: message.into() }
    }

    pub fn unknown(message: impl Into<String>) -> VSchemaError {
        VSchemaError::new(Code::Unknown, message)
    }

    pub(super) fn unknown_database(keyspace: &str) -> VSchemaError {
        VSchemaError {
            code: Code::NotFound,
            mysql: Some((1049, "42000")),
            message: format!("VT05003: unknown database '{keyspace}' in vschema"),
        }
    }

    pub(super) fn unknown_table(table: &str) -> VSchemaError {
        VSchemaError {
            code: Code::NotFound,
            mysql: Some((1109, "42S02")),
            message: format!("table {table} not found"),
        }
    }
}

impl From<VindexError> for VSchemaError {
    fn from(error: VindexError) -> VSchemaError {
        VSchemaError::new(error.code, error.message)
    }
}
