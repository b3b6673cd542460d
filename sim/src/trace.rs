//! What happened, in order.
//!
//! Every event goes into a digest: two runs are equal if their digests are. When
//! [recording](Trace::record) each event is kept as a line as well, and [`first_divergence`] names
//! the first one that differs between two runs.
//!
//! It knows nothing of what the events mean.

use std::fmt;

use crate::clock::Nanos;
use crate::seed::mix;

/// One event as it prints: `12.500ms vtgate-1 -> zone1-0000000300: Execute select 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub time: Nanos,
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12} {}", Milliseconds(self.time).to_string(), self.text)
    }
}

/// A time or duration in nanoseconds, printed in milliseconds with three decimals.
pub struct Milliseconds(pub Nanos);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}ms", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}

/// The events of a run: a digest always, lines when recording.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    digest: u64,
    events: u64,
    lines: Option<Vec<Line>>,
}

impl Trace {
    /// Keeps lines from now on.
    pub fn record(&mut self) {
        self.lines.get_or_insert_with(Vec::new);
    }

    pub fn is_recording(&self) -> bool {
        self.lines.is_some()
    }

    /// Adds an event: numbers that make up the digest, and a text, made only when recording.
    pub(crate) fn event(&mut self, time: Nanos, parts: &[u64], text: impl FnOnce() -> String) {
        self.events += 1;
        let mut digest = mix(self.digest, time);
        for part in parts {
            digest = mix(digest, *part);
        }
        self.digest = digest;
        if let Some(lines) = &mut self.lines {
            lines.push(Line { time, text: text() });
        }
    }

    pub fn digest(&self) -> u64 {
        mix(self.digest, self.events)
    }

    /// Number of events, recorded or not.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The recorded lines; empty when not recording.
    pub fn lines(&self) -> &[Line] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// The first event in which two recorded runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Counted from 0.
    pub event: usize,
    /// The event before it, which both runs share.
    pub before: Option<Line>,
    /// None where that run had ended.
    pub left: Option<Line>,
    pub right: Option<Line>,
}

/// None if the recorded lines are equal.
pub fn first_divergence(left: &Trace, right: &Trace) -> Option<Divergence> {
    let (left, right) = (left.lines(), right.lines());
    let event = (0..left.len().max(right.len())).find(|i| left.get(*i) != right.get(*i))?;
    let before = event.checked_sub(1).map(|i| left[i].clone());
    Some(Divergence {
        event,
        before,
        left: left.get(event).cloned(),
        right: right.get(event).cloned(),
    })
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |line: &Option<Line>| line.as_ref().map_or("(ended)".into(), Line::to_string);
        writeln!(f, "the runs differ first in event {}", self.event)?;
        if let Some(before) = &self.before {
            writeln!(f, "  both: {before}")?;
        }
        writeln!(f, "  one:  {}", show(&self.left))?;
        write!(f, "  two:  {}", show(&self.right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(texts: &[&str]) -> Trace {
        let mut trace = Trace::default();
        trace.record();
        for (time, text) in texts.iter().enumerate() {
            trace.event(time as u64, &[text.len() as u64], || (*text).to_owned());
        }
        trace
    }

    #[test]
    fn the_first_difference_is_named() {
        let (left, right) = (trace(&["a", "b", "c"]), trace(&["a", "bb"]));
        assert_ne!(left.digest(), right.digest());
        let divergence = first_divergence(&left, &right).unwrap();
        assert_eq!(divergence.event, 1);
        assert!(divergence.to_string().contains("two:       0.000ms bb"), "{divergence}");
        assert_eq!(first_divergence(&left, &left.clone()), None);
    }

    #[test]
    fn a_run_that_ends_early_differs() {
        let (left, right) = (trace(&["a"]), trace(&["a", "b"]));
        assert_ne!(left.digest(), right.digest());
        assert_eq!(first_divergence(&left, &right).unwrap().left, None);
    }
}
