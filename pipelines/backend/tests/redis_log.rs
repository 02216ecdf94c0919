//! The Redis log against a real private Redis: what is stored, what is refused, and what
//! happens when Redis stalls, dies and comes back.

mod sample;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, Value, cmd};
use sample::{batch, body};
use tailrace_backend::{Persistence, PrivateRedis, RedisConfig, RedisLimits, RedisLog};
use tailrace_contract::{Log, LogError, Position, RangeSet, RunId, Survives};
use tokio::time::{sleep, timeout};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);

fn start(persistence: Persistence) -> PrivateRedis {
    PrivateRedis::start(persistence, None).expect("the tests need redis-server")
}

fn config(redis: &PrivateRedis) -> RedisConfig {
    RedisConfig { replay_window: Duration::ZERO, ..RedisConfig::new(redis.url(), "test") }
}

async fn raw(redis: &PrivateRedis) -> MultiplexedConnection {
    let client = redis::Client::open(redis.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn ask<T: FromRedisValue>(connection: &mut MultiplexedConnection, line: &str) -> T {
    let mut words = line.split(' ');
    let mut question = Cmd::new();
    words.by_ref().for_each(|word| {
        question.arg(word);
    });
    question.query_async(connection).await.unwrap()
}

async fn append(log: &RedisLog, producer: &str, seq: u64) -> Result<Position, LogError> {
    let batch = batch(1, producer, seq);
    let body = body(&batch);
    log.append(batch, body).await
}

/// Appends until it works again; each failure must be "unreachable".
async fn append_when_back(log: &RedisLog, producer: &str, seq: u64) -> Position {
    timeout(LONG, async {
        loop {
            match append(log, producer, seq).await {
                Ok(position) => return position,
                Err(LogError::Unreachable { .. }) => sleep(Duration::from_millis(5)).await,
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn an_appended_batch_stands_in_the_stream_and_reads_back() {
    let redis = start(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    assert_eq!(log.survives(), Survives::ServerDeath);
    assert!(log.health().await.unwrap().description.contains(redis.version()));
    let mut positions = Vec::new();
    for seq in 0..3 {
        positions.push(append(&log, "p", seq).await.unwrap());
    }
    assert!(positions.is_sorted());
    let mut raw = raw(&redis).await;
    let entries: Vec<(String, Vec<String>)> = ask(&mut raw, "XRANGE test:log - +").await;
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0].0, positions[0].to_string());
    let stored = entries[0].1.iter().any(|text| text.as_bytes() == body(&batch(1, "p", 0)));
    assert!(stored, "{entries:?}");

    let read = log.after(positions[0], 10).await.unwrap();
    assert_eq!(read, [(positions[1], batch(1, "p", 1)), (positions[2], batch(1, "p", 2))]);
    assert_eq!(
        log.after(Position::default(), 1).await.unwrap(),
        [(positions[0], batch(1, "p", 0))]
    );
    let health = log.health().await.unwrap();
    assert_eq!((health.entries, health.waiting), (3, 0));
    assert!(health.description.contains(redis.version()), "{}", health.description);
}

#[tokio::test]
async fn the_audit_pages_through_everything_and_tells_repeats() {
    let redis = start(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    let appends = (0..2_500).map(|seq| append(&log, "p", seq));
    try_join_all(appends).await.unwrap();
    append(&log, "p", 7).await.unwrap();
    append(&log, "q", 1).await.unwrap();
    let mut other = batch(2, "p", 9_999);
    other.metrics.truncate(1);
    let bytes = body(&other);
    log.append(other, bytes).await.unwrap();
    let audit = log.audit(RunId(1), None).await.unwrap();
    let [p, q] = &audit.producers[..] else { panic!("{audit:?}") };
    assert_eq!(p.present.ranges(), [(0, 2_499)]);
    assert_eq!(p.repeated.ranges(), [(7, 7)]);
    assert_eq!((p.metrics, p.out_of_order), (2_501, 1));
    assert_eq!(q.present.ranges(), [(1, 1)]);
    assert_eq!(log.after(Position::default(), 2_200).await.unwrap().len(), 2_200);
}

#[tokio::test]
async fn concurrent_appends_share_flushes() {
    let redis = start(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    try_join_all((0..5_000).map(|seq| append(&log, "p", seq))).await.unwrap();
    assert!(log.flushes() <= 60, "{} flushes for 5000 batches", log.flushes());
    let stats: String = ask(&mut raw(&redis).await, "INFO commandstats").await;
    let calls = |name: &str| -> u64 {
        let start = format!("cmdstat_{name}:calls=");
        let line = stats.lines().find_map(|line| line.strip_prefix(start.as_str()));
        line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0)
    };
    assert_eq!(calls("xadd"), 5_000);
    assert!(calls("publish") <= 60, "one announcement a flush, not one a batch");
}

#[tokio::test]
async fn a_stalled_redis_delays_appends_and_nobody_else() {
    let redis = start(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    append(&log, "p", 0).await.unwrap();
    redis.pause().unwrap();
    let appends = tokio::spawn({
        let log = Arc::clone(&log);
        async move { join_all((1..2_000).map(|seq| append(&log, "p", seq))).await }
    });
    // The same single-threaded runtime goes on: this task sleeps and wakes as usual, for
    // longer than the client's usual response timeout.
    for _ in 0..80 {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(!appends.is_finished());
    redis.resume().unwrap();
    let answers = timeout(LONG, appends).await.unwrap().unwrap();
    assert!(answers.iter().all(Result::is_ok), "{:?}", answers.iter().find(|a| a.is_err()));
    let audit = log.audit(RunId(1), None).await.unwrap();
    assert_eq!(audit.producers[0].present.ranges(), [(0, 1_999)]);
    assert_eq!(audit.producers[0].repeated.count(), 0);
}

#[tokio::test]
async fn what_waits_is_bounded_while_redis_stalls() {
    let redis = start(Persistence::None);
    let limits = RedisLimits { waiting_max: 10, ..RedisLimits::default() };
    let log = RedisLog::connect(RedisConfig { limits, ..config(&redis) }).await.unwrap();
    redis.pause().unwrap();
    let waiting: Vec<_> = (0..10)
        .map(|seq| {
            let batch = batch(1, "p", seq);
            let body = body(&batch);
            log.append(batch, body)
        })
        .collect();
    assert!(matches!(append(&log, "p", 10).await, Err(LogError::Full { .. })));
    redis.resume().unwrap();
    timeout(LONG, try_join_all(waiting)).await.unwrap().unwrap();
    append(&log, "p", 10).await.unwrap();
}

#[tokio::test]
async fn a_killed_redis_is_unreachable_at_once_and_found_again() {
    let mut redis = start(Persistence::Always);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    append(&log, "p", 0).await.unwrap();
    redis.kill().unwrap();
    let answer = timeout(Duration::from_secs(5), append(&log, "p", 1)).await.unwrap();
    assert!(matches!(answer, Err(LogError::Unreachable { .. })), "{answer:?}");
    redis.restart().unwrap();
    append_when_back(&log, "p", 2).await;
    let present = &log.audit(RunId(1), None).await.unwrap().producers[0].present;
    assert!(present.contains(0) && present.contains(2));
}

#[tokio::test]
async fn in_flight_batches_are_answered_when_redis_dies() {
    let mut redis = start(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    redis.pause().unwrap();
    let appends = tokio::spawn({
        let log = Arc::clone(&log);
        async move { join_all((0..1_000).map(|seq| append(&log, "p", seq))).await }
    });
    // Lets the flusher send its first flush; what it did not take waits in the queue.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    redis.kill().unwrap();
    let answers = timeout(LONG, appends).await.unwrap().unwrap();
    assert!(answers.iter().all(|a| matches!(a, Err(LogError::Unreachable { .. }))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_with_a_file_synced_always() {
    let mut redis = start(Persistence::Always);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    assert_eq!(log.survives(), Survives::HostDeath);
    let (progress, mut seen) = tokio::sync::watch::channel(0_u64);
    let progress = Arc::new(progress);
    let tasks: Vec<_> = (0..8)
        .map(|producer| {
            let (log, progress) = (Arc::clone(&log), Arc::clone(&progress));
            tokio::spawn(async move {
                let (producer, mut acknowledged) = (format!("p{producer}"), RangeSet::default());
                for seq in 0.. {
                    if append(&log, &producer, seq).await.is_err() {
                        break;
                    }
                    acknowledged.insert(seq);
                    progress.send_modify(|count| *count += 1);
                }
                (producer, acknowledged)
            })
        })
        .collect();
    timeout(LONG, seen.wait_for(|&count| count > 2_000)).await.unwrap().unwrap();
    redis.kill().unwrap();
    let acknowledged = timeout(LONG, try_join_all(tasks)).await.unwrap().unwrap();
    redis.restart().unwrap();
    append_when_back(&log, "after", 0).await;
    let audit = log.audit(RunId(1), None).await.unwrap();
    for (producer, acknowledged) in acknowledged {
        let account = audit.producers.iter().find(|a| *a.producer.0 == *producer).unwrap();
        let missing = acknowledged.difference(&account.present);
        assert_eq!(missing.count(), 0, "{producer} lost {:?}", missing.ranges());
    }
}

#[tokio::test]
async fn the_stream_has_a_limit_until_a_group_has_read() {
    let redis = start(Persistence::None);
    let limits = RedisLimits { entries_max: 5, ..RedisLimits::default() };
    let log = RedisLog::connect(RedisConfig { limits, ..config(&redis) }).await.unwrap();
    for seq in 0..5 {
        append(&log, "p", seq).await.unwrap();
    }
    let Err(LogError::Full { what }) = append(&log, "p", 5).await else { panic!("not full") };
    assert!(what.contains("5 of 5") && what.contains("no worker"), "{what}");
    assert_eq!(log.trim().await.unwrap(), 0, "without a group nothing is trimmed");

    let mut raw = raw(&redis).await;
    let () = ask(&mut raw, "XGROUP CREATE test:log g 0").await;
    let _: Value = ask(&mut raw, "XREADGROUP GROUP g w COUNT 5 STREAMS test:log >").await;
    let ids: Vec<(String, Vec<String>)> = ask(&mut raw, "XRANGE test:log - +").await;
    for (id, _) in &ids {
        let _: u64 = ask(&mut raw, &format!("XACK test:log g {id}")).await;
    }
    log.trim().await.unwrap();
    append(&log, "p", 5).await.unwrap();
}

#[tokio::test]
async fn trimming_keeps_what_any_group_has_not_finished() {
    let redis = start(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    let positions = try_join_all((0..10).map(|seq| append(&log, "p", seq))).await.unwrap();
    let mut raw = raw(&redis).await;
    let () = ask(&mut raw, "XGROUP CREATE test:log slow 0").await;
    let () = ask(&mut raw, "XGROUP CREATE test:log fast 0").await;
    // "slow" took eight and acknowledged all but the fourth; "fast" finished everything.
    let _: Value = ask(&mut raw, "XREADGROUP GROUP slow w COUNT 8 STREAMS test:log >").await;
    let _: Value = ask(&mut raw, "XREADGROUP GROUP fast w COUNT 10 STREAMS test:log >").await;
    for (index, position) in positions.iter().enumerate() {
        let _: u64 = ask(&mut raw, &format!("XACK test:log fast {position}")).await;
        if index < 8 && index != 3 {
            let _: u64 = ask(&mut raw, &format!("XACK test:log slow {position}")).await;
        }
    }
    log.trim().await.unwrap();
    let left = log.after(Position::default(), 100).await.unwrap();
    assert_eq!(left.iter().map(|(p, _)| *p).collect::<Vec<_>>(), positions[3..]);

    let _: u64 = ask(&mut raw, &format!("XACK test:log slow {}", positions[3])).await;
    log.trim().await.unwrap();
    let left = log.after(Position::default(), 100).await.unwrap();
    assert_eq!(left.len(), 2, "the two that slow was never given");
}

#[tokio::test]
async fn trimming_keeps_the_replay_window() {
    let redis = start(Persistence::None);
    let replay_window = Duration::from_secs(3_600);
    let log = RedisLog::connect(RedisConfig { replay_window, ..config(&redis) }).await.unwrap();
    try_join_all((0..10).map(|seq| append(&log, "p", seq))).await.unwrap();
    let mut raw = raw(&redis).await;
    let () = ask(&mut raw, "XGROUP CREATE test:log g $").await;
    assert_eq!(log.trim().await.unwrap(), 0);
    assert_eq!(log.health().await.unwrap().entries, 10);
}

#[tokio::test]
async fn a_redis_that_evicts_is_refused() {
    let redis = start(Persistence::None);
    let () = ask(&mut raw(&redis).await, "CONFIG SET maxmemory-policy allkeys-lru").await;
    let refused = RedisLog::connect(config(&redis)).await.unwrap_err().to_string();
    assert!(refused.contains("allkeys-lru") && refused.contains("noeviction"), "{refused}");
}

#[tokio::test]
async fn a_redis_that_hides_its_policy_is_marked() {
    let redis = start(Persistence::None);
    let () = ask(&mut raw(&redis).await, "ACL SETUSER default -config").await;
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    assert!(log.health().await.unwrap().description.contains("maxmemory-policy unknown"));
}

#[tokio::test]
async fn out_of_memory_is_told_in_redis_words() {
    let redis = start(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    let () = ask(&mut raw(&redis).await, "CONFIG SET maxmemory 1").await;
    let Err(LogError::Full { what }) = append(&log, "p", 0).await else { panic!("not full") };
    assert!(what.contains("maxmemory"), "{what}");
    let () = ask(&mut raw(&redis).await, "CONFIG SET maxmemory 0").await;
    append(&log, "p", 0).await.unwrap();
}

#[tokio::test]
async fn removal_and_expiry_touch_this_prefix_only() {
    let redis = start(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    append(&log, "p", 0).await.unwrap();
    let mut raw = raw(&redis).await;
    let () = ask(&mut raw, "MSET foreign 1 testing:log 2 test:logs 3").await;
    timeout(LONG, async {
        // The upkeep gives the stream its expiry within a period.
        while ask::<i64>(&mut raw, "TTL test:log").await < 0 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    log.remove().await.unwrap();
    let mut keys: Vec<String> = cmd("KEYS").arg("*").query_async(&mut raw).await.unwrap();
    keys.sort();
    assert_eq!(keys, ["foreign", "test:logs", "testing:log"]);
    assert_eq!(ask::<i64>(&mut raw, "TTL foreign").await, -1);
}

#[tokio::test]
async fn an_entry_of_somebody_else_stops_neither_replay_nor_audit() {
    let redis = start(Persistence::None);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    let mut raw = raw(&redis).await;
    for (seq, line) in ["strange 1", "h nonsense b {}", "h 1 b 2 c 3"].into_iter().enumerate() {
        let _: String = ask(&mut raw, &format!("XADD test:log * {line}")).await;
        append(&log, "p", seq as u64).await.unwrap();
    }
    let _: String = ask(&mut raw, "XADD test:log * strange 2").await;
    let audit = log.audit(RunId(1), None).await.unwrap();
    assert_eq!(audit.producers[0].present.ranges(), [(0, 2)]);
    let replayed = log.after(Position::default(), 3).await.unwrap();
    assert_eq!(replayed.iter().map(|(_, batch)| batch.id.seq).collect::<Vec<_>>(), [0, 1, 2]);
}

#[tokio::test]
async fn nobody_there_says_so() {
    let mut redis = start(Persistence::None);
    let config = config(&redis);
    redis.kill().unwrap();
    assert!(matches!(RedisLog::connect(config).await, Err(LogError::Unreachable { .. })));
}
