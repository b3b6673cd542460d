//! A MySQL 8.4 server, as strong as InnoDB and no stronger.
//!
//! A simulator that forbids what MySQL allows hides bugs, and one that allows what MySQL forbids
//! invents them. So the parts that decide schedules are InnoDB's own rules, held against
//! transcripts of real servers: which locks a statement leaves, who waits, who is granted, who
//! dies.
//!
//! # Life of a statement
//!
//! 1. [`server::Server::start`] makes an [`execution::Execution`]; [`server::Server::step`] runs it
//!    until it is done, waits for a lock, or needs a log synced. It is straight code that pauses.
//!    A statement on one row that meets nobody is done there and then (module `point`).
//! 2. [`statement::run`] gives it a transaction, [`statement::tables`] opens its tables under
//!    [`metadata`] locks, [`statement::access`] chooses an index and its intervals.
//! 3. A [`cursor`] visits records. A consistent read takes from each the version that its [`view`]
//!    sees; a locking read asks the [`lock`] table first, and after a wait seeks its key again.
//! 4. [`statement::write`] changes rows index by index, with duplicate checks that wait.
//! 5. [`statement::commit`] prepares (redo), logs (binlog, GTID), commits, frees locks.
//!
//! What lies where: [`table`] has records with their versions, [`engine`] puts transactions and
//! locks on them, [`durable`] is what a crash leaves and [`recovery`] what comes of it.
//!
//! # Left out
//!
//! Pages, the buffer pool, statistics (an index that fits is taken; inner joins are read in the
//! order in which they are written), temporary tables, views, triggers, procedures,
//! generated columns, enum, set, json, bit and float columns, ZEROFILL, zero dates, partitions, XA,
//! FLUSH TABLES WITH READ LOCK, WITH, windows, ROLLUP, LATERAL, aggregates of an outer query,
//! information_schema (but for `innodb_trx`). What is not modelled is refused with 1235, never
//! answered wrongly. Warnings of deprecated syntax (1287, 1681) are not given.
//!
//! It knows nothing of sharding, of a clock, of a network. Time comes with each statement.

mod active;
pub mod binlog;
pub mod binlog_file;
pub mod cursor;
pub mod durable;
pub mod engine;
pub mod error;
pub mod execution;
mod explain_json;
pub mod gtid;
pub mod key;
pub mod lock;
pub mod metadata;
pub mod options;
pub mod outcome;
mod pages;
mod point;
pub mod recovery;
pub mod replica_status;
pub mod row_locks;
pub mod schema;
pub mod server;
pub mod session;
pub mod statement;
mod stored;
mod system_view;
pub mod table;
pub mod transaction;
pub mod view;
