//! The grammar's hands: looking at the next token, taking it, demanding it; and the first word of
//! a statement.

use sqlparser::ast as theirs;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::dialect::{Dialect, is_reserved};
use super::lowered::Lowered;
use super::scan::{Scanned, is_word};
use super::{DEPTH_MAX, Parsed, Refused, expr, query, refuse};
use crate::sql::ast::{ColumnName, Comments, Expr, Ident, OrderBy, Query, Statement, TableName};

pub struct Grammar<'a> {
    pub parser: Parser<'a>,
    pub scanned: &'a Scanned<'a>,
}

impl<'a> Grammar<'a> {
    pub fn new(
        scanned: &'a Scanned<'a>,
        tokens: Vec<TokenWithSpan>,
        dialect: &'a Dialect,
    ) -> Grammar<'a> {
        // Every level of ours is a few calls of theirs.
        let parser = Parser::new(dialect)
            .with_recursion_limit(DEPTH_MAX * 16)
            .with_tokens_with_locations(tokens);
        Grammar { parser, scanned }
    }

    /// One statement, and nothing but a semicolon behind it.
    pub fn statement(&mut self) -> Parsed<Statement> {
        let statement = self.any_statement()?;
        self.accept_token(&Token::SemiColon);
        if self.peek().token == Token::EOF { Ok(statement) } else { refuse() }
    }

    pub fn any_statement(&mut self) -> Parsed<Statement> {
        let token = self.peek().clone();
        let Token::Word(word) = &token.token else {
            return match token.token {
                Token::LParen => self.query_statement(),
                _ => refuse(),
            };
        };
        if word.quote_style.is_some() {
            return refuse();
        }
        match word.value.to_ascii_lowercase().as_str() {
            "select" | "values" | "table" => self.query_statement(),
            "with" => self.with_statement(),
            "insert" | "replace" => self.insert(),
            "update" => self.update(None),
            "delete" => self.delete(None),
            "create" => self.create(),
            "alter" => self.alter(),
            "drop" => self.drop(),
            "truncate" => self.truncate(),
            "rename" => self.rename(),
            "begin" | "start" | "commit" | "rollback" | "savepoint" | "release" => {
                self.transaction()
            }
            "set" => self.set(),
            "use" => self.use_database(),
            "show" => self.show(),
            "explain" | "describe" | "desc" => self.explain(),
            "lock" | "unlock" => self.lock(),
            "prepare" | "execute" | "deallocate" => self.prepared(),
            "kill" => self.kill(),
            "analyze" => self.analyze(),
            "flush" => self.flush(),
            "call" => self.call(),
            "load" | "repair" | "optimize" | "do" => self.verbatim(),
            _ => refuse(),
        }
    }

    // ------------------------------------------------------------ tokens

    pub fn peek(&self) -> &TokenWithSpan {
        self.parser.peek_token_ref()
    }

    pub fn location(&self) -> Location {
        self.peek().span.start
    }

    pub fn advance(&mut self) -> TokenWithSpan {
        self.parser.next_token()
    }

    pub fn peek_word(&self, ahead: usize, word: &str) -> bool {
        is_word(&self.parser.peek_nth_token_ref(ahead).token, word)
    }

    pub fn peek_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.peek_word(ahead, word))
    }

    pub fn at_end(&self) -> bool {
        matches!(self.peek().token, Token::EOF | Token::SemiColon)
    }

    pub fn accept(&mut self, word: &str) -> bool {
        self.accept_all(&[word])
    }

    /// Takes all of the words or none.
    pub fn accept_all(&mut self, words: &[&str]) -> bool {
        let found = self.peek_words(words);
        if found {
            words.iter().for_each(|_| self.parser.advance_token());
        }
        found
    }

    pub fn expect(&mut self, word: &str) -> Parsed<()> {
        if self.accept(word) { Ok(()) } else { refuse() }
    }

    pub fn expect_all(&mut self, words: &[&str]) -> Parsed<()> {
        words.iter().try_for_each(|word| self.expect(word))
    }

    pub fn accept_token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    pub fn expect_token(&mut self, token: &Token) -> Parsed<()> {
        if self.accept_token(token) { Ok(()) } else { refuse() }
    }

    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.accept_token(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `(a, b)`.
    pub fn parens<T>(&mut self, item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect_token(&Token::LParen)?;
        let items = self.list(item)?;
        self.expect_token(&Token::RParen)?;
        Ok(items)
    }

    /// The comments behind the verb that starts at a place.
    pub fn comments(&self, verb: Location) -> Comments {
        self.scanned.comments.get(&verb).cloned().unwrap_or_default()
    }

    /// A word of any kind, in lower case.
    pub fn word(&mut self) -> Parsed<String> {
        match &self.peek().token {
            Token::Word(word) => {
                let word = word.value.to_ascii_lowercase();
                self.advance();
                Ok(word)
            }
            _ => refuse(),
        }
    }

    pub fn text(&mut self) -> Parsed<String> {
        match &self.peek().token {
            Token::SingleQuotedString(text) => {
                let text = text.clone();
                self.advance();
                Ok(text)
            }
            _ => refuse(),
        }
    }

    pub fn number(&mut self) -> Parsed<u32> {
        match &self.peek().token {
            Token::Number(digits, _) => match digits.parse() {
                Ok(number) => {
                    self.advance();
                    Ok(number)
                }
                Err(_) => refuse(),
            },
            _ => refuse(),
        }
    }

    /// What is left of the text, blanks at its ends cut, without the semicolon.
    pub fn rest(&mut self) -> String {
        let start = self.scanned.offset(self.location());
        let start = if self.peek().token == Token::EOF { self.scanned.text.len() } else { start };
        let mut end = start;
        while !self.at_end() {
            let token = self.advance();
            end = self.scanned.offset(token.span.end);
        }
        self.scanned.text.get(start..end).unwrap_or("").trim().to_owned()
    }

    /// Everything that is left, semicolons and all.
    pub fn all_text_since(&mut self, start: usize) -> String {
        while self.peek().token != Token::EOF {
            self.advance();
        }
        self.scanned.text.get(start..).unwrap_or("").trim().to_owned()
    }

    /// The text of the tokens from an offset up to here.
    pub fn text_since(&self, start: usize) -> &'a str {
        let end = match self.peek().token {
            Token::EOF => self.scanned.text.len(),
            _ => self.scanned.offset(self.location()),
        };
        self.scanned.text.get(start..end).unwrap_or("").trim().trim_end_matches(';').trim_end()
    }

    // ------------------------------------------------------------ names and parts

    pub fn ident(&mut self) -> Parsed<Ident> {
        match &self.peek().token {
            Token::Word(word)
                if word.quote_style.is_some()
                    || !is_reserved(Lowered::of(&word.value).as_str()) =>
            {
                let ident = Ident::new(&word.value);
                self.advance();
                Ok(ident)
            }
            _ => refuse(),
        }
    }

    pub fn table_name(&mut self) -> Parsed<TableName> {
        let first = self.ident()?;
        if self.accept_token(&Token::Period) {
            Ok(TableName { qualifier: Some(first), name: self.ident()? })
        } else {
            Ok(TableName { qualifier: None, name: first })
        }
    }

    pub fn column_name(&mut self) -> Parsed<ColumnName> {
        let mut parts = vec![self.ident()?];
        while self.accept_token(&Token::Period) {
            parts.push(self.ident()?);
        }
        expr::column_name(parts).ok_or(Refused { location: None })
    }

    pub fn expr(&mut self) -> Parsed<Expr> {
        let tree = self.parser.parse_expr()?;
        self.lowering().expr(tree)
    }

    pub fn query(&mut self) -> Parsed<Query> {
        let tree = self.parser.parse_query()?;
        self.lowering().query(*tree)
    }

    pub fn order_by(&mut self) -> Parsed<Vec<OrderBy>> {
        if !self.accept_all(&["order", "by"]) {
            return Ok(Vec::new());
        }
        self.list(|grammar| {
            let tree: theirs::OrderByExpr = grammar.parser.parse_order_by_expr()?;
            grammar.lowering().order_by(tree)
        })
    }

    pub fn filter(&mut self) -> Parsed<Option<Expr>> {
        if self.accept("where") { self.expr().map(Some) } else { Ok(None) }
    }

    pub fn lowering(&self) -> query::Lowering<'a> {
        query::Lowering { comments: &self.scanned.comments }
    }
}
