//! A MySQL error as a tablet reports it: gRPC's code, and a text with number and SQLSTATE.
//!
//! See `go/vt/vttablet/tabletserver` (`convertAndLogError`) and `go/mysql/sqlerror`. It knows
//! nothing of who reads it.

use sim::sql::ast::Statement;
use sim::sql_error::SqlError;
use sim::value::{Bind, Binds, Value};

use crate::key::Code;
use crate::rpc::Status;

/// The code of a MySQL error number.
pub fn code_of(errno: u16) -> Code {
    match errno {
        1205 => Code::DeadlineExceeded,
        1213 => Code::Aborted,
        1062 => Code::AlreadyExists,
        1048 | 1406 | 1264 | 1265 | 1292 | 1364 | 1366 | 1690 | 3819 | 1064 | 1136 | 1110 => {
            Code::InvalidArgument
        }
        1451 | 1452 | 1207 => Code::FailedPrecondition,
        1290 => Code::ClusterEvent,
        2006 | 1053 => Code::Unavailable,
        2013 => Code::Canceled,
        1146 | 1054 | 1049 | 1051 => Code::NotFound,
        1040 | 1041 | 1114 | 1203 | 1206 => Code::ResourceExhausted,
        1235 => Code::Unimplemented,
        1045 | 1044 | 1142 => Code::PermissionDenied,
        _ => Code::Unknown,
    }
}

/// The error of a statement, with the statement.
pub fn of_statement(
    error: &SqlError,
    statement: &Statement,
    binds: &Binds,
    on_existing_transaction: bool,
) -> Status {
    let code = code_of(error.errno);
    // On a transaction that exists the error is gRPC's own; the first statement of a new one
    // carries its error in the reply, beside the transaction.
    let grpc = match on_existing_transaction {
        true => format!("rpc error: code = {} desc = ", code.name()),
        false => String::new(),
    };
    Status::new(
        code,
        format!(
            "vttablet: {grpc}{} (errno {}) (sqlstate {}) (CallerID: root): Sql: \"{statement}\", BindVars: {{{}}}",
            error.message,
            error.errno,
            error.state,
            bind_vars(binds),
        ),
    )
}

/// An error of MySQL without a statement of a client (commit, DBA).
pub fn plain(error: &SqlError) -> Status {
    Status::new(
        code_of(error.errno),
        format!("{} (errno {}) (sqlstate {})", error.message, error.errno, error.state),
    )
}

/// A query gave more rows than a tablet may hold.
pub fn too_many_rows(rows_max: usize, on_existing_transaction: bool) -> Status {
    let grpc = if on_existing_transaction { "rpc error: code = Aborted desc = " } else { "" };
    let text = format!("vttablet: {grpc}caller id: root: row count exceeded {rows_max}");
    Status::new(Code::Aborted, text)
}

/// What the tablet itself refuses.
pub fn refused(text: &str) -> Status {
    let text =
        format!("vttablet: rpc error: code = FailedPrecondition desc = {text} (CallerID: root)");
    Status::new(Code::FailedPrecondition, text)
}

pub fn two_phases_not_enabled() -> Status {
    let text =
        "vttablet: rpc error: code = InvalidArgument desc = 2pc is not enabled (CallerID: root)";
    Status::new(Code::InvalidArgument, text)
}

pub fn server_gone() -> Status {
    Status::new(
        Code::Unavailable,
        "vttablet: Can't connect to local MySQL server through socket (errno 2002) (sqlstate HY000)",
    )
}

pub fn connection_lost() -> Status {
    Status::new(
        Code::Canceled,
        "vttablet: Lost connection to MySQL server during query (errno 2013) (sqlstate HY000)",
    )
}

fn bind_vars(binds: &Binds) -> String {
    let texts: Vec<String> =
        binds.iter().map(|(name, bind)| format!("{name}: {}", bind_var(bind))).collect();
    texts.join(", ")
}

fn bind_var(bind: &Bind) -> String {
    match bind {
        Bind::Value(value) => crate::key::quote::quote(typed(value).as_bytes()),
        Bind::List(items) => format!("{} items", items.len()),
    }
}

fn typed(value: &Value) -> String {
    let value = crate::vindex::Value::from(value);
    format!("type:{} value:{}", value.kind.name(), crate::key::quote::quote(&value.bytes))
}
