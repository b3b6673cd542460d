//! SET: what becomes of each variable.
//!
//! ```text
//!   @x                    kept by the session, filled in where a statement uses it
//!   autocommit ..         means something to vtgate itself
//!   sql_mode ..           a setting: a shard is asked whether it changes anything; if so, every
//!                         connection that the session uses is brought to have it
//!   character_set_client  a shard is asked, and the answer does not matter
//!   long_query_time ..    nothing
//! ```
//!
//! Vitess sets some variables by a hint in each query where it can; here all are settings, as with
//! `--enable_set_var=false`. What a variable of vtgate's own would do that is not modelled is an
//! error. See `engine/set.go`.

use std::sync::Arc;

use sim::mysql::outcome::Outcome;
use sim::sql::ast::Statement;
use sim::value::{Binds, Row, Value};

use super::executor::{Run, unsupported};
use super::session::TransactionMode;
use crate::key::Code;
use crate::planner::primitive::{Keyspace, Plan, Primitive, QueryType, Send};
use crate::planner::utility::{Set, SetOperation, SetValue};
use crate::rpc::{Status, Workload};

impl Run {
    pub(super) async fn set(&self, set: &Set, binds: &Arc<Binds>) -> Result<Outcome, Status> {
        let input = self.primitive(&set.input, binds).await?;
        let [row] = &input.rows[..] else {
            return Err(Status::new(Code::FailedPrecondition, "should get a single row"));
        };
        for operation in &set.operations {
            self.set_one(operation, row, binds).await?;
        }
        Ok(Outcome::default())
    }

    async fn set_one(
        &self,
        operation: &SetOperation,
        row: &Row,
        binds: &Arc<Binds>,
    ) -> Result<(), Status> {
        match operation {
            SetOperation::UserVariable { name, value } => {
                let value = self.set_value(value, row, binds)?;
                self.session.borrow_mut().user_variables.insert(Arc::clone(name), value);
                Ok(())
            }
            SetOperation::Aware { name, value } => {
                let value = self.set_value(value, row, binds)?;
                self.set_aware(name, value).await
            }
            SetOperation::Reserved { name, keyspace, destination: None, text, .. } => {
                self.set_setting(name, keyspace, text).await
            }
            // With a shard as its target, a session sets what is there.
            SetOperation::Reserved {
                name, keyspace, destination: Some(destination), text, ..
            } => {
                let sql = format!("set @@{name} = {text}");
                self.ask(keyspace, destination, &sql).await.map(|_| ())
            }
            SetOperation::CheckAndIgnore { name, keyspace, destination, text } => {
                let sql = format!("select 1 from dual where @@{name} = {text}");
                let _ = self.ask(keyspace, destination, &sql).await;
                Ok(())
            }
            SetOperation::Ignore { .. } => Ok(()),
            SetOperation::Metadata { name, .. } => {
                Err(unsupported(format!("vitess_metadata variable: {name}")))
            }
        }
    }

    fn set_value(&self, value: &SetValue, row: &Row, binds: &Binds) -> Result<Value, Status> {
        match value {
            SetValue::Here(expr) => self.evaluate(expr, binds),
            SetValue::Column(at) => Ok(row.get(*at).cloned().unwrap_or(Value::Null)),
        }
    }

    /// Runs a statement at a destination, as a plan of its own.
    async fn ask(
        &self,
        keyspace: &Keyspace,
        destination: &str,
        sql: &str,
    ) -> Result<Outcome, Status> {
        let parsed = sim::sql::parse(sql)
            .map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))?;
        let send = Send {
            keyspace: keyspace.clone(),
            destination: destination.to_owned(),
            query: Arc::new(parsed),
            is_dml: false,
            single_shard_only: true,
            shard_name_needed: false,
            rename: Vec::new(),
        };
        let plan = Plan {
            query_type: QueryType::Set,
            original: sql.to_owned(),
            root: Some(Primitive::Send(send)),
            tables_used: Vec::new(),
            variables: Default::default(),
            aliases: Vec::new(),
        };
        Box::pin(self.execute_plan(&plan, &Arc::default())).await
    }

    // ------------------------------------------------------------ settings

    /// A setting that a server already has is none.
    async fn set_setting(
        &self,
        name: &Arc<str>,
        keyspace: &Keyspace,
        text: &str,
    ) -> Result<(), Status> {
        let is_mode = &**name == "sql_mode";
        let sql = match is_mode {
            true => format!("select @@{name} orig, {text} new"),
            false => format!("select {text} from dual where @@{name} != {text}"),
        };
        let answer = self.ask(keyspace, "KeyspaceID(00)", &sql).await?;
        let Some(row) = answer.rows.first() else { return Ok(()) };
        let value = match is_mode {
            false => row.first().cloned(),
            true => changed_mode(row)?,
        };
        let Some(value) = value else { return Ok(()) };
        let value = literal(&value);
        let set = {
            let mut session = self.session.borrow_mut();
            session.settings.insert(Arc::clone(name), value);
            let all: Vec<String> =
                session.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            let set = statement(&format!("set {}", all.join(", ")))?;
            session.setting = Some(set);
            statement(&format!("set @@{name} = {text}"))?
        };
        self.on_all_shards(&set).await
    }

    // ------------------------------------------------------------ vtgate's own

    async fn set_aware(&self, name: &Arc<str>, value: Value) -> Result<(), Status> {
        match &**name {
            "autocommit" => return self.set_autocommit(boolean(name, &value)?).await,
            "transaction_mode" => return self.set_transaction_mode(&text(name, &value)?),
            "client_found_rows" | "skip_query_plan_cache" | "enable_system_settings" => {
                let on = Value::Int(i64::from(boolean(name, &value)?));
                self.session.borrow_mut().aware.insert(Arc::clone(name), on);
                return Ok(());
            }
            // Vitess does nothing with them.
            "transaction_read_only" | "tx_read_only" => return boolean(name, &value).map(|_| ()),
            "sql_select_limit" | "query_timeout" | "transaction_timeout" => {
                integer(name, &value)?;
            }
            "charset" | "names" => check_charset(&text(name, &value)?)?,
            "session_track_gtids" => check_tracking(&text(name, &value)?)?,
            "workload" => return self.set_workload(&text(name, &value)?),
            "ddl_strategy" => check_strategy(&text(name, &value)?)?,
            "migration_context" | "session_uuid" => {
                text(name, &value)?;
            }
            other => return Err(unsupported(format!("system setting: {other}"))),
        }
        self.session.borrow_mut().aware.insert(Arc::clone(name), value);
        Ok(())
    }

    async fn set_autocommit(&self, on: bool) -> Result<(), Status> {
        if on && self.session.borrow().in_transaction {
            self.commit().await?;
        }
        self.session.borrow_mut().autocommit = on;
        Ok(())
    }

    fn set_workload(&self, name: &str) -> Result<(), Status> {
        let known = Workload::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name));
        let Some(workload) = known else {
            return Err(wrong_value(format!("invalid workload: {name}")));
        };
        self.session.borrow_mut().workload = workload;
        Ok(())
    }

    fn set_transaction_mode(&self, mode: &str) -> Result<(), Status> {
        let mode = match mode.to_ascii_lowercase().as_str() {
            "single" => TransactionMode::Single,
            "multi" | "unspecified" => TransactionMode::Multi,
            "twopc" => TransactionMode::TwoPc,
            _ => return Err(wrong_value(format!("invalid transaction_mode: {mode}"))),
        };
        self.session.borrow_mut().mode = mode;
        Ok(())
    }
}

fn statement(sql: &str) -> Result<Arc<Statement>, Status> {
    let parsed = sim::sql::parse(sql);
    parsed.map(Arc::new).map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))
}

/// The new mode, if it is another one: modes are compared as sets.
fn changed_mode(row: &Row) -> Result<Option<Value>, Status> {
    const REFUSED: [&str; 4] =
        ["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "REAL_AS_FLOAT"];
    let modes = |value: Option<&Value>| -> std::collections::BTreeSet<String> {
        let text = value.map(Value::to_string).unwrap_or_default().to_ascii_uppercase();
        text.split(',').map(str::to_owned).collect()
    };
    let (old, new) = (modes(row.first()), modes(row.get(1)));
    if old == new {
        return Ok(None);
    }
    if let Some(mode) = new.iter().find(|mode| REFUSED.contains(&mode.as_str())) {
        let text = format!("setting the {mode} sql_mode is unsupported");
        return Err(Status::new(Code::Unimplemented, text));
    }
    Ok(row.get(1).cloned())
}

/// A value as SQL.
fn literal(value: &Value) -> String {
    match value {
        Value::Text(_) | Value::Bytes(_) => {
            format!("'{}'", value.to_string().replace('\\', "\\\\").replace('\'', "\\'"))
        }
        other => other.to_string(),
    }
}

// ---------------------------------------------------------------- values

/// Vitess's name of a value's type.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_TYPE",
        Value::Int(_) => "INT64",
        Value::Uint(_) => "UINT64",
        Value::Decimal(_) => "DECIMAL",
        Value::Float(_) => "FLOAT64",
        Value::Text(_) => "VARCHAR",
        Value::Bytes(_) => "VARBINARY",
        Value::Date(_) => "DATE",
        Value::DateTime(_) => "DATETIME",
        Value::Time(_) => "TIME",
    }
}

fn wrong_type(name: &str, value: &Value) -> Status {
    let text = format!("incorrect argument type to variable '{name}': {}", type_name(value));
    Status::new(Code::InvalidArgument, text)
}

fn wrong_value(text: String) -> Status {
    Status::new(Code::InvalidArgument, text)
}

fn text(name: &str, value: &Value) -> Result<String, Status> {
    match value {
        Value::Text(_) | Value::Bytes(_) => Ok(value.to_string()),
        other => Err(wrong_type(name, other)),
    }
}

fn integer(name: &str, value: &Value) -> Result<i64, Status> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Uint(number) => i64::try_from(*number).map_err(|_| wrong_type(name, value)),
        other => Err(wrong_type(name, other)),
    }
}

fn boolean(name: &str, value: &Value) -> Result<bool, Status> {
    match value {
        Value::Int(0) | Value::Uint(0) => Ok(false),
        Value::Int(1) | Value::Uint(1) => Ok(true),
        Value::Int(number) => Err(no_boolean(name, &format!("{number} is not a boolean"))),
        other => {
            let text = other.to_string();
            match text.to_ascii_lowercase().as_str() {
                "on" | "true" | "1" => Ok(true),
                "off" | "false" | "0" => Ok(false),
                _ => Err(no_boolean(name, &format!("'{text}' is not a boolean"))),
            }
        }
    }
}

fn no_boolean(name: &str, why: &str) -> Status {
    wrong_value(format!("variable '{name}' can't be set to the value: {why}"))
}

fn check_charset(name: &str) -> Result<(), Status> {
    match name.to_ascii_lowercase().as_str() {
        "" | "utf8" | "utf8mb4" | "latin1" | "default" => Ok(()),
        _ => {
            let text = format!("charset/name {name} is not supported");
            Err(Status::new(Code::Unimplemented, text))
        }
    }
}

fn check_tracking(what: &str) -> Result<(), Status> {
    match what.to_ascii_lowercase().as_str() {
        "off" => Ok(()),
        "own_gtid" => Err(unsupported("session_track_gtids own_gtid")),
        _ => Err(wrong_value(format!(
            "variable 'session_track_gtids' can't be set to the value of '{what}'"
        ))),
    }
}

fn check_strategy(name: &str) -> Result<(), Status> {
    match name.to_ascii_lowercase().as_str() {
        "" | "direct" => Ok(()),
        "vitess" | "online" | "mysql" => Err(unsupported(format!("ddl_strategy {name}"))),
        _ => Err(wrong_value(format!("invalid DDL strategy: {name}"))),
    }
}
