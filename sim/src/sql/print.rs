//! SQL text from the tree, exactly as Vitess's printer writes it.
//!
//! See go/vt/sqlparser/ast_format.go and precedence.go. Keywords are lower case, parentheses come
//! from precedence, names are quoted if they are in the [`super::keyword`] table. A MySQL server
//! reads every text as the tree it came from.
//!
//! It knows nothing of plans: which keyspace a name loses is the router's.

mod ddl;
mod expr;
mod literal;
mod name;
mod query;
mod statement;

use std::fmt;

use super::ast::Statement;
use crate::value::Binds;

pub(super) use expr::is_built_in;
pub use literal::{literal, quoted};
pub use name::{printed_name, quoted_name};

/// A statement with its bind variables written as literals: what a server's log would show. A
/// bind that is absent stays a variable.
pub fn inline(statement: &Statement, binds: &Binds) -> String {
    let mut printer = Printer { text: String::new(), binds: Some(binds) };
    printer.statement(statement);
    printer.text
}

/// Writes nodes one after the other; each kind of node has its method in one of the submodules.
struct Printer<'a> {
    text: String,
    binds: Option<&'a Binds>,
}

impl Printer<'_> {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Items with `", "` between them.
    fn list<T>(&mut self, items: &[T], mut print: impl FnMut(&mut Self, &T)) {
        for (at, item) in items.iter().enumerate() {
            if 0 < at {
                self.push(", ");
            }
            print(self, item);
        }
    }
}

fn format(f: &mut fmt::Formatter<'_>, print: impl FnOnce(&mut Printer<'_>)) -> fmt::Result {
    let mut printer = Printer { text: String::new(), binds: None };
    print(&mut printer);
    f.write_str(&printer.text)
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.statement(self))
    }
}

impl fmt::Display for super::ast::Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.query(self))
    }
}

impl fmt::Display for super::ast::Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.select(self))
    }
}

impl fmt::Display for super::ast::Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.expr(self))
    }
}

impl fmt::Display for super::ast::SelectItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.select_item(self))
    }
}

impl fmt::Display for super::ast::TableExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.table_expr(self))
    }
}

impl fmt::Display for super::ast::OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.order_item(self))
    }
}

impl fmt::Display for super::ast::TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.table_name(self))
    }
}

impl fmt::Display for super::ast::ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.column_name(self))
    }
}

impl fmt::Display for super::ast::Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.ident(self))
    }
}

impl fmt::Display for super::ast::ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.column_type(self))
    }
}

impl fmt::Display for super::ast::Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, |printer| printer.variable(self))
    }
}
