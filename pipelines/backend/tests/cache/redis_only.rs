//! What only Redis can be asked: which commands were used, which keys were touched, what expires
//! when.

use std::collections::{BTreeMap, BTreeSet};

use redis::{FromRedisValue, Value};
use tailrace_contract::cache::STALE_KEPT;

use super::*;

struct Raw(redis::aio::MultiplexedConnection);

impl Raw {
    async fn new(bench: &Bench) -> Self {
        let client = redis::Client::open(bench.redis.as_ref().unwrap().url()).unwrap();
        Self(client.get_multiplexed_async_connection().await.unwrap())
    }

    async fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        let mut question = redis::Cmd::new();
        for word in words {
            question.arg(*word);
        }
        question.query_async(&mut self.0).await.unwrap()
    }

    /// Every key with its end, in milliseconds since 1970. A test may walk; the cache may not.
    async fn keys(&mut self) -> BTreeMap<String, i64> {
        let names: Vec<String> = self.ask(&["KEYS", "*"]).await;
        let mut keys = BTreeMap::new();
        for name in names {
            let ends = self.ask(&["PEXPIRETIME", &name]).await;
            keys.insert(name, ends);
        }
        keys
    }
}

#[tokio::test]
async fn a_tag_never_expires_before_its_answers() {
    let bench = redis();
    let mut raw = Raw::new(&bench).await;
    let cache = &*bench.cache;
    for (i, seconds) in [3_600, 30, 7_200, 1].into_iter().enumerate() {
        let key = key("a", &format!("q{i}"));
        for about in [about(exactly("cpu"), 0, 9), about(None, 0, 9)] {
            let lease = cache.look(&key, &about).await.unwrap().lease.unwrap();
            let fresh_for = Duration::from_secs(seconds);
            assert!(cache.put(&key, &about, lease, "x".into(), fresh_for).await.unwrap());
            cache.forget(touched("a", "cpu", 0, 9)).await.unwrap();
            keep(cache, &key, &about, "y").await;
            let keys = raw.keys().await;
            assert!(keys.values().all(|&ends| ends > 0), "nothing stays for ever: {keys:?}");
            let is_answer = |name: &&String| name.contains("}:a:");
            let last = keys.iter().filter(|(name, _)| is_answer(name)).map(|(_, &ends)| ends).max();
            let tag = if about.name.is_some() { "n:cpu" } else { "all" };
            for name in [tag, "index"] {
                let ends = keys[&format!("test:cache:{{a}}:{name}")];
                assert!(Some(ends) >= last, "{name}: {keys:?}");
            }
            cache.forget(touched("a", "cpu", 0, 9)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn neither_keys_nor_scan_nor_flush_was_ever_used_and_only_own_keys_were_touched() {
    let bench = redis();
    let mut raw = Raw::new(&bench).await;
    let cache = &*bench.cache;
    for i in 0..50 {
        let _: Value = raw.ask(&["SET", &format!("other:{i}"), "x"]).await;
        keep(cache, &key("b", &format!("q{i}")), &about(exactly("cpu"), 0, 9), "x").await;
        keep(cache, &key("a", &format!("old{i}")), &about(exactly("cpu"), 0, 9), "x").await;
    }
    keep(cache, &key("a", "new"), &about(exactly("cpu"), 10, 20), "x").await;
    let client = redis::Client::open(bench.redis.as_ref().unwrap().url()).unwrap();
    let monitor = client.get_async_monitor().await.unwrap();
    assert_eq!(cache.forget(touched("a", "cpu", 10, 20)).await.unwrap(), 1);
    cache.size(&Tenant("a".into())).await.unwrap();
    cache.clear(&Tenant("a".into())).await.unwrap();
    let _: Value = raw.ask(&["SET", "end", "x"]).await;
    let seen = commands(monitor).await;
    let prefix = "test:cache:{a}:";
    let mut changed = BTreeSet::new();
    for words in &seen {
        let command = words[0].to_lowercase();
        assert!(!["keys", "scan", "flushdb", "flushall", "del"].contains(&&*command), "{words:?}");
        if command != "eval" && command != "time" {
            assert!(words[1].starts_with(prefix), "{words:?}");
        }
        if command == "hset" {
            changed.insert(words[1].clone());
        }
    }
    assert_eq!(changed, [format!("{prefix}a:new")].into(), "a commit changed what it touches");
    let statistics: String = raw.ask(&["INFO", "commandstats"]).await;
    for never in ["cmdstat_keys:", "cmdstat_scan:", "cmdstat_flushdb:", "cmdstat_flushall:"] {
        assert!(!statistics.contains(never), "{never}");
    }
    let left = raw.keys().await;
    assert_eq!(left.keys().filter(|name| name.starts_with("other:")).count(), 50);
    assert_eq!(left.keys().filter(|name| name.starts_with("test:cache:{b}:a:")).count(), 50);
    assert_eq!(left.keys().filter(|name| name.starts_with("test:cache:{a}:a:")).count(), 0);
}

/// What Redis did until the key `end` was set, scripts' own commands included.
async fn commands(mut monitor: redis::aio::Monitor) -> Vec<Vec<String>> {
    use futures_util::StreamExt;
    let mut lines = monitor.on_message::<String>();
    let mut seen = Vec::new();
    loop {
        let line = tokio::time::timeout(Duration::from_secs(20), lines.next()).await;
        let line = line.expect("in time").expect("Redis tells");
        // 1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
        let (_, words) = line.split_once("] ").expect("a command");
        let words: Vec<_> = words.trim_matches('"').split("\" \"").map(str::to_owned).collect();
        if words[0].eq_ignore_ascii_case("set") && words[1] == "end" {
            return seen;
        }
        seen.push(words);
    }
}

#[tokio::test]
async fn two_processes_share_answers_and_what_makes_them_stale() {
    let bench = redis();
    let url = bench.redis.as_ref().unwrap().url();
    let other = RedisCache::new(&RedisConfig::new(url, "test")).unwrap();
    let (key, about) = (key("a", "q"), about(prefix("event."), 0, 9));
    let mine = bench.cache.look(&key, &about).await.unwrap().lease.unwrap();
    let theirs = other.look(&key, &about).await.unwrap().lease.unwrap();
    assert_ne!(mine, theirs);
    assert!(!bench.cache.put(&key, &about, mine, "mine".into(), HOUR).await.unwrap());
    assert!(other.put(&key, &about, theirs, "theirs".into(), HOUR).await.unwrap());
    assert_eq!(kept(&*bench.cache, &key, &about).await, fresh("theirs"));
    bench.cache.forget(touched("a", "event.click", 8, 9)).await.unwrap();
    assert_eq!(kept(&other, &key, &about).await, stale("theirs"));
}

#[tokio::test]
async fn answers_of_a_tenant_are_bounded_and_dead_members_leave() {
    let bench = redis();
    let mut raw = Raw::new(&bench).await;
    let (cache, about) = (&*bench.cache, about(exactly("cpu"), 0, 9));
    for i in 0..1_050 {
        keep(cache, &key("a", &format!("q{i}")), &about, "x").await;
    }
    let size = cache.size(&Tenant("a".into())).await.unwrap();
    assert_eq!(size.entries, 1_000);
    // Members whose answer has gone are dropped when the tag is used next.
    let tag = "test:cache:{a}:n:cpu";
    let _: Value = raw.ask(&["ZADD", tag, "1", "0 9 0 dead"]).await;
    keep(cache, &key("a", "another"), &about, "x").await;
    let dead: Option<i64> = raw.ask(&["ZSCORE", tag, "0 9 0 dead"]).await;
    assert_eq!(dead, None);
    let answer: i64 = raw.ask(&["PTTL", "test:cache:{a}:a:another"]).await;
    let most = (HOUR + STALE_KEPT).as_millis() as i64;
    assert!((most - 60_000..=most).contains(&answer), "{answer}");
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_and_comes_back() {
    let mut bench = redis();
    let (key, about) = (key("a", "q"), about(None, 0, 9));
    keep(&*bench.cache, &key, &about, "x").await;
    bench.redis.as_mut().unwrap().kill().unwrap();
    assert!(bench.cache.look(&key, &about).await.is_err());
    bench.redis.as_mut().unwrap().restart().unwrap();
    assert_eq!(kept(&*bench.cache, &key, &about).await, None);
}
