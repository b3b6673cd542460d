//! What only the session knows, by the bind variable that carries it.
//!
//! See `sqlparser/normalizer.go`, `funcRewrites` and `sysVarRewrite`. It knows nothing of values.

use std::sync::Arc;

use sim::sql::ast::Ident;

/// The variable of a function without arguments; the name in lower case.
pub fn of_function(name: &str) -> Option<&'static str> {
    match name {
        "last_insert_id" => Some("__lastInsertId"),
        "database" | "schema" => Some(DATABASE),
        "found_rows" => Some("__vtfrows"),
        "row_count" => Some("__vtrcount"),
        _ => None,
    }
}

/// That of `database()`, which is a variable only in a statement without tables.
pub const DATABASE: &str = "__vtdbname";

/// The system variables that vtgate answers for itself, sorted.
pub const KNOWN: [&str; 20] = [
    "autocommit",
    "charset",
    "client_found_rows",
    "ddl_strategy",
    "enable_system_settings",
    "migration_context",
    "names",
    "query_timeout",
    "read_after_write_gtid",
    "read_after_write_timeout",
    "session_track_gtids",
    "session_uuid",
    "skip_query_plan_cache",
    "socket",
    "sql_select_limit",
    "transaction_mode",
    "transaction_timeout",
    "version",
    "version_comment",
    "workload",
];

/// The variable of a system variable that vtgate answers for itself.
pub fn of_system_variable(name: &Ident) -> Option<Arc<str>> {
    let name = name.as_str().to_ascii_lowercase();
    KNOWN.binary_search(&name.as_str()).is_ok().then(|| format!("__vt{name}").into())
}

/// The variable of `@name`.
pub fn of_user_variable(name: &Ident) -> Arc<str> {
    let compliant: String = name
        .as_str()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    format!("__vtudv{compliant}").into()
}
