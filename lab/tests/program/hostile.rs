//! Bad input against served pipelines: a clear refusal, bounded memory, and a server that
//! goes on. The conformance suite has cases like these in process; here the real program is
//! fed raw bytes and its memory is read from outside.

mod floods;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tailrace_contract::limits::{BODY_BYTES_MAX, HEAD_TIMEOUT};

use crate::stage::ws::{BINARY, Client, Said, TEXT, upgrade};
use crate::stage::{PATIENCE, Server, http, redis};

/// Resident memory may grow by so much: freed memory stays with the allocator, but not ten
/// times the sum of what was sent.
const GROWTH_BYTES_MAX: u64 = 64 << 20;
/// Each bad body is sent so often, so that what is kept of it would add up.
const TIMES: usize = 8;

/// A bad body that fits into a message, and what the refusal must say.
struct Bad {
    name: &'static str,
    body: Vec<u8>,
    kind: &'static str,
    /// Part of the detail.
    detail: &'static str,
    /// The first field at fault.
    pointer: Option<&'static str>,
}

fn bad(
    name: &'static str,
    body: impl Into<Vec<u8>>,
    (kind, detail, pointer): (&'static str, &'static str, Option<&'static str>),
) -> Bad {
    Bad { name, body: body.into(), kind, detail, pointer }
}

const NO_JSON: &str = "malformed-body";
const NO_BATCH: &str = "invalid-batch";

fn table() -> Vec<Bad> {
    let keys: Vec<_> = (0..100_000).map(|key| format!("\"{key}\":1")).collect();
    let many = format!(r#"{{"name":"a","value":1,"attributes":{{{}}}}}"#, keys.join(","));
    let deep = [r#"{"name":"a","value":1,"attributes":"#.as_bytes(), &b"{\"a\":".repeat(100_000)];
    vec![
        bad("empty", "", (NO_JSON, "empty", None)),
        bad("truncated", r#"{"seq":1,"metrics":[{"name":"a","#, (NO_JSON, "EOF", None)),
        bad("NaN", r#"{"name":"a","value":NaN}"#, (NO_JSON, "line 1", None)),
        bad("infinite", r#"{"name":"a","value":1e999}"#, (NO_JSON, "out of range", None)),
        bad("100,000 attributes", many, (NO_BATCH, "100000", Some("/attributes"))),
        bad("deep arrays", b"[".repeat(500_000), (NO_JSON, "recursion", None)),
        bad("deep attributes", deep.concat(), (NO_JSON, "recursion", None)),
        bad("a number", "7", (NO_BATCH, "number", Some(""))),
        bad(
            "a name that is a number",
            r#"{"name":7,"value":1}"#,
            (NO_BATCH, "number", Some("/name")),
        ),
        bad("a value that is text", r#"{"name":"a","value":"1"}"#, (NO_BATCH, "", Some("/value"))),
        bad(
            "the second of two",
            r#"[{"name":"a","value":1},{"name":"b","value":null}]"#,
            (NO_BATCH, "", Some("/1/value")),
        ),
        bad("metrics that are none", r#"{"seq":1,"metrics":{}}"#, (NO_BATCH, "", Some("/metrics"))),
        bad("not UTF-8", b"{\"name\":\"\xff\xfe\",\"value\":1}", (NO_JSON, "UTF-8", None)),
    ]
}

/// A refusal says what is wrong, in the terms of RFC 9457.
fn check_problem(problem: &Value, bad: &Bad) {
    let name = bad.name;
    assert_eq!(problem["type"], format!("urn:tailrace:problem:{}", bad.kind), "{name}: {problem}");
    assert_eq!(problem["status"], 400, "{name}: {problem}");
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(!detail.is_empty() && detail.contains(bad.detail), "{name}: {problem}");
    let pointer = problem["fields"][0]["pointer"].as_str();
    assert_eq!(pointer, bad.pointer, "{name}: {problem}");
    assert!(problem.to_string().len() < 16 << 10, "{name}: a refusal of {} bytes", detail.len());
}

/// How a good batch is sent, and how a bad one must be answered.
struct Door {
    serves: fn(SocketAddr),
    refuses: fn(SocketAddr, &Bad),
    refuses_too_large: fn(SocketAddr),
    /// What a client begins with.
    head: fn(SocketAddr) -> String,
}

const GOOD: &[u8] = br#"{"name":"good","value":1}"#;

const HTTP: Door = Door {
    serves: |ingest| {
        let answer = http::post(ingest, GOOD);
        assert_eq!(answer.status, 202, "a good batch: {answer:?}");
    },
    refuses: |ingest, bad| {
        let answer = http::post(ingest, &bad.body);
        assert_eq!(answer.status, 400, "{}: {answer:?}", bad.name);
        assert!(answer.head.contains("content-type: application/problem+json"), "{answer:?}");
        check_problem(&answer.json(), bad);
    },
    refuses_too_large: |ingest| {
        let body = vec![b' '; 10 << 20];
        check_too_large(&http::post(ingest, &body));
        // Without a declared length it is noticed while it arrives.
        let head = b"POST /v1/ingest HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
        let piece = [format!("{:x}\r\n", 1 << 20).as_bytes(), &body[..1 << 20], b"\r\n"].concat();
        check_too_large(&http::exchange(ingest, &[&head[..], &piece.repeat(10)].concat()));
    },
    head: |ingest| format!("POST /v1/ingest HTTP/1.1\r\nhost: {ingest}\r\n{}", padding()),
};

const WEBSOCKET: Door = Door {
    serves: |ingest| {
        let answer = Client::open(ingest).ask(GOOD);
        assert_eq!(answer["accepted"], 1, "a good batch: {answer}");
    },
    refuses: |ingest, bad| {
        let mut client = Client::open(ingest);
        client.send(BINARY, &bad.body);
        let Said::Message(answer) = client.hear() else { panic!("{}: closed", bad.name) };
        assert_eq!(answer["status"], 400, "{}: {answer}", bad.name);
        check_problem(&answer["problem"], bad);
        // The connection is as good as before.
        assert_eq!(client.ask(GOOD)["accepted"], 1, "after {}", bad.name);
        if std::str::from_utf8(&bad.body).is_err() {
            client.send(TEXT, &bad.body);
            check_close(&mut client, 1007, "UTF-8");
        }
    },
    refuses_too_large: |ingest| {
        for bytes in [BODY_BYTES_MAX + 1, 10 << 20] {
            let mut client = Client::open(ingest);
            client.send(TEXT, &vec![b' '; bytes]);
            check_close(&mut client, 1009, "split the batch");
        }
    },
    head: |ingest| {
        let whole = upgrade(ingest);
        format!("{}\r\n{}", whole.trim_end(), padding())
    },
};

/// A header that is far from its end when the time is over.
fn padding() -> String {
    format!("x-padding: {}", "x".repeat(4_096))
}

fn check_too_large(answer: &http::Answer) {
    assert_eq!(answer.status, 413, "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:tailrace:problem:too-large");
    assert!(problem["detail"].as_str().unwrap().contains("split the batch"), "{problem}");
}

fn check_close(client: &mut Client, code: u16, reason: &str) {
    match client.hear() {
        Said::Close(seen, said) => assert!(seen == code && said.contains(reason), "{seen} {said}"),
        Said::Message(answer) => panic!("expected a close, saw {answer}"),
    }
}

/// Sends a head one byte at a time, each as soon as the server was silent for a moment, until
/// the server answers. It must do so when the time for a head is over, and not before.
fn byte_at_a_time(ingest: SocketAddr, head: &str) {
    let start = Instant::now();
    let mut stream = http::connect(ingest);
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (mut bytes, mut answer, mut buffer) = (head.bytes(), Vec::new(), [0; 4 << 10]);
    loop {
        assert!(start.elapsed() < PATIENCE, "no answer");
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&buffer[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let byte = bytes.next().expect("an answer before the head is complete");
                // The server may have stopped listening; then its answer is next.
                let _ = stream.write_all(&[byte]);
            }
            Err(_) => break,
        }
    }
    let took = start.elapsed();
    let answer = http::Answer::read(&answer);
    assert_eq!(answer.status, 408, "{answer:?}");
    assert_eq!(answer.json()["type"], "urn:tailrace:problem:timeout", "{answer:?}");
    let expected = HEAD_TIMEOUT..HEAD_TIMEOUT * 2;
    assert!(expected.contains(&took), "answered after {took:?}");
}

fn check(pipeline: &str, more: &[&str], door: &Door) {
    let server = Server::start(pipeline, more);
    let ingest = server.ingest;
    // What every server allocates once is not growth.
    (door.serves)(ingest);
    let before = server.rss_bytes();
    let slow = std::thread::spawn({
        let head = (door.head)(ingest);
        move || byte_at_a_time(ingest, &head)
    });
    for bad in table() {
        for _ in 0..TIMES {
            (door.refuses)(ingest, &bad);
        }
        (door.serves)(ingest);
    }
    for _ in 0..TIMES {
        (door.refuses_too_large)(ingest);
        (door.serves)(ingest);
    }
    slow.join().unwrap_or_else(|_| panic!("{pipeline}: a byte at a time, see above"));
    (door.serves)(ingest);
    let growth = server.rss_bytes().saturating_sub(before);
    assert!(growth < GROWTH_BYTES_MAX, "{pipeline} grew by {growth} bytes");
    // The observer lives too, and counted what was refused.
    let counts = String::from_utf8(http::get(server.observer, "/metrics").body).unwrap();
    let refused = (table().len() * TIMES).to_string();
    let line = counts.lines().find(|l| l.contains("refused_total") && l.contains("\"400\""));
    assert!(line.is_some_and(|line| line.ends_with(&format!(" {refused}"))), "{line:?}");
    assert!(server.end().success(), "{pipeline} did not end well");
}

/// One test, so that the ten seconds of a slow head are waited for once.
#[test]
fn bad_input_is_refused_clearly_within_bounds_and_harms_nobody() {
    std::thread::scope(|scope| {
        scope.spawn(|| check("http1-memory", &[], &HTTP));
        scope.spawn(|| check("ws-memory", &[], &WEBSOCKET));
        scope.spawn(|| {
            let redis = redis();
            check("http1-redis", &["--redis", &redis.url()], &HTTP);
        });
    });
}

#[test]
fn the_observer_refuses_what_it_does_not_serve() {
    let server = Server::start("http1-memory", &[]);
    for (target, status) in [
        ("/v1/audit/zz", 400),
        ("/v1/metrics/live?veiw=ids", 400),
        ("/v1/metrics/recent?limit=0", 400),
        ("/etc/passwd", 404),
        ("/v1/ingest", 405),
    ] {
        let answer = http::get(server.observer, target);
        assert_eq!(answer.status, status, "{target}: {answer:?}");
        assert_eq!(answer.json()["status"], json!(status), "{target}");
    }
}
