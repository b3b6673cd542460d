//! The server's own tables about locks and transactions, as people read them when something hangs:
//! `information_schema.innodb_trx`, `performance_schema.data_locks`, `data_lock_waits` and
//! `metadata_locks`.
//!
//! Columns and notation are MySQL 8.4's: `X,REC_NOT_GAP`, `'ab', 10`, `supremum pseudo-record`;
//! implicit locks are in nobody's list. Where we depart from it: ids are the model's own
//! (`<transaction>:<table>:<index>:<sequence>` for a lock), a thread has its connection's number,
//! and counts are those of the model, which has one page an index. A view is made when a statement
//! opens it; nothing in it is kept.

use super::engine::Engine;
use super::key::Place;
use super::lock::mode::{Mode, Span};
use super::lock::queue::{Entry, Lock};
use super::metadata::{Duration, MetadataMode, is_user_lock};
use super::schema;
use super::session::ConnectionId;
use super::stored::stored;
use super::table::Table;
use super::transaction::{Isolation, Transaction, TrxId};
use crate::collation::Collation;
use crate::sql::ast::ColumnType;
use crate::value::{Row, Value};

/// A system table's shape and what it shows now.
pub struct SystemView {
    pub schema: schema::Table,
    pub rows: Vec<Row>,
}

enum Type {
    Uint,
    Int,
    Text,
    Time,
}

use Type::{Int, Text, Time, Uint};

type Columns = &'static [(&'static str, Type)];

const INNODB_TRX: Columns = &[
    ("trx_id", Uint),
    ("trx_state", Text),
    ("trx_started", Time),
    ("trx_requested_lock_id", Text),
    ("trx_wait_started", Time),
    ("trx_weight", Uint),
    ("trx_mysql_thread_id", Uint),
    ("trx_query", Text),
    ("trx_operation_state", Text),
    ("trx_tables_in_use", Uint),
    ("trx_tables_locked", Uint),
    ("trx_lock_structs", Uint),
    ("trx_lock_memory_bytes", Uint),
    ("trx_rows_locked", Uint),
    ("trx_rows_modified", Uint),
    ("trx_concurrency_tickets", Uint),
    ("trx_isolation_level", Text),
    ("trx_unique_checks", Int),
    ("trx_foreign_key_checks", Int),
    ("trx_last_foreign_key_error", Text),
    ("trx_adaptive_hash_latched", Int),
    ("trx_adaptive_hash_timeout", Uint),
    ("trx_is_read_only", Int),
    ("trx_autocommit_non_locking", Int),
    ("trx_schedule_weight", Uint),
];

const DATA_LOCKS: Columns = &[
    ("ENGINE", Text),
    ("ENGINE_LOCK_ID", Text),
    ("ENGINE_TRANSACTION_ID", Uint),
    ("THREAD_ID", Uint),
    ("EVENT_ID", Uint),
    ("OBJECT_SCHEMA", Text),
    ("OBJECT_NAME", Text),
    ("PARTITION_NAME", Text),
    ("SUBPARTITION_NAME", Text),
    ("INDEX_NAME", Text),
    ("OBJECT_INSTANCE_BEGIN", Uint),
    ("LOCK_TYPE", Text),
    ("LOCK_MODE", Text),
    ("LOCK_STATUS", Text),
    ("LOCK_DATA", Text),
];

const DATA_LOCK_WAITS: Columns = &[
    ("ENGINE", Text),
    ("REQUESTING_ENGINE_LOCK_ID", Text),
    ("REQUESTING_ENGINE_TRANSACTION_ID", Uint),
    ("REQUESTING_THREAD_ID", Uint),
    ("REQUESTING_EVENT_ID", Uint),
    ("REQUESTING_OBJECT_INSTANCE_BEGIN", Uint),
    ("BLOCKING_ENGINE_LOCK_ID", Text),
    ("BLOCKING_ENGINE_TRANSACTION_ID", Uint),
    ("BLOCKING_THREAD_ID", Uint),
    ("BLOCKING_EVENT_ID", Uint),
    ("BLOCKING_OBJECT_INSTANCE_BEGIN", Uint),
];

const METADATA_LOCKS: Columns = &[
    ("OBJECT_TYPE", Text),
    ("OBJECT_SCHEMA", Text),
    ("OBJECT_NAME", Text),
    ("COLUMN_NAME", Text),
    ("OBJECT_INSTANCE_BEGIN", Uint),
    ("LOCK_TYPE", Text),
    ("LOCK_DURATION", Text),
    ("LOCK_STATUS", Text),
    ("SOURCE", Text),
    ("OWNER_THREAD_ID", Uint),
    ("OWNER_EVENT_ID", Uint),
];

/// Are the database's tables the server's own?
pub fn is_system_database(name: &str) -> bool {
    ["information_schema", "performance_schema"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// The view of this name; none where it is not modelled.
pub fn system_view(engine: &Engine, database: &str, name: &str) -> Option<SystemView> {
    let (database, name) = (database.to_ascii_lowercase(), name.to_ascii_lowercase());
    let (columns, rows) = match (&*database, &*name) {
        ("information_schema", "innodb_trx") => (INNODB_TRX, innodb_trx(engine)),
        ("performance_schema", "data_locks") => (DATA_LOCKS, data_locks(engine)),
        ("performance_schema", "data_lock_waits") => (DATA_LOCK_WAITS, data_lock_waits(engine)),
        ("performance_schema", "metadata_locks") => (METADATA_LOCKS, metadata_locks(engine)),
        _ => return None,
    };
    let schema = schema::Table {
        database: database.into(),
        name: name.into(),
        columns: columns.iter().map(|(name, ty)| column(name, ty)).collect(),
        indexes: Vec::new(),
        constraints: Vec::new(),
        comment: None,
        collation: Collation::default(),
    };
    Some(SystemView { schema, rows: rows.into_iter().map(Row::from).collect() })
}

fn column(name: &str, ty: &Type) -> schema::Column {
    let (ty, unsigned) = match ty {
        Uint => ("bigint", true),
        Int => ("int", false),
        Text => ("varchar", false),
        Time => ("datetime", false),
    };
    schema::Column {
        name: name.into(),
        ty: ColumnType {
            name: ty.into(),
            length: None,
            scale: None,
            unsigned,
            zerofill: false,
            charset: None,
            collation: None,
            values: Vec::new(),
        },
        collation: Collation::default(),
        not_null: false,
        default: None,
        on_update: None,
        auto_increment: false,
        comment: None,
        no_default: false,
        invisible: false,
        generated: None,
    }
}

// ---------------------------------------------------------------- transactions

fn innodb_trx(engine: &Engine) -> Vec<Vec<Value>> {
    let entered = engine.transactions.values().filter(|trx| trx.entered_engine);
    entered.map(|transaction| trx_row(engine, transaction)).collect()
}

fn trx_row(engine: &Engine, transaction: &Transaction) -> Vec<Value> {
    let session = engine.sessions.get(&transaction.connection);
    let running = session.and_then(|session| session.running.as_ref());
    let wait = engine.locks.wait_of(transaction.id);
    let own = |entry: &Entry| entry.lock.trx == transaction.id;
    let rows_locked = engine.locks.report().filter(own).count();
    let structs = engine.lock_structs(transaction.id);
    let modified = transaction.undo.len();
    let flag = |flag: bool| Value::Int(i64::from(flag));
    let variable_on = |name: &str| {
        let set = session.and_then(|session| session.variables.get(name));
        flag(set != Some(&Value::Int(0)))
    };
    vec![
        Value::Uint(transaction.id.0),
        Value::text(if wait.is_some() { "LOCK WAIT" } else { "RUNNING" }),
        time(transaction.started),
        wait.as_ref().map_or(Value::Null, |wait| Value::text(&lock_id(wait))),
        match (&wait, running) {
            (Some(_), Some(running)) => time(running.since),
            _ => Value::Null,
        },
        Value::Uint((structs + modified) as u64),
        Value::Uint(transaction.connection.0),
        running.map_or(Value::Null, |running| Value::text(&running.text())),
        match &wait {
            Some(wait) if wait.lock.span == Span::InsertIntention => Value::text("inserting"),
            Some(_) => Value::text("starting index read"),
            None => Value::Null,
        },
        Value::Uint(u64::from(wait.is_some())),
        Value::Uint(transaction.locked_tables().count() as u64),
        Value::Uint(structs as u64),
        Value::Uint(1128),
        Value::Uint(rows_locked as u64),
        Value::Uint(modified as u64),
        Value::Uint(0),
        Value::text(match transaction.isolation {
            Isolation::ReadUncommitted => "READ UNCOMMITTED",
            Isolation::ReadCommitted => "READ COMMITTED",
            Isolation::RepeatableRead => "REPEATABLE READ",
            Isolation::Serializable => "SERIALIZABLE",
        }),
        variable_on("unique_checks"),
        flag(session.is_none_or(|session| session.foreign_key_checks)),
        Value::Null,
        Value::Int(0),
        Value::Uint(0),
        flag(transaction.read_only),
        Value::Int(0),
        wait.map_or(Value::Null, |_| Value::Uint(engine.locks.weight(transaction.id) as u64)),
    ]
}

fn time(at: jiff::Timestamp) -> Value {
    let at = jiff::tz::TimeZone::UTC.to_datetime(at);
    Value::DateTime(at.with().subsec_nanosecond(0).build().unwrap_or(at))
}

// ---------------------------------------------------------------- row locks

fn data_locks(engine: &Engine) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for transaction in engine.transactions.values() {
        for (table, mode) in transaction.locked_tables() {
            let Some(table_data) = engine.tables.get(&table) else { continue };
            let mode = if mode == Mode::X { "IX" } else { "IS" };
            let id = format!("{}:{}:{mode}", transaction.id, table.0);
            let place = (None, "TABLE", mode.to_string(), false, Value::Null);
            rows.push(lock_row(transaction, table_data, &id, place));
        }
        for entry in engine.locks.report().filter(|entry| entry.lock.trx == transaction.id) {
            let Some(table) = engine.tables.get(&entry.index.table) else { continue };
            let at = entry.index.index as usize;
            let name = Some(&*table.schema.indexes[at].name);
            let mode = mode_name(entry.lock, entry.place);
            let data = Value::text(&lock_data(table, at, entry.place));
            let place = (name, "RECORD", mode, entry.lock.waiting, data);
            rows.push(lock_row(transaction, table, &lock_id(&entry), place));
        }
    }
    rows
}

fn lock_row(
    transaction: &Transaction,
    table: &Table,
    id: &str,
    (index, kind, mode, waiting, data): (Option<&str>, &str, String, bool, Value),
) -> Vec<Value> {
    vec![
        Value::text("INNODB"),
        Value::text(id),
        Value::Uint(transaction.id.0),
        Value::Uint(transaction.connection.0),
        Value::Null,
        Value::text(&table.schema.database),
        Value::text(&table.schema.name),
        Value::Null,
        Value::Null,
        index.map_or(Value::Null, Value::text),
        Value::Uint(0),
        Value::text(kind),
        Value::text(&mode),
        Value::text(if waiting { "WAITING" } else { "GRANTED" }),
        data,
    ]
}

fn data_lock_waits(engine: &Engine) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for transaction in engine.transactions.values() {
        let Some(wait) = engine.locks.wait_of(transaction.id) else { continue };
        for blocker in engine.locks.blocking_locks(transaction.id) {
            let connection = |trx: TrxId| {
                let connection = engine.transactions.get(&trx).map(|t| t.connection);
                connection.map_or(Value::Null, |ConnectionId(id)| Value::Uint(id))
            };
            rows.push(vec![
                Value::text("INNODB"),
                Value::text(&lock_id(&wait)),
                Value::Uint(transaction.id.0),
                Value::Uint(transaction.connection.0),
                Value::Null,
                Value::Uint(0),
                Value::text(&lock_id(&blocker)),
                Value::Uint(blocker.lock.trx.0),
                connection(blocker.lock.trx),
                Value::Null,
                Value::Uint(0),
            ]);
        }
    }
    rows
}

fn lock_id(entry: &Entry) -> String {
    let (index, lock) = (entry.index, entry.lock);
    format!("{}:{}:{}:{}", lock.trx, index.table.0, index.index, lock.sequence)
}

/// InnoDB's words for a record lock. Next-key is the mode alone, as is a lock on the supremum.
fn mode_name(lock: &Lock, place: &Place) -> String {
    let mode = if lock.mode == Mode::X { "X" } else { "S" };
    let span = match lock.span {
        Span::InsertIntention if place.is_supremum() => ",INSERT_INTENTION",
        Span::InsertIntention => ",GAP,INSERT_INTENTION",
        _ if place.is_supremum() => "",
        Span::NextKey => "",
        Span::Record => ",REC_NOT_GAP",
        Span::Gap => ",GAP",
    };
    format!("{mode}{span}")
}

/// The locked record's key as data_locks spells it: numbers bare, texts quoted, everything else as
/// the bytes that InnoDB stores.
fn lock_data(table: &Table, index: usize, place: &Place) -> String {
    let Place::Record(key) = place else { return "supremum pseudo-record".to_string() };
    if let Some(parts) = table.parts_of(index, key) {
        let texts: Vec<String> = parts
            .iter()
            .map(|(part, value)| stored(&table.schema.columns[part.column].ty, part.length, value))
            .collect();
        if !texts.is_empty() {
            let row_id = table.row_id_of(index, key).map(|id| format!("0x{id:012X}"));
            return texts.into_iter().chain(row_id).collect::<Vec<_>>().join(", ");
        }
    }
    format!("0x{:012X}", key.row_id())
}

// ---------------------------------------------------------------- metadata locks

fn metadata_locks(engine: &Engine) -> Vec<Vec<Value>> {
    let report = engine.metadata.report();
    report
        .map(|(table, owner, mode, duration, waiting)| {
            let (kind, schema) = match is_user_lock(table) {
                true => ("USER LEVEL LOCK", Value::Null),
                false => ("TABLE", Value::text(&table.0)),
            };
            vec![
                Value::text(kind),
                schema,
                Value::text(&table.1),
                Value::Null,
                Value::Uint(0),
                Value::text(match mode {
                    MetadataMode::Read => "SHARED_READ",
                    MetadataMode::Write => "SHARED_WRITE",
                    MetadataMode::Upgradable => "SHARED_UPGRADABLE",
                    MetadataMode::ReadOnly => "SHARED_READ_ONLY",
                    MetadataMode::NoWrite => "SHARED_NO_WRITE",
                    MetadataMode::NoReadWrite => "SHARED_NO_READ_WRITE",
                    MetadataMode::Exclusive => "EXCLUSIVE",
                }),
                // LOCK TABLES holds its locks like a transaction, until UNLOCK TABLES.
                Value::text(match duration {
                    Duration::Transaction | Duration::Explicit => "TRANSACTION",
                    Duration::User => "EXPLICIT",
                }),
                Value::text(if waiting { "PENDING" } else { "GRANTED" }),
                Value::Null,
                Value::Uint(owner.0),
                Value::Null,
            ]
        })
        .collect()
}
