//! LIKE: `%` is any text, `_` any one character, and an escape takes their meaning away.

use crate::collation::Collation;

/// One part of a pattern.
enum Part {
    Any,
    One,
    Char(char),
}

/// Runs in the product of both lengths at worst: the last `%` alone is ever tried again.
pub fn like(text: &str, pattern: &str, escape: Option<char>, collation: Collation) -> bool {
    let parts = parse(pattern, escape);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut part) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                retry = Some((part + 1, at));
                part += 1;
                continue;
            }
            Some(Part::One) => {
                (at, part) = (at + 1, part + 1);
                continue;
            }
            Some(Part::Char(c)) if collation.same_char(*c, text[at]) => {
                (at, part) = (at + 1, part + 1);
                continue;
            }
            _ => {}
        }
        let Some((resume, taken)) = retry else { return false };
        retry = Some((resume, taken + 1));
        (at, part) = (taken + 1, resume);
    }
    parts[part..].iter().all(|part| matches!(part, Part::Any))
}

fn parse(pattern: &str, escape: Option<char>) -> Vec<Part> {
    let mut parts = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        parts.push(match c {
            // An escape at the very end stands for itself.
            _ if Some(c) == escape => Part::Char(chars.next().unwrap_or(c)),
            '%' => Part::Any,
            '_' => Part::One,
            other => Part::Char(other),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_mysql() {
        let cases = [
            ("abc", "a%", true),
            ("abc", "A_C", true),
            ("abc", "a_", false),
            ("", "%", true),
            ("", "_", false),
            ("a%c", "a\\%c", true),
            ("abc", "a\\%c", false),
            ("abcabc", "%abc", true),
            ("abab", "%b%b", true),
            ("a\\", "a\\", true),
            ("é", "_", true),
        ];
        for (text, pattern, expected) in cases {
            let found = like(text, pattern, Some('\\'), Collation::Utf8mb4GeneralCi);
            assert_eq!(found, expected, "{text:?} like {pattern:?}");
        }
    }
}
