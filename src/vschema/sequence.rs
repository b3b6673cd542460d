//! Sequences: tables that give numbers to the auto-increment columns of others.
//!
//! It knows nothing of how numbers are given out.

use std::sync::Arc;

use crate::vschema::json::join;
use crate::vschema::{AutoIncrement, Problem, TableName, VSchema, VSchemaError};

impl VSchema {
    /// Resolves the sequence of each auto-increment column. A table whose sequence is not found is
    /// no table of the vschema any more, and its name is gone from the global names, whoever had
    /// it.
    pub(super) fn resolve_sequences(&mut self, problems: &mut Vec<Problem>) {
        for (keyspace, source) in self.source.clone().keyspaces {
            for (name, table) in source.tables {
                let Some(auto_increment) = table.auto_increment else {
                    continue;
                };
                let known =
                    self.keyspaces.get(&keyspace).is_some_and(|ks| ks.tables.contains_key(&name));
                if !known {
                    continue;
                }
                match self.find_sequence(&auto_increment.sequence) {
                    Ok(sequence) => {
                        let column = auto_increment.column;
                        self.set_auto_increment(
                            &keyspace,
                            &name,
                            AutoIncrement { column, sequence },
                        );
                    }
                    Err(error) => {
                        let sequence = &auto_increment.sequence;
                        let message = format!("cannot resolve sequence {sequence}: {error}");
                        let error = VSchemaError::new(error.code, message);
                        self.drop_table(&keyspace, &name, &error);
                        let tables = join(&join("/keyspaces", &keyspace), "tables");
                        let pointer = join(&join(&tables, &name), "auto_increment");
                        problems.push(Problem { pointer, keyspace: Some(keyspace.clone()), error });
                    }
                }
            }
        }
    }

    fn find_sequence(&self, text: &str) -> Result<TableName, VSchemaError> {
        let name = TableName::parse(text)
            .map_err(|_| VSchemaError::unknown(format!("invalid table name: {text}")))?;
        let keyspace = self.route_keyspace(&name.keyspace, "primary");
        let table = match self.route_table(keyspace, &name.name, "primary") {
            Some(routed) => routed?,
            None => self.find_table(keyspace, &name.name)?,
        };
        Ok(TableName::new(&table.keyspace, &table.name))
    }

    fn set_auto_increment(&mut self, keyspace: &str, name: &str, auto_increment: AutoIncrement) {
        let keyspace = self.keyspaces.get_mut(keyspace);
        if let Some(table) = keyspace.and_then(|keyspace| keyspace.tables.get_mut(name)) {
            Arc::make_mut(table).auto_increment = Some(auto_increment);
        }
    }

    fn drop_table(&mut self, keyspace: &str, name: &str, error: &VSchemaError) {
        if let Some(keyspace) = self.keyspaces.get_mut(keyspace) {
            keyspace.tables.remove(name);
            keyspace.error = Some(error.clone());
        }
        self.global_tables.remove(name);
    }
}
