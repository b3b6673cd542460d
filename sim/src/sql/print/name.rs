//! Names: quoted where they must be.

use std::borrow::Cow;

use super::Printer;
use crate::sql::ast::{ColumnName, Ident, TableName};
use crate::sql::keyword::is_keyword;

impl Printer<'_> {
    pub fn ident(&mut self, name: &Ident) {
        self.push_name(name.as_str());
    }

    pub fn push_name(&mut self, name: &str) {
        self.push(&printed_name(name));
    }

    pub fn table_name(&mut self, table: &TableName) {
        match &table.qualifier {
            None if &*table.name.0 == "dual" => self.push("dual"),
            None => self.ident(&table.name),
            Some(qualifier) => {
                self.ident(qualifier);
                self.push(".");
                self.ident(&table.name);
            }
        }
    }

    pub fn column_name(&mut self, column: &ColumnName) {
        if let Some(table) = &column.table {
            self.table_name(table);
            self.push(".");
        }
        self.ident(&column.name);
    }

    /// `(a, b)`.
    pub fn ident_list(&mut self, names: &[Ident]) {
        self.push("(");
        self.list(names, |printer, name| printer.ident(name));
        self.push(")");
    }
}

/// A name as the printer writes it: in backquotes where it needs them.
pub fn printed_name(name: &str) -> Cow<'_, str> {
    match needs_quotes(name) {
        true => Cow::Owned(quoted_name(name)),
        false => Cow::Borrowed(name),
    }
}

/// A name in backquotes, whether it needs them or not.
pub fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn needs_quotes(name: &str) -> bool {
    let plain = |(at, byte): (usize, u8)| {
        byte.is_ascii_alphabetic()
            || matches!(byte, b'_' | b'$')
            || (0 < at && byte.is_ascii_digit())
    };
    name.is_empty() || !name.bytes().enumerate().all(plain) || is_keyword(name)
}
