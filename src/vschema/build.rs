//! Building a vschema: validation, in Vitess's order and words.
//!
//! Every rule that a keyspace, a table or a rule breaks is a [`Problem`] with its place in the JSON.
//! As Vitess does it, a keyspace's tables end at the first that is wrong; [`Build::Everything`] goes
//! on, so that somebody who edits a vschema sees all there is.
//!
//! It knows nothing of the order in which tables are then looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::key::quote::quote;
use crate::key::{Code, KeyspaceId, hex};
use crate::vindex::{Owner, Registry, Vindex};
use crate::vschema::json::join;
use crate::vschema::source::{
    ColumnVindexSource, KeyspaceSource, SrvVSchema, TableSource, VindexSource,
};
use crate::vschema::{
    Column, ColumnVindex, ForeignKeyMode, Global, Keyspace, Table, TableName, TableType, VSchema,
    VSchemaError,
};

/// How far a build goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// A keyspace ends at its first bad vindex or table.
    AsVitess,
    /// All vindexes and tables are looked at, and each rule of each.
    Everything,
}

/// Something wrong with a vschema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON pointer into the printed or parsed source.
    pub pointer: String,
    /// Whose it is, if a keyspace's.
    pub keyspace: Option<String>,
    pub error: VSchemaError,
}

impl VSchema {
    /// Builds as Vitess does. What is wrong stands at the keyspaces and rules.
    pub fn build(source: &SrvVSchema, registry: &Registry) -> VSchema {
        VSchema::build_with_problems(source, registry, Build::AsVitess).0
    }

    /// Builds, and lists what is wrong in the order that it was found.
    pub fn build_with_problems(
        source: &SrvVSchema,
        registry: &Registry,
        build: Build,
    ) -> (VSchema, Vec<Problem>) {
        let mut vschema = VSchema {
            source: source.clone(),
            keyspaces: BTreeMap::new(),
            global_tables: BTreeMap::new(),
            global_views: BTreeMap::new(),
            global_vindexes: BTreeMap::new(),
            routing_rules: BTreeMap::new(),
            shard_routing_rules: BTreeMap::new(),
            keyspace_routing_rules: BTreeMap::new(),
            mirror_rules: BTreeMap::new(),
        };
        let mut problems = Vec::new();
        for (name, keyspace) in &source.keyspaces {
            let builder =
                KeyspaceBuilder::new(name, join("/keyspaces", name), keyspace, registry, build);
            vschema.keyspaces.insert(name.clone(), builder.build(&mut problems));
        }
        vschema.build_global_tables();
        vschema.build_global_vindexes();
        vschema.build_references(&mut problems);
        vschema.build_routing_rules(&mut problems);
        vschema.build_shard_and_keyspace_routing();
        vschema.build_mirror_rules(&mut problems);
        vschema.resolve_sequences(&mut problems);
        (vschema, problems)
    }

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

    /// The parameters that no vindex knows, which break nothing.
    pub fn unknown_params(&self) -> Vec<Problem> {
        let of = |(name, keyspace)| unknown_params(keyspace, &join("/keyspaces", name));
        self.keyspaces.iter().flat_map(of).collect()
    }

    fn build_global_vindexes(&mut self) {
        for keyspace in self.keyspaces.values().filter(|ks| !ks.require_explicit_routing) {
            for (name, vindex) in &keyspace.vindexes {
                self.global_vindexes
                    .entry(name.clone())
                    .and_modify(|global| *global = Global::Ambiguous)
                    .or_insert_with(|| Global::Unique(vindex.clone()));
            }
        }
    }

    fn build_global_tables(&mut self) {
        let all = self.keyspaces.values().filter(|ks| !ks.require_explicit_routing);
        let all: Vec<Arc<Table>> = all.flat_map(|ks| ks.tables.values().cloned()).collect();
        // A reference table of the same name as its source leaves the name to the source. Upstream
        // depends on the order of a map here; sources first is what it intends.
        let (references, tables): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|table| table.source.is_some());
        for table in tables {
            self.global_tables
                .entry(table.name.clone())
                .and_modify(|global| *global = Global::Ambiguous)
                .or_insert(Global::Unique(table));
        }
        for table in references {
            self.add_global_reference(table);
        }
    }

    fn add_global_reference(&mut self, table: Arc<Table>) {
        let Some(source) = table.source.clone() else {
            return;
        };
        match self.global_tables.get_mut(&table.name) {
            None if source.name == table.name => {}
            None => {
                self.global_tables.insert(table.name.clone(), Global::Unique(table));
            }
            Some(Global::Unique(known))
                if source.keyspace.is_empty() || source.keyspace == known.keyspace => {}
            Some(global) => *global = Global::Ambiguous,
        }
    }
}

fn unknown_params(keyspace: &Keyspace, pointer: &str) -> Vec<Problem> {
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

/// One keyspace being built.
struct KeyspaceBuilder<'a> {
    name: &'a str,
    pointer: String,
    source: &'a KeyspaceSource,
    registry: &'a Registry,
    build: Build,
    vindexes: BTreeMap<String, Arc<dyn Vindex>>,
    problems: Vec<Problem>,
}

impl<'a> KeyspaceBuilder<'a> {
    fn new(
        name: &'a str,
        pointer: String,
        source: &'a KeyspaceSource,
        registry: &'a Registry,
        build: Build,
    ) -> KeyspaceBuilder<'a> {
        let vindexes = BTreeMap::new();
        KeyspaceBuilder { name, pointer, source, registry, build, vindexes, problems: Vec::new() }
    }

    fn build(mut self, problems: &mut Vec<Problem>) -> Keyspace {
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

    /// A vindex learns its owner when the owner's table comes up; tables before it share the vindex.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds from JSON and prints each problem as `pointer: text`.
    fn check(json: &str, expected: &[&str]) {
        let source = SrvVSchema::parse(json).unwrap();
        let (_, problems) =
            VSchema::build_with_problems(&source, &Registry::standard(), Build::Everything);
        let problems: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.pointer, problem.error))
            .collect();
        assert_eq!(problems, expected, "{json}");
    }

    const HEAD: &str = r#"{"keyspaces": {"u": {}, "ks": {"sharded": true, "vindexes": {
        "h": {"type": "hash"},
        "l": {"type": "lookup", "owner": "t", "params": {"table": "u.l", "from": "a", "to": "k"}},
        "c": {"type": "consistent_lookup_unique", "owner": "t",
              "params": {"table": "u.c", "from": "a,b", "to": "k"}}
    }, "tables": {"t": "#;

    fn check_table(table: &str, expected: &[&str]) {
        check(&format!("{HEAD}{table}}}}}}}}}"), expected);
    }

    #[test]
    fn tables_are_checked_in_order() {
        check_table(r#"{"column_vindexes": [{"column": "id", "name": "h"}]}"#, &[]);
        check_table("{}", &["/keyspaces/ks/tables/t: missing primary col vindex for table: t"]);
        check_table(
            r#"{"type": "sequence", "pinned": "8x"}"#,
            &["/keyspaces/ks/tables/t/pinned: could not decode the keyspace id for pin: \
               encoding/hex: invalid byte: U+0078 'x'"],
        );
        check_table(
            r#"{"type": "seq", "columns": [{"name": "a"}, {"name": "A"}]}"#,
            &[
                "/keyspaces/ks/tables/t/type: unidentified table type seq",
                "/keyspaces/ks/tables/t: missing primary col vindex for table: t",
                "/keyspaces/ks/tables/t/columns/1: duplicate column name 'A' for table: t",
            ],
        );
        check_table(
            r#"{"columnVindexes": [{"column": "a", "name": "l"}, {"name": "h"}, {"name": "x"},
                {"column": "a", "columns": ["b"], "name": "h"}, {"column": "a", "name": "c"}]}"#,
            &[
                "/keyspaces/ks/tables/t/column_vindexes/0: primary vindex l is not Unique for table t",
                "/keyspaces/ks/tables/t/column_vindexes/0: primary vindex l cannot be owned for table t",
                "/keyspaces/ks/tables/t/column_vindexes/1: must specify at least one column for \
                 vindex (h) and table (t)",
                "/keyspaces/ks/tables/t/column_vindexes/2/name: vindex x not found for table t",
                "/keyspaces/ks/tables/t/column_vindexes/3: can't use column and columns at the same \
                 time in vindex (h) and table (t)",
                "/keyspaces/ks/tables/t/column_vindexes/4: VT03029: column count does not match \
                 value count with the row for vindex 'c'",
            ],
        );
    }

    #[test]
    fn a_keyspace_keeps_its_first_error_and_the_tables_before_it() {
        let json = r#"{"keyspaces": {"ks": {"sharded": true, "vindexes": {"h": {"type": "hash"}},
            "tables": {"a": {"column_vindexes": [{"column": "id", "name": "h"}]}, "b": {}, "c": {}}}}}"#;
        let vschema = VSchema::build(&SrvVSchema::parse(json).unwrap(), &Registry::standard());
        let keyspace = &vschema.keyspaces["ks"];
        assert_eq!(
            keyspace.error.as_ref().unwrap().message,
            "missing primary col vindex for table: b"
        );
        assert_eq!(keyspace.tables.keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn owned_vindexes_know_their_owner_wherever_they_are_used() {
        let json = r#"{"keyspaces": {"ks": {"sharded": true, "vindexes": {"h": {"type": "hash"},
            "c": {"type": "consistent_lookup_unique", "owner": "t",
                  "params": {"table": "c", "from": "a", "to": "k"}}},
            "tables": {
              "s": {"column_vindexes": [{"column": "a", "name": "c"}]},
              "t": {"column_vindexes": [{"column": "id", "name": "h"}, {"column": "x", "name": "c"}]}
            }}}}"#;
        let source = SrvVSchema::parse(json).unwrap();
        let (vschema, problems) =
            VSchema::build_with_problems(&source, &Registry::standard(), Build::AsVitess);
        assert_eq!(problems, []);
        let owner = |table: &str, i: usize| {
            let table = vschema.find_table("", table).unwrap();
            let column_vindex = table.column_vindexes[i].clone();
            let owner = column_vindex.vindex.lookup().unwrap().owner().cloned();
            (column_vindex.owned, owner.map(|owner| owner.columns))
        };
        assert_eq!(owner("s", 0), (false, Some(vec!["x".to_string()])));
        assert_eq!(owner("t", 1), (true, Some(vec!["x".to_string()])));
        let table = vschema.find_table("ks", "t").unwrap();
        assert_eq!(table.ordered[0].name, "h");
        assert_eq!(table.owned.len(), 1);
    }

    #[test]
    fn global_names_references_rules_and_sequences() {
        let json = r#"{"keyspaces": {
            "a": {"tables": {"t": {}, "both": {}, "seq": {"type": "sequence"}, "src": {"type": "reference"},
                             "chain": {"type": "reference", "source": "b.x"}}},
            "b": {"sharded": true, "vindexes": {"h": {"type": "hash"}}, "tables": {
                "both": {"column_vindexes": [{"column": "id", "name": "h"}],
                         "auto_increment": {"column": "id", "sequence": "seq"}},
                "x": {"column_vindexes": [{"column": "id", "name": "h"}],
                      "auto_increment": {"column": "id", "sequence": "a.b.c"}},
                "src": {"type": "reference", "source": "a.src"},
                "src2": {"type": "reference", "source": "a.src"},
                "far": {"type": "reference", "source": "z.src"},
                "near": {"type": "reference", "source": "b.both"},
                "lost": {"type": "reference", "source": "a.nope"},
                "none": {"type": "reference", "source": "seq"},
                "chained": {"type": "reference", "source": "a.chain"}}},
            "hidden": {"require_explicit_routing": true, "tables": {"t": {}, "only": {}}}},
          "routing_rules": {"rules": [
            {"from_table": "r", "to_tables": ["b.both"]}, {"from_table": "r@replica", "to_tables": ["`a`.both"]},
            {"from_table": "dup", "to_tables": ["a.t"]}, {"from_table": "dup", "to_tables": ["b.both"]},
            {"from_table": "off", "to_tables": []}, {"from_table": "two", "to_tables": ["a.t", "b.t"]},
            {"from_table": "bad", "to_tables": ["b.nope"]}, {"from_table": "new", "to_tables": ["a.nope"]}]},
          "keyspace_routing_rules": {"rules": [{"from_keyspace": "old", "to_keyspace": "b"}]},
          "shard_routing_rules": {"rules": [{"from_keyspace": "a", "to_keyspace": "b", "shard": "-80"}]}}"#;
        check(
            json,
            &[
                "/keyspaces/b/tables/chained/source: reference chaining is not allowed chained => a.chain => b.x: chained",
                "/keyspaces/b/tables/far/source: source \"z.src\" references a non-existent keyspace \"z\"",
                "/keyspaces/b/tables/lost/source: source \"a.nope\" references a table \"nope\" that is not present in the VSchema of keyspace \"a\"",
                "/keyspaces/b/tables/near/source: source \"b.both\" may not reference a table in the same keyspace as table: near",
                "/keyspaces/b/tables/none/source: source \"seq\" may not reference a table of type \"sequence\": none",
                "/keyspaces/b/tables/src2/source: source \"a.src\" may not be referenced more than once per keyspace: src, src2",
                "/routing_rules/rules/3: duplicate rule for entry dup",
                "/routing_rules/rules/5: table two has more than one target: [a.t b.t]",
                "/routing_rules/rules/6: table nope not found",
                "/keyspaces/b/tables/x/auto_increment: cannot resolve sequence a.b.c: invalid table name: a.b.c",
            ],
        );
        let vschema = VSchema::build(&SrvVSchema::parse(json).unwrap(), &Registry::standard());
        let find = |keyspace: &str, name: &str, tablet_type: &str| match vschema.find_routed_table(
            keyspace,
            name,
            tablet_type,
        ) {
            Ok(Some(table)) => format!("{}.{}", table.keyspace, table.name),
            Ok(None) => "none".to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(find("", "t", "primary"), "a.t");
        assert_eq!(find("", "both", "primary"), "ambiguous table reference: both");
        assert_eq!(find("", "src", "primary"), "a.src");
        assert_eq!(find("", "only", "primary"), "none");
        assert_eq!(find("hidden", "only", "primary"), "hidden.only");
        assert_eq!(find("a", "any", "primary"), "a.any");
        assert_eq!(find("b", "any", "primary"), "none");
        assert_eq!(find("b", "x", "primary"), "none");
        assert_eq!(find("z", "any", "primary"), "VT05003: unknown database 'z' in vschema");
        assert_eq!(find("old", "both", "replica"), "b.both");
        assert_eq!(find("", "r", "primary"), "b.both");
        assert_eq!(find("", "r", "replica"), "a.both");
        assert_eq!(find("", "dup", "primary"), "duplicate rule for entry dup");
        assert_eq!(find("", "off", "primary"), "table off has been disabled");
        assert_eq!(find("", "bad", "primary"), "table nope not found");
        assert_eq!(find("", "new", "primary"), "a.nope");
        assert_eq!(vschema.route_shard("a", "-80"), "b");
        assert_eq!(vschema.route_shard("a", "80-"), "a");
        let both = vschema.find_table("b", "both").unwrap();
        assert_eq!(both.auto_increment.as_ref().unwrap().sequence, TableName::new("a", "seq"));
        let source = vschema.find_table("a", "src").unwrap();
        assert_eq!(source.referenced_by["b"], "src");
        assert!(vschema.find_vindex("", "h").unwrap().is_some());
    }

    #[test]
    fn mirror_rules_are_checked() {
        let json = r#"{"keyspaces": {"a": {}, "b": {}, "c": {"sharded": true}}, "mirror_rules": {"rules": [
            {"from_table": "a.t@replica", "to_table": "b.t", "percent": 50},
            {"from_table": "a.t@replica", "to_table": "b.t"}, {"from_table": "t", "to_table": "b.t"},
            {"from_table": "a.u@x", "to_table": "b.t"}, {"from_table": "a.v", "to_table": "b.t@primary"},
            {"from_table": "a.w", "to_table": "a.t"}, {"from_table": "b.t", "to_table": "a.t"},
            {"from_table": "a.x", "to_table": "c.t"}, {"from_table": "a.y", "to_table": "b.y"}]}}"#;
        check(
            json,
            &[
                "/mirror_rules/rules/1: from table: duplicate rule for entry 'a.t@replica'",
                "/mirror_rules/rules/2: from table: invalid table name: 't', it must be of the qualified form \
                 <keyspace_name>.<table_name> (dots are not allowed in either name)",
                "/mirror_rules/rules/3: from table: invalid tablet type: 'x'",
                "/mirror_rules/rules/4: to table: tablet type may not be specified: 'b.t@primary'",
                "/mirror_rules/rules/5: to table: cannot reside in same keyspace as from table",
                "/mirror_rules/rules/7: to table: table t not found",
                "/mirror_rules/rules/8: mirror chaining is not allowed",
                "/mirror_rules/rules/6: mirror chaining is not allowed",
            ],
        );
    }

    #[test]
    fn a_partial_vindex_brings_those_over_its_first_columns() {
        let json = r#"{"keyspaces": {"ks": {"sharded": true, "vindexes": {
            "m": {"type": "multicol", "params": {"column_count": "3"}}, "h": {"type": "hash"}},
            "tables": {"t": {"column_vindexes": [
                {"columns": ["a", "b", "c"], "name": "m"}, {"column": "d", "name": "h"}]}}}}}"#;
        let vschema = VSchema::build(&SrvVSchema::parse(json).unwrap(), &Registry::standard());
        let table = vschema.find_table("ks", "t").unwrap();
        let print = |vindex: &Arc<ColumnVindex>| {
            let ColumnVindex { name, columns, cost, unique, partial, .. } = &**vindex;
            format!("{name}({}) {cost} unique={unique} partial={partial}", columns.join(","))
        };
        let all: Vec<String> = table.column_vindexes.iter().map(print).collect();
        assert_eq!(
            all,
            [
                "m(a,b,c) 3 unique=true partial=false",
                "m(a,b) 4 unique=false partial=true",
                "m(a) 5 unique=false partial=true",
                "h(d) 1 unique=true partial=false",
            ]
        );
        assert_eq!(table.ordered[0].name, "h");
    }
}
