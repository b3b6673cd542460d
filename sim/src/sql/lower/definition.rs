//! CREATE, ALTER, DROP, TRUNCATE and RENAME.

use std::sync::Arc;

use sqlparser::tokenizer::Token;

use super::grammar::Grammar;
use super::{Parsed, refuse};
use crate::sql::ast::{
    AlterChange, AlterTable, ColumnDefinition, ColumnPosition, ColumnType, Constraint, CreateTable,
    CreateView, DropTable, Expr, Ident, IndexDefinition, IndexKind, IndexPart, Literal, Statement,
    TableName, Verbatim,
};

impl Grammar<'_> {
    pub fn create(&mut self) -> Parsed<Statement> {
        let start = self.scanned.offset(self.location());
        self.expect("create")?;
        if self.accept("table") {
            return self.create_table(false);
        }
        if self.accept_all(&["temporary", "table"]) {
            return self.create_table(true);
        }
        if self.accept("database") || self.accept("schema") {
            let if_not_exists = self.accept_all(&["if", "not", "exists"]);
            let name = self.ident()?;
            return Ok(Statement::CreateDatabase { if_not_exists, name, options: self.words()? });
        }
        let kind = match () {
            () if self.accept("unique") => Some(IndexKind::Unique),
            () if self.accept("fulltext") => Some(IndexKind::FullText),
            () if self.accept("spatial") => Some(IndexKind::Spatial),
            () if self.peek_word(0, "index") => Some(IndexKind::Key),
            () => None,
        };
        if let Some(kind) = kind {
            self.expect("index")?;
            return self.create_index(kind);
        }
        let or_replace = self.accept_all(&["or", "replace"]);
        let options = self.view_options()?;
        if self.accept("view") {
            return Ok(Statement::CreateView(self.view(or_replace, options)?));
        }
        if self.accept("procedure") {
            // Its body has statements and semicolons of its own.
            let text = self.all_text_since(start);
            return Ok(Statement::Verbatim { kind: Verbatim::CreateProcedure, text });
        }
        refuse()
    }

    /// The rest as words, as they are printed behind a database's name.
    fn words(&mut self) -> Parsed<Vec<String>> {
        let mut words = Vec::new();
        while !self.at_end() {
            let token = self.advance();
            words.push(match &token.token {
                Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_lowercase(),
                Token::Word(word) => word.value.clone(),
                Token::SingleQuotedString(text) => crate::sql::print::quoted(text),
                Token::Eq => continue,
                Token::Placeholder(_) => return refuse(),
                _ => self.scanned.source(&token).to_owned(),
            });
        }
        Ok(words)
    }

    fn create_table(&mut self, temporary: bool) -> Parsed<Statement> {
        let if_not_exists = self.accept_all(&["if", "not", "exists"]);
        let table = self.table_name()?;
        let mut create = CreateTable {
            temporary,
            if_not_exists,
            table,
            columns: Vec::new(),
            indexes: Vec::new(),
            constraints: Vec::new(),
            options: Vec::new(),
            like: None,
        };
        let parens = self.accept_token(&Token::LParen);
        if self.accept("like") {
            create.like = Some(self.table_name()?);
            if parens {
                self.expect_token(&Token::RParen)?;
            }
            return Ok(Statement::CreateTable(create));
        }
        if !parens {
            return refuse();
        }
        self.list(|grammar| grammar.table_part(&mut create))?;
        self.expect_token(&Token::RParen)?;
        create.options = self.table_options()?;
        Ok(Statement::CreateTable(create))
    }

    fn table_part(&mut self, create: &mut CreateTable) -> Parsed<()> {
        if let Some(index) = self.index_definition()? {
            create.indexes.push(index);
        } else if let Some(constraint) = self.constraint()? {
            create.constraints.push(constraint);
        } else {
            create.columns.push(self.column_definition()?);
        }
        Ok(())
    }

    /// A key, if one begins here; a UNIQUE or PRIMARY KEY may carry a constraint's name.
    fn index_definition(&mut self) -> Parsed<Option<IndexDefinition>> {
        let named = self.peek_word(0, "constraint");
        let keyed = |grammar: &Self, ahead| {
            grammar.peek_word(ahead, "primary") || grammar.peek_word(ahead, "unique")
        };
        let mut name = None;
        if named {
            if keyed(self, 1) {
                self.advance();
            } else if keyed(self, 2) {
                self.advance();
                name = Some(self.ident()?);
            } else {
                return Ok(None);
            }
        }
        let kind = if self.accept_all(&["primary", "key"]) {
            IndexKind::Primary
        } else if self.accept("unique") {
            let _ = self.accept("key") || self.accept("index");
            IndexKind::Unique
        } else if self.accept("fulltext") {
            let _ = self.accept("key") || self.accept("index");
            IndexKind::FullText
        } else if self.accept("spatial") {
            let _ = self.accept("key") || self.accept("index");
            IndexKind::Spatial
        } else if self.accept("key") || self.accept("index") {
            IndexKind::Key
        } else {
            return Ok(None);
        };
        if kind != IndexKind::Primary
            && matches!(self.peek().token, Token::Word(_))
            && !self.peek_word(0, "using")
        {
            name = Some(self.ident()?);
        }
        let mut options = self.index_options()?;
        let parts = self.parens(Grammar::index_part)?;
        options.extend(self.index_options()?);
        let name = if kind == IndexKind::Primary { None } else { name };
        Ok(Some(IndexDefinition { kind, name, parts, options }))
    }

    fn index_part(&mut self) -> Parsed<IndexPart> {
        let mut part =
            IndexPart { column: Ident::new(""), length: None, descending: false, expr: None };
        if self.accept_token(&Token::LParen) {
            part.expr = Some(self.expr()?);
            self.expect_token(&Token::RParen)?;
        } else {
            part.column = self.ident()?;
            if self.accept_token(&Token::LParen) {
                part.length = Some(self.number()?);
                self.expect_token(&Token::RParen)?;
            }
        }
        part.descending = self.accept("desc");
        self.accept("asc");
        Ok(part)
    }

    fn index_options(&mut self) -> Parsed<Vec<(String, String)>> {
        let mut options = Vec::new();
        loop {
            if self.accept("using") {
                options.push(("using".to_owned(), self.word()?));
            } else if self.accept_all(&["with", "parser"]) {
                options.push(("with parser".to_owned(), self.word()?));
            } else if self.accept("comment") {
                let text = self.text()?;
                options.push(("comment".to_owned(), crate::sql::print::quoted(&text)));
            } else if self.accept("key_block_size") {
                self.accept_token(&Token::Eq);
                options.push(("key_block_size".to_owned(), self.number()?.to_string()));
            } else if self.accept("visible") {
                options.push(("visible".to_owned(), String::new()));
            } else if self.accept("invisible") {
                options.push(("invisible".to_owned(), String::new()));
            } else {
                return Ok(options);
            }
        }
    }

    fn constraint(&mut self) -> Parsed<Option<Constraint>> {
        let mut name = None;
        let named = self.accept("constraint");
        if named && !self.peek_word(0, "foreign") && !self.peek_word(0, "check") {
            name = Some(self.ident()?);
        }
        if self.accept_all(&["foreign", "key"]) {
            if self.peek().token != Token::LParen {
                name = Some(self.ident()?).filter(|_| name.is_none()).or(name);
            }
            let columns = self.parens(Grammar::ident)?;
            self.expect("references")?;
            let table = self.table_name()?;
            let referenced = self.parens(Grammar::ident)?;
            let (mut on_delete, mut on_update) = (None, None);
            loop {
                if self.accept_all(&["on", "delete"]) {
                    on_delete = Some(self.reference_action()?);
                } else if self.accept_all(&["on", "update"]) {
                    on_update = Some(self.reference_action()?);
                } else {
                    break;
                }
            }
            return Ok(Some(Constraint::ForeignKey {
                name,
                columns,
                table,
                referenced,
                on_delete,
                on_update,
            }));
        }
        if self.accept("check") {
            self.expect_token(&Token::LParen)?;
            let expr = self.expr()?;
            self.expect_token(&Token::RParen)?;
            let enforced = !self.accept_all(&["not", "enforced"]);
            self.accept("enforced");
            return Ok(Some(Constraint::Check { name, expr, enforced }));
        }
        if named { refuse() } else { Ok(None) }
    }

    fn reference_action(&mut self) -> Parsed<String> {
        const ACTIONS: &[&[&str]] = &[
            &["cascade"],
            &["restrict"],
            &["set", "null"],
            &["set", "default"],
            &["no", "action"],
        ];
        match ACTIONS.iter().find(|words| self.accept_all(words)) {
            Some(words) => Ok(words.join(" ")),
            None => refuse(),
        }
    }

    fn column_definition(&mut self) -> Parsed<ColumnDefinition> {
        let name = self.ident()?;
        let mut column = ColumnDefinition {
            name,
            ty: self.column_type()?,
            not_null: false,
            null: false,
            default: None,
            on_update: None,
            auto_increment: false,
            primary_key: false,
            unique: false,
            comment: None,
            invisible: false,
            check: None,
            generated: None,
        };
        while self.column_attribute(&mut column)? {}
        Ok(column)
    }

    fn column_attribute(&mut self, column: &mut ColumnDefinition) -> Parsed<bool> {
        if self.accept_all(&["not", "null"]) {
            column.not_null = true;
        } else if self.accept("null") {
            column.null = true;
        } else if self.accept("default") {
            column.default = Some(self.default_value()?);
        } else if self.accept_all(&["on", "update"]) {
            column.on_update = Some(self.expr()?);
        } else if self.accept("auto_increment") {
            column.auto_increment = true;
        } else if self.accept_all(&["primary", "key"]) || self.accept("key") {
            column.primary_key = true;
        } else if self.accept("unique") {
            self.accept("key");
            column.unique = true;
        } else if self.accept("comment") {
            column.comment = Some(self.text()?.into());
        } else if self.accept("collate") {
            column.ty.collation = Some(self.ident()?);
        } else if self.accept_all(&["character", "set"]) || self.accept("charset") {
            column.ty.charset = Some(self.ident()?);
        } else if self.accept("invisible") {
            column.invisible = true;
        } else if self.accept("visible") {
            column.invisible = false;
        } else if self.accept("check") {
            self.expect_token(&Token::LParen)?;
            column.check = Some(self.expr()?);
            self.expect_token(&Token::RParen)?;
        } else if self.accept_all(&["generated", "always", "as"]) || self.accept("as") {
            self.expect_token(&Token::LParen)?;
            let expr = self.expr()?;
            self.expect_token(&Token::RParen)?;
            let stored = self.accept("stored");
            self.accept("virtual");
            column.generated = Some((expr, stored));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// A literal, a clock function, or an expression in parentheses: what follows NOT NULL must
    /// not be read as its continuation.
    fn default_value(&mut self) -> Parsed<Expr> {
        if self.accept("null") {
            return Ok(Expr::Literal(Literal::Null));
        }
        let tree = self.parser.parse_prefix()?;
        self.lowering().expr(tree)
    }

    fn column_type(&mut self) -> Parsed<ColumnType> {
        let mut ty = ColumnType {
            name: Arc::from(""),
            length: None,
            scale: None,
            unsigned: false,
            zerofill: false,
            charset: None,
            collation: None,
            values: Vec::new(),
        };
        if !matches!(&self.peek().token, Token::Word(word)
            if TYPES.contains(&canonical_type(&word.value.to_ascii_lowercase())))
        {
            return refuse();
        }
        let word = self.word()?;
        let word = if self.accept("precision") { "double".to_owned() } else { word };
        let varying =
            matches!(word.as_str(), "char" | "character" | "national") && self.accept("varying");
        ty.name = canonical_type(if varying { "varchar" } else { &word }).into();
        if matches!(word.as_str(), "bool" | "boolean") {
            ty.length = Some(1);
        }
        if matches!(&*ty.name, "enum" | "set") {
            ty.values = self.parens(|grammar| Ok(Arc::from(grammar.text()?)))?;
        } else if self.accept_token(&Token::LParen) {
            ty.length = Some(self.number()?);
            if self.accept_token(&Token::Comma) {
                ty.scale = Some(self.number()?);
            }
            self.expect_token(&Token::RParen)?;
        }
        loop {
            if self.accept("unsigned") {
                ty.unsigned = true;
            } else if self.accept("signed") {
                ty.unsigned = false;
            } else if self.accept("zerofill") {
                ty.zerofill = true;
                ty.unsigned = true;
            } else if self.accept_all(&["character", "set"]) || self.accept("charset") {
                ty.charset = Some(self.ident()?);
            } else if self.accept("collate") {
                ty.collation = Some(self.ident()?);
            } else if self.accept("binary") {
                ty.collation = Some(Ident::new("utf8mb4_bin"));
            } else {
                return Ok(ty);
            }
        }
    }

    /// Options behind the columns, up to the end.
    fn table_options(&mut self) -> Parsed<Vec<(String, String)>> {
        const NAMES: &[(&[&str], &str)] = &[
            (&["default", "character", "set"], "charset"),
            (&["default", "charset"], "charset"),
            (&["character", "set"], "charset"),
            (&["charset"], "charset"),
            (&["default", "collate"], "collate"),
            (&["collate"], "collate"),
        ];
        let mut options = Vec::new();
        while !self.at_end() {
            if self.peek_word(0, "partition") {
                options.push((self.rest(), String::new()));
                break;
            }
            let name = match NAMES.iter().find(|(words, _)| self.accept_all(words)) {
                Some((_, name)) => (*name).to_owned(),
                None => self.word()?,
            };
            self.accept_token(&Token::Eq);
            let token = self.advance();
            let value = match &token.token {
                Token::SingleQuotedString(text) => crate::sql::print::quoted(text),
                Token::Word(word) => word.value.clone(),
                Token::Number(number, _) => number.clone(),
                _ => return refuse(),
            };
            options.push((name, value));
            self.accept_token(&Token::Comma);
        }
        Ok(options)
    }

    fn create_index(&mut self, kind: IndexKind) -> Parsed<Statement> {
        let name = Some(self.ident()?);
        let mut options = self.index_options()?;
        self.expect("on")?;
        let table = self.table_name()?;
        let parts = self.parens(Grammar::index_part)?;
        options.extend(self.index_options()?);
        let index = IndexDefinition { kind, name, parts, options };
        let changes = vec![AlterChange::AddIndex(index)];
        Ok(Statement::AlterTable(AlterTable { table, changes }))
    }

    fn view_options(&mut self) -> Parsed<Vec<String>> {
        let mut options = Vec::new();
        loop {
            if self.accept("algorithm") {
                self.expect_token(&Token::Eq)?;
                options.push(format!("algorithm = {}", self.word()?));
            } else if self.accept("definer") {
                self.expect_token(&Token::Eq)?;
                let token = self.advance();
                let mut definer = self.scanned.source(&token).to_owned();
                while !self.peek_word(0, "sql") && !self.peek_word(0, "view") && !self.at_end() {
                    let token = self.advance();
                    definer.push_str(self.scanned.source(&token));
                }
                options.push(format!("definer = {definer}"));
            } else if self.accept_all(&["sql", "security"]) {
                options.push(format!("sql security {}", self.word()?));
            } else {
                return Ok(options);
            }
        }
    }

    fn view(&mut self, or_replace: bool, options: Vec<String>) -> Parsed<CreateView> {
        let name = self.table_name()?;
        let columns = match self.peek().token {
            Token::LParen => self.parens(Grammar::ident)?,
            _ => Vec::new(),
        };
        self.expect("as")?;
        let query = self.query()?;
        let mut check_option = None;
        if self.accept("with") {
            let kind = if self.accept("local") { "local" } else { "cascaded" };
            self.accept("cascaded");
            self.expect_all(&["check", "option"])?;
            check_option = Some(kind.to_owned());
        }
        Ok(CreateView { or_replace, options, name, columns, query, check_option })
    }

    pub fn alter(&mut self) -> Parsed<Statement> {
        self.expect("alter")?;
        if self.accept("table") {
            let table = self.table_name()?;
            let mut changes = Vec::new();
            if !self.at_end() {
                loop {
                    changes.extend(self.alter_changes()?);
                    if !self.accept_token(&Token::Comma) {
                        break;
                    }
                }
            }
            return Ok(Statement::AlterTable(AlterTable { table, changes }));
        }
        if self.accept("database") || self.accept("schema") {
            const OPTIONS: &[&str] =
                &["default", "character", "charset", "collate", "encryption", "upgrade"];
            let bare = OPTIONS.iter().any(|word| self.peek_word(0, word));
            let name = if bare || self.at_end() { None } else { Some(self.ident()?) };
            return Ok(Statement::AlterDatabase { name, options: self.words()? });
        }
        let options = self.view_options()?;
        if self.accept("view") {
            return Ok(Statement::AlterView(self.view(false, options)?));
        }
        refuse()
    }

    /// `add (a int, b int)` is several.
    fn alter_changes(&mut self) -> Parsed<Vec<AlterChange>> {
        let is_list =
            |grammar: &Self, at| grammar.parser.peek_nth_token_ref(at).token == Token::LParen;
        let with_column = self.peek_words(&["add", "column"]);
        if self.peek_word(0, "add") && is_list(self, if with_column { 2 } else { 1 }) {
            self.advance();
            self.accept("column");
            let columns = self.parens(Grammar::column_definition)?;
            let add = |column| AlterChange::AddColumn { column, position: None };
            return Ok(columns.into_iter().map(add).collect());
        }
        Ok(vec![self.alter_change()?])
    }

    fn alter_change(&mut self) -> Parsed<AlterChange> {
        if self.accept("add") {
            return self.alter_add();
        }
        if self.accept("drop") {
            return self.alter_drop();
        }
        if self.accept("modify") {
            self.accept("column");
            let column = self.column_definition()?;
            return Ok(AlterChange::ModifyColumn { column, position: self.position()? });
        }
        if self.accept("change") {
            self.accept("column");
            let old = self.ident()?;
            let column = self.column_definition()?;
            return Ok(AlterChange::ChangeColumn { old, column, position: self.position()? });
        }
        if self.accept_all(&["rename", "column"]) {
            let old = self.ident()?;
            self.expect("to")?;
            return Ok(AlterChange::RenameColumn { old, new: self.ident()? });
        }
        if self.accept_all(&["rename", "index"]) || self.accept_all(&["rename", "key"]) {
            let old = self.ident()?;
            self.expect("to")?;
            return Ok(AlterChange::RenameIndex { old, new: self.ident()? });
        }
        if self.accept("rename") {
            let _ = self.accept("to") || self.accept("as");
            return Ok(AlterChange::RenameTo(self.table_name()?));
        }
        let option = ["index", "check", "constraint"].iter().any(|word| self.peek_word(1, word));
        if self.peek_word(0, "alter") && !option {
            self.advance();
            self.accept("column");
            let column = self.ident()?;
            if self.accept_all(&["drop", "default"]) {
                return Ok(AlterChange::SetDefault { column, default: None });
            }
            self.expect_all(&["set", "default"])?;
            let default = Some(self.default_value()?);
            return Ok(AlterChange::SetDefault { column, default });
        }
        self.alter_option()
    }

    /// Anything else, up to the next comma outside of parentheses.
    fn alter_option(&mut self) -> Parsed<AlterChange> {
        let mut words: Vec<String> = Vec::new();
        let mut depth = 0;
        // `engine=InnoDB` keeps the value's case.
        let mut is_value = false;
        while !self.at_end() && (0 < depth || self.peek().token != Token::Comma) {
            let token = self.advance();
            match &token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::Placeholder(_) => return refuse(),
                _ => {}
            }
            let keeps_case = std::mem::replace(&mut is_value, token.token == Token::Eq);
            words.push(match &token.token {
                Token::Word(word) if word.quote_style.is_none() && !keeps_case => {
                    word.value.to_ascii_lowercase()
                }
                Token::Eq if words.last().is_some_and(|word| word == "algorithm") => "=".to_owned(),
                Token::SingleQuotedString(text) => crate::sql::print::quoted(text),
                Token::Eq => continue,
                _ => self.scanned.source(&token).to_owned(),
            });
        }
        if words.is_empty() { refuse() } else { Ok(AlterChange::Option(words.join(" "))) }
    }

    fn alter_add(&mut self) -> Parsed<AlterChange> {
        if let Some(index) = self.index_definition()? {
            return Ok(AlterChange::AddIndex(index));
        }
        if let Some(constraint) = self.constraint()? {
            return Ok(AlterChange::AddConstraint(constraint));
        }
        if self.peek_word(0, "partition") {
            let AlterChange::Option(text) = self.alter_option()? else { return refuse() };
            return Ok(AlterChange::Option(format!("add {text}")));
        }
        self.accept("column");
        if self.accept_token(&Token::LParen) {
            let column = self.column_definition()?;
            self.expect_token(&Token::RParen)?;
            return Ok(AlterChange::AddColumn { column, position: None });
        }
        let column = self.column_definition()?;
        Ok(AlterChange::AddColumn { column, position: self.position()? })
    }

    fn alter_drop(&mut self) -> Parsed<AlterChange> {
        Ok(if self.accept_all(&["primary", "key"]) {
            AlterChange::DropPrimaryKey
        } else if self.accept("key") || self.accept("index") {
            AlterChange::DropIndex(self.ident()?)
        } else if self.accept_all(&["foreign", "key"]) {
            AlterChange::DropForeignKey(self.ident()?)
        } else if self.accept("constraint") {
            AlterChange::Option(format!("drop constraint {}", self.ident()?))
        } else if self.accept("check") {
            AlterChange::Option(format!("drop check {}", self.ident()?))
        } else if self.peek_word(0, "partition") {
            let AlterChange::Option(text) = self.alter_option()? else { return refuse() };
            AlterChange::Option(format!("drop {text}"))
        } else {
            self.accept("column");
            AlterChange::DropColumn(self.ident()?)
        })
    }

    fn position(&mut self) -> Parsed<Option<ColumnPosition>> {
        if self.accept("first") {
            return Ok(Some(ColumnPosition::First));
        }
        if self.accept("after") {
            return Ok(Some(ColumnPosition::After(self.ident()?)));
        }
        Ok(None)
    }

    pub fn drop(&mut self) -> Parsed<Statement> {
        let start = self.scanned.offset(self.location());
        self.expect("drop")?;
        if self.peek_word(0, "prepare") {
            self.advance();
            return Ok(Statement::Deallocate { name: self.ident()? });
        }
        if self.accept("database") || self.accept("schema") {
            let if_exists = self.accept_all(&["if", "exists"]);
            return Ok(Statement::DropDatabase { if_exists, name: self.ident()? });
        }
        if self.accept("view") {
            let if_exists = self.accept_all(&["if", "exists"]);
            let names = self.list(Grammar::table_name)?;
            let _ = self.accept("restrict") || self.accept("cascade");
            return Ok(Statement::DropView { if_exists, names });
        }
        if self.accept("index") {
            let changes = vec![AlterChange::DropIndex(self.ident()?)];
            self.expect("on")?;
            return Ok(Statement::AlterTable(AlterTable { table: self.table_name()?, changes }));
        }
        if self.accept("procedure") {
            self.rest();
            let text = self.text_since(start).to_owned();
            return Ok(Statement::Verbatim { kind: Verbatim::DropProcedure, text });
        }
        let temporary = self.accept("temporary");
        if !self.accept("table") {
            self.expect("tables")?;
        }
        let if_exists = self.accept_all(&["if", "exists"]);
        let tables = self.list(Grammar::table_name)?;
        let _ = self.accept("restrict") || self.accept("cascade");
        Ok(Statement::DropTable(DropTable { temporary, if_exists, tables }))
    }

    pub fn truncate(&mut self) -> Parsed<Statement> {
        self.expect("truncate")?;
        self.accept("table");
        Ok(Statement::TruncateTable(self.table_name()?))
    }

    pub fn rename(&mut self) -> Parsed<Statement> {
        self.expect("rename")?;
        if !self.accept("table") {
            self.expect("tables")?;
        }
        let pairs: Vec<(TableName, TableName)> = self.list(|grammar| {
            let from = grammar.table_name()?;
            grammar.expect("to")?;
            Ok((from, grammar.table_name()?))
        })?;
        Ok(Statement::RenameTable(pairs))
    }
}

const TYPES: &[&str] = &[
    "bigint",
    "binary",
    "bit",
    "blob",
    "char",
    "date",
    "datetime",
    "decimal",
    "double",
    "enum",
    "float",
    "geometry",
    "geometrycollection",
    "int",
    "json",
    "linestring",
    "long",
    "longblob",
    "longtext",
    "mediumblob",
    "mediumint",
    "mediumtext",
    "multilinestring",
    "multipoint",
    "multipolygon",
    "national",
    "point",
    "polygon",
    "serial",
    "set",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyblob",
    "tinyint",
    "tinytext",
    "varbinary",
    "varchar",
    "vector",
    "year",
];

/// MySQL's name where it has synonyms.
fn canonical_type(word: &str) -> &str {
    match word {
        "integer" | "int4" => "int",
        "int1" | "bool" | "boolean" => "tinyint",
        "int2" => "smallint",
        "int3" | "middleint" => "mediumint",
        "int8" => "bigint",
        "dec" | "numeric" | "fixed" => "decimal",
        "real" | "float8" => "double",
        "float4" => "float",
        "character" | "nchar" => "char",
        "varcharacter" | "nvarchar" => "varchar",
        other => other,
    }
}
