//! The server half, by raw bytes over real sockets.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use tailrace_conformance::{TestDoor, Watcher, door};
use tailrace_contract::transport::Flush;
use tailrace_contract::{Options, Server};
use tailrace_http1::{Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far longer than anything here takes, so that a hang fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);
/// A limit that a test wants to see hit.
const SHORT: Duration = Duration::from_millis(150);

fn start(limits: Limits) -> (Box<dyn Server>, SocketAddr, Watcher) {
    let (ingest, watcher) = door();
    let (server, address) = start_with(limits, ingest);
    (server, address, watcher)
}

fn start_with(limits: Limits, ingest: TestDoor) -> (Box<dyn Server>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve(listener, ingest, limits, &Options::default()).unwrap();
    let address = server.addresses()[0];
    (server, address)
}

fn post(body: &str) -> String {
    format!("POST /v1/ingest HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Reads one answer: its head in lower case and its body.
async fn read_answer(stream: &mut TcpStream) -> (String, String) {
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    };
    timeout(PATIENCE, reading).await.expect("an answer in time")
}

async fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the end in time");
    assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
}

/// Sends bytes on a new connection and expects one answer with this status and this text.
async fn check(limits: Limits, bytes: &[u8], status: u16, expect: &str) -> String {
    let (_server, address, _watcher) = start(limits);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let (head, body) = read_answer(&mut stream).await;
    assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}{body}");
    assert!((head.clone() + &body).contains(expect), "{expect} is not in {head}{body}");
    head
}

/// Two requests in one piece, of which the second keeps the server's thread: what is on the wire
/// by then was flushed before it was looked at.
async fn check_flush(flush: Flush, first_is_out: bool) {
    let (ingest, mut watcher) = door();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options { flush, ..Options::default() };
    let server = serve(listener, ingest, Limits::default(), &options).unwrap();
    let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
    stream.write_all((post("1") + &post("block")).as_bytes()).await.unwrap();
    for body in ["1", "block"] {
        assert_eq!(watcher.arrival().await, body);
    }
    // Not through the runtime, which may not have heard yet of what has arrived.
    let stream = stream.into_std().unwrap();
    let is_out = stream.peek(&mut [0]).is_ok();
    watcher.release();
    assert_eq!(is_out, first_is_out, "{flush:?}");
    let mut stream = TcpStream::from_std(stream).unwrap();
    for _ in 0..2 {
        let (head, body) = read_answer(&mut stream).await;
        assert!(head.starts_with("http/1.1 202"), "{head}");
        assert_eq!(body, "{\"accepted\":1}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_leave_together_or_each_by_itself() {
    check_flush(Flush::Batch, false).await;
    check_flush(Flush::Each, true).await;
}

#[tokio::test]
async fn acknowledges_and_keeps_the_connection() {
    let (_server, address, mut watcher) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    for (body, answer) in [("{}", "{\"accepted\":1}"), ("7", "{\"accepted\":7}")] {
        stream.write_all(post(body).as_bytes()).await.unwrap();
        let (head, seen) = read_answer(&mut stream).await;
        assert!(head.starts_with("http/1.1 202 accepted\r\n"), "{head}");
        assert!(head.contains("content-type: application/json\r\n"), "{head}");
        assert_eq!(seen, answer);
        assert_eq!(watcher.arrival().await, body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn works_on_several_threads() {
    let (server, address, _watcher) = start(Limits::default());
    let clients = (0..8).map(|_| {
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for n in 0..50 {
                stream.write_all(post(&n.to_string()).as_bytes()).await.unwrap();
                let (_, body) = read_answer(&mut stream).await;
                assert_eq!(body, format!("{{\"accepted\":{n}}}"));
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (_server, address, _watcher) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let requests: String = (0..200).map(|n| post(&n.to_string())).collect();
    stream.write_all(requests.as_bytes()).await.unwrap();
    for n in 0..200 {
        assert_eq!(read_answer(&mut stream).await.1, format!("{{\"accepted\":{n}}}"));
    }
}

#[tokio::test]
async fn half_a_request_holds_back_no_answer() {
    let (_server, address, _watcher) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let bytes = post("1") + &post("2")[..20];
    stream.write_all(bytes.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.1, "{\"accepted\":1}");
    stream.write_all(&post("2").as_bytes()[20..]).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.1, "{\"accepted\":2}");
}

#[tokio::test]
async fn a_waiting_batch_holds_back_neither_earlier_answers_nor_other_connections() {
    let (_server, address, mut watcher) = start(Limits::default());
    let mut waiting = TcpStream::connect(address).await.unwrap();
    waiting.write_all((post("1") + &post("hold") + &post("3")).as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut waiting).await.1, "{\"accepted\":1}");
    assert_eq!(watcher.arrival().await, "1");
    assert_eq!(watcher.arrival().await, "hold");

    let mut other = TcpStream::connect(address).await.unwrap();
    other.write_all(post("9").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut other).await.1, "{\"accepted\":9}");

    watcher.release();
    assert_eq!(read_answer(&mut waiting).await.1, "{\"accepted\":1}");
    assert_eq!(read_answer(&mut waiting).await.1, "{\"accepted\":3}");
}

#[tokio::test]
async fn refusals_say_why() {
    let limits = Limits::default();
    check(limits, b"GET /v1/ingest HTTP/1.1\r\nhost: t\r\n\r\n", 405, "allow: post\r\n").await;
    let head = check(limits, b"GET /x HTTP/1.1\r\nhost: t\r\n\r\n", 404, "/x is not served").await;
    assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
    check(limits, post("full").as_bytes(), 503, "retry-after: 1\r\n").await;
    let bad_run = post("{}").replace("host: t", "host: t\r\ntailrace-run: zebra");
    check(limits, bad_run.as_bytes(), 400, "not 32 hexadecimal digits").await;
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let limits = Limits::default();
    let from =
        |origin: &str| post("{}").replace("host: t", &format!("host: t\r\norigin: {origin}"));
    check(limits, from("http://t").as_bytes(), 202, "").await;
    check(limits, from("https://evil.example").as_bytes(), 403, "a page of https://evil").await;
    check(limits, from("null").as_bytes(), 403, "a page of null").await;
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    check(Limits::default(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "").await;
    let lies = post("{}").replace("content-length: 2", "content-length: 2\r\ncontent-length: 3");
    check(Limits::default(), lies.as_bytes(), 400, "").await;
    let nonsense = post("{}").replace("content-length: 2", "content-length: -2");
    check(Limits::default(), nonsense.as_bytes(), 400, "").await;
    let large = format!("POST /v1/ingest HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    check(Limits::default(), large.as_bytes(), 431, "").await;
}

#[tokio::test]
async fn a_body_longer_than_it_says_is_answered_then_refused() {
    let (_server, address, _watcher) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all((post("5") + "\x01\x02 more\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.1, "{\"accepted\":5}");
    assert!(read_answer(&mut stream).await.0.starts_with("http/1.1 400 "));
    expect_end(&mut stream).await;
}

#[tokio::test]
async fn a_body_shorter_than_it_says_is_refused() {
    let (_server, address, _watcher) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let bytes = post("12345").replace("length: 5", "length: 50");
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let (head, body) = read_answer(&mut stream).await;
    assert!(head.starts_with("http/1.1 400 ") && body.contains("broke off"), "{head}{body}");
}

#[tokio::test]
async fn a_half_closed_client_gets_its_answer() {
    let (_server, address, mut watcher) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(post("hold").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    watcher.arrival().await;
    watcher.release();
    assert_eq!(read_answer(&mut stream).await.1, "{\"accepted\":1}");
    expect_end(&mut stream).await;
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_refused_and_the_client_can_read_why() {
    let large = "x".repeat(10 << 20);
    check(Limits::default(), post(&large).as_bytes(), 413, "split the batch").await;
    let head = "POST /v1/ingest HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = format!("{head}{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    check(Limits::default(), chunked.as_bytes(), 413, "split the batch").await;
}

#[tokio::test]
async fn a_full_sized_body_and_a_chunked_one_arrive_whole() {
    let (_server, address, mut watcher) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let large = "y".repeat(1 << 20);
    stream.write_all(post(&large).as_bytes()).await.unwrap();
    assert!(read_answer(&mut stream).await.0.starts_with("http/1.1 202 "));
    assert_eq!(watcher.arrival().await, large);
    let head = "POST /v1/ingest HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = format!("{head}2\r\n12\r\n1\r\n3\r\n0\r\nsome: trailer\r\n\r\n");
    stream.write_all(chunked.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.1, "{\"accepted\":123}");
}

#[tokio::test]
async fn slow_senders_time_out() {
    let limits = Limits { head_timeout: SHORT, body_timeout: SHORT, ..Limits::default() };
    // A body that stalls at once, and one that stalls after a part.
    let stalled = post("12345").replace("length: 5", "length: 50");
    check(limits, stalled.as_bytes(), 408, "the body was not complete").await;
    let (head, _) = stalled.split_at(stalled.len() - 5);
    check(limits, head.as_bytes(), 408, "the body was not complete").await;
    check(limits, b"POST /v1/ing", 408, "head did not arrive").await;
}

#[tokio::test]
async fn a_head_byte_by_byte_times_out() {
    let limits = Limits { head_timeout: SHORT, ..Limits::default() };
    let (_server, address, _watcher) = start(limits);
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let begun = Instant::now();
    let dripping = tokio::spawn(async move {
        for byte in post("{}").bytes().cycle() {
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut answer = vec![0; 12];
    timeout(PATIENCE, reader.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    assert!(begun.elapsed() >= SHORT);
    dripping.abort();
}

#[tokio::test]
async fn silent_connections_are_closed() {
    let limits = Limits { head_timeout: SHORT, idle_timeout: SHORT * 2, ..Limits::default() };
    let (_server, address, _watcher) = start(limits);
    let begun = Instant::now();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(post("1").as_bytes()).await.unwrap();
    read_answer(&mut idle).await;
    expect_end(&mut idle).await;
    assert!(begun.elapsed() >= SHORT * 2);
    let mut rest = Vec::new();
    timeout(PATIENCE, silent.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(rest.starts_with(b"HTTP/1.1 408"));
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_cut() {
    let limits = Limits { write_timeout: SHORT, ..Limits::default() };
    let (server, address, _watcher) = start(limits);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let requests = post("{}").repeat(1_000);
    let flood = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("cut in time");
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let limits = Limits { connections_max: 2, ..Limits::default() };
    let (_server, address, _watcher) = start(limits);
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(post("1").as_bytes()).await.unwrap();
        read_answer(&mut stream).await;
        open.push(stream);
    }
    expect_end(&mut TcpStream::connect(address).await.unwrap()).await;
    open[1].write_all(post("2").as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut open[1]).await.1, "{\"accepted\":2}");
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight() {
    let (server, address, mut watcher) = start(Limits::default());
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(post("1").as_bytes()).await.unwrap();
    read_answer(&mut idle).await;
    watcher.arrival().await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(post("hold").as_bytes()).await.unwrap();
    watcher.arrival().await;

    let draining = tokio::spawn(server.drain(PATIENCE));
    expect_end(&mut idle).await;
    assert!(TcpStream::connect(address).await.is_err());
    watcher.release();
    assert_eq!(read_answer(&mut busy).await.1, "{\"accepted\":1}");
    assert_eq!(draining.await.unwrap().cut, 0);
}

#[tokio::test]
async fn draining_cuts_at_its_deadline() {
    let (server, address, mut watcher) = start(Limits::default());
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(post("hold").as_bytes()).await.unwrap();
    watcher.arrival().await;
    assert_eq!(server.drain(SHORT).await.cut, 1);
    expect_end(&mut busy).await;
}
