//! Transactions, SET, SHOW and the rest of the statements that touch no rows.

use sqlparser::tokenizer::Token;

use super::grammar::Grammar;
use super::{Parsed, refuse};
use crate::sql::ast::{
    Assignment, Begin, Explain, Expr, Flush, FlushTarget, Ident, Literal, PrepareSource, Show,
    ShowFilter, ShowKind, Statement, TableLock, Variable, VariableScope, Verbatim,
};

impl Grammar<'_> {
    pub fn transaction(&mut self) -> Parsed<Statement> {
        let statement = match self.word()?.as_str() {
            "begin" => {
                self.accept("work");
                Statement::Begin(Begin::default())
            }
            "start" => {
                self.expect("transaction")?;
                let mut begin = Begin { start: true, ..Begin::default() };
                while !self.at_end() {
                    if self.accept_all(&["with", "consistent", "snapshot"]) {
                        begin.consistent_snapshot = true;
                    } else if self.accept_all(&["read", "only"]) {
                        begin.read_only = Some(true);
                    } else {
                        self.expect_all(&["read", "write"])?;
                        begin.read_only = Some(false);
                    }
                    if !self.accept_token(&Token::Comma) {
                        break;
                    }
                }
                Statement::Begin(begin)
            }
            "commit" => {
                self.accept("work");
                Statement::Commit
            }
            "rollback" => {
                self.accept("work");
                if self.accept("to") {
                    self.accept("savepoint");
                    Statement::RollbackTo(self.ident()?)
                } else {
                    Statement::Rollback
                }
            }
            "savepoint" => Statement::Savepoint(self.ident()?),
            _ => {
                self.expect("savepoint")?;
                Statement::Release(self.ident()?)
            }
        };
        Ok(statement)
    }

    pub fn use_database(&mut self) -> Parsed<Statement> {
        self.expect("use")?;
        if self.at_end() {
            return Ok(Statement::Use(None));
        }
        // A shard target needs no backquotes here: `use ks:-80@replica`, `use ks/-80`.
        let single =
            matches!(self.parser.peek_nth_token_ref(1).token, Token::EOF | Token::SemiColon);
        if single {
            return Ok(Statement::Use(Some(self.ident()?)));
        }
        let target = self.rest();
        if target.contains(char::is_whitespace) || target.contains('`') {
            return refuse();
        }
        Ok(Statement::Use(Some(Ident::new(&target))))
    }

    pub fn set(&mut self) -> Parsed<Statement> {
        self.expect("set")?;
        let scope = self.scope_before("transaction");
        if let Some(scope) = scope {
            return self.set_transaction(scope);
        }
        let mut scope = None;
        let assignments = self.list(|grammar| {
            if let Some(found) = grammar.scope_word() {
                scope = Some(found);
            }
            grammar.assignment(scope)
        })?;
        Ok(Statement::Set(assignments))
    }

    /// `session transaction`, `transaction` ..
    fn scope_before(&mut self, word: &str) -> Option<VariableScope> {
        if self.peek_word(0, word) {
            return Some(VariableScope::NextTransaction);
        }
        let scope = match () {
            () if self.peek_word(0, "session") || self.peek_word(0, "local") => {
                VariableScope::Session
            }
            () if self.peek_word(0, "global") => VariableScope::Global,
            () => return None,
        };
        if !self.peek_word(1, word) {
            return None;
        }
        self.advance();
        Some(scope)
    }

    fn scope_word(&mut self) -> Option<VariableScope> {
        let next_is_name = matches!(self.parser.peek_nth_token_ref(1).token, Token::Word(_));
        if !next_is_name {
            return None;
        }
        if self.accept("session") || self.accept("local") {
            Some(VariableScope::Session)
        } else if self.accept("global") {
            Some(VariableScope::Global)
        } else if self.accept("persist") {
            Some(VariableScope::Persist)
        } else if self.accept("persist_only") {
            Some(VariableScope::PersistOnly)
        } else if self.accept("vitess_metadata") {
            Some(VariableScope::VitessMetadata)
        } else {
            None
        }
    }

    fn set_transaction(&mut self, scope: VariableScope) -> Parsed<Statement> {
        self.expect("transaction")?;
        const LEVELS: &[&[&str]] = &[
            &["read", "uncommitted"],
            &["read", "committed"],
            &["repeatable", "read"],
            &["serializable"],
        ];
        let assignments = self.list(|grammar| {
            let (name, value) = if grammar.accept_all(&["isolation", "level"]) {
                match LEVELS.iter().find(|words| grammar.accept_all(words)) {
                    Some(words) => ("transaction_isolation", words.join("-")),
                    None => return refuse(),
                }
            } else if grammar.accept_all(&["read", "only"]) {
                ("transaction_read_only", "on".to_owned())
            } else {
                grammar.expect_all(&["read", "write"])?;
                ("transaction_read_only", "off".to_owned())
            };
            Ok(Assignment {
                variable: Variable::System { scope: Some(scope), name: Ident::new(name) },
                value: Expr::Literal(Literal::String(value.into())),
            })
        })?;
        Ok(Statement::Set(assignments))
    }

    fn assignment(&mut self, scope: Option<VariableScope>) -> Parsed<Assignment> {
        let system = |name: &str| Variable::System { scope: None, name: Ident::new(name) };
        if self.accept("names") {
            let value = self.charset_value()?;
            let value = if self.accept("collate") {
                let collation = self.charset_name()?;
                Expr::Collate { expr: Box::new(value), collation: Ident::new(&collation) }
            } else {
                value
            };
            return Ok(Assignment { variable: system("names"), value });
        }
        if self.accept_all(&["character", "set"]) || self.accept("charset") {
            return Ok(Assignment { variable: system("charset"), value: self.charset_value()? });
        }
        let mut parts = vec![self.parser.parse_identifier()?];
        while self.accept_token(&Token::Period) {
            parts.push(self.parser.parse_identifier()?);
        }
        let variable = match super::expr::variable(&parts) {
            // With `@@` and no scope these two hold for the next transaction alone.
            Some(Variable::System { scope: None, name })
                if name.is("transaction_isolation") || name.is("transaction_read_only") =>
            {
                Variable::System { scope: Some(VariableScope::NextTransaction), name }
            }
            Some(variable) => variable,
            None => {
                let words: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
                Variable::System { scope, name: Ident::new(&words.join(".")) }
            }
        };
        if !self.accept_token(&Token::Eq) {
            self.expect_token(&Token::Assignment)?;
        }
        Ok(Assignment { variable, value: self.set_value()? })
    }

    /// `on` and `all` are reserved words, yet values.
    fn set_value(&mut self) -> Parsed<Expr> {
        for word in ["on", "all", "binary", "default"] {
            let alone = matches!(
                self.parser.peek_nth_token_ref(1).token,
                Token::EOF | Token::SemiColon | Token::Comma
            );
            if alone && self.accept(word) {
                return Ok(match word {
                    "default" => Expr::Default(None),
                    "on" | "all" => Expr::Literal(Literal::String(word.into())),
                    _ => Expr::Column(crate::sql::ast::ColumnName {
                        table: None,
                        name: Ident::new(word),
                    }),
                });
            }
        }
        self.expr()
    }

    fn charset_name(&mut self) -> Parsed<String> {
        if let Ok(text) = self.text() { Ok(text) } else { self.word() }
    }

    fn charset_value(&mut self) -> Parsed<Expr> {
        if self.accept("default") {
            return Ok(Expr::Default(None));
        }
        Ok(Expr::Literal(Literal::String(self.charset_name()?.into())))
    }

    pub fn explain(&mut self) -> Parsed<Statement> {
        self.advance();
        let mut explain =
            Explain { format: None, analyze: false, statement: Box::new(Statement::Commit) };
        const VERBS: &[&str] = &[
            "select", "insert", "update", "delete", "replace", "with", "values", "format",
            "analyze", "extended",
        ];
        let is_query =
            self.peek().token == Token::LParen || VERBS.iter().any(|word| self.peek_word(0, word));
        if !is_query {
            let table = self.table_name()?;
            let column = if self.at_end() { None } else { Some(self.rest()) };
            return Ok(Statement::Describe { table, column });
        }
        self.accept("extended");
        explain.analyze = self.accept("analyze");
        if self.accept("format") {
            self.expect_token(&Token::Eq)?;
            explain.format = Some(self.word()?);
        }
        explain.statement = Box::new(self.any_statement()?);
        Ok(Statement::Explain(explain))
    }

    pub fn lock(&mut self) -> Parsed<Statement> {
        let unlock = self.word()? == "unlock";
        if !self.accept("tables") {
            self.expect("table")?;
        }
        if unlock {
            return Ok(Statement::UnlockTables);
        }
        let tables = self.list(|grammar| {
            let table = grammar.table_name()?;
            let is_lock = |grammar: &Self| {
                ["read", "write", "low_priority"].iter().any(|word| grammar.peek_word(0, word))
            };
            let alias = if grammar.accept("as") || !is_lock(grammar) {
                Some(grammar.ident()?)
            } else {
                None
            };
            let lock = if grammar.accept_all(&["read", "local"]) {
                TableLock::ReadLocal
            } else if grammar.accept("read") {
                TableLock::Read
            } else if grammar.accept_all(&["low_priority", "write"]) {
                TableLock::LowPriorityWrite
            } else {
                grammar.expect("write")?;
                TableLock::Write
            };
            Ok((table, alias, lock))
        })?;
        Ok(Statement::LockTables(tables))
    }

    pub fn prepared(&mut self) -> Parsed<Statement> {
        match self.word()?.as_str() {
            "prepare" => {
                let name = self.ident()?;
                self.expect("from")?;
                let source = match self.text() {
                    Ok(text) => PrepareSource::Text(text.into()),
                    Err(_) => PrepareSource::Variable(self.user_variable()?),
                };
                Ok(Statement::Prepare { name, source })
            }
            "execute" => {
                let name = self.ident()?;
                let using = if self.accept("using") {
                    self.list(Grammar::user_variable)?
                } else {
                    Vec::new()
                };
                Ok(Statement::Execute { name, using })
            }
            _ => {
                self.expect("prepare")?;
                Ok(Statement::Deallocate { name: self.ident()? })
            }
        }
    }

    fn user_variable(&mut self) -> Parsed<Ident> {
        let name = self.ident()?;
        match name.as_str().strip_prefix('@').filter(|name| !name.starts_with('@')) {
            Some(name) => Ok(Ident::new(name)),
            None => refuse(),
        }
    }

    pub fn kill(&mut self) -> Parsed<Statement> {
        self.expect("kill")?;
        let query = self.accept("query");
        if !query {
            self.accept("connection");
        }
        Ok(Statement::Kill { query, id: self.expr()? })
    }

    pub fn analyze(&mut self) -> Parsed<Statement> {
        self.expect("analyze")?;
        let local = self.accept("local") || self.accept("no_write_to_binlog");
        if !self.accept("table") {
            self.expect("tables")?;
        }
        Ok(Statement::Analyze { local, tables: self.list(Grammar::table_name)? })
    }

    pub fn flush(&mut self) -> Parsed<Statement> {
        self.expect("flush")?;
        let local = self.accept("local") || self.accept("no_write_to_binlog");
        if self.accept("tables") || self.accept("table") {
            let clause =
                |grammar: &Self| grammar.peek_word(0, "with") || grammar.peek_word(0, "for");
            let names = if self.at_end() || clause(self) {
                Vec::new()
            } else {
                self.list(Grammar::table_name)?
            };
            let with_read_lock = self.accept_all(&["with", "read", "lock"]);
            let for_export = self.accept_all(&["for", "export"]);
            let target = FlushTarget::Tables { names, with_read_lock, for_export };
            return Ok(Statement::Flush(Flush { local, target }));
        }
        let options = self.list(|grammar| {
            let mut words = vec![grammar.word()?];
            while matches!(grammar.peek().token, Token::Word(_) | Token::SingleQuotedString(_)) {
                words.push(match grammar.text() {
                    Ok(text) => crate::sql::print::quoted(&text),
                    Err(_) => grammar.word()?,
                });
            }
            Ok(words.join(" "))
        })?;
        Ok(Statement::Flush(Flush { local, target: FlushTarget::Options(options) }))
    }

    pub fn call(&mut self) -> Parsed<Statement> {
        self.expect("call")?;
        let name = self.table_name()?;
        let mut args = Vec::new();
        if self.accept_token(&Token::LParen) && !self.accept_token(&Token::RParen) {
            args = self.list(Grammar::expr)?;
            self.expect_token(&Token::RParen)?;
        }
        Ok(Statement::Call { name, args })
    }

    /// Recognised by its first word and kept as it is.
    pub fn verbatim(&mut self) -> Parsed<Statement> {
        let start = self.scanned.offset(self.location());
        let kind = match self.word()?.as_str() {
            "load" => {
                if !self.peek_word(0, "data") && !self.peek_word(0, "xml") {
                    return refuse();
                }
                Verbatim::LoadData
            }
            "repair" => Verbatim::Repair,
            "optimize" => Verbatim::Optimize,
            _ => Verbatim::Do,
        };
        if self.at_end() {
            return refuse();
        }
        self.rest();
        Ok(Statement::Verbatim { kind, text: self.text_since(start).to_owned() })
    }

    pub fn show(&mut self) -> Parsed<Statement> {
        self.expect("show")?;
        let start = self.scanned.offset(self.location());
        if ["vitess_", "vschema"].iter().any(|prefix| {
            matches!(&self.peek().token, Token::Word(word)
                if word.value.to_ascii_lowercase().starts_with(prefix))
        }) {
            return refuse();
        }
        self.accept("extended");
        let full = self.accept("full");
        let kind = self.show_kind()?;
        let other = |text: String| {
            Statement::Show(Show { kind: ShowKind::Other(text), full: false, filter: None })
        };
        let Some(kind) = kind else {
            self.rest();
            let text = self.text_since(start).to_owned();
            return if text.is_empty() { refuse() } else { Ok(other(text)) };
        };
        let filter = if self.accept("like") {
            Some(ShowFilter::Like(self.text()?.into()))
        } else if self.accept("where") {
            Some(ShowFilter::Where(self.expr()?))
        } else {
            None
        };
        if !self.at_end() {
            self.rest();
            return Ok(other(self.text_since(start).to_owned()));
        }
        Ok(Statement::Show(Show { kind, full, filter }))
    }

    fn show_kind(&mut self) -> Parsed<Option<ShowKind>> {
        let scope = match () {
            () if self.accept("global") => Some(VariableScope::Global),
            () if self.accept("session") || self.accept("local") => Some(VariableScope::Session),
            () => None,
        };
        Ok(Some(if self.accept("variables") {
            ShowKind::Variables { scope }
        } else if self.accept("status") {
            ShowKind::Status { scope }
        } else if scope.is_some() {
            return Ok(None);
        } else if self.accept("databases") || self.accept("schemas") {
            ShowKind::Databases
        } else if self.accept("tables") {
            ShowKind::Tables { database: self.accept_database()? }
        } else if self.accept_all(&["table", "status"]) {
            ShowKind::TableStatus { database: self.accept_database()? }
        } else if self.accept("triggers") {
            ShowKind::Triggers { database: self.accept_database()? }
        } else if self.accept("columns") || self.accept("fields") {
            ShowKind::Columns { table: self.expect_table()? }
        } else if self.accept("index") || self.accept("indexes") || self.accept("keys") {
            ShowKind::Index { table: self.expect_table()? }
        } else if self.accept_all(&["create", "table"]) {
            ShowKind::CreateTable(self.table_name()?)
        } else if self.accept_all(&["create", "view"]) {
            ShowKind::CreateView(self.table_name()?)
        } else if self.accept_all(&["create", "database"]) || self.accept_all(&["create", "schema"])
        {
            ShowKind::CreateDatabase(self.ident()?)
        } else if self.accept("warnings") {
            ShowKind::Warnings
        } else if self.accept("collation") {
            ShowKind::Collation
        } else if self.accept_all(&["character", "set"]) || self.accept("charset") {
            ShowKind::CharacterSet
        } else if self.accept("engines") {
            ShowKind::Engines
        } else if self.accept("plugins") {
            ShowKind::Plugins
        } else if self.accept("processlist") {
            ShowKind::ProcessList
        } else {
            return Ok(None);
        }))
    }

    fn accept_database(&mut self) -> Parsed<Option<Ident>> {
        if self.accept("from") || self.accept("in") { self.ident().map(Some) } else { Ok(None) }
    }

    /// `from t`, `from ks.t`, `from t from ks`.
    fn expect_table(&mut self) -> Parsed<crate::sql::ast::TableName> {
        if !self.accept("from") {
            self.expect("in")?;
        }
        let mut table = self.table_name()?;
        if let Some(database) = self.accept_database()? {
            table.qualifier = Some(database);
        }
        Ok(table)
    }
}
