//! Both halves, by raw bytes over real sockets.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use tailrace_contract::WireEvent::{self, Answer};
use tailrace_contract::{Request, Server, Wire};
use tailrace_tcp::{Limits, TcpWire, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far longer than anything here takes, so that a hang fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);
/// A limit that a test wants to see hit.
const SHORT: Duration = Duration::from_millis(150);

fn start(limits: Limits) -> (Box<dyn Server>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve(listener, limits).unwrap();
    let address = server.addresses()[0];
    (server, address)
}

fn frame(length: u32) -> Vec<u8> {
    [&length.to_be_bytes()[..], &vec![b'x'; length as usize]].concat()
}

async fn expect_answer(stream: &mut TcpStream, length: u32) {
    let mut answer = [0; 8];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("in time").unwrap();
    assert_eq!(answer, [&[0, 0, 0, 4], &length.to_be_bytes()[..]].concat()[..]);
}

async fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the end in time");
    assert!(rest.is_empty(), "{rest:?}");
}

fn request(body: &[u8]) -> Request<'_> {
    Request { method: "POST", target: "/", headers: &[], body }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_are_answered_in_order() {
    let (server, address) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let lengths = [0, 1, 200, 0, 100_000, 1 << 20];
    stream.write_all(&lengths.map(frame).concat()).await.unwrap();
    for length in lengths {
        expect_answer(&mut stream, length).await;
    }
    drop(stream);
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn an_oversized_frame_closes_after_the_answers_that_are_due() {
    let (_server, address) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let bytes = [frame(3), ((1_u32 << 20) + 1).to_be_bytes().to_vec()].concat();
    stream.write_all(&bytes).await.unwrap();
    expect_answer(&mut stream, 3).await;
    expect_end(&mut stream).await;
    let mut garbage = TcpStream::connect(address).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    expect_end(&mut garbage).await;
}

#[tokio::test]
async fn silent_clients_and_those_that_take_no_answers_are_cut() {
    let limits = Limits { idle_timeout: SHORT, write_timeout: SHORT, ..Limits::default() };
    let (server, address) = start(limits);
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut stalled = TcpStream::connect(address).await.unwrap();
    stalled.write_all(&frame(10)[..9]).await.unwrap();
    expect_end(&mut silent).await;
    expect_end(&mut stalled).await;
    let mut flooding = TcpStream::connect(address).await.unwrap();
    let frames = frame(0).repeat(10_000);
    let flood = async { while flooding.write_all(&frames).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("cut in time");
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_draining_closes_the_rest() {
    let (server, address) = start(Limits { connections_max: 1, ..Limits::default() });
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(&frame(5)).await.unwrap();
    expect_answer(&mut open, 5).await;
    expect_end(&mut TcpStream::connect(address).await.unwrap()).await;
    assert_eq!(server.drain(PATIENCE).await.cut, 0);
    expect_end(&mut open).await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn wire_and_server_understand_each_other() {
    const REQUESTS: usize = 2_000;
    let (_server, address) = start(Limits::default());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut wire = TcpWire::new(16);
    let (mut next, mut out, mut events) = (0, Vec::new(), Vec::new());
    let mut input = vec![0; 1 << 16];
    wire.open(&mut out);
    while events.len() < REQUESTS {
        while wire.room() > 0 && next < REQUESTS as u64 {
            wire.encode(&request(&vec![b'x'; next as usize]), next, &mut out);
            next += 1;
        }
        stream.write_all(&out).await.unwrap();
        out.clear();
        let n = stream.read(&mut input).await.unwrap();
        assert!(n > 0);
        wire.decode(&input[..n], &mut out, &mut events).unwrap();
    }
    assert!((0..).zip(&events).all(|(key, event)| *event == Answer { key, status: 200 }));
}

/// Feeds the bytes in pieces, then the end.
fn run(bytes: &[u8], piece_bytes: usize) -> Result<Vec<WireEvent>, String> {
    let (mut wire, mut out) = (TcpWire::new(3), Vec::new());
    for (key, body) in [&b"ab"[..], b"", b"cde"].into_iter().enumerate() {
        wire.encode(&request(body), key as u64, &mut out);
    }
    assert_eq!((wire.room(), out.as_slice()), (0, &b"\0\0\0\x02ab\0\0\0\0\0\0\0\x03cde"[..]));
    out.clear();
    let mut events = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        wire.decode(piece, &mut out, &mut events).map_err(|error| error.what)?;
    }
    wire.close(&mut events).map_err(|error| error.what)?;
    assert!(out.is_empty() && wire.room() == 0);
    Ok(events)
}

#[test]
fn answers_may_be_cut_anywhere_and_must_fit() {
    let answer = |length: u8| [0, 0, 0, 4, 0, 0, 0, length];
    let good = [answer(2), answer(0), answer(3)].concat();
    let expect: Vec<_> = (0..3).map(|key| Answer { key, status: 200 }).collect();
    for (bytes, expect) in [
        (good.clone(), Ok(expect)),
        (good[..20].to_vec(), Err("in the middle")),
        ([good, answer(1).to_vec()].concat(), Err("without a request")),
        (answer(9).to_vec(), Err("received 9 bytes where 2")),
        (b"HTTP/1.1 400 Bad".to_vec(), Err("not 4")),
    ] {
        for piece_bytes in 1..=bytes.len() {
            match (run(&bytes, piece_bytes), &expect) {
                (Ok(seen), Ok(expect)) => assert_eq!(&seen, expect),
                (Err(seen), Err(expect)) => assert!(seen.contains(expect), "{seen}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
