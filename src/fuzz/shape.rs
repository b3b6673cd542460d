//! The shape of a violation: what it has in common with others of the same bug.
//!
//! That is its invariant, and what its rows say, without their values:
//!
//! ```text
//!   customer/-80 has corder (order_id 1, sku 'p2') at 4EB190C9A2FA169C   has corder at
//!   no corder_lookup row has 'p2'                                        no row has
//! ```
//!
//! Two values that are missing in one way have one shape, and one whose entry leads elsewhere has
//! another. Names that look like words are part of it. Behind a colon stand errors and SQL: they
//! are not.
//!
//! It knows nothing of what a row means.

use std::collections::BTreeSet;

use crate::scenario::Story;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub invariant: &'static str,
    says: BTreeSet<String>,
}

impl Shape {
    pub fn of(story: &Story) -> Shape {
        let says = story.rows.iter().map(|row| sentence(row)).collect();
        Shape { invariant: story.invariant, says }
    }

    /// Whether a story is of this shape. One that is made smaller may say less, but nothing else.
    pub fn has(&self, story: &Story) -> bool {
        let other = Shape::of(story);
        self.invariant == other.invariant
            && other.says.is_subset(&self.says)
            && other.says.is_empty() == self.says.is_empty()
    }
}

/// The words of a row that are no values.
fn sentence(row: &str) -> String {
    let bare = bare(row);
    let words = bare.split_whitespace().map(|word| word.trim_end_matches([',', ';', '.']));
    let is_word = |word: &&str| word.chars().all(|char| char.is_ascii_lowercase());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).filter(is_word).collect();
    words.join(" ")
}

/// Up to a colon, without what stands in quotes or parentheses. SQL has backticks of its own in
/// those that it stands in.
fn bare(row: &str) -> String {
    let mut bare = String::new();
    let (mut depth, mut quote) = (0_usize, None);
    let last_backtick = row.rfind('`');
    for (at, char) in row.char_indices() {
        match (quote, char) {
            (Some('`'), '`') if Some(at) == last_backtick => quote = None,
            (Some(open), _) if open == char && char != '`' => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(char),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ':') if depth == 0 => break,
            (None, _) if depth == 0 => bare.push(char),
            (None, _) => {}
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(rows: &[&str]) -> Story {
        let rows = rows.iter().map(|row| (*row).to_owned()).collect();
        Story { invariant: "no_missing", departure: None, rows, text: String::new() }
    }

    #[test]
    fn values_are_left_out() {
        for (row, expected) in [
            (
                "customer/-80 has corder (order_id 1, sku 'p)2') at 4EB190C9A2FA169C",
                "has corder at",
            ),
            ("corder_lookup has 'it''s' -> D2FD8867D50D2DFE on customer/80-", "has on"),
            ("told of 3 rows of corder; 2 are committed", "told of rows of corder are committed"),
            ("`insert into `t` (`a`) values (1)` failed: no such row", "failed"),
            (
                "told of an error, and all is committed: target: x",
                "told of an error and all is committed",
            ),
        ] {
            assert_eq!(sentence(row), expected, "{row}");
        }
    }

    #[test]
    fn a_smaller_one_may_say_less_and_nothing_else() {
        let owner = "customer/-80 has corder (order_id 1) at 4EB190C9A2FA169C";
        let (none, other) =
            ("no corder_lookup row has 'p2'", "corder_lookup has 'p2' -> 70 on c/0");
        let shape = Shape::of(&story(&[owner, none]));
        assert!(shape.has(&story(&["customer/80- has corder (order_id 7) at 70", none])));
        assert!(shape.has(&story(&[owner])));
        assert!(!shape.has(&story(&[owner, other])));
        assert!(!shape.has(&story(&[])));
        assert!(!shape.has(&Story { invariant: "unique", ..story(&[owner, none]) }));
    }
}
