//! True time, and each machine's own idea of it.
//!
//! True time is the World's: nanoseconds since the run began. A machine's clock is offset from it
//! and may run fast or slow; what a program reads and how long its timers take are by the
//! machine's clock. It knows nothing of the wall clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Nanoseconds of true time since the run began.
pub type Nanos = u64;

/// 2026-01-01T00:00:00Z, when a run begins unless it says otherwise.
pub fn default_epoch() -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("a date of this century")
}

/// One machine's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// How far ahead of true time it is, in nanoseconds.
    pub offset: i64,
    /// How much faster than true time it runs, in parts per million, above -1,000,000.
    pub drift_ppm: i32,
}

impl Clock {
    /// What this clock shows at a true time.
    pub(crate) fn read(self, epoch: Timestamp, now: Nanos) -> Timestamp {
        let drift = i128::from(now) * i128::from(self.drift_ppm) / 1_000_000;
        let local = i128::from(now) + drift + i128::from(self.offset);
        let local = i64::try_from(local).unwrap_or(i64::MAX);
        epoch.checked_add(SignedDuration::from_nanos(local)).unwrap_or(Timestamp::MAX)
    }

    /// How much true time passes while this clock counts `duration`.
    pub(crate) fn true_nanos(self, duration: Duration) -> Nanos {
        let nanos = nanos(duration);
        if self.drift_ppm == 0 {
            return nanos;
        }
        let rate = (1_000_000 + i128::from(self.drift_ppm)).max(1);
        u64::try_from(i128::from(nanos) * 1_000_000 / rate).unwrap_or(u64::MAX)
    }
}

/// A duration in nanoseconds; 584 years is for ever.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_reads_more_and_waits_less() {
        let fast = Clock { offset: 1_000, drift_ppm: 100_000 };
        let read = fast.read(default_epoch(), 10_000);
        assert_eq!(read.duration_since(default_epoch()).as_nanos(), 12_000);
        assert_eq!(fast.true_nanos(Duration::from_nanos(11_000)), 10_000);
    }

    #[test]
    fn the_epoch_is_new_year_2026() {
        assert_eq!(default_epoch().to_string(), "2026-01-01T00:00:00Z");
    }
}
