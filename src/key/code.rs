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
    PermissionDenied,
}

impl Code {
    /// The name as gRPC prints it; Vitess's own code has only a number there.
    pub fn name(self) -> &'static str {
        match self {
            Code::Unknown => "Unknown",
            Code::InvalidArgument => "InvalidArgument",
            Code::NotFound => "NotFound",
            Code::AlreadyExists => "AlreadyExists",
            Code::FailedPrecondition => "FailedPrecondition",
            Code::Aborted => "Aborted",
            Code::Unimplemented => "Unimplemented",
            Code::Internal => "Internal",
            Code::Unavailable => "Unavailable",
            Code::DeadlineExceeded => "DeadlineExceeded",
            Code::ResourceExhausted => "ResourceExhausted",
            Code::Canceled => "Canceled",
            Code::ClusterEvent => "Code(17)",
            Code::PermissionDenied => "PermissionDenied",
        }
    }
}
