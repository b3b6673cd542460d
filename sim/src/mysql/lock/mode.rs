//! What a lock covers, and which pairs conflict (InnoDB's `lock_rec_has_to_wait`).

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    S,
    X,
}

/// The part of the index that a lock covers: a record, the gap before it, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    NextKey,
    Record,
    Gap,
    InsertIntention,
}

impl Mode {
    /// X covers S.
    pub fn covers(self, other: Mode) -> bool {
        other <= self
    }

    fn conflicts(self, other: Mode) -> bool {
        self == Mode::X || other == Mode::X
    }
}

impl Span {
    /// What a granted lock of this span gives its owner. On the supremum there is a gap only.
    pub fn covers(self, other: Span, supremum: bool) -> bool {
        match (self, other) {
            (Span::InsertIntention, _) | (_, Span::InsertIntention) => false,
            (Span::NextKey, _) => true,
            _ if supremum => true,
            (held, wanted) => held == wanted,
        }
    }
}

/// Must a request wait for a lock of another transaction on the same record, granted or waiting?
/// The exemptions in InnoDB's order.
pub fn has_to_wait(request: (Mode, Span), held: (Mode, Span), supremum: bool) -> bool {
    let (mode, span) = request;
    let (held_mode, held_span) = held;
    if !mode.conflicts(held_mode) {
        return false;
    }
    let inserts = span == Span::InsertIntention;
    // Gaps conflict with nothing but an insert: they only keep phantoms out.
    if !inserts && (supremum || span == Span::Gap) {
        return false;
    }
    if !inserts && held_span == Span::Gap {
        return false;
    }
    if (inserts || span == Span::Gap) && held_span == Span::Record {
        return false;
    }
    // Nobody waits for an intention, or two inserts into one gap would stop each other.
    held_span != Span::InsertIntention
}

/// `X`, `X,REC`, `S,GAP`, `X,GAP,II`; the supremum has no record, hence plain `X` and `X,II`.
pub fn notation(mode: Mode, span: Span, supremum: bool) -> &'static str {
    match (mode, span) {
        (Mode::S, Span::InsertIntention) if supremum => "S,II",
        (Mode::X, Span::InsertIntention) if supremum => "X,II",
        (Mode::S, _) if supremum => "S",
        (Mode::X, _) if supremum => "X",
        (Mode::S, Span::NextKey) => "S",
        (Mode::X, Span::NextKey) => "X",
        (Mode::S, Span::Record) => "S,REC",
        (Mode::X, Span::Record) => "X,REC",
        (Mode::S, Span::Gap) => "S,GAP",
        (Mode::X, Span::Gap) => "X,GAP",
        (Mode::S, Span::InsertIntention) => "S,GAP,II",
        (Mode::X, Span::InsertIntention) => "X,GAP,II",
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::S => "S",
            Mode::X => "X",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: [(Mode, Span); 7] = [
        (Mode::S, Span::Record),
        (Mode::X, Span::Record),
        (Mode::S, Span::Gap),
        (Mode::X, Span::Gap),
        (Mode::S, Span::NextKey),
        (Mode::X, Span::NextKey),
        (Mode::X, Span::InsertIntention),
    ];

    fn check(mode: Mode, span: Span, expected: &str) {
        let row: String = HELD
            .iter()
            .map(|held| if has_to_wait((mode, span), *held, false) { 'w' } else { '+' })
            .collect();
        assert_eq!(row, expected, "{}", notation(mode, span, false));
    }

    #[test]
    fn compatibility_of_record_locks() {
        check(Mode::S, Span::Record, "+w+++w+");
        check(Mode::X, Span::Record, "ww++ww+");
        check(Mode::S, Span::Gap, "+++++++");
        check(Mode::X, Span::Gap, "+++++++");
        check(Mode::S, Span::NextKey, "+w+++w+");
        check(Mode::X, Span::NextKey, "ww++ww+");
        check(Mode::X, Span::InsertIntention, "++wwww+");
    }
}
