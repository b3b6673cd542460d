//! Statements other than queries and definitions.

use super::Printer;
use super::expr::scope_text;
use crate::sql::ast::{
    Assignment, Begin, Delete, Explain, Expr, Flush, FlushTarget, Ident, Insert, InsertSource,
    PrepareSource, Show, ShowFilter, ShowKind, Statement, TableLock, TableName, Update, UpdateItem,
    Variable, VariableScope,
};

impl Printer<'_> {
    pub fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Query(query) => self.query(query),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Set(assignments) => {
                self.push("set ");
                self.list(assignments, |printer, item| printer.assignment(item));
            }
            Statement::Use(None) => self.push("use"),
            Statement::Use(Some(name)) => {
                self.push("use ");
                self.ident(name);
            }
            Statement::Begin(begin) => self.begin(*begin),
            Statement::Commit => self.push("commit"),
            Statement::Rollback => self.push("rollback"),
            Statement::Savepoint(name) => self.named("savepoint ", name),
            Statement::RollbackTo(name) => self.named("rollback to ", name),
            Statement::Release(name) => self.named("release savepoint ", name),
            Statement::CreateTable(create) => self.create_table(create),
            Statement::AlterTable(alter) => self.alter_table(alter),
            Statement::DropTable(drop) => self.drop_table(drop),
            Statement::TruncateTable(table) => {
                self.push("truncate table ");
                self.table_name(table);
            }
            Statement::RenameTable(pairs) => {
                self.push("rename table ");
                self.list(pairs, |printer, (from, to)| {
                    printer.table_name(from);
                    printer.push(" to ");
                    printer.table_name(to);
                });
            }
            Statement::CreateIndex(create) => self.create_index(create),
            Statement::DropIndex { name, table } => {
                self.push("alter table ");
                self.table_name(table);
                self.push(" drop key ");
                self.ident(name);
            }
            Statement::CreateView(view) => self.create_view(view),
            Statement::AlterView(view) => self.alter_view(view),
            Statement::DropView { if_exists, names } => {
                self.push(if *if_exists { "drop view if exists " } else { "drop view " });
                self.tables(names);
            }
            Statement::CreateDatabase { if_not_exists, name, options } => {
                self.push("create database ");
                if *if_not_exists {
                    self.push("if not exists ");
                }
                self.ident(name);
                self.words(options);
            }
            Statement::AlterDatabase { name, options } => {
                self.push("alter database");
                if let Some(name) = name {
                    self.push(" ");
                    self.ident(name);
                }
                self.words(options);
            }
            Statement::DropDatabase { if_exists, name } => {
                self.push("drop database ");
                if *if_exists {
                    self.push("if exists ");
                }
                self.ident(name);
            }
            Statement::Show(show) => self.show(show),
            Statement::Describe { table, column } => {
                self.push("explain ");
                self.table_name(table);
                if let Some(column) = column {
                    self.push(&format!(" {column}"));
                }
            }
            Statement::Explain(explain) => self.explain(explain),
            Statement::LockTables(tables) => {
                self.push("lock tables ");
                self.list(tables, |printer, (table, alias, lock)| {
                    printer.table_name(table);
                    if let Some(alias) = alias {
                        printer.push(" as ");
                        printer.ident(alias);
                    }
                    printer.push(match lock {
                        TableLock::Read => " read",
                        TableLock::ReadLocal => " read local",
                        TableLock::Write => " write",
                        TableLock::LowPriorityWrite => " low_priority write",
                    });
                });
            }
            Statement::UnlockTables => self.push("unlock tables"),
            Statement::Prepare { name, source } => {
                self.named("prepare ", name);
                self.push(" from ");
                match source {
                    PrepareSource::Text(text) => self.push(&super::quoted(text)),
                    PrepareSource::Variable(name) => self.variable(&Variable::User(name.clone())),
                }
            }
            Statement::Execute { name, using } => {
                self.named("execute ", name);
                if !using.is_empty() {
                    self.push(" using ");
                    self.list(using, |printer, name| {
                        printer.variable(&Variable::User(name.clone()));
                    });
                }
            }
            Statement::Deallocate { name } => self.named("deallocate prepare ", name),
            Statement::Kill { query, id } => {
                self.push(if *query { "kill query " } else { "kill connection " });
                self.expr(id);
            }
            Statement::Analyze { local, tables } => {
                self.push(if *local { "analyze local table " } else { "analyze table " });
                self.tables(tables);
            }
            Statement::Flush(flush) => self.flush(flush),
            Statement::Call { name, args } => {
                self.push("call ");
                self.table_name(name);
                self.push("(");
                self.list(args, |printer, arg| printer.expr(arg));
                self.push(")");
            }
            Statement::Verbatim { text, .. } => self.push(text),
        }
    }

    fn named(&mut self, words: &str, name: &Ident) {
        self.push(words);
        self.ident(name);
    }

    fn words(&mut self, words: &[String]) {
        for word in words {
            self.push(" ");
            self.push(word);
        }
    }

    pub fn tables(&mut self, tables: &[TableName]) {
        self.list(tables, |printer, table| printer.table_name(table));
    }

    fn insert(&mut self, insert: &Insert) {
        self.push(if insert.replace { "replace " } else { "insert " });
        self.comments(&insert.comments);
        self.push(if insert.ignore { "ignore into " } else { "into " });
        self.table_name(&insert.table);
        if !insert.partitions.is_empty() {
            self.push(" partition ");
            self.ident_list(&insert.partitions);
        }
        if let Some(alias) = &insert.alias {
            self.push(" as ");
            self.ident(alias);
        }
        if let Some(columns) = &insert.columns {
            self.ident_list(columns);
        }
        self.push(" ");
        match &insert.source {
            InsertSource::Query(query) => self.query(query),
            InsertSource::Values(rows) => {
                self.push("values ");
                self.list(rows, |printer, row| {
                    printer.push("(");
                    printer.list(row, |printer, expr| printer.expr(expr));
                    printer.push(")");
                });
            }
        }
        if let Some((alias, columns)) = &insert.row_alias {
            self.push(" as ");
            self.ident(alias);
            if !columns.is_empty() {
                self.push(" ");
                self.ident_list(columns);
            }
        }
        if !insert.on_duplicate.is_empty() {
            self.push(" on duplicate key update ");
            self.update_items(&insert.on_duplicate);
        }
    }

    fn update_items(&mut self, items: &[UpdateItem]) {
        self.list(items, |printer, item| {
            printer.column_name(&item.column);
            printer.push(" = ");
            printer.expr(&item.value);
        });
    }

    fn update(&mut self, update: &Update) {
        self.with(update.with.as_ref());
        self.push("update ");
        self.comments(&update.comments);
        if update.ignore {
            self.push("ignore ");
        }
        self.list(&update.tables, |printer, table| printer.table_expr(table));
        self.push(" set ");
        self.update_items(&update.set);
        self.filter(" where ", update.filter.as_ref());
        self.order_by(&update.order_by);
        self.limit(update.limit.as_ref());
    }

    fn delete(&mut self, delete: &Delete) {
        self.with(delete.with.as_ref());
        self.push("delete ");
        self.comments(&delete.comments);
        if delete.ignore {
            self.push("ignore ");
        }
        if !delete.targets.is_empty() {
            self.tables(&delete.targets);
            self.push(" ");
        }
        self.push("from ");
        self.list(&delete.tables, |printer, table| printer.table_expr(table));
        self.filter(" where ", delete.filter.as_ref());
        self.order_by(&delete.order_by);
        self.limit(delete.limit.as_ref());
    }

    fn assignment(&mut self, assignment: &Assignment) {
        match &assignment.variable {
            Variable::System { scope: None, name } => self.push(name.as_str()),
            // The isolation of the next transaction alone has no `@@` of its own.
            Variable::System { scope: Some(VariableScope::NextTransaction), name } => {
                self.push(&format!("@@{}", name.as_str()));
            }
            Variable::System { scope: Some(scope), name } => {
                self.push(&format!("@@{}.{}", scope_text(*scope), name.as_str()));
            }
            user => self.variable(user),
        }
        let names = matches!(&assignment.variable, Variable::System { name, .. }
            if name.is("names") || name.is("charset"));
        match (&assignment.value, names) {
            (value, true) => {
                self.push(" ");
                self.expr(value);
            }
            (Expr::Default(None), _) => self.push(" = default"),
            (value, _) => {
                self.push(" = ");
                self.expr(value);
            }
        }
    }

    fn begin(&mut self, begin: Begin) {
        if !begin.start {
            return self.push("begin");
        }
        self.push("start transaction");
        let mut characteristics = Vec::new();
        if begin.consistent_snapshot {
            characteristics.push("with consistent snapshot");
        }
        match begin.read_only {
            None => {}
            Some(true) => characteristics.push("read only"),
            Some(false) => characteristics.push("read write"),
        }
        if !characteristics.is_empty() {
            self.push(" ");
            self.push(&characteristics.join(", "));
        }
    }

    fn explain(&mut self, explain: &Explain) {
        self.push("explain ");
        if explain.analyze {
            self.push("analyze ");
        }
        if let Some(format) = &explain.format {
            self.push(&format!("format = {format} "));
        }
        self.statement(&explain.statement);
    }

    fn flush(&mut self, flush: &Flush) {
        self.push(if flush.local { "flush local" } else { "flush" });
        match &flush.target {
            FlushTarget::Options(options) => self.push(&format!(" {}", options.join(", "))),
            FlushTarget::Tables { names, with_read_lock, for_export } => {
                self.push(" tables");
                if !names.is_empty() {
                    self.push(" ");
                    self.tables(names);
                }
                if *with_read_lock {
                    self.push(" with read lock");
                }
                if *for_export {
                    self.push(" for export");
                }
            }
        }
    }

    fn show(&mut self, show: &Show) {
        self.push("show ");
        let scope = |scope: &Option<VariableScope>| match scope {
            None => String::new(),
            Some(scope) => format!("{} ", scope_text(*scope)),
        };
        let from = |printer: &mut Self, name: &Option<Ident>| {
            if let Some(name) = name {
                printer.push(" from ");
                printer.ident(name);
            }
        };
        if show.full {
            self.push("full ");
        }
        match &show.kind {
            ShowKind::Databases => self.push("databases"),
            ShowKind::Tables { database } => {
                self.push("tables");
                from(self, database);
            }
            ShowKind::TableStatus { database } => {
                self.push("table status");
                from(self, database);
            }
            ShowKind::Columns { table } => {
                self.push("columns from ");
                self.table_name(table);
            }
            ShowKind::Index { table } => {
                self.push("indexes from ");
                self.table_name(table);
            }
            ShowKind::Triggers { database } => {
                self.push("triggers");
                from(self, database);
            }
            ShowKind::CreateTable(table) => {
                self.push("create table ");
                self.table_name(table);
            }
            ShowKind::CreateView(table) => {
                self.push("create view ");
                self.table_name(table);
            }
            ShowKind::CreateDatabase(name) => {
                self.push("create database ");
                self.ident(name);
            }
            ShowKind::Warnings => self.push("warnings"),
            ShowKind::Variables { scope: of } => self.push(&format!("{}variables", scope(of))),
            ShowKind::Status { scope: of } => self.push(&format!("{}status", scope(of))),
            ShowKind::Collation => self.push("collation"),
            ShowKind::CharacterSet => self.push("charset"),
            ShowKind::Engines => self.push("engines"),
            ShowKind::Plugins => self.push("plugins"),
            ShowKind::ProcessList => self.push("processlist"),
            ShowKind::Other(words) => self.push(words),
        }
        match &show.filter {
            None => {}
            Some(ShowFilter::Like(pattern)) => {
                self.push(&format!(" like {}", super::quoted(pattern)));
            }
            Some(ShowFilter::Where(filter)) => self.filter(" where ", Some(filter)),
        }
    }
}
