//! The live feed over real sockets: SSE and WebSocket, replay, sampling, lag, drain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{PATIENCE, RUN, bench};
use futures_util::{SinkExt, StreamExt};
use tailrace_contract::sample::chosen;
use tailrace_service::Limits;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

const BODY: &str = r#"{"producer":"p","seq":41,"metrics":[{"name":"cpu","value":1.5}]}"#;

#[tokio::test]
async fn an_ingested_batch_is_seen_over_sse() {
    let bench = bench(Limits::default(), 64).await;
    let (mut full, mut ids) =
        (bench.subscribe("", "").await, bench.subscribe("?view=ids", "").await);
    assert!(bench.post(&format!("tailrace-run: {RUN}\r\n"), BODY).await.contains(" 202 "));
    let mut expected = serde_json::json!({
        "type": "live", "run": RUN.to_string(), "producer": "p", "seq": 41, "position": "0-1",
    });
    let (id, event) = ids.event().await.unwrap();
    assert_eq!((id.as_deref(), &event), (Some("0-1"), &expected));
    expected["received"] = 5.into();
    expected["metrics"] = serde_json::json!([{"name": "cpu", "value": 1.5}]);
    assert_eq!(full.event().await.unwrap().1, expected);
}

#[tokio::test]
async fn an_old_client_gets_a_plain_stream_and_a_new_one_chunks() {
    let bench = bench(Limits::default(), 64).await;
    for (version, chunked) in [("1.0", false), ("1.1", true)] {
        let request = format!("GET /v1/metrics/live HTTP/{version}\r\nhost: x\r\n\r\n");
        let mut stream = bench.send(&request).await;
        let mut text = String::new();
        while !text.contains("retry: 1000\n\n") {
            let mut buffer = vec![0; 4096];
            let n = stream.read(&mut buffer).await.unwrap();
            assert!(n > 0, "{text}");
            text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
        }
        assert!(text.contains("content-type: text/event-stream"), "{text}");
        assert_eq!(text.contains("transfer-encoding: chunked"), chunked, "{text}");
        assert_eq!(text.contains("\r\n\r\nretry:"), !chunked, "{text}");
    }
}

#[tokio::test]
async fn the_same_over_websocket_until_the_client_leaves() {
    let bench = bench(Limits::default(), 64).await;
    let stream = TcpStream::connect(bench.address).await.unwrap();
    let url = format!("ws://{}/v1/metrics/live?view=ids", bench.address);
    let (mut socket, _) = client_async(&url, stream).await.unwrap();
    bench.log.add(7);
    let message = next(&mut socket).await;
    let event: serde_json::Value = serde_json::from_str(&message).unwrap();
    assert_eq!((&event["type"], &event["seq"]), (&"live".into(), &7.into()));
    assert!(bench.get("/health").await.contains(r#""subscribers":1"#));
    socket.send(Message::Close(None)).await.unwrap();
    while let Some(Ok(_)) = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap() {}
    while !bench.get("/health").await.contains(r#""subscribers":0"#) {
        tokio::task::yield_now().await;
    }
}

type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn next(socket: &mut Socket) -> Utf8Bytes {
    let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
    message.unwrap().unwrap().into_text().unwrap()
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_websocket() {
    let bench = bench(Limits::default(), 64).await;
    let head = |more: &str| {
        format!(
            "GET /v1/metrics/live HTTP/1.1\r\nhost: x\r\nconnection: close, upgrade\r\n\
             upgrade: websocket\r\n{more}\r\n"
        )
    };
    let key = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let foreign = head(&format!("{key}origin: http://evil.example\r\n"));
    assert!(bench.ask(&foreign).await.starts_with("HTTP/1.1 403 "));
    assert!(bench.ask(&head("")).await.contains("only version 13"));
    assert!(bench.get("/health").await.contains(r#""subscribers":0"#));
}

#[tokio::test]
async fn the_sample_is_the_contracts() {
    let bench = bench(Limits::default(), 4096).await;
    let query = format!("?view=ids&sample=10&seed=3&run={RUN}");
    let mut feed = bench.subscribe(&query, "").await;
    (0..1_000).for_each(|seq| bench.log.add(seq));
    for expected in (0..1_000).filter(|&seq| chosen(3, seq, 10)) {
        assert_eq!(feed.seq().await, expected);
    }
}

#[tokio::test]
async fn one_producer_in_so_many_is_seen_whole() {
    let bench = bench(Limits::default(), 4096).await;
    let mut feed = bench.subscribe("?view=ids&producers=4", "").await;
    for name in 0..64 {
        for seq in 0..3 {
            let body = format!(
                r#"{{"producer":"host-{name}","seq":{seq},"metrics":[{{"name":"cpu","value":1}}]}}"#
            );
            assert!(bench.post(&format!("tailrace-run: {RUN}\r\n"), &body).await.contains(" 202 "));
        }
    }
    let mut seqs: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    while seqs.len() < 8 || seqs.values().any(|seqs| seqs.len() < 3) {
        let (_, event) = feed.event().await.unwrap();
        let producer = event["producer"].as_str().unwrap().to_owned();
        seqs.entry(producer).or_default().push(event["seq"].as_u64().unwrap());
    }
    assert!(seqs.len() < 40, "{seqs:?}");
    assert!(seqs.values().all(|seqs| seqs == &[0, 1, 2]), "{seqs:?}");
}

/// A log in memory begins anew with its server, and its positions with it.
#[tokio::test]
async fn a_position_that_the_log_has_not_reached_replays_all_of_it() {
    let bench = bench(Limits::default(), 64).await;
    (0..3).for_each(|seq| bench.log.add(seq));
    let mut beyond = bench.subscribe("?view=ids", "last-event-id: 0-900\r\n").await;
    let mut known = bench.subscribe("?view=ids", "last-event-id: 0-3\r\n").await;
    for seq in 0..3 {
        assert_eq!(beyond.seq().await, seq);
    }
    bench.log.add(3);
    assert_eq!((beyond.seq().await, known.seq().await), (3, 3));
}

#[tokio::test]
async fn another_run_is_not_seen() {
    let bench = bench(Limits::default(), 64).await;
    let mut feed = bench.subscribe(&format!("?run={RUN}"), "").await;
    let other = "tailrace-run: 0000000000000000000000000000000f\r\n";
    assert!(bench.post(other, BODY).await.contains(" 202 "));
    bench.log.add(77);
    assert_eq!(feed.seq().await, 77);
}

#[tokio::test]
async fn a_stalled_subscriber_is_told_and_delays_nobody() {
    const BATCHES: u64 = 12_000;
    let bench = bench(Limits::default(), 1_024).await;
    let mut stalled = bench.subscribe("?view=ids", "").await;
    let mut reader = bench.subscribe("?view=ids", "").await;
    for seq in 0..BATCHES {
        bench.log.add(seq);
        if seq % 256 == 255 {
            // The reader keeps up; the other one has not read a byte since it subscribed.
            for expected in seq - 255..=seq {
                assert_eq!(reader.seq().await, expected);
            }
        }
    }
    let (mut seen, mut missed) = (0, 0);
    while seen + missed < BATCHES {
        let (_, event) = stalled.event().await.unwrap();
        seen += u64::from(event["type"] == "live");
        missed += event["missed"].as_u64().unwrap_or(0);
    }
    assert!(missed > 0, "everything fitted into buffers: {seen}");
    assert_eq!(seen + missed, BATCHES);
}

#[tokio::test]
async fn a_subscriber_that_takes_nothing_is_cut() {
    let write_timeout = Duration::from_millis(50);
    let bench = bench(Limits { write_timeout, ..Limits::default() }, 1_024).await;
    let mut stalled = bench.subscribe("?view=ids", "").await;
    for seq in 0.. {
        bench.log.add(seq);
        if seq % 512 == 0 && bench.get("/health").await.contains(r#""subscribers":0"#) {
            break;
        }
    }
    while stalled.event().await.is_some() {}
}

/// Replays from the hundredth of many batches while further ones are appended; the bus keeps
/// so many notices for the subscriber.
async fn check_replay(notices: usize) {
    const BATCHES: u64 = 20_000;
    let bench = bench(Limits::default(), notices).await;
    (0..BATCHES / 2).for_each(|seq| bench.log.add(seq));
    let log = Arc::clone(&bench.log);
    let appends = tokio::task::spawn_blocking(move || {
        for seq in BATCHES / 2..BATCHES {
            log.add(seq);
            std::thread::yield_now();
        }
    });
    let mut feed = bench.subscribe("?view=ids&after=0-1", "last-event-id: 0-100\r\n").await;
    let mut last = 99;
    while last + 1 < BATCHES {
        let (id, event) = feed.event().await.unwrap();
        if event["type"] == "lagged" {
            // Only after the handover, and then it is counted.
            last += event["missed"].as_u64().unwrap();
            continue;
        }
        assert_eq!(event["seq"], last + 1, "{event}");
        last += 1;
        assert_eq!(id.unwrap(), format!("0-{}", last + 1));
    }
    appends.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay_reads_again_what_the_bus_dropped_meanwhile() {
    check_replay(64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay_tells_nothing_twice_that_the_bus_kept_meanwhile() {
    check_replay(1 << 16).await;
}

#[tokio::test]
async fn silence_is_broken_by_heartbeats() {
    let heartbeat = Duration::from_millis(20);
    let bench = bench(Limits { heartbeat, ..Limits::default() }, 64).await;
    let mut feed = bench.subscribe("", "").await;
    feed.until(": quiet\n\n").await;
    bench.log.add(1);
    assert_eq!(feed.seq().await, 1);
}

#[tokio::test]
async fn one_subscriber_too_many_is_refused_until_one_leaves() {
    let bench = bench(Limits { subscribers_max: 1, ..Limits::default() }, 64).await;
    let first = bench.subscribe("", "").await;
    let refusal = bench.get("/v1/metrics/live").await;
    assert!(refusal.starts_with("HTTP/1.1 503 ") && refusal.contains("too-many-clients"));
    drop(first);
    while !bench.get("/health").await.contains(r#""subscribers":0"#) {
        tokio::task::yield_now().await;
    }
    bench.subscribe("", "").await;
}

#[tokio::test]
async fn drain_ends_every_feed() {
    let bench = bench(Limits::default(), 64).await;
    let mut sse = bench.subscribe("", "").await;
    let stream = TcpStream::connect(bench.address).await.unwrap();
    let url = format!("ws://{}/v1/metrics/live", bench.address);
    let (mut socket, _) = client_async(&url, stream).await.unwrap();
    bench.log.add(3);
    assert_eq!(sse.seq().await, 3);
    assert!(next(&mut socket).await.contains(r#""seq":3"#));
    let drained = tokio::spawn(bench.server.drain(PATIENCE));
    assert!(sse.event().await.is_none());
    let farewell = socket.next().await.unwrap().unwrap();
    assert!(farewell.is_close(), "{farewell}");
    drop(socket);
    assert_eq!(drained.await.unwrap().cut, 0);
    assert!(TcpStream::connect(bench.address).await.is_err());
}

/// Two hundred, one of which takes nothing. What waits for that one is bounded: the bus drops the
/// rest, and tells how much it was. All others see every batch once, in order.
#[tokio::test]
async fn one_of_many_stalls_and_every_other_sees_every_batch_once_in_order() {
    const READERS: usize = 199;
    /// Batches between two looks: half of what the bus keeps, so nobody who reads misses any.
    const WAVE: u64 = 32;
    /// Bytes of a batch, which the stalled one asked for: more than two sockets hold, in few waves.
    const BYTES: usize = 32 << 10;
    const BATCHES: u64 = WAVE * 12;
    // On a slow machine it must be told, not cut.
    let limits = Limits { write_timeout: Duration::from_secs(600), ..Limits::default() };
    let bench = bench(limits, 2 * WAVE as usize).await;
    let mut stalled = bench.subscribe("", "").await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(bench.subscribe("?view=ids", "").await);
    }
    for wave in 0..BATCHES / WAVE {
        let wave = wave * WAVE..(wave + 1) * WAVE;
        wave.clone().for_each(|seq| bench.log.add_large(seq, BYTES));
        for reader in &mut readers {
            for seq in wave.clone() {
                assert_eq!(reader.seq().await, seq);
            }
        }
    }
    assert!(bench.get("/health").await.contains(r#""subscribers":200"#));
    let (mut seen, mut missed, mut last) = (0, 0, None);
    while seen + missed < BATCHES {
        let (_, event) = stalled.event().await.unwrap();
        missed += event["missed"].as_u64().unwrap_or(0);
        if event["type"] == "live" {
            seen += 1;
            assert!(event["seq"].as_u64() > last, "{last:?} and then {}", event["seq"]);
            last = event["seq"].as_u64();
        }
    }
    assert!(missed > 0, "everything fitted into buffers: {seen}");
    assert_eq!((seen + missed, last), (BATCHES, Some(BATCHES - 1)));
    let page = bench.get("/metrics").await;
    let told = format!("tailrace_feed_notices_missed_total{{pipeline=\"vec-test\"}} {missed}");
    assert!(page.contains(&told), "{page}");
}
