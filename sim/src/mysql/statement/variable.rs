//! System variables: what SELECT @@x shows and SET changes.
//!
//! Those that the model acts on are fields of the session or the server; others that clients are
//! known to set are kept and shown; the rest is 1193.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::collation::Collation;
use crate::eval::user_lock::is_called_in;
use crate::eval::{ColumnKind, NoColumns, Program};
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::outcome::Outcome;
use crate::mysql::session::SQL_MODE;
use crate::mysql::transaction::Isolation;
use crate::sql::ast::{Assignment, Expr, Statement, Variable, VariableScope};
use crate::sql::parse;
use crate::sql_error::SqlError;
use crate::value::Value;

use super::plan::nests_subqueries;

/// Shown, kept per session, and without effect on the model.
const KEPT: [(&str, &str); 23] = [
    ("auto_increment_increment", "1"),
    ("auto_increment_offset", "1"),
    ("binlog_format", "ROW"),
    ("binlog_row_image", "FULL"),
    ("character_set_client", "utf8mb4"),
    ("character_set_connection", "utf8mb4"),
    ("character_set_results", "utf8mb4"),
    ("collation_connection", "utf8mb4_0900_ai_ci"),
    ("collation_server", "utf8mb4_0900_ai_ci"),
    ("group_concat_max_len", "1024"),
    ("innodb_autoinc_lock_mode", "2"),
    ("interactive_timeout", "28800"),
    ("lower_case_table_names", "0"),
    ("max_allowed_packet", "67108864"),
    ("max_execution_time", "0"),
    ("net_read_timeout", "30"),
    ("net_write_timeout", "60"),
    ("sql_auto_is_null", "0"),
    ("sql_safe_updates", "0"),
    ("sql_select_limit", "18446744073709551615"),
    ("time_zone", "SYSTEM"),
    ("unique_checks", "1"),
    ("wait_timeout", "28800"),
];

const VERSION: &str = "8.4.6";

/// A variable has no times: it keeps their texts.
fn kept(value: Value, kind: ColumnKind) -> Value {
    if matches!(value, Value::Float(_)) {
        return value;
    }
    match kind.text_of(value) {
        time @ (Value::Date(_) | Value::DateTime(_) | Value::Time(_)) => {
            Value::text(&time.to_string())
        }
        other => other,
    }
}

impl Run {
    /// All variables by name, as this session sees them.
    pub fn session_variables(&self) -> Result<Arc<BTreeMap<Arc<str>, Value>>, SqlError> {
        let connection = self.connection;
        self.engine(|engine| {
            let session = engine.sessions.get_mut(&connection).ok_or_else(error::interrupted)?;
            if let Some((epoch, shown)) = &session.shown_variables
                && *epoch == engine.variable_epoch
            {
                return Ok(shown.clone());
            }
            let (epoch, settings) = (engine.variable_epoch, session.settings());
            engine.shown_variables.retain(|(of, ..)| *of == epoch);
            let mut others = engine.shown_variables.iter();
            if let Some((.., shown)) = others.find(|(_, of, _)| *of == settings) {
                let shown = shown.clone();
                session.shown_variables = Some((epoch, shown.clone()));
                return Ok(shown);
            }
            let mut variables: BTreeMap<Arc<str>, Value> = BTreeMap::new();
            for (name, value) in KEPT {
                let value = value.parse().map_or_else(|_| Value::text(value), Value::Int);
                variables.insert(name.into(), value);
            }
            let flag = |on: bool| Value::Int(i64::from(on));
            let seconds = |duration: Duration| Value::Int(duration.as_secs() as i64);
            let options = &engine.options;
            let own = [
                ("autocommit", flag(session.autocommit)),
                ("foreign_key_checks", flag(session.foreign_key_checks)),
                ("gtid_mode", Value::text("ON")),
                ("gtid_purged", Value::text(&engine.durable.purged.to_string())),
                ("innodb_lock_wait_timeout", seconds(session.lock_wait_timeout)),
                ("lock_wait_timeout", seconds(session.metadata_timeout)),
                ("log_bin", flag(options.log_bin)),
                ("read_only", flag(options.read_only || options.super_read_only)),
                ("server_id", Value::Int(i64::from(options.server_id))),
                ("server_uuid", Value::text(&options.server_uuid.to_string())),
                ("sql_log_bin", Value::Int(1)),
                ("sql_mode", Value::text(SQL_MODE)),
                ("super_read_only", flag(options.super_read_only)),
                ("transaction_isolation", Value::text(session.isolation.name())),
                ("version", Value::text(VERSION)),
                ("version_comment", Value::text("MySQL Community Server - GPL")),
            ];
            variables.extend(own.map(|(name, value)| (name.into(), value)));
            let replication = super::replication::variables(options).into_iter();
            variables.extend(replication.map(|(name, value)| (name.into(), value)));
            variables.extend(session.variables.clone());
            let variables = Arc::new(variables);
            session.shown_variables = Some((epoch, variables.clone()));
            engine.shown_variables.push((epoch, settings, variables.clone()));
            Ok(variables)
        })
    }

    pub async fn set(&self, assignments: &[Assignment]) -> Result<Outcome, SqlError> {
        let mut outcome = Outcome::default();
        for assignment in assignments {
            if let Variable::System { name, .. } = &assignment.variable
                && (name.is("names") || name.is("charset"))
            {
                self.set_names(&assignment.value)?;
                continue;
            }
            let value = match &assignment.value {
                expr if nests_subqueries(expr) || is_called_in(expr) => {
                    Some(self.queried(expr).await?)
                }
                other => self.assigned(other, &mut outcome.warnings)?,
            };
            match &assignment.variable {
                Variable::User(name) => {
                    let value = value.unwrap_or(Value::Null);
                    let name = name.as_str().to_ascii_lowercase();
                    self.session(|session| session.user_variables.insert(name.into(), value))?;
                }
                Variable::System { scope, name } => {
                    let name = name.as_str().to_ascii_lowercase();
                    self.set_system(*scope, &name, value).await?;
                }
            }
        }
        Ok(outcome)
    }

    /// SET NAMES: of it only the collation of literals is felt.
    fn set_names(&self, value: &Expr) -> Result<(), SqlError> {
        let (value, named) = match value {
            Expr::Collate { expr, collation } => (&**expr, Some(collation)),
            value => (value, None),
        };
        let charset = self.assigned(value, &mut Vec::new())?.map(|charset| charset.to_string());
        let collation = match (named, &charset) {
            (Some(name), _) => Collation::by_name(name.as_str()).ok_or_else(|| {
                let message = format!("Unknown collation: '{}'", name.as_str());
                SqlError::new(1273, "HY000", message)
            })?,
            (None, None) => Collation::default(),
            (None, Some(charset)) => Collation::of_charset(charset).ok_or_else(|| {
                SqlError::new(1115, "42000", format!("Unknown character set: '{charset}'"))
            })?,
        };
        if let (Some(_), Some(charset)) = (named, &charset)
            && Collation::of_charset(charset).is_none_or(|own| own.charset() != collation.charset())
        {
            let name = collation.name();
            let message = format!("COLLATION '{name}' is not valid for CHARACTER SET '{charset}'");
            return Err(SqlError::new(1253, "42000", message));
        }
        let value = Value::text(collation.name());
        self.session(|session| {
            session.variables.insert("collation_connection".into(), value);
            session.shown_variables = None;
        })
    }

    /// A bare word is a text here: `set sql_mode = ansi`, `set autocommit = on`.
    fn assigned(
        &self,
        expr: &Expr,
        warnings: &mut Vec<SqlError>,
    ) -> Result<Option<Value>, SqlError> {
        match expr {
            Expr::Default(None) => Ok(None),
            Expr::Column(name) if name.table.is_none() => Ok(Some(Value::text(name.name.as_str()))),
            other => {
                let mut env = self.env()?;
                let program = Program::compile(other, &NoColumns)?;
                let value = program.run(&[], &mut env)?;
                self.keep(&mut env)?;
                warnings.append(&mut env.warnings);
                Ok(Some(kept(value, program.kind())))
            }
        }
    }

    /// The value of an expression that asks tables.
    async fn queried(&self, expr: &Expr) -> Result<Value, SqlError> {
        let Statement::Query(query) = parse(&format!("select {expr}"))? else {
            return Err(SqlError::not_supported("subquery"));
        };
        let outcome = self.query(&query).await?;
        let value = outcome.rows.first().and_then(|row| row.first()).cloned();
        let kind = outcome.columns.first().map(|column| column.kind);
        Ok(match (value, kind) {
            (Some(value), Some(kind)) => kept(value, kind),
            (value, _) => value.unwrap_or(Value::Null),
        })
    }

    async fn set_system(
        &self,
        scope: Option<VariableScope>,
        name: &str,
        value: Option<Value>,
    ) -> Result<(), SqlError> {
        self.engine(|engine| engine.variable_epoch += 1);
        let global = matches!(scope, Some(VariableScope::Global | VariableScope::Persist));
        match name {
            "autocommit" => {
                let on = flag(name, value.as_ref(), true)?;
                let was = self.session(|session| std::mem::replace(&mut session.autocommit, on))?;
                if on && !was {
                    self.commit().await?;
                }
                Ok(())
            }
            "transaction_isolation" | "tx_isolation" => self.set_isolation(scope, name, value),
            "transaction_read_only" => Ok(()),
            "innodb_lock_wait_timeout" => {
                let seconds = seconds(name, value.as_ref(), 50)?;
                self.session(|session| session.lock_wait_timeout = seconds)
            }
            "lock_wait_timeout" => {
                let seconds = seconds(name, value.as_ref(), 31_536_000)?;
                self.session(|session| session.metadata_timeout = seconds)
            }
            "foreign_key_checks" => {
                let on = flag(name, value.as_ref(), true)?;
                self.session(|session| session.foreign_key_checks = on)
            }
            "sql_mode" => self.set_mode(value),
            "sql_log_bin" => {
                let on = flag(name, value.as_ref(), true)?;
                let value = Value::Int(i64::from(on));
                self.session(|session| session.variables.insert(name.into(), value)).map(drop)
            }
            "read_only" | "super_read_only" if !global => Err(error::global_variable(name)),
            "read_only" | "super_read_only"
                if self.session(|session| session.holds_something())? =>
            {
                Err(error::locks_or_transaction())
            }
            "read_only" => {
                let on = flag(name, value.as_ref(), false)?;
                self.engine(|engine| {
                    engine.options.read_only = on;
                    engine.options.super_read_only &= on;
                });
                Ok(())
            }
            "super_read_only" => {
                let on = flag(name, value.as_ref(), false)?;
                self.engine(|engine| {
                    engine.options.super_read_only = on;
                    engine.options.read_only |= on;
                });
                Ok(())
            }
            "gtid_executed" | "server_uuid" | "version" | "log_bin" | "version_comment" => {
                Err(error::read_only_variable(name))
            }
            _ if let Some(set) = self.set_replication(global, name, value.as_ref()) => set,
            _ if KEPT.iter().any(|(kept, _)| *kept == name) => {
                let value = value.unwrap_or(Value::Null);
                self.session(|session| session.variables.insert(name.into(), value)).map(drop)
            }
            _ => Err(error::unknown_variable(name)),
        }
    }

    fn set_isolation(
        &self,
        scope: Option<VariableScope>,
        name: &str,
        value: Option<Value>,
    ) -> Result<(), SqlError> {
        let isolation = match &value {
            None => self.engine(|engine| engine.options.isolation),
            Some(value) => Isolation::by_name(&value.to_string())
                .ok_or_else(|| error::wrong_value_for_variable(name, &value.to_string()))?,
        };
        match scope {
            Some(VariableScope::Global | VariableScope::Persist) => {
                self.engine(|engine| engine.options.isolation = isolation);
                Ok(())
            }
            Some(VariableScope::NextTransaction) => {
                if self.session(|session| session.transaction.is_some())? {
                    return Err(error::transaction_in_progress());
                }
                self.session(|session| session.next_isolation = Some(isolation))
            }
            _ => self.session(|session| session.isolation = isolation),
        }
    }

    fn set_mode(&self, value: Option<Value>) -> Result<(), SqlError> {
        const MODES: [&str; 19] = [
            "ALLOW_INVALID_DATES",
            "ANSI_QUOTES",
            "ERROR_FOR_DIVISION_BY_ZERO",
            "HIGH_NOT_PRECEDENCE",
            "IGNORE_SPACE",
            "NO_AUTO_VALUE_ON_ZERO",
            "NO_BACKSLASH_ESCAPES",
            "NO_DIR_IN_CREATE",
            "NO_ENGINE_SUBSTITUTION",
            "NO_UNSIGNED_SUBTRACTION",
            "NO_ZERO_DATE",
            "NO_ZERO_IN_DATE",
            "ONLY_FULL_GROUP_BY",
            "PAD_CHAR_TO_FULL_LENGTH",
            "PIPES_AS_CONCAT",
            "REAL_AS_FLOAT",
            "STRICT_ALL_TABLES",
            "STRICT_TRANS_TABLES",
            "TIME_TRUNCATE_FRACTIONAL",
        ];
        let text = value.map_or_else(|| SQL_MODE.to_string(), |value| value.to_string());
        let mut modes: Vec<String> = Vec::new();
        for mode in text.split(',').map(str::trim).filter(|mode| !mode.is_empty()) {
            let mode = mode.to_ascii_uppercase();
            match mode.as_str() {
                "TRADITIONAL" => modes.extend(
                    [
                        "STRICT_TRANS_TABLES",
                        "STRICT_ALL_TABLES",
                        "NO_ZERO_IN_DATE",
                        "NO_ZERO_DATE",
                        "ERROR_FOR_DIVISION_BY_ZERO",
                        "NO_ENGINE_SUBSTITUTION",
                    ]
                    .map(String::from),
                ),
                known if MODES.contains(&known) => modes.push(mode),
                _ => return Err(error::wrong_value_for_variable("sql_mode", &mode)),
            }
        }
        let value = Value::text(&modes.join(","));
        self.session(|session| session.variables.insert("sql_mode".into(), value)).map(drop)
    }
}

fn flag(name: &str, value: Option<&Value>, default: bool) -> Result<bool, SqlError> {
    match value {
        None => Ok(default),
        Some(Value::Int(0) | Value::Uint(0)) => Ok(false),
        Some(Value::Int(1) | Value::Uint(1)) => Ok(true),
        Some(Value::Text(text)) if text.eq_ignore_ascii_case("on") => Ok(true),
        Some(Value::Text(text)) if text.eq_ignore_ascii_case("off") => Ok(false),
        Some(other) => Err(error::wrong_value_for_variable(name, &other.to_string())),
    }
}

fn seconds(name: &str, value: Option<&Value>, default: u64) -> Result<Duration, SqlError> {
    match value {
        None => Ok(Duration::from_secs(default)),
        Some(Value::Int(seconds)) => {
            Ok(Duration::from_secs(u64::try_from(*seconds).unwrap_or(0).max(1)))
        }
        Some(Value::Uint(seconds)) => Ok(Duration::from_secs((*seconds).max(1))),
        Some(_) => Err(error::wrong_type_for_variable(name)),
    }
}
