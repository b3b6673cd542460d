//! Plans a second, and allocations a plan: cold (parsed, analysed, planned) and cached (parsed,
//! literals taken out, found by its text), for the statements of an OLTP load and of TPC-C
//! (`scenarios/plan/tpcc`).
//!
//! Each statement is a bench of its own; `all` plans the whole set once. Allocations are printed
//! once before the timings. A statement of a file begins after a blank line; `--` names it.
//! `PLAN_LOADS=FILE` writes the statements for `tools/vitess-plans -bench FILE`, which measures the
//! same of Vitess's own planner.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value as Json, json};
use vindicate::planner::environment::Environment;
use vindicate::planner::normalize::parameterize::parameterize;
use vindicate::planner::primitive::Plan;
use vindicate::planner::statement::{self, Outer};
use vindicate::planner::{self, Context};
use vindicate::vindex::Registry;
use vindicate::vschema::{KeyspaceSource, SrvVSchema, VSchema};

const TPCC: &str = include_str!("../scenarios/plan/tpcc/tpcc.queries");
const TPCC_VSCHEMA: &str = include_str!("../scenarios/plan/tpcc/tpcc.vschema.json");
const OLTP_VSCHEMA: &str = include_str!("../scenarios/guide/customer.vschema.json");

/// What applications send all day, over the guide's tables.
const OLTP: [(&str, &str); 8] = [
    ("point select", "select customer_id, email from customer where customer_id = 7"),
    ("select in", "select email from customer where customer_id in (1, 2, 3, 4, 5)"),
    (
        "scatter ordered",
        "select order_id, sku from corder where price > 5 order by order_id limit 10",
    ),
    ("scatter counted", "select sku, count(*) from corder group by sku order by sku"),
    (
        "join",
        "select c.email, o.sku from customer as c join corder as o on o.customer_id = c.customer_id \
         where c.customer_id = 7",
    ),
    ("insert", "insert into corder (order_id, customer_id, sku, price) values (1, 7, 'p', 5)"),
    ("update", "update corder set price = 6 where customer_id = 7 and order_id = 1"),
    ("delete", "delete from corder where customer_id = 7 and order_id = 1"),
];

struct Load {
    name: &'static str,
    keyspace: &'static str,
    written: &'static str,
    vschema: VSchema,
    statements: Vec<(String, String)>,
}

impl Load {
    fn new(
        name: &'static str,
        keyspace: &'static str,
        written: &'static str,
        statements: Vec<(String, String)>,
    ) -> Load {
        let own = KeyspaceSource::parse(written).expect("a vschema");
        let mut source = SrvVSchema::default();
        source.keyspaces.insert(keyspace.into(), own);
        let vschema = VSchema::build(&source, &Registry::standard());
        Load { name, keyspace, written, vschema, statements }
    }

    fn context<'a>(&'a self, environment: &'a Environment) -> Context<'a> {
        Context {
            vschema: &self.vschema,
            keyspace: Some(self.keyspace),
            shard: None,
            tablet_type: "primary",
            tables_header: "Tables_in_",
            environment,
            trace: None,
        }
    }
}

fn loads() -> [Load; 2] {
    let oltp = OLTP.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    [
        Load::new("oltp", "customer", OLTP_VSCHEMA, oltp),
        Load::new("tpcc", "tpcc", TPCC_VSCHEMA, queries(TPCC)),
    ]
}

fn queries(file: &str) -> Vec<(String, String)> {
    let blocks = file.split("\n\n").filter_map(|block| {
        let (name, text) = block.trim().strip_prefix("-- ")?.split_once('\n')?;
        Some((name.to_string(), text.trim().trim_end_matches(';').to_string()))
    });
    blocks.collect()
}

/// What vtgate does with a statement that it has met before.
struct Cache {
    plans: BTreeMap<String, Arc<Plan>>,
}

impl Cache {
    fn find(&self, text: &str) -> Option<Arc<Plan>> {
        self.plans.get(&Cache::key(text)?).cloned()
    }

    fn key(text: &str) -> Option<String> {
        let Ok(Outer::Sql(mut statement)) = statement::parse(text) else { return None };
        parameterize(&mut statement);
        Some(statement.to_string())
    }

    fn of(load: &Load, context: &Context<'_>) -> Cache {
        let plan = |(_, text): &(String, String)| {
            let key = Cache::key(text).expect("a statement with a plan");
            let plan = planner::build(&key, context).expect("a plan");
            (key, Arc::new(plan))
        };
        Cache { plans: load.statements.iter().map(plan).collect() }
    }
}

/// The loads as Vitess's planner reads them.
fn write_loads() {
    let Ok(path) = std::env::var("PLAN_LOADS") else { return };
    let loads: Vec<Json> = loads()
        .iter()
        .map(|load| {
            let vschema: Json = serde_json::from_str(load.written).expect("a vschema");
            let queries: Vec<&String> = load.statements.iter().map(|(_, text)| text).collect();
            json!({
                "name": load.name,
                "keyspace": load.keyspace,
                "vschema": {"keyspaces": {load.keyspace: vschema, "main": {}}},
                "queries": queries,
            })
        })
        .collect();
    std::fs::write(&path, Json::from(loads).to_string()).expect("a file that can be written");
}

fn plans(c: &mut Criterion) {
    write_loads();
    let environment = Environment::default();
    for load in loads() {
        let context = load.context(&environment);
        let cache = Cache::of(&load, &context);
        let cold = |text: &str| planner::build(black_box(text), &context).expect("a plan");
        let cached = |text: &str| cache.find(black_box(text)).expect("a plan that is kept");
        for (name, text) in &load.statements {
            let count = |call: &dyn Fn()| allocation_counter::measure(call).count_total;
            let cold = count(&|| drop(black_box(cold(text))));
            let cached = count(&|| drop(black_box(cached(text))));
            println!("{}/{name}: {cold} allocations cold, {cached} cached", load.name);
        }
        let mut group = c.benchmark_group(load.name);
        for (name, text) in &load.statements {
            group.throughput(Throughput::Elements(1));
            group.bench_function(BenchmarkId::new("cold", name), |b| b.iter(|| cold(text)));
            group.bench_function(BenchmarkId::new("cached", name), |b| b.iter(|| cached(text)));
        }
        group.throughput(Throughput::Elements(load.statements.len() as u64));
        group.bench_function("all/cold", |b| {
            b.iter(|| load.statements.iter().map(|(_, text)| cold(text)).collect::<Vec<Plan>>());
        });
        group.bench_function("all/cached", |b| {
            b.iter(|| {
                load.statements.iter().map(|(_, text)| cached(text)).collect::<Vec<Arc<Plan>>>()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, plans);
criterion_main!(benches);
