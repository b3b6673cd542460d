//! A table's name as rules and sources write it: `table` or `keyspace.table`, in backquotes or not.
//!
//! See `sqlparser.ParseTable`. It knows nothing of which tables exist.

use std::fmt;

/// A table, perhaps with its keyspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableName {
    /// Empty where there is none.
    pub keyspace: String,
    pub name: String,
}

/// Why a text is not the name of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableNameError {
    #[error(
        "invalid table name: '{0}', it must be of the unqualified form <table_name> or the qualified form <keyspace_name>.<table_name> (dots are not allowed in either name)"
    )]
    Invalid(String),
    #[error(
        "invalid table name: '{0}', it must be of the qualified form <keyspace_name>.<table_name> (dots are not allowed in either name)"
    )]
    NotQualified(String),
}

impl TableName {
    pub fn new(keyspace: &str, name: &str) -> TableName {
        TableName { keyspace: keyspace.to_string(), name: name.to_string() }
    }

    /// Reads a name with or without a keyspace.
    pub fn parse(text: &str) -> Result<TableName, TableNameError> {
        let invalid = || TableNameError::Invalid(text.to_string());
        let (first, rest) = identifier(text).ok_or_else(invalid)?;
        if rest.trim_start().is_empty() {
            return Ok(TableName { keyspace: String::new(), name: first });
        }
        let rest = rest.trim_start().strip_prefix('.').ok_or_else(invalid)?;
        let (second, rest) = identifier(rest).ok_or_else(invalid)?;
        match rest.trim_start().is_empty() {
            true => Ok(TableName { keyspace: first, name: second }),
            false => Err(invalid()),
        }
    }

    /// Reads a name that must have a keyspace.
    pub fn parse_qualified(text: &str) -> Result<TableName, TableNameError> {
        match TableName::parse(text) {
            Ok(name) if !name.keyspace.is_empty() => Ok(name),
            _ => Err(TableNameError::NotQualified(text.to_string())),
        }
    }
}

/// Splits the identifier off the front of a text.
fn identifier(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('`') {
        return quoted_identifier(quoted);
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    (!is_number).then(|| (name.to_string(), rest))
}

fn quoted_identifier(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c != '`' {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == '`').is_some() {
            name.push('`');
        } else {
            return (!name.is_empty()).then(|| (name, &text[i + 1..]));
        }
    }
    None
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.keyspace.is_empty() {
            true => f.write_str(&self.name),
            false => write!(f, "{}.{}", self.keyspace, self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_or_not() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(keyspace, name)| TableName::new(keyspace, name));
            assert_eq!(TableName::parse(text).ok(), expected, "{text}");
        };
        check("t", Some(("", "t")));
        check("ks.t", Some(("ks", "t")));
        check("`k.s`.`a``b`", Some(("k.s", "a`b")));
        check("a.b.c", None);
        check("", None);
        check(".t", None);
        check("ks.", None);
        check("a-b", None);
        check("`a", None);
        check("12", None);
    }
}
