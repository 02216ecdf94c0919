//! What only the Redis log can show: other programs in the stream, a Redis that forgets, stalls
//! or dies.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, Value};
use tailrace_backend::{Persistence, PrivateRedis, RedisLog};
use tailrace_contract::{Delivery, Group, Log, LogError, RangeSet};
use tokio::time::{sleep, timeout};

use super::{
    AT_ONCE, LONG, SHORT, append, config, positions, private, read, read_all, redis_log, seqs,
    try_append,
};

/// Answers of a Redis that is gone come within this: there is nothing to wait for.
const SOON: Duration = Duration::from_secs(3);

/// One question over a connection of its own.
async fn ask<T: FromRedisValue>(redis: &PrivateRedis, line: &str) -> T {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut question = Cmd::new();
    for word in line.split(' ') {
        question.arg(word);
    }
    question.query_async(&mut connection).await.unwrap()
}

fn assert_unreachable<T: std::fmt::Debug>(answer: &Result<T, LogError>) {
    assert!(matches!(answer, Err(LogError::Unreachable { .. })), "{answer:?}");
}

/// Calls until it works again; until then every failure must be "unreachable".
async fn when_back<T, F: Future<Output = Result<T, LogError>>>(mut call: impl FnMut() -> F) -> T {
    let trying = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(LogError::Unreachable { .. }) => sleep(Duration::from_millis(5)).await,
                Err(other) => panic!("{other}"),
            }
        }
    };
    timeout(LONG, trying).await.unwrap()
}

async fn append_when_back(log: &RedisLog, seq: u64) {
    when_back(|| try_append(log, seq)).await;
}

#[tokio::test]
async fn a_reader_is_told_at_once_that_redis_died_and_goes_on_when_it_is_back() {
    let mut redis = private(Persistence::Always);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    let group = log.group("g").await.unwrap();
    append(&*log, 0..4).await;
    let held = read_all(&*group, "m", 3).await;
    group.acknowledge(vec![held[0].position]).await.unwrap();
    read_all(&*group, "m", 1).await;
    let mut waiting = tokio::spawn(group.read("m", 10, LONG));
    assert!(timeout(SHORT, &mut waiting).await.is_err());
    redis.kill().unwrap();
    assert_unreachable(&timeout(SOON, waiting).await.expect("it hangs").unwrap());
    let others = async {
        assert_unreachable(&group.read("m", 10, LONG).await);
        assert_unreachable(&group.claim("m", AT_ONCE, 10).await);
        assert_unreachable(&group.acknowledge(positions(&held)).await);
        assert_unreachable(&group.lag().await);
        assert_unreachable(&group.forget_silent(AT_ONCE).await);
    };
    timeout(SOON, others).await.expect("they hang");

    redis.restart().unwrap();
    append_when_back(&log, 4).await;
    assert_eq!(seqs(&when_back(|| group.read("m", 10, LONG)).await), [4]);
    // Its file was synced before every answer: who was given what is not forgotten.
    assert_eq!(seqs(&group.claim("heir", AT_ONCE, 10).await.unwrap()), [1, 2, 3, 4]);
    assert_eq!(group.lag().await.unwrap().pending, 4);
}

#[tokio::test]
async fn a_restart_between_two_reads_is_not_noticed() {
    let mut redis = private(Persistence::Always);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    let group = log.group("g").await.unwrap();
    append(&*log, 0..3).await;
    // Both keep a connection; neither outlives the restart.
    let (one, two) = tokio::join!(group.read("m", 1, LONG), group.read("m", 1, LONG));
    assert_eq!(seqs(&[one.unwrap(), two.unwrap()].concat()).len(), 2);
    redis.restart().unwrap();
    assert_eq!(seqs(&group.read("m", 1, LONG).await.unwrap()), [2]);
    assert_eq!(group.claim("m", AT_ONCE, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_redis_that_stands_still_is_unreachable_and_takes_nothing_with_it() {
    let (redis, log) = redis_log().await;
    let group = log.group("g").await.unwrap();
    append(&*log, 0..2).await;
    read_all(&*group, "m", 1).await;
    redis.pause().unwrap();
    assert_unreachable(&timeout(LONG, group.read("m", 10, SHORT)).await.expect("it hangs"));
    redis.resume().unwrap();
    // The question may have been answered to a connection that nobody reads any more.
    let mut seen = RangeSet::default();
    while seen.count() < 2 {
        let mut all = when_back(|| group.read("m", 10, SHORT)).await;
        all.extend(when_back(|| group.claim("m", AT_ONCE, 10)).await);
        for seq in seqs(&all) {
            seen.insert(seq);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_over_kills_of_redis() {
    const BATCHES: u64 = 600;
    let mut redis = private(Persistence::Always);
    let log = RedisLog::connect(config(&redis)).await.unwrap();
    let (progress, mut seen) = tokio::sync::watch::channel(0);
    let worker = tokio::spawn(work(log.group("g").await.unwrap(), BATCHES, progress));
    let producer = tokio::spawn({
        let log = Arc::clone(&log);
        async move {
            for seq in 0..BATCHES {
                append_when_back(&log, seq).await;
            }
        }
    });
    for kill in 1..=3 {
        timeout(LONG, seen.wait_for(|&count| count >= kill * 120)).await.unwrap().unwrap();
        redis.restart().unwrap();
    }
    timeout(LONG, producer).await.unwrap().unwrap();
    let done = timeout(LONG, worker).await.unwrap().unwrap();
    assert_eq!(done.ranges(), [(0, BATCHES - 1)]);
    let group = log.group("g").await.unwrap();
    assert_eq!(when_back(|| group.lag()).await.pending, 0);
}

/// A worker in small: reads, acknowledges, claims what is left over, until it saw so many.
async fn work(
    group: Arc<dyn Group>,
    until: u64,
    progress: tokio::sync::watch::Sender<u64>,
) -> RangeSet {
    let mut done = RangeSet::default();
    loop {
        let mut some = when_back(|| group.read("m", 16, SHORT)).await;
        some.extend(when_back(|| group.claim("m", SHORT, 16)).await);
        when_back(|| group.acknowledge(positions(&some))).await;
        for seq in seqs(&some) {
            done.insert(seq);
        }
        progress.send_replace(done.count());
        if done.count() == until && some.is_empty() {
            return done;
        }
    }
}

#[tokio::test]
async fn a_group_that_vanished_begins_again_with_the_oldest() {
    let (mut redis, log) = redis_log().await;
    let group = log.group("g").await.unwrap();
    for (round, line) in ["FLUSHALL", "DEL test:log"].into_iter().enumerate() {
        let seq = round as u64 * 10;
        append(&*log, seq..seq + 2).await;
        assert_eq!(seqs(&read_all(&*group, "m", 2).await), [seq, seq + 1]);
        let waiting = tokio::spawn(group.read("m", 10, LONG));
        let _: Value = ask(&redis, line).await;
        append(&*log, seq + 2..seq + 3).await;
        assert_eq!(seqs(&timeout(SOON, waiting).await.unwrap().unwrap().unwrap()), [seq + 2]);
        assert!(ask::<i64>(&redis, "TTL test:log").await > 0, "it would stay for ever");
    }
    // And by every other call.
    for call in 0..5 {
        let _: Value = ask(&redis, "FLUSHALL").await;
        append(&*log, call..call + 1).await;
        match call {
            0 => assert_eq!(group.claim("m", AT_ONCE, 10).await.unwrap(), []),
            1 => assert_eq!(group.lag().await.unwrap().unread, 1),
            2 => assert_eq!(group.forget_silent(AT_ONCE).await.unwrap(), 0),
            3 => group.leave("m").await.unwrap(),
            _ => group.acknowledge(vec![tailrace_contract::Position::default()]).await.unwrap(),
        }
        assert_eq!(seqs(&read_all(&*group, "m", 1).await), [call]);
    }
    // A Redis without a file comes back empty.
    redis.restart().unwrap();
    append_when_back(&log, 50).await;
    assert_eq!(seqs(&when_back(|| group.read("m", 10, LONG)).await), [50]);
}

#[tokio::test]
async fn an_entry_of_another_program_is_given_as_unreadable() {
    let (redis, log) = redis_log().await;
    let group = log.group("g").await.unwrap();
    append(&*log, 0..1).await;
    let _: String = ask(&redis, "XADD test:log * strange 1 other two").await;
    let _: String = ask(&redis, "XADD test:log * h nonsense b {}").await;
    append(&*log, 1..2).await;
    let deliveries = read_all(&*group, "m", 4).await;
    let unreadable =
        |delivery: &Delivery| delivery.content.clone().expect_err("it is no batch of ours");
    let [strange, damaged] = [unreadable(&deliveries[1]), unreadable(&deliveries[2])];
    assert_eq!((strange.id, &strange.body[..]), (None, &b"strange 1\nother two"[..]));
    assert_eq!((damaged.id, &damaged.body[..]), (None, &b"{}"[..]));
    assert!(strange.reason.contains("another program"), "{}", strange.reason);
    assert_eq!(seqs(&[deliveries[0].clone(), deliveries[3].clone()]), [0, 1]);
}

#[tokio::test]
async fn what_was_deleted_while_it_was_pending_is_told_not_lost_in_silence() {
    let (redis, log) = redis_log().await;
    let group = log.group("g").await.unwrap();
    let at = append(&*log, 0..3).await;
    read_all(&*group, "dead", 3).await;
    let _: u64 = ask(&redis, &format!("XDEL test:log {}", at[1])).await;
    let claimed = group.claim("heir", AT_ONCE, 10).await.unwrap();
    assert_eq!(positions(&claimed), at);
    let unreadable = claimed[1].content.clone().unwrap_err();
    assert!(unreadable.reason.contains("deleted"), "{}", unreadable.reason);
    group.acknowledge(positions(&claimed)).await.unwrap();
    assert_eq!(group.lag().await.unwrap().pending, 0);
}

#[tokio::test]
async fn the_lag_is_counted_where_redis_cannot_tell() {
    let (redis, log) = redis_log().await;
    let group = log.group("g").await.unwrap();
    let at = append(&*log, 0..6).await;
    read_all(&*group, "m", 2).await;
    let _: u64 = ask(&redis, &format!("XDEL test:log {}", at[3])).await;
    let groups: String = format!("{:?}", ask::<Value>(&redis, "XINFO GROUPS test:log").await);
    assert!(groups.contains("nil"), "Redis knows the lag: {groups}");
    let lag = group.lag().await.unwrap();
    assert_eq!((lag.unread, lag.pending), (3, 2));
}

#[tokio::test]
async fn another_process_goes_on_where_one_ended() {
    let redis = private(Persistence::None);
    let first = RedisLog::connect(config(&redis)).await.unwrap();
    append(&*first, 0..4).await;
    let group = first.group("g").await.unwrap();
    let held = read_all(&*group, "first", 3).await;
    group.acknowledge(positions(&held[..1])).await.unwrap();
    drop((group, first));
    let second = RedisLog::connect(config(&redis)).await.unwrap();
    let group = second.group("g").await.unwrap();
    assert_eq!(seqs(&group.claim("second", AT_ONCE, 10).await.unwrap()), [1, 2]);
    assert_eq!(seqs(&read(&*group, "second", 10).await), [3]);
}
