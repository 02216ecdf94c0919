//! Cost of the memory log for each one-metric batch: append and consumer together, on one core.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tailrace_backend::{LocalBus, MemoryLimits, MemoryLog};
use tailrace_contract::{Batch, BatchId, Log, Metric, Producer, RunId, Tenant};

/// Batches of one measured portion; as many as a busy server reads between two polls.
const BATCHES: u64 = 1_000;

fn batches(tenant: &Tenant, producers: &[Producer], from: u64) -> Vec<Batch> {
    let batch = |seq: u64| {
        let producer = producers[seq as usize % producers.len()].clone();
        let id = BatchId { tenant: tenant.clone(), run: RunId(7), producer, seq };
        let name = ["cpu.user", "cpu.system", "memory.used", "disk.read"][seq as usize % 4].into();
        let metric = Metric { name, value: 0.5, time_ms: Some(1), attributes: Vec::new() };
        Batch { id, received_ms: 1, metrics: vec![metric] }
    };
    (from..from + BATCHES).map(batch).collect()
}

fn append_and_consume(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let producers: Vec<_> = (0..64).map(|n| Producer(format!("host-{n}").into())).collect();
    let tenant = Tenant::open();
    let mut group = c.benchmark_group("memory_log");
    group.throughput(Throughput::Elements(BATCHES));
    group.bench_function("append_and_consume", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let log = MemoryLog::start(Arc::new(LocalBus::new()), MemoryLimits::default());
                let mut spent = Duration::ZERO;
                for round in 0..rounds {
                    let batches = batches(&tenant, &producers, round * BATCHES);
                    let start = Instant::now();
                    for batch in batches {
                        black_box(log.append(batch, Bytes::from_static(b"{}")).await).unwrap();
                    }
                    // Resolves when the consumer has passed them all.
                    log.after(tailrace_contract::Position { major: 1, minor: 0 }, 0).await.unwrap();
                    spent += start.elapsed();
                }
                spent
            })
        });
    });
    group.finish();
}

criterion_group!(benches, append_and_consume);
criterion_main!(benches);
