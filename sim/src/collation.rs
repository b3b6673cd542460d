//! Collations: when two texts are equal, and which comes first.
//!
//! MySQL compares bytes for `binary` and `utf8mb4_bin`, and weights for the rest. Modelled:
//!
//! - `binary`, `utf8mb4_bin`: exact. Both compare bytes; `utf8mb4_bin` pads with blanks.
//! - `utf8mb4_general_ci`, `latin1_swedish_ci`: one weight a character, blanks at the end do not
//!   count. Exact for ASCII and for Latin-1 but for the letters below.
//! - `utf8mb4_0900_ai_ci`: primary weights of UCA 9.0, NO PAD. Exact for ASCII (in the table's
//!   order: blanks, punctuation, symbols, digits, letters; control characters have no weight) and
//!   for Latin letters of U+00C0 to U+017F that decompose into an ASCII letter and marks; `ß`,
//!   `æ`, `œ`, `ĳ` are two letters. Combining marks U+0300 to U+036F have no weight.
//!
//! Left out: everything else sorts behind by code point of its lower case, equal only to its own
//! case variants. Two texts outside of this subset may be equal in MySQL and differ here (and
//! their order may differ); within it nothing does.
//!
//! It knows nothing of values: which collation applies to a comparison is [`crate::eval`]'s.

use std::cmp::Ordering;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Collation {
    #[default]
    Utf8mb40900AiCi,
    Utf8mb4GeneralCi,
    Utf8mb4Bin,
    Latin1SwedishCi,
    Binary,
}

impl Collation {
    /// By MySQL's name; `utf8mb3` and `utf8` spellings stand for their utf8mb4 twin.
    pub fn by_name(name: &str) -> Option<Collation> {
        match name.to_ascii_lowercase().as_str() {
            "utf8mb4_0900_ai_ci" => Some(Collation::Utf8mb40900AiCi),
            "utf8mb4_general_ci" | "utf8mb3_general_ci" | "utf8_general_ci" => {
                Some(Collation::Utf8mb4GeneralCi)
            }
            "utf8mb4_bin" | "utf8mb3_bin" | "utf8_bin" => Some(Collation::Utf8mb4Bin),
            "latin1_swedish_ci" => Some(Collation::Latin1SwedishCi),
            "binary" => Some(Collation::Binary),
            _ => None,
        }
    }

    /// A character set's default collation.
    pub fn of_charset(charset: &str) -> Option<Collation> {
        match charset.to_ascii_lowercase().as_str() {
            "utf8mb4" => Some(Collation::Utf8mb40900AiCi),
            "utf8mb3" | "utf8" | "ascii" => Some(Collation::Utf8mb4GeneralCi),
            "latin1" => Some(Collation::Latin1SwedishCi),
            "binary" => Some(Collation::Binary),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Collation::Utf8mb40900AiCi => "utf8mb4_0900_ai_ci",
            Collation::Utf8mb4GeneralCi => "utf8mb4_general_ci",
            Collation::Utf8mb4Bin => "utf8mb4_bin",
            Collation::Latin1SwedishCi => "latin1_swedish_ci",
            Collation::Binary => "binary",
        }
    }

    pub fn charset(self) -> &'static str {
        match self {
            Collation::Latin1SwedishCi => "latin1",
            Collation::Binary => "binary",
            _ => "utf8mb4",
        }
    }

    /// Blanks at the end do not count.
    pub fn pads(self) -> bool {
        !matches!(self, Collation::Utf8mb40900AiCi | Collation::Binary)
    }

    pub fn compare(self, left: &[u8], right: &[u8]) -> Ordering {
        if left == right {
            return Ordering::Equal;
        }
        match self {
            Collation::Binary => left.cmp(right),
            Collation::Utf8mb4Bin => compare_padded(left, right),
            _ => self.sort_key(left).cmp(&self.sort_key(right)),
        }
    }

    /// Bytes that are equal exactly where the texts are equal, and order as the texts do: the key
    /// of a hash, a unique index and a sort. Padding collations drop blanks at the end and mark
    /// the end with the weight of a blank, so that `"a\t"` still sorts before `"a"`.
    pub fn sort_key(self, text: &[u8]) -> Vec<u8> {
        if self == Collation::Binary {
            return text.to_vec();
        }
        let blanks = if self.pads() { trailing_blanks(text) } else { 0 };
        let text = &text[..text.len() - blanks];
        let mut key = Vec::with_capacity(text.len() * 3 + 3);
        // A text that is not UTF-8 can only come from a cast that checked nothing: its bytes
        // stand as code points.
        match std::str::from_utf8(text) {
            Ok(text) => text.chars().for_each(|c| self.push_weights(c, &mut key)),
            Err(_) => text.iter().for_each(|&byte| self.push_weights(char::from(byte), &mut key)),
        }
        if self.pads() {
            push_weight(&mut key, 0x20);
        }
        key
    }

    /// Whether two characters are the same to LIKE.
    pub fn same_char(self, left: char, right: char) -> bool {
        if left == right {
            return true;
        }
        match self {
            Collation::Binary | Collation::Utf8mb4Bin => false,
            _ => {
                let (mut a, mut b) = (Vec::new(), Vec::new());
                self.push_weights(left, &mut a);
                self.push_weights(right, &mut b);
                a == b
            }
        }
    }

    fn push_weights(self, c: char, key: &mut Vec<u8>) {
        match self {
            Collation::Binary | Collation::Utf8mb4Bin => push_weight(key, u32::from(c)),
            Collation::Utf8mb4GeneralCi => push_weight(key, general_weight(c)),
            Collation::Latin1SwedishCi => push_weight(key, swedish_weight(c)),
            Collation::Utf8mb40900AiCi => push_uca_weights(key, c),
        }
    }
}

fn trailing_blanks(text: &[u8]) -> usize {
    text.iter().rev().take_while(|&&byte| byte == b' ').count()
}

/// The shorter text stands as if filled up with blanks.
fn compare_padded(left: &[u8], right: &[u8]) -> Ordering {
    let common = left.len().min(right.len());
    let order = left[..common].cmp(&right[..common]);
    if order != Ordering::Equal {
        return order;
    }
    let rest = |text: &[u8]| {
        text[common..].iter().find(|&&byte| byte != b' ').map_or(Ordering::Equal, |b| b.cmp(&b' '))
    };
    rest(left).then(rest(right).reverse())
}

/// Three bytes hold any code point, so every weight is as wide as the next.
fn push_weight(key: &mut Vec<u8>, weight: u32) {
    key.extend_from_slice(&weight.to_be_bytes()[1..]);
}

/// `utf8mb4_general_ci`: upper case of the letter without its mark; beyond U+FFFF all are alike.
fn general_weight(c: char) -> u32 {
    if c == 'ß' {
        return u32::from('S');
    }
    if u32::from(c) > 0xFFFF {
        return 0xFFFD;
    }
    let base = base_letter(c).unwrap_or(c);
    u32::from(upper(base))
}

/// `latin1_swedish_ci`: Å, Ä (Æ) and Ö (Ø) are letters of their own behind Z; Ü is Y.
fn swedish_weight(c: char) -> u32 {
    let weight = match upper(c) {
        'Å' => 0x5B,
        'Ä' | 'Æ' => 0x5C,
        'Ö' | 'Ø' => 0x5D,
        'Ü' | 'Ý' => u32::from('Y'),
        'ÿ' | 'Ÿ' => 0xFF,
        'Ð' => u32::from('D'),
        'Þ' => 0xDE,
        'ß' => 0xDF,
        'Ç' | 'À' | 'Á' | 'Â' | 'Ã' | 'È'..='Ï' | 'Ñ' | 'Ò'..='Õ' | 'Ù'..='Û' => {
            u32::from(base_letter(upper(c)).unwrap_or(c))
        }
        other => u32::from(other),
    };
    // [ \ ] share their places with the three letters, as in the server's table.
    weight
}

fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// ASCII in the order of the UCA table, digits and letters aside.
const UCA_MARKS: &str = "\t\n\u{b}\u{c}\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

fn push_uca_weights(key: &mut Vec<u8>, c: char) {
    const DIGITS: u32 = 0x100;
    const LETTERS: u32 = 0x110;
    const OTHERS: u32 = 0x1000;
    let letter = |c: char| LETTERS + u32::from(c.to_ascii_lowercase()) - u32::from('a');
    match c {
        '0'..='9' => push_weight(key, DIGITS + u32::from(c) - u32::from('0')),
        'a'..='z' | 'A'..='Z' => push_weight(key, letter(c)),
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{300}'..='\u{36f}' => {}
        _ if c.is_ascii() => {
            let place = UCA_MARKS.chars().position(|mark| mark == c).unwrap_or(0);
            push_weight(key, 1 + place as u32);
        }
        // U+00A0 is a blank in the table's first level.
        '\u{a0}' => push_uca_weights(key, ' '),
        _ => match (two_letters(c), base_letter(c)) {
            (Some(pair), _) => pair.chars().for_each(|c| push_weight(key, letter(c))),
            (None, Some(base)) => push_weight(key, letter(base)),
            (None, None) => push_weight(key, OTHERS + u32::from(lower(c))),
        },
    }
}

fn two_letters(c: char) -> Option<&'static str> {
    match c {
        'ß' => Some("ss"),
        'æ' | 'Æ' => Some("ae"),
        'œ' | 'Œ' => Some("oe"),
        'ĳ' | 'Ĳ' => Some("ij"),
        _ => None,
    }
}

/// The ASCII letter under the marks, for letters of U+00C0 to U+017F that decompose (and the
/// stroked o, l and d, which the table treats the same).
fn base_letter(c: char) -> Option<char> {
    let base = match lower(c) {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => 'g',
        'ĥ' => 'h',
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' => 'i',
        'ĵ' => 'j',
        'ķ' => 'k',
        'ĺ' | 'ļ' | 'ľ' | 'ł' => 'l',
        'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => 'o',
        'ŕ' | 'ŗ' | 'ř' => 'r',
        'ś' | 'ŝ' | 'ş' | 'š' | 'ſ' => 's',
        'ţ' | 'ť' => 't',
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
        'ŵ' => 'w',
        'ý' | 'ÿ' | 'ŷ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        _ if c == 'İ' => 'i',
        _ => return None,
    };
    Some(if c.is_uppercase() { base.to_ascii_uppercase() } else { base })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_compare_as_the_collation_says() {
        use Collation::*;
        use Ordering::*;
        let cases = [
            (Utf8mb40900AiCi, "a", "A", Equal),
            (Utf8mb40900AiCi, "a", "a ", Less),
            (Utf8mb40900AiCi, "straße", "STRASSE", Equal),
            (Utf8mb40900AiCi, "résumé", "resume", Equal),
            (Utf8mb40900AiCi, "e\u{301}", "é", Equal),
            (Utf8mb40900AiCi, "_", "-", Less),
            (Utf8mb40900AiCi, "$", "0", Less),
            (Utf8mb40900AiCi, "9", "a", Less),
            (Utf8mb40900AiCi, "a\0", "a", Equal),
            (Utf8mb40900AiCi, "b", "aa", Greater),
            (Utf8mb40900AiCi, "я", "Я", Equal),
            (Utf8mb4GeneralCi, "a", "A  ", Equal),
            (Utf8mb4GeneralCi, "ß", "s", Equal),
            (Utf8mb4GeneralCi, "_", "A", Greater),
            (Utf8mb4Bin, "a", "A", Greater),
            (Utf8mb4Bin, "a", "a ", Equal),
            (Utf8mb4Bin, "a\t", "a", Less),
            (Utf8mb4GeneralCi, "a\t", "a", Less),
            (Latin1SwedishCi, "å", "z", Greater),
            (Latin1SwedishCi, "ü", "y", Equal),
            (Latin1SwedishCi, "é", "E", Equal),
            (Binary, "a", "a ", Less),
            (Binary, "a", "A", Greater),
        ];
        for (collation, left, right, expected) in cases {
            let order = collation.compare(left.as_bytes(), right.as_bytes());
            assert_eq!(order, expected, "{left:?} {right:?} in {}", collation.name());
            let keys = (collation.sort_key(left.as_bytes()), collation.sort_key(right.as_bytes()));
            assert_eq!(keys.0.cmp(&keys.1), expected, "keys of {left:?} {right:?}");
        }
    }
}
