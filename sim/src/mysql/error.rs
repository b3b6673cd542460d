//! The errors of the server that statements run into, as MySQL 8.4 words them.

use std::fmt;

use crate::sql_error::SqlError;

fn error(errno: u16, state: &'static str, message: impl Into<String>) -> SqlError {
    SqlError::new(errno, state, message)
}

pub fn database_exists(name: &str) -> SqlError {
    error(1007, "HY000", format!("Can't create database '{name}'; database exists"))
}

pub fn database_missing(name: &str) -> SqlError {
    error(1008, "HY000", format!("Can't drop database '{name}'; database doesn't exist"))
}

pub fn no_database() -> SqlError {
    error(1046, "3D000", "No database selected")
}

pub fn unknown_database(name: &str) -> SqlError {
    error(1049, "42000", format!("Unknown database '{name}'"))
}

pub fn table_exists(name: &str) -> SqlError {
    error(1050, "42S01", format!("Table '{name}' already exists"))
}

/// DROP TABLE names every missing one.
pub fn unknown_table(names: &str) -> SqlError {
    error(1051, "42S02", format!("Unknown table '{names}'"))
}

pub fn ambiguous_column(column: &str, clause: &str) -> SqlError {
    error(1052, "23000", format!("Column '{column}' in {clause} is ambiguous"))
}

pub fn duplicate_column(name: &str) -> SqlError {
    error(1060, "42S21", format!("Duplicate column name '{name}'"))
}

pub fn duplicate_key_name(name: &str) -> SqlError {
    error(1061, "42000", format!("Duplicate key name '{name}'"))
}

pub fn duplicate_entry(entry: &str, table: &str, key: &str) -> SqlError {
    error(1062, "23000", format!("Duplicate entry '{entry}' for key '{table}.{key}'"))
}

pub fn not_unique_table(alias: &str) -> SqlError {
    error(1066, "42000", format!("Not unique table/alias: '{alias}'"))
}

pub fn invalid_default(column: &str) -> SqlError {
    error(1067, "42000", format!("Invalid default value for '{column}'"))
}

pub fn no_default_allowed(column: &str) -> SqlError {
    let message =
        format!("BLOB, TEXT, GEOMETRY or JSON column '{column}' can't have a default value");
    error(1101, "42000", message)
}

pub fn too_long_column(column: &str, max: u32) -> SqlError {
    let message = format!(
        "Column length too big for column '{column}' (max = {max}); use BLOB or TEXT instead"
    );
    error(1074, "42000", message)
}

pub fn too_precise(precision: u32, column: &str, max: u32) -> SqlError {
    let message =
        format!("Too-big precision {precision} specified for '{column}'. Maximum is {max}.");
    error(1426, "42000", message)
}

pub fn more_scale_than_digits(column: &str) -> SqlError {
    let message =
        format!("For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '{column}').");
    error(1427, "42000", message)
}

pub fn blob_key(column: &str) -> SqlError {
    let message =
        format!("BLOB/TEXT column '{column}' used in key specification without a key length");
    error(1170, "42000", message)
}

pub fn wrong_prefix_key() -> SqlError {
    let message = "Incorrect prefix key; the used key part isn't a string, the used length is \
                   longer than the key part, or the storage engine doesn't support unique prefix \
                   keys";
    error(1089, "HY000", message)
}

pub fn key_too_long() -> SqlError {
    error(1071, "42000", "Specified key was too long; max key length is 3072 bytes")
}

pub fn invalid_null() -> SqlError {
    error(1138, "22004", "Invalid use of NULL value")
}

pub fn nullable_primary_key() -> SqlError {
    let message = "All parts of a PRIMARY KEY must be NOT NULL; if you need NULL in a key, use UNIQUE instead";
    SqlError::new(1171, "42000", message)
}

pub fn multiple_primary_keys() -> SqlError {
    error(1068, "42000", "Multiple primary key defined")
}

pub fn key_column_missing(name: &str) -> SqlError {
    error(1072, "42000", format!("Key column '{name}' doesn't exist in table"))
}

pub fn wrong_auto_key() -> SqlError {
    let message = "Incorrect table definition; there can be only one auto column and it must be defined as a key";
    error(1075, "42000", message)
}

pub fn last_column() -> SqlError {
    let message = "You can't delete all columns with ALTER TABLE; use DROP TABLE instead";
    error(1090, "42000", message)
}

pub fn cannot_drop(name: &str) -> SqlError {
    error(1091, "42000", format!("Can't DROP '{name}'; check that column/key exists"))
}

/// The target of a change is read in a subquery of it.
pub fn target_is_read(table: &str) -> SqlError {
    let message = format!("You can't specify target table '{table}' for update in FROM clause");
    error(1093, "HY000", message)
}

pub fn unknown_table_in(table: &str, place: &str) -> SqlError {
    error(1109, "42S02", format!("Unknown table '{table}' in {place}"))
}

pub fn incorrect_usage(one: &str, other: &str) -> SqlError {
    error(1221, "HY000", format!("Incorrect usage of {one} and {other}"))
}

pub fn not_updatable(table: &str, statement: &str) -> SqlError {
    let message = format!("The target table {table} of the {statement} is not updatable");
    error(1288, "HY000", message)
}

pub fn unknown_thread(id: impl fmt::Display) -> SqlError {
    error(1094, "HY000", format!("Unknown thread id: {id}"))
}

pub fn locked_for_read(table: &str) -> SqlError {
    let message = format!("Table '{table}' was locked with a READ lock and can't be updated");
    error(1099, "HY000", message)
}

pub fn not_locked(table: &str) -> SqlError {
    error(1100, "HY000", format!("Table '{table}' was not locked with LOCK TABLES"))
}

pub fn specified_twice(column: &str) -> SqlError {
    error(1110, "42000", format!("Column '{column}' specified twice"))
}

pub fn no_columns() -> SqlError {
    error(1113, "42000", "A table must have at least 1 column")
}

pub fn value_count(row: usize) -> SqlError {
    error(1136, "21S01", format!("Column count doesn't match value count at row {row}"))
}

pub fn key_missing(key: &str, table: &str) -> SqlError {
    error(1176, "42000", format!("Key '{key}' doesn't exist in table '{table}'"))
}

pub fn no_such_table(database: &str, table: &str) -> SqlError {
    error(1146, "42S02", format!("Table '{database}.{table}' doesn't exist"))
}

pub fn unknown_variable(name: &str) -> SqlError {
    error(1193, "HY000", format!("Unknown system variable '{name}'"))
}

pub fn lock_wait_timeout() -> SqlError {
    error(1205, "HY000", "Lock wait timeout exceeded; try restarting transaction")
}

pub fn definition_changed() -> SqlError {
    error(1412, "HY000", "Table definition has changed, please retry transaction")
}

pub fn deadlock() -> SqlError {
    error(1213, "40001", "Deadlock found when trying to get lock; try restarting transaction")
}

pub fn user_lock_deadlock() -> SqlError {
    let text = "Deadlock found when trying to get user-level lock; try rolling back \
                transaction/releasing locks and restarting lock acquisition.";
    error(3058, "HY000", text)
}

pub fn wrong_value_for_variable(name: &str, value: &str) -> SqlError {
    error(1231, "42000", format!("Variable '{name}' can't be set to the value of '{value}'"))
}

pub fn wrong_type_for_variable(name: &str) -> SqlError {
    error(1232, "42000", format!("Incorrect argument type to variable '{name}'"))
}

pub fn global_variable(name: &str) -> SqlError {
    let message =
        format!("Variable '{name}' is a GLOBAL variable and should be set with SET GLOBAL");
    error(1229, "HY000", message)
}

pub fn read_only_variable(name: &str) -> SqlError {
    error(1238, "HY000", format!("Variable '{name}' is a read only variable"))
}

pub fn wrong_arguments(to: &str) -> SqlError {
    error(1210, "HY000", format!("Incorrect arguments to {to}"))
}

pub fn not_preparable() -> SqlError {
    error(1295, "HY000", "This command is not supported in the prepared statement protocol yet")
}

pub fn unknown_statement(name: &str, to: &str) -> SqlError {
    let message = format!("Unknown prepared statement handler ({name}) given to {to}");
    error(1243, "HY000", message)
}

pub fn locks_or_transaction() -> SqlError {
    let message = "Can't execute the given command because you have active locked tables or an \
                   active transaction";
    error(1192, "HY000", message)
}

/// `option` is `--read-only` or `--super-read-only`.
pub fn read_only_server(option: &str) -> SqlError {
    let message = format!(
        "The MySQL server is running with the {option} option so it cannot execute this statement"
    );
    error(1290, "HY000", message)
}

pub fn constraint_missing(name: &str) -> SqlError {
    error(3940, "HY000", format!("Constraint '{name}' does not exist."))
}

pub fn no_savepoint(name: &str) -> SqlError {
    error(1305, "42000", format!("SAVEPOINT {name} does not exist"))
}

pub fn interrupted() -> SqlError {
    error(1317, "70100", "Query execution was interrupted")
}

/// What a client says whose connection is closed, by KILL CONNECTION say: the server answers
/// nothing.
pub fn connection_lost() -> SqlError {
    error(LOST_CONNECTION, "HY000", "Lost connection to MySQL server during query")
}

/// The errno of `connection_lost`.
pub const LOST_CONNECTION: u16 = 2013;

pub fn no_default(column: &str) -> SqlError {
    error(1364, "HY000", format!("Field '{column}' doesn't have a default value"))
}

pub fn transaction_in_progress() -> SqlError {
    let message = "Transaction characteristics can't be changed while a transaction is in progress";
    error(1568, "25001", message)
}

pub fn read_only_transaction() -> SqlError {
    error(1792, "25006", "Cannot execute statement in a READ ONLY transaction.")
}

pub fn position_purged() -> SqlError {
    let message = "Cannot replicate because the source purged required binary logs. Replicate \
                   the missing transactions from elsewhere, or provision a new replica from backup.";
    error(1236, "HY000", message)
}

/// PURGE BINARY LOGS TO a file that is none.
pub fn no_such_log() -> SqlError {
    error(1373, "HY000", "Target log not found in binlog index")
}

pub fn not_a_replica() -> SqlError {
    let message = "The server is not configured as replica; fix in config file or with CHANGE \
                   REPLICATION SOURCE TO";
    error(1200, "HY000", message)
}

/// A replicated change finds no row to change.
pub fn row_not_found(table: &str) -> SqlError {
    error(1032, "HY000", format!("Can't find record in '{table}'"))
}

pub fn lock_nowait() -> SqlError {
    let message =
        "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set.";
    error(3572, "HY000", message)
}

/// The warning of START TRANSACTION WITH CONSISTENT SNAPSHOT below REPEATABLE READ.
pub fn snapshot_ignored() -> SqlError {
    let message = "InnoDB: WITH CONSISTENT SNAPSHOT was ignored because this phrase can only be \
                   used with REPEATABLE READ isolation level.";
    error(138, "HY000", message)
}
