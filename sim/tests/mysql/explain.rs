//! EXPLAIN FORMAT=JSON: what MySQL 9.7 said of these statements, with 500 rows in each table.
//!
//! Of its JSON the words that the model gives too, in its order: how the rows are ordered, the
//! access, the index with its parts and their length, what they are compared with, whether the
//! index covers.

use serde_json::Value as Json;
use sim::mysql::execution::Step;
use sim::mysql::gtid::ServerUuid;
use sim::mysql::options::Options;
use sim::mysql::server::Server;
use sim::mysql::session::ConnectionId;

const TABLES: [&str; 4] = [
    "create table corder (order_id bigint not null, customer_id bigint, sku varbinary(128), price bigint, primary key (order_id), key sku (sku))",
    "create table entry (sku varbinary(128) not null, keyspace_id varbinary(128), primary key (sku))",
    "create table t (a int not null, b int, c varchar(10), d int, primary key (a, b), unique key cc (c), key dd (d, c(3)))",
    "create table nopk (a int, b decimal(10,2), e datetime(3), key a (a), key be (b, e))",
];

const ROWS: [&str; 4] = [
    "insert into corder values (5, 5, 'Product_5', 50), (6, 6, 'Product_6', 60)",
    "insert into entry values ('Product_4', 'k'), ('Product_5', 'k')",
    "insert into t values (5, 5, 'x5', 0), (1, 2, 'x1', 3)",
    "insert into nopk values (5, 5, '2026-01-01')",
];

const CASES: [(&str, &str); 55] = [
    ("select * from corder where order_id = 5", "const PRIMARY (order_id) 8 ref const"),
    ("select * from corder where order_id = 5 for update", "const PRIMARY (order_id) 8 ref const"),
    ("select * from corder where order_id = 5555", "no matching row in const table"),
    ("select * from corder where order_id = null", "no matching row in const table"),
    ("select * from corder where order_id in (5, 6)", "range PRIMARY (order_id) 8"),
    ("select * from corder where order_id in (5)", "const PRIMARY (order_id) 8 ref const"),
    ("select * from corder where order_id > 5", "range PRIMARY (order_id) 8"),
    ("select * from corder where order_id between 5 and 9", "range PRIMARY (order_id) 8"),
    ("select * from corder where sku = 'Product_5'", "ref sku (sku) 131 ref const"),
    ("select sku from corder where sku = 'Product_5'", "ref sku (sku) 131 ref const covering"),
    ("select * from corder where sku in ('Product_5', 'Product_6')", "range sku (sku) 131"),
    ("select * from corder where sku > 'Product_95' for update", "range sku (sku) 131"),
    ("select * from corder where sku is null", "ref sku (sku) 131 ref const"),
    ("select * from corder", "ALL"),
    ("select count(*) from corder", "index sku (sku) 131 covering"),
    ("select sum(price) from corder where sku = 'Product_3'", "ref sku (sku) 131 ref const"),
    ("select * from corder where price = 3", "ALL"),
    ("select * from corder order by price", "filesort ALL"),
    ("select * from corder order by order_id", "in order index PRIMARY (order_id) 8"),
    (
        "select * from corder where sku = 'Product_5' order by price",
        "filesort ref sku (sku) 131 ref const",
    ),
    (
        "select * from corder where order_id = 5 order by price",
        "in order const PRIMARY (order_id) 8 ref const",
    ),
    ("select * from corder limit 0", "Zero limit"),
    ("select * from corder where 1 = 0", "Impossible WHERE"),
    ("select 1", "No tables used"),
    (
        "select sku, keyspace_id from entry where sku in ('Product_4')",
        "const PRIMARY (sku) 130 ref const",
    ),
    (
        "select keyspace_id from entry where sku = 'Product_4' for update",
        "const PRIMARY (sku) 130 ref const",
    ),
    ("select * from t where a = 5", "ref PRIMARY (a) 4 ref const"),
    ("select * from t where a = 5 and b = 5", "const PRIMARY (a, b) 8 ref const, const"),
    ("select * from t where a = 5 and b > 5", "range PRIMARY (a, b) 8"),
    ("select * from t where a in (1, 2) and b in (1, 2)", "range PRIMARY (a, b) 8"),
    ("select * from t where (a, b) in ((1, 2), (2, 3))", "range PRIMARY (a, b) 8"),
    ("select * from t where a = 1 or a = 7", "range PRIMARY (a) 4"),
    ("select * from t where c = 'x5'", "const cc (c) 43 ref const"),
    ("select * from t where d = 3", "ref dd (d) 5 ref const"),
    ("select * from t where b = 3", "ALL"),
    ("select * from nopk where a = 5", "ref a (a) 5 ref const"),
    ("select * from nopk where b = 5.5 and e > '2026-01-01'", "range be (b, e) 14"),
    (
        "select * from t force index (dd) where d = 3 and c = 'x3'",
        "ref dd (d, c) 20 ref const, const",
    ),
    ("update corder set price = 1 where order_id = 5", "range PRIMARY (order_id) 8 ref const"),
    ("update corder set price = 1 where order_id = 5555", "range PRIMARY (order_id) 8 ref const"),
    ("update corder set price = 1 where sku = 'Product_5'", "range sku (sku) 131 ref const"),
    ("update corder set price = 1 where order_id > 5", "range PRIMARY (order_id) 8 ref const"),
    ("update corder set price = 1 where price = 5", "index PRIMARY (order_id) 8"),
    ("update corder set price = 1 where order_id = 5 and 1 = 0", "Impossible WHERE"),
    ("update t set d = 1 where a = 5 and b = 5", "range PRIMARY (a, b) 8 ref const, const"),
    ("update nopk set b = 1", "ALL"),
    ("select count(*) from entry", "index PRIMARY (sku) 130 covering"),
    ("select sku from entry where sku = 'Product_4'", "const PRIMARY (sku) 130 ref const covering"),
    ("select a from t where a = 5", "ref PRIMARY (a) 4 ref const covering"),
    ("delete from corder where order_id = 5", "range PRIMARY (order_id) 8 ref const"),
    ("delete from corder where price = 5", "ALL"),
    ("delete from t where d > 3", "range dd (d) 5 ref const"),
    ("insert into corder values (1, 2, 'a', 3)", "ALL"),
    ("replace into entry values ('a', 'b')", "ALL"),
    ("insert ignore into entry values ('a', 'b') on duplicate key update keyspace_id = 'x'", "ALL"),
];

/// What statistics decide, and what the model reads in another way.
const REFUSED: [&str; 9] = [
    "explain select * from corder where order_id = 5",
    "explain analyze select * from corder",
    "explain format=json select * from corder where sku like 'a%'",
    "explain format=json select * from corder where sku = 'a' or order_id = 5",
    "explain format=json select * from corder where sku = 'a' or sku is null",
    "explain format=json select * from corder where order_id > 5 and sku = 'a'",
    "explain format=json select count(*) from corder where order_id > 5",
    "explain format=json select * from corder as a join corder as b on a.sku = b.sku",
    "explain format=json select price, count(*) from corder group by price",
];

#[test]
fn an_access_is_told_as_on_a_real_server() {
    let mut server = Server::new(Options::new(ServerUuid([1; 16]), 1));
    let connection = server.connect("root@localhost", None);
    let setup = ["create database te", "use te"];
    for statement in setup.iter().chain(&TABLES).chain(&ROWS) {
        run(&mut server, connection, statement).unwrap();
    }
    let mut failures = Vec::new();
    for (statement, expected) in CASES {
        let explain = format!("explain format=json {statement}");
        let got = match run(&mut server, connection, &explain) {
            Ok(text) => {
                in_words(&serde_json::from_str::<Json>(&text).unwrap()["query_block"]).join(" ")
            }
            Err(error) => error,
        };
        if got != expected {
            failures.push(format!("{statement}\n  real:  {expected}\n  model: {got}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    for statement in REFUSED {
        let refused = run(&mut server, connection, statement).unwrap_err();
        assert!(refused.starts_with("ERROR 1235 (42000)"), "{statement}: {refused}");
    }
}

/// In the order of MySQL's answer.
const WORDS: [&str; 10] = [
    "message",
    "ordering_operation",
    "using_filesort",
    "table",
    "access_type",
    "key",
    "used_key_parts",
    "key_length",
    "ref",
    "using_index",
];

fn in_words(block: &Json) -> Vec<String> {
    let mut words = Vec::new();
    for key in WORDS {
        let Some(value) = block.get(key) else { continue };
        let list = || {
            let items = value.as_array().unwrap().iter().map(|item| item.as_str().unwrap());
            items.collect::<Vec<_>>().join(", ")
        };
        match key {
            "table" | "ordering_operation" => words.extend(in_words(value)),
            "using_filesort" => {
                words.push(if value == true { "filesort" } else { "in order" }.to_owned());
            }
            "used_key_parts" => words.push(format!("({})", list())),
            "ref" => words.push(format!("ref {}", list())),
            "using_index" => words.push("covering".to_owned()),
            _ => words.push(value.as_str().unwrap().to_owned()),
        }
    }
    words
}

fn run(server: &mut Server, connection: ConnectionId, statement: &str) -> Result<String, String> {
    let now = jiff::civil::date(2026, 1, 31).at(12, 30, 45, 0);
    let now = now.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let mut execution = server.start_text(connection, statement, now);
    loop {
        match server.step(&mut execution) {
            Step::Done(Ok(outcome)) => {
                let cell = outcome.rows.first().and_then(|row| row.first());
                return Ok(cell.map(|value| value.to_string()).unwrap_or_default());
            }
            Step::Done(Err(error)) => return Err(error.to_string()),
            Step::Sync(_) => {}
            Step::Wait(wait) => panic!("{statement} waits for {}", wait.describe()),
        }
    }
}
