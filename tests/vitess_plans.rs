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
    "k": {"column_vindexes": [{"column": "id", "name": "hash"}]},
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

/// Whether a plan holds all these parts.
fn check(query: &str, parts: &[&str]) {
    let plan = plan(query).unwrap_or_else(|error| panic!("{query}: {error}")).to_string();
    for part in parts {
        assert!(plan.contains(part), "{query}\n{part} is not in\n{plan}");
    }
}

#[test]
fn plans_have_the_parts_that_vitess_gives_them() {
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
    // Beside a subquery the weight is no group of its own.
    check(
        "select b, count(*) from t where a in (select a from s) group by b",
        &["and a in ::__sq1 group by b order by b asc\""],
    );
    // What ON says of no table goes to each.
    check(
        "select t.id from t join s on 1 = 1 and t.a = s.a",
        &["from t where 1 = 1\"", "where s.a = :t_a /* INT64 */ and 1 = 1\""],
    );
    // A window is over the rows of one shard, whatever is asked beside it.
    check(
        "select row_number() over (order by a) from t where id = 1 and exists (select 1 from s)",
        &["\"EqualUnique\"", "from t where id = 1 and :__sq_has_values\""],
    );
}

#[test]
fn what_vtgate_computes_reads_and_prints_as_vitess_has_it() {
    // All groups come first; a part that stands twice is read twice.
    check(
        "select count(*) + 1, a from t group by a",
        &["\":0 as a\"", "\"select a, count(*), 1 from t group by a order by a asc\""],
    );
    check(
        "select ifnull(sum(a), 0), cast(max(a) as signed) from t",
        &[
            "\"case when sum(a) is null then 0 else sum(a) as ifnull(sum(a), 0)\"",
            "\"convert(max(a), SIGNED) as cast(max(a) as signed)\"",
        ],
    );
    check("select max(a) between 1 and 2 from t", &["\"max(a) >= 1 and max(a) <= 2 as max(a) "]);
    check("select t.a, s.a, t.a + s.a from t join s", &["\"Query\":\"select t.a, t.a from t\""]);
    check("select 'a', 1", &["\"'a' as 'a'\""]);
    check(
        "select a, (select max(id) from s) from t group by a",
        &["group by a order by a asc\"", "{\"InputName\":\"Outer\",\"OperatorType\":\"Route\""],
    );
}

#[test]
fn types_are_known_where_vitess_knows_them() {
    check(
        "select case when a > 3 then 'x' else 'y' end as c, count(*) from t group by c",
        &["\"GroupBy\":\"0 COLLATE utf8mb4_0900_ai_ci\""],
    );
    // An aggregate alone has a type, and what is computed of it has none.
    check(
        "select min(b) as m, a from t group by a order by m",
        &["\"OrderBy\":\"0 ASC COLLATE utf8mb4_0900_ai_ci\""],
    );
    check(
        "select a, count(*) * 2 as c from t group by a order by c",
        &["\"weight_string(count(*) * 2) as weight_string(count(*) * 2)\""],
    );
    check(
        "select a from t union select 'x' from t",
        &["\"Collations\":[\"0: utf8mb4_0900_ai_ci\"]"],
    );
    check("select id from k union select 3 from k", &["\"Collations\":[\"0\"]"]);
}

#[test]
fn a_route_whose_list_cannot_grow_becomes_a_table_as_vitess_does_it() {
    check(
        "select id from k union all select id from k order by id",
        &["(select id from k union all select id from k) as dt(c0) order by id asc\""],
    );
    check(
        "(select id from k limit 5) union (select id from k limit 5)",
        &["\"select dt.c0 as id, weight_string(dt.c0) from (select id from k limit 5) as dt(c0)\""],
    );
    check(
        "select * from (select id from k order by a limit 10) d order by id limit 5",
        &["weight_string(d.a) from (select id, a from k) as d order by d.a asc limit"],
    );
}

#[test]
fn what_is_asked_of_windows_stays_above_them_as_vitess_has_it() {
    check(
        "select id, sum(a) over (partition by id) as s from t order by s",
        &["\"Sort\"", "\"Query\":\"select id, sum(a) over (partition by id) as s from t\""],
    );
    let refused = plan("select avg(a) over w from t window w as (partition by id)");
    let text = "VT12001: unsupported: window functions are only supported for single-shard queries";
    assert_eq!(refused.err().as_deref(), Some(text));
}

#[test]
fn a_merged_route_forgets_locks_and_flags_as_vitess_does_it() {
    check("select id from t union select id from s for update", &["select id from s\""]);
    check(
        "select id from t where a in (select id from s where s.id = t.id) for update",
        &["where s.id = t.id)\""],
    );
    check(
        "select straight_join high_priority t.id from t, s where t.id = s.id",
        &["\"select t.id from t, s where t.id = s.id\""],
    );
    check("select id from t where null", &["\"Scatter\"", "where null\""]);
    check("select @@session.sql_mode from t", &["\"select @@sql_mode from t\""]);
    check("select b -> '$.x' from t", &["\"select json_extract(b, '$.x') from t\""]);
    check("select d.ID from (select id from t) as d where d.ID = 5", &["from t where ID = 5)"]);
}

#[test]
fn columns_of_system_schemas_keep_the_schema_as_vitess_has_them() {
    check(
        "select table_name from information_schema.tables order by table_name",
        &["order by information_schema.`tables`.`table_name` asc\""],
    );
    check(
        "select table_name from information_schema.tables where table_schema = 'a' \
         and table_name = 'b' or table_schema = 'a' and table_name = 'c'",
        &["and `table_name` in ('b', 'c')\"", "\"['a']\""],
    );
}

#[test]
fn a_vindex_is_read_as_vitess_reads_it() {
    check("select id i from hash where id = 1", &["\"ColumnNames\":[\"0:i\"]"]);
    check("select distinct keyspace_id from hash where id = 1", &["\"Collations\":[\"0\"]"]);
    check("select count(*) from hash where id = 1", &["\"Columns\":null"]);
}

#[test]
fn stars_that_nobody_can_write_out_are_planned_as_vitess_does_it() {
    let check = |query: &str, part: &str| {
        let plan = plan(query).map_or_else(|error| error, |plan| plan.to_string());
        assert!(plan.contains(part), "{query}\n{part} is not in\n{plan}");
    };
    let unknown = "VT09015: schema tracking required";
    check("select * from k where a in (select id from s)", unknown);
    check("select * from k where exists (select 1 from s where s.a = k.a)", unknown);
    check("select id from t where a in (select * from k)", unknown);
    check("update t set a = (select * from k where id = 1)", unknown);
    check("select id from t union select * from k where a in (select id from s)", unknown);
    check("select d.id from (select * from k) as d, s", unknown);
    check("select *, count(*) from k", unknown);
    check("select count(*) from (select * from k limit 5) as d", unknown);
    check("select id from t where exists (select * from k)", "\"select 1 from k limit 1\"");
    check("select count(*) from (select * from k) as d, s", "count(*) from (select * from k) as d");
    // A predicate goes through the star, and chooses the shard.
    check(
        "select d.id from (select * from k) as d where d.id = 5",
        "\"select d.id from (select * from k where id = 5) as d\",\"Values\":[\"5\"]",
    );
}

#[test]
fn a_with_that_is_not_the_whole_statements_is_refused_as_vitess_does_it() {
    let bug = "VT13001: [BUG] expected UNION in recursive CTE";
    for query in [
        "select a from (with x as (select a from t) select a from x) as d",
        "select id from s where id in (with x as (select a from t) select a from x)",
        "(with x as (select a from t) select a from x) union select id from s",
    ] {
        assert_eq!(plan(query).err().as_deref(), Some(bug), "{query}");
    }
    for query in [
        "with x as (select a from t) select a from x where exists (select 1 from x where a = 3)",
        "select id from main.x where id in (with y as (select id from main.z) select id from y)",
    ] {
        assert!(plan(query).is_ok(), "{query}");
    }
}

#[test]
fn names_that_nothing_has_are_refused_as_vitess_does_it() {
    let check = |query: &str, error: &str| {
        assert_eq!(plan(query).err().as_deref(), Some(error), "{query}");
    };
    check("select * from t order by nope", "column 'nope' not found");
    check("select nope from t", "column 'nope' not found in table 't'");
    check("select t.nope from t", "column 't.nope' not found");
    check(
        "select k.* from k, s group by 1",
        "cannot use column offsets in group clause when using `k.*`",
    );
    check("select nope from app.t", "column 'nope' not found in table 'app.t'");
    check("select nope from t as y", "column 'nope' not found in table 'y'");
    check(
        "with recursive r as (select id from t union all select nope + 1 from r) select * from r",
        "column 'nope' not found",
    );
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
    check(
        "select a, concat((select id from s limit 1), 1) as v from t group by a order by v",
        "VT12001: unsupported: subquery with aggregation in order by",
    );
    check(
        "replace into `app[-]`.t(id) values (1)",
        "VT12001: unsupported: REPLACE INTO with sharded keyspace",
    );
    check("insert into `app[-]`.nothing(id) values (1)", "table nothing not found");
    check("select id from t where get_lock('a', 1)", "get_lock('a', 1) allowed only with dual");
    check("select id from t into outfile 'x'", "VT12001: unsupported: INTO on sharded keyspace");
    check(
        "with x as (select id from t), x as (select id from s) select * from x",
        "VT03013: not unique table/alias: 'x'",
    );
    check(
        "select id + 1 from hash where id = 1",
        "VT09018: cannot add 'id + 1' expression to a table/vindex",
    );
    check(
        "update hash set id = 1",
        "VT03032: the target table `hash` of the UPDATE is not updatable",
    );
    check("select , from t", "syntax error at position 9");
    check("set @@vitess_metadata.x = 10", "VT03009: unexpected value type for 'x': 10");
}
