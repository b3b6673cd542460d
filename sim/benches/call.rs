//! One call through the World, beside madsim's own typed RPC in the same run: 1, 16 and 64
//! clients, a timeout on each call. The figure is the time of one call.

use std::rc::Rc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim::call::Request;
use sim::host::HostKind;
use sim::world::{Goal, Options, World};

const CALLS: u64 = 6_400;
const CLIENTS: [u64; 3] = [1, 16, 64];

struct Ping(u64);

impl Request for Ping {
    type Reply = u64;
    const NAME: &'static str = "Ping";
}

fn world(host: HostKind, clients: u64) {
    let options = Options { host, ..Options::default() };
    let mut world = World::open(options).expect("no other World on this thread");
    let servers: Vec<_> = (0..4)
        .map(|i| {
            let machine = world.machine(&format!("s{i}"));
            world.program(machine, &format!("s{i}"), |process| async move {
                process.serve(|_, ping: Rc<Ping>| async move { ping.0 + 1 });
            })
        })
        .collect();
    for i in 0..clients {
        let machine = world.machine(&format!("c{i}"));
        let client = world.client(machine, &format!("c{i}"));
        let token = world.token("calls");
        let server = servers[(i % 4) as usize];
        world.spawn(client, Some(token), "calls", move |process| {
            Box::pin(async move {
                for n in 0..CALLS / clients {
                    let reply = process.call(server, Ping(n)).within(Duration::from_secs(1)).await;
                    assert_eq!(reply, Ok(n + 1));
                }
            })
        });
    }
    world.run(Goal::Declared);
}

#[cfg(madsim)]
mod endpoint {
    use std::net::SocketAddr;
    use std::time::Duration;

    use madsim::net::Endpoint;
    use madsim::runtime::{Handle, Runtime};

    use super::CALLS;

    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Ping(u64);

    impl madsim::net::rpc::Request for Ping {
        type Response = u64;
        const ID: u64 = 1;
    }

    fn address(i: u64) -> SocketAddr {
        format!("10.0.0.{}:1", i + 1).parse().expect("an address")
    }

    pub fn run(clients: u64) {
        let runtime = Runtime::new();
        runtime.block_on(async move {
            let handle = Handle::current();
            for i in 0..4 {
                let node = handle.create_node().ip(address(i).ip()).build();
                node.spawn(async move {
                    let endpoint = Endpoint::bind(address(i)).await.expect("a free address");
                    // Eight handlers: one alone serves a request a millisecond of its time.
                    for _ in 0..8 {
                        endpoint.add_rpc_handler(|ping: Ping| async move { ping.0 + 1 });
                    }
                    std::future::pending::<()>().await;
                });
            }
            let tasks: Vec<_> = (0..clients)
                .map(|i| {
                    let node = handle.create_node().ip(address(100 + i).ip()).build();
                    node.spawn(async move {
                        let bound = Endpoint::bind(address(100 + i)).await;
                        let endpoint = bound.expect("a free address");
                        madsim::time::sleep(Duration::from_millis(10)).await;
                        for n in 0..CALLS / clients {
                            let timeout = Duration::from_secs(1);
                            let to = address(i % 4);
                            let reply = endpoint.call_timeout(to, Ping(n), timeout).await;
                            assert_eq!(reply.expect("no timeout"), n + 1);
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    }
}

fn bench(c: &mut Criterion) {
    for clients in CLIENTS {
        let mut group = c.benchmark_group(format!("call/{clients} clients"));
        group.throughput(Throughput::Elements(CALLS)).sample_size(10);
        group.bench_function("plain", |b| b.iter(|| world(HostKind::Plain, clients)));
        #[cfg(madsim)]
        group.bench_function("nodes", |b| b.iter(|| world(HostKind::Nodes, clients)));
        #[cfg(madsim)]
        group.bench_function("madsim rpc", |b| b.iter(|| endpoint::run(clients)));
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
