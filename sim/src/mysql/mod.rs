//! A MySQL 8.4 server, as strong as InnoDB and no stronger.

pub mod gtid;
pub mod key;
pub mod lock;
pub mod transaction;
