//! Finding a table or a vindex by name.
//!
//! A name with a keyspace is that keyspace's; one without is global, if only one keyspace has it.
//! An unsharded keyspace has every table that one asks for. See `VSchema.FindTable` and
//! `FindRoutedTable`. It knows nothing of queries.

use std::sync::Arc;

use crate::key::Code;
use crate::vindex::Vindex;
use crate::vschema::{Global, Keyspace, Table, VSchema, VSchemaError};

/// What a name in a FROM clause may be.
#[derive(Clone, Debug)]
pub enum TableOrVindex {
    Table(Arc<Table>),
    Vindex(Arc<dyn Vindex>),
}

impl VSchema {
    pub fn find_keyspace(&self, name: &str) -> Result<&Keyspace, VSchemaError> {
        self.keyspaces.get(name).ok_or_else(|| VSchemaError::unknown_database(name))
    }

    /// Finds a table by its name alone, without routing rules. An empty keyspace means any.
    pub fn find_table(&self, keyspace: &str, name: &str) -> Result<Arc<Table>, VSchemaError> {
        match self.find_table_or_none(keyspace, name)? {
            Some(table) => Ok(table),
            None => Err(VSchemaError::unknown_table(name)),
        }
    }

    /// Finds the table that a query means: through routing rules, then by name. `tablet_type` is in
    /// lower case (`primary`, `replica`, `rdonly`).
    pub fn find_routed_table(
        &self,
        keyspace: &str,
        name: &str,
        tablet_type: &str,
    ) -> Result<Option<Arc<Table>>, VSchemaError> {
        let keyspace = self.route_keyspace(keyspace, tablet_type);
        match self.route_table(keyspace, name, tablet_type) {
            Some(routed) => routed.map(Some),
            None => self.find_table_or_none(keyspace, name),
        }
    }

    /// Finds a vindex by its name. An empty keyspace means any.
    pub fn find_vindex(
        &self,
        keyspace: &str,
        name: &str,
    ) -> Result<Option<Arc<dyn Vindex>>, VSchemaError> {
        if !keyspace.is_empty() {
            return Ok(self.find_keyspace(keyspace)?.vindexes.get(name).cloned());
        }
        match self.global_vindexes.get(name) {
            None => Ok(None),
            Some(Global::Unique(vindex)) => Ok(Some(vindex.clone())),
            Some(Global::Ambiguous) => Err(VSchemaError::new(
                Code::FailedPrecondition,
                format!("ambiguous vindex reference: {name}"),
            )),
        }
    }

    /// Finds what a name in a FROM clause means: a table before a vindex.
    pub fn find_table_or_vindex(
        &self,
        keyspace: &str,
        name: &str,
        tablet_type: &str,
    ) -> Result<TableOrVindex, VSchemaError> {
        if let Some(table) = self.find_routed_table(keyspace, name, tablet_type)? {
            return Ok(TableOrVindex::Table(table));
        }
        match self.find_vindex(keyspace, name)? {
            Some(vindex) => Ok(TableOrVindex::Vindex(vindex)),
            None => Err(VSchemaError::unknown_table(name)),
        }
    }

    /// Finds the SQL text of a view, and the keyspace that has it.
    pub fn find_view(&self, keyspace: &str, name: &str) -> Option<(&str, &str)> {
        let keyspace = match (keyspace, self.global_views.get(name)) {
            ("", Some(Global::Unique(keyspace))) => keyspace.as_str(),
            ("", _) => match self.only_keyspace() {
                Some(only) => only.name.as_str(),
                None => return None,
            },
            (keyspace, _) => keyspace,
        };
        let keyspace = self.keyspaces.get(keyspace)?;
        Some((keyspace.name.as_str(), keyspace.views.get(name)?.as_str()))
    }

    /// Adds a view that schema tracking found.
    pub fn add_view(&mut self, keyspace: &str, name: &str, sql: &str) {
        let Some(known) = self.keyspaces.get_mut(keyspace) else {
            return;
        };
        let is_new = known.views.insert(name.to_string(), sql.to_string()).is_none();
        if known.require_explicit_routing || !is_new {
            return;
        }
        if self.global_tables.contains_key(name) {
            return;
        }
        self.global_views
            .entry(name.to_string())
            .and_modify(|global| *global = Global::Ambiguous)
            .or_insert_with(|| Global::Unique(keyspace.to_string()));
    }

    pub(super) fn find_table_or_none(
        &self,
        keyspace: &str,
        name: &str,
    ) -> Result<Option<Arc<Table>>, VSchemaError> {
        if !keyspace.is_empty() {
            return Ok(self.find_keyspace(keyspace)?.table(name));
        }
        if let Some(Global::Unique(keyspace)) = self.global_views.get(name) {
            return Err(VSchemaError::new(
                Code::Internal,
                format!("VT13001: [BUG] found view `{keyspace}`.`{name}`, expecting table"),
            ));
        }
        match (self.global_tables.get(name), self.only_keyspace()) {
            (Some(Global::Unique(keyspace)), _) => Ok(self.find_keyspace(keyspace)?.table(name)),
            (_, Some(keyspace)) => Ok(keyspace.table(name)),
            (Some(Global::Ambiguous), None) => Err(VSchemaError::new(
                Code::FailedPrecondition,
                format!("ambiguous table reference: {name}"),
            )),
            (None, None) => Ok(None),
        }
    }

    fn only_keyspace(&self) -> Option<&Keyspace> {
        self.keyspaces.values().next().filter(|_| self.keyspaces.len() == 1)
    }
}

impl Keyspace {
    /// A table of this keyspace; an unsharded one has every table.
    pub fn table(&self, name: &str) -> Option<Arc<Table>> {
        match self.tables.get(name) {
            Some(table) => Some(table.clone()),
            None if self.sharded => None,
            None => Some(Arc::new(Table::bare(&self.name, name))),
        }
    }
}
