//! The server half, by frames over real sockets. Floods have a file of their own.

mod frames;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use tailrace_conformance::{TestDoor, Watcher, door};
use tailrace_contract::transport::Flush;
use tailrace_contract::{Options, Server};
use tailrace_http2::{Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use frames::{
    CANCEL, Client, DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, PATIENCE, PREFACE,
    REFUSED_STREAM, RST_STREAM, frame, head, open, post, reset, settings, window,
};

/// A limit that a test wants to see hit.
const SHORT: Duration = Duration::from_millis(150);

fn start(limits: Limits) -> (Box<dyn Server>, SocketAddr, Watcher) {
    let (ingest, watcher) = door();
    let (server, address) = start_with(limits, ingest, Flush::Batch);
    (server, address, watcher)
}

fn start_with(limits: Limits, ingest: TestDoor, flush: Flush) -> (Box<dyn Server>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options { flush, ..Options::default() };
    let server = serve(listener, ingest, limits, &options).unwrap();
    let address = server.addresses()[0];
    (server, address)
}

/// Sends frames on a new connection and expects one answer with this status and this text.
async fn check(
    limits: Limits,
    bytes: &[u8],
    status: u16,
    expect: &str,
) -> (Client, Box<dyn Server>) {
    let (server, address, _watcher) = start(limits);
    let mut client = Client::open(address).await;
    client.flood(bytes).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.body.contains(expect), "{expect} is not in {answer:?}");
    (client, server)
}

fn chunks(stream: u32, body: &[u8]) -> Vec<u8> {
    let pieces = body.chunks(16_384).map(|piece| frame(DATA, 0, stream, piece));
    let end = frame(DATA, END_STREAM, stream, &[]);
    pieces.chain([end]).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn acknowledges_on_one_stream_after_the_other() {
    for flush in [Flush::Batch, Flush::Each] {
        let (ingest, mut watcher) = door();
        let (_server, address) = start_with(Limits::default(), ingest, flush);
        let mut client = Client::open(address).await;
        for (stream, body, expect) in [(1, "{}", "{\"accepted\":1}"), (3, "7", "{\"accepted\":7}")]
        {
            let answer = client.ask(stream, body).await;
            assert_eq!((answer.stream, answer.status, &*answer.body), (stream, 202, expect));
            assert_eq!(watcher.arrival().await, body);
        }
    }
}

#[tokio::test]
async fn many_streams_in_one_piece_are_answered_each() {
    for flush in [Flush::Batch, Flush::Each] {
        let (ingest, _watcher) = door();
        let (_server, address) = start_with(Limits::default(), ingest, flush);
        let mut client = Client::open(address).await;
        let requests: Vec<u8> = (0..200).flat_map(|n| post(2 * n + 1, &n.to_string())).collect();
        client.send(&requests).await;
        for _ in 0..200 {
            let answer = client.answer().await;
            assert_eq!(answer.body, format!("{{\"accepted\":{}}}", answer.stream / 2));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn works_on_several_threads() {
    let (server, address, _watcher) = start(Limits::default());
    let clients = (0..8).map(|_| {
        tokio::spawn(async move {
            let mut client = Client::open(address).await;
            for n in 0..50 {
                let answer = client.ask(2 * n + 1, &n.to_string()).await;
                assert_eq!(answer.body, format!("{{\"accepted\":{n}}}"));
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn a_request_byte_by_byte_is_answered() {
    let (_server, address, _watcher) = start(Limits::default());
    let mut client = Client::connect(address).await;
    for byte in [PREFACE, &settings(&[(1, 0)]), &post(1, "12")].concat() {
        client.send(&[byte]).await;
    }
    assert_eq!(client.answer().await.body, "{\"accepted\":12}");
    let pieces: Vec<u8> = "34567".bytes().flat_map(|b| frame(DATA, 0, 3, &[b])).collect();
    client.send(&[open(3, &[]), pieces, frame(DATA, END_STREAM, 3, &[])].concat()).await;
    assert_eq!(client.answer().await.body, "{\"accepted\":34567}");
}

#[tokio::test]
async fn a_stalled_batch_holds_up_neither_its_connection_nor_others() {
    let (_server, address, mut watcher) = start(Limits::default());
    let mut client = Client::open(address).await;
    client.send(&[post(1, "1"), post(3, "hold"), post(5, "5")].concat()).await;
    let mut seen = [client.answer().await.stream, client.answer().await.stream];
    seen.sort_unstable();
    assert_eq!(seen, [1, 5]);
    for expect in ["1", "hold", "5"] {
        assert_eq!(watcher.arrival().await, expect);
    }
    // A long row of further batches on the same connection, and one on another.
    for n in 3..100 {
        assert_eq!(client.ask(2 * n + 1, "{}").await.stream, 2 * n + 1);
    }
    assert_eq!(Client::open(address).await.ask(1, "9").await.body, "{\"accepted\":9}");
    watcher.release();
    assert_eq!(client.answer().await.stream, 3);
}

#[tokio::test]
async fn a_reset_while_waiting_harms_nobody() {
    let (server, address, mut watcher) = start(Limits::default());
    let mut client = Client::open(address).await;
    client.send(&post(1, "hold")).await;
    assert_eq!(watcher.arrival().await, "hold");
    client.send(&[reset(1, CANCEL), open(3, &[]), reset(3, CANCEL)].concat()).await;
    assert_eq!(client.ask(5, "5").await.body, "{\"accepted\":5}");
    watcher.release();
    assert_eq!(client.ask(7, "7").await.body, "{\"accepted\":7}");
    assert!(client.resets.is_empty() && client.farewell.is_none());
    drop(client);
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn refusals_say_why() {
    let limits = Limits::default();
    let whole =
        |changes: &[(&str, &str)]| frame(HEADERS, END_HEADERS | END_STREAM, 1, &head(changes));
    check(limits, &whole(&[(":method", "GET")]), 405, "use POST").await;
    check(limits, &whole(&[(":path", "/x")]), 404, "/x is not served").await;
    check(limits, &post(1, "full"), 503, "at 5 of 5").await;
    check(limits, &whole(&[("tailrace-run", "zebra")]), 400, "not 32 hexadecimal digits").await;
    let names: Vec<String> = (0..65).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "")).collect();
    check(limits, &whole(&many), 431, "at most 64 headers").await;
    // The body of a request that was refused early may go on for a while, and then the stream
    // ends without a reset.
    let early = [open(1, &[(":path", "/x")]), frame(DATA, END_STREAM, 1, b"{}")].concat();
    let (mut client, _server) = check(limits, &[early, post(3, "3")].concat(), 404, "").await;
    assert_eq!(client.answer().await.body, "{\"accepted\":3}");
    let begin = [open(5, &[(":path", "/x")]), frame(DATA, 0, 5, b"{")].concat();
    client.send(&begin).await;
    assert_eq!(client.answer().await.stream, 5);
    client
        .send(&[frame(DATA, 0, 5, &[b' '; 16_384]), frame(DATA, END_STREAM, 5, b"}")].concat())
        .await;
    assert_eq!(client.ask(7, "7").await.body, "{\"accepted\":7}");
    assert!(client.resets.is_empty());
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let from =
        |origin: &str| [open(1, &[("origin", origin)]), frame(DATA, END_STREAM, 1, b"{}")].concat();
    check(Limits::default(), &from("http://t"), 202, "").await;
    check(Limits::default(), &from("https://evil.example"), 403, "a page of https://evil").await;
    check(Limits::default(), &from("null"), 403, "a page of null").await;
}

#[tokio::test]
async fn a_client_of_http_1_is_told_how() {
    let (_server, address, _watcher) = start(Limits::default());
    for (bytes, expect) in [
        (&b"POST /v1/ingest HTTP/1.1\r\nhost: t\r\n\r\n"[..], "--http2-prior-knowledge"),
        (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "--http2-prior-knowledge"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ""),
    ] {
        let mut client = Client::connect(address).await;
        client.send(bytes).await;
        let mut answer = String::new();
        client.stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.starts_with("HTTP/1.1 426 "), !expect.is_empty(), "{answer}");
        assert!(answer.contains(expect), "{answer}");
    }
}

#[tokio::test]
async fn a_body_too_large_is_refused_and_the_connection_goes_on() {
    let declared = open(1, &[("content-length", "10485760")]);
    check(Limits::default(), &declared, 413, "split the batch").await;

    // One that does not say how large it is fills its window, gets it back, and goes on.
    let (_server, address, _watcher) = start(Limits::default());
    let mut client = Client::open(address).await;
    let full: Vec<u8> = (0..64).flat_map(|_| frame(DATA, 0, 1, &[b'x'; 16_384])).collect();
    client.send(&[open(1, &[]), full].concat()).await;
    while client.frame().await.expect("a window").stream != 1 {}
    client.send(&frame(DATA, 0, 1, b"x")).await;
    let answer = client.answer().await;
    assert!(answer.status == 413 && answer.body.contains("split the batch"), "{answer:?}");

    let limits = Limits { linger: SHORT, ..Limits::default() };
    let (mut client, _server) = check(limits, &[declared, post(3, "3")].concat(), 413, "").await;
    assert_eq!(client.answer().await.body, "{\"accepted\":3}");
    // If the rest does not end soon, the client is told that it is not wanted.
    assert_eq!(client.reset().await, (1, NO_ERROR));
    assert_eq!(client.ask(5, "5").await.body, "{\"accepted\":5}");
}

#[tokio::test]
async fn bodies_of_full_size_arrive_whole_and_windows_open_again() {
    let (_server, address, mut watcher) = start(Limits::default());
    let mut client = Client::open(address).await;
    // Many times the connection's window, one after the other.
    for n in 0..12 {
        let large = vec![b'a' + n; 1 << 20];
        let stream = 2 * u32::from(n) + 1;
        let bytes = [open(stream, &[("content-length", "1048576")]), chunks(stream, &large)];
        client.send(&bytes.concat()).await;
        assert_eq!(client.answer().await.status, 202);
        assert_eq!(watcher.arrival().await, large);
    }
    // And in single frames, that are handed on as they are.
    for n in 0..600 {
        let stream = 2 * n + 101;
        assert_eq!(client.ask(stream, &" ".repeat(16_000)).await.status, 202);
    }
}

#[tokio::test]
async fn a_batch_that_waits_keeps_no_window() {
    let (_server, address, mut watcher) = start(Limits::default());
    let mut client = Client::open(address).await;
    // Padding keeps it one frame, and it is held by the door.
    let padded = [&[200][..], b"hold", &[0; 200]].concat();
    for n in 0..200 {
        let bytes = [open(2 * n + 1, &[]), frame(DATA, END_STREAM | 8, 2 * n + 1, &padded)];
        client.send(&bytes.concat()).await;
        assert_eq!(watcher.arrival().await, "hold");
    }
    for n in 200..700 {
        assert_eq!(client.ask(2 * n + 1, &" ".repeat(16_000)).await.status, 202);
    }
    (0..200).for_each(|_| watcher.release());
    for _ in 0..200 {
        assert_eq!(client.answer().await.status, 202);
    }
}

#[tokio::test]
async fn incomplete_bodies_of_one_connection_are_bounded() {
    let limits = Limits { incomplete_bytes_max: 100_000, ..Limits::default() };
    let (_server, address, mut watcher) = start(limits);
    let mut client = Client::open(address).await;
    let begun = |stream| [open(stream, &[]), frame(DATA, 0, stream, &[b' '; 16_000])].concat();
    let all: Vec<u8> = (0..7).flat_map(|n| begun(2 * n + 1)).collect();
    client.send(&all).await;
    let refused = client.answer().await;
    assert_eq!((refused.stream, refused.status), (13, 503), "{refused:?}");
    assert!(refused.body.contains("incomplete bodies"), "{refused:?}");
    // The others can be completed, and then there is room again.
    for n in 0..6 {
        client.send(&frame(DATA, END_STREAM, 2 * n + 1, b"1")).await;
        assert_eq!(client.answer().await.stream, 2 * n + 1);
        assert_eq!(watcher.arrival().await.len(), 16_001);
    }
    client.send(&[begun(15), frame(DATA, END_STREAM, 15, b"1")].concat()).await;
    assert_eq!(client.answer().await.status, 202);
}

#[tokio::test]
async fn a_client_that_asks_for_consent_gets_it() {
    let (_server, address, _watcher) = start(Limits::default());
    let mut client = Client::open(address).await;
    client.send(&open(1, &[("expect", "100-continue")])).await;
    let consent = loop {
        let frame = client.frame().await.unwrap();
        if frame.kind == HEADERS {
            break frame;
        }
    };
    assert_eq!((consent.stream, consent.flags & END_STREAM), (1, 0));
    client.send(&frame(DATA, END_STREAM, 1, b"4")).await;
    assert_eq!(client.answer().await.body, "{\"accepted\":4}");
}

#[tokio::test]
async fn slow_senders_time_out() {
    let limits = Limits { body_timeout: SHORT, ..Limits::default() };
    check(limits, &open(1, &[]), 408, "the body was not complete").await;
    let part = [open(1, &[]), frame(DATA, 0, 1, b"12")].concat();
    let (mut client, _server) = check(limits, &part, 408, "the body was not complete").await;
    // The rest of the connection goes on.
    assert!(client.farewell.is_none());

    let limits = Limits { head_timeout: SHORT, ..Limits::default() };
    for part in [&b"PRI"[..], b""] {
        let (_server, address, _watcher) = start(limits);
        client = Client::connect(address).await;
        client.send(part).await;
        assert_eq!(client.end().await, None);
    }
}

#[tokio::test]
async fn half_a_frame_or_block_times_out_however_it_drips() {
    let limits = Limits { head_timeout: SHORT, ..Limits::default() };
    let half_frame = frame(HEADERS, END_HEADERS, 1, &head(&[("x", &"x".repeat(2_000))]));
    let half_block = frame(HEADERS, 0, 1, &head(&[]));
    for (begin, drip) in [(&half_frame[..20], &half_frame[20..]), (&half_block, &[0; 0])] {
        let (_server, address, _watcher) = start(limits);
        let mut client = Client::open(address).await;
        assert_eq!(client.ask(3, "{}").await.status, 202);
        let begun = Instant::now();
        client.send(begin).await;
        let (mut reader, mut writer) = client.stream.into_split();
        let dripping = tokio::spawn({
            let drip = drip.to_vec();
            async move {
                for byte in drip {
                    if writer.write_all(&[byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                writer
            }
        });
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut rest)).await.unwrap();
        assert!(begun.elapsed() >= SHORT && begun.elapsed() < PATIENCE);
        dripping.abort();
    }
}

#[tokio::test]
async fn silent_connections_are_told_and_closed() {
    let limits = Limits { idle_timeout: SHORT, ..Limits::default() };
    let (_server, address, _watcher) = start(limits);
    let begun = Instant::now();
    let mut client = Client::open(address).await;
    assert_eq!(client.ask(1, "1").await.status, 202);
    assert_eq!(client.end().await, Some(NO_ERROR));
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(client.farewell.unwrap().last_stream, 1);
}

#[tokio::test]
async fn a_waiting_stream_is_no_silence() {
    let limits = Limits { idle_timeout: SHORT, ..Limits::default() };
    let (_server, address, mut watcher) = start(limits);
    let mut client = Client::open(address).await;
    client.send(&post(1, "hold")).await;
    watcher.arrival().await;
    // Three times the limit without a byte: an absence can only be waited for.
    let silent = tokio::time::timeout(3 * SHORT, client.answer()).await;
    assert!(silent.is_err());
    watcher.release();
    assert_eq!(client.answer().await.status, 202);
}

#[tokio::test]
async fn one_stream_too_many_is_refused() {
    let limits = Limits { streams_max: 2, ..Limits::default() };
    let (_server, address, mut watcher) = start(limits);
    let mut client = Client::open(address).await;
    client.send(&[post(1, "hold"), post(3, "hold"), open(5, &[])].concat()).await;
    watcher.arrival().await;
    watcher.arrival().await;
    let refusal = loop {
        let frame = client.frame().await.expect("a refusal");
        if frame.kind == RST_STREAM {
            break frame;
        }
    };
    assert_eq!((refusal.stream, &*refusal.payload), (5, &REFUSED_STREAM.to_be_bytes()[..]));
    watcher.release();
    assert_eq!(client.answer().await.status, 202);
    assert_eq!(client.ask(7, "{}").await.status, 202);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let limits = Limits { connections_max: 2, ..Limits::default() };
    let (_server, address, _watcher) = start(limits);
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = Client::open(address).await;
        assert_eq!(client.ask(1, "1").await.status, 202);
        open.push(client);
    }
    let mut refused = Client::connect(address).await;
    assert_eq!(refused.end().await, None);
    assert_eq!(open[1].ask(3, "2").await.body, "{\"accepted\":2}");
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight_and_says_what_was() {
    let (server, address, mut watcher) = start(Limits::default());
    let mut idle = Client::open(address).await;
    assert_eq!(idle.ask(1, "1").await.status, 202);
    let mut busy = Client::open(address).await;
    busy.send(&[open(1, &[]), post(3, "hold")].concat()).await;
    assert_eq!(watcher.arrival().await, "1");
    assert_eq!(watcher.arrival().await, "hold");

    let draining = tokio::spawn(server.drain(PATIENCE));
    assert_eq!(idle.end().await, Some(NO_ERROR));
    assert_eq!(idle.farewell.unwrap().last_stream, 1);
    // A body that is under way may be completed.
    busy.send(&frame(DATA, END_STREAM, 1, b"12")).await;
    assert_eq!(busy.answer().await.body, "{\"accepted\":12}");
    watcher.release();
    assert_eq!(busy.answer().await.stream, 3);
    assert_eq!(busy.end().await, Some(NO_ERROR));
    assert_eq!(busy.farewell.unwrap().last_stream, 3);
    assert_eq!(draining.await.unwrap().cut, 0);
}

#[tokio::test]
async fn draining_waits_for_no_client_that_stays_silent() {
    let limits = Limits { linger: SHORT, ..Limits::default() };
    let (server, address, _watcher) = start(limits);
    let mut mute = Client::open(address).await;
    assert_eq!(mute.ask(1, "1").await.status, 202);
    // It reads no frame and confirms no ping.
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn draining_cuts_at_its_deadline() {
    let (server, address, mut watcher) = start(Limits::default());
    let mut busy = Client::open(address).await;
    busy.send(&post(1, "hold")).await;
    watcher.arrival().await;
    assert_eq!(server.drain(SHORT).await.cut, 1);
    busy.end().await;
}

#[tokio::test]
async fn a_client_that_opens_no_window_is_cut() {
    let limits = Limits { write_timeout: SHORT, ..Limits::default() };
    let (server, address, _watcher) = start(limits);
    let mut client = Client::open_with(address, &[(4, 0)]).await;
    client.send(&post(1, "1")).await;
    let end = client.end().await;
    assert_eq!(end, Some(3), "{:?}", client.farewell);
    assert_eq!(server.drain(PATIENCE).await.cut, 0);

    // One that opens it late, but in time, gets its answer.
    let (_server, address, _watcher) = start(Limits::default());
    let mut client = Client::open_with(address, &[(4, 0)]).await;
    client.send(&post(1, "1")).await;
    while client.frame().await.expect("a head").kind != HEADERS {}
    client.send(&window(1, 100)).await;
    let data = client.frame().await.unwrap();
    assert_eq!((data.kind, &*data.payload), (DATA, &b"{\"accepted\":1}"[..]));
}

#[tokio::test]
async fn a_client_that_takes_its_answer_bit_by_bit_is_not_cut() {
    let write_timeout = Duration::from_secs(1);
    let limits = Limits { write_timeout, ..Limits::default() };
    let (_server, address, _watcher) = start(limits);
    let mut client = Client::open_with(address, &[(4, 0)]).await;
    let begun = Instant::now();
    client.send(&post(1, "1")).await;
    // Longer than the limit in all, and far below it between two bits.
    for _ in 0..7 {
        tokio::time::sleep(write_timeout / 5).await;
        client.send(&window(1, 2)).await;
    }
    assert_eq!(client.answer().await.body, "{\"accepted\":1}");
    assert!(begun.elapsed() > write_timeout && client.farewell.is_none());
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_cut() {
    let limits = Limits { write_timeout: SHORT, ..Limits::default() };
    let (server, address, _watcher) = start(limits);
    let mut client = Client::open(address).await;
    let mut next = 1;
    let flood = async {
        loop {
            // Refusals are long, and windows are wide open.
            let requests: Vec<u8> = (0..100)
                .flat_map(|n| [open(next + 2 * n, &[(":path", "/x")]), window(0, 1_000)].concat())
                .collect();
            next += 200;
            if client.stream.write_all(&requests).await.is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, flood).await.expect("cut in time");
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}
