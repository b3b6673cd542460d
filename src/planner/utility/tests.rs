//! What utility statements plan to, a line each.

use serde_json::Value as Json;

use crate::planner::environment::Environment;
use crate::planner::{Context, build, json};
use crate::vindex::Registry;
use crate::vschema::{SrvVSchema, VSchema};

const VSCHEMA: &str = r#"{"keyspaces": {
    "app": {"sharded": true, "vindexes": {"hash": {"type": "hash"}}, "tables": {
        "person": {"column_vindexes": [{"column": "id", "name": "hash"}]}}},
    "old": {"tables": {"note": {}}}},
  "routing_rules": {"rules": [{"from_table": "people", "to_tables": ["app.person"]}]}}"#;

/// A plan in one line: its type, then each primitive from the root down.
fn line(query: &str, keyspace: Option<&str>, shard: Option<&str>) -> String {
    let vschema = VSchema::build(&SrvVSchema::parse(VSCHEMA).unwrap(), &Registry::standard());
    let environment = Environment {
        prepared: [("p".to_string(), ("select id from person where id = :v1".to_string(), 1))]
            .into(),
        user_variables: [("text".to_string(), "select id from person".to_string())].into(),
        target: "app[-]".to_string(),
        ..Environment::default()
    };
    let context = Context {
        vschema: &vschema,
        keyspace,
        shard,
        tablet_type: "primary",
        tables_header: "Tables_in_",
        environment: &environment,
        trace: None,
    };
    match build(query, &context) {
        Ok(plan) => {
            let plan = json::plan(&plan);
            let root = plan.get("Instructions").map(node).unwrap_or("nothing".to_string());
            format!("{}: {root}", plan["Type"].as_str().unwrap())
        }
        Err(error) => error.message,
    }
}

fn node(node: &Json) -> String {
    let text = |pointer: &str| node.pointer(pointer).and_then(Json::as_str).unwrap_or("");
    let words = [
        text("/OperatorType"),
        text("/Variant").trim(),
        text("/Keyspace/Name"),
        text("/TargetDestination"),
        text("/Query"),
        text("/query"),
    ];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let inputs = node.get("Inputs").and_then(Json::as_array);
    let inputs: Vec<String> = inputs.into_iter().flatten().map(self::node).collect();
    match inputs.is_empty() {
        true => words.join(" "),
        false => format!("{} ({})", words.join(" "), inputs.join(" | ")),
    }
}

fn check(keyspace: Option<&str>, cases: &[(&str, &str)]) {
    for (query, expected) in cases {
        assert_eq!(line(query, keyspace, None), *expected, "{query}");
    }
}

#[test]
fn shows_go_to_any_shard_or_are_answered() {
    check(
        Some("old"),
        &[
            ("show tables", "Passthrough: RenameFields (Send old AnyShard() show tables)"),
            ("show full columns from app.nobody", "table nobody not found"),
            (
                "show columns from person from app",
                "Passthrough: Send app AnyShard() show columns from person",
            ),
            (
                "show session variables like 'x'",
                "Passthrough: ReplaceVariables (Send old AnyShard() show variables like 'x')",
            ),
            (
                "show function status where Name = 'x'",
                "Passthrough: Send old AnyShard() show function status where `Name` = 'x'",
            ),
            ("show databases", "Passthrough: Rows"),
            ("show warnings", "Local: SHOW WARNINGS"),
            ("show vitess_tablets", "Local: ShowExec vitess_tablets"),
            (
                "show vitess_migrations from app",
                "Scatter: Send app AllShards() show vitess_migrations from app",
            ),
            (
                "show vschema vindexes on app.nobody",
                "VT05005: table 'nobody' does not exist in keyspace 'app'",
            ),
        ],
    );
}

#[test]
fn definitions_go_to_all_shards_of_their_keyspace() {
    check(
        None,
        &[
            (
                "alter table people add a int",
                "DirectDDL: DDL app alter table person add column a int",
            ),
            (
                "rename table app.person to old.person",
                "VT03002: changing schema from 'app' to 'old' is not allowed",
            ),
            (
                "drop table person, note",
                "VT12001: unsupported: Tables or Views specified in the query do not belong to the same destination",
            ),
            (
                "create table nowhere (a int)",
                "VT09005: no database selected: use keyspace<:shard><@type> or keyspace<[range]><@type> (<> are optional)",
            ),
            (
                "create view app.v as select id from app.person where id = 1",
                "DirectDDL: DDL app create view v as select id from person where id = 1",
            ),
            (
                "create view old.v as select id from person",
                "VT12001: unsupported: Select query does not belong to the same keyspace as the view statement",
            ),
            (
                "create procedure app.p() select 1",
                "VT12001: unsupported: CREATE PROCEDURE is not supported on sharded keyspaces",
            ),
            (
                "create procedure old.p() select a from old.note",
                "DirectDDL: DDL old create procedure p () select a from note;",
            ),
            ("create database old", "VT06001: cannot create database 'old'; database exists"),
            ("drop database old", "Complex: DROPDB old"),
            (
                "alter vschema on app.person drop vindex hash",
                "Complex: AlterVSchema app alter vschema on app.person drop vindex `hash`",
            ),
        ],
    );
}

#[test]
fn variables_are_set_where_they_mean_something() {
    check(
        Some("old"),
        &[
            ("set autocommit = on", "Local: Set (SingleRow)"),
            (
                "set @a = soundex('x')",
                "Local: Set (Send old AnyShard() select soundex('x') from dual)",
            ),
            // Of one shard, whichever it is.
            (
                "set @a = (select id from person)",
                "Local: Set (Send old AnyShard() select (select id from person) from dual)",
            ),
            ("set sql_mode = ''", "MultiShard: Set (SingleRow)"),
            ("set global sql_mode = ''", "Passthrough: Set (SingleRow)"),
            ("set @@vitess_metadata.a = 'b'", "Topology: Set (SingleRow)"),
            ("set version = 'x'", "VT03010: variable 'version' is a read only variable"),
            ("set nope = 1", "VT05006: unknown system variable '@@nope = 1'"),
            ("set workload = default", "VT12001: unsupported: DEFAULT for @@workload"),
        ],
    );
}

#[test]
fn administration_finds_its_keyspace() {
    check(
        None,
        &[
            (
                "flush tables person, note with read lock",
                "Complex: Concatenate (Send app AllShards() flush tables person with read lock | Send old AllShards() flush tables note with read lock)",
            ),
            ("analyze table people", "Scatter: Send app AllShards() analyze table person"),
            ("call app.p()", "CALL is not supported for sharded keyspace"),
            ("call old.p(@x)", "Passthrough: Send old AnyShard() call p(:__vtudvx)"),
            (
                "explain select * from person join note",
                "VT03031: EXPLAIN is only supported for single keyspace",
            ),
            (
                "explain select * from people",
                "Passthrough: Send app AnyShard() explain select * from person as people",
            ),
            ("execute p", "VT03025: Incorrect arguments to EXECUTE"),
            (
                "execute p using @x",
                "Complex: EXECUTE (Route EqualUnique app select id from person where id = :v1)",
            ),
            (
                "deallocate prepare q",
                "VT09011: Unknown prepared statement handler (q) given to DEALLOCATE PREPARE",
            ),
            ("prepare q from @text", "Passthrough: Rows"),
            (
                "vexplain queries delete from person",
                "VT09008: vexplain queries/all will actually run queries",
            ),
            (
                "vexplain all select id from person",
                "Scatter: VEXPLAIN (Route Scatter app select id from person)",
            ),
            ("stream * from person", "Complex: MStream app ExactKeyRange(-)"),
            ("use `app:-80`", "Local: UpdateTarget"),
            ("savepoint a", "Complex: nothing"),
        ],
    );
}

#[test]
fn a_target_takes_statements_as_they_are() {
    let on = |query: &str, shard: &str| line(query, Some("app"), Some(shard));
    assert_eq!(
        on("update app.person set a = 1", "-80"),
        "Passthrough: Send app Shard(-80) update person set a = 1"
    );
    assert_eq!(
        on("select 1 from nowhere", "[-]"),
        "MultiShard: Send app ExactKeyRange(-) select 1 from nowhere"
    );
    assert_eq!(
        on("insert into person(id) values (1)", "[-]"),
        "VT03023: INSERT not supported when targeting a key range: app[-]"
    );
    assert_eq!(
        on("create /* why */ table t (a int)", "-80"),
        "Passthrough: Send app Shard(-80) create /* why */ table t (a int)"
    );
}
