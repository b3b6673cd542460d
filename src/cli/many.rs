//! What commands that make many runs share: how many at a time, a bar, the time on this machine,
//! which no run feels, and the words that make a run again.

use std::fmt;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

/// The words of a command line that put these bugs in, each after a space.
pub(super) fn with_mutants<M: fmt::Display>(mutants: &[M]) -> String {
    mutants.iter().map(|mutant| format!(" --mutant {mutant}")).collect()
}

/// As many as were asked for, or else as there are processors.
pub(super) fn threads(jobs: Option<NonZeroUsize>) -> NonZeroUsize {
    jobs.or(std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// On a terminal only, and on stderr.
pub(super) fn progress_bar(runs: u64) -> ProgressBar {
    let target = match io::stderr().is_terminal() && runs > 1 {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    ProgressBar::with_draw_target(Some(runs), target)
}

/// How long a command has run, and whether its time is over.
pub(super) struct Clock {
    #[expect(clippy::disallowed_types, reason = "how long runs take on this machine, not in them")]
    start: std::time::Instant,
    time: Option<Duration>,
}

impl Clock {
    /// Without a time it is never over.
    #[expect(clippy::disallowed_types, reason = "as above")]
    pub(super) fn start(time: Option<Duration>) -> Clock {
        Clock { start: std::time::Instant::now(), time }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn is_over(&self) -> bool {
        self.time.is_some_and(|time| time <= self.elapsed())
    }
}

/// Does something, and says how long it took.
pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let clock = Clock::start(None);
    let result = work();
    (result, clock.elapsed())
}
