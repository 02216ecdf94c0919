//! When entries of the stream may go: not before every group has finished them, not while they
//! may be replayed, and early enough that the limit is never reached while workers work.

use std::time::Duration;

use tailrace_backend::{Persistence, PrivateRedis, RedisConfig, RedisLimits, RedisLog};
use tailrace_contract::{Group, Log, LogError, Position};

use super::{AT_ONCE, append, config, positions, private, read_all, redis_log, seqs, try_append};

const HOUR: Duration = Duration::from_secs(3_600);

/// What is left, by sequence.
async fn left(log: &RedisLog) -> Vec<u64> {
    log.trim().await.unwrap();
    let left = log.after(Position::default(), 100).await.unwrap();
    left.into_iter().map(|(_, batch)| batch.id.seq).collect()
}

async fn finish(group: &dyn Group, count: usize) {
    let done = read_all(group, "m", count).await;
    group.acknowledge(positions(&done)).await.unwrap();
}

fn limited(redis: &PrivateRedis, entries_max: u64, replay_window: Duration) -> RedisConfig {
    let limits = RedisLimits { entries_max, ..RedisLimits::default() };
    RedisConfig { limits, replay_window, ..config(redis) }
}

#[tokio::test]
async fn what_a_dead_worker_holds_is_never_trimmed() {
    let (_redis, log) = redis_log().await;
    let group = log.group("g").await.unwrap();
    append(&*log, 0..10).await;
    read_all(&*group, "m", 3).await;
    read_all(&*group, "dead", 2).await;
    finish(&*group, 5).await;
    // "m" comes back for its own; the dead one holds 3 and 4, behind which all are finished.
    let own = group.claim("m", AT_ONCE, 3).await.unwrap();
    group.acknowledge(positions(&own)).await.unwrap();
    assert_eq!(left(&log).await, [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(left(&log).await, [3, 4, 5, 6, 7, 8, 9]);
    let claimed = group.claim("heir", AT_ONCE, 10).await.unwrap();
    assert_eq!(seqs(&claimed), [3, 4]);
    group.acknowledge(positions(&claimed)).await.unwrap();
    assert_eq!(left(&log).await, [0_u64; 0]);
}

#[tokio::test]
async fn the_slower_of_two_groups_decides() {
    let (_redis, log) = redis_log().await;
    let [fast, slow] = [log.group("fast").await.unwrap(), log.group("slow").await.unwrap()];
    append(&*log, 0..6).await;
    finish(&*fast, 6).await;
    assert_eq!(left(&log).await.len(), 6);
    finish(&*slow, 2).await;
    assert_eq!(left(&log).await, [2, 3, 4, 5]);
    finish(&*slow, 4).await;
    assert_eq!(left(&log).await, [0_u64; 0]);
}

#[tokio::test]
async fn what_is_finished_goes_when_the_replay_window_is_over() {
    let redis = private(Persistence::None);
    let config = limited(&redis, 1_000, HOUR);
    let log = RedisLog::connect(config.clone()).await.unwrap();
    let group = log.group("g").await.unwrap();
    append(&*log, 0..3).await;
    finish(&*group, 3).await;
    assert_eq!(left(&log).await, [0, 1, 2]);
    let later = RedisConfig { replay_window: Duration::ZERO, ..config };
    assert_eq!(left(&RedisLog::connect(later).await.unwrap()).await, [0_u64; 0]);
}

#[tokio::test]
async fn the_limit_is_not_reached_while_a_worker_acknowledges() {
    let redis = private(Persistence::None);
    let log = RedisLog::connect(limited(&redis, 40, HOUR)).await.unwrap();
    let group = log.group("g").await.unwrap();
    let mut lengths = Vec::new();
    for round in 0..20 {
        append(&*log, round * 5..round * 5 + 5).await;
        finish(&*group, 5).await;
        lengths.push(left(&log).await.len());
    }
    assert_eq!(lengths[..2], [5, 10], "kept while there is room");
    assert!(lengths.iter().all(|&length| length < 20), "{lengths:?}");
    // Without acknowledgements it is reached, even if all of those before were trimmed by then.
    let mut answer = Ok(Position::default());
    for seq in 0..41 {
        answer = answer.and(try_append(&*log, seq).await);
    }
    let Err(LogError::Full { what }) = answer else { panic!("{answer:?}") };
    assert!(what.contains(r#"group "g" is the furthest behind"#), "{what}");
}
