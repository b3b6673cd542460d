//! Tokens of a plain text, without sqlparser's tokenizer.
//!
//! Most statements hold words, numbers, simple texts and signs that stand for themselves, all in
//! ASCII. They are read here in one pass, blanks dropped. Whatever has more than one reading (a
//! comment, a backslash, `@`, `0x1F`, `b'1'`, two signs that may be one) is left to sqlparser, text
//! and all: a test holds that both give the same tokens.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

/// The tokens; none of a text that is not plain.
pub fn tokens(text: &str) -> Option<Vec<TokenWithSpan>> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, line: 1, line_start: 0 };
    let mut tokens = Vec::with_capacity(text.len() / 4 + 4);
    while reader.skip_blanks() {
        let start = reader.location();
        let token = reader.token(tokens.last())?;
        tokens.push(TokenWithSpan::at(token, start, reader.location()));
    }
    Some(tokens)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: u64,
    /// The first byte of the line.
    line_start: usize,
}

impl<'a> Reader<'a> {
    /// Whether there is more behind the blanks.
    fn skip_blanks(&mut self) -> bool {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    self.line_start = self.at;
                }
                _ => return true,
            }
        }
        false
    }

    fn location(&self) -> Location {
        Location { line: self.line, column: (self.at - self.line_start + 1) as u64 }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn token(&mut self, last: Option<&TokenWithSpan>) -> Option<Token> {
        let first = self.peek(0)?;
        if first.is_ascii_alphabetic() || first == b'_' {
            return self.word();
        }
        if first.is_ascii_digit() {
            return self.number(last);
        }
        let (token, length) = match (first, self.peek(1)) {
            (b'\'', _) => return self.quoted(b'\'').map(Token::SingleQuotedString),
            (b'`', _) => {
                let value = self.quoted(b'`').filter(|name| !name.is_empty())?;
                let (quote_style, keyword) = (Some('`'), Keyword::NoKeyword);
                return Some(Token::Word(Word { value, quote_style, keyword }));
            }
            (b'(', _) => (Token::LParen, 1),
            (b')', _) => (Token::RParen, 1),
            (b',', _) => (Token::Comma, 1),
            (b';', _) => (Token::SemiColon, 1),
            (b'+', _) => (Token::Plus, 1),
            (b'*', Some(b'/')) => return None,
            (b'*', _) => (Token::Mul, 1),
            (b'.', Some(next)) if next.is_ascii_alphabetic() || next == b'`' || next == b'*' => {
                (Token::Period, 1)
            }
            (b':', Some(next)) if is_name(next) && !next.is_ascii_digit() => (Token::Colon, 1),
            (b':', Some(b':'))
                if self.peek(2).is_some_and(|b| is_name(b) && !b.is_ascii_digit()) =>
            {
                (Token::DoubleColon, 2)
            }
            (b'!', Some(b'=')) if self.ends_sign(2) => (Token::Neq, 2),
            (b'<', Some(b'>')) if self.ends_sign(2) => (Token::Neq, 2),
            (b'<', Some(b'=')) if self.ends_sign(2) => (Token::LtEq, 2),
            (b'>', Some(b'=')) if self.ends_sign(2) => (Token::GtEq, 2),
            (b'<', _) if self.ends_sign(1) => (Token::Lt, 1),
            (b'>', _) if self.ends_sign(1) => (Token::Gt, 1),
            (b'=', _) if self.ends_sign(1) => (Token::Eq, 1),
            (b'-', _) if self.ends_sign(1) => (Token::Minus, 1),
            (b'/', _) if self.ends_sign(1) => (Token::Div, 1),
            _ => return None,
        };
        self.at += length;
        Some(token)
    }

    /// A sign of so many bytes is no part of a longer one.
    fn ends_sign(&self, length: usize) -> bool {
        match self.peek(length) {
            Some(b' ' | b'\t' | b'\n' | b'(' | b')' | b'\'' | b'`' | b':' | b',') | None => true,
            Some(byte) => is_name(byte),
        }
    }

    fn word(&mut self) -> Option<Token> {
        let word = self.run(is_name);
        match self.peek(0) {
            // A character set, or another kind of text.
            Some(b'\'' | b'"' | b'@' | b'$') => None,
            _ => Some(Token::make_word(word, None)),
        }
    }

    fn number(&mut self, last: Option<&TokenWithSpan>) -> Option<Token> {
        // `t.1` may be a name.
        if last.is_some_and(|last| last.token == Token::Period) {
            return None;
        }
        let start = self.at;
        self.run(|byte| byte.is_ascii_digit());
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
            self.run(|byte| byte.is_ascii_digit());
        }
        match self.peek(0) {
            Some(b'.' | b'@' | b'$') => None,
            Some(byte) if is_name(byte) => None,
            _ => Some(Token::Number(self.text.get(start..self.at)?.to_owned(), false)),
        }
    }

    /// What stands between quotes, which nothing within escapes.
    fn quoted(&mut self, quote: u8) -> Option<String> {
        self.at += 1;
        let inner = self
            .run(|byte| !matches!(byte, b'\'' | b'`' | b'\\' | b'\n' | b'\r') && byte.is_ascii());
        let inner = inner.to_owned();
        let is_whole = self.peek(0) == Some(quote) && self.peek(1) != Some(quote);
        self.at += 1;
        is_whole.then_some(inner)
    }

    fn run(&mut self, is_part: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self.peek(0).is_some_and(&is_part) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or("")
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqlparser::tokenizer::Tokenizer;

    use super::*;
    use crate::sql::lower::dialect::Dialect;

    fn theirs(text: &str) -> Option<Vec<TokenWithSpan>> {
        let dialect = Dialect::default();
        let tokens = Tokenizer::new(&dialect, text).with_unescape(false).tokenize_with_location();
        let is_blank = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_));
        tokens.ok().map(|all| all.into_iter().filter(|token| !is_blank(token)).collect())
    }

    #[test]
    fn usual_statements_are_plain() {
        for text in [
            "select a.b, `c d` from t where x<=5 and y != -1.5 and z in ::list or w = :v1",
            "insert into t(a, b)\nvalues (1, 'it'), (2.25, '')",
            "update t set a = a+1 where b <> 'x';",
            "select count(*), t.* from t",
        ] {
            assert_eq!(tokens(text), theirs(text), "{text}");
            assert!(tokens(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_has_more_readings_is_not() {
        for text in [
            "select 'it''s'",
            "select 'a\\'b'",
            "select /* x */ 1",
            "select 1 -- x",
            "select @a",
            "select 0x1F",
            "select b'1'",
            "select 1e5",
            "select _utf8mb4 'a' # x",
            "select a->b",
            "select 1.",
            "select t.1",
            "select \"a\"",
            "select a || b",
            "select é",
            "select 5%3",
            "select a<<2",
            "select ?",
            "select x:=1",
            "select a<=>b",
            "select 'a",
            "select .5",
        ] {
            assert_eq!(tokens(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_readers_agree(
            text in "([a-cnxN_01 .,()';`:=<>!*+/-]|\n| and |select|t\\.a|'a'|\\$|@|\\?|%|\"){0,24}"
        ) {
            if let Some(own) = tokens(&text) {
                prop_assert_eq!(Some(own), theirs(&text));
            }
        }
    }
}
