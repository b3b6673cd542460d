//! The one source of every choice that shapes a run.
//!
//! A choice has a name, `component/purpose`, and an ordinal: how often that name was asked before.
//! It has a default, which is what a calm run does. A [`Tape`] holds the deviations,
//! `component/purpose#ordinal = value`; what it does not hold takes the default. So a tape can be
//! saved, replayed, cut line by line, and carried over a change of the code that adds choices
//! elsewhere.
//!
//! It knows nothing of what is chosen.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use crate::order::{READY, WAITS};
use crate::seed::{Seed, hash, mix};

/// The deviations of a run from its defaults, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape(BTreeMap<String, BTreeMap<u64, u64>>);

/// A line of a tape that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected `component/purpose#ordinal = value`, found `{text}`")]
pub struct TapeError {
    /// Counted from 1.
    pub line: usize,
    pub text: String,
}

impl Tape {
    pub fn set(&mut self, name: &str, ordinal: u64, value: u64) {
        self.0.entry(name.to_owned()).or_default().insert(ordinal, value);
    }

    pub fn get(&self, name: &str, ordinal: u64) -> Option<u64> {
        self.0.get(name)?.get(&ordinal).copied()
    }

    /// All deviations, each with its name and ordinal.
    pub fn entries(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.0.iter().flat_map(|(name, values)| {
            values.iter().map(move |(ordinal, value)| (name.as_str(), *ordinal, *value))
        })
    }

    /// Takes what another tape says; where both say something, that.
    pub fn extend(&mut self, other: &Tape) {
        for (name, ordinal, value) in other.entries() {
            self.set(name, ordinal, value);
        }
    }

    /// The tape without `count` of its deviations, from `at` on, counted as [`Tape::entries`] has
    /// them.
    pub fn without(&self, at: usize, count: usize) -> Tape {
        let mut tape = Tape::default();
        let kept = self.entries().enumerate().filter(|(i, _)| !(at..at + count).contains(i));
        kept.for_each(|(_, (name, ordinal, value))| tape.set(name, ordinal, value));
        tape
    }

    /// Whether it says that an event waits: see [`crate::order`].
    pub fn has_waits(&self) -> bool {
        self.0.keys().any(|name| name.ends_with(WAITS) || name == READY)
    }

    /// Number of deviations.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads what [`fmt::Display`] prints; blank lines and lines that start with `#` are skipped.
    pub fn parse(text: &str) -> Result<Tape, TapeError> {
        let mut tape = Tape::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, ordinal, value) = parse_line(line)
                .ok_or_else(|| TapeError { line: index + 1, text: line.to_owned() })?;
            tape.set(name, ordinal, value);
        }
        Ok(tape)
    }
}

fn parse_line(line: &str) -> Option<(&str, u64, u64)> {
    let (key, value) = line.split_once('=')?;
    let (name, ordinal) = key.trim().rsplit_once('#')?;
    let named = name.split_once('/').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    named.then_some(())?;
    Some((name, ordinal.parse().ok()?, value.trim().parse().ok()?))
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, ordinal, value) in self.entries() {
            writeln!(f, "{name}#{ordinal} = {value}")?;
        }
        Ok(())
    }
}

/// What answers where the tape is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Always the default: the calm run of a scenario.
    Calm,
    /// A hash of (seed, name, ordinal).
    Random(Seed),
}

/// A name that was resolved once, to choose by index afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice(u32);

struct Point {
    name: String,
    hash: u64,
    asked: u64,
    /// The tape's values for this name.
    fixed: BTreeMap<u64, u64>,
}

/// Answers every choice of a run. See the [module](self).
pub struct Decider {
    policy: Policy,
    given: Tape,
    points: Vec<Point>,
    by_name: BTreeMap<String, Choice>,
    recorded: Option<Tape>,
}

impl Decider {
    pub fn new(policy: Policy, tape: Tape) -> Decider {
        let by_name = BTreeMap::new();
        Decider { policy, given: tape, points: Vec::new(), by_name, recorded: None }
    }

    /// Keeps every deviation from now on, for [`Decider::tape`].
    pub fn record(&mut self) {
        self.recorded.get_or_insert_with(Tape::default);
    }

    /// The deviations so far; empty unless [recorded](Decider::record).
    pub fn tape(&self) -> Tape {
        self.recorded.clone().unwrap_or_default()
    }

    /// Resolves a name, `component/purpose`.
    pub fn point(&mut self, name: &str) -> Choice {
        if let Some(choice) = self.by_name.get(name) {
            return *choice;
        }
        let choice = Choice(self.points.len() as u32);
        let fixed = self.given.0.get(name).cloned().unwrap_or_default();
        let hash = hash(name.as_bytes());
        self.points.push(Point { name: name.to_owned(), hash, asked: 0, fixed });
        self.by_name.insert(name.to_owned(), choice);
        choice
    }

    /// One value of the range; `default` where nothing says otherwise. A value of the tape that is
    /// out of range is drawn into it, so that a tape keeps a meaning when the range changed.
    pub fn choose(&mut self, choice: Choice, default: u64, range: RangeInclusive<u64>) -> u64 {
        let point = &mut self.points[choice.0 as usize];
        let ordinal = point.asked;
        point.asked += 1;
        let fixed = if point.fixed.is_empty() { None } else { point.fixed.get(&ordinal).copied() };
        let value = match (fixed, self.policy) {
            (Some(value), _) => value.clamp(*range.start(), *range.end()),
            (None, Policy::Calm) => default,
            (None, Policy::Random(seed)) => draw(mix(seed.0, point.hash), ordinal, &range),
        };
        if value != default
            && let Some(tape) = &mut self.recorded
        {
            tape.set(&point.name, ordinal, value);
        }
        value
    }

    /// A value that shows only later: the choice's ordinal, and what the tape says of it; 0 where
    /// it says nothing, whatever the policy. What came of it is told to [`Decider::keep`].
    pub fn foretold(&mut self, choice: Choice) -> (u64, u64) {
        let point = &mut self.points[choice.0 as usize];
        let ordinal = point.asked;
        point.asked += 1;
        (ordinal, point.fixed.get(&ordinal).copied().unwrap_or(0))
    }

    /// Keeps what a choice came to; 0 is its default.
    pub fn keep(&mut self, choice: Choice, ordinal: u64, value: u64) {
        if value != 0
            && let Some(tape) = &mut self.recorded
        {
            tape.set(&self.points[choice.0 as usize].name, ordinal, value);
        }
    }

    /// Whether something happens, by default not; `per_mille` is its likelihood in a random run.
    pub fn happens(&mut self, choice: Choice, per_mille: u64) -> bool {
        let point = &self.points[choice.0 as usize];
        if per_mille == 0 && point.fixed.is_empty() {
            self.points[choice.0 as usize].asked += 1;
            return false;
        }
        if let (Policy::Random(seed), None) = (self.policy, point.fixed.get(&point.asked)) {
            let ordinal = point.asked;
            let drawn = draw(mix(seed.0, point.hash), ordinal, &(0..=999)) < per_mille;
            let point = &mut self.points[choice.0 as usize];
            point.asked += 1;
            if drawn && let Some(tape) = &mut self.recorded {
                tape.set(&point.name, ordinal, 1);
            }
            return drawn;
        }
        self.choose(choice, 0, 0..=1) == 1
    }
}

/// Multiply-shift: a bias of range / 2^64, which no run can feel.
fn draw(stream: u64, ordinal: u64, range: &RangeInclusive<u64>) -> u64 {
    let span = (range.end() - range.start()).saturating_add(1);
    let word = mix(stream, ordinal);
    range.start() + ((u128::from(word) * u128::from(span)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_run_replays_from_its_tape_alone() {
        let run = |policy, tape| {
            let mut decider = Decider::new(policy, tape);
            decider.record();
            let (late, lost) = (decider.point("network/late"), decider.point("network/lost"));
            let values: Vec<u64> = (0..50)
                .flat_map(|_| {
                    [decider.choose(late, 5, 0..=9), u64::from(decider.happens(lost, 200))]
                })
                .collect();
            (values, decider.tape())
        };
        let (values, tape) = run(Policy::Random(Seed(7)), Tape::default());
        assert!(tape.len() > 20, "{tape}");
        let parsed = Tape::parse(&tape.to_string()).unwrap();
        assert_eq!(parsed, tape);
        assert_eq!(run(Policy::Calm, parsed), (values, tape));
    }

    #[test]
    fn a_new_choice_elsewhere_moves_nothing() {
        let mut alone = Decider::new(Policy::Random(Seed(7)), Tape::default());
        let mut crowded = Decider::new(Policy::Random(Seed(7)), Tape::default());
        let other = crowded.point("disk/late");
        let (a, b) = (alone.point("network/late"), crowded.point("network/late"));
        for _ in 0..20 {
            crowded.choose(other, 0, 0..=9);
            assert_eq!(alone.choose(a, 0, 0..=99), crowded.choose(b, 0, 0..=99));
        }
    }

    #[test]
    fn tapes_are_joined_and_cut() {
        let tape = |text: &str| Tape::parse(text).unwrap();
        let mut whole = tape("a/b#1 = 1\na/b#2 = 2");
        whole.extend(&tape("a/b#2 = 3\nc/d#0 = 4"));
        assert_eq!(whole, tape("a/b#1 = 1\na/b#2 = 3\nc/d#0 = 4"));
        assert_eq!(whole.without(1, 1), tape("a/b#1 = 1\nc/d#0 = 4"));
        assert_eq!(whole.without(1, 9), tape("a/b#1 = 1"));
        assert_eq!(whole.without(3, 1), whole);
    }

    #[test]
    fn a_broken_tape_names_its_line() {
        for text in ["a/b#1", "a/b = 2", "ab#1 = 2", "a/b#x = 2", "a/b#1 = x", "/b#1 = 2"] {
            let error = Tape::parse(&format!("# fine\n\n{text}")).unwrap_err();
            assert_eq!((error.line, error.text.as_str()), (3, text));
        }
    }
}
