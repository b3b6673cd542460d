//! SHOW of what Vitess alone has: shards, tablets, vschemas, migrations, transactions.
//!
//! See `sqlparser.ShowBasic`. It knows nothing of who answers.

use std::fmt;
use std::sync::Arc;

use sim::sql::ast::{Expr, Ident, TableName};
use sim::sql::print::quoted;

use super::words::Words;

#[derive(Clone, Debug, PartialEq)]
pub struct ShowVitess {
    pub kind: ShowVitessKind,
    pub filter: Option<Filter>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ShowVitessKind {
    Keyspaces,
    Shards,
    Tablets,
    ReplicationStatus,
    MetadataVariables,
    Target,
    VSchemaTables,
    VSchemaKeyspaces,
    VSchemaVindexes {
        table: Option<TableName>,
    },
    Migrations {
        keyspace: Option<Ident>,
    },
    /// Of one migration; only tablets read it.
    MigrationLogs,
    ThrottledApps,
    ThrottlerStatus,
    GtidExecuted {
        keyspace: Option<Ident>,
    },
    VgtidExecuted {
        keyspace: Option<Ident>,
    },
    TransactionStatus {
        id: Arc<str>,
    },
    UnresolvedTransactions {
        keyspace: Option<Arc<str>>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    Like(Arc<str>),
    Where(Expr),
}

/// Reads what follows `show`; none if MySQL has words for it.
pub(super) fn read(words: &mut Words<'_>) -> Option<ShowVitess> {
    let kind = kind(words)?;
    let filter = match () {
        () if words.accept("like") => Some(Filter::Like(words.text()?.into())),
        () if words.accept("where") => Some(Filter::Where(words.expr_until(&[])?)),
        () => None,
    };
    words.is_at_end().then_some(ShowVitess { kind, filter })
}

fn kind(words: &mut Words<'_>) -> Option<ShowVitessKind> {
    use ShowVitessKind::*;
    let is_global = words.accept("global");
    Some(match words.word()?.to_ascii_lowercase().as_str() {
        "gtid_executed" if is_global => GtidExecuted { keyspace: keyspace(words) },
        "vgtid_executed" if is_global => VgtidExecuted { keyspace: keyspace(words) },
        _ if is_global => return None,
        "keyspaces" | "vitess_keyspaces" => Keyspaces,
        "vitess_shards" => Shards,
        "vitess_tablets" => Tablets,
        "vitess_replication_status" => ReplicationStatus,
        "vitess_metadata" => {
            words.expect("variables")?;
            MetadataVariables
        }
        "vitess_target" => Target,
        "vitess_migrations" => Migrations { keyspace: keyspace(words) },
        "vitess_migration" => {
            words.text()?;
            words.expect("logs")?;
            MigrationLogs
        }
        "vitess_throttled_apps" => ThrottledApps,
        "vitess_throttler" => {
            words.expect("status")?;
            ThrottlerStatus
        }
        "vschema" => match words.word()?.to_ascii_lowercase().as_str() {
            "tables" => VSchemaTables,
            "keyspaces" => VSchemaKeyspaces,
            "vindexes" => {
                let is_of_table = words.accept("on") || words.accept("from") || words.accept("in");
                let table = if is_of_table { Some(words.table_name()?) } else { None };
                VSchemaVindexes { table }
            }
            _ => return None,
        },
        "transaction" => {
            words.expect("status")?;
            words.accept("for");
            TransactionStatus { id: words.text()?.into() }
        }
        "unresolved" => {
            words.expect("transactions")?;
            let keyspace = match words.accept("for") || words.accept("from") {
                true => Some(words.name()?.0),
                false => None,
            };
            UnresolvedTransactions { keyspace }
        }
        _ => return None,
    })
}

fn keyspace(words: &mut Words<'_>) -> Option<Ident> {
    let has_keyspace = words.accept("from") || words.accept("in");
    if has_keyspace { words.name() } else { None }
}

/// With a blank in front, as it stands behind a SHOW.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::Like(pattern) => write!(f, " like {}", quoted(pattern)),
            Filter::Where(filter) => write!(f, " where {filter}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::statement::{Outer, parse};

    #[test]
    fn shows_are_told_apart() {
        let check = |text: &str, expected: ShowVitessKind, filter: &str| match parse(text) {
            Ok(Outer::ShowVitess(show)) => {
                assert_eq!(show.kind, expected, "{text}");
                let got = show.filter.map(|filter| filter.to_string()).unwrap_or_default();
                assert_eq!(got, filter, "{text}");
            }
            other => panic!("{text}: {other:?}"),
        };
        use ShowVitessKind::*;
        check("show vitess_tablets", Tablets, "");
        check("SHOW vitess_replication_status LIKE 'x'", ReplicationStatus, " like 'x'");
        check("show vitess_metadata variables", MetadataVariables, "");
        check(
            "show vitess_migrations from user where id = 5",
            Migrations { keyspace: Some("user".into()) },
            " where id = 5",
        );
        check("show global vgtid_executed", VgtidExecuted { keyspace: None }, "");
        check(
            "show vschema vindexes on user.user",
            VSchemaVindexes {
                table: Some(TableName { qualifier: Some("user".into()), name: "user".into() }),
            },
            "",
        );
        check(
            "show transaction status for 'ks:-80:a'",
            TransactionStatus { id: "ks:-80:a".into() },
            "",
        );
        check(
            "show unresolved transactions for ks",
            UnresolvedTransactions { keyspace: Some("ks".into()) },
            "",
        );
        check("show vitess_migration '9748c3b7' logs", MigrationLogs, "");
        for text in ["show global status", "show tables", "show databases"] {
            assert!(matches!(parse(text), Ok(Outer::Sql(_))), "{text}");
        }
    }
}
