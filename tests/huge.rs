//! Statements of a size that nobody writes by hand: an answer or an error, in bounded time and
//! stack, never a crash.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn list(count: usize, item: impl Fn(usize) -> String, between: &str) -> String {
    (0..count).map(item).collect::<Vec<String>>().join(between)
}

/// What `plan --json-lines` answers to each query.
#[expect(clippy::disallowed_methods, reason = "it writes while another process answers")]
fn answers(queries: &[String]) -> Vec<serde_json::Value> {
    let mut process = Command::new(env!("CARGO_BIN_EXE_vindicate"))
        .args(["plan", "--json-lines", "--vschema", "scenarios/guide/customer.vschema.json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let lines: Vec<String> =
        queries.iter().map(|query| serde_json::json!({ "query": query }).to_string()).collect();
    let writer = std::thread::spawn(move || {
        lines.iter().for_each(|line| writeln!(stdin, "{line}").unwrap());
    });
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn wide_statements_have_plans() {
    let id = |at: usize| format!("customer_id = {at}");
    let queries = [
        format!(
            "select 1 from corder where customer_id in ({})",
            list(100_000, |at| at.to_string(), ",")
        ),
        format!("select 1 from corder where {}", list(10_000, id, " or ")),
        format!(
            "select 1 from corder where {}",
            list(10_000, |at| format!("c{at} = {at}"), " and ")
        ),
        format!(
            "insert into corder (order_id, customer_id, sku) values {}",
            list(5_000, |at| format!("({at}, {at}, 'p{at}')"), ",")
        ),
        format!(
            "select 1 from corder c0 {}",
            list(
                50,
                |at| format!(
                    "join corder c{} on c{at}.customer_id = c{}.customer_id",
                    at + 1,
                    at + 1
                ),
                " "
            )
        ),
        format!("select {} from corder order by c1, c2", list(5_000, |at| format!("c{at}"), ",")),
    ];
    let answers = answers(&queries);
    assert_eq!(answers.len(), queries.len());
    for (query, answer) in queries.iter().zip(answers) {
        let head: String = query.chars().take(60).collect();
        assert!(answer.get("plan").is_some(), "{head}: {answer}");
    }
}

#[test]
fn wide_statements_run() {
    let rows = list(5_000, |at| format!("({at}, {at}, 'p{at}', 1)"), ", ");
    let ids = list(100_000, |at| at.to_string(), ", ");
    let any = list(10_000, |at| format!("customer_id = {at}"), " or ");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wide");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["customer.vschema.json", "customer.schema.sql"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/lookup").join(file);
        std::fs::copy(from, folder.join(file)).unwrap();
    }
    let script = format!(
        "cluster
keyspace customer shards='-80,80-'
vschema customer customer.vschema.json
schema customer customer.schema.sql
---

> select count(*) from corder where {any}
---

> select count(*) from corder where customer_id in ({ids})
---

> insert into corder (order_id, customer_id, sku, price) values {rows}
---
"
    );
    let path = folder.join("statements");
    std::fs::write(&path, script).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vindicate"));
    let output = command.arg("run").arg(&path).arg("--bless").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("Query OK, 5000 rows affected"));
    assert_eq!(text.matches("|        0 |").count(), 2);
}

#[test]
fn deep_statements_end() {
    let queries = [
        format!("select {}1{} from corder", "(".repeat(5_000), ")".repeat(5_000)),
        format!("select 1 from corder where {}1", "not ".repeat(5_000)),
        format!(
            "select 1 from corder where customer_id in {}(1){}",
            "(select customer_id from corder where customer_id in ".repeat(200),
            ")".repeat(200)
        ),
        format!("select {} from corder", list(10_000, |_| "price".to_owned(), "+")),
        list(200, |at| format!("select {at} from corder"), " union all "),
        format!("select 1 from {} a {}", "(select * from ".repeat(300), ") a".repeat(300)),
    ];
    let answers = answers(&queries);
    assert_eq!(answers.len(), queries.len());
    for (query, answer) in queries.iter().zip(answers) {
        let head: String = query.chars().take(60).collect();
        let is_answer = answer.get("plan").is_some() || answer.get("error").is_some();
        assert!(is_answer, "{head}: {answer}");
    }
}
