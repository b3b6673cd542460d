//! How much time a client's statement has, and what tablets are told of it.
//!
//! ```text
//!   /*vt+ QUERY_TIMEOUT_MS=100 */   the statement's time at vtgate; 0 is endless
//!   set query_timeout = 100         the same for every statement of the session
//!   set transaction_timeout = 100   of each shard transaction, if the tablets' own is longer
//!   set workload = 'olap'           reads stream: no time but the two above; in a transaction its
//!                                   time
//!   set workload = 'dba'            transactions are not ended
//! ```
//!
//! Tablets have times of their own, which vtgate's replaces. When vtgate's is over, the client
//! hears of it at once, and the tablet ends what it is doing. See `VCursorImpl.SetExecQueryTimeout`
//! and `go/vt/vttablet/tabletserver/tabletserver.go`. It knows nothing of statements.

use std::time::Duration;

use jiff::Timestamp;
use sim::call::CallError;
use sim::value::Value;
use sim::world::Process;

use super::gateway::CALL_TIMEOUT;
use super::session::Session;
use crate::rpc::{ExecuteOptions, Status, Workload};

/// Longer than any run.
const ENDLESS: Duration = Duration::from_secs(10 * 365 * 86_400);

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    options: ExecuteOptions,
    /// When the statement's time at vtgate is over.
    deadline: Option<Timestamp>,
}

impl Limits {
    /// Of a statement that begins now; the directive is what its comments say.
    pub fn of(session: &Session, directive: Option<Duration>, now: Timestamp) -> Limits {
        let own = milliseconds(session, "query_timeout").filter(|time| !time.is_zero());
        let timeout = directive.or(own);
        let deadline = timeout.filter(|time| !time.is_zero());
        let deadline = deadline.and_then(|time| now.checked_add(time).ok());
        let transaction_timeout =
            milliseconds(session, "transaction_timeout").filter(|time| !time.is_zero());
        let workload = session.workload;
        let options = ExecuteOptions { workload, streams: false, timeout, transaction_timeout };
        Limits { options, deadline }
    }

    /// What a tablet is told, and how long its answer is waited for. What a client's query reads
    /// streams with workload OLAP.
    pub fn left(
        &self,
        process: Process,
        is_of_query: bool,
    ) -> Result<(ExecuteOptions, Duration), Status> {
        let mut options = self.options;
        options.streams = is_of_query && options.workload == Workload::Olap;
        if let Some(deadline) = self.deadline {
            let left = deadline.duration_since(process.now());
            if left.as_nanos() <= 0 {
                return Err(Status::of_call(CallError::Deadline));
            }
            options.timeout = Some(left.unsigned_abs());
            return Ok((options, left.unsigned_abs()));
        }
        if options.streams {
            options.timeout = Some(Duration::ZERO);
        }
        let patience = match options.timeout {
            Some(Duration::ZERO) => ENDLESS,
            _ => CALL_TIMEOUT,
        };
        Ok((options, patience))
    }
}

/// A variable of vtgate's own that is a number of milliseconds; none for what is below zero.
fn milliseconds(session: &Session, name: &str) -> Option<Duration> {
    match session.aware.get(name) {
        Some(Value::Int(number)) => u64::try_from(*number).ok().map(Duration::from_millis),
        Some(Value::Uint(number)) => Some(Duration::from_millis(*number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vtgate::session::SessionTarget;

    #[test]
    fn a_comment_comes_before_the_session_and_zero_is_endless() {
        let check = |own: i64, directive: Option<u64>, timeout: Option<u64>, ends: Option<u64>| {
            let mut session = Session::new("a".into(), SessionTarget::none());
            session.aware.insert("query_timeout".into(), Value::Int(own));
            let now = Timestamp::UNIX_EPOCH;
            let limits = Limits::of(&session, directive.map(Duration::from_millis), now);
            let of_deadline = limits.deadline.map(|at| at.duration_since(now).unsigned_abs());
            let case = format!("session {own}, comment {directive:?}");
            assert_eq!(limits.options.timeout, timeout.map(Duration::from_millis), "{case}");
            assert_eq!(of_deadline, ends.map(Duration::from_millis), "{case}");
        };
        check(0, None, None, None);
        check(-5, None, None, None);
        check(100, None, Some(100), Some(100));
        check(100, Some(20), Some(20), Some(20));
        check(100, Some(0), Some(0), None);
    }
}
