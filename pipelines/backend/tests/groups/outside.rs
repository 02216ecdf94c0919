//! Groups as whoever looks after a log in Redis sees them.

use std::time::Instant;

use tailrace_backend::{Forgotten, RedisGroups, RedisLog};
use tailrace_contract::{Log, LogError};

use super::{append, config, positions, read_all, redis_log, try_append};

#[tokio::test]
async fn a_group_that_nobody_lives_for_is_forgotten_and_holds_back_nothing() {
    let (redis, log) = redis_log().await;
    let outside = RedisGroups::new(&config(&redis)).unwrap();
    assert_eq!(outside.list().await.unwrap().groups, []);
    assert_eq!(outside.forget("gone", false).await.unwrap(), Forgotten::Unknown);
    let worker = log.group("worker").await.unwrap();
    let other = RedisLog::connect(config(&redis)).await.unwrap();
    other.group("gone").await.unwrap();
    drop(other);
    append(&*log, 0..10).await;
    let taken = read_all(&*worker, "m", 10).await;
    worker.acknowledge(positions(&taken)).await.unwrap();
    assert_eq!(log.trim().await.unwrap(), 0, "the other group has read nothing");

    // As when the time of its sign of life has passed.
    let mut client = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let gone: u64 = ::redis::cmd("DEL").arg("test:log:open:gone").query(&mut client).unwrap();
    assert_eq!(gone, 1);
    let told = outside.list().await.unwrap();
    assert_eq!((told.log.as_str(), told.entries), ("test:log", 10));
    let seen: Vec<_> =
        told.groups.iter().map(|g| (g.group.as_str(), g.open, g.lag.unread)).collect();
    assert_eq!(seen, [("gone", false, 10), ("worker", true, 0)]);
    assert!(told.groups[0].lag.oldest_ms.is_some());

    assert_eq!(outside.forget("worker", false).await.unwrap(), Forgotten::Open);
    assert_eq!(outside.forget("gone", false).await.unwrap(), Forgotten::Gone);
    assert_eq!(outside.forget("gone", false).await.unwrap(), Forgotten::Unknown);
    assert_eq!(log.trim().await.unwrap(), 10);
    assert_eq!(outside.forget("worker", true).await.unwrap(), Forgotten::Gone);
    assert_eq!(outside.list().await.unwrap().groups, []);
}

#[tokio::test]
async fn a_sign_of_life_is_renewed_by_itself_and_removed_with_the_log() {
    let (redis, log) = redis_log().await;
    let group = log.group("g").await.unwrap();
    let mut client = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let key = "test:log:open:g";
    let mut ask =
        |command: &str| -> i64 { ::redis::cmd(command).arg(key).query(&mut client).unwrap() };
    // It is renewed though nobody asks the group for anything.
    assert_eq!(ask("DEL"), 1);
    let deadline = Instant::now() + super::LONG;
    while ask("EXISTS") == 0 {
        assert!(Instant::now() < deadline, "nobody renews it");
        tokio::time::sleep(super::SHORT).await;
    }
    assert!((1..=5_000).contains(&ask("PTTL")));
    log.remove().await.unwrap();
    assert_eq!(ask("EXISTS"), 0, "it is one of the keys of the log");
    drop(group);
}

#[tokio::test]
async fn a_full_log_says_how_to_give_its_slowest_group_up() {
    let (redis, _) = redis_log().await;
    let limits = tailrace_backend::RedisLimits { entries_max: 5, ..Default::default() };
    let log = RedisLog::connect(tailrace_backend::RedisConfig { limits, ..config(&redis) });
    let log = log.await.unwrap();
    let _group = log.group("gone").await.unwrap();
    append(&*log, 0..5).await;
    log.trim().await.unwrap();
    let Err(LogError::Full { what }) = try_append(&*log, 5).await else { panic!("it took one") };
    assert!(what.contains("tailrace groups forget gone --redis-prefix test"), "{what}");
}
