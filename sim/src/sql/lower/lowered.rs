//! A word in lower case, compared with keywords, without an allocation.

/// The longest keyword that anybody asks for.
const LENGTH_MAX: usize = 24;

/// See the [module](self).
pub struct Lowered {
    bytes: [u8; LENGTH_MAX],
    length: usize,
}

impl Lowered {
    /// Of a word that is longer than any keyword: nothing.
    pub fn of(word: &str) -> Lowered {
        let mut lowered = Lowered { bytes: [0; LENGTH_MAX], length: 0 };
        if let Some(bytes) = lowered.bytes.get_mut(..word.len()) {
            bytes.copy_from_slice(word.as_bytes());
            bytes.make_ascii_lowercase();
            lowered.length = word.len();
        }
        lowered
    }

    pub fn as_str(&self) -> &str {
        let word = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(word).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_a_keyword_is_there() {
        let check = |word: &str, expected: &str| assert_eq!(Lowered::of(word).as_str(), expected);
        check("Straight_JOIN", "straight_join");
        check("É", "É");
        check("", "");
        check("a_name_that_is_longer_than_any_keyword", "");
    }
}
