//! Groups of readers: the same cases for both logs, the Redis log with a real private Redis.
//! What only one of them can do stands in `memory` and `redis`.

mod cases;
mod memory;
mod outside;
mod redis;
#[path = "../sample/mod.rs"]
mod sample;
mod trimming;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tailrace_backend::{
    LocalBus, MemoryLimits, MemoryLog, Persistence, PrivateRedis, RedisConfig, RedisLog,
};
use tailrace_contract::{Delivery, Group, Log, LogError, Position};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);
/// For reads that are to find nothing.
const SHORT: Duration = Duration::from_millis(20);
/// Taken over whoever has it.
const AT_ONCE: Duration = Duration::ZERO;

fn memory_log() -> Arc<MemoryLog> {
    MemoryLog::start(Arc::new(LocalBus::new()), MemoryLimits::default())
}

fn private(persistence: Persistence) -> PrivateRedis {
    PrivateRedis::start(persistence, None).expect("the tests need redis-server")
}

fn config(redis: &PrivateRedis) -> RedisConfig {
    RedisConfig { replay_window: Duration::ZERO, ..RedisConfig::new(redis.url(), "test") }
}

async fn redis_log() -> (PrivateRedis, Arc<RedisLog>) {
    let redis = private(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    (redis, log)
}

async fn try_append(log: &dyn Log, seq: u64) -> Result<Position, LogError> {
    let batch = sample::batch(1, "p", seq);
    let body = sample::body(&batch);
    log.append(batch, body).await
}

async fn append(log: &dyn Log, seqs: std::ops::Range<u64>) -> Vec<Position> {
    let mut positions = Vec::new();
    for seq in seqs {
        positions.push(try_append(log, seq).await.unwrap());
    }
    positions
}

/// Appends a batch whose body is damaged.
async fn append_damaged(log: &dyn Log, seq: u64) -> Position {
    log.append(sample::batch(1, "p", seq), Bytes::from_static(b"{ damaged")).await.unwrap()
}

async fn read(group: &dyn Group, member: &str, limit: usize) -> Vec<Delivery> {
    group.read(member, limit, SHORT).await.unwrap()
}

/// Reads until so many came.
async fn read_all(group: &dyn Group, member: &str, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    while all.len() < count {
        let some = group.read(member, count - all.len(), LONG).await.unwrap();
        assert!(!some.is_empty(), "only {} of {count} came", all.len());
        all.extend(some);
    }
    all
}

fn seqs(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.content.as_ref().unwrap().id.seq).collect()
}

fn positions(deliveries: &[Delivery]) -> Vec<Position> {
    deliveries.iter().map(|delivery| delivery.position).collect()
}
