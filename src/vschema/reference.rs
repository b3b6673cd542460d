//! Reference tables: small tables that several keyspaces have a copy of.
//!
//! A reference table may name the table that it copies. What is wrong with that is an error of the
//! keyspace that refers. It knows nothing of how copies are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key::quote::quote;
use crate::vschema::json::join;
use crate::vschema::{Problem, Table, TableName, TableType, VSchema, VSchemaError};

impl VSchema {
    /// Ties reference tables to their sources.
    pub(super) fn build_references(&mut self, problems: &mut Vec<Problem>) {
        let referring = |table: &Arc<Table>| Some((table.clone(), table.source.clone()?));
        let tables = self.keyspaces.values().flat_map(|keyspace| keyspace.tables.values());
        let references: Vec<(Arc<Table>, TableName)> = tables.filter_map(referring).collect();
        let mut taken: BTreeMap<(String, TableName), String> = BTreeMap::new();
        for (table, source) in references {
            match self.check_reference(&table, &source, &mut taken) {
                Ok(source) => self.add_reference(&table, &source),
                Err(error) => self.reference_problem(&table, error, problems),
            }
        }
    }

    fn reference_problem(
        &mut self,
        table: &Table,
        error: VSchemaError,
        problems: &mut Vec<Problem>,
    ) {
        let keyspace = table.keyspace.clone();
        if let Some(known) = self.keyspaces.get_mut(&keyspace) {
            known.error.get_or_insert_with(|| error.clone());
        }
        let tables = join(&join("/keyspaces", &keyspace), "tables");
        let pointer = join(&join(&tables, &table.name), "source");
        problems.push(Problem { pointer, keyspace: Some(keyspace), error });
    }

    fn check_reference(
        &self,
        table: &Table,
        source: &TableName,
        taken: &mut BTreeMap<(String, TableName), String>,
    ) -> Result<Arc<Table>, VSchemaError> {
        let name = &table.name;
        let quoted = quote(source.to_string().as_bytes());
        let error =
            |message: String| Err(VSchemaError::unknown(format!("source {quoted} {message}")));
        if source.keyspace == table.keyspace {
            return error(format!(
                "may not reference a table in the same keyspace as table: {name}"
            ));
        }
        let found = match source.keyspace.as_str() {
            "" => self.find_table("", &source.name)?,
            keyspace => {
                let quoted = quote(keyspace.as_bytes());
                let Some(known) = self.keyspaces.get(keyspace) else {
                    return error(format!("references a non-existent keyspace {quoted}"));
                };
                match known.tables.get(&source.name) {
                    Some(found) => found.clone(),
                    None => {
                        let table = quote(source.name.as_bytes());
                        return error(format!(
                            "references a table {table} that is not present in the VSchema of keyspace {quoted}"
                        ));
                    }
                }
            }
        };
        if found.table_type == TableType::Sequence {
            return error(format!("may not reference a table of type \"sequence\": {name}"));
        }
        let key = (table.keyspace.clone(), TableName::new(&found.keyspace, &found.name));
        if let Some(first) = taken.insert(key, name.clone()) {
            let (first, second) = if first < *name { (&first, name) } else { (name, &first) };
            return error(format!(
                "may not be referenced more than once per keyspace: {first}, {second}"
            ));
        }
        match &found.source {
            Some(next) => Err(VSchemaError::unknown(format!(
                "reference chaining is not allowed {name} => {source} => {next}: {name}"
            ))),
            None => Ok(found),
        }
    }

    fn add_reference(&mut self, table: &Table, source: &Table) {
        let keyspace = self.keyspaces.get_mut(&source.keyspace);
        let known = keyspace.and_then(|keyspace| keyspace.tables.get_mut(&source.name));
        if let Some(known) = known {
            let referring = (table.keyspace.clone(), table.name.clone());
            Arc::make_mut(known).referenced_by.extend([referring]);
        }
    }
}
