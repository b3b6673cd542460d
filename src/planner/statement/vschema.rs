//! `alter vschema ..`: changes of a keyspace's vschema, as statements.
//!
//! See `sqlparser.AlterVschema`. It knows nothing of what a vschema is.

use std::fmt;
use std::sync::Arc;

use sim::sql::ast::{Ident, TableName};

use super::words::Words;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterVSchema {
    /// The table; for vindexes of their own, the vindex.
    pub table: TableName,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    CreateVindex(VindexSpec),
    DropVindex,
    AddTable,
    DropTable,
    AddColumnVindex { vindex: Ident, columns: Vec<Ident>, spec: VindexSpec },
    DropColumnVindex { vindex: Ident },
    AddSequence,
    DropSequence,
    AddAutoIncrement { column: Ident, sequence: TableName },
    DropAutoIncrement,
}

/// `using hash with owner=t, table=x`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VindexSpec {
    pub type_name: Option<Ident>,
    pub params: Vec<(Ident, Arc<str>)>,
}

/// Reads what follows `alter vschema`; none if it is something else.
pub(super) fn read(words: &mut Words<'_>) -> Option<AlterVSchema> {
    let found = match words.word()?.to_ascii_lowercase().as_str() {
        "create" => {
            words.expect("vindex")?;
            let table = words.table_name()?;
            AlterVSchema { table, action: Action::CreateVindex(spec(words)?) }
        }
        "drop" => {
            let action = match words.word()?.to_ascii_lowercase().as_str() {
                "vindex" => Action::DropVindex,
                "table" => Action::DropTable,
                "sequence" => Action::DropSequence,
                _ => return None,
            };
            AlterVSchema { table: words.table_name()?, action }
        }
        "add" => {
            let action = match words.word()?.to_ascii_lowercase().as_str() {
                "table" => Action::AddTable,
                "sequence" => Action::AddSequence,
                _ => return None,
            };
            AlterVSchema { table: words.table_name()?, action }
        }
        "on" => {
            let table = words.table_name()?;
            AlterVSchema { table, action: on_table(words)? }
        }
        _ => return None,
    };
    words.is_at_end().then_some(found)
}

fn on_table(words: &mut Words<'_>) -> Option<Action> {
    if words.accept_all(&["add", "vindex"]) {
        let vindex = words.name()?;
        let columns = words.names_in_parens()?;
        return Some(Action::AddColumnVindex { vindex, columns, spec: spec(words)? });
    }
    if words.accept_all(&["drop", "vindex"]) {
        return Some(Action::DropColumnVindex { vindex: words.name()? });
    }
    if words.accept_all(&["add", "auto_increment"]) {
        let column = words.name()?;
        words.expect("using")?;
        return Some(Action::AddAutoIncrement { column, sequence: words.table_name()? });
    }
    words.accept_all(&["drop", "auto_increment"]).then_some(Action::DropAutoIncrement)
}

fn spec(words: &mut Words<'_>) -> Option<VindexSpec> {
    let mut spec = VindexSpec::default();
    if !words.accept("using") {
        return Some(spec);
    }
    spec.type_name = Some(words.name()?);
    if words.accept("with") {
        spec.params.push(param(words)?);
        while words.accept(",") {
            spec.params.push(param(words)?);
        }
    }
    Some(spec)
}

fn param(words: &mut Words<'_>) -> Option<(Ident, Arc<str>)> {
    let name = words.name()?;
    words.expect("=")?;
    let value = match words.text() {
        Some(text) => text.into(),
        None => words.name()?.0,
    };
    Some((name, value))
}

impl fmt::Display for AlterVSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.table;
        f.write_str("alter vschema ")?;
        match &self.action {
            Action::CreateVindex(spec) => write!(f, "create vindex {table}{spec}"),
            Action::DropVindex => write!(f, "drop vindex {table}"),
            Action::AddTable => write!(f, "add table {table}"),
            Action::DropTable => write!(f, "drop table {table}"),
            Action::AddColumnVindex { vindex, columns, spec } => {
                let columns: Vec<String> = columns.iter().map(Ident::to_string).collect();
                write!(f, "on {table} add vindex {vindex} ({}){spec}", columns.join(", "))
            }
            Action::DropColumnVindex { vindex } => write!(f, "on {table} drop vindex {vindex}"),
            Action::AddSequence => write!(f, "add sequence {table}"),
            Action::DropSequence => write!(f, "drop sequence {table}"),
            Action::AddAutoIncrement { column, sequence } => {
                write!(f, "on {table} add auto_increment {column} using {sequence}")
            }
            Action::DropAutoIncrement => write!(f, "on {table} drop auto_increment"),
        }
    }
}

impl fmt::Display for VindexSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(type_name) = &self.type_name {
            write!(f, " using {type_name}")?;
        }
        for (at, (name, value)) in self.params.iter().enumerate() {
            let before = if at == 0 { " with " } else { ", " };
            write!(f, "{before}{}={value}", name.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_print_as_vitess_prints_them() {
        let check = |text: &str, expected: &str| {
            let mut words = Words::read(text).unwrap();
            assert!(words.accept_all(&["alter", "vschema"]), "{text}");
            let got = read(&mut words).map(|statement| statement.to_string());
            assert_eq!(got.as_deref(), Some(expected), "{text}");
        };
        check(
            "alter vschema create vindex user.hash_vdx using hash",
            "alter vschema create vindex `user`.hash_vdx using `hash`",
        );
        check(
            "alter vschema create vindex a using lookup with owner=t, from='a,b'",
            "alter vschema create vindex a using lookup with owner=t, from=a,b",
        );
        check("alter vschema drop vindex h", "alter vschema drop vindex h");
        check("alter vschema ADD TABLE a.b", "alter vschema add table a.b");
        check(
            "alter vschema on a add vindex hash (id, x) using hash",
            "alter vschema on a add vindex `hash` (id, x) using `hash`",
        );
        check("alter vschema on a drop vindex h", "alter vschema on a drop vindex h");
        check(
            "alter vschema on a add auto_increment id using b.seq",
            "alter vschema on a add auto_increment id using b.seq",
        );
        check("alter vschema on a drop auto_increment", "alter vschema on a drop auto_increment");
        assert!(read(&mut Words::read("add vindex x").unwrap()).is_none());
        assert!(read(&mut Words::read("drop table a b").unwrap()).is_none());
    }
}
