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

/// The drift of a clock that stands still.
const FROZEN: i32 = -1_000_000;

/// What becomes of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChange {
    /// It is so far from true time, in nanoseconds, and runs as true time does.
    Offset(i64),
    /// It jumps from where it is.
    Step(i64),
    /// From here on it runs so much faster, in parts per million.
    Drift(i32),
    /// It shows one time, and counts nothing.
    Freeze,
    /// It shows true time.
    Right,
}

impl Clock {
    /// What this clock shows at a true time.
    pub(crate) fn read(self, epoch: Timestamp, now: Nanos) -> Timestamp {
        let drift = i128::from(now) * i128::from(self.drift_ppm) / 1_000_000;
        let local = i128::from(now) + drift + i128::from(self.offset);
        let local = i64::try_from(local).unwrap_or(i64::MAX);
        epoch.checked_add(SignedDuration::from_nanos(local)).unwrap_or(Timestamp::MAX)
    }

    /// This clock after a change at a true time. What it shows goes on from where it was, unless
    /// the change moves it.
    pub(crate) fn changed(self, change: ClockChange, now: Nanos) -> Clock {
        let drifting = |drift_ppm: i32| {
            let drifted = |ppm: i32| i128::from(now) * i128::from(ppm) / 1_000_000;
            let offset = i128::from(self.offset) + drifted(self.drift_ppm) - drifted(drift_ppm);
            Clock { offset: i64::try_from(offset).unwrap_or(i64::MAX), drift_ppm }
        };
        match change {
            ClockChange::Offset(offset) => Clock { offset, drift_ppm: 0 },
            ClockChange::Step(by) => Clock { offset: self.offset.saturating_add(by), ..self },
            ClockChange::Drift(ppm) => drifting(ppm.max(FROZEN + 1)),
            ClockChange::Freeze => drifting(FROZEN),
            ClockChange::Right => Clock::default(),
        }
    }

    /// How much this clock counts while so much true time passes.
    pub(crate) fn counted(self, nanos: Nanos) -> Nanos {
        if self.drift_ppm == 0 {
            return nanos;
        }
        let rate = (1_000_000 + i128::from(self.drift_ppm)).max(1);
        u64::try_from(i128::from(nanos) * rate / 1_000_000).unwrap_or(u64::MAX)
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
pub fn nanos(duration: Duration) -> Nanos {
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
    fn a_change_of_rate_goes_on_from_what_was_shown() {
        let shown = |clock: Clock, now| {
            clock.read(default_epoch(), now).duration_since(default_epoch()).as_nanos()
        };
        let fast = Clock::default().changed(ClockChange::Drift(100_000), 10_000);
        assert_eq!((shown(fast, 10_000), shown(fast, 20_000)), (10_000, 21_000));
        let frozen = fast.changed(ClockChange::Freeze, 20_000);
        assert_eq!((shown(frozen, 20_000), shown(frozen, 90_000)), (21_000, 21_000));
        let back = frozen.changed(ClockChange::Step(-1_000), 90_000);
        assert_eq!(shown(back, 90_000), 20_000);
        let right = back.changed(ClockChange::Right, 90_000);
        assert_eq!(shown(right, 90_000), 90_000);
    }

    #[test]
    fn the_epoch_is_new_year_2026() {
        assert_eq!(default_epoch().to_string(), "2026-01-01T00:00:00Z");
    }
}
