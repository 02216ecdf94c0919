//! Every route but the live feed, over real sockets.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::{RUN, bench, bench_with};
use tailrace_service::Limits;

/// Checks the status and a part of the answer; every refusal is problem+json.
fn check(answer: &str, status: u16, part: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(part), "{answer} lacks {part}");
    assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    assert_eq!(status >= 400, answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn answers_and_refuses_clearly() {
    let bench = bench(Limits { body_bytes_max: 100, ..Limits::default() }, 64).await;
    let metric = r#"{"name":"cpu","value":1}"#;
    check(&bench.get("/").await, 200, "/v1/metrics/live");
    check(&bench.get("/nowhere").await, 404, "GET / lists");
    check(&bench.get("/v1/ingest").await, 405, "does not take GET");
    check(&bench.get("/v1/metrics/live?veiw=ids").await, 400, "known are view");
    check(&bench.get("/v1/aggregates").await, 404, "vec-test keeps neither");
    check(&bench.get("/v1/metrics/recent?limit=5").await, 404, "keeps neither");
    check(&bench.get("/v1/audit/7").await, 400, "32 hexadecimal");
    check(&bench.post("", metric).await, 202, r#"{"accepted":1}"#);
    check(&bench.post("", "{}").await, 400, "fields");
    check(&bench.post("tailrace-run: 7\r\n", metric).await, 400, "Tailrace-Run");
    check(&bench.post("", &" ".repeat(101)).await, 413, "100 bytes");
    check(&bench.post("origin: http://x\r\n", metric).await, 202, "accepted");
    check(&bench.post("origin: http://evil.example\r\n", metric).await, 403, "evil.example");
    let page = bench.get("/metrics").await;
    check(&page, 200, "tailrace_ingest_batches_total{pipeline=\"vec-test\"} 2\n");
    check(&page, 200, "tailrace_ingest_refused_total{pipeline=\"vec-test\",status=\"400\"} 1\n");
}

#[tokio::test]
async fn audit_tells_what_the_log_holds() {
    let bench = bench(Limits::default(), 64).await;
    for seq in [0, 1, 3, 3] {
        bench.log.add(seq);
    }
    let answer = bench.get(&format!("/v1/audit/{RUN}")).await;
    check(&answer, 200, r#""present":[[0,1],[3,3]],"repeated":[[3,3]]"#);
}

#[tokio::test]
async fn health_is_the_logs_health() {
    let health_timeout = Duration::from_millis(50);
    let bench = bench(Limits { health_timeout, ..Limits::default() }, 64).await;
    check(&bench.get("/health").await, 200, r#""description":"vector""#);
    check(&bench.get("/health").await, 200, r#""recent":false"#);
    bench.log.broken.store(true, Ordering::Relaxed);
    check(&bench.get("/health").await, 503, "the plug was pulled");
    check(&bench.get("/metrics").await, 200, "tailrace_log_up{pipeline=\"vec-test\"} 0");
    bench.log.silent.store(true, Ordering::Relaxed);
    check(&bench.get("/health").await, 503, "did not answer within 50 ms");
}

#[tokio::test]
async fn ready_ends_when_the_pipeline_drains() {
    let bench = bench(Limits::default(), 64).await;
    check(&bench.get("/ready").await, 200, "ready");
    bench.draining.cancel();
    check(&bench.get("/ready").await, 503, "draining");
}

#[tokio::test]
async fn slow_senders_are_cut() {
    let brief = Duration::from_millis(50);
    let limits = Limits { head_timeout: brief, body_timeout: brief, ..Limits::default() };
    let bench = bench(limits, 64).await;
    assert_eq!(bench.ask("GET /hea").await, "");
    let half = "POST /v1/ingest HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    check(&bench.ask(half).await, 408, "did not arrive");
}

#[tokio::test]
async fn one_connection_too_many_is_closed() {
    let bench = bench(Limits { connections_max: 1, ..Limits::default() }, 64).await;
    let first = bench.subscribe("", "").await;
    assert_eq!(bench.ask("").await, "");
    drop(first);
}

#[tokio::test]
async fn recent_metrics_come_newest_first() {
    let bench = bench_with(Limits::default(), 64, true).await;
    (0..5).for_each(|seq| bench.log.add(seq));
    let newest = bench.get("/v1/metrics/recent?limit=2").await;
    let expected = format!(
        r#"[{{"position":"0-5","run":"{RUN}","producer":"p","seq":4,"received":5,"name":"m","value":1.0}},{{"position":"0-4""#
    );
    check(&newest, 200, &expected);
    check(&bench.get("/v1/metrics/recent?limit=0").await, 400, "1 to 1000");
    check(&bench.get("/v1/aggregates").await, 200, r#""count":5,"sum":5.0"#);
    check(&bench.get("/health").await, 200, r#""recent":true"#);
}
