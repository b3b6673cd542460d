//! Definitions of tables, indexes and views.

use super::Printer;
use crate::sql::ast::{
    AlterChange, AlterTable, ColumnDefinition, ColumnPosition, ColumnType, Constraint, CreateIndex,
    CreateTable, CreateView, DropTable, Expr, IndexDefinition, IndexKind, IndexPart,
};

impl Printer<'_> {
    pub fn create_table(&mut self, create: &CreateTable) {
        self.push("create ");
        if create.temporary {
            self.push("temporary ");
        }
        self.push("table ");
        if create.if_not_exists {
            self.push("if not exists ");
        }
        self.table_name(&create.table);
        if let Some(like) = &create.like {
            self.push(" like ");
            self.table_name(like);
            return;
        }
        self.push(" (");
        let mut first = true;
        let mut line = |printer: &mut Self| {
            printer.push(if first { "\n\t" } else { ",\n\t" });
            first = false;
        };
        for column in &create.columns {
            line(self);
            self.column_definition(column);
        }
        for index in &create.indexes {
            line(self);
            self.index_definition(index);
        }
        for constraint in &create.constraints {
            line(self);
            self.constraint(constraint);
        }
        self.push("\n)");
        for (at, (name, value)) in create.options.iter().enumerate() {
            self.push(if at == 0 { " " } else { ",\n  " });
            if value.is_empty() {
                self.push(name);
            } else {
                self.push(&format!("{name} {value}"));
            }
        }
    }

    pub fn column_definition(&mut self, column: &ColumnDefinition) {
        self.ident(&column.name);
        self.push(" ");
        self.column_type(&column.ty);
        if let Some((expr, stored)) = &column.generated {
            self.push(" as (");
            self.expr(expr);
            self.push(if *stored { ") stored" } else { ") virtual" });
        }
        if column.null {
            self.push(" null");
        }
        if column.not_null {
            self.push(" not null");
        }
        if let Some(default) = &column.default {
            self.default_value(default);
        }
        self.filter(" on update ", column.on_update.as_ref());
        if column.auto_increment {
            self.push(" auto_increment");
        }
        if let Some(comment) = &column.comment {
            self.push(&format!(" comment {}", super::quoted(comment)));
        }
        if column.invisible {
            self.push(" invisible");
        }
        if column.primary_key {
            self.push(" primary key");
        }
        if column.unique {
            self.push(" unique");
        }
        if let Some(check) = &column.check {
            self.push(" check (");
            self.expr(check);
            self.push(")");
        }
    }

    /// An expression other than a literal or the clock stands in parentheses.
    fn default_value(&mut self, default: &Expr) {
        let bare = match default {
            Expr::Literal(_) | Expr::Unary { .. } | Expr::Column(_) | Expr::Argument { .. } => true,
            Expr::Function(function) => ["current_timestamp", "now", "localtime", "localtimestamp"]
                .iter()
                .any(|name| function.name.is(name)),
            _ => false,
        };
        self.push(if bare { " default " } else { " default (" });
        self.expr(default);
        if !bare {
            self.push(")");
        }
    }

    pub fn column_type(&mut self, ty: &ColumnType) {
        self.push(&ty.name);
        if !ty.values.is_empty() {
            self.push("(");
            self.list(&ty.values, |printer, value| printer.push(&super::quoted(value)));
            self.push(")");
        }
        match (ty.length, ty.scale) {
            (Some(length), Some(scale)) => self.push(&format!("({length},{scale})")),
            (Some(length), None) => self.push(&format!("({length})")),
            _ => {}
        }
        if ty.unsigned {
            self.push(" unsigned");
        }
        if ty.zerofill {
            self.push(" zerofill");
        }
        if let Some(charset) = &ty.charset {
            self.push(&format!(" character set {}", charset.as_str()));
        }
        if let Some(collation) = &ty.collation {
            self.push(&format!(" collate {}", collation.as_str()));
        }
    }

    pub fn index_definition(&mut self, index: &IndexDefinition) {
        self.push(match index.kind {
            IndexKind::Primary => "primary key",
            IndexKind::Unique => "unique key",
            IndexKind::Key => "key",
            IndexKind::FullText => "fulltext key",
            IndexKind::Spatial => "spatial key",
        });
        if let Some(name) = &index.name {
            self.push(" ");
            self.ident(name);
        }
        self.push(" (");
        self.list(&index.parts, |printer, part| printer.index_part(part));
        self.push(")");
        for (name, value) in &index.options {
            self.push(&format!(" {name} {value}"));
        }
    }

    fn index_part(&mut self, part: &IndexPart) {
        match &part.expr {
            Some(expr) => {
                self.push("(");
                self.expr(expr);
                self.push(")");
            }
            None => self.ident(&part.column),
        }
        if let Some(length) = part.length {
            self.push(&format!("({length})"));
        }
        if part.descending {
            self.push(" desc");
        }
    }

    pub fn constraint(&mut self, constraint: &Constraint) {
        match constraint {
            Constraint::ForeignKey { name, columns, table, referenced, on_delete, on_update } => {
                if let Some(name) = name {
                    self.push("constraint ");
                    self.ident(name);
                    self.push(" ");
                }
                self.push("foreign key ");
                self.ident_list(columns);
                self.push(" references ");
                self.table_name(table);
                self.push(" ");
                self.ident_list(referenced);
                if let Some(action) = on_delete {
                    self.push(&format!(" on delete {action}"));
                }
                if let Some(action) = on_update {
                    self.push(&format!(" on update {action}"));
                }
            }
            Constraint::Check { name, expr, enforced } => {
                if let Some(name) = name {
                    self.push("constraint ");
                    self.ident(name);
                    self.push(" ");
                }
                self.push("check (");
                self.expr(expr);
                self.push(")");
                if !enforced {
                    self.push(" not enforced");
                }
            }
        }
    }

    pub fn alter_table(&mut self, alter: &AlterTable) {
        self.push("alter table ");
        self.table_name(&alter.table);
        if !alter.changes.is_empty() {
            self.push(" ");
        }
        self.list(&alter.changes, |printer, change| printer.alter_change(change));
    }

    fn alter_change(&mut self, change: &AlterChange) {
        match change {
            AlterChange::AddColumn { column, position } => {
                self.push("add column ");
                self.column_definition(column);
                self.position(position.as_ref());
            }
            AlterChange::DropColumn(name) => {
                self.push("drop column ");
                self.ident(name);
            }
            AlterChange::ModifyColumn { column, position } => {
                self.push("modify column ");
                self.column_definition(column);
                self.position(position.as_ref());
            }
            AlterChange::ChangeColumn { old, column, position } => {
                self.push("change column ");
                self.ident(old);
                self.push(" ");
                self.column_definition(column);
                self.position(position.as_ref());
            }
            AlterChange::RenameColumn { old, new } => {
                self.push("rename column ");
                self.ident(old);
                self.push(" to ");
                self.ident(new);
            }
            AlterChange::AddIndex(index) => {
                self.push("add ");
                self.index_definition(index);
            }
            AlterChange::DropIndex(name) => {
                self.push("drop key ");
                self.ident(name);
            }
            AlterChange::DropPrimaryKey => self.push("drop primary key"),
            AlterChange::RenameIndex { old, new } => {
                self.push("rename key ");
                self.ident(old);
                self.push(" to ");
                self.ident(new);
            }
            AlterChange::AddConstraint(constraint) => {
                self.push("add ");
                self.constraint(constraint);
            }
            AlterChange::DropForeignKey(name) => {
                self.push("drop foreign key ");
                self.ident(name);
            }
            AlterChange::RenameTo(table) => {
                self.push("rename ");
                self.table_name(table);
            }
            AlterChange::SetDefault { column, default } => {
                self.push("alter column ");
                self.ident(column);
                match default {
                    Some(default) => self.filter(" set default ", Some(default)),
                    None => self.push(" drop default"),
                }
            }
            AlterChange::Option(text) => self.push(text),
        }
    }

    fn position(&mut self, position: Option<&ColumnPosition>) {
        match position {
            None => {}
            Some(ColumnPosition::First) => self.push(" first"),
            Some(ColumnPosition::After(name)) => {
                self.push(" after ");
                self.ident(name);
            }
        }
    }

    pub fn drop_table(&mut self, drop: &DropTable) {
        self.push(if drop.temporary { "drop temporary table " } else { "drop table " });
        if drop.if_exists {
            self.push("if exists ");
        }
        self.tables(&drop.tables);
    }

    pub fn create_index(&mut self, create: &CreateIndex) {
        self.push("alter table ");
        self.table_name(&create.table);
        self.push(" add ");
        self.index_definition(&create.index);
    }

    pub fn create_view(&mut self, view: &CreateView) {
        self.push(if view.or_replace { "create or replace" } else { "create" });
        self.view(view);
    }

    pub fn alter_view(&mut self, view: &CreateView) {
        self.push("alter");
        self.view(view);
    }

    fn view(&mut self, view: &CreateView) {
        for option in &view.options {
            self.push(&format!(" {option}"));
        }
        self.push(" view ");
        self.table_name(&view.name);
        if !view.columns.is_empty() {
            self.ident_list(&view.columns);
        }
        self.push(" as ");
        self.query(&view.query);
        if let Some(check) = &view.check_option {
            self.push(&format!(" with {check} check option"));
        }
    }
}
