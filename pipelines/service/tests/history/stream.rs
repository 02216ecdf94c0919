//! The stream of summaries.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tailrace_contract::Tenant;
use tailrace_service::Limits;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::bench::{Bench, PATIENCE, bench, metric};

/// A subscriber that reads the raw stream.
struct Watcher {
    stream: TcpStream,
    text: String,
}

impl Watcher {
    async fn new(bench: &Bench) -> Self {
        let stream = bench.send("GET", "/v1/summary/live?window=1d", "").await;
        Self { stream, text: String::new() }
    }

    /// The data of the next event of this kind.
    async fn next(&mut self, kind: &str) -> Value {
        let mark = format!("event: {kind}\ndata: ");
        loop {
            if let Some(at) = self.text.find(&mark) {
                let rest = self.text.split_off(at + mark.len());
                if let Some((data, rest)) = rest.split_once("\n\n") {
                    let data = serde_json::from_str(data).unwrap();
                    self.text = String::from(rest);
                    return data;
                }
                self.text.push_str(&rest);
            }
            let mut buffer = vec![0; 16 << 10];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            let n = read.expect("more in time").unwrap();
            assert!(n > 0, "the stream ended: {}", self.text);
            self.text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[tokio::test]
async fn it_tells_after_commits_of_its_tenant_and_asks_once_for_all() {
    let bench = bench(Limits::default()).await;
    let mut watchers = [Watcher::new(&bench).await, Watcher::new(&bench).await];
    for watcher in &mut watchers {
        assert_eq!(watcher.next("summary").await["count"], 0);
    }
    let asked = bench.asked();
    let other = Tenant("other".into());
    bench.commit(&other, vec![metric("secret", now_ms(), 1.0, &[])]).await;
    bench.add(vec![metric("event.click", now_ms(), 1.0, &[])]).await;
    for watcher in &mut watchers {
        let told = watcher.next("summary").await;
        assert_eq!((&told["count"], &told["events"]["count"]), (&1.into(), &1.into()), "{told}");
    }
    assert_eq!(bench.asked(), asked + 1, "two watch, one question");
}

#[tokio::test]
async fn a_store_that_is_away_is_told_and_asked_again() {
    let bench = bench(Limits::default()).await;
    bench.store.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut watcher = Watcher::new(&bench).await;
    assert_eq!(watcher.next("problem").await["status"], 503);
    bench.store.broken.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(watcher.next("summary").await["count"], 0);
}

#[tokio::test]
async fn seats_are_bounded_and_come_back() {
    let bench = bench(Limits { subscribers_max: 1, ..Limits::default() }).await;
    let mut watcher = Watcher::new(&bench).await;
    watcher.next("summary").await;
    let problem = bench.problem("/v1/summary/live", 503).await;
    assert!(problem["detail"].as_str().unwrap().contains("1 subscribers"), "{problem}");
}
