//! Plans and statements as vtgates and tablets tell of them, right and wrong.

use std::rc::Rc;
use std::sync::Arc;

use sim::sql::ast::{Expr, Query, SelectItem, Statement};
use sim::value::{Bind, Binds, Row, Value};

use super::ShardsCheck;
use crate::history::{
    By, Event, PlanBegun, PlannedSend, PlannedShards, PlannedStatement, ShardStatement,
};
use crate::key::Shard;
use crate::topo::{Change, DurabilityPolicy, KeyspaceRecord, ShardRecord, Topo};
use crate::vindex::Registry;
use crate::vschema::{SrvVSchema, VSchema};

const VSCHEMA: &str = r#"{"keyspaces": {"ks": {
    "sharded": true,
    "vindexes": {
        "hash": {"type": "hash"},
        "by_name": {
            "type": "consistent_lookup",
            "params": {"table": "ks.names", "from": "name,id", "to": "ksid"},
            "owner": "t"
        }
    },
    "tables": {"t": {"column_vindexes": [
        {"column": "id", "name": "hash"},
        {"columns": ["name", "id"], "name": "by_name"}
    ]}}
}}}"#;

/// hash(1) is in -80, hash(4) in 80-.
struct Case {
    check: ShardsCheck,
    topo: Topo,
}

impl Case {
    fn new() -> Case {
        let source = SrvVSchema::parse(VSCHEMA).unwrap();
        let vschema = Rc::new(VSchema::build(&source, &Registry::standard()));
        let mut check = ShardsCheck::default();
        check.learn(1, &vschema);
        let mut topo = Topo::default();
        let names: Vec<Rc<str>> = vec!["-80".into(), "80-".into()];
        let record = |name: &Rc<str>| ShardRecord {
            range: Some(Shard::parse(name).unwrap().range),
            primary: None,
            term_start: None,
        };
        let record = KeyspaceRecord {
            vschema: source.keyspaces["ks"].clone(),
            durability_policy: DurabilityPolicy::default(),
            shards: names.iter().map(|name| (Rc::clone(name), record(name))).collect(),
            shard_order: names,
        };
        topo.apply(Change::Keyspace { name: "ks".into(), record });
        Case { check, topo }
    }

    fn see(&mut self, event: Event) {
        self.check.observe(&event, &self.topo, 0);
    }

    /// A plan of one send, or of none.
    fn begin(&mut self, plan: u64, parent: u64, send: Option<PlannedSend>, binds: &Binds) {
        self.see(Event::Plan(Rc::new(PlanBegun {
            plan,
            parent,
            session: "a".into(),
            sql: "the statement".into(),
            vschema_version: 1,
            sends: send.into_iter().collect(),
            binds: Arc::new(binds.clone()),
        })));
    }

    fn reach(&mut self, plan: u64, shard: &str, sql: &str, binds: &Binds, rows: Vec<Row>) {
        self.see(Event::ShardStatement(Rc::new(ShardStatement {
            plan,
            keyspace: "ks".into(),
            shard: shard.into(),
            statement: statement(sql),
            binds: Arc::new(binds.clone()),
            rows: Some(rows),
        })));
    }

    fn end(&mut self, plan: u64, ok: bool) {
        self.see(Event::PlanEnded { plan, ok });
    }

    fn wrong(&self) -> Vec<String> {
        self.check.violations().iter().flat_map(|violation| violation.rows.clone()).collect()
    }
}

fn statement(sql: &str) -> Arc<Statement> {
    Arc::new(sim::sql::parse(sql).unwrap())
}

fn expr(text: &str) -> Expr {
    let Ok(Statement::Query(Query::Select(select))) = sim::sql::parse(&format!("select {text}"))
    else {
        panic!("{text}");
    };
    match select.items.into_iter().next() {
        Some(SelectItem::Expr { expr, .. }) => expr,
        other => panic!("{other:?}"),
    }
}

fn binds(values: &[(&str, i64)]) -> Binds {
    values.iter().map(|(name, value)| ((*name).into(), Bind::Value(Value::Int(*value)))).collect()
}

const QUERY: &str = "select 1 from t where id = :id";
const EMPTY: &str = "select 1 from t where 1 != 1";

fn by(vindex: &str, how: By, value: Expr) -> PlannedSend {
    PlannedSend {
        statements: vec![PlannedStatement::Exactly(statement(QUERY))],
        empty: Some(statement(EMPTY)),
        keyspace: "ks".into(),
        shards: PlannedShards::Vindex { how, vindex: vindex.into(), values: vec![value] },
        is_root: true,
    }
}

fn by_id() -> PlannedSend {
    by("hash", By::Row, expr(":id"))
}

/// One plan by `hash(:id)`, with `:id` = 1: what is wrong when these shards get it.
fn check(shards: &[(&str, &str, i64)], ok: bool, expected: &[&str]) {
    let mut case = Case::new();
    case.begin(7, 0, Some(by_id()), &binds(&[("id", 1)]));
    for (shard, sql, id) in shards {
        case.reach(7, shard, sql, &binds(&[("id", *id)]), Vec::new());
    }
    case.end(7, ok);
    assert_eq!(case.wrong(), expected, "{shards:?}");
}

#[test]
fn a_statement_reaches_all_its_shards_and_no_other() {
    check(&[("-80", QUERY, 1)], true, &[]);
    check(
        &[("-80", QUERY, 1), ("80-", QUERY, 1)],
        true,
        &[
            "ks/80- got `select 1 from t where id = :id`, planned for -80",
            "statement 1 of `the statement`: planned for -80, reached -80, 80-",
        ],
    );
    check(&[], true, &["statement 1 of `the statement`: planned for -80, reached no shard"]);
    // It failed before it came there; a stray would still be one.
    check(&[], false, &[]);
    check(
        &[("80-", QUERY, 1)],
        false,
        &["ks/80- got `select 1 from t where id = :id`, planned for -80"],
    );
}

#[test]
fn values_count_where_they_arrive() {
    // A join sends its right side with values of each row of the left.
    let mut case = Case::new();
    case.begin(7, 0, Some(PlannedSend { is_root: false, ..by_id() }), &Binds::new());
    case.reach(7, "-80", QUERY, &binds(&[("id", 1)]), Vec::new());
    case.reach(7, "80-", QUERY, &binds(&[("id", 4)]), Vec::new());
    case.end(7, true);
    assert_eq!(case.wrong(), [""; 0]);
}

#[test]
fn other_statements_are_not_of_the_plan() {
    check(
        &[("-80", QUERY, 1), ("-80", "delete from t", 1)],
        true,
        &["ks/-80 got `delete from t`, which is not of the plan"],
    );
    let mut case = Case::new();
    case.reach(0, "-80", "savepoint x", &Binds::new(), Vec::new());
    assert_eq!(case.wrong(), [""; 0]);
    case.reach(0, "-80", "delete from t", &Binds::new(), Vec::new());
    assert_eq!(case.wrong(), ["ks/-80 got a statement of no plan"]);
}

#[test]
fn with_no_shard_to_go_to_one_is_asked_for_the_columns() {
    let run = |shards: &[&str]| {
        let mut case = Case::new();
        case.begin(7, 0, Some(by_id()), &Binds::new());
        for shard in shards {
            let null = [("id".into(), Bind::Value(Value::Null))].into();
            case.reach(7, shard, EMPTY, &null, Vec::new());
        }
        case.end(7, true);
        case.wrong()
    };
    assert_eq!(run(&["80-"]), [""; 0]);
    assert_eq!(
        run(&["-80", "80-"]),
        ["statement 1 of `the statement`: planned for no shard, reached -80, 80-"]
    );
}

#[test]
fn a_lookup_is_what_its_table_answered() {
    const LOOKUP: &str = "select name, ksid from names where name in ::name";
    let run = |rows: Vec<Row>, shards: &[&str]| {
        let mut case = Case::new();
        let send = by("by_name", By::Row, expr(":name"));
        let name = Binds::from([("name".into(), Bind::Value(Value::text("x")))]);
        case.begin(7, 0, Some(send), &name);
        case.begin(8, 7, None, &Binds::new());
        let list = Bind::List(vec![Bind::Value(Value::text("x"))]);
        case.reach(8, "-80", LOOKUP, &Binds::from([("name".into(), list)]), rows);
        for shard in shards {
            case.reach(7, shard, QUERY, &name, Vec::new());
        }
        case.end(7, true);
        case.wrong()
    };
    let row = |ksid: u8| Row::from([Value::text("x"), Value::bytes(&[ksid])]);
    assert_eq!(run(vec![row(0x10)], &["-80"]), [""; 0]);
    assert_eq!(run(vec![row(0x10), row(0x90)], &["-80", "80-"]), [""; 0]);
    assert_eq!(
        run(vec![row(0x90)], &["-80"]),
        [
            "ks/-80 got `select 1 from t where id = :id`, planned for 80-",
            "statement 1 of `the statement`: planned for 80-, reached -80",
        ]
    );
}

#[test]
fn rows_belong_where_their_own_values_say() {
    let send = PlannedSend {
        statements: vec![PlannedStatement::RowsOf("t".into())],
        empty: None,
        keyspace: "ks".into(),
        shards: PlannedShards::RowsOfQuery { vindex: "hash".into() },
        is_root: false,
    };
    let run = |shard: &str| {
        let mut case = Case::new();
        case.begin(7, 0, Some(send.clone()), &Binds::new());
        let sql = "insert into t(name, id) values ('x', :a), ('y', 2)";
        case.reach(7, shard, sql, &binds(&[("a", 1)]), Vec::new());
        case.end(7, true);
        case.wrong()
    };
    assert_eq!(run("-80"), [""; 0]);
    assert_eq!(run("80-"), ["ks/80- got the row of [INT64(1)], which belongs to -80"]);
}
