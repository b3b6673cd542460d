//! A MySQL 8.4 server, as strong as InnoDB and no stronger.

pub mod binlog;
pub mod cursor;
pub mod durable;
pub mod engine;
pub mod error;
pub mod execution;
pub mod gtid;
pub mod key;
pub mod lock;
pub mod metadata;
pub mod options;
pub mod outcome;
pub mod recovery;
pub mod schema;
pub mod server;
pub mod session;
pub mod statement;
pub mod table;
pub mod transaction;
pub mod view;
