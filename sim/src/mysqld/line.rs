//! An IO thread's connection to its source, as the IO thread knows it.
//!
//! ```text
//!   up    --- replica_net_timeout without a word, or a reset --->   down
//!   down  --- an answer --->                                        up
//! ```
//!
//! While it is down, each attempt to connect fails at once where nobody listens, or when the same
//! timeout has passed. See `handle_slave_io` and `try_to_reconnect` in MySQL's rpl_replica.cc. It
//! knows nothing of what travels on it.

use std::time::Duration;

use crate::call::CallError;
use crate::sql_error::SqlError;
use crate::world::Process;

/// SOURCE_RETRY_COUNT of MySQL 8.0, for messages: nobody counts here.
const RETRY_COUNT: u32 = 86_400;
/// `CR_CONN_HOST_ERROR` and `CR_SERVER_LOST`.
const CANNOT_CONNECT: u16 = 2003;
const LOST: u16 = 2013;

/// See the [module](self).
pub(super) struct Line {
    pub is_up: bool,
    /// Since when nothing was heard.
    since: jiff::Timestamp,
    /// Attempts to connect that have failed since it was up.
    attempts: u32,
}

/// An attempt to connect that has failed.
pub(super) struct Failed {
    attempt: u32,
    is_silent: bool,
}

impl Line {
    pub fn down(process: Process) -> Line {
        Line { is_up: false, since: process.now(), attempts: 0 }
    }

    pub fn up(process: Process) -> Line {
        Line { is_up: true, ..Line::down(process) }
    }

    /// A request was not answered.
    pub fn lost(&mut self, process: Process, how: &CallError, timeout: Duration) -> Option<Failed> {
        let is_silent = *how == CallError::Deadline;
        let silence = process.now().duration_since(self.since).unsigned_abs();
        if is_silent && silence < timeout {
            return None;
        }
        let was_up = std::mem::replace(&mut self.is_up, false);
        self.since = process.now();
        if was_up {
            self.attempts = 0;
            return None;
        }
        self.attempts += 1;
        Some(Failed { attempt: self.attempts, is_silent })
    }
}

impl Failed {
    /// As Last_IO_Error says it.
    pub fn told(&self, source: &str, retry: Duration) -> SqlError {
        let (errno, why) = match self.is_silent {
            true => (
                LOST,
                "Lost connection to MySQL server at 'waiting for initial communication packet', \
                 system error: 110"
                    .to_owned(),
            ),
            false => {
                (CANNOT_CONNECT, format!("Can't connect to MySQL server on '{source}:3306' (111)"))
            }
        };
        let message = format!(
            "Error reconnecting to source 'vt_repl@{source}:3306'. This was attempt \
             {}/{RETRY_COUNT}, with a delay of {} seconds between attempts. Message: {why}",
            self.attempt,
            retry.as_secs()
        );
        SqlError::new(errno, "HY000", message)
    }
}
