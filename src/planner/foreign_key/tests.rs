//! What changes with foreign keys plan to, a line each.

use serde_json::Value as Json;

use crate::planner::environment::Environment;
use crate::planner::{Context, build, json};
use crate::vindex::Registry;
use crate::vschema::tracked::{ForeignKey, ReferenceAction};
use crate::vschema::{SrvVSchema, TableName, VSchema};

const VSCHEMA: &str = r#"{"keyspaces": {
    "app": {"sharded": true, "foreign_key_mode": "managed",
        "vindexes": {"hash": {"type": "hash"}}, "tables": {
        "person": {"column_vindexes": [{"column": "id", "name": "hash"}]},
        "pet": {"column_vindexes": [{"column": "owner", "name": "hash"}]}}},
    "old": {"foreign_key_mode": "managed", "tables": {
        "a": {"columns": [{"name": "k", "type": "VARCHAR"}]}, "b": {}, "c": {}, "d": {}, "e": {},
        "x": {}, "y": {}}}}}"#;

fn key(child: &str, parent: &str, update: ReferenceAction, delete: ReferenceAction) -> ForeignKey {
    let split = |text: &str| {
        let (table, column) = text.rsplit_once('.').unwrap();
        let (keyspace, table) = table.rsplit_once('.').unwrap_or(("old", table));
        (TableName::new(keyspace, table), vec![column.to_string()])
    };
    let ((child, child_columns), (parent, parent_columns)) = (split(child), split(parent));
    ForeignKey {
        child,
        child_columns,
        parent,
        parent_columns,
        on_update: update,
        on_delete: delete,
    }
}

fn vschema() -> VSchema {
    use ReferenceAction::{Cascade, Restrict, SetDefault, SetNull};
    let source = SrvVSchema::parse(VSCHEMA).unwrap();
    let mut vschema = VSchema::build(&source, &Registry::standard());
    for key in [
        key("b.ak", "a.k", Cascade, SetNull),
        key("c.bk", "b.ak", Restrict, Cascade),
        key("e.dk", "d.k", SetDefault, SetDefault),
        key("y.k", "x.k", Cascade, Cascade),
        key("x.k", "y.k", Cascade, Cascade),
        key("app.pet.owner", "app.person.id", Restrict, Restrict),
        key("app.pet.vet", "app.person.name", Restrict, Restrict),
    ] {
        vschema.track_foreign_key(key);
    }
    for table in ["a", "b", "c"] {
        vschema.track_primary_key("old", table, vec!["id".to_string()]);
    }
    vschema
}

/// Operators and texts from the root down, or the error.
fn plan(query: &str, checks: Option<bool>) -> String {
    let vschema = vschema();
    let environment = Environment { foreign_key_checks: checks, ..Environment::default() };
    let context = Context {
        vschema: &vschema,
        keyspace: Some("old"),
        shard: None,
        tablet_type: "primary",
        tables_header: "",
        environment: &environment,
        trace: None,
    };
    match build(query, &context) {
        Ok(plan) => node(&json::plan(&plan)["Instructions"]),
        Err(error) => error.message,
    }
}

fn node(node: &Json) -> String {
    let inputs = node.get("Inputs").and_then(Json::as_array);
    let inputs: Vec<String> = inputs.into_iter().flatten().map(self::node).collect();
    match inputs.is_empty() {
        true => node["Query"].as_str().unwrap_or("nothing").to_string(),
        false => {
            format!("{}({})", node["OperatorType"].as_str().unwrap_or(""), inputs.join(" | "))
        }
    }
}

#[test]
fn children_follow_their_parents() {
    for (query, expected) in [
        (
            // The grandchildren forbid a change of b's key, which MySQL itself checks.
            "delete from a where id = 1",
            "FkCascade(select a.k from a where id = 1 for update \
             | update b set ak = null where (ak) in ::fkc_vals | delete from a where id = 1)",
        ),
        ("update a set other = 1", "update a set other = 1"),
        (
            "delete from b where id = 1",
            "FkCascade(select b.ak from b where id = 1 for update \
             | delete from c where (bk) in ::fkc_vals | delete from b where id = 1)",
        ),
        (
            "update a set k = 'v' where id = 1",
            "FkCascade(select a.k from a where id = 1 for update \
             | FKVerify(select 1 from b as parent, c as child where parent.ak = child.bk and \
             (parent.ak) in ::fkc_vals and (child.bk) not in (('v')) limit 1 for share \
             | update /*+ SET_VAR(foreign_key_checks=OFF) */ b set ak = 'v' \
             where (ak) in ::fkc_vals) | update a set k = 'v' where id = 1)",
        ),
        (
            "delete from b limit 1",
            "DMLWithInput(select b.id from b limit 1 for update \
             | FkCascade(select b.ak from b where b.id in ::dml_vals for update \
             | delete from c where (bk) in ::fkc_vals | delete from b where b.id in ::dml_vals))",
        ),
        (
            "delete from d",
            "VT09016: Cannot delete or update a parent row: a foreign key constraint fails",
        ),
        (
            "delete from x",
            "VT09019: keyspace 'old' has cyclic foreign keys. Cycle exists between [old.y old.x]",
        ),
        (
            "delete from app.person",
            "VT12002: unsupported: cross-shard foreign keys between table 'person' and 'app.pet'",
        ),
        (
            "insert into app.pet(owner) values (1)",
            "VT12002: unsupported: cross-shard foreign keys between table 'app.pet' and \
             'app.person'",
        ),
    ] {
        assert_eq!(plan(query, None), expected, "{query}");
    }
}

#[test]
fn nothing_follows_where_nothing_is_checked() {
    assert_eq!(
        plan("delete from b", Some(false)),
        "delete /*+ SET_VAR(foreign_key_checks=Off) */ from b"
    );
}
