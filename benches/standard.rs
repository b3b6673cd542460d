//! Runs of the fixed profile "standard": 2 shards, 9 tablets, 2 vtgates, 4 clients, 50
//! transactions, faults on.
//!
//! Two lines are printed before the timings: virtual time per run, and the memory that a run takes,
//! in the middle and at most. Elements per second are runs; one core makes them, one after the
//! other, over the same seeds again and again.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mimalloc::MiMalloc;
use peak::Peak;
use sim::host::HostKind;
use sim::seed::Seed;
use vindicate::fuzz::campaign::{Campaign, Ran, Search};
use vindicate::fuzz::case::Source;
use vindicate::fuzz::profile::Profile;

/// The program's.
#[global_allocator]
static ALLOCATOR: Peak<MiMalloc> = Peak(MiMalloc);

/// So many different runs.
const SEEDS: u64 = 100;

fn run(campaign: &Campaign, seed: u64) -> Ran {
    campaign.seed(Seed(seed % SEEDS)).expect("a case that runs").0
}

fn standard(c: &mut Criterion) {
    let campaign = Campaign {
        profile: Profile::named("standard").expect("a profile of this name"),
        source: Source::Drawn,
        mutants: Vec::new(),
        search: Search::Random,
        host: HostKind::default(),
    };
    // What is made once a thread is no run's.
    run(&campaign, 0);
    let (mut virtual_time, mut bytes) = (0, Vec::new());
    for seed in 0..SEEDS {
        let (ran, most) = peak::measure(|| run(&campaign, seed));
        virtual_time += ran.virtual_time;
        bytes.extend(most);
    }
    bytes.sort_unstable();
    let mebibytes = |at: usize| bytes.get(at).map_or(0.0, |b| *b as f64 / f64::from(1 << 20));
    println!("standard: {:.1} s virtual a run", virtual_time as f64 / 1e9 / SEEDS as f64);
    println!(
        "standard: {:.2} MiB a run, {:.2} MiB at most",
        mebibytes(bytes.len() / 2),
        mebibytes(bytes.len().saturating_sub(1))
    );
    let mut group = c.benchmark_group("standard");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    let mut seed = 0;
    group.bench_function("run", |b| {
        b.iter(|| {
            seed += 1;
            black_box(run(&campaign, seed))
        });
    });
    group.finish();
}

criterion_group!(benches, standard);
criterion_main!(benches);
