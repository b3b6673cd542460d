//! Characters to collation elements.
//!
//! Most characters have one element; some expand to several, some join with those that follow
//! (`contraction`), and those that the table does not have get a weight from their number.
//! It knows nothing of the order of marks.

use super::contraction;
use super::table::{ROOT, Table};

/// A weight, and the combining class that says how far it may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    pub primary: u32,
    pub class: u8,
}

/// The ranges of the property Ideographic in Unicode 15.0, in order.
const IDEOGRAPHIC: [(u32, u32); 20] = [
    (0x3006, 0x3007),
    (0x3021, 0x3029),
    (0x3038, 0x303a),
    (0x3400, 0x4dbf),
    (0x4e00, 0x9fff),
    (0xf900, 0xfa6d),
    (0xfa70, 0xfad9),
    (0x16fe4, 0x16fe4),
    (0x17000, 0x187f7),
    (0x18800, 0x18cd5),
    (0x18d00, 0x18d08),
    (0x1b170, 0x1b2fb),
    (0x20000, 0x2a6df),
    (0x2a700, 0x2b739),
    (0x2b740, 0x2b81d),
    (0x2b820, 0x2cea1),
    (0x2ceb0, 0x2ebe0),
    (0x2f800, 0x2fa1d),
    (0x30000, 0x3134a),
    (0x31350, 0x323af),
];

/// Pushes the elements of the next character, and of those that join it; returns how many bytes
/// they were. None where the text is at its end.
pub(super) fn append_next(text: &str, out: &mut Vec<Element>) -> Option<usize> {
    let c = text.chars().next()?;
    let table = &*ROOT;
    match table.element(c) {
        0 => push_implicit(table, c, out),
        plain @ 1..0xb000_0000 => out.push(decode(plain)),
        start @ 0xb000_0000..0xe000_0000 => {
            return Some(push_contraction(table, start, c, text, out));
        }
        expansion @ 0xe000_0000..0xf000_0000 => push_expansion(table, expansion, out),
        decomposition => append_all(table.decomposition(decomposition & 0xffff), out),
    }
    Some(c.len_utf8())
}

fn append_all(mut text: &str, out: &mut Vec<Element>) {
    while let Some(consumed) = append_next(text, out) {
        text = &text[consumed..];
    }
}

fn push_contraction(
    table: &Table,
    start: u32,
    c: char,
    text: &str,
    out: &mut Vec<Element>,
) -> usize {
    let rest = &text[c.len_utf8()..];
    let found = contraction::find(table, start, rest);
    let offset = (start >> 16 & 0x1fff) as usize;
    match table.contraction_elements.get(offset + found.index).copied().unwrap_or(0) {
        expansion @ 0xe000_0000.. => push_expansion(table, expansion, out),
        plain => out.push(decode(plain)),
    }
    append_all(&found.gap, out);
    c.len_utf8() + found.len
}

fn push_expansion(table: &Table, element: u32, out: &mut Vec<Element>) {
    out.extend(table.expansion(element & 0xffff).iter().map(|element| decode(*element)));
}

/// Reads a plain element, of which there are four layouts.
fn decode(element: u32) -> Element {
    let primary = match element {
        0..0x8000_0000 => (element & 0x3fff_fe00) >> 9,
        0x8000_0000..=0xa000_0000 => element & 0xffff,
        _ => 0,
    };
    let class = match element {
        0..0x8000_0000 => 0,
        0x8000_0000..0xa000_0000 => element >> 16 & 0xff,
        _ => element >> 20 & 0xff,
    };
    Element { primary, class: class as u8 }
}

/// A character that the table does not have: a Hangul syllable is its letters, any other is placed
/// by its number, behind all that the table has.
fn push_implicit(table: &Table, c: char, out: &mut Vec<Element>) {
    let code = u32::from(c);
    if ('\u{ac00}'..='\u{d7a3}').contains(&c) {
        let syllable = code - 0xac00;
        let trailing = syllable % 28;
        let letters = [0x1100 + syllable / 588, 0x1161 + syllable % 588 / 28, 0x11a7 + trailing];
        let count = if trailing == 0 { 2 } else { 3 };
        let letters = letters[..count].iter().filter_map(|letter| char::from_u32(*letter));
        out.extend(letters.map(|letter| decode(table.element(letter))));
        return;
    }
    let is_ideographic = IDEOGRAPHIC.iter().any(|(first, last)| (*first..=*last).contains(&code));
    let offset = match code {
        0x4e00..=0x9fff | 0xf900..=0xfaff if is_ideographic => 0x10000,
        _ if is_ideographic => 0x20000,
        _ => 0x50000,
    };
    out.push(Element { primary: code + offset, class: 0 });
}
