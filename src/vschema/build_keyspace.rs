//! Building one keyspace: its vindexes, then its tables in order of their names.
//!
//! What a table must be is checked in Vitess's order, so that the first error is the one that
//! Vitess reports. It knows nothing of other keyspaces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::key::quote::quote;
use crate::key::{Code, KeyspaceId, hex};
use crate::vindex::{Owner, Registry, Vindex};
use crate::vschema::json::join;
use crate::vschema::source::{ColumnVindexSource, KeyspaceSource, TableSource, VindexSource};
use crate::vschema::{
    Build, Column, ColumnVindex, ForeignKeyMode, Keyspace, Problem, Table, TableName, TableType,
    VSchema, VSchemaError,
};

impl VSchema {
    /// What `ApplyVSchema` checks of one keyspace: not its sequences, references or rules.
    pub fn build_keyspace(
        source: &KeyspaceSource,
        registry: &Registry,
    ) -> Result<Keyspace, VSchemaError> {
        let builder = KeyspaceBuilder::new("", String::new(), source, registry, Build::AsVitess);
        let keyspace = builder.build(&mut Vec::new());
        match keyspace.error {
            Some(error) => Err(error),
            None => Ok(keyspace),
        }
    }

    /// Everything wrong with one keyspace's vschema alone, and the parameters that no vindex knows.
    /// Pointers start at the keyspace.
    pub fn check_keyspace(
        source: &KeyspaceSource,
        registry: &Registry,
    ) -> (Vec<Problem>, Vec<Problem>) {
        let mut problems = Vec::new();
        let builder = KeyspaceBuilder::new("", String::new(), source, registry, Build::Everything);
        let keyspace = builder.build(&mut problems);
        (problems, unknown_params(&keyspace, ""))
    }
}

/// One keyspace being built.
pub(super) struct KeyspaceBuilder<'a> {
    name: &'a str,
    pointer: String,
    source: &'a KeyspaceSource,
    registry: &'a Registry,
    build: Build,
    vindexes: BTreeMap<String, Arc<dyn Vindex>>,
    problems: Vec<Problem>,
}

impl<'a> KeyspaceBuilder<'a> {
    pub fn new(
        name: &'a str,
        pointer: String,
        source: &'a KeyspaceSource,
        registry: &'a Registry,
        build: Build,
    ) -> KeyspaceBuilder<'a> {
        let vindexes = BTreeMap::new();
        KeyspaceBuilder { name, pointer, source, registry, build, vindexes, problems: Vec::new() }
    }

    pub fn build(mut self, problems: &mut Vec<Problem>) -> Keyspace {
        self.build_vindexes();
        let mut tables = BTreeMap::new();
        for (name, source) in &self.source.tables {
            if self.is_over() {
                break;
            }
            let before = self.problems.len();
            let table = self.build_table(name, source);
            if self.problems.len() == before {
                tables.insert(name.clone(), table);
            }
        }
        let keyspace = Keyspace {
            name: self.name.to_string(),
            sharded: self.source.sharded,
            foreign_key_mode: match self.source.foreign_key_mode {
                ForeignKeyMode::Unspecified => ForeignKeyMode::Unmanaged,
                mode => mode,
            },
            tables: self.with_final_vindexes(tables),
            vindexes: self.vindexes,
            views: BTreeMap::new(),
            require_explicit_routing: self.source.require_explicit_routing,
            multi_tenant_spec: self.source.multi_tenant_spec.clone(),
            error: self.problems.first().map(|problem| problem.error.clone()),
        };
        problems.append(&mut self.problems);
        keyspace
    }

    fn is_over(&self) -> bool {
        self.build == Build::AsVitess && !self.problems.is_empty()
    }

    fn problem(&mut self, pointer: String, error: VSchemaError) {
        if !self.is_over() {
            self.problems.push(Problem { pointer, keyspace: Some(self.name.to_string()), error });
        }
    }

    fn build_vindexes(&mut self) {
        let pointer = join(&self.pointer, "vindexes");
        for (name, source) in &self.source.vindexes {
            match self.registry.create(&source.type_name, name, &source.params) {
                Ok(vindex) => {
                    self.vindexes.insert(name.clone(), vindex);
                }
                Err(error) => {
                    let pointer = vindex_pointer(&join(&pointer, name), source, &error.message);
                    self.problem(pointer, error.into());
                }
            }
        }
    }

    fn build_table(&mut self, name: &str, source: &TableSource) -> Table {
        let pointer = join(&join(&self.pointer, "tables"), name);
        let mut table = Table::bare(self.name, name);
        table.column_list_authoritative = source.column_list_authoritative;
        self.set_type(&mut table, source, &pointer);
        self.set_pinned(&mut table, source, &pointer);
        let needs_vindex = self.source.sharded
            && table.table_type != TableType::Reference
            && source.pinned.is_empty();
        if needs_vindex && source.column_vindexes.is_empty() {
            let message = format!("missing primary col vindex for table: {name}");
            self.problem(pointer.clone(), VSchemaError::new(Code::NotFound, message));
        }
        self.set_columns(&mut table, source, &pointer);
        let mut column_vindexes = Vec::new();
        for (i, column_vindex) in source.column_vindexes.iter().enumerate() {
            let pointer = join(&join(&pointer, "column_vindexes"), i);
            self.add_column_vindexes(&mut column_vindexes, name, i, column_vindex, pointer);
        }
        table.set_column_vindexes(column_vindexes);
        table
    }

    fn set_type(&mut self, table: &mut Table, source: &TableSource, pointer: &str) {
        let name = table.name.clone();
        match source.type_name.as_str() {
            "" => {}
            "reference" => {
                table.table_type = TableType::Reference;
                if !source.source.is_empty() {
                    match TableName::parse(&source.source) {
                        Ok(source) => table.source = Some(source),
                        Err(error) => {
                            let quoted = quote(source.source.as_bytes());
                            let message = format!(
                                "invalid source {quoted} for reference table: {name}; {error}"
                            );
                            self.problem(join(pointer, "source"), VSchemaError::unknown(message));
                        }
                    }
                }
            }
            "sequence" => {
                table.table_type = TableType::Sequence;
                if self.source.sharded && source.pinned.is_empty() {
                    let message = format!(
                        "sequence table has to be in an unsharded keyspace or must be pinned: {name}"
                    );
                    let error = VSchemaError::new(Code::FailedPrecondition, message);
                    self.problem(join(pointer, "type"), error);
                }
            }
            other => {
                let message = format!("unidentified table type {other}");
                self.problem(join(pointer, "type"), VSchemaError::new(Code::NotFound, message));
            }
        }
    }

    fn set_pinned(&mut self, table: &mut Table, source: &TableSource, pointer: &str) {
        if source.pinned.is_empty() {
            return;
        }
        match hex::decode(source.pinned.as_bytes()) {
            Ok(bytes) => table.pinned = Some(KeyspaceId::from(bytes)),
            Err(error) => {
                let message = format!("could not decode the keyspace id for pin: {error}");
                self.problem(join(pointer, "pinned"), VSchemaError::unknown(message));
            }
        }
    }

    fn set_columns(&mut self, table: &mut Table, source: &TableSource, pointer: &str) {
        let mut names = BTreeSet::new();
        for (i, column) in source.columns.iter().enumerate() {
            if !names.insert(column.name.to_lowercase()) {
                let (column, table) = (&column.name, &table.name);
                let message = format!("duplicate column name '{column}' for table: {table}");
                let pointer = join(&join(pointer, "columns"), i);
                self.problem(pointer, VSchemaError::unknown(message));
            }
            if !is_expression(&column.default) {
                let message = format!(
                    "could not parse the '{}' column's default expression '{}' for table '{}'",
                    column.name, column.default, table.name
                );
                let pointer = join(&join(&join(pointer, "columns"), i), "default");
                self.problem(pointer, VSchemaError::unknown(message));
            }
            table.columns.push(Column {
                name: column.name.clone(),
                kind: column.kind,
                invisible: column.invisible,
                default: column.default.clone(),
                collation_name: column.collation_name.clone(),
                size: column.size,
                scale: column.scale,
                nullable: column.nullable.unwrap_or(true),
                values: column.values.clone(),
            });
        }
    }

    fn add_column_vindexes(
        &mut self,
        column_vindexes: &mut Vec<Arc<ColumnVindex>>,
        table: &str,
        i: usize,
        source: &ColumnVindexSource,
        pointer: String,
    ) {
        let name = &source.name;
        let keyspace_source = self.source;
        let vindex = self.vindexes.get(name).cloned();
        let (Some(vindex), Some(vindex_source)) = (vindex, keyspace_source.vindexes.get(name))
        else {
            // Where the vindex itself is wrong, that is the problem.
            if !keyspace_source.vindexes.contains_key(name) {
                let message = format!("vindex {name} not found for table {table}");
                self.problem(join(&pointer, "name"), VSchemaError::unknown(message));
            }
            return;
        };
        let columns = match (source.column.is_empty(), source.columns.is_empty()) {
            (false, false) => {
                let message = format!(
                    "can't use column and columns at the same time in vindex ({name}) and table ({table})"
                );
                return self.problem(pointer, VSchemaError::unknown(message));
            }
            (true, true) => {
                let message = format!(
                    "must specify at least one column for vindex ({name}) and table ({table})"
                );
                return self.problem(pointer, VSchemaError::unknown(message));
            }
            (false, true) => vec![source.column.clone()],
            (true, false) => source.columns.clone(),
        };
        let properties = vindex.properties();
        let owned = properties.is_lookup() && vindex_source.owner == table;
        if i == 0 && !properties.unique {
            let message = format!("primary vindex {name} is not Unique for table {table}");
            self.problem(pointer.clone(), VSchemaError::unknown(message));
        }
        if i == 0 && owned {
            let message = format!("primary vindex {name} cannot be owned for table {table}");
            self.problem(pointer.clone(), VSchemaError::unknown(message));
        }
        if owned {
            self.set_owner(name, table, &columns, &pointer);
        }
        if i != 0 && properties.is_multi_column() {
            let message =
                format!("multi-column vindex {name} should be a primary vindex for table {table}");
            self.problem(pointer, VSchemaError::new(Code::Unimplemented, message));
        }
        let whole = ColumnVindex {
            columns,
            type_name: vindex_source.type_name.clone(),
            name: name.clone(),
            owned,
            unique: properties.unique,
            cost: properties.cost,
            partial: false,
            backfill: properties.is_backfilling(),
            vindex,
        };
        column_vindexes.push(Arc::new(whole.clone()));
        if properties.is_partial() {
            column_vindexes.extend(partial_vindexes(&whole).map(Arc::new));
        }
    }

    fn set_owner(&mut self, vindex: &str, table: &str, columns: &[String], pointer: &str) {
        let owner = Owner {
            keyspace: self.name.to_string(),
            table: table.to_string(),
            columns: columns.to_vec(),
        };
        match self.vindexes.get(vindex).and_then(|vindex| vindex.owned_by(&owner)) {
            None => {}
            Some(Ok(owned)) => {
                self.vindexes.insert(vindex.to_string(), owned);
            }
            Some(Err(error)) => self.problem(pointer.to_string(), error.into()),
        }
    }

    /// A vindex learns its owner when the owner's table comes up; tables before it share the
    /// vindex.
    fn with_final_vindexes(&self, tables: BTreeMap<String, Table>) -> BTreeMap<String, Arc<Table>> {
        let with_final =
            |column_vindex: &Arc<ColumnVindex>| match self.vindexes.get(&column_vindex.name) {
                Some(vindex) => {
                    Arc::new(ColumnVindex { vindex: vindex.clone(), ..(**column_vindex).clone() })
                }
                None => column_vindex.clone(),
            };
        tables
            .into_iter()
            .map(|(name, mut table)| {
                let column_vindexes = table.column_vindexes.iter().map(with_final).collect();
                table.set_column_vindexes(column_vindexes);
                (name, Arc::new(table))
            })
            .collect()
    }
}

/// Where a vindex is wrong: its type, the parameter that the error begins with, or all of it.
fn vindex_pointer(pointer: &str, source: &VindexSource, message: &str) -> String {
    if message.starts_with("vindexType ") && !source.type_name.is_empty() {
        return join(pointer, "type");
    }
    match source.params.keys().find(|name| message.starts_with(&format!("{name} "))) {
        Some(name) => join(&join(pointer, "params"), name),
        None => pointer.to_string(),
    }
}

/// The vindex over its first columns, the most first; each costs one more than the one before.
fn partial_vindexes(whole: &ColumnVindex) -> impl Iterator<Item = ColumnVindex> {
    (1..whole.columns.len()).rev().zip(1..).map(|(columns, more)| ColumnVindex {
        columns: whole.columns[..columns].to_vec(),
        cost: whole.cost + more,
        partial: true,
        unique: false,
        ..whole.clone()
    })
}

/// The parameters of a keyspace's vindexes that no vindex knows.
pub(super) fn unknown_params(keyspace: &Keyspace, pointer: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, vindex) in &keyspace.vindexes {
        for param in vindex.unknown_params() {
            let vindex = join(&join(pointer, "vindexes"), name);
            problems.push(Problem {
                pointer: join(&join(&vindex, "params"), param),
                keyspace: Some(keyspace.name.clone()),
                error: VSchemaError::new(
                    Code::InvalidArgument,
                    format!("unknown vindex params: {name} ({param})"),
                ),
            });
        }
    }
    problems
}

/// Whether a default reads as an expression, as Vitess finds out: in a SELECT. None is one too.
fn is_expression(default: &str) -> bool {
    default.is_empty() || sim::sql::parse(&format!("select {default}")).is_ok()
}
