//! The client half: what it writes, what it understands however the bytes are cut, and that
//! it gets along with the server half.

use std::net::TcpListener;
use std::sync::LazyLock;

use tailrace_contract::WireEvent::{self, Answer, Closing, Unexpected};
use tailrace_contract::{Expected, Options, Request, Wire, WireError};
use tailrace_http1::{Http1Wire, Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

static RUN: LazyLock<[(String, String); 1]> =
    LazyLock::new(|| [("tailrace-run".into(), "00f0000000000000000000000000000a".into())]);

fn request<'a>(method: &'a str, body: &'a [u8]) -> Request<'a> {
    Request { method, target: "/v1/ingest", headers: &*RUN, body }
}

fn wire(methods: &[&str], expected: &str) -> (Http1Wire, Vec<u8>) {
    let expected = Expected::new(expected.as_bytes());
    let mut wire = Http1Wire::new("host:80", methods.len()).expecting(expected);
    let mut out = Vec::new();
    for (key, method) in methods.iter().enumerate() {
        wire.encode(&request(method, b""), key as u64, &mut out);
    }
    (wire, out)
}

type Outcome = (Vec<WireEvent>, Result<(), WireError>);

/// Feeds the pieces, then the end of the connection.
fn run(methods: &[&str], pieces: &[&[u8]]) -> Outcome {
    run_expecting("", methods, pieces)
}

fn run_expecting(expected: &str, methods: &[&str], pieces: &[&[u8]]) -> Outcome {
    let (mut wire, mut out) = wire(methods, expected);
    out.clear();
    let mut events = Vec::new();
    for piece in pieces {
        if let Err(error) = wire.decode(piece, &mut out, &mut events) {
            return (events, Err(error));
        }
    }
    let end = wire.close(&mut events);
    assert!(out.is_empty());
    (events, end)
}

/// The same bytes whole, cut in two at every place, and byte by byte must mean the same.
fn check(methods: &[&str], bytes: &[u8], expect: &[WireEvent]) {
    check_expecting("", methods, bytes, expect);
}

fn check_expecting(text: &str, methods: &[&str], bytes: &[u8], expect: &[WireEvent]) {
    let run = |pieces: &[&[u8]]| run_expecting(text, methods, pieces);
    let whole = run(&[bytes]);
    assert_eq!(whole, (expect.to_vec(), Ok(())));
    for at in 0..=bytes.len() {
        assert_eq!(run(&[&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(run(&single), whole, "byte by byte");
}

fn answer(key: u64, status: u16) -> WireEvent {
    Answer { key, status }
}

const OK: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 14\r\n\r\n{\"accepted\":1}";

#[test]
fn answers_come_in_order_however_the_bytes_are_cut() {
    let bytes = OK.to_owned()
        + "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
        + "HTTP/1.1 503 Busy\r\nContent-Length: 3\r\nretry-after: 1\r\n\r\nabc"
        + "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let expect = [answer(0, 202), answer(1, 503), answer(2, 204), answer(3, 200)];
    check(&["POST"; 4], bytes.as_bytes(), &expect);
}

/// A head that was seen before is not parsed again: it must mean what it meant, but to HEAD.
#[test]
fn a_head_that_comes_again_means_the_same() {
    let head = "HTTP/1.1 202 Accepted\r\ncontent-length: 14\r\n\r\n";
    let longer = "HTTP/1.1 202 Accepted\r\ncontent-length: 3\r\nx: y\r\n\r\nabc";
    let bytes = [OK, OK, head, OK, longer, OK, OK].concat();
    let expect: Vec<WireEvent> = (0..7).map(|key| answer(key, 202)).collect();
    check(&["POST", "POST", "HEAD", "POST", "POST", "POST", "POST"], bytes.as_bytes(), &expect);
}

#[test]
fn chunked_answers_end_after_their_trailers() {
    let bytes = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n".to_owned()
        + "5;x=y\r\nab\r\nc\r\n0A\r\n0123456789\r\n0\r\na: b\r\nc: d\r\n\r\n"
        + "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        + OK;
    check(&["POST"; 3], bytes.as_bytes(), &[answer(0, 200), answer(1, 200), answer(2, 202)]);
}

/// In the data of bodies of every kind, and nowhere else: not in heads, sizes, line ends, trailers,
/// nor across two answers.
#[test]
fn an_expected_text_is_found_in_bodies_however_the_bytes_are_cut() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let bytes = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n-abc-".to_owned()
        + "HTTP/1.1 200 OK\r\nx: abc\r\ncontent-length: 2\r\n\r\nab"
        + "HTTP/1.1 503 Busy\r\ncontent-length: 1\r\n\r\nc"
        + &(chunked.to_owned() + "2\r\naa\r\n1\r\nb\r\n2\r\ncc\r\n0\r\n\r\n")
        + &(chunked.to_owned() + "abc\r\n" + &"x".repeat(0xabc) + "\r\n0\r\nt: abc\r\n\r\n")
        + "HTTP/1.1 204 No Content\r\n\r\n"
        + "HTTP/1.1 200 OK\r\n\r\nuntil abc ends";
    let unexpected = |key, status| Unexpected { key, status };
    let expect = [
        answer(0, 200),
        unexpected(1, 200),
        unexpected(2, 503),
        answer(3, 200),
        unexpected(4, 200),
        unexpected(5, 204),
        Closing,
        answer(6, 200),
    ];
    check_expecting("abc", &["POST"; 7], bytes.as_bytes(), &expect);
    let line_end = chunked.to_owned() + "1\r\nb\r\n0\r\n\r\n";
    check_expecting("b\r\n", &["POST"], line_end.as_bytes(), &[unexpected(0, 200)]);
}

#[test]
fn answers_to_head_and_304_have_no_body() {
    let bytes = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n".to_owned()
        + "HTTP/1.1 304 Not Modified\r\ncontent-length: 900\r\n\r\n"
        + OK;
    check(
        &["HEAD", "GET", "POST"],
        bytes.as_bytes(),
        &[answer(0, 200), answer(1, 304), answer(2, 202)],
    );
}

#[test]
fn the_last_answer_is_announced() {
    let bytes = OK.replace("content-length", "connection: x, Close\r\ncontent-length");
    check(&["POST"], bytes.as_bytes(), &[Closing, answer(0, 202)]);
    check(&["POST"], b"HTTP/1.0 204 No Content\r\n\r\n", &[Closing, answer(0, 204)]);
    check(&["POST"], b"HTTP/1.1 200 OK\r\n\r\nuntil the end", &[Closing, answer(0, 200)]);
    let kept = "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx";
    check(&["POST"], kept.as_bytes(), &[answer(0, 200)]);

    let (mut wire, mut out) = wire(&["POST"], "");
    wire.decode(bytes.as_bytes(), &mut out, &mut Vec::new()).unwrap();
    assert_eq!(wire.room(), 0);
}

#[test]
fn what_makes_no_sense_is_an_error() {
    for (bytes, expect) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "in the middle"),
        ("HTTP/1.1 2", "in the middle"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "broken"),
        ("HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n", "content-length"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", "content-length"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "chunk"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n", "chunk"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "101"),
        (&(OK.to_owned() + OK), "without a request"),
    ] {
        let error = run(&["POST"], &[bytes.as_bytes()]).1.unwrap_err();
        assert!(error.what.contains(expect), "{error} lacks {expect}");
        let single: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
        assert!(run(&["POST"], &single).1.is_err(), "{bytes}");
    }
}

#[test]
fn an_endless_head_is_an_error() {
    let piece = [b'x'; 1_000];
    let mut bytes = b"HTTP/1.1 200 OK\r\nname: ".to_vec();
    (0..70).for_each(|_| bytes.extend_from_slice(&piece));
    let pieces: Vec<&[u8]> = bytes.chunks(1_000).collect();
    assert!(run(&["POST"], &pieces).1.unwrap_err().what.contains("longer than"));
    assert!(run(&["POST"], &[&bytes]).1.unwrap_err().what.contains("longer than"));
}

#[test]
fn requests_are_written_as_they_must() {
    let (mut wire, mut out) = (Http1Wire::new("host:80", 3), Vec::new());
    assert_eq!(wire.room(), 3);
    let run = "tailrace-run: 00f0000000000000000000000000000a\r\n";
    let head = format!("POST /v1/ingest HTTP/1.1\r\nhost: host:80\r\n{run}content-length: ");
    for (body, tail) in [(&b"{}"[..], "2\r\n\r\n{}"), (b"", "0\r\n\r\n")] {
        out.clear();
        wire.encode(&request("POST", body), 1, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), head.clone() + tail);
    }
    out.clear();
    wire.encode(&request("GET", b""), 1, &mut out);
    let expect = format!("GET /v1/ingest HTTP/1.1\r\nhost: host:80\r\n{run}\r\n");
    assert_eq!(String::from_utf8_lossy(&out), expect);
    assert_eq!(wire.room(), 0);
}

#[tokio::test]
async fn wire_and_server_understand_each_other() {
    const REQUESTS: u64 = 1_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (ingest, _watcher) = tailrace_conformance::door();
    let server = serve(listener, ingest, Limits::default(), &Options::default()).unwrap();
    let address = server.addresses()[0];
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut wire = Http1Wire::new(&address.to_string(), 16);
    let (mut next, mut out, mut events) = (0, Vec::new(), Vec::new());
    let mut input = vec![0; 1 << 16];
    wire.open(&mut out);
    while (events.len() as u64) < REQUESTS {
        while wire.room() > 0 && next < REQUESTS {
            let body = if next.is_multiple_of(7) { &b"full"[..] } else { b"{}" };
            wire.encode(&request("POST", body), next, &mut out);
            next += 1;
        }
        stream.write_all(&out).await.unwrap();
        out.clear();
        let n = stream.read(&mut input).await.unwrap();
        assert!(n > 0);
        wire.decode(&input[..n], &mut out, &mut events).unwrap();
    }
    for (key, event) in (0..).zip(&events) {
        assert_eq!(*event, answer(key, if key.is_multiple_of(7) { 503 } else { 202 }));
    }
    assert_eq!(server.drain(std::time::Duration::from_secs(5)).await.cut, 0);
}
