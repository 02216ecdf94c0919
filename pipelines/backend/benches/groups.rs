//! Cost of the way out of a log for each metric: a member reads batches of a hundred metrics, a
//! hundred at a time, and acknowledges them; decoding included. Redis only where it is installed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::try_join_all;
use tailrace_backend::{
    LocalBus, MemoryLimits, MemoryLog, Persistence, PrivateRedis, RedisConfig, RedisLog,
};
use tailrace_contract::codec::Codec;
use tailrace_contract::{
    AttributeValue, Batch, BatchId, Group, Log, Metric, Producer, RunId, Tenant,
};
use tokio::runtime::Runtime;

/// Metrics of a batch.
const METRICS: u64 = 100;
/// Entries of one read.
const ENTRIES: usize = 100;
/// Batches of one measured portion.
const BATCHES: u64 = 1_000;

async fn fill(log: &dyn Log) {
    let metric = |n: u64| {
        let name = ["cpu.user", "cpu.system", "memory.used", "disk.read"][n as usize % 4].into();
        let attributes = vec![("host".into(), AttributeValue::Text("host-7".into()))];
        Metric { name, value: n as f64 * 0.37, time_ms: Some(1_700_000_000_000 + n), attributes }
    };
    let append = |seq| {
        let (tenant, producer) = (Tenant::open(), Producer("p".into()));
        let id = BatchId { tenant, run: RunId(7), producer, seq };
        let batch = Batch { id, received_ms: 1, metrics: (0..METRICS).map(metric).collect() };
        let mut body = Vec::new();
        Codec::Json.encode_batch(&batch.id.producer, seq, &batch.metrics, &mut body);
        log.append(batch, Bytes::from(body))
    };
    try_join_all((0..BATCHES).map(append)).await.unwrap();
}

async fn drain(group: &dyn Group) {
    let mut left = BATCHES;
    while left > 0 {
        let taken = group.read("m", ENTRIES, Duration::from_secs(5)).await.unwrap();
        left -= taken.len() as u64;
        let positions = taken.iter().map(|delivery| delivery.position).collect();
        group.acknowledge(positions).await.unwrap();
    }
}

fn bench(c: &mut Criterion, runtime: &Runtime, name: &str, log: &Arc<dyn Log>) {
    let group = runtime.block_on(log.group("bench")).unwrap();
    let mut benches = c.benchmark_group("groups");
    benches.throughput(Throughput::Elements(BATCHES * METRICS)).sample_size(20);
    benches.bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    fill(&**log).await;
                    let start = Instant::now();
                    drain(&*group).await;
                    spent += start.elapsed();
                }
                spent
            })
        });
    });
    benches.finish();
}

fn read_and_acknowledge(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let memory = runtime
        .block_on(async { MemoryLog::start(Arc::new(LocalBus::new()), MemoryLimits::default()) });
    bench(c, &runtime, "memory", &(memory as _));
    let Ok(redis) = PrivateRedis::start(Persistence::None, None) else { return };
    let config =
        RedisConfig { replay_window: Duration::ZERO, ..RedisConfig::new(redis.url(), "b") };
    let log = runtime.block_on(RedisLog::connect(config)).unwrap();
    bench(c, &runtime, "redis", &(log as _));
}

criterion_group!(benches, read_and_acknowledge);
criterion_main!(benches);
