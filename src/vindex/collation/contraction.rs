//! Contractions: characters that have a weight together.
//!
//! The characters are matched byte by byte against a trie. Marks between them that do not block the
//! match, because they have a lower combining class, are passed over and keep their own weights.
//! See `internal/colltab/contract.go`. It knows nothing of weights.

use super::table::{Mark, Table};

/// What follows a contraction's first character.
pub(super) struct Contraction {
    /// Which of the first character's contractions; 0 is the character alone.
    pub index: usize,
    /// How many bytes belong to it, with those passed over.
    pub len: usize,
    /// What was passed over.
    pub gap: String,
}

struct Matcher<'a> {
    table: &'a Table,
    text: &'a [u8],
    /// Where the trie's entries for the next byte are.
    node: usize,
    count: usize,
    index: usize,
    len: usize,
    done: bool,
    end: usize,
}

/// Finds the longest contraction of a start element with the text after its character.
pub(super) fn find(table: &Table, start: u32, text: &str) -> Contraction {
    let mut matcher = Matcher {
        table,
        text: text.as_bytes(),
        node: (start >> 4 & 0xfff) as usize,
        count: (start & 0xf) as usize,
        index: 0,
        len: 0,
        done: false,
        end: text.len(),
    };
    let at = matcher.scan(0);
    let is_character = matcher.text.get(at).is_some_and(|byte| 0x80 <= *byte);
    let mut gap = String::new();
    let mut keep = 0;
    if !matcher.done && is_character {
        keep = matcher.pass_over_marks(text, at, &mut gap);
    }
    gap.truncate(keep);
    Contraction { index: matcher.index, len: matcher.len, gap }
}

impl Matcher<'_> {
    /// Matches bytes from `at` on; returns how far whole characters matched. What matched in the
    /// middle of a character is forgotten.
    fn scan(&mut self, mut at: usize) -> usize {
        let mut reached = at;
        let (mut node, mut count) = (self.node, self.count);
        let mut i = 0;
        while i < count && at < self.end {
            let Some(entry) = self.table.contraction_entries.get(node + i).copied() else {
                break;
            };
            let byte = self.text[at];
            if byte == entry.low {
                at += 1;
                if entry.index != 0xff {
                    self.index = usize::from(entry.index);
                    self.len = at;
                }
                if entry.next == 0 {
                    self.done = true;
                    return at;
                }
                node += usize::from(entry.high) + count;
                count = usize::from(entry.next);
                i = 0;
                let is_boundary = self.text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
                if at == self.end || is_boundary {
                    (self.node, self.count) = (node, count);
                    reached = at;
                }
            } else if entry.low < byte && entry.next == 0 && byte <= entry.high {
                at += 1;
                self.done = true;
                self.index = usize::from(byte - entry.low) + usize::from(entry.index);
                self.len = at;
                return at;
            } else {
                i += 1;
            }
        }
        reached
    }

    /// Tries each mark from `at` on that no mark before it blocks; returns how much of the gap is
    /// before the last that matched.
    fn pass_over_marks(&mut self, text: &str, mut at: usize, gap: &mut String) -> usize {
        let mut keep = 0;
        let mut gap_start = at;
        let Some((first, mark)) = self.mark_at(text, at) else {
            return 0;
        };
        let mut previous = mark.trail;
        at += first;
        let starter = text[at..].char_indices().find(|(_, c)| self.table.mark(*c).is_none());
        let limit = self.end;
        if let Some((offset, _)) = starter {
            self.end = at + offset;
        }
        while at < limit && !self.done && 0x80 <= self.text[at] {
            let Some((size, mark)) = self.mark_at(text, at) else {
                break;
            };
            if mark.lead <= previous {
                break;
            }
            previous = mark.trail;
            let reached = self.scan(at);
            if reached == at {
                at += size;
                continue;
            }
            gap.push_str(&text[gap_start..at]);
            if self.len == reached {
                keep = gap.len();
            }
            at = reached;
            gap_start = at;
        }
        keep
    }

    /// The character at a place, if its canonical decomposition begins with a mark.
    fn mark_at(&self, text: &str, at: usize) -> Option<(usize, Mark)> {
        let c = text.get(at..)?.chars().next()?;
        Some((c.len_utf8(), self.table.mark(c)?))
    }
}
