//! SELECT, INSERT, UPDATE and DELETE as statements.

use sqlparser::tokenizer::Token;

use super::grammar::Grammar;
use super::{Parsed, refuse};
use crate::sql::ast::{
    CommonTable, Delete, Expr, Ident, Insert, InsertSource, Limit, Query, Statement, TableExpr,
    TableName, Update, UpdateItem, With,
};

impl Grammar<'_> {
    pub fn query_statement(&mut self) -> Parsed<Statement> {
        let mut query = self.query()?;
        // The one clause that may stand behind the lock.
        if self.peek_word(0, "into") {
            let text = self.outfile_text()?;
            match &mut query {
                Query::Select(select) => select.into = Some(text),
                Query::Union(union) => union.into = Some(text),
                Query::Values(_) => return refuse(),
            }
        }
        Ok(Statement::Query(query))
    }

    /// `into outfile 'x' ..` up to the end, words in lower case.
    fn outfile_text(&mut self) -> Parsed<String> {
        let mut words: Vec<String> = Vec::new();
        while !self.at_end() {
            let token = self.advance();
            let word = match &token.token {
                Token::SingleQuotedString(text) => crate::sql::print::quoted(text),
                Token::Word(word) if word.quote_style.is_none() && !word.value.starts_with('@') => {
                    word.value.to_ascii_lowercase()
                }
                Token::Comma => {
                    if let Some(last) = words.last_mut() {
                        last.push(',');
                    }
                    continue;
                }
                _ => self.scanned.source(&token).to_owned(),
            };
            words.push(word);
        }
        let known = words.get(1).is_some_and(|word| {
            matches!(word.as_str(), "outfile" | "dumpfile") || word.starts_with('@')
        });
        if known { Ok(words.join(" ")) } else { refuse() }
    }

    /// WITH before a query, an UPDATE or a DELETE.
    pub fn with_statement(&mut self) -> Parsed<Statement> {
        let start = self.parser.index();
        self.expect("with")?;
        let recursive = self.accept("recursive");
        let tables = self.list(|grammar| {
            let name = grammar.ident()?;
            let columns = match grammar.peek().token {
                Token::LParen => grammar.parens(Grammar::ident)?,
                _ => Vec::new(),
            };
            grammar.expect("as")?;
            grammar.expect_token(&Token::LParen)?;
            let query = grammar.query()?;
            grammar.expect_token(&Token::RParen)?;
            Ok(CommonTable { name, columns, query })
        })?;
        let with = With { recursive, tables };
        if self.peek_word(0, "update") {
            return self.update(Some(with));
        }
        if self.peek_word(0, "delete") {
            return self.delete(Some(with));
        }
        // A query reads its WITH itself.
        while start < self.parser.index() {
            self.parser.prev_token();
        }
        self.query_statement()
    }

    pub fn insert(&mut self) -> Parsed<Statement> {
        let comments = self.comments(self.location());
        let replace = self.word()? == "replace";
        while self.accept("low_priority") || self.accept("delayed") || self.accept("high_priority")
        {
            // How urgent it is makes no difference here.
        }
        let ignore = self.accept("ignore");
        self.accept("into");
        let table = self.table_name()?;
        let partitions = self.partitions()?;
        let alias = if self.accept("as") { Some(self.ident()?) } else { None };
        let mut columns = None;
        if self.peek().token == Token::LParen && !self.opens_query() {
            columns = Some(self.column_list()?);
        }
        let source = if self.accept("set") {
            let items = self.list(Grammar::update_item)?;
            columns = Some(items.iter().map(|item| item.column.name.clone()).collect());
            InsertSource::Values(vec![items.into_iter().map(|item| item.value).collect()])
        } else if self.peek_word(0, "values") && !self.peek_word(1, "row")
            || self.peek_word(0, "value")
        {
            self.advance();
            InsertSource::Values(self.list(Grammar::row)?)
        } else {
            InsertSource::Query(self.query()?)
        };
        let row_alias = if self.accept("as") { Some(self.row_alias()?) } else { None };
        let on_duplicate = if self.accept_all(&["on", "duplicate", "key", "update"]) {
            self.list(Grammar::update_item)?
        } else {
            Vec::new()
        };
        Ok(Statement::Insert(Insert {
            replace,
            ignore,
            comments,
            table,
            partitions,
            alias,
            columns,
            source,
            row_alias,
            on_duplicate,
        }))
    }

    fn partitions(&mut self) -> Parsed<Vec<Ident>> {
        if self.accept("partition") { self.parens(Grammar::ident) } else { Ok(Vec::new()) }
    }

    /// `(select ..` and not a list of columns.
    fn opens_query(&self) -> bool {
        let mut ahead = 0;
        while self.parser.peek_nth_token_ref(ahead).token == Token::LParen {
            ahead += 1;
        }
        self.peek_word(ahead, "select") || self.peek_word(ahead, "with")
    }

    fn column_list(&mut self) -> Parsed<Vec<Ident>> {
        self.expect_token(&Token::LParen)?;
        if self.accept_token(&Token::RParen) {
            return Ok(Vec::new());
        }
        // A column may carry its table's name, which says nothing.
        let columns = self.list(|grammar| Ok(grammar.column_name()?.name))?;
        self.expect_token(&Token::RParen)?;
        Ok(columns)
    }

    fn row(&mut self) -> Parsed<Vec<Expr>> {
        self.expect_token(&Token::LParen)?;
        if self.accept_token(&Token::RParen) {
            return Ok(Vec::new());
        }
        let values = self.list(Grammar::expr)?;
        self.expect_token(&Token::RParen)?;
        Ok(values)
    }

    fn row_alias(&mut self) -> Parsed<(Ident, Vec<Ident>)> {
        let alias = self.ident()?;
        let columns = match self.peek().token {
            Token::LParen => self.parens(Grammar::ident)?,
            _ => Vec::new(),
        };
        Ok((alias, columns))
    }

    fn update_item(&mut self) -> Parsed<UpdateItem> {
        let column = self.column_name()?;
        self.expect_token(&Token::Eq)?;
        Ok(UpdateItem { column, value: self.expr()? })
    }

    pub fn update(&mut self, with: Option<With>) -> Parsed<Statement> {
        let comments = self.comments(self.location());
        self.expect("update")?;
        self.accept("low_priority");
        let ignore = self.accept("ignore");
        let tables = self.tables()?;
        self.expect("set")?;
        let set = self.list(Grammar::update_item)?;
        let filter = self.filter()?;
        let order_by = self.order_by()?;
        let limit = self.count_limit()?;
        Ok(Statement::Update(Update {
            with,
            comments,
            ignore,
            tables,
            set,
            filter,
            order_by,
            limit,
        }))
    }

    pub fn delete(&mut self, with: Option<With>) -> Parsed<Statement> {
        let comments = self.comments(self.location());
        self.expect("delete")?;
        while self.accept("low_priority") || self.accept("quick") {
            // How urgent it is makes no difference here.
        }
        let ignore = self.accept("ignore");
        let mut targets = Vec::new();
        if !self.peek_word(0, "from") {
            targets = self.list(Grammar::target)?;
        }
        self.expect("from")?;
        // `delete from a, b using a join b ..` names its targets first.
        let start = self.parser.index();
        if targets.is_empty() {
            if let Ok(names) = self.list(Grammar::target)
                && self.accept("using")
            {
                targets = names;
            } else {
                while start < self.parser.index() {
                    self.parser.prev_token();
                }
            }
        }
        let tables = self.tables()?;
        let filter = self.filter()?;
        let order_by = self.order_by()?;
        let limit = self.count_limit()?;
        Ok(Statement::Delete(Delete {
            with,
            comments,
            ignore,
            targets,
            tables,
            filter,
            order_by,
            limit,
        }))
    }

    /// `a`, `ks.a` or `a.*`.
    fn target(&mut self) -> Parsed<TableName> {
        let first = self.ident()?;
        if !self.accept_token(&Token::Period) || self.accept_token(&Token::Mul) {
            return Ok(TableName { qualifier: None, name: first });
        }
        let name = self.ident()?;
        if self.accept_token(&Token::Period) {
            self.expect_token(&Token::Mul)?;
        }
        Ok(TableName { qualifier: Some(first), name })
    }

    pub fn tables(&mut self) -> Parsed<Vec<TableExpr>> {
        let mut tables = Vec::new();
        for found in self.list(|grammar| {
            let tree = grammar.parser.parse_table_and_joins()?;
            grammar.lowering().tables(tree)
        })? {
            tables.extend(found);
        }
        Ok(tables)
    }

    fn count_limit(&mut self) -> Parsed<Option<Limit>> {
        if !self.accept("limit") {
            return Ok(None);
        }
        let first = self.expr()?;
        if self.accept_token(&Token::Comma) {
            return Ok(Some(Limit { offset: Some(first), count: self.expr()? }));
        }
        Ok(Some(Limit { offset: None, count: first }))
    }
}
