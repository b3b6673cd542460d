//! Nanoseconds and allocations a mapped value, for each functional vindex, one at a time and in a
//! batch.
//!
//! `floor` is what nobody can do without: rendering the number as text, the bare hash, and pushing
//! the result. `render_and_batch` does the same work through a vindex and is to stay within 1.3
//! times of it. Allocations are printed once before the timings.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vindicate::key::{Destination, KeyspaceId};
use vindicate::vindex::binary_md5::md5;
use vindicate::vindex::des::NullKeyDes;
use vindicate::vindex::xxhash::xxhash64;
use vindicate::vindex::{Functional, Params, Registry, Row, Value, Vindex};

const BATCH: i64 = 1000;

/// Each functional vindex, with what it must be told, and rows for it.
fn vindexes() -> Vec<(&'static str, Arc<dyn Vindex>, Vec<Row>)> {
    let made: [(&str, &[(&str, &str)]); 13] = [
        ("binary", &[]),
        ("binary_md5", &[]),
        ("cfc", &[("hash", "xxhash64"), ("offsets", "[2,4]")]),
        ("hash", &[]),
        ("multicol", &[("column_count", "3")]),
        ("null", &[]),
        ("numeric", &[]),
        ("numeric_static_map", &[("json", "{\"1\":2}")]),
        ("region_experimental", &[("region_bytes", "1")]),
        ("reverse_bits", &[]),
        ("unicode_loose_md5", &[]),
        ("unicode_loose_xxhash", &[]),
        ("xxhash", &[]),
    ];
    let registry = Registry::standard();
    made.into_iter()
        .map(|(type_name, params)| {
            let params: Params =
                params.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
            let vindex = registry.create(type_name, type_name, &params).expect("good parameters");
            let columns = match type_name {
                "multicol" => 3,
                "region_experimental" => 2,
                _ => 1,
            };
            (type_name, vindex, rows(columns))
        })
        .collect()
}

fn rows(columns: usize) -> Vec<Row> {
    (0..BATCH).map(|i| vec![Value::int64(1_000_000 + i * 7919); columns]).collect()
}

fn functional(vindex: &Arc<dyn Vindex>) -> &dyn Functional {
    vindex.functional().expect("a functional vindex")
}

fn map(c: &mut Criterion) {
    let vindexes = vindexes();
    for (type_name, vindex, rows) in &vindexes {
        let allocations = allocation_counter::measure(|| {
            black_box(functional(vindex).map(black_box(rows))).expect("rows map");
        });
        let each = allocations.count_total as f64 / BATCH as f64;
        println!("map/batch/{type_name}: {each:.3} allocations a value");
    }
    let mut group = c.benchmark_group("map");
    for (type_name, vindex, rows) in &vindexes {
        let functional = functional(vindex);
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("single", type_name), |b| {
            b.iter(|| functional.map_one(black_box(&rows[0])));
        });
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(BenchmarkId::new("batch", type_name), |b| {
            b.iter(|| functional.map(black_box(rows)));
        });
    }
    group.finish();
}

/// The least that a mapping is: each number as text, hashed, in a list.
fn floor(hash: impl Fn(&str, i64) -> KeyspaceId) -> Vec<Destination> {
    let mut mapped = Vec::with_capacity(BATCH as usize);
    for i in 0..BATCH {
        let number = black_box(1_000_000 + i * 7919);
        let text = number.to_string();
        mapped.push(Destination::KeyspaceId(hash(black_box(&text), number)));
    }
    mapped
}

fn against_floor(c: &mut Criterion) {
    let registry = Registry::standard();
    let des = NullKeyDes::new();
    let mut group = c.benchmark_group("batch");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("floor/hash", |b| {
        b.iter(|| floor(|_, number| KeyspaceId::new(&des.hash(number as u64))));
    });
    group.bench_function("floor/binary_md5", |b| {
        b.iter(|| floor(|text, _| KeyspaceId::new(&md5(text.as_bytes()))));
    });
    group.bench_function("floor/xxhash", |b| {
        b.iter(|| floor(|text, _| KeyspaceId::new(&xxhash64(text.as_bytes()))));
    });
    for type_name in ["hash", "binary_md5", "xxhash"] {
        let vindex = registry.create(type_name, type_name, &Params::new()).expect("no parameters");
        let functional = functional(&vindex);
        group.bench_function(BenchmarkId::new("render_and_batch", type_name), |b| {
            b.iter(|| {
                let numbers = (0..BATCH).map(|i| black_box(1_000_000 + i * 7919));
                let values: Vec<Value> = numbers.map(Value::int64).collect();
                functional.map_column(&values)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, map, against_floor);
criterion_main!(benches);
