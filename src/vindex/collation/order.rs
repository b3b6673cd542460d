//! Elements to a key: marks in canonical order, then the weights as bytes.
//!
//! A text need not be normalised; elements of marks are put in order while they come. See
//! `internal/colltab/iter.go`. It knows nothing of characters.

use super::elements::{Element, append_next};

/// How many elements wait for their order at most.
const BUFFER_MAX: usize = 30;

/// The collation key of a text: its primary weights.
pub fn key(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 2);
    let mut elements = Elements { text, buffer: Vec::new() };
    loop {
        let count = elements.next_in_order();
        if count == 0 {
            return out;
        }
        for element in elements.buffer.drain(..count) {
            push_weight(element.primary, &mut out);
        }
    }
}

fn push_weight(weight: u32, out: &mut Vec<u8>) {
    let [_, high, middle, low] = weight.to_be_bytes();
    match weight {
        0 => {}
        1..=0x7fff => out.extend([middle, low]),
        _ => out.extend([high | 0x80, middle, low]),
    }
}

struct Elements<'a> {
    text: &'a str,
    buffer: Vec<Element>,
}

impl Elements<'_> {
    /// How many elements at the front of the buffer are in their final order; none at the end.
    fn next_in_order(&mut self) -> usize {
        if self.buffer.is_empty() && !self.append_next() {
            return 0;
        }
        let starters = self.buffer.iter().take_while(|element| element.class == 0).count();
        let ends_in_starter = self.buffer.last().is_some_and(|element| element.class == 0);
        match (ends_in_starter, starters) {
            (true, _) => self.buffer.len(),
            (false, 0) => self.order_marks(),
            (false, starters) => starters,
        }
    }

    /// Moves each mark that comes in front of those of higher classes.
    fn order_marks(&mut self) -> usize {
        let mut previous = self.buffer.last().map_or(0, |element| element.class);
        loop {
            let len = self.buffer.len();
            if !self.append_next() {
                return self.buffer.len();
            }
            // A character without elements leaves the buffer as it is.
            let Some(class) = self.buffer.get(len).map(|element| element.class) else {
                continue;
            };
            if class == 0 || BUFFER_MAX < self.buffer.len() {
                return len;
            }
            if class < previous {
                let waiting = &self.buffer[..len];
                let later =
                    waiting.iter().rev().take_while(|element| class < element.class).count();
                let appended = self.buffer.len() - len;
                self.buffer[len - later..].rotate_right(appended);
            } else {
                previous = class;
            }
        }
    }

    fn append_next(&mut self) -> bool {
        match append_next(self.text, &mut self.buffer) {
            Some(consumed) => {
                self.text = &self.text[consumed..];
                true
            }
            None => false,
        }
    }
}
