//! Tokens, rewritten to what sqlparser's grammar understands.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

use super::DEPTH_MAX;
use super::dialect::{Dialect, MARK};
use super::lowered::Lowered;
use super::plain;
use crate::sql::ast::Comments;
use crate::sql::parse::ParseError;

/// A text as the grammar reads it.
pub struct Scanned<'a> {
    pub text: &'a str,
    /// Until the parser takes them.
    pub tokens: Vec<TokenWithSpan>,
    /// Comments right after a verb, by the verb's place.
    pub comments: BTreeMap<Location, Comments>,
    line_starts: Vec<usize>,
    last_offset: Cell<(Location, usize)>,
}

pub fn scan(text: &str) -> Result<Scanned<'_>, ParseError> {
    let line_starts = std::iter::once(0)
        .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
        .collect();
    let mut scanned = Scanned {
        text,
        tokens: Vec::new(),
        comments: BTreeMap::new(),
        line_starts,
        last_offset: Cell::new((Location::empty(), 0)),
    };
    let dialect = Dialect::default();
    if let Some(tokens) = plain::tokens(text) {
        scanned.tokens = scanned.rewritten(tokens);
        scanned.check_depth()?;
        return Ok(scanned);
    }
    let raw = Tokenizer::new(&dialect, text)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| scanned.error_at(error.location))?;
    let tokens = scanned.without_blanks(raw);
    scanned.tokens = scanned.rewritten(tokens);
    scanned.check_depth()?;
    Ok(scanned)
}

impl Scanned<'_> {
    pub fn error_at(&self, location: Location) -> ParseError {
        if location.line == 0 {
            return ParseError::at(self.text, self.text.len(), 0);
        }
        let position = self.offset(location);
        let token = self.tokens.iter().find(|token| token.span.start == location);
        let length = token.map_or(1, |token| self.offset(token.span.end).saturating_sub(position));
        ParseError::at(self.text, position, length)
    }

    /// The byte at a line and column; columns count characters.
    pub fn offset(&self, location: Location) -> usize {
        let line = usize::try_from(location.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(&start) = self.line_starts.get(line) else { return self.text.len() };
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
        // Most questions come in the order of the text: step on from the last answer.
        let (last, offset) = self.last_offset.get();
        let (start, column) = if last.line == location.line && last.column <= location.column {
            (offset, column + 1 - last.column as usize)
        } else {
            (start, column)
        };
        let rest = &self.text[start..];
        let found = start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
        self.last_offset.set((location, found));
        found
    }

    pub fn source(&self, token: &TokenWithSpan) -> &str {
        self.text.get(self.offset(token.span.start)..self.offset(token.span.end)).unwrap_or("")
    }

    /// Drops blanks and comments; the comments right behind a verb are kept aside.
    fn without_blanks(&mut self, raw: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
        let mut tokens: Vec<TokenWithSpan> = Vec::with_capacity(raw.len());
        for token in raw {
            let comment = match &token.token {
                Token::Whitespace(Whitespace::MultiLineComment(text)) => format!("/*{text}*/"),
                Token::Whitespace(Whitespace::SingleLineComment { comment, prefix }) => {
                    format!("{prefix}{}", comment.trim_end_matches(['\n', '\r']))
                }
                Token::Whitespace(_) => continue,
                _ => {
                    tokens.push(token);
                    continue;
                }
            };
            // The printer's own note of an argument's type: `:x /* INT16 */`.
            if let [.., colon, name] = tokens.as_mut_slice()
                && colon.token == Token::Colon
                && colon.span.end == name.span.start
                && let Token::Word(word) = &mut name.token
                && let Some(ty) = argument_type(&comment)
            {
                word.value = format!("{}{MARK}{ty}", word.value);
                continue;
            }
            if let Some(verb) = tokens.last().filter(|token| is_verb(&token.token)) {
                let comments = self.comments.entry(verb.span.start).or_default();
                comments.0.push(Arc::from(comment));
            }
        }
        tokens
    }

    fn rewritten(&self, tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
        let capacity = tokens.len() + 2;
        let mut rewriter = Rewriter {
            scanned: self,
            tokens,
            at: 0,
            output: Vec::with_capacity(capacity),
            levels: vec![From::default()],
            parameters: 0,
            run: (0, false),
        };
        rewriter.run();
        rewriter.output
    }

    /// Bounds the depth of every tree that the tokens can stand for: open parentheses and CASEs,
    /// plus the operators since the last separator at each of their levels. AND, OR and lists are
    /// flat and do not count; a query within a query counts for several, as its tree is deeper.
    fn check_depth(&self) -> Result<(), ParseError> {
        let mut levels: Vec<Level> = vec![Level::default()];
        let mut depth = 1;
        for (at, token) in self.tokens.iter().enumerate() {
            let Some(level) = levels.last_mut() else { break };
            match token_weight(&token.token) {
                Weight::Open => {
                    levels.push(Level { case: token.token != Token::LParen, ..Level::default() });
                    depth += 1;
                }
                Weight::Close => {
                    let case = token.token != Token::RParen;
                    while 1 < levels.len() && levels.last().is_some_and(|level| level.case || !case)
                    {
                        let Some(level) = levels.pop() else { break };
                        depth -= 1 + level.operators + level.kept;
                        if level.case == case {
                            break;
                        }
                    }
                }
                Weight::Between => {
                    level.betweens += 1;
                    level.operators += 1;
                    depth += 1;
                }
                Weight::Operator => {
                    level.operators += 1;
                    depth += 1;
                }
                // Every join and every arm of a union is one deeper than the one before.
                Weight::Join => {
                    depth -= level.operators;
                    (level.operators, level.betweens) = (0, 0);
                    level.kept += 1;
                    depth += 1;
                }
                // The AND of a BETWEEN ends nothing.
                Weight::And if 0 < level.betweens => level.betweens -= 1,
                Weight::And | Weight::Separator => {
                    depth -= level.operators;
                    (level.operators, level.betweens) = (0, 0);
                    if level.query_begins(at, &self.tokens) {
                        level.kept += QUERY_DEPTH;
                        depth += QUERY_DEPTH;
                    }
                }
                Weight::None => {}
            }
            if DEPTH_MAX < depth {
                return Err(self.error_at(token.span.start));
            }
        }
        Ok(())
    }
}

const QUERY_DEPTH: usize = 3;

#[derive(Default)]
struct Level {
    /// Opened by CASE, not by a parenthesis.
    case: bool,
    operators: usize,
    betweens: usize,
    /// What no separator takes back.
    kept: usize,
}

impl Level {
    /// `(select` or `(with`.
    fn query_begins(&self, at: usize, tokens: &[TokenWithSpan]) -> bool {
        let first = 0 < at && tokens[at - 1].token == Token::LParen;
        first && (is_word(&tokens[at].token, "select") || is_word(&tokens[at].token, "with"))
    }
}

enum Weight {
    Open,
    Close,
    Operator,
    Join,
    Separator,
    And,
    Between,
    None,
}

fn token_weight(token: &Token) -> Weight {
    match token {
        Token::LParen => Weight::Open,
        Token::RParen => Weight::Close,
        Token::Comma | Token::SemiColon => Weight::Separator,
        Token::Word(word) if word.quote_style.is_some() => Weight::None,
        Token::Word(word) => match Lowered::of(&word.value).as_str() {
            "case" => Weight::Open,
            "end" => Weight::Close,
            "and" => Weight::And,
            "between" => Weight::Between,
            // All of them are reserved: none can be a name within an expression.
            "or" | "select" | "from" | "where" | "having" | "group" | "order" | "by" | "limit"
            | "on" | "when" | "then" | "else" | "set" | "with" => Weight::Separator,
            "join" | "straight_join" | "union" => Weight::Join,
            "not" | "xor" | "div" | "mod" | "is" | "in" | "like" | "regexp" | "rlike"
            | "collate" | "binary" | "interval" | "member" | "explain" | "describe" | "desc"
            | "analyze" => Weight::Operator,
            _ => Weight::None,
        },
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::HexStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::Placeholder(_)
        | Token::Period
        | Token::EOF => Weight::None,
        _ => Weight::Operator,
    }
}

/// `/* INT16 */` or `/* DECIMAL(10,2) */`.
fn argument_type(comment: &str) -> Option<&str> {
    let ty = comment.strip_prefix("/* ")?.strip_suffix(" */")?;
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "_(), ".contains(c);
    (ty.starts_with(|c: char| c.is_ascii_uppercase()) && ty.chars().all(plain)).then_some(ty)
}

fn is_verb(token: &Token) -> bool {
    const VERBS: &[&str] = &[
        "select", "insert", "update", "delete", "replace", "values", "create", "alter", "drop",
        "show", "set", "explain", "use", "call", "analyze",
    ];
    match token {
        Token::Word(word) if word.quote_style.is_none() => {
            VERBS.contains(&Lowered::of(&word.value).as_str())
        }
        _ => false,
    }
}

struct Rewriter<'a> {
    scanned: &'a Scanned<'a>,
    tokens: Vec<TokenWithSpan>,
    at: usize,
    output: Vec<TokenWithSpan>,
    levels: Vec<From>,
    /// Question marks so far.
    parameters: usize,
    /// Where the current run of opening parentheses ends, and whether a query follows it.
    run: (usize, bool),
}

/// Where the FROM clause stands at one level of parentheses.
#[derive(Clone, Copy, Default)]
struct From {
    /// Between FROM and the next clause.
    inside: bool,
    /// The parentheses are those of a list of tables.
    list: bool,
}

impl Rewriter<'_> {
    fn run(&mut self) {
        while self.at < self.tokens.len() {
            self.step();
        }
    }

    fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|token| &token.token)
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        self.token(ahead).is_some_and(|token| is_word(token, word))
    }

    /// No blank stands between a token and the next.
    fn adjacent(&self, ahead: usize) -> bool {
        match (self.tokens.get(self.at + ahead), self.tokens.get(self.at + ahead + 1)) {
            (Some(left), Some(right)) => left.span.end == right.span.start,
            _ => false,
        }
    }

    /// Writes a token in place of the next `count` ones.
    fn replace(&mut self, token: Token, count: usize) {
        let first = self.tokens[self.at].span;
        let last = self.tokens[self.at + count - 1].span;
        self.output.push(TokenWithSpan::at(token, first.start, last.end));
        self.at += count;
    }

    fn push(&mut self, token: Token) {
        let span = self.tokens[self.at.min(self.tokens.len() - 1)].span;
        self.output.push(TokenWithSpan::at(token, span.start, span.end));
    }

    fn follows_a_name(&self) -> bool {
        match self.output.last().map(|token| &token.token) {
            Some(Token::Word(word)) => word.quote_style.is_some() || !is_before_list(word.keyword),
            _ => false,
        }
    }

    fn step(&mut self) {
        // Only the places of tokens are looked at once they are behind.
        let token = match &mut self.tokens[self.at].token {
            Token::LParen => Token::LParen,
            other => std::mem::replace(other, Token::EOF),
        };
        let within = self.levels.last().copied().unwrap_or_default();
        match token {
            Token::LParen => {
                let list = self.opens_table_list(within);
                self.levels.push(From { inside: list, list });
                self.replace(token, 1);
            }
            Token::RParen => {
                if 1 < self.levels.len() {
                    self.levels.pop();
                }
                self.replace(token, 1);
            }
            // `(a, b)` as one side of a join: CROSS APPLY is no operator of MySQL's.
            Token::Comma if within.list => {
                self.push(Token::make_keyword("CROSS"));
                self.replace(Token::make_keyword("APPLY"), 1);
            }
            // A double-quoted text is a text.
            Token::SingleQuotedString(text) | Token::NationalStringLiteral(text) => {
                self.replace(Token::SingleQuotedString(unescaped(&text, '\'')), 1);
            }
            Token::DoubleQuotedString(text) => {
                self.replace(Token::SingleQuotedString(unescaped(&text, '"')), 1);
            }
            Token::DoubleQuotedByteStringLiteral(digits) => {
                self.replace(Token::SingleQuotedByteStringLiteral(digits), 1);
            }
            // `0xAB` stays as it was written, which `X'AB'` does not.
            Token::HexStringLiteral(_) => {
                let source = self.scanned.source(&self.tokens[self.at]).to_owned();
                if source.starts_with('0') {
                    self.replace(Token::Number(source, false), 1);
                } else {
                    self.replace(token, 1);
                }
            }
            Token::Word(word) => self.word(word),
            Token::Colon => match self.token(1) {
                Some(Token::Word(name)) if self.adjacent(0) => {
                    let name = format!(":{}", name.value);
                    self.replace(Token::Placeholder(name), 2);
                }
                _ => self.replace(token, 1),
            },
            Token::DoubleColon => match self.token(1) {
                // After a name the parentheses would make it a call.
                Some(Token::Word(name)) if self.adjacent(0) && !self.follows_a_name() => {
                    let name = format!("::{}", name.value);
                    self.push(Token::LParen);
                    self.replace(Token::Placeholder(name), 2);
                    self.at -= 1;
                    self.push(Token::RParen);
                    self.at += 1;
                }
                _ => self.replace(token, 1),
            },
            // A parameter by position is a bind variable by number.
            Token::Placeholder(name) if name == "?" => {
                self.parameters += 1;
                self.replace(Token::Placeholder(format!(":v{}", self.parameters)), 1);
            }
            Token::DoubleExclamationMark => {
                self.push(Token::ExclamationMark);
                self.replace(Token::ExclamationMark, 1);
            }
            Token::ExclamationMarkTilde => {
                self.push(Token::ExclamationMark);
                self.replace(Token::Tilde, 1);
            }
            // `@` before a quoted name is a user variable.
            Token::AtSign => match self.token(1) {
                Some(Token::Word(name)) if self.adjacent(0) => {
                    let name = format!("@{}", name.value);
                    self.replace(Token::Word(quoted_word(name)), 2);
                }
                _ => self.replace(token, 1),
            },
            _ => self.replace(token, 1),
        }
    }

    fn word(&mut self, word: Word) {
        if word.quote_style.is_some() {
            let name = word.value.replace("``", "`");
            return self.replace(Token::Word(quoted_word(name)), 1);
        }
        let lower = Lowered::of(&word.value);
        let lower = lower.as_str();
        self.note_clause(lower);
        // A shard target: `ks[-80].t`.
        if self.token(1) == Some(&Token::LBracket) && self.adjacent(0) {
            let close = (2..8).find(|&ahead| self.token(ahead) == Some(&Token::RBracket));
            if let Some(close) = close {
                let start = self.scanned.offset(self.tokens[self.at].span.start);
                let end = self.scanned.offset(self.tokens[self.at + close].span.end);
                let name = self.scanned.text.get(start..end).unwrap_or("").to_owned();
                return self.replace(Token::Word(quoted_word(name)), close + 1);
            }
        }
        // A user variable with a quoted name.
        if matches!(word.value.as_str(), "@" | "@@")
            && self.adjacent(0)
            && let Some(Token::Word(name)) = self.token(1)
        {
            let name = format!("{}{}", word.value, name.value);
            return self.replace(Token::Word(quoted_word(name)), 2);
        }
        // `0b01`, which is read as a name.
        if let Some(digits) = word.value.strip_prefix("0b").or(word.value.strip_prefix("0B"))
            && !digits.is_empty()
            && digits.bytes().all(|digit| matches!(digit, b'0' | b'1'))
        {
            return self.replace(Token::SingleQuotedByteStringLiteral(digits.to_owned()), 1);
        }
        match lower {
            // `use vindex (a)` is a hint for an index with marked names.
            "vindex" if self.after_hint_word() && self.token(1) == Some(&Token::LParen) => {
                self.replace(Token::make_keyword("INDEX"), 1);
                self.replace(Token::LParen, 1);
                while let Some(Token::Word(name)) = self.token(0) {
                    let name = format!("{MARK}{}", name.value);
                    self.replace(Token::Word(quoted_word(name)), 1);
                    if self.token(0) == Some(&Token::Comma) {
                        self.replace(Token::Comma, 1);
                    }
                }
            }
            // `lock in share mode` is a `for share` of a marked table.
            "lock"
                if self.is_word(1, "in") && self.is_word(2, "share") && self.is_word(3, "mode") =>
            {
                self.push(Token::make_keyword("FOR"));
                self.push(Token::make_keyword("SHARE"));
                self.push(Token::make_keyword("OF"));
                self.replace(Token::Word(quoted_word(MARK.to_string())), 4);
            }
            // `next 5 values` is a call of a marked function.
            "next" if self.output.last().is_some_and(|token| is_word(&token.token, "select")) => {
                let values = |ahead| self.is_word(ahead, "values") || self.is_word(ahead, "value");
                let is_count = matches!(self.token(1), Some(Token::Number(..) | Token::Colon));
                let length = if is_count && values(2) {
                    3
                } else if is_count && values(3) {
                    4
                } else if values(1) {
                    2
                } else {
                    return self.replace(Token::Word(word), 1);
                };
                let count = match (self.token(1), self.token(2)) {
                    (Some(Token::Number(count, _)), _) => Token::Number(count.clone(), false),
                    (Some(Token::Colon), Some(Token::Word(name))) => {
                        Token::Placeholder(format!(":{}", name.value))
                    }
                    _ => Token::Number("1".to_owned(), false),
                };
                self.push(Token::Word(quoted_word(format!("{MARK}next"))));
                self.push(Token::LParen);
                self.push(count);
                self.replace(Token::RParen, length);
            }
            _ => self.replace(Token::Word(word), 1),
        }
    }

    fn opens_table_list(&mut self, within: From) -> bool {
        let opens = match self.output.last().map(|token| &token.token) {
            Some(Token::LParen) => within.list,
            Some(Token::Comma) => within.inside,
            Some(token) => {
                ["from", "join", "straight_join", "apply"].iter().any(|word| is_word(token, word))
            }
            None => false,
        };
        opens && !self.parentheses_hold_query()
    }

    /// What stands behind this run of opening parentheses; looked up once a run.
    fn parentheses_hold_query(&mut self) -> bool {
        if self.run.0 <= self.at {
            let mut end = self.at;
            while self.tokens.get(end).is_some_and(|token| token.token == Token::LParen) {
                end += 1;
            }
            let first = self.tokens.get(end);
            let is_query = first.is_some_and(|first| {
                ["select", "with", "values"].iter().any(|word| is_word(&first.token, word))
            });
            self.run = (end, is_query);
        }
        self.run.1
    }

    /// FROM opens a list of tables, the next clause closes it.
    fn note_clause(&mut self, word: &str) {
        let Some(level) = self.levels.last_mut() else { return };
        match word {
            "from" => level.inside = true,
            "where" | "group" | "having" | "order" | "limit" | "on" | "using" | "select"
            | "set" => {
                level.inside = false;
            }
            "join" | "straight_join" => level.inside = true,
            _ => {}
        }
    }

    fn after_hint_word(&self) -> bool {
        self.output
            .last()
            .is_some_and(|token| is_word(&token.token, "use") || is_word(&token.token, "ignore"))
    }
}

pub fn is_word(token: &Token, expected: &str) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected)
        }
        _ => false,
    }
}

fn quoted_word(value: String) -> Word {
    Word { value, quote_style: Some('`'), keyword: Keyword::NoKeyword }
}

/// A text's content: escapes and doubled quotes read, the pairs `\%` and `\_` kept for LIKE.
fn unescaped(raw: &str, quote: char) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            // The other one of a pair.
            chars.next();
            text.push(c);
            continue;
        }
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            None => text.push('\\'),
            Some('0') => text.push('\0'),
            Some('b') => text.push('\u{8}'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('Z') => text.push('\u{1a}'),
            Some(kept @ ('%' | '_')) => {
                text.push('\\');
                text.push(kept);
            }
            Some(other) => text.push(other),
        }
    }
    text
}

/// Words that an expression may follow.
fn is_before_list(keyword: Keyword) -> bool {
    use Keyword::*;
    matches!(
        keyword,
        IN | VALUES
            | SELECT
            | WHERE
            | AND
            | OR
            | XOR
            | NOT
            | HAVING
            | BY
            | ON
            | WHEN
            | THEN
            | ELSE
            | CASE
            | BETWEEN
            | LIKE
            | DISTINCT
            | LIMIT
            | OFFSET
    )
}
