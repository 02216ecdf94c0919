//! What is answered while the store fails, is silent, or has too much to do.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tailrace_service::Limits;

use crate::bench::{bench, metric};

const KEPT: &str = "/v1/metrics/aggregate?from=0&to=5000&name=cpu&values=count";

#[tokio::test]
async fn an_old_answer_stands_in_and_says_so_until_the_store_is_back() {
    let limits = Limits { breaker_pause: Duration::from_secs(2), ..Limits::default() };
    let bench = bench(limits).await;
    bench.add(vec![metric("cpu", 1, 1.0, &[])]).await;
    let first = bench.json(KEPT).await;
    bench.now_ms.fetch_add(2 * 3_600_000 - 1, Ordering::SeqCst);
    bench.store.broken.store(true, Ordering::SeqCst);
    let stale = bench.get(KEPT).await;
    let answer = stale.json();
    assert_eq!((&answer["cache"], &answer["rows"]), (&"stale".into(), &first["rows"]));
    assert_eq!(answer["degraded"]["age_ms"], 2 * 3_600_000 - 1);
    assert!(answer["degraded"]["why"].as_str().unwrap().contains("plug"), "{answer}");
    assert!(stale.headers["tailrace-degraded"].contains("plug"));
    // A problem is told as one, and is not kept.
    for i in 0..5 {
        let problem = bench.problem(&format!("/v1/summary?from=0&to={}", 10 + i), 503).await;
        assert_eq!(problem["retry_after_s"], 1);
    }
    let health = bench.json("/health").await;
    assert_eq!(
        (&health["status"], &health["history"]["breaker"]),
        (&"degraded".into(), &"open".into())
    );
    assert_eq!(health["trouble"], serde_json::json!(["store", "breaker"]));
    let asked = bench.asked();
    let problem = bench.problem("/v1/summary?from=0&to=10", 503).await;
    assert!(problem["detail"].as_str().unwrap().contains("failed too often"), "{problem}");
    assert_eq!(bench.json(KEPT).await["cache"], "stale");
    assert_eq!(bench.asked(), asked, "an open breaker asks nothing");
    bench.store.broken.store(false, Ordering::SeqCst);
    let back = async {
        while bench.json(KEPT).await["cache"] == "stale" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::bench::PATIENCE, back).await.expect("it closes again");
    assert_eq!(bench.json("/v1/summary?from=0&to=10").await["cache"], "miss");
    assert_eq!(bench.json("/health").await["status"], "ok");
    let page = bench.get("/metrics").await.body;
    let line = "history_breaker_opened_total{pipeline=\"history-test\"} 1\n";
    assert!(page.contains(line), "{page}");
}

#[tokio::test]
async fn an_answer_that_a_commit_made_stale_still_stands_in() {
    let bench = bench(Limits::default()).await;
    bench.json(KEPT).await;
    bench.add(vec![metric("cpu", 1, 1.0, &[])]).await;
    bench.store.broken.store(true, Ordering::SeqCst);
    let answer = bench.json(KEPT).await;
    assert_eq!((&answer["cache"], answer["rows"].as_array().unwrap().len()), (&"stale".into(), 0));
}

#[tokio::test]
async fn a_silent_store_is_not_waited_for_longer_than_allowed() {
    let limits = Limits { query_timeout: Duration::from_millis(50), ..Limits::default() };
    let bench = bench(limits).await;
    bench.store.held.send_replace(true);
    for i in 0..5 {
        let problem = bench.problem(&format!("/v1/summary?from=0&to={}", 10 + i), 503).await;
        assert!(problem["detail"].as_str().unwrap().contains("within 50 ms"), "{problem}");
    }
    let problem = bench.problem("/v1/summary?from=0&to=10", 503).await;
    assert!(problem["detail"].as_str().unwrap().contains("failed too often"), "{problem}");
}

#[tokio::test]
async fn a_refused_question_is_no_failure_of_the_store() {
    let bench = bench(Limits::default()).await;
    bench.add((0..20).map(|i| metric("cpu", i * 1_000, 1.0, &[])).collect()).await;
    for _ in 0..10 {
        bench.problem("/v1/metrics/aggregate?bucket=1s&limit=3", 400).await;
    }
    assert_eq!(bench.json("/health").await["history"]["breaker"], "closed");
}

#[tokio::test]
async fn under_load_answers_are_coarser_and_past_the_limit_there_are_none() {
    let bench = bench(Limits { queries_max: 4, ..Limits::default() }).await;
    let minute = |i: u64| metric("cpu", i * 10_000, i as f64, &[]);
    bench.add((0..12).map(minute).collect()).await;
    let fine = "/v1/metrics/aggregate?from=1&to=3600001&name=cpu&bucket=10s&values=p95,count";
    bench.store.held.send_replace(true);
    let others = async {
        let ask = |to: u64| {
            let bench = &bench;
            async move { bench.get(&format!("/v1/summary?from=0&to={to}")).await }
        };
        tokio::join!(ask(1), ask(2), ask(3))
    };
    let (others, (coarse, full)) = tokio::join!(others, async {
        let mut waiting = bench.store.waiting.subscribe();
        waiting.wait_for(|n| *n == 3).await.unwrap();
        let (coarse, full) = tokio::join!(bench.get(fine), async {
            waiting.wait_for(|n| *n == 4).await.unwrap();
            let full = bench.get("/v1/summary?from=0&to=4").await;
            bench.store.held.send_replace(false);
            full
        });
        (coarse, full)
    });
    assert_eq!([others.0, others.1, others.2].map(|seen| seen.status), [200; 3]);
    assert_eq!((full.status, &*full.headers["retry-after"]), (503, "1"));
    assert!(full.body.contains("4 questions"), "{}", full.body);
    let coarse = coarse.json();
    assert_eq!(coarse["bucket_ms"], 60_000);
    assert!(coarse["degraded"]["why"].as_str().unwrap().contains("under load"), "{coarse}");
    let counts: Vec<_> =
        coarse["rows"].as_array().unwrap().iter().map(|row| row["count"].clone()).collect();
    // The first value lies before the range.
    assert_eq!(counts, [5, 6]);
    let calm = bench.json(fine).await;
    assert_eq!((&calm["bucket_ms"], calm.get("degraded")), (&10_000.into(), None));
}
