//! The gRPC-like code that a Vitess error carries beside its text (`vtrpc.Code`).
//!
//! vtgate derives a MySQL errno from it where the error has none of its own. It knows nothing of
//! that mapping.

/// A `vtrpc.Code`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// What a plain Go error has.
    #[default]
    Unknown,
    InvalidArgument,
    NotFound,
    AlreadyExists,
    FailedPrecondition,
    Aborted,
    Unimplemented,
    Internal,
    Unavailable,
    DeadlineExceeded,
    ResourceExhausted,
    Canceled,
    ClusterEvent,
}
