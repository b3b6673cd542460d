//! Building a vschema: validation, in Vitess's order and words.
//!
//! Every rule that a keyspace, a table or a rule breaks is a [`Problem`] with its place in the
//! JSON. As Vitess does it, a keyspace's tables end at the first that is wrong;
//! [`Build::Everything`] goes on, so that somebody who edits a vschema sees all there is.
//!
//! It knows nothing of the order in which tables are then looked up.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::vindex::Registry;
use crate::vschema::build_keyspace::{KeyspaceBuilder, unknown_params};
use crate::vschema::json::join;
use crate::vschema::source::SrvVSchema;
use crate::vschema::{Global, Table, VSchema, VSchemaError};

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
            tracked: Default::default(),
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
                .or_insert_with(|| Global::Unique(table.keyspace.clone()));
        }
        for table in references {
            self.add_global_reference(&table);
        }
    }

    fn add_global_reference(&mut self, table: &Table) {
        let Some(source) = &table.source else {
            return;
        };
        match self.global_tables.get_mut(&table.name) {
            None if source.name == table.name => {}
            None => {
                let keyspace = Global::Unique(table.keyspace.clone());
                self.global_tables.insert(table.name.clone(), keyspace);
            }
            Some(Global::Unique(known))
                if source.keyspace.is_empty() || source.keyspace == *known => {}
            Some(global) => *global = Global::Ambiguous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vschema::{ColumnVindex, TableName};

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
            r#"{"column_vindexes": [{"column": "id", "name": "h"}], "columns": [
                {"name": "a", "default": "1"}, {"name": "b", "default": "now() + interval 1 day"},
                {"name": "c", "default": "'x'"}, {"name": "d", "default": "1 +"}]}"#,
            &[
                "/keyspaces/ks/tables/t/columns/3/default: could not parse the 'd' column's default \
               expression '1 +' for table 't'",
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
