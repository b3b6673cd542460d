//! The words of a statement that MySQL has no grammar for, one after the other.
//!
//! It knows nothing of what the words mean.

use std::sync::Arc;

use sim::sql::ast::{Expr, Ident, Query, SelectItem, Statement, TableName};

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// As written.
    Plain(Arc<str>),
    /// From within backquotes.
    Quoted(Arc<str>),
    /// From within quotes.
    Text(Arc<str>),
    /// One character: `(`, `,`, `=`, `.`, `*`.
    Sign(char),
}

/// A statement's words, and how far they are read.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    text: &'a str,
    /// Each with its first byte.
    words: Vec<(Word, usize)>,
    at: usize,
}

impl<'a> Words<'a> {
    /// Splits a text; none where a quote or a comment does not end.
    pub fn read(text: &'a str) -> Option<Words<'a>> {
        let mut words = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start();
            let start = text.len() - rest.len();
            let Some(first) = rest.chars().next() else {
                return Some(Words { text, words, at: 0 });
            };
            match first {
                '/' if rest.starts_with("/*") => {
                    rest = rest.split_once("*/")?.1;
                }
                '`' | '\'' | '"' => {
                    let (inner, behind) = quoted(rest, first)?;
                    let word = match first {
                        '`' => Word::Quoted(inner.into()),
                        _ => Word::Text(inner.into()),
                    };
                    words.push((word, start));
                    rest = behind;
                }
                c if is_plain(c) => {
                    let end = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
                    words.push((Word::Plain(rest[..end].into()), start));
                    rest = &rest[end..];
                }
                sign => {
                    words.push((Word::Sign(sign), start));
                    rest = &rest[sign.len_utf8()..];
                }
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.words.len()
    }

    /// Takes a word or a sign, whatever its case.
    pub fn accept(&mut self, expected: &str) -> bool {
        let found = self.is_next(expected);
        if found {
            self.at += 1;
        }
        found
    }

    /// Takes all of the words or none.
    pub fn accept_all(&mut self, expected: &[&str]) -> bool {
        let before = self.at;
        let found = expected.iter().all(|word| self.accept(word));
        if !found {
            self.at = before;
        }
        found
    }

    pub fn expect(&mut self, expected: &str) -> Option<()> {
        self.accept(expected).then_some(())
    }

    fn is_next(&self, expected: &str) -> bool {
        match self.words.get(self.at) {
            Some((Word::Plain(word), _)) => word.eq_ignore_ascii_case(expected),
            Some((Word::Sign(sign), _)) => expected.chars().eq([*sign]),
            _ => false,
        }
    }

    /// The next word, which must not be in quotes.
    pub fn word(&mut self) -> Option<&str> {
        match self.words.get(self.at)? {
            (Word::Plain(word), _) => {
                self.at += 1;
                Some(word)
            }
            _ => None,
        }
    }

    /// A name, in backquotes or not.
    pub fn name(&mut self) -> Option<Ident> {
        match self.words.get(self.at)? {
            (Word::Plain(word) | Word::Quoted(word), _) => {
                self.at += 1;
                Some(Ident(word.clone()))
            }
            _ => None,
        }
    }

    /// What stands in quotes.
    pub fn text(&mut self) -> Option<&str> {
        match self.words.get(self.at)? {
            (Word::Text(text), _) => {
                self.at += 1;
                Some(text)
            }
            _ => None,
        }
    }

    pub fn table_name(&mut self) -> Option<TableName> {
        let first = self.name()?;
        if self.accept(".") {
            return Some(TableName { qualifier: Some(first), name: self.name()? });
        }
        Some(TableName { qualifier: None, name: first })
    }

    /// `(a, b)`.
    pub fn names_in_parens(&mut self) -> Option<Vec<Ident>> {
        self.expect("(")?;
        let mut names = vec![self.name()?];
        while self.accept(",") {
            names.push(self.name()?);
        }
        self.expect(")")?;
        Some(names)
    }

    /// The expression up to one of these words, or to the end.
    pub fn expr_until(&mut self, ends: &[&str]) -> Option<Expr> {
        let start = self.words.get(self.at)?.1;
        while !self.is_at_end() && !ends.iter().any(|end| self.is_next(end)) {
            self.at += 1;
        }
        let end = self.words.get(self.at).map_or(self.text.len(), |(_, start)| *start);
        expr(&self.text[start..end])
    }
}

fn expr(text: &str) -> Option<Expr> {
    let Ok(Statement::Query(Query::Select(select))) =
        sim::sql::parse(&format!("select 1 from dual where {text}"))
    else {
        return None;
    };
    let is_alone = matches!(&select.items[..], [SelectItem::Expr { .. }])
        && select.group_by.is_empty()
        && select.order_by.is_empty()
        && select.limit.is_none();
    select.filter.filter(|_| is_alone)
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '@' | '-' | ':' | '/')
}

/// What is within the quotes that a text starts with, and what is behind them.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                    inner.push(quote);
                }
                _ => return Some((inner, &text[at + 1..])),
            }
        } else if c == '\\' && quote != '`' {
            inner.push(chars.next()?.1);
        } else {
            inner.push(c);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_order() {
        let mut words = Words::read("Alter /* x */ `a b`.c ('it''s', d) where x = 'limit' limit 5");
        let words = words.as_mut().unwrap();
        assert_eq!(words.word(), Some("Alter"));
        assert_eq!(words.table_name().unwrap().to_string(), "`a b`.c");
        assert!(words.accept("("));
        assert_eq!(words.text(), Some("it's"));
        assert!(words.accept_all(&[",", "D", ")", "where"]));
        assert_eq!(words.expr_until(&["limit"]).unwrap().to_string(), "x = 'limit'");
        assert!(words.accept("limit") && !words.is_at_end());
        assert!(Words::read("a 'b").is_none());
        assert!(Words::read("/* a").is_none());
    }
}
