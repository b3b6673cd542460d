//! Hexadecimal text with the error texts of Go's `encoding/hex`.
//!
//! It knows nothing of key ranges.

use crate::key::quote::quoted_code_point;

/// Why a text is not hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    #[error("encoding/hex: odd length hex string")]
    OddLength,
    #[error("encoding/hex: invalid byte: {}", quoted_code_point(char::from(*.0)))]
    InvalidByte(u8),
}

/// Renders bytes as lower-case digits.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    text
}

/// Reads digits of either case. The first invalid character from the left wins over an odd length.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, HexError> {
    if let Some(byte) = text.iter().find(|byte| !byte.is_ascii_hexdigit()) {
        return Err(HexError::InvalidByte(*byte));
    }
    if !text.len().is_multiple_of(2) {
        return Err(HexError::OddLength);
    }
    Ok(text.chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect())
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_or_says_why_not() {
        let check = |text: &str, expected: &str| {
            let got = match decode(text.as_bytes()) {
                Ok(bytes) => encode(&bytes),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{text}");
        };
        check("", "");
        check("00fFa0", "00ffa0");
        check("8", "encoding/hex: odd length hex string");
        check("8x", "encoding/hex: invalid byte: U+0078 'x'");
        check("80x", "encoding/hex: invalid byte: U+0078 'x'");
        check("x80", "encoding/hex: invalid byte: U+0078 'x'");
        check("\u{1}", "encoding/hex: invalid byte: U+0001");
    }
}
