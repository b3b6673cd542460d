//! A client's connection to a real server.

use std::path::Path;

use mysql::consts::CapabilityFlags;
use mysql::prelude::Queryable;
use mysql::{BinlogRequest, BinlogStream, Conn, OptsBuilder, Value};

use crate::answer::{Answer, Connection, Count, Diagnostic};

pub struct Real {
    connection: Conn,
}

impl Real {
    pub fn open(socket: &Path, count: Count) -> Result<Real, mysql::Error> {
        let capabilities = match count {
            Count::Changed => CapabilityFlags::empty(),
            Count::Matched => CapabilityFlags::CLIENT_FOUND_ROWS,
        };
        let options = OptsBuilder::new()
            .socket(Some(socket.to_string_lossy()))
            .user(Some("root"))
            .additional_capabilities(capabilities);
        Ok(Real { connection: Conn::new(options)? })
    }

    /// The id that KILL and performance_schema know.
    pub fn id(&self) -> u32 {
        self.connection.connection_id()
    }

    /// Turns the connection into a replica's.
    pub fn into_binlog(self, request: BinlogRequest<'_>) -> Result<BinlogStream, mysql::Error> {
        self.connection.get_binlog_stream(request)
    }

    /// Forgets what the session has: variables, prepared statements, an open transaction.
    pub fn reset(&mut self) -> Result<(), mysql::Error> {
        self.connection.reset()
    }

    fn try_query(&mut self, text: &str) -> Result<Answer, mysql::Error> {
        let mut answer = Answer::default();
        let mut result = self.connection.query_iter(text)?;
        let columns = result.columns();
        answer.columns =
            columns.as_ref().iter().map(|column| column.name_str().into_owned()).collect();
        for row in result.by_ref() {
            answer.rows.push(row?.unwrap().into_iter().map(text_of).collect());
        }
        drop(result);
        if !answer.is_result_set() {
            answer.affected = self.connection.affected_rows();
            answer.last_insert_id = self.connection.last_insert_id();
        }
        let warned = self.connection.warnings();
        if 0 < warned && !text.trim_start().to_ascii_lowercase().starts_with("show") {
            let warnings: Vec<(String, u16, String)> = self.connection.query("show warnings")?;
            answer.warnings = warnings
                .into_iter()
                .map(|(_, errno, message)| Diagnostic { errno, state: String::new(), message })
                .collect();
        }
        Ok(answer)
    }
}

impl Connection for Real {
    fn query(&mut self, text: &str) -> Answer {
        match self.try_query(text) {
            Ok(answer) => answer,
            Err(mysql::Error::MySqlError(error)) => {
                Answer::failed(error.code, &error.state, &error.message)
            }
            Err(error) => Answer::failed(2013, "HY000", &error.to_string()),
        }
    }
}

/// The text protocol sends texts; anything else would be a driver's doing.
fn text_of(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(bytes),
        other => Some(other.as_sql(true).into_bytes()),
    }
}
