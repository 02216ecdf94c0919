//! What is kept, for how long, for whom, and what makes it stale.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tailrace_service::Limits;

use crate::bench::{Bench, bench, metric};

const HOUR: u64 = 3_600_000;

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

async fn check(bench: &Bench, target: &str, source: &str) -> Value {
    let seen = bench.get(target).await;
    let answer = seen.json();
    assert_eq!(answer["cache"], source, "{target}: {answer}");
    assert_eq!(seen.headers["tailrace-cache"], source);
    answer
}

#[tokio::test]
async fn the_second_answer_comes_from_the_cache_and_says_how_old_it_is() {
    let bench = bench(Limits::default()).await;
    bench.add(vec![metric("cpu", 1_000, 1.0, &[])]).await;
    let target = "/v1/metrics?from=0&to=5000&name=cpu";
    let first = check(&bench, target, "miss").await;
    bench.now_ms.fetch_add(1_500, Ordering::SeqCst);
    let second = check(&bench, "/v1/metrics?name=cpu&to=5000&from=0&limit=100", "hit").await;
    assert_eq!(second["age_ms"], 1_500);
    assert_eq!(first["rows"], second["rows"]);
    assert_eq!(bench.asked(), 1);
    check(&bench, &format!("{target}&cache=skip"), "skip").await;
    let skipped = bench.ask("GET", target, "cache-control: no-cache\r\n").await;
    assert_eq!(skipped.headers["tailrace-cache"], "skip");
    assert_eq!(bench.asked(), 3);
    check(&bench, &format!("{target}&format=json"), "hit").await;
    assert_eq!(bench.get(&format!("{target}&format=csv")).await.headers["tailrace-cache"], "miss");
    let statistics = bench.json("/v1/cache").await;
    assert_eq!(statistics["cache"], "memory");
    let figures = ["hits", "misses", "skips", "stale", "entries"].map(|name| &statistics[name]);
    assert_eq!(figures, [2, 2, 2, 0, 2]);
    assert_eq!(statistics["hit_rate"], 0.5);
    assert!(statistics["bytes"].as_u64().unwrap() > 100);
}

#[tokio::test]
async fn answers_about_newer_times_are_fresh_for_a_shorter_time() {
    let bench = bench(Limits::default()).await;
    let now = now_ms();
    for (to, fresh_ms) in [(now, 30_000), (now - 2 * HOUR, 300_000), (now - 200 * HOUR, HOUR)] {
        let target = format!("/v1/metrics?from=5&to={to}");
        check(&bench, &target, "miss").await;
        bench.now_ms.fetch_add(fresh_ms - 1, Ordering::SeqCst);
        check(&bench, &target, "hit").await;
        bench.now_ms.fetch_add(1, Ordering::SeqCst);
        check(&bench, &target, "miss").await;
    }
}

#[tokio::test]
async fn a_commit_makes_stale_what_it_touches_and_nothing_else() {
    let bench = bench(Limits::default()).await;
    let touched = ["name=cpu", "name=c*", "", "name=cpu&attr.host=a"];
    let untouched = ["name=mem", "name=event.*"];
    let early = |filter: &str| format!("/v1/metrics?from=0&to=1000&{filter}");
    let late = |filter: &str| format!("/v1/metrics?from=1000&to=2000&{filter}");
    for filter in touched.iter().chain(&untouched) {
        check(&bench, &early(filter), "miss").await;
        check(&bench, &late(filter), "miss").await;
    }
    check(&bench, "/v1/summary?from=0&to=2000", "miss").await;
    check(&bench, "/v1/metrics/aggregate?from=0&to=2000&name=cpu", "miss").await;
    bench.add(vec![metric("cpu", 999, 1.0, &[])]).await;
    for filter in untouched {
        check(&bench, &early(filter), "hit").await;
    }
    for filter in touched {
        check(&bench, &late(filter), "hit").await;
        check(&bench, &early(filter), "miss").await;
    }
    check(&bench, "/v1/summary?from=0&to=2000", "miss").await;
    let aggregate = check(&bench, "/v1/metrics/aggregate?from=0&to=2000&name=cpu", "miss").await;
    assert_eq!(aggregate["rows"][0]["count"], 1);
}

#[tokio::test]
async fn the_last_of_many_commits_is_never_left_out() {
    let bench = bench(Limits::default()).await;
    let target = "/v1/metrics/aggregate?from=0&to=100000&name=cpu&values=count";
    for i in 0..200 {
        bench.add(vec![metric("cpu", i, 1.0, &[])]).await;
        if i % 20 == 0 {
            bench.json(target).await;
        }
    }
    // The cache may be a second behind, not longer; a hit that is too old would end this by its
    // own time only, which stands still here.
    let all = async {
        loop {
            if bench.json(target).await["rows"][0]["count"] == 200 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::bench::PATIENCE, all).await.expect("the last commit shows");
    let asked = bench.asked();
    // Ten while it went on, and some that saw the last ones.
    assert!(asked <= 14, "forgotten at most once a second: {asked} questions reached the store");
}

#[tokio::test]
async fn an_answer_from_before_a_commit_is_not_kept_after_it() {
    let bench = bench(Limits::default()).await;
    let target = "/v1/metrics/aggregate?from=0&to=5000&name=cpu&values=count";
    bench.store.held.send_replace(true);
    let (seen, ()) = tokio::join!(bench.get(target), async {
        bench.store.waiting.subscribe().wait_for(|n| *n == 1).await.unwrap();
        bench.add(vec![metric("cpu", 1, 1.0, &[])]).await;
        bench.store.held.send_replace(false);
    });
    assert_eq!(seen.status, 200);
    check(&bench, target, "miss").await;
    check(&bench, target, "hit").await;
}

#[tokio::test]
async fn equal_questions_at_once_reach_the_store_once() {
    let bench = bench(Limits::default()).await;
    bench.store.held.send_replace(true);
    let ask = || bench.get("/v1/summary?from=0&to=9");
    let asked = async { tokio::join!(ask(), ask(), ask(), ask(), ask()) };
    let (seen, ()) = tokio::join!(asked, async {
        bench.store.waiting.subscribe().wait_for(|n| *n == 1).await.unwrap();
        // The others are on their way or there; whoever comes later finds the answer kept.
        bench.store.held.send_replace(false);
    });
    assert_eq!([seen.0, seen.1, seen.2, seen.3, seen.4].map(|seen| seen.status), [200; 5]);
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_cleared_cache_asks_the_store_again() {
    let bench = bench(Limits::default()).await;
    check(&bench, "/v1/summary?from=0&to=9", "miss").await;
    let refused = bench.ask("DELETE", "/v1/cache", "origin: http://evil.example\r\n").await;
    assert_eq!(refused.status, 403);
    check(&bench, "/v1/summary?from=0&to=9", "hit").await;
    assert_eq!(bench.ask("DELETE", "/v1/cache", "").await.json(), json!({"removed": 1}));
    check(&bench, "/v1/summary?from=0&to=9", "miss").await;
}
