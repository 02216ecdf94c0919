//! Caches of answers: what every cache must do, and what only one in Redis can be asked for.

#![allow(clippy::unnecessary_wraps, reason = "these read like what a cache is asked and answers")]

mod redis_only;
mod rules;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tailrace_backend::{
    MemoryCache, MemoryCacheLimits, Persistence, PrivateRedis, RedisCache, RedisConfig,
};
use tailrace_contract::history::{NameFilter, Range};
use tailrace_contract::{About, Cache, CacheKey, Tenant, Touched};

const HOUR: Duration = Duration::from_secs(3_600);

/// A cache, and what must live as long as it does.
struct Bench {
    cache: Arc<dyn Cache>,
    redis: Option<PrivateRedis>,
}

fn memory() -> Bench {
    Bench { cache: Arc::new(MemoryCache::new(MemoryCacheLimits::default())), redis: None }
}

fn redis() -> Bench {
    let redis = PrivateRedis::start(Persistence::None, None).expect("tests need redis-server");
    let cache = Arc::new(RedisCache::new(&RedisConfig::new(redis.url(), "test")).unwrap());
    Bench { cache, redis: Some(redis) }
}

/// A cache in memory by a clock that is set.
fn timed(limits: MemoryCacheLimits) -> (MemoryCache, Arc<AtomicU64>) {
    let now_ms = Arc::new(AtomicU64::new(1_000));
    let clock = Arc::clone(&now_ms);
    (MemoryCache::with_clock(limits, move || clock.load(Ordering::Relaxed)), now_ms)
}

fn key(tenant: &str, question: &str) -> CacheKey {
    CacheKey { tenant: Tenant(tenant.into()), question: question.into() }
}

fn exactly(name: &str) -> Option<NameFilter> {
    Some(NameFilter::Exactly(name.into()))
}

fn prefix(name: &str) -> Option<NameFilter> {
    Some(NameFilter::Prefix(name.into()))
}

fn about(name: Option<NameFilter>, from_ms: u64, to_ms: u64) -> About {
    About { name, range: Range { from_ms, to_ms } }
}

fn touched(tenant: &str, name: &str, from_ms: u64, to_ms: u64) -> Touched {
    let range = Range { from_ms, to_ms };
    Touched { tenant: Tenant(tenant.into()), names: [name.into()].into(), range }
}

/// Looks, and keeps this text if there is nothing fresh.
async fn keep(cache: &dyn Cache, key: &CacheKey, about: &About, text: &'static str) {
    let looked = cache.look(key, about).await.unwrap();
    let lease = looked.lease.expect("nothing is kept yet");
    assert!(cache.put(key, about, lease, text.into(), HOUR).await.unwrap());
}

/// The text that is kept, and whether it is fresh.
async fn kept(cache: &dyn Cache, key: &CacheKey, about: &About) -> Option<(String, bool)> {
    let found = cache.look(key, about).await.unwrap().found?;
    Some((String::from_utf8(found.value.to_vec()).unwrap(), found.fresh))
}

fn fresh(text: &str) -> Option<(String, bool)> {
    Some((text.to_owned(), true))
}

fn stale(text: &str) -> Option<(String, bool)> {
    Some((text.to_owned(), false))
}
