//! The server half, by raw bytes over real sockets.

mod frames;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use frames::{UPGRADE, frame, read_frame, read_head, text, upgrade};
use tailrace_conformance::{Watcher, door};
use tailrace_contract::transport::Flush;
use tailrace_contract::{Options, Server};
use tailrace_ws::{Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far longer than anything here takes, so that a hang fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);
/// A limit that a test wants to see hit.
const SHORT: Duration = Duration::from_millis(150);

fn start(limits: Limits) -> (Box<dyn Server>, SocketAddr, Watcher) {
    let (ingest, watcher) = door();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve(listener, ingest, limits, &Options::default()).unwrap();
    let address = server.addresses()[0];
    (server, address, watcher)
}

async fn expect_answer(stream: &mut TcpStream, expect: &str) {
    let (first, payload) = timeout(PATIENCE, read_frame(stream)).await.expect("in time");
    assert_eq!((first, String::from_utf8_lossy(&payload).as_ref()), (0x81, expect));
}

async fn expect_close(stream: &mut TcpStream, code: u16, expect: &str) {
    let (first, payload) = timeout(PATIENCE, read_frame(stream)).await.expect("in time");
    let reason = String::from_utf8_lossy(&payload[2..]);
    assert_eq!((first, &payload[..2]), (0x88, &code.to_be_bytes()[..]), "{reason}");
    assert!(reason.contains(expect), "{expect} is not in {reason}");
    expect_end(stream).await;
}

async fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the end in time");
    assert!(rest.is_empty(), "{rest:?}");
}

/// Sends bytes on a new connection and expects an HTTP answer.
async fn check_refusal(limits: Limits, bytes: &[u8], status: u16, expect: &str) {
    let (_server, address, _watcher) = start(limits);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(expect), "{expect} is not in {answer}");
}

/// Sends a good message and then the bytes: the good one is answered, then comes the close.
async fn check_close(bytes: &[u8], code: u16, expect: &str) {
    let (_server, address, _watcher) = start(Limits::default());
    let mut stream = upgrade(address).await;
    stream.write_all(&[&text("1"), bytes].concat()).await.unwrap();
    expect_answer(&mut stream, "{\"seq\":0,\"accepted\":1}").await;
    expect_close(&mut stream, code, expect).await;
}

/// Two messages in one piece, of which the second keeps the server's thread: what is on the wire
/// by then was flushed before it was looked at.
async fn check_flush(flush: Flush, first_is_out: bool) {
    let (ingest, mut watcher) = door();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options { flush, ..Options::default() };
    let server = serve(listener, ingest, Limits::default(), &options).unwrap();
    let mut stream = upgrade(server.addresses()[0]).await;
    stream.write_all(&[text("1"), text("block")].concat()).await.unwrap();
    for body in ["1", "block"] {
        assert_eq!(watcher.arrival().await, body);
    }
    // Not through the runtime, which may not have heard yet of what has arrived.
    let stream = stream.into_std().unwrap();
    let is_out = stream.peek(&mut [0]).is_ok();
    watcher.release();
    assert_eq!(is_out, first_is_out, "{flush:?}");
    let mut stream = TcpStream::from_std(stream).unwrap();
    expect_answer(&mut stream, "{\"seq\":0,\"accepted\":1}").await;
    expect_answer(&mut stream, "{\"seq\":1,\"accepted\":1}").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_leave_together_or_each_by_itself() {
    check_flush(Flush::Batch, false).await;
    check_flush(Flush::Each, true).await;
}

#[tokio::test]
async fn acknowledges_text_and_binary_and_fragments() {
    let (_server, address, mut watcher) = start(Limits::default());
    let mut stream = upgrade(address).await;
    stream.write_all(&text("7")).await.unwrap();
    expect_answer(&mut stream, "{\"seq\":0,\"accepted\":7}").await;
    let mask = Some([9, 8, 7, 6]);
    stream.write_all(&frame(0x82, b"8", mask)).await.unwrap();
    expect_answer(&mut stream, "{\"seq\":1,\"accepted\":8}").await;
    let parts = [frame(0x01, b"1", mask), frame(0x89, b"hi", mask), frame(0x80, b"2", mask)];
    stream.write_all(&parts.concat()).await.unwrap();
    assert_eq!(read_frame(&mut stream).await, (0x8a, b"hi".to_vec()));
    expect_answer(&mut stream, "{\"seq\":2,\"accepted\":12}").await;
    for body in ["7", "8", "12"] {
        assert_eq!(watcher.arrival().await, body);
    }
    stream.write_all(&text("full")).await.unwrap();
    let (_, payload) = read_frame(&mut stream).await;
    assert!(payload.starts_with(b"{\"seq\":3,\"status\":503,\"problem\":{"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn works_on_several_threads() {
    let (server, address, _watcher) = start(Limits::default());
    let clients = (0..8).map(|_| {
        tokio::spawn(async move {
            let mut stream = upgrade(address).await;
            for n in 0..50 {
                stream.write_all(&text("1")).await.unwrap();
                expect_answer(&mut stream, &format!("{{\"seq\":{n},\"accepted\":1}}")).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn messages_behind_the_upgrade_request_are_not_lost() {
    let (_server, address, _watcher) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[UPGRADE.as_bytes(), &text("5")].concat()).await.unwrap();
    read_head(&mut stream).await;
    expect_answer(&mut stream, "{\"seq\":0,\"accepted\":5}").await;
}

#[tokio::test]
async fn a_flood_is_answered_in_order() {
    const MESSAGES: usize = 5_000;
    let (_server, address, _watcher) = start(Limits::default());
    let (mut reader, mut writer) = {
        let stream = upgrade(address).await;
        let (reader, writer) = stream.into_std().map(|s| (s.try_clone().unwrap(), s)).unwrap();
        (TcpStream::from_std(reader).unwrap(), TcpStream::from_std(writer).unwrap())
    };
    let sending = tokio::spawn(async move {
        writer.write_all(&text("1").repeat(MESSAGES)).await.unwrap();
        writer
    });
    for n in 0..MESSAGES {
        expect_answer(&mut reader, &format!("{{\"seq\":{n},\"accepted\":1}}")).await;
    }
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn answers_keep_their_order_and_wait_for_nobody_else() {
    let (_server, address, mut watcher) = start(Limits::default());
    let mut waiting = upgrade(address).await;
    waiting.write_all(&[text("1"), text("hold"), text("3")].concat()).await.unwrap();
    expect_answer(&mut waiting, "{\"seq\":0,\"accepted\":1}").await;
    // The third is read and admitted while the second waits.
    for body in ["1", "hold", "3"] {
        assert_eq!(watcher.arrival().await, body);
    }
    let mut other = upgrade(address).await;
    other.write_all(&text("9")).await.unwrap();
    expect_answer(&mut other, "{\"seq\":0,\"accepted\":9}").await;
    watcher.release();
    expect_answer(&mut waiting, "{\"seq\":1,\"accepted\":1}").await;
    expect_answer(&mut waiting, "{\"seq\":2,\"accepted\":3}").await;
}

#[tokio::test]
async fn reading_stops_at_the_limit_of_waiting_batches() {
    let (_server, address, mut watcher) = start(Limits { in_flight_max: 2, ..Limits::default() });
    let mut stream = upgrade(address).await;
    let bytes = [text("hold"), text("hold"), text("5"), text("6")].concat();
    stream.write_all(&bytes).await.unwrap();
    watcher.arrival().await;
    watcher.arrival().await;
    // Another connection's turn shows that the server had time to read on, and did not.
    let mut other = upgrade(address).await;
    other.write_all(&text("9")).await.unwrap();
    expect_answer(&mut other, "{\"seq\":0,\"accepted\":9}").await;
    assert_eq!(watcher.arrival().await, "9");
    watcher.release();
    expect_answer(&mut stream, "{\"seq\":0,\"accepted\":1}").await;
    assert_eq!(watcher.arrival().await, "5");
    watcher.release();
    for expect in
        ["{\"seq\":1,\"accepted\":1}", "{\"seq\":2,\"accepted\":5}", "{\"seq\":3,\"accepted\":6}"]
    {
        expect_answer(&mut stream, expect).await;
    }
}

#[tokio::test]
async fn what_is_no_upgrade_is_told_how() {
    let limits = Limits::default();
    let post = b"POST /v1/ingest HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\n{}";
    check_refusal(limits, post, 426, "speaks WebSocket").await;
    check_refusal(limits, b"GET /v1/ingest HTTP/1.1\r\nhost: t\r\n\r\n", 426, "version: 13").await;
    check_refusal(limits, UPGRADE.replace(": 13", ": 8").as_bytes(), 426, "version 13").await;
    check_refusal(limits, UPGRADE.replace("dGhl", "").as_bytes(), 400, "Sec-WebSocket-Key").await;
    check_refusal(limits, UPGRADE.replace("/v1/", "/v2/").as_bytes(), 404, "ws://").await;
    let bad_run = UPGRADE.replace("Host: t", "Host: t\r\nTailrace-Run: zebra");
    check_refusal(limits, bad_run.as_bytes(), 400, "32 hexadecimal").await;
    check_refusal(limits, b"\x16\x03\x01\x02\x00\x01\x00", 400, "not an HTTP").await;
    let large = UPGRADE.replace("Host: t", &format!("x: {}", "x".repeat(20_000)));
    check_refusal(limits, large.as_bytes(), 431, "bytes are allowed").await;
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let limits = Limits::default();
    let from = |origin: &str| UPGRADE.replace("Host: t", &format!("Host: t\r\nOrigin: {origin}"));
    check_refusal(limits, from("https://evil.example").as_bytes(), 403, "a page of https").await;
    check_refusal(limits, from("null").as_bytes(), 403, "a page of null").await;
    let (_server, address, _watcher) = start(limits);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(from("http://t").as_bytes()).await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("http/1.1 101 "));
}

#[tokio::test]
async fn slow_upgrades_time_out() {
    let limits = Limits { head_timeout: SHORT, ..Limits::default() };
    check_refusal(limits, &UPGRADE.as_bytes()[..30], 408, "in time").await;
    check_refusal(limits, b"", 408, "in time").await;
    let (_server, address, _watcher) = start(limits);
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let dripping = tokio::spawn(async move {
        for byte in UPGRADE.bytes() {
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut answer = [0; 12];
    timeout(PATIENCE, reader.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    dripping.abort();
}

#[tokio::test]
async fn broken_frames_get_a_close_after_the_answers_that_are_due() {
    let mask = Some([5, 5, 5, 5]);
    let oversized = frame(0x82, &vec![b' '; 10 << 20], mask);
    check_close(&oversized, 1009, "split the batch").await;
    let half = vec![b' '; 600 << 10];
    let fragments = [frame(0x02, &half, mask), frame(0x80, &half, mask)].concat();
    check_close(&fragments, 1009, "split the batch").await;
    check_close(&frame(0x81, b"\xff\xfe", mask), 1007, "not UTF-8").await;
    check_close(&frame(0x81, b"{}", None), 1002, "unmasked").await;
    check_close(&frame(0xc1, b"{}", mask), 1002, "").await;
    check_close(&frame(0x80, b"{}", mask), 1002, "").await;
    check_close(&frame(0x83, b"{}", mask), 1002, "").await;
    check_close(&frame(0x89, &[0; 126], mask), 1002, "").await;
}

#[tokio::test]
async fn a_close_is_answered() {
    let (server, address, _watcher) = start(Limits::default());
    let mut stream = upgrade(address).await;
    stream.write_all(&frame(0x88, &1000_u16.to_be_bytes(), Some([1; 4]))).await.unwrap();
    expect_close(&mut stream, 1000, "").await;
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn silent_clients_are_pinged_then_closed() {
    let limits = Limits { idle_timeout: SHORT * 2, ..Limits::default() };
    let (_server, address, _watcher) = start(limits);
    let mut stream = upgrade(address).await;
    for _ in 0..3 {
        assert_eq!(timeout(PATIENCE, read_frame(&mut stream)).await.unwrap().0, 0x89);
        stream.write_all(&frame(0x8a, b"", Some([1; 4]))).await.unwrap();
    }
    assert_eq!(timeout(PATIENCE, read_frame(&mut stream)).await.unwrap().0, 0x89);
    expect_close(&mut stream, 1001, "nothing was heard").await;
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_cut() {
    let limits = Limits { write_timeout: SHORT, ..Limits::default() };
    let (server, address, _watcher) = start(limits);
    let mut stream = upgrade(address).await;
    let messages = text("1").repeat(1_000);
    let flood = async { while stream.write_all(&messages).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("cut in time");
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let (_server, address, _watcher) = start(limits);
    let mut open = upgrade(address).await;
    expect_end(&mut TcpStream::connect(address).await.unwrap()).await;
    open.write_all(&text("2")).await.unwrap();
    expect_answer(&mut open, "{\"seq\":0,\"accepted\":2}").await;
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight() {
    let (server, address, mut watcher) = start(Limits::default());
    let mut idle = upgrade(address).await;
    let mut busy = upgrade(address).await;
    busy.write_all(&text("hold")).await.unwrap();
    watcher.arrival().await;
    let draining = tokio::spawn(server.drain(PATIENCE));
    expect_close(&mut idle, 1001, "shutting down").await;
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
    watcher.release();
    expect_answer(&mut busy, "{\"seq\":0,\"accepted\":1}").await;
    expect_close(&mut busy, 1001, "shutting down").await;
    drop(busy);
    assert_eq!(draining.await.unwrap().cut, 0);
}

#[tokio::test]
async fn draining_cuts_at_its_deadline() {
    let (server, address, mut watcher) = start(Limits::default());
    let mut busy = upgrade(address).await;
    busy.write_all(&text("hold")).await.unwrap();
    watcher.arrival().await;
    assert_eq!(server.drain(SHORT).await.cut, 1);
    expect_end(&mut busy).await;
}
