//! What servers share of the gate, against a real private Redis: limits by one script, and
//! sessions.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, cmd};
use tailrace_backend::{Persistence, PrivateRedis, RedisBuckets, RedisSessions};
use tailrace_contract::session::SESSIONS_PER_KEY_MAX;
use tailrace_contract::{Buckets, Quota, Session, SessionHash, Sessions};

const IDLE: Duration = Duration::from_secs(60);
/// So slow that nothing comes back while a test runs.
const SLOW: Quota = Quota { rate_per_s: 0.001, burst: 10 };

fn start() -> PrivateRedis {
    PrivateRedis::start(Persistence::None, None).expect("the tests need redis-server")
}

fn buckets(redis: &PrivateRedis) -> RedisBuckets {
    RedisBuckets::new(&redis.url(), "test").unwrap()
}

async fn raw(redis: &PrivateRedis) -> MultiplexedConnection {
    let client = redis::Client::open(redis.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn ask<T: FromRedisValue>(redis: &PrivateRedis, words: &[&str]) -> T {
    let mut question = cmd(words[0]);
    question.arg(&words[1..]).query_async(&mut raw(redis).await).await.unwrap()
}

#[tokio::test]
async fn servers_share_a_bucket_and_no_other() {
    let redis = start();
    let (one, other) = (buckets(&redis), buckets(&redis));
    let first = one.take("ingest:acme", SLOW, 7).await.unwrap();
    assert_eq!((first.granted, first.remaining), (7, 3));
    let second = other.take("ingest:acme", SLOW, 7).await.unwrap();
    assert_eq!((second.granted, second.remaining), (3, 0));
    let third = one.take("ingest:acme", SLOW, 1).await.unwrap();
    assert_eq!(third.granted, 0);
    // One request takes a thousand seconds at that rate.
    assert!((900_000_000..=1_000_000_000).contains(&third.retry_us), "{third:?}");
    for untouched in ["read:acme", "ingest:beta"] {
        assert_eq!(one.take(untouched, SLOW, 10).await.unwrap().granted, 10, "{untouched}");
    }
    let left: i64 = ask(&redis, &["PTTL", "test:bucket:ingest:acme"]).await;
    assert!(left > 0, "a bucket goes away by itself: {left}");
}

#[tokio::test]
async fn the_script_computes_what_the_contract_says() {
    let redis = start();
    let quota = Quota { rate_per_s: 50_000.0, burst: 1_000 };
    let shared = buckets(&redis);
    let begun = std::time::Instant::now();
    // What flows into a full bucket is lost: whoever stood still for long gets no more than a burst.
    let (mut granted, mut flowed, mut last) = (0, 0.0, begun);
    while begun.elapsed() < Duration::from_millis(300) {
        granted += shared.take("b", quota, 1_000).await.unwrap().granted;
        flowed += (50_000.0 * last.elapsed().as_secs_f64()).min(1_000.0);
        last = std::time::Instant::now();
    }
    let allowed = 1_000.0 + 50_000.0 * begun.elapsed().as_secs_f64();
    assert!(f64::from(granted) <= allowed + 1.0, "{granted} of {allowed}");
    assert!(f64::from(granted) > flowed * 0.8, "{granted} of {flowed}");
}

#[tokio::test]
async fn a_flushed_script_and_a_new_redis_are_no_outage() {
    let mut redis = start();
    let shared = buckets(&redis);
    assert_eq!(shared.take("b", SLOW, 4).await.unwrap().granted, 4);
    let _: () = ask(&redis, &["SCRIPT", "FLUSH"]).await;
    assert_eq!(shared.take("b", SLOW, 4).await.unwrap().granted, 4);
    redis.stop().unwrap();
    assert!(shared.take("b", SLOW, 4).await.is_err());
    redis.restart().unwrap();
    // What it counted is gone with it: this one keeps nothing on disk.
    assert_eq!(shared.take("b", SLOW, 4).await.unwrap().granted, 4);
}

#[tokio::test]
async fn sessions_are_shared_bounded_and_forgotten() {
    let redis = start();
    let servers = [(); 2].map(|()| RedisSessions::new(&redis.url(), "test").unwrap());
    let session = |key: &str| Session { key: key.into(), digest: [7; 32], ends_ms: 1 << 42 };
    let id = |n: usize| SessionHash([n as u8; 32]);
    servers[0].begin(id(200), session("other"), IDLE).await.unwrap();
    for n in 0..=SESSIONS_PER_KEY_MAX {
        servers[n % 2].begin(id(n), session("k"), IDLE).await.unwrap();
        // The order of beginnings is told in milliseconds.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(servers[1].resume(id(0), IDLE).await.unwrap(), None);
    for kept in [1, SESSIONS_PER_KEY_MAX] {
        assert_eq!(servers[1].resume(id(kept), IDLE).await.unwrap(), Some(session("k")));
    }
    assert_eq!(servers[1].resume(id(200), IDLE).await.unwrap(), Some(session("other")));
    servers[0].end(id(1)).await.unwrap();
    servers[0].end(id(1)).await.unwrap();
    assert_eq!(servers[1].resume(id(1), IDLE).await.unwrap(), None);
    // An idle one ends by Redis' own clock, and its id is nowhere to be read.
    servers[0].begin(id(201), session("brief"), Duration::from_millis(1)).await.unwrap();
    while servers[0].resume(id(201), Duration::from_millis(1)).await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let indexed: u64 = ask(&redis, &["ZCARD", "test:sessions:k"]).await;
    assert_eq!(indexed, SESSIONS_PER_KEY_MAX as u64 - 1);
}
