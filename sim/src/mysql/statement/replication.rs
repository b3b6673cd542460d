//! What a server says of its binlog and replication: SHOW BINARY LOGS, SHOW BINARY LOG STATUS,
//! SHOW REPLICA STATUS, FLUSH BINARY LOGS, and the variables of durability and semi-sync.
//!
//! File names and order are MySQL's; positions are estimates ([`crate::mysql::binlog_file`]). SHOW
//! REPLICA STATUS has the columns that say something here: left out are files, positions, filters
//! and TLS.

use std::time::Duration;

use crate::eval::{ColumnKind, Kind};
use crate::mysql::error;
use crate::mysql::execution::Run;
use crate::mysql::options::{FlushLog, Options, WaitPoint};
use crate::mysql::outcome::{Column, Outcome};
use crate::mysql::replica_status::ReplicaStatus;
use crate::sql_error::SqlError;
use crate::value::Value;

use super::session::text_column;

impl Run {
    /// A SHOW that the grammar gives as words; none where they are not of replication.
    pub fn show_replication(&self, words: &str) -> Option<Outcome> {
        let words: Vec<String> = words.split_whitespace().map(str::to_ascii_lowercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["binary", "logs"] => Some(self.show_binary_logs()),
            ["binary", "log", "status"] => Some(self.show_binary_log_status()),
            ["replica", "status"] => {
                let status = self.engine(|engine| engine.replica.clone());
                Some(show_replica_status(status.as_deref()))
            }
            _ => None,
        }
    }

    fn show_binary_logs(&self) -> Outcome {
        let files = self.engine(|engine| engine.durable.files.all().to_vec());
        let columns = vec![text_column("Log_name"), number("File_size"), text_column("Encrypted")];
        let rows = files.iter().map(|file| {
            [Value::text(&file.name()), Value::Uint(file.size), Value::text("No")].into()
        });
        Outcome { columns: columns.into(), rows: rows.collect(), ..Outcome::default() }
    }

    fn show_binary_log_status(&self) -> Outcome {
        let (last, executed) = self.engine(|engine| {
            (engine.durable.files.all().last().copied(), engine.executed.to_string())
        });
        let columns = vec![
            text_column("File"),
            number("Position"),
            text_column("Binlog_Do_DB"),
            text_column("Binlog_Ignore_DB"),
            text_column("Executed_Gtid_Set"),
        ];
        let rows = last.iter().map(|file| {
            let (none, executed) = (Value::text(""), Value::text(&executed));
            [Value::text(&file.name()), Value::Uint(file.size), none.clone(), none, executed].into()
        });
        Outcome { columns: columns.into(), rows: rows.collect(), ..Outcome::default() }
    }

    /// FLUSH BINARY LOGS begins a new file.
    pub fn flush_binary_logs(&self) -> Outcome {
        self.engine(|engine| engine.durable.rotate_binlog());
        Outcome::default()
    }

    /// SET GLOBAL of a variable of replication; none where it is not one.
    pub fn set_replication(
        &self,
        global: bool,
        name: &str,
        value: Option<&Value>,
    ) -> Option<Result<(), SqlError>> {
        if !variables(&Options::defaults()).iter().any(|(own, _)| *own == name) {
            return None;
        }
        if !global {
            return Some(Err(error::global_variable(name)));
        }
        let defaults = variables(&Options::defaults());
        let default = defaults.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value);
        let value = value.cloned().or(default).unwrap_or(Value::Null);
        Some(self.engine(|engine| set(&mut engine.options, name, &value)))
    }
}

/// Name and value of each variable that this file knows.
pub fn variables(options: &Options) -> Vec<(&'static str, Value)> {
    let flag = |on: bool| Value::Int(i64::from(on));
    let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let point = match options.semi_sync.wait_point {
        WaitPoint::AfterSync => "AFTER_SYNC",
        WaitPoint::AfterCommit => "AFTER_COMMIT",
    };
    let timeout = u64::try_from(options.semi_sync.timeout.as_millis()).unwrap_or(u64::MAX);
    vec![
        ("innodb_flush_log_at_trx_commit", number(options.flush_log.number())),
        ("max_binlog_size", number(options.max_binlog_size)),
        ("relay_log_recovery", flag(options.relay_log_recovery)),
        ("replica_net_timeout", number(options.replica_net_timeout.as_secs())),
        ("replica_transaction_retries", number(options.transaction_retries)),
        ("rpl_semi_sync_replica_enabled", flag(options.semi_sync_replica)),
        ("rpl_semi_sync_source_enabled", flag(options.semi_sync.enabled)),
        ("rpl_semi_sync_source_timeout", number(timeout)),
        ("rpl_semi_sync_source_wait_for_replica_count", number(options.semi_sync.replicas.into())),
        ("rpl_semi_sync_source_wait_no_replica", flag(true)),
        ("rpl_semi_sync_source_wait_point", Value::text(point)),
        ("sync_binlog", number(options.sync_binlog)),
        ("sync_relay_log", number(options.sync_relay_log)),
    ]
}

fn set(options: &mut Options, name: &str, value: &Value) -> Result<(), SqlError> {
    let number = match value {
        Value::Int(number) => u64::try_from(*number).unwrap_or(0),
        Value::Uint(number) => *number,
        Value::Text(text) if text.eq_ignore_ascii_case("on") => 1,
        Value::Text(text) if text.eq_ignore_ascii_case("off") => 0,
        Value::Text(text) if name == "rpl_semi_sync_source_wait_point" => {
            options.semi_sync.wait_point = match text.to_ascii_uppercase().as_str() {
                "AFTER_SYNC" => WaitPoint::AfterSync,
                "AFTER_COMMIT" => WaitPoint::AfterCommit,
                _ => return Err(error::wrong_value_for_variable(name, text)),
            };
            return Ok(());
        }
        _ => return Err(error::wrong_type_for_variable(name)),
    };
    match name {
        "innodb_flush_log_at_trx_commit" => {
            // What is above the range is taken as its end, with a warning in MySQL.
            let setting = FlushLog::of_number(number.min(2));
            options.flush_log = setting.unwrap_or(FlushLog::Sync);
        }
        "max_binlog_size" => options.max_binlog_size = number.clamp(4096, 1 << 30),
        "replica_net_timeout" => {
            options.replica_net_timeout = Duration::from_secs(number.clamp(1, 31_536_000));
        }
        "replica_transaction_retries" => options.transaction_retries = number,
        "rpl_semi_sync_replica_enabled" => options.semi_sync_replica = number != 0,
        "rpl_semi_sync_source_enabled" => options.semi_sync.enabled = number != 0,
        "rpl_semi_sync_source_timeout" => {
            options.semi_sync.timeout = Duration::from_millis(number);
        }
        "rpl_semi_sync_source_wait_for_replica_count" => {
            options.semi_sync.replicas = u32::try_from(number.clamp(1, 65_535)).unwrap_or(1);
        }
        "sync_binlog" => options.sync_binlog = number,
        "sync_relay_log" => options.sync_relay_log = number,
        // relay_log_recovery is read-only; without replicas a commit always waits.
        _ => return Err(error::read_only_variable(name)),
    }
    Ok(())
}

fn show_replica_status(status: Option<&ReplicaStatus>) -> Outcome {
    let yes = |on: bool| Value::text(if on { "Yes" } else { "No" });
    let empty = ReplicaStatus::default();
    let shown = status.unwrap_or(&empty);
    let errno = |error: &Option<(u16, String)>| {
        Value::Uint(error.as_ref().map_or(0, |(errno, _)| u64::from(*errno)))
    };
    let text = |error: &Option<(u16, String)>| {
        Value::text(error.as_ref().map_or("", |(_, text)| text.as_str()))
    };
    let source = shown.source.as_deref().unwrap_or("");
    let uuid = shown.source_uuid.map_or_else(String::new, |uuid| uuid.to_string());
    let behind = shown.seconds_behind.map_or(Value::Null, Value::Uint);
    let cells = [
        (text_column("Source_Host"), Value::text(source)),
        (text_column("Replica_IO_Running"), Value::text(shown.io.name())),
        (text_column("Replica_SQL_Running"), yes(shown.sql_running)),
        (number("Last_Errno"), errno(&shown.last_sql_error)),
        (text_column("Last_Error"), text(&shown.last_sql_error)),
        (number("Seconds_Behind_Source"), behind),
        (number("Last_IO_Errno"), errno(&shown.last_io_error)),
        (text_column("Last_IO_Error"), text(&shown.last_io_error)),
        (number("Last_SQL_Errno"), errno(&shown.last_sql_error)),
        (text_column("Last_SQL_Error"), text(&shown.last_sql_error)),
        (text_column("Source_UUID"), Value::text(&uuid)),
        (number("SQL_Delay"), Value::Uint(shown.delay)),
        (text_column("Retrieved_Gtid_Set"), Value::text(&shown.retrieved.to_string())),
        (text_column("Executed_Gtid_Set"), Value::text(&shown.executed.to_string())),
        (number("Auto_Position"), Value::Uint(1)),
    ];
    let (columns, row): (Vec<Column>, Vec<Value>) = cells.into_iter().unzip();
    let rows = shown.source.iter().map(|_| row.clone().into()).collect();
    Outcome { columns: columns.into(), rows, ..Outcome::default() }
}

fn number(name: &str) -> Column {
    Column { kind: ColumnKind::new(Kind::Uint), ..text_column(name) }
}
