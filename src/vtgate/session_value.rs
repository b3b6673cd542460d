//! What only the session knows: the values of `:__lastInsertId`, `:__vtudvname`, `:__vtautocommit`.
//!
//! A variable of vtgate's own that nobody has set has the value that Vitess starts it with. See
//! `Executor.addNeededBindVars`. It knows nothing of how a variable is set.

use std::collections::BTreeSet;
use std::sync::Arc;

use sim::value::{Bind, Binds, Value};

use super::executor::Run;
use super::session::{Session, TransactionMode};
use crate::planner::normalize::variable;

/// What a client is told of the server.
const VERSION: &str = "8.4.6-Vitess";
const VERSION_COMMENT: &str = "Version: 24.0.0-SNAPSHOT";

impl Run {
    /// The bind variables with those that the session fills in.
    pub(super) fn with_session_values(
        &self,
        names: &BTreeSet<Arc<str>>,
        binds: &Arc<Binds>,
    ) -> Arc<Binds> {
        if names.is_empty() {
            return Arc::clone(binds);
        }
        let session = self.session.borrow();
        let mut all = (**binds).clone();
        for name in names {
            all.insert(Arc::clone(name), Bind::Value(value(&session, name)));
        }
        Arc::new(all)
    }

    /// What SHOW VARIABLES says of vtgate's own variables; none for any other.
    pub(super) fn own_variable(&self, name: &str) -> Option<Value> {
        variable::KNOWN.contains(&name).then(|| of_variable(&self.session.borrow(), name))
    }
}

fn value(session: &Session, name: &str) -> Value {
    if let Some(variable) = name.strip_prefix("__vtudv") {
        return user_variable(session, variable);
    }
    match name {
        "__lastInsertId" => Value::Uint(session.last_insert_id),
        "__vtrcount" => Value::Int(session.row_count),
        "__vtfrows" => Value::Int(session.found_rows as i64),
        "__vtdbname" => match &session.target.keyspace {
            Some(keyspace) => Value::text(keyspace),
            None => Value::Null,
        },
        other => of_variable(session, other.strip_prefix("__vt").unwrap_or(other)),
    }
}

/// The variable's name came here with `_` for whatever is no letter or digit.
fn user_variable(session: &Session, name: &str) -> Value {
    let compliant = |known: &str| -> String {
        known.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    };
    let found = session.user_variables.iter().find(|(known, _)| compliant(known) == name);
    found.map_or(Value::Null, |(_, value)| value.clone())
}

fn of_variable(session: &Session, name: &str) -> Value {
    let flag = |on: bool| Value::Int(i64::from(on));
    if let Some(value) = session.aware.get(name) {
        return value.clone();
    }
    match name {
        "autocommit" => flag(session.autocommit),
        "transaction_mode" => Value::text(match session.mode {
            TransactionMode::Single => "SINGLE",
            TransactionMode::Multi => "MULTI",
            TransactionMode::TwoPc => "TWOPC",
        }),
        "client_found_rows" | "skip_query_plan_cache" => flag(false),
        "enable_system_settings" => flag(true),
        "query_timeout" | "sql_select_limit" | "transaction_timeout" => Value::Int(0),
        "read_after_write_timeout" => Value::Float(0.0),
        "session_track_gtids" => Value::text("off"),
        "version" => Value::text(VERSION),
        "version_comment" => Value::text(VERSION_COMMENT),
        "charset" | "names" => Value::text("utf8mb4"),
        "workload" => Value::text(session.workload.name()),
        "ddl_strategy" => Value::text("direct"),
        _ => Value::text(""),
    }
}
