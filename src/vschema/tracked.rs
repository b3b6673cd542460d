//! What schema tracking tells of the tables on the shards, beyond what a vschema says.
//!
//! Columns that it finds become part of the vschema's tables; primary keys, views and functions
//! stand here. See `go/vt/vtgate/schema/tracker.go`. It knows nothing of how it was found out.

use std::collections::{BTreeMap, BTreeSet};

use sim::sql::ast::Expr;

use crate::vschema::{TableName, VSchema};

/// A foreign key as the child's definition has it. Both tables stand with their keyspaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub child: TableName,
    pub child_columns: Vec<String>,
    pub parent: TableName,
    pub parent_columns: Vec<String>,
    pub on_update: ReferenceAction,
    pub on_delete: ReferenceAction,
}

/// What becomes of the child's row where its parent's key changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReferenceAction {
    /// Nothing was written, which forbids the change as RESTRICT does.
    #[default]
    Default,
    Restrict,
    Cascade,
    NoAction,
    SetNull,
    SetDefault,
}

/// Beside a vschema: empty where nothing is tracked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracked {
    /// By keyspace and table, the columns of the primary key in order.
    primary_keys: BTreeMap<(String, String), Vec<String>>,
    /// The aggregate functions that were loaded into a keyspace's servers; lower case.
    aggregate_functions: BTreeMap<String, BTreeSet<String>>,
    /// In the order in which they were found, which is that of the plans made of them.
    foreign_keys: Vec<ForeignKey>,
    /// By keyspace and table, each with its expressions: beyond the primary key.
    unique_keys: BTreeMap<(String, String), Vec<Vec<Expr>>>,
}

impl ReferenceAction {
    /// Reads an action as a definition writes it, whatever its case (`on delete set null`).
    pub fn parse(text: &str) -> Option<ReferenceAction> {
        let words: Vec<String> = text
            .split([' ', '_'])
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            [] | ["default"] => Some(ReferenceAction::Default),
            ["restrict"] => Some(ReferenceAction::Restrict),
            ["cascade"] => Some(ReferenceAction::Cascade),
            ["no", "action"] => Some(ReferenceAction::NoAction),
            ["set", "null"] => Some(ReferenceAction::SetNull),
            ["set", "default"] => Some(ReferenceAction::SetDefault),
            _ => None,
        }
    }

    /// Whether the change is forbidden while a child's row stands in its way.
    pub fn is_restrict(self) -> bool {
        use ReferenceAction::{Default, NoAction, Restrict};
        matches!(self, Default | Restrict | NoAction)
    }
}

impl VSchema {
    /// Says which columns are a table's primary key.
    pub fn track_primary_key(&mut self, keyspace: &str, table: &str, columns: Vec<String>) {
        self.tracked.primary_keys.insert((keyspace.to_string(), table.to_string()), columns);
    }

    /// The primary key of a table, if it is known.
    pub fn primary_key(&self, keyspace: &str, table: &str) -> Option<&[String]> {
        let key = (keyspace.to_string(), table.to_string());
        self.tracked.primary_keys.get(&key).map(Vec::as_slice)
    }

    /// Says that a keyspace's servers have an aggregate function beyond MySQL's.
    pub fn track_aggregate_function(&mut self, keyspace: &str, name: &str) {
        let names = self.tracked.aggregate_functions.entry(keyspace.to_string()).or_default();
        names.insert(name.to_ascii_lowercase());
    }

    /// The aggregate functions beyond MySQL's, of all keyspaces; lower case.
    pub fn aggregate_functions(&self) -> BTreeSet<String> {
        self.tracked.aggregate_functions.values().flatten().cloned().collect()
    }

    /// Says that a table has a foreign key; one that is known already stays as it is.
    pub fn track_foreign_key(&mut self, key: ForeignKey) {
        if !self.tracked.foreign_keys.contains(&key) {
            self.tracked.foreign_keys.push(key);
        }
    }

    /// The foreign keys of a table's own rows: their parents are elsewhere.
    pub fn parent_foreign_keys(&self, child: &TableName) -> impl Iterator<Item = &ForeignKey> {
        self.tracked.foreign_keys.iter().filter(move |key| key.child == *child)
    }

    /// The foreign keys that refer to a table's rows.
    pub fn child_foreign_keys(&self, parent: &TableName) -> impl Iterator<Item = &ForeignKey> {
        self.tracked.foreign_keys.iter().filter(move |key| key.parent == *parent)
    }

    /// Says that a table has a unique key beyond its primary key.
    pub fn track_unique_key(&mut self, keyspace: &str, table: &str, parts: Vec<Expr>) {
        let key = (keyspace.to_string(), table.to_string());
        self.tracked.unique_keys.entry(key).or_default().push(parts);
    }

    /// The unique keys of a table beyond its primary key.
    pub fn unique_keys(&self, keyspace: &str, table: &str) -> &[Vec<Expr>] {
        let key = (keyspace.to_string(), table.to_string());
        self.tracked.unique_keys.get(&key).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vindex::Registry;
    use crate::vschema::SrvVSchema;

    #[test]
    fn actions_are_read_as_definitions_and_as_setups_write_them() {
        use ReferenceAction::*;
        let cases = [
            ("", Some(Default)),
            ("CASCADE", Some(Cascade)),
            ("no action", Some(NoAction)),
            ("set_null", Some(SetNull)),
            ("Set  Default", Some(SetDefault)),
            ("restrict", Some(Restrict)),
            ("delete", None),
        ];
        for (text, expected) in cases {
            assert_eq!(ReferenceAction::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn foreign_keys_are_found_from_both_sides_in_order() {
        let source = SrvVSchema::parse(r#"{"keyspaces": {"ks": {}}}"#).unwrap();
        let mut vschema = VSchema::build(&source, &Registry::empty());
        let key = |child: &str, parent: &str| ForeignKey {
            child: TableName::new("ks", child),
            child_columns: vec!["a".to_string()],
            parent: TableName::new("ks", parent),
            parent_columns: vec!["b".to_string()],
            on_update: ReferenceAction::Cascade,
            on_delete: ReferenceAction::NoAction,
        };
        for (child, parent) in [("c", "p"), ("b", "p"), ("c", "p"), ("p", "q")] {
            vschema.track_foreign_key(key(child, parent));
        }
        let parent = TableName::new("ks", "p");
        let children: Vec<&str> =
            vschema.child_foreign_keys(&parent).map(|key| key.child.name.as_str()).collect();
        assert_eq!(children, ["c", "b"]);
        assert_eq!(vschema.parent_foreign_keys(&parent).count(), 1);
        assert!(vschema.unique_keys("ks", "p").is_empty());
    }
}
