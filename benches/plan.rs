//! Plans a second: cold (parsed, analysed, planned) and cached (parsed, literals taken out, found
//! by its text), for the statements of [`loads`], with the allocator of the program.
//!
//! Each statement is a bench of its own; `all` plans the whole set once. `PLAN_LOADS=FILE` writes
//! the statements for `tools/vitess-plans -bench FILE`, which measures the same of Vitess's own
//! planner. How often a plan allocates: `cargo bench --bench plan_allocations`.

mod loads;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value as Json, json};
use vindicate::planner;
use vindicate::planner::environment::Environment;
use vindicate::planner::primitive::Plan;

use loads::{Cache, loads};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
