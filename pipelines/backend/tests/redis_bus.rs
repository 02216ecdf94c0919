//! The bus over Redis: each batch reaches each subscriber once and in its writer's order, also
//! when announcements are lost.

mod sample;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{FutureExt, StreamExt};
use sample::{batch, body};
use tailrace_backend::{LocalBus, Persistence, PrivateRedis, RedisBus, RedisConfig, RedisLog};
use tailrace_contract::{Bus, Log, LogError, Notice, Notices, Position};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(30);

fn start() -> (PrivateRedis, RedisConfig) {
    let redis = PrivateRedis::start(Persistence::EverySec, None).expect("tests need redis-server");
    let config = RedisConfig::new(redis.url(), "test");
    (redis, config)
}

async fn connect(config: &RedisConfig) -> Result<Arc<RedisBus>, LogError> {
    RedisBus::connect(config, Arc::new(LocalBus::new())).await
}

async fn append(log: &RedisLog, producer: &str, seq: u64) -> Result<Position, LogError> {
    let batch = batch(1, producer, seq);
    let body = body(&batch);
    log.append(batch, body).await
}

/// The next live notices of one producer, as sequences.
async fn live(notices: &mut Notices, count: usize) -> Vec<(String, u64, Position)> {
    let read = async {
        let mut seen = Vec::new();
        while seen.len() < count {
            match notices.next().await.unwrap() {
                Notice::Live { id, position } => {
                    seen.push((id.producer.0.to_string(), id.seq, position));
                }
                other => panic!("{other:?} after {}", seen.len()),
            }
        }
        seen
    };
    timeout(LONG, read).await.expect("a batch never reached the feed")
}

async fn raw(redis: &PrivateRedis, words: &[&str]) -> redis::Value {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut question = redis::Cmd::new();
    for word in words {
        question.arg(*word);
    }
    question.query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn every_batch_reaches_every_subscriber_once_from_all_writers() {
    let (_redis, config) = start();
    let first = RedisLog::connect(config.clone()).await.unwrap();
    append(&first, "before", 0).await.unwrap();
    let bus = connect(&config).await.unwrap();
    assert!(!bus.has_subscribers());
    let mut feeds = [bus.subscribe(), bus.subscribe()];
    assert!(bus.has_subscribers());
    let second = RedisLog::connect(config.clone()).await.unwrap();
    let (one, two) = tokio::join!(
        try_join_all((0..3_000).map(|seq| append(&first, "one", seq))),
        try_join_all((0..3_000).map(|seq| append(&second, "two", seq))),
    );
    for feed in &mut feeds {
        let seen = live(feed, 6_000).await;
        for (producer, positions) in [("one", one.as_ref()), ("two", two.as_ref())] {
            let positions = positions.unwrap();
            let own: Vec<_> = seen.iter().filter(|(p, ..)| p == producer).collect();
            assert_eq!(own.len(), 3_000);
            for (seq, (_, seen_seq, position)) in own.into_iter().enumerate() {
                assert_eq!((seq as u64, positions[seq]), (*seen_seq, *position));
            }
        }
        assert_eq!(feed.next().now_or_never(), None);
    }
}

#[tokio::test]
async fn a_lost_pubsub_connection_is_repaired_from_the_stream() {
    let (redis, config) = start();
    let log = RedisLog::connect(config.clone()).await.unwrap();
    let bus = connect(&config).await.unwrap();
    let mut feed = bus.subscribe();
    let mut expected = Vec::new();
    for round in 0..5 {
        for seq in round * 200..round * 200 + 200 {
            expected.push(("p".to_owned(), seq, append(&log, "p", seq).await.unwrap()));
            if seq % 200 == 100 {
                raw(&redis, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
            }
        }
    }
    assert_eq!(live(&mut feed, 1_000).await, expected);
    assert_eq!(feed.next().now_or_never(), None);
}

#[tokio::test]
async fn a_lost_announcement_is_found_by_the_next_one() {
    let (redis, config) = start();
    let log = RedisLog::connect(config.clone()).await.unwrap();
    let bus = connect(&config).await.unwrap();
    let mut feed = bus.subscribe();
    append(&log, "p", 0).await.unwrap();
    live(&mut feed, 1).await;
    // The default user may not publish for a while: the batch is stored, not announced.
    raw(&redis, &["ACL", "SETUSER", "default", "-publish"]).await;
    append(&log, "p", 1).await.unwrap();
    append(&log, "p", 2).await.unwrap();
    // Appended only after both refused announcements, which ride in the flushes between.
    while !refused_publishes(&redis, 2).await {
        tokio::task::yield_now().await;
    }
    raw(&redis, &["ACL", "SETUSER", "default", "+publish"]).await;
    append(&log, "p", 3).await.unwrap();
    let seqs: Vec<u64> = live(&mut feed, 3).await.into_iter().map(|(_, seq, _)| seq).collect();
    assert_eq!(seqs, [1, 2, 3]);
}

#[tokio::test]
async fn a_new_connection_reads_what_was_never_announced() {
    let (redis, config) = start();
    let log = RedisLog::connect(config.clone()).await.unwrap();
    let bus = connect(&config).await.unwrap();
    let mut feed = bus.subscribe();
    raw(&redis, &["ACL", "SETUSER", "default", "-publish"]).await;
    let position = append(&log, "p", 0).await.unwrap();
    while !refused_publishes(&redis, 1).await {
        tokio::task::yield_now().await;
    }
    // No later announcement tells of the gap: only connecting again does.
    raw(&redis, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    assert_eq!(live(&mut feed, 1).await, [("p".to_owned(), 0, position)]);
}

async fn refused_publishes(redis: &PrivateRedis, count: u64) -> bool {
    let stats: String =
        redis::from_redis_value(raw(redis, &["INFO", "commandstats"]).await).unwrap();
    let line = stats.lines().find(|line| line.starts_with("cmdstat_publish:")).unwrap_or("");
    line.contains(&format!("rejected_calls={count},"))
}

#[tokio::test]
async fn the_feed_goes_on_after_redis_was_restarted() {
    let (mut redis, config) = start();
    let log = RedisLog::connect(config.clone()).await.unwrap();
    let bus = connect(&config).await.unwrap();
    let mut feed = bus.subscribe();
    let mut acknowledged = vec![append(&log, "p", 0).await.unwrap()];
    live(&mut feed, 1).await;
    // Ends gently, so that its file is complete.
    redis.stop().unwrap();
    redis.restart().unwrap();
    let back = async {
        for seq in 1.. {
            match append(&log, "p", seq).await {
                Ok(position) => acknowledged.push(position),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
            if acknowledged.len() > 20 {
                break;
            }
        }
    };
    timeout(LONG, back).await.unwrap();
    let seen: Vec<_> = live(&mut feed, 20).await.into_iter().map(|(.., at)| at).collect();
    assert_eq!(seen, acknowledged[1..]);
}

#[tokio::test]
async fn durable_notices_reach_other_processes() {
    let (_redis, config) = start();
    let [worker, server] = [connect(&config).await.unwrap(), connect(&config).await.unwrap()];
    let mut feed = server.subscribe();
    // More than one message holds, and none of the live ones: those are the log's to tell.
    let durable = |seq| Notice::Durable { id: batch(1, "p", seq).id };
    let position = Position::default();
    let mut notices: Vec<_> = (0..2_500).map(durable).collect();
    notices.insert(7, Notice::Live { id: batch(1, "p", 0).id, position });
    worker.publish(notices).await;
    for seq in 0..2_500 {
        assert_eq!(timeout(LONG, feed.next()).await.unwrap(), Some(durable(seq)));
    }
    worker.publish(Vec::new()).await;
    assert_eq!(feed.next().now_or_never(), None);
    // The worker's own subscribers hear it over the same way.
    let mut own = worker.subscribe();
    worker.publish(vec![durable(0)]).await;
    for feed in [&mut own, &mut feed] {
        assert_eq!(timeout(LONG, feed.next()).await.unwrap(), Some(durable(0)));
    }
}
