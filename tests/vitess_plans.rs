//! Plans and errors that Vitess's own planner gave for statements of ours, part by part: what
//! `tools/vitess-plans` says of them, for a machine without it.

use serde_json::Value as Json;
use vindicate::planner::environment::Environment;
use vindicate::planner::{self, Context, json};
use vindicate::vindex::Registry;
use vindicate::vschema::{SrvVSchema, VSchema};

const VSCHEMA: &str = r#"{"keyspaces": {"main": {}, "app": {"sharded": true,
    "vindexes": {"hash": {"type": "hash"}}, "tables": {
    "t": {"column_vindexes": [{"column": "id", "name": "hash"}], "columns": [
        {"name": "id", "type": "INT64"}, {"name": "u", "type": "INT64"},
        {"name": "a", "type": "INT64"}, {"name": "b", "type": "VARCHAR"}],
        "column_list_authoritative": true},
    "s": {"column_vindexes": [{"column": "id", "name": "hash"}], "columns": [
        {"name": "id", "type": "INT64"}, {"name": "t_id", "type": "INT64"},
        {"name": "a", "type": "INT64"}], "column_list_authoritative": true}}}}}"#;

fn plan(query: &str) -> Result<Json, String> {
    let source = SrvVSchema::parse(VSCHEMA).expect("a vschema");
    let vschema = VSchema::build(&source, &Registry::standard());
    let context = Context {
        vschema: &vschema,
        keyspace: Some("app"),
        shard: None,
        tablet_type: "primary",
        tables_header: "",
        environment: &Environment::default(),
        trace: None,
    };
    let plan = planner::build(query, &context).map_err(|error| error.message)?;
    Ok(json::plan(&plan)["Instructions"].clone())
}

#[test]
fn plans_have_the_parts_that_vitess_gives_them() {
    let check = |query: &str, parts: &[&str]| {
        let plan = plan(query).unwrap_or_else(|error| panic!("{query}: {error}")).to_string();
        for part in parts {
            assert!(plan.contains(part), "{query}\n{part} is not in\n{plan}");
        }
    };
    // An outer join that became inner keeps its order.
    check(
        "select t.a from t left join s on t.id = s.t_id where s.a = 4",
        &["select t.a, t.id from t\"", "where s.a = 4 and s.t_id = :t_id /* INT64 */\""],
    );
    // Of equal vindexes the last predicate's routes, and stands first.
    check(
        "select t.id from t left join s on t.a = s.id and s.id = 3",
        &["where s.id = 3 and s.id = :t_a /* INT64 */\"", "\"Values\":[\"3\"]"],
    );
    check(
        "insert into t(id, u, a) select id, 1, 2 from s order by id limit 3",
        &["limit :__upper_limit lock in share mode\"", "\"OrderBy\":\"0 ASC, 0 ASC\""],
    );
    check("delete from s order by a", &["\"Query\":\"delete from s\""]);
    check(
        "select id from t where id in (select a from s) limit 10",
        &["{\"OperatorType\":\"Limit\",\"Count\":\"10\",\"Inputs\":[{\"OperatorType\":\"Uncorr"],
    );
    check("select a from t order by null", &["select a from t order by null\""]);
    check(
        "select id from t where a in (select 1 from s where 1 = 1 and s.id = t.id)",
        &["select id from t where a in (select 1 from s where s.id = t.id)\""],
    );
    // Text whose collation nobody has said is compared by its weight.
    check(
        "select distinct b from t",
        &["\"(0:1)\"", "select distinct b, weight_string(b) from t\""],
    );
}

#[test]
fn names_that_nothing_has_are_refused_as_vitess_does_it() {
    let check = |query: &str, error: &str| {
        assert_eq!(plan(query).err().as_deref(), Some(error), "{query}");
    };
    check("select * from t order by nope", "column 'nope' not found");
    check("select nope from t", "column 'nope' not found in table 't'");
    check("select t.nope from t", "column 't.nope' not found");
    check("select count(*) from t group by nope", "Unknown column 'nope' in 'group statement'");
    check("select id from t union select id from s order by nope", "column 'nope' not found");
    check(
        "select t.u from t join s on t.u = s.a where id = 1",
        "Column 'id' in field list is ambiguous",
    );
    check(
        "select a from t group by a having avg(distinct a) > 1",
        "VT12001: unsupported: AVG(distinct <>)",
    );
}
